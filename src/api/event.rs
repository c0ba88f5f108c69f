//! What `GET /fleet/v1/events` sends: server-sent events with the store's revision. The last event
//! of a revision has it as its id, too.
//!
//! An event says how a thing stands now, not what was done to it, so a reader may drop all but the
//! last one about each thing. A reader that was away sends the last id it saw as `Last-Event-ID`.

use serde::{Deserialize, Serialize};

use super::{Machine, MachineStatus, State, Unit};
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// One server-sent event. Its SSE `event:` name is the variant in lower case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "lowercase")]
pub enum Event {
    /// Sent first: everything up to this revision is known to the reader or can be listed.
    Ready(Ready),
    /// Sent first instead of `Ready` when the reader was away for too long: list everything again.
    Reset(Ready),
    /// A unit was stored, destroyed, placed, or got further.
    Unit(UnitEvent),
    /// A machine's systemd reports something new of a unit.
    State(StateEvent),
    /// A machine came, left or changed.
    Machine(MachineEvent),
}

/// The revision from which on the stream tells everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The store's revision.
    pub revision: i64,
}

/// How a unit stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitEvent {
    /// The store's revision.
    pub revision: i64,
    /// The unit's name.
    pub name: UnitName,
    /// The unit without its file; `None` when it was destroyed.
    pub unit: Option<Unit>,
}

/// How a unit stands on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateEvent {
    /// The store's revision.
    pub revision: i64,
    /// The unit's name.
    pub name: UnitName,
    /// The machine.
    #[serde(rename = "machineID")]
    pub machine_id: MachineId,
    /// `None` when the machine no longer has the unit, or is gone.
    pub state: Option<State>,
}

/// How a machine stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineEvent {
    /// The store's revision.
    pub revision: i64,
    /// The machine's id.
    pub id: MachineId,
    /// `None` when it left or was lost.
    pub machine: Option<Machine>,
    /// Which of the two; absent for a machine that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<MachineStatus>,
}
