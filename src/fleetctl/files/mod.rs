//! Unit files on disk, taken together: what files and folders say there shall be.
//!
//! A folder is read as it is, not the folders in it. Its files that have the name of a unit count;
//! hidden ones do not (editors and file managers leave theirs there), nor do others, such as a
//! README. This room must not know the cluster.

mod replace;
mod word;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

pub use replace::{Links, replace};
pub use word::{stating, wanted};

use super::error::Error;
use crate::fleetctl::bring::source::{self, Found};
use crate::fleetctl::show::tell;
use crate::model::{TargetState, validate};
use crate::unitfile::{UnitFile, UnitName, UnitType};

/// What is wanted of units whose files do not say it
#[derive(Debug, Clone, Args)]
pub struct DefaultState {
    /// What is wanted of a unit whose file does not say it: inactive, loaded or launched
    #[arg(long, value_name = "STATE", default_value_t = TargetState::Launched)]
    pub state: TargetState,
}

/// What a file says of its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The file.
    pub file: UnitFile,
    /// How far the unit shall get.
    pub state: TargetState,
    /// Where the file is, for messages.
    pub origin: String,
}

/// The files that were named.
#[derive(Debug, Default)]
pub struct Files {
    /// By unit.
    pub wishes: BTreeMap<UnitName, Wish>,
    /// Whether a folder was named: then what is not in it is told, too.
    pub folder: bool,
}

/// Reads files and folders. What a file leaves open shall get as far as `default`. Returns every
/// error there is, so that all can be mended at once.
pub fn gather(paths: &[PathBuf], default: TargetState) -> Result<Files, Vec<Error>> {
    let mut files = Files::default();
    let mut errors = Vec::new();
    for path in paths {
        let members = if path.is_dir() { members(path) } else { Ok(vec![path.clone()]) };
        files.folder |= path.is_dir();
        for path in members.unwrap_or_else(|error| {
            errors.push(error);
            Vec::new()
        }) {
            if let Err(error) = files.add(&path, default) {
                errors.push(error);
            }
        }
    }
    if errors.is_empty() && files.wishes.is_empty() {
        let folders = tell::list(paths.iter().map(|path| path.display()));
        errors.push(Error::NoFiles { folders });
    }
    if errors.is_empty() { Ok(files) } else { Err(errors) }
}

/// The files in a folder that count, in order of name.
pub fn members(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: folder.to_owned(), source };
    let mut members = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // What has such a name and is no file, or a link that leads nowhere, is meant for one, and
        // told when it is read: passing it over would prune its unit.
        if counts(&entry.file_name().to_string_lossy()) {
            members.push(folder.join(entry.file_name()));
        }
    }
    members.sort();
    Ok(members)
}

/// Whether a file of a folder is meant to be a unit file, by its name.
fn counts(name: &str) -> bool {
    let word = name.rsplit_once('.').map(|(_, word)| word);
    !is_hidden(name) && word.is_some_and(|word| UnitType::from_word(word).is_some())
}

/// Whether a folder's file of this name is passed over.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

impl Files {
    fn add(&mut self, path: &Path, default: TargetState) -> Result<(), Error> {
        let base = path.file_name().unwrap_or_default().to_string_lossy();
        let name = UnitName::parse(&base)?;
        let absent = || match path.exists() {
            true => io::Error::other("it is not a file"),
            false => io::Error::new(io::ErrorKind::NotFound, "there is no such file"),
        };
        let Found { file, origin } = source::read(path)?
            .ok_or_else(|| Error::Read { path: path.to_owned(), source: absent() })?;
        let refused = |reason: String| Error::Unit { name: name.clone(), reason };
        validate(&name, &file).map_err(|invalid| refused(invalid.to_string()))?;
        let state = wanted(&name, &file, default).map_err(|error| refused(error.to_string()))?;
        let wish = Wish { file, state, origin: origin.to_string() };
        match self.wishes.insert(name.clone(), wish) {
            Some(Wish { origin: first, .. }) if Path::new(&first) != path => {
                Err(Error::NamedTwice { name, first, second: path.display().to_string() })
            }
            _ => Ok(()),
        }
    }
}
