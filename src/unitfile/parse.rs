//! Text to options, by systemd.syntax(7). Must not know what the options mean.

use super::FILE_BYTES_MAX;
use super::error::{ParseError, ParseErrorKind};
use super::lines::{Line, Lines};
use super::option::{self, UnitOption};

/// The options of a unit file, in order.
///
/// Stricter than systemd in one thing: lines that systemd would pass over with a warning in its
/// log (no `=`, no name, no section) are errors, since whoever submits a unit does not read that log.
pub(super) fn parse(text: &str) -> Result<Vec<UnitOption>, ParseError> {
    check_size(text)?;
    let mut options = Vec::new();
    for statement in Statements::of(text) {
        if let (_, Statement::Assignment(option)) = statement? {
            options.push(option);
        }
    }
    Ok(options)
}

/// What a line says.
pub(super) enum Statement {
    /// `[…]`, with the name of the section.
    Header(String),
    /// `name=value`, in the section above it.
    Assignment(UnitOption),
}

/// What the lines of a file say, in order, each with its line. After a line that is wrong, it goes
/// on with the next.
pub(super) struct Statements<'a> {
    lines: Lines<'a>,
    section: Option<String>,
}

impl<'a> Statements<'a> {
    /// Reads from the beginning of a file.
    pub fn of(text: &'a str) -> Statements<'a> {
        Statements { lines: Lines::of(text), section: None }
    }

    fn read(&mut self, line: &Line) -> Result<Option<Statement>, ParseErrorKind> {
        let read = option::joined(&line.text);
        if read.is_empty() {
            return Ok(None);
        }
        if read.starts_with('[') {
            let name = header(&read)?;
            self.section = Some(name.clone());
            return Ok(Some(Statement::Header(name)));
        }
        let option = assignment(self.section.as_deref(), &line.text)?;
        Ok(Some(Statement::Assignment(option)))
    }
}

impl Iterator for Statements<'_> {
    type Item = Result<(Line, Statement), ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.lines.next()? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            match self.read(&line) {
                Ok(None) => {}
                Ok(Some(statement)) => return Some(Ok((line, statement))),
                Err(kind) => return Some(Err(ParseError { line: line.number, kind })),
            }
        }
    }
}

/// Whether a file is small enough.
pub(super) fn check_size(text: &str) -> Result<(), ParseError> {
    if text.len() <= FILE_BYTES_MAX {
        return Ok(());
    }
    let within = &text.as_bytes()[..FILE_BYTES_MAX];
    let line = 1 + within.iter().filter(|b| **b == b'\n').count();
    Err(ParseError { line, kind: ParseErrorKind::FileTooLarge { bytes: text.len() } })
}

fn header(line: &str) -> Result<String, ParseErrorKind> {
    let name = line
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or(ParseErrorKind::OpenHeader)?;
    option::check_section(name)?;
    Ok(name.to_owned())
}

fn assignment(section: Option<&str>, line: &str) -> Result<UnitOption, ParseErrorKind> {
    let (name, value) = line.split_once('=').ok_or(ParseErrorKind::NoEquals)?;
    let section = section.ok_or(ParseErrorKind::NoSection)?.to_owned();
    let name = option::joined(name).into_owned();
    let option = UnitOption { section, name, value: option::tidy(value) };
    // What is read can be written again, also when continued lines made a name of it.
    option::check(&option)?;
    Ok(option)
}
