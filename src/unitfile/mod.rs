//! Text to unit file and back, names, specifiers, hash, and what is wrong in a text. Pure: no I/O, no tokio,
//! knows no other room.
//!
//! The syntax is systemd's (systemd.syntax(7)); what the options mean is not known here.

mod command;
mod draft;
mod error;
mod hash;
mod lines;
pub mod lint;
mod name;
mod nearest;
mod option;
mod parse;
mod quoting;
mod shown;
mod specifier;
mod unit_type;
mod write;

use std::sync::Arc;

pub(crate) use command::{Command, commands};
pub use draft::{Draft, Entry, Place, Section};
pub use error::{OptionError, OptionFault, ParseError, ParseErrorKind};
pub use hash::{HashError, UnitHash};
pub use lines::LINE_BYTES_MAX;
pub use name::{NAME_BYTES_MAX, NameError, NameErrorKind, UnitName};
pub(crate) use nearest::nearest;
pub use nearest::similar;
pub use option::{SECTION_BYTES_MAX, UnitOption};
pub(crate) use quoting::{Word, unit_names};
pub(crate) use shown::shown;
pub(crate) use specifier::depends_on_instance;
pub use specifier::expand;
pub use unit_type::UnitType;

/// The largest unit file, in bytes. Real ones have a few thousand. Twice this, which escaping can make
/// of it on its way, still fits into one request to etcd (1.5 MiB by default).
pub const FILE_BYTES_MAX: usize = 512 * 1024; // 512 KiB

/// A unit file: its text, and the options in it.
///
/// Cheap to clone. Two that are equal are equal byte by byte; "the same file" to fleet's users
/// means the same [`UnitFile::hash`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFile(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    contents: String,
    options: Vec<UnitOption>,
    /// For each option the value as systemd reads it, where that is not the value as it stands.
    joined: Vec<Option<String>>,
    hash: UnitHash,
}

impl UnitFile {
    /// Reads a unit file.
    pub fn parse(text: &str) -> Result<UnitFile, ParseError> {
        Ok(UnitFile::new(text.to_owned(), parse::parse(text)?))
    }

    /// Writes a unit file from options. White space around names and values is dropped.
    ///
    /// Refuses what a file cannot hold, so that reading the file gives these options back.
    pub fn from_options(mut options: Vec<UnitOption>) -> Result<UnitFile, OptionError> {
        for option in &mut options {
            option.name = option.name.trim_matches(lines::WHITESPACE).to_owned();
            option.value = option::tidy(&option.value);
            option::check(option).map_err(|fault| OptionError::Fault {
                section: shown(&option.section),
                name: shown(&option.name),
                fault,
            })?;
        }
        let contents = write::write(&options);
        match contents.len() {
            ..=FILE_BYTES_MAX => Ok(UnitFile::new(contents, options)),
            bytes => Err(OptionError::FileTooLarge { bytes }),
        }
    }

    fn new(contents: String, options: Vec<UnitOption>) -> UnitFile {
        let as_read = |option: &UnitOption| {
            let joined = option::joined(&option.value);
            (joined != option.value).then(|| joined.into_owned())
        };
        let joined = options.iter().map(as_read).collect();
        let hash = UnitHash::of(&write::write(write::grouped(&options)));
        UnitFile(Arc::new(Inner { contents, options, joined, hash }))
    }

    /// The text: byte for byte what was read, or what was written from options.
    pub fn contents(&self) -> &str {
        &self.0.contents
    }

    /// The options in order, as the API carries them.
    pub fn options(&self) -> &[UnitOption] {
        &self.0.options
    }

    /// SHA-1 over the options written as text, each section's together: what fleet 1.0
    /// computes for these options. Comments, blank lines and white space around values do not change it.
    pub fn hash(&self) -> UnitHash {
        self.0.hash
    }

    /// The options of a section in order: name, and value as systemd reads it (lines joined).
    pub fn section(&self, section: &str) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.options.iter().zip(&self.0.joined);
        let wanted = all.filter(move |(option, _)| option.section == section);
        wanted.map(|(option, joined)| {
            let value = joined.as_deref().unwrap_or(&option.value);
            (option.name.as_str(), value)
        })
    }

    /// Every value given to an option, in order; an empty value resets the list (systemd.syntax(7)).
    pub fn get_all(&self, section: &str, name: &str) -> Vec<&str> {
        let mut values = Vec::new();
        for (_, value) in self.section(section).filter(|(n, _)| *n == name) {
            match value {
                "" => values.clear(),
                _ => values.push(value),
            }
        }
        values
    }

    /// The last value given to an option; `None` also when it was reset by an empty one.
    pub fn get(&self, section: &str, name: &str) -> Option<&str> {
        self.get_all(section, name).pop()
    }

    /// Whether there is an option in this section. A header alone does not count: it is not among
    /// the options, and the same options are the same file.
    pub fn has_section(&self, section: &str) -> bool {
        self.section(section).next().is_some()
    }
}
