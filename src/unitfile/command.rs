//! Command lines as `Exec…=` options have them (systemd.service(5), "Command lines").
//! Must not know what the programs do.

use super::quoting::{OpenQuotes, Word, words};

/// What may stand before a program's path and is not part of it.
const PREFIXES: [char; 6] = ['@', '-', ':', '+', '!', '|'];

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program as it is written, without prefixes.
    pub program: Word,
    /// Its arguments, without the name it is given by the prefix `@`.
    pub arguments: Vec<Word>,
}

impl Command {
    /// The program's name without folders.
    pub fn base(&self) -> &str {
        self.program.text.rsplit('/').next().unwrap_or_default()
    }
}

/// The commands of one value; a word `;` separates several.
pub fn commands(value: &str) -> Result<Vec<Command>, OpenQuotes> {
    let words = words(value)?;
    let separates = |word: &Word| word.text == ";" && word.at.len() == 1;
    let commands = words.split(separates).filter_map(|words| {
        let (first, arguments) = words.split_first()?;
        let path = first.text.trim_start_matches(PREFIXES);
        let prefixes = &first.text[..first.text.len() - path.len()];
        let renamed = prefixes.contains('@');
        let program = Word { text: path.to_owned(), at: first.at.clone() };
        let arguments = arguments.get(usize::from(renamed)..).unwrap_or_default().to_vec();
        Some(Command { program, arguments })
    });
    Ok(commands.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_programs_and_arguments() {
        for (value, expected) in [
            ("/bin/true", "/bin/true()"),
            ("-/bin/sh -c 'a; b' ; /bin/b", "/bin/sh(-c|a; b) /bin/b()"),
            ("@/bin/sh sh -c x", "/bin/sh(-c|x)"),
            ("+- a", "(a)"),
            (";", ""),
            ("/bin/a ';'", "/bin/a(;)"),
        ] {
            let read = commands(value).unwrap().into_iter().map(|command| {
                let arguments = command.arguments.into_iter().map(|word| word.text);
                format!("{}({})", command.program.text, arguments.collect::<Vec<_>>().join("|"))
            });
            assert_eq!(read.collect::<Vec<_>>().join(" "), expected, "{value}");
        }
    }
}
