//! Where the contents of a unit come from when the cluster does not have it.
//!
//! In order: a file on disk; its template in the cluster; its template on disk, in the same folder.
//! What is in the cluster already comes before all of these: see [`transition`](super::transition).

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::api::Unit;
use crate::fleetctl::error::Error;
use crate::model::Requirements;
use crate::unitfile::{FILE_BYTES_MAX, UnitFile, UnitName};

/// A unit file and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub file: UnitFile,
    /// Where.
    pub origin: Origin,
}

/// Where a unit file was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file on disk.
    Disk(PathBuf),
    /// A template in the cluster.
    Cluster(UnitName),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(path) => write!(f, "{}", path.display()),
            Self::Cluster(template) => write!(f, "{template} in the cluster"),
        }
    }
}

/// The file on disk that an argument means: with the unit's type where the argument leaves it out,
/// else as written.
pub fn on_disk(argument: &str, name: &UnitName) -> Result<Option<Found>, Error> {
    let whole = Path::new(argument).with_file_name(name.as_str());
    match read(&whole)? {
        Some(found) => Ok(Some(found)),
        None => read(Path::new(argument)),
    }
}

/// The template on disk of an instance, in the folder that an argument means.
pub fn template_on_disk(argument: &str, name: &UnitName) -> Result<Option<Found>, Error> {
    match name.template() {
        Some(template) => read(&Path::new(argument).with_file_name(template.as_str())),
        None => Ok(None),
    }
}

/// The file of a unit in the cluster.
pub fn stored(name: &UnitName, unit: &Unit) -> Result<UnitFile, Error> {
    // Older servers have options only. The contents of newer ones were checked against these.
    let contents = unit.contents.as_deref().and_then(|contents| UnitFile::parse(contents).ok());
    match contents {
        Some(file) => Ok(file),
        None => UnitFile::from_options(unit.options.clone())
            .map_err(|source| Error::Options { name: name.clone(), source }),
    }
}

/// Whether a unit runs on every machine that takes it.
pub fn is_global(name: &UnitName, file: &UnitFile) -> bool {
    Requirements::of(name, file).is_ok_and(|requirements| requirements.global)
}

/// The same of a unit of the cluster.
pub fn is_global_unit(name: &UnitName, unit: &Unit) -> bool {
    stored(name, unit).is_ok_and(|file| is_global(name, &file))
}

/// What to say when there is nothing anywhere.
pub fn nowhere(argument: &str, name: &UnitName) -> Error {
    let mut looked = Path::new(argument).with_file_name(name.as_str()).display().to_string();
    if let Some(template) = name.template() {
        let file = Path::new(argument).with_file_name(template.as_str());
        looked = format!("{looked}, {template} in the cluster, {}", file.display());
    }
    Error::NoContents { name: name.clone(), looked }
}

/// Reads a unit file; `None` where there is none.
pub fn read(path: &Path) -> Result<Option<Found>, Error> {
    let failed = |source| Error::Read { path: PathBuf::from(path), source };
    let bytes = match bytes(path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| failed(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text")))?;
    let parsed = UnitFile::parse(&text);
    let file = parsed.map_err(|source| Error::Parse { path: PathBuf::from(path), source })?;
    Ok(Some(Found { file, origin: Origin::Disk(path.to_owned()) }))
}

/// What a file holds, of a large one a byte more than a unit file may have: enough to have it
/// refused. `None` of what is no file, and not opened: a pipe would wait for its writer.
pub fn bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[Service]\nExecStart=/bin/true\n";

    /// What an argument finds in a folder with these files: `(file on disk, template on disk)`.
    fn find(files: &[&str], argument: &str) -> (Option<String>, Option<String>) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(folder.path().join(file), FILE).unwrap();
        }
        let argument = folder.path().join(argument).display().to_string();
        let name = UnitName::from_argument(&argument).unwrap();
        let base = |found: Option<Found>| {
            Some(Path::new(&found?.origin.to_string()).file_name()?.to_str()?.to_owned())
        };
        let disk = on_disk(&argument, &name).unwrap();
        (base(disk), base(template_on_disk(&argument, &name).unwrap()))
    }

    #[test]
    fn files_are_found_by_argument() {
        for (files, argument, disk, template) in [
            (&["hello.service"][..], "hello.service", Some("hello.service"), None),
            (&["hello.service", "hello"][..], "hello", Some("hello.service"), None),
            (&["hello"][..], "hello", Some("hello"), None),
            (&["hello@.service"][..], "hello@1", None, Some("hello@.service")),
            (&["a@.service", "a@1.service"][..], "a@1", Some("a@1.service"), Some("a@.service")),
            (&[][..], "hello", None, None),
            (&["hello.service"][..], "no-folder/hello", None, None),
        ] {
            let expected = (disk.map(str::to_owned), template.map(str::to_owned));
            assert_eq!(find(files, argument), expected, "{argument} among {files:?}");
        }
    }

    #[test]
    fn what_is_not_a_unit_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.service");
        let large = vec![b'#'; FILE_BYTES_MAX + 10];
        for bytes in [&b"\xff\xfe"[..], b"no section", b"\0", &large] {
            fs::write(&path, bytes).unwrap();
            assert!(read(&path).is_err());
        }
        assert!(read(folder.path()).unwrap().is_none(), "a folder is no unit file");
        let pipe = folder.path().join("pipe.service");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success() && read(&pipe).unwrap().is_none(), "nobody writes to the pipe");
    }
}
