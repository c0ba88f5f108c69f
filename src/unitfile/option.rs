//! One option of a unit file, and which sections, names and values can be written in a file so
//! that reading it gives them back. Must not know the whole file.

use serde::{Deserialize, Serialize};

use super::lines::{LINE_BYTES_MAX, WHITESPACE, is_comment, is_continued};

/// One assignment, as the v1 API carries it.
///
/// A value that goes over several lines keeps its line breaks: each backslash that continues a line
/// is there, followed by `\n`, as fleet 1.0 has it. Comment lines in between are not there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UnitOption {
    /// The name in brackets above it.
    pub section: String,
    /// What is before the `=`.
    pub name: String,
    /// What is after the `=`.
    pub value: String,
}

/// What keeps a section, name or value from being written in a unit file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OptionFault {
    /// A line is too long.
    #[error(
        "a line has {bytes} bytes, at most {LINE_BYTES_MAX} are allowed; continue it on the next \
         line with a backslash"
    )]
    LineTooLong {
        /// How long it is, without the line end.
        bytes: usize,
    },
    /// The section has no name.
    #[error("the section has no name; write one, such as [Service]")]
    NoSection,
    /// A character no section may have in its name (systemd's `string_is_safe`).
    #[error("{0:?} is not allowed in the name of a section; leave it out")]
    SectionCharacter(char),
    /// Nothing before the `=`.
    #[error("there is no name before the \"=\"; write name=value")]
    NoName,
    /// A character no option may have in its name.
    #[error("{0:?} is not allowed in the name of an option; leave it out")]
    NameCharacter(char),
    /// A name that would be read as something else.
    #[error("the name of an option cannot begin with {0:?}; leave it out")]
    NameStart(char),
    /// A character no value may have.
    #[error("{0:?} is not allowed in a value; leave it out")]
    ValueCharacter(char),
    /// A value with a line break that is not a continuation.
    #[error("the value has a line break; put a backslash at the end of each line but the last")]
    LineBreak,
    /// A line of a value that would be read as a comment.
    #[error(
        "a line of the value begins with {0:?} and would be read as a comment; join it to the line before"
    )]
    CommentInValue(char),
}

/// Whether a section can have this name.
pub(super) fn check_section(name: &str) -> Result<(), OptionFault> {
    if name.is_empty() {
        return Err(OptionFault::NoSection);
    }
    match name
        .chars()
        .find(|c| c.is_ascii_control() || matches!(c, '"' | '\'' | '\\'))
    {
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
    let header = option.section.len() + "[]".len();
    let assignment = format!("{}={}", option.name, option.value);
    let longest = assignment
        .split('\n')
        .map(str::len)
        .fold(header, usize::max);
    if longest > LINE_BYTES_MAX {
        return Err(OptionFault::LineTooLong { bytes: longest });
    }
    Ok(())
}

/// Whether an option can have this name. systemd ignores options it does not know, so nearly
/// everything goes.
pub(super) fn check_name(name: &str) -> Result<(), OptionFault> {
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
    let after = value.trim_start_matches(WHITESPACE)[trimmed.len()..]
        .chars()
        .next();
    let kept = if matches!(after, Some(' ' | '\t')) {
        ' '
    } else {
        '\n'
    };
    format!("{trimmed}{kept}")
}

/// What systemd makes of a value: continued lines are one, each backslash with its line break is a
/// space (systemd.syntax(7)). `None` where that is the value as it stands.
pub(super) fn joined(value: &str) -> Option<String> {
    let ends_tidy = !value.ends_with(WHITESPACE);
    (!ends_tidy || value.contains('\n')).then(|| {
        value
            .replace("\\\n", " ")
            .trim_matches(WHITESPACE)
            .to_owned()
    })
}
