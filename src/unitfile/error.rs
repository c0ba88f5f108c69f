//! Why a text or a list of options is not a unit file: what is wrong, where, and what to do.

use super::FILE_BYTES_MAX;
use super::lines::LINE_BYTES_MAX;
use super::option::SECTION_BYTES_MAX;

/// Why a text is not a unit file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct ParseError {
    /// Where, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub kind: ParseErrorKind,
}

/// What is wrong with a line of a unit file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// The file is too large; the line is the one on which it gets so.
    #[error("the file has {bytes} bytes; a unit file has at most {FILE_BYTES_MAX}")]
    FileTooLarge {
        /// How large the whole file is.
        bytes: usize,
    },
    /// A zero byte: this is no text.
    #[error("there is a zero byte; a unit file is plain text")]
    Nul,
    /// Neither a section header nor an assignment.
    #[error("there is no \"=\"; write name=value, or # in front of a comment")]
    NoEquals,
    /// An option with no section above it, which systemd would ignore.
    #[error("an option stands before the first section; put a header such as [Service] above it")]
    NoSection,
    /// A header that does not end in `]`.
    #[error(
        "the section header does not end with \"]\"; write it alone on its line, as in [Service]"
    )]
    OpenHeader,
    /// A line, section or option that cannot be.
    #[error(transparent)]
    Option(#[from] OptionFault),
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
    /// The name of the section is too long.
    #[error("the name of the section has {bytes} bytes; at most {SECTION_BYTES_MAX} are allowed")]
    SectionTooLong {
        /// How long it is.
        bytes: usize,
    },
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

/// Why a list of options cannot be a unit file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// An option cannot be written in a file.
    #[error("option {name:?} in section {section:?}: {fault}")]
    Fault {
        /// Its section.
        section: String,
        /// Its name.
        name: String,
        /// What is wrong with it.
        fault: OptionFault,
    },
    /// The file would be too large.
    #[error("the options make a file of {bytes} bytes; a unit file has at most {FILE_BYTES_MAX}")]
    FileTooLarge {
        /// How large.
        bytes: usize,
    },
}
