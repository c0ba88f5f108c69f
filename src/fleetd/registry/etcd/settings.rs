//! How to reach etcd, as the configuration has it: checked, and files read, before first use.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How to reach etcd.
#[derive(Clone, PartialEq)]
pub struct EtcdSettings {
    /// The members' client URLs. Without a scheme: `https` if there is TLS, else `http`.
    pub endpoints: Vec<String>,
    /// What all of fleet's keys begin with. A `/` is added at the end if there is none, so that no
    /// two prefixes overlap by accident.
    pub prefix: String,
    /// How long one call may take, whatever happens.
    pub request_timeout: Duration,
    /// Files for TLS. `https` without them trusts the system's authorities.
    pub tls: Option<TlsFiles>,
    /// User name and password.
    pub user: Option<(String, String)>,
}

impl fmt::Debug for EtcdSettings {
    /// Leaves the password out, which must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdSettings")
            .field("endpoints", &self.endpoints)
            .field("prefix", &self.prefix)
            .field("request_timeout", &self.request_timeout)
            .field("tls", &self.tls)
            .field("user", &self.user.as_ref().map(|(name, _)| name))
            .finish()
    }
}

/// PEM files for talking to etcd over TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that vouches for etcd; without it, the system's.
    pub ca: Option<PathBuf>,
    /// This client's certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// What every PEM file holds (RFC 7468).
const PEM: &[u8] = b"-----BEGIN ";

/// What the files hold.
pub(super) struct TlsContents {
    pub(super) ca: Option<Vec<u8>>,
    pub(super) identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl TlsFiles {
    pub(super) fn read(&self) -> Result<TlsContents, SettingsError> {
        let ca = self.ca.as_deref().map(read).transpose()?;
        let identity = match &self.identity {
            Some((certificate, key)) => Some((read(certificate)?, read(key)?)),
            None => None,
        };
        Ok(TlsContents { ca, identity })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, SettingsError> {
    let path = path.to_owned();
    match std::fs::read(&path) {
        // What is inside shows when it is used; that it is the wrong file shows here.
        Ok(text) if !text.windows(PEM.len()).any(|part| part == PEM) => {
            Err(SettingsError::NotPem { path })
        }
        Ok(text) => Ok(text),
        Err(source) => Err(SettingsError::UnreadableFile { path, source }),
    }
}

/// What is wrong with the settings, before etcd is even asked.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Nobody to talk to.
    #[error("no etcd endpoint is given")]
    NoEndpoint,
    /// A TLS file cannot be read.
    #[error("cannot read {path}")]
    UnreadableFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A TLS file holds something else.
    #[error("{path} is no PEM file: it has no line -----BEGIN")]
    NotPem {
        /// The file.
        path: PathBuf,
    },
}
