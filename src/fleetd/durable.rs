//! Files that are there whole or not at all: written beside their place, then renamed into it.

use std::io;
use std::path::Path;

/// Replaces the file at `path`. Readers see the old or the new contents, never a part. There is to
/// be one writer for a folder at a time. Nothing is flushed to a disk: what fleetd keeps this way
/// lives in `/run`.
pub fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    // One name for all: a unit's name may be as long as a file's name can be.
    let beside = path.with_file_name(".new");
    std::fs::write(&beside, contents)?;
    std::fs::rename(&beside, path)
}
