//! Rewrites the old spellings in a file, whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use tempfile::NamedTempFile;

use super::gather::Text;
use crate::fleetctl::error::Error;
use crate::model::fix;
use crate::model::lint::Subject;

/// Rewrites a file that has old spellings, and tells what it changed, a line each.
pub fn fix(text: &mut Text) -> Result<Vec<String>, Error> {
    let (Some(path), Ok(subject)) = (&text.path, &mut text.unit) else {
        return Ok(Vec::new());
    };
    let fixed = fix::fix(subject.draft.text());
    if fixed.changes.is_empty() {
        return Ok(Vec::new());
    }
    replace(path, &fixed.text).map_err(|source| Error::Write { path: path.clone(), source })?;
    *subject = Subject::read(subject.name.clone(), &fixed.text);
    let told = |(line, old, key)| format!("{}:{line}: {old}= is now {key}=", text.shown);
    Ok(fixed.changes.into_iter().map(told).collect())
}

/// Readers see the old file or the new one, never a part. A link stays a link.
fn replace(path: &Path, contents: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let before = fs::metadata(&path)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(contents.as_bytes())?;
    file.as_file().set_permissions(before.permissions())?;
    let own = file.as_file().metadata()?;
    if (own.uid(), own.gid()) != (before.uid(), before.gid()) {
        chown(file.path(), Some(before.uid()), Some(before.gid()))?;
    }
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}
