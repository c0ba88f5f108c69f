//! Files that are there whole or not at all: written beside their place, then renamed into it.

use std::io;
use std::path::Path;

/// Replaces the file at `path`. Readers see the old or the new contents, never a part. It is not
/// flushed to a disk: what fleetd keeps this way lives in `/run`.
pub fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, contents)?;
    std::fs::rename(&beside, path)
}
