//! Why a text or a list of options is not a unit file: what is wrong, where, and what to do.

use super::FILE_BYTES_MAX;
use super::option::OptionFault;

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
