//! Units, machines and what is known of them, as stored: a record, and what the store knows of it.
//! Pure.

use std::sync::Arc;

use super::records::{KnownRecord, MachineRecord, UnitRecord};
use super::store::{LeaseId, Revision};
use super::trouble::UnitTrouble;
use crate::fleetd::chain::BoxedError;
use crate::model::{MachineId, Requirements, TargetState, validate};
use crate::unitfile::{UnitFile, UnitHash, UnitName};

/// A unit as stored.
#[derive(Debug, Clone)]
pub struct StoredUnit {
    /// Its file, byte for byte.
    pub contents: Arc<str>,
    /// Of the file.
    pub hash: UnitHash,
    /// What its file asks of a machine.
    pub requirements: Arc<Requirements>,
    /// How far it shall get.
    pub desired: TargetState,
    /// The last start that is wanted.
    pub launch: u64,
    /// When any of this last changed; what is decided on it is void after that.
    pub modified: Revision,
}

/// A unit's holder as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHolder {
    /// The machine.
    pub machine: MachineId,
    /// The session that it hangs on.
    pub session: Option<LeaseId>,
}

/// A machine as stored.
#[derive(Debug, Clone)]
pub struct StoredMachine {
    /// What it says of itself.
    pub record: MachineRecord,
    /// The session that it hangs on.
    pub session: Option<LeaseId>,
    /// When it joined: names this life of it.
    pub created: Revision,
}

/// A machine that is or was of the cluster, as stored.
#[derive(Debug, Clone)]
pub struct StoredKnown {
    /// What it said last, and whether it left.
    pub record: KnownRecord,
    /// When any of this last changed.
    pub modified: Revision,
}

/// What went wrong with a unit, as stored.
#[derive(Debug, Clone)]
pub struct StoredTrouble {
    /// What.
    pub record: UnitTrouble,
    /// When any of this last changed.
    pub modified: Revision,
}

impl StoredUnit {
    /// Reads a stored unit. The file was checked when it was submitted; what does not read now was
    /// written by another hand.
    pub fn read(
        name: &UnitName,
        record: UnitRecord,
        modified: Revision,
    ) -> Result<StoredUnit, BoxedError> {
        let file = UnitFile::parse(&record.contents)?;
        Ok(StoredUnit {
            requirements: Arc::new(validate(name, &file)?),
            hash: file.hash(),
            contents: record.contents.into(),
            desired: record.desired,
            launch: record.launch,
            modified,
        })
    }
}
