//! Writes a file whole or not at all. Must not know what it says.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use tempfile::Builder;

/// What a new file may be read and written by, as far as the umask allows it.
const MODE: u32 = 0o666;

/// What becomes of a symbolic link in the place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// It stays, and what it leads to is written.
    Follow,
    /// It goes.
    Replace,
}

/// Readers see the old file or the new one, never a part, whatever happens meanwhile. Who may read
/// and write it, and whose it is, stays as it was.
pub fn replace(path: &Path, text: &str, links: Links) -> io::Result<()> {
    let path = match links {
        Links::Follow => fs::canonicalize(path)?,
        Links::Replace => path.to_owned(),
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = Builder::new().permissions(Permissions::from_mode(MODE)).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    match fs::symlink_metadata(&path) {
        Ok(before) if before.is_file() => {
            let own = file.as_file().metadata()?;
            if (own.uid(), own.gid()) != (before.uid(), before.gid()) {
                chown(file.path(), Some(before.uid()), Some(before.gid()))?;
            }
            // After the owner: that takes away what a new one should not have.
            file.as_file().set_permissions(before.permissions())?;
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_stays_or_goes_and_a_mode_stays() {
        for (links, target, is_link) in
            [(Links::Follow, "new", true), (Links::Replace, "old", false)]
        {
            let folder = tempfile::tempdir().unwrap();
            let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
            fs::write(&file, "old").unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
            symlink("file", &link).unwrap();
            replace(&link, "new", links).unwrap();
            assert_eq!(fs::read_to_string(&link).unwrap(), "new", "{links:?}");
            assert_eq!(fs::read_to_string(&file).unwrap(), target, "{links:?}");
            assert_eq!(link.is_symlink(), is_link, "{links:?}");
            replace(&file, "newer", links).unwrap();
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o640, "{links:?}");
        }
    }
}
