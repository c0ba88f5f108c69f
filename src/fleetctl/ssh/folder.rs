//! A folder that nobody else can look into, gone when it is dropped.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::error::SshError;

/// The folder.
#[derive(Debug)]
pub struct PrivateFolder(PathBuf);

impl PrivateFolder {
    /// Makes one among the temporary files. That a name is taken is an error: it cannot be by chance.
    pub fn new() -> Result<Self, SshError> {
        // Short: the path of a socket has some hundred bytes at most (unix(7)).
        let path = std::env::temp_dir().join(format!("fleetctl-{:016x}", fastrand::u64(..)));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|source| SshError::File { path: path.clone(), source })?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // Whoever else was to remove it may have been faster.
        let _ = fs::remove_dir_all(&self.0);
    }
}
