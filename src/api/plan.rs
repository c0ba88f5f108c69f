//! What `POST /fleet/v1/plan` is asked and answers: where units would be if some were changed.
//! Newer than fleet 1.0.

use serde::{Deserialize, Serialize};

use super::{Unit, Why};
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// Changes that somebody thinks of making.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// Units as a `PUT` would send them, each with its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<Unit>,
    /// Units that would be destroyed. One that there is not is passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destroy: Vec<UnitName>,
}

/// What would come of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outlook {
    /// Where each changed unit would be, or who would refuse it, in order of name.
    #[serde(default)]
    pub units: Vec<Why>,
    /// What would become of other units, in order of name.
    #[serde(default)]
    pub moves: Vec<Move>,
}

/// A unit that nobody changed, and that would yet come to, leave or change a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Move {
    /// The unit.
    pub name: UnitName,
    /// The machine it would leave; absent if it is on none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<MachineId>,
    /// The machine it would come to; absent if none takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<MachineId>,
    /// In words.
    pub reason: String,
}
