//! One option of a unit file, and which sections, names and values can be written in a file so
//! that reading it gives them back. Must not know the whole file.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::error::OptionFault;
use super::lines::{LINE_BYTES_MAX, WHITESPACE, is_comment, is_continued};

/// The longest name of a section, in bytes. Each option repeats it, so a long one would make much out
/// of a small file; systemd's longest has 13.
pub const SECTION_BYTES_MAX: usize = 128;

/// One assignment, as the v1 API carries it.
///
/// A value that goes over several lines keeps its line breaks: each backslash that continues a line
/// is there, followed by `\n`, as in go-systemd, which clients of fleet read unit files with. Comment
/// lines in between are not there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UnitOption {
    /// The name in brackets above it.
    pub section: String,
    /// What is before the `=`.
    pub name: String,
    /// What is after the `=`.
    pub value: String,
}

/// Whether a section can have this name.
pub(super) fn check_section(name: &str) -> Result<(), OptionFault> {
    if name.is_empty() {
        return Err(OptionFault::NoSection);
    }
    if name.len() > SECTION_BYTES_MAX {
        return Err(OptionFault::SectionTooLong { bytes: name.len() });
    }
    match name.chars().find(|c| c.is_ascii_control() || matches!(c, '"' | '\'' | '\\')) {
        Some(character) => Err(OptionFault::SectionCharacter(character)),
        None => Ok(()),
    }
}

/// Whether an option can be written in a file so that reading it gives the same option. Its name
/// and value have been trimmed.
pub(super) fn check(option: &UnitOption) -> Result<(), OptionFault> {
    check_section(&option.section)?;
    check_name(&option.name)?;
    check_value(&option.value)?;
    let before = option.name.len() + "=".len();
    for (number, line) in option.value.split('\n').enumerate() {
        let bytes = line.len() + if number == 0 { before } else { 0 };
        if bytes > LINE_BYTES_MAX {
            return Err(OptionFault::LineTooLong { bytes });
        }
    }
    Ok(())
}

/// Whether an option can have this name. systemd ignores options it does not know, so nearly
/// everything goes.
fn check_name(name: &str) -> Result<(), OptionFault> {
    match name.chars().next() {
        None => return Err(OptionFault::NoName),
        Some(start @ ('[' | '#' | ';')) => return Err(OptionFault::NameStart(start)),
        Some(_) => {}
    }
    match name.chars().find(|c| c.is_ascii_control() || *c == '=') {
        Some(character) => Err(OptionFault::NameCharacter(character)),
        None => Ok(()),
    }
}

/// Whether reading back a [`tidy`] value gives the same value.
fn check_value(value: &str) -> Result<(), OptionFault> {
    if let Some(character) = value.chars().find(|c| matches!(c, '\0' | '\r')) {
        return Err(OptionFault::ValueCharacter(character));
    }
    let mut lines = value.split('\n');
    let mut last = lines.next().unwrap_or_default();
    for line in lines {
        if !is_continued(last) {
            return Err(OptionFault::LineBreak);
        }
        if let Some(sign) = is_comment(line) {
            return Err(OptionFault::CommentInValue(sign));
        }
        last = line;
    }
    Ok(())
}

/// The value without the white space around it, which systemd ignores.
///
/// What follows a last backslash says whether it continues the line (`\n`: onto an empty line or the
/// end of the file) or is part of the value (a space); that one character stays.
pub(super) fn tidy(value: &str) -> String {
    let trimmed = value.trim_matches(WHITESPACE);
    if !is_continued(trimmed) {
        return trimmed.to_owned();
    }
    let after = &value.trim_start_matches(WHITESPACE)[trimmed.len()..];
    let kept = if after.starts_with([' ', '\t']) { ' ' } else { '\n' };
    format!("{trimmed}{kept}")
}

/// What systemd makes of a text: continued lines are one, each backslash with its line break is a
/// space (systemd.syntax(7)), and there is no white space around it.
pub(super) fn joined(text: &str) -> Cow<'_, str> {
    if text.contains('\n') {
        let line = text.replace("\\\n", " ");
        Cow::Owned(line.trim_matches(WHITESPACE).to_owned())
    } else {
        Cow::Borrowed(text.trim_matches(WHITESPACE))
    }
}
