//! What `/run/fleet/session` holds: proof, to a later fleetd on the same boot, that the session it
//! finds in the store is its own. A reboot empties it, with everything that ran.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::AgentError;
use crate::fleetd::durable;
use crate::fleetd::registry::LeaseId;

/// This life's token, and the lease it has now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// Tells this life from another that claims the same machine id.
    pub session: Uuid,
    /// The cluster that this life is of.
    pub cluster: Option<Uuid>,
    lease: Option<StoredLease>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct StoredLease {
    id: i64,
    ttl_secs: f64,
}

impl Token {
    /// The token that an earlier fleetd of this boot left, or a new one, written down.
    pub fn read_or_make(folder: &Path) -> Result<Token, AgentError> {
        let failed = |source| failed("cannot read the session token", path(folder), source);
        match std::fs::read(path(folder)) {
            Ok(text) => {
                if let Ok(token) = serde_json::from_slice(&text) {
                    return Ok(token);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let token = Token { session: Uuid::new_v4(), cluster: None, lease: None };
        token.write(folder)?;
        Ok(token)
    }

    /// The lease that was written down last, and how long it lives after a renewal.
    pub fn lease(&self) -> Option<(LeaseId, Duration)> {
        let StoredLease { id, ttl_secs } = self.lease?;
        Some((LeaseId(id), Duration::try_from_secs_f64(ttl_secs).ok()?))
    }

    /// Writes down which cluster this life is of.
    pub fn of_cluster(self, folder: &Path, cluster: Uuid) -> Result<Token, AgentError> {
        let token = Token { cluster: Some(cluster), lease: None, ..self };
        token.write(folder)?;
        Ok(token)
    }

    /// Writes down which lease the session has from now on.
    pub fn keep(self, folder: &Path, lease: LeaseId, ttl: Duration) -> Result<(), AgentError> {
        let lease = Some(StoredLease { id: lease.0, ttl_secs: ttl.as_secs_f64() });
        Token { lease, ..self }.write(folder)
    }

    fn write(&self, folder: &Path) -> Result<(), AgentError> {
        let path = path(folder);
        let text = serde_json::to_vec(self).map_err(io::Error::from);
        text.and_then(|text| durable::write(&path, &text))
            .map_err(|source| failed("cannot write the session token", path, source))
    }

    /// Nothing is left of the session.
    pub fn forget(folder: &Path) {
        if let Err(error) = std::fs::remove_file(path(folder)) {
            tracing::debug!(%error, "removing the session token");
        }
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("session")
}

fn failed(operation: &'static str, path: PathBuf, source: io::Error) -> AgentError {
    AgentError::Records { operation, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_fleetd_before_this_one_left_is_read_and_written_alike() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stored/1/run");
        let token = Token::read_or_make(&folder).unwrap();
        assert_eq!(
            token.lease(),
            Some((LeaseId(7_587_871_234_567_890_123), Duration::from_secs(30)))
        );
        assert_eq!(token.cluster, Some(token.session));
        assert_eq!(serde_json::to_vec(&token).unwrap(), std::fs::read(path(&folder)).unwrap());
    }
}
