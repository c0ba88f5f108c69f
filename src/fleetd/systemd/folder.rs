//! Fleet's unit files on this machine: `/run/fleet/units/NAME`, one file a unit, as it was
//! submitted.
//!
//! This file knows names and the file system. It must not know systemd: whether a file is linked is
//! not its business.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::SystemdError;
use crate::unitfile::{UnitFile, UnitName};

/// A file is written under this name and then renamed, so that nobody reads half of it. It is no
/// unit name, and one name is enough since only one batch is written at a time.
const UNFINISHED: &str = ".unfinished";

/// What is in a file here: a unit file, or something else.
pub(super) type Found = Option<UnitFile>;

/// The folder. It is made when the first file is written.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`, which must be absolute: systemd is given the paths of the files.
    pub(super) fn new(path: PathBuf) -> Folder {
        Folder { path }
    }

    /// Where the folder is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the file of this unit is, or would be. A unit name holds no `/`, so this is always
    /// a file directly in the folder.
    pub(super) fn path_of(&self, name: &UnitName) -> PathBuf {
        self.path.join(name.as_str())
    }

    /// Whether there is a file for this unit.
    pub(super) fn contains(&self, name: &UnitName) -> bool {
        self.path_of(name).is_file()
    }

    /// What is in the unit's file; `None` when there is none.
    pub(super) fn read(&self, name: &UnitName) -> Result<Option<String>, SystemdError> {
        let path = self.path_of(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", path)(error)),
        }
    }

    /// The unit's file, if there is one: `Some(None)` when somebody else put something in its place
    /// that is no unit file.
    pub(super) fn find(&self, name: &UnitName) -> Result<Option<Found>, SystemdError> {
        let contents = self.read(name)?;
        Ok(contents.map(|text| UnitFile::parse(&text).ok()))
    }

    /// Writes the unit's file, whole or not at all.
    pub(super) fn write(&self, name: &UnitName, file: &UnitFile) -> Result<(), SystemdError> {
        let path = self.path_of(name);
        let unfinished = self.path.join(UNFINISHED);
        fs::create_dir_all(&self.path)
            .and_then(|()| fs::write(&unfinished, file.contents()))
            .and_then(|()| fs::rename(&unfinished, &path))
            .map_err(failed("write", path))
    }

    /// Removes the unit's file, if there is one.
    pub(super) fn remove(&self, name: &UnitName) -> Result<(), SystemdError> {
        let path = self.path_of(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Every unit that has a file here, and what is in it.
    pub(super) fn list(&self) -> Result<BTreeMap<UnitName, Found>, SystemdError> {
        let mut found = BTreeMap::new();
        for name in self.names()? {
            // It may be gone in the meantime.
            found.extend(self.find(&name)?.map(|file| (name, file)));
        }
        Ok(found)
    }

    /// Every unit that has a file here. What has no unit's name is not ours and is left alone.
    pub(super) fn names(&self) -> Result<BTreeSet<UnitName>, SystemdError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(failed("list", self.path.clone())(error)),
        };
        let mut names = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(failed("list", self.path.clone()))?;
            let name = entry.file_name().to_str().and_then(|name| UnitName::parse(name).ok());
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            names.extend(name.filter(|_| is_file));
        }
        Ok(names)
    }
}

/// For `map_err`: which operation failed, on which file.
fn failed(operation: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> SystemdError {
    move |source| SystemdError::Folder { operation, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UnitName {
        UnitName::parse(text).unwrap()
    }

    fn file(text: &str) -> UnitFile {
        UnitFile::parse(text).unwrap()
    }

    #[test]
    fn a_file_is_written_replaced_listed_and_removed() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path().join("units"));
        assert!(folder.list().unwrap().is_empty(), "a folder that is not there yet is empty");

        let (old, new) = (file("[Service]\nExecStart=/a\n"), file("[Service]\nExecStart=/b\n"));
        let hello = name("hello@1.service");
        folder.write(&hello, &old).unwrap();
        folder.write(&hello, &new).unwrap();
        assert_eq!(folder.read(&hello).unwrap().as_deref(), Some(new.contents()));
        assert_eq!(folder.list().unwrap(), BTreeMap::from([(hello.clone(), Some(new))]));

        folder.remove(&hello).unwrap();
        folder.remove(&hello).unwrap();
        assert!(!folder.contains(&hello));
        assert!(folder.list().unwrap().is_empty());
    }

    #[test]
    fn names_do_not_leave_the_folder() {
        for escape in
            ["../a.service", "/etc/a.service", "a/b.service", "..", ".", "", "a\0.service"]
        {
            assert!(UnitName::parse(escape).is_err(), "{escape:?} must be no unit name");
        }
        let folder = Folder::new(PathBuf::from("/run/fleet/units"));
        assert_eq!(
            folder.path_of(&name("..service.service")).parent(),
            Some(Path::new("/run/fleet/units"))
        );
    }

    #[test]
    fn what_others_put_there_is_no_unit_and_no_trouble() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path().to_path_buf());
        fs::write(root.path().join(UNFINISHED), "half").unwrap();
        fs::write(root.path().join("README"), "hello").unwrap();
        fs::create_dir(root.path().join("dir.service")).unwrap();
        fs::write(root.path().join("bad.service"), b"no \xff unit file").unwrap();
        assert_eq!(folder.list().unwrap(), BTreeMap::from([(name("bad.service"), None)]));
    }
}
