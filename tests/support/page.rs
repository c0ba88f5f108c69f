//! What a page of the documentation shows: unit files, and commands with what they print.
//!
//! - An `ini` block whose first line is `# NAME.service: …` is a file of that name.
//! - In a `console` block, `m1 $ COMMAND` is run on machine m1, and what follows is what it prints:
//!   ids, addresses and spaces may differ, lines may come in another order, `…` stands for any text,
//!   and a line of nothing else for any lines. `# exit status N` after a command says how it ends.

/// One thing that a page shows, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Shown {
    /// A file and its contents.
    File(String, String),
    /// A command on a machine.
    Command(Command),
}

/// A command line and what is shown of its end.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    /// The machine it is run on.
    pub machine: String,
    /// The line, for a shell.
    pub line: String,
    /// What it prints, line by line.
    pub prints: Vec<String>,
    /// Its exit status.
    pub status: i32,
}

const EXIT_STATUS: &str = "# exit status ";

/// Everything that a page shows.
pub fn parse(page: &str) -> Vec<Shown> {
    let mut shown = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match language {
            "ini" => shown.extend(file(&block)),
            "console" => shown.extend(commands(&block).into_iter().map(Shown::Command)),
            _ => {}
        }
    }
    shown
}

fn file(block: &[&str]) -> Option<Shown> {
    let name = block.first()?.strip_prefix("# ")?.split([':', ' ']).next()?;
    let is_unit = name.rsplit_once('.').is_some_and(|(stem, kind)| {
        !stem.is_empty() && ["service", "timer", "socket", "path", "target"].contains(&kind)
    });
    is_unit.then(|| Shown::File(name.to_owned(), block.join("\n") + "\n"))
}

fn commands(block: &[&str]) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for line in block {
        match prompt(line) {
            Some((machine, rest)) => commands.push(command(machine, rest)),
            None => {
                if let Some(command) = commands.last_mut() {
                    command.prints.push((*line).to_owned());
                }
            }
        }
    }
    for command in &mut commands {
        while command.prints.last().is_some_and(String::is_empty) {
            command.prints.pop();
        }
    }
    commands
}

/// `m1 $ rest`; the computer's own prompt, `$ rest`, is not of a machine.
fn prompt(line: &str) -> Option<(&str, &str)> {
    let (machine, rest) = line.split_once(" $ ")?;
    let number = machine.strip_prefix('m')?;
    number.parse::<u8>().is_ok().then_some((machine, rest))
}

fn command(machine: &str, rest: &str) -> Command {
    let (line, status) = match rest.split_once(EXIT_STATUS) {
        Some((line, status)) => (line, status.trim().parse().expect("an exit status is a number")),
        None => (rest, 0),
    };
    let (machine, line) = (machine.to_owned(), line.trim().to_owned());
    Command { machine, line, prints: Vec::new(), status }
}

/// Whether a command printed what the page shows; else a sentence.
pub fn compare(shown: &[String], printed: &str) -> Result<(), String> {
    let mut left: Vec<String> =
        printed.lines().map(plain).filter(|line| !line.is_empty()).collect();
    let wanted = shown.iter().map(|line| plain(line)).filter(|line| !line.is_empty());
    let (rests, wanted): (Vec<String>, Vec<String>) = wanted.partition(|line| line == "…");
    for line in wanted {
        match left.iter().position(|printed| matches(&line, printed)) {
            Some(at) => drop(left.remove(at)),
            None => return Err(format!("shown, but not printed: {line}")),
        }
    }
    match left.first() {
        Some(line) if rests.is_empty() => Err(format!("printed, but not shown: {line}")),
        _ => Ok(()),
    }
}

/// A line without what differs from one cluster to the next.
fn plain(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        word.split_inclusive(['/', ',', ':', '='])
            .map(|part| {
                let text = part.trim_end_matches(['/', ',', ':', '=']);
                let end = &part[text.len()..];
                if is_id(text) || is_address(text) {
                    format!("<machine>{end}")
                } else {
                    part.to_owned()
                }
            })
            .collect::<String>()
            .replace("<machine>/<machine>", "<machine>")
    });
    words.collect::<Vec<_>>().join(" ")
}

fn is_id(text: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let short = text.strip_suffix("...").is_some_and(|id| id.len() == 8 && hex(id));
    short || [32, 40].contains(&text.len()) && hex(text)
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Whether a line is as shown, where `…` is any text.
fn matches(shown: &str, printed: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = parts.next().and_then(|first| printed.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}
