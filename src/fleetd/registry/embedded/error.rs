//! Why a store's file could not be opened, in words that say what to do.

use std::path::PathBuf;

/// Why a store's file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another store of this one, has it open.
    #[error("{path} is in use: is another fleetd running?")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is not a store, or not a whole one.
    #[error("{path} is damaged, or not a store of fleet")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What redb says of it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system does not let us read or write it.
    #[error("{path} cannot be opened")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl OpenError {
    pub(super) fn new(path: PathBuf, source: redb::Error) -> OpenError {
        match source {
            redb::Error::DatabaseAlreadyOpen => OpenError::InUse { path },
            redb::Error::Io(source) if source.kind() != std::io::ErrorKind::InvalidData => {
                OpenError::Io { path, source }
            }
            source => OpenError::Damaged { path, source: source.into() },
        }
    }
}
