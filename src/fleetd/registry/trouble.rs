//! What stands under `trouble/`: what went wrong again and again, with units and with machines.
//! Pure. What follows from it is the engine's business.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{MachineId, Timestamp};

/// `trouble/unit/<name>`: what went wrong with a unit lately.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitTrouble {
    /// That its machines were lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moves: Option<Moves>,
    /// Where its start failed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<MachineId, Failures>,
}

/// How often a unit had to move because its machine was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moves {
    /// How often since `since`.
    pub times: u32,
    /// The first of them.
    pub since: Timestamp,
    /// The last of them.
    pub last: Timestamp,
    /// Of which start: a later one, or another file, is a new beginning.
    pub launch: u64,
}

/// How often a unit's start failed on one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// How often lately.
    pub times: u32,
    /// The last of them.
    pub last: Timestamp,
    /// The last start that failed: counted once.
    pub launch: u64,
}

/// `trouble/machine/<machine>`: that a machine was lost lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineTrouble {
    /// How often since `since`.
    pub times: u32,
    /// The first of them.
    pub since: Timestamp,
    /// When it was lost last or, if it has returned since, when it did.
    pub last: Timestamp,
}
