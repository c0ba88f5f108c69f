//! Which machine. Must not know what runs there.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::unitfile::shown;

/// The longest id, in bytes; `/etc/machine-id` has 32.
const ID_BYTES_MAX: usize = 64;

/// How much of an id is shown in tables (`113f16a7.../172.17.8.103`).
const SHORT_BYTES: usize = 8;

/// A machine's id: what its `/etc/machine-id` says (machine-id(5)).
///
/// Letters, digits and dashes, so that it can be part of a key. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MachineId(Arc<str>);

impl MachineId {
    /// Checks an id.
    pub fn parse(id: &str) -> Result<MachineId, MachineIdError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if id.is_empty() || id.len() > ID_BYTES_MAX || !id.chars().all(allowed) {
            return Err(MachineIdError { id: shown(id) });
        }
        Ok(MachineId(id.into()))
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 8 characters.
    pub fn short(&self) -> &str {
        self.0.get(..SHORT_BYTES).unwrap_or(&self.0)
    }
}

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for MachineId {
    type Err = MachineIdError;

    fn from_str(id: &str) -> Result<MachineId, MachineIdError> {
        MachineId::parse(id)
    }
}

impl TryFrom<String> for MachineId {
    type Error = MachineIdError;

    fn try_from(id: String) -> Result<MachineId, MachineIdError> {
        MachineId::parse(&id)
    }
}

impl From<MachineId> for String {
    fn from(id: MachineId) -> String {
        id.as_str().to_owned()
    }
}

/// Why a text is not the id of a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid machine id {id:?}; use 1 to {ID_BYTES_MAX} letters, digits and dashes")]
pub struct MachineIdError {
    /// The text, shortened if it is long.
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_can_be_part_of_a_key() {
        let id = MachineId::parse("113f16a7a1c84bd8b4f4f21dd7d3dc2f").unwrap();
        assert_eq!(id.short(), "113f16a7");
        assert_eq!(MachineId::parse("m-1").unwrap().short(), "m-1");
        assert!(MachineId::parse(&"a".repeat(64)).is_ok());
        for bad in ["", "a/b", "a b", "a\n", "é", "*", "a.b", &"a".repeat(65)] {
            assert!(MachineId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
