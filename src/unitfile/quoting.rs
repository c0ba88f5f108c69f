//! Values that hold several words, quoted as systemd reads them (systemd.syntax(7), "Quoting").
//! Must not know what the words mean.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

/// A word of a value, without its quotes and escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What it says.
    pub text: String,
    /// Where it is in the value, quotes included, in bytes.
    pub at: Range<usize>,
}

/// A quote that is opened and never closed; systemd ignores the whole assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenQuotes {
    /// Where it is opened, in bytes of the value.
    pub at: usize,
}

/// What becomes of a backslash and what follows it.
type Escape = fn(&mut Peekable<CharIndices>, &mut String);

/// The words of a value, separated by white space outside quotes (systemd's `extract_first_word`).
/// An escape that systemd does not know stays as it is, as there.
pub fn words(value: &str) -> Result<Vec<Word>, OpenQuotes> {
    split(value, escape)
}

/// The names of units in a value. They may have backslashes, which stay (systemd's
/// `config_parse_unit_deps` asks for `EXTRACT_RETAIN_ESCAPE`).
pub fn unit_names(value: &str) -> Result<Vec<Word>, OpenQuotes> {
    split(value, |_, text| text.push('\\'))
}

fn split(value: &str, escape: Escape) -> Result<Vec<Word>, OpenQuotes> {
    let mut words = Vec::new();
    let mut chars = value.char_indices().peekable();
    while let Some((start, _)) = skip_space(&mut chars) {
        let text = word(&mut chars, escape)?;
        let end = chars.peek().map_or(value.len(), |(at, _)| *at);
        words.push(Word { text, at: start..end });
    }
    Ok(words)
}

fn skip_space(chars: &mut Peekable<CharIndices>) -> Option<(usize, char)> {
    while chars.next_if(|(_, c)| c.is_ascii_whitespace()).is_some() {}
    chars.peek().copied()
}

fn word(chars: &mut Peekable<CharIndices>, escape: Escape) -> Result<String, OpenQuotes> {
    let mut text = String::new();
    while let Some((at, c)) = chars.next_if(|(_, c)| !c.is_ascii_whitespace()) {
        match c {
            '"' | '\'' => quoted(chars, c, escape, &mut text).ok_or(OpenQuotes { at })?,
            '\\' => escape(chars, &mut text),
            c => text.push(c),
        }
    }
    Ok(text)
}

/// Reads on until the quote is closed; `None` if it never is.
fn quoted(
    chars: &mut Peekable<CharIndices>,
    quote: char,
    escape: Escape,
    text: &mut String,
) -> Option<()> {
    loop {
        match chars.next()?.1 {
            c if c == quote => return Some(()),
            '\\' => escape(chars, text),
            c => text.push(c),
        }
    }
}

/// Reads what follows a backslash (systemd.syntax(7), the table of escapes; of the numbers only
/// `\x`, which alone is used for what names can have).
fn escape(chars: &mut Peekable<CharIndices>, text: &mut String) {
    let Some((_, c)) = chars.next() else {
        text.push('\\');
        return;
    };
    match c {
        'n' => text.push('\n'),
        't' => text.push('\t'),
        's' => text.push(' '),
        '\\' | '"' | '\'' => text.push(c),
        'x' => {
            let digits: String =
                chars.clone().map(|(_, c)| c).take(2).filter(char::is_ascii_hexdigit).collect();
            match u8::from_str_radix(&digits, 16) {
                Ok(byte) if digits.len() == 2 && byte.is_ascii() => {
                    text.push(char::from(byte));
                    chars.nth(1);
                }
                _ => text.push_str("\\x"),
            }
        }
        c => text.extend(['\\', c]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(value: &str) -> Vec<String> {
        words(value).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn reads_words_as_systemd_does() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            (" a\tb  ", &["a", "b"]),
            (r#""a b" 'c "d"' ''"#, &["a b", "c \"d\"", ""]),
            (r#"a"b c"d"#, &["ab cd"]),
            (r#"a\ b "\"" \x2d \x2 \q \"#, &["a\\ b", "\"", "-", "\\x2", "\\q", "\\"]),
            (r"var-lib\x2ddata a\sb", &["var-lib-data", "a b"]),
        ];
        for (value, expected) in cases {
            assert_eq!(texts(value), *expected, "{value}");
        }
    }

    #[test]
    fn names_keep_their_backslashes() {
        let names = unit_names(r#"my\x2dapp.service "a\"b.service 'c d'"#).unwrap();
        let names: Vec<String> = names.into_iter().map(|word| word.text).collect();
        assert_eq!(names, [r"my\x2dapp.service", r"a\b.service", "c d"]);
    }

    #[test]
    fn knows_where_words_are() {
        let places: Vec<_> =
            words(r#" é "a b" c"#).unwrap().into_iter().map(|word| word.at).collect();
        assert_eq!(places, [1..3, 4..9, 10..11]);
        assert_eq!(words("a 'b").unwrap_err(), OpenQuotes { at: 2 });
    }
}
