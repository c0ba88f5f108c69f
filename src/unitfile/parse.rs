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
    let mut section = None;
    for line in Lines::of(text) {
        let Line { number, text } = line?;
        let refuse = |kind| ParseError { line: number, kind };
        let read = option::joined(&text);
        if read.is_empty() {
            continue;
        }
        if read.starts_with('[') {
            section = Some(header(&read).map_err(refuse)?);
        } else {
            let section = section.as_deref();
            options.push(assignment(section, &text).map_err(refuse)?);
        }
    }
    Ok(options)
}

fn check_size(text: &str) -> Result<(), ParseError> {
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
