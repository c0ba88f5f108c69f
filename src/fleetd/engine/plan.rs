//! What the engine decides, with the reason for each decision. The texts of the reasons are what
//! logs, `fleetctl why` and the scenario transcripts show.

use std::collections::BTreeMap;
use std::fmt;

use super::filter::Refusal;
use super::trouble::{Pause, often};
use crate::fleetd::registry::{Assignment, Moves, Revision};
use crate::model::{MachineId, TargetState, Timestamp};
use crate::unitfile::UnitName;

/// All decisions of one pass: removals first, then changes, then additions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What to write, in order.
    pub decisions: Vec<Decision>,
    /// Units that are not placed before a time.
    pub paused: BTreeMap<UnitName, Pause>,
    /// Of units that were asked about: why each machine refuses those that none takes, and the
    /// machines that refuse a global one.
    pub refused: BTreeMap<UnitName, Vec<(MachineId, Refusal)>>,
    /// When time alone will change the plan; `None`: never.
    pub due: Option<Timestamp>,
}

/// One change of one machine's schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The machine whose schedule changes.
    pub machine: MachineId,
    /// How.
    pub change: Change,
}

/// How a machine's schedule changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The machine shall no longer have the unit.
    Unassign {
        /// The unit.
        unit: UnitName,
        /// Why.
        reason: UnassignReason,
    },
    /// The machine keeps the unit, with another file, state or start.
    Update {
        /// The unit.
        unit: UnitName,
        /// What the machine shall have now.
        to: Assignment,
        /// Why.
        reason: UpdateReason,
    },
    /// The machine shall have the unit.
    Assign {
        /// The unit.
        unit: UnitName,
        /// What the machine shall have.
        to: Assignment,
        /// Why there.
        reason: AssignReason,
    },
    /// The schedule is complete for this life of the machine: what is absent shall be stopped.
    Complete {
        /// The create-revision of the machine's key.
        life: Revision,
    },
    /// The machine is gone and so is its schedule.
    Expire,
}

/// Why a unit is given to this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssignReason {
    /// Its file says `MachineID=`.
    Pinned,
    /// Its file says `MachineOf=` this unit.
    Beside(UnitName),
    /// Its file says `Global=`.
    Everywhere,
    /// It runs there already.
    RunsThere,
    /// Its file says `Replaces=` this unit.
    Replaces(UnitName),
    /// Of all machines that take it this one has the fewest units.
    LeastLoaded {
        /// How many.
        units: usize,
    },
    /// The same of those machines on which it did not fail to start lately.
    LeastLoadedUnfailed {
        /// How many.
        units: usize,
    },
    /// It failed to start lately on all machines that take it, and least often on this one.
    FailedLeast {
        /// How often.
        times: u32,
    },
}

/// Why an assignment changes in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateReason {
    /// The unit has another file.
    File,
    /// Something else is wanted of it.
    Desired(TargetState),
    /// It was started anew.
    Launch,
    /// What the schedule says of it does not read.
    Unreadable,
}

/// Why a unit is taken from a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnassignReason {
    /// The unit was destroyed.
    Destroyed,
    /// Nobody wants it on a machine any more.
    Unloaded,
    /// The machine left.
    MachineGone,
    /// The machine was lost; how often that happened to the unit.
    MachineLost(Moves),
    /// The machine no longer takes it.
    Refused(Refusal),
    /// Another unit took its place.
    ReplacedBy(UnitName),
    /// It is scheduled to another machine too.
    Twice,
    /// Another machine, which would take it, holds it: that one was lost and came back in time.
    HeldBy(MachineId),
}

impl Change {
    /// The unit that it is about, if it is one.
    pub fn unit(&self) -> Option<&UnitName> {
        match self {
            Change::Unassign { unit, .. }
            | Change::Update { unit, .. }
            | Change::Assign { unit, .. } => Some(unit),
            Change::Complete { .. } | Change::Expire => None,
        }
    }

    /// What kind of change it is.
    pub fn word(&self) -> &'static str {
        match self {
            Change::Unassign { .. } => "unassign",
            Change::Update { .. } => "update",
            Change::Assign { .. } => "assign",
            Change::Complete { .. } => "complete",
            Change::Expire => "expire",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = self.machine.short();
        match &self.change {
            Change::Unassign { unit, reason } => write!(f, "- {unit} from {machine}: {reason}"),
            Change::Update { unit, reason, .. } => write!(f, "~ {unit} on {machine}: {reason}"),
            Change::Assign { unit, reason, .. } => write!(f, "+ {unit} to {machine}: {reason}"),
            Change::Complete { .. } => write!(f, "= {machine}: its schedule is complete"),
            Change::Expire => write!(f, "= {machine}: its schedule has expired"),
        }
    }
}

impl fmt::Display for AssignReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AssignReason::Pinned => f.write_str("MachineID names this machine"),
            AssignReason::Beside(target) => write!(f, "beside {target}, as MachineOf says"),
            AssignReason::Everywhere => f.write_str("global"),
            AssignReason::RunsThere => f.write_str("it runs there already"),
            AssignReason::Replaces(other) => write!(f, "takes the place of {other}"),
            AssignReason::LeastLoaded { units } => {
                write!(f, "least loaded of those that take it ({units} units)")
            }
            AssignReason::LeastLoadedUnfailed { units } => {
                write!(f, "least loaded of those on which it did not fail to start ({units} units)")
            }
            AssignReason::FailedLeast { times } => {
                let times = often(*times);
                write!(f, "it failed to start on all that take it, here only {times}")
            }
        }
    }
}

impl fmt::Display for UpdateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpdateReason::File => f.write_str("its file changed"),
            UpdateReason::Desired(state) => write!(f, "it shall be {state}"),
            UpdateReason::Launch => f.write_str("started anew"),
            UpdateReason::Unreadable => f.write_str("what its schedule says does not read"),
        }
    }
}

impl fmt::Display for UnassignReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnassignReason::Destroyed => f.write_str("destroyed"),
            UnassignReason::Unloaded => f.write_str("unloaded"),
            UnassignReason::MachineGone => f.write_str("the machine is gone"),
            UnassignReason::MachineLost(Moves { times: 1, .. }) => {
                f.write_str("the machine is lost")
            }
            UnassignReason::MachineLost(Moves { times, since, .. }) => {
                write!(f, "the machine is lost, {} since {since}", often(*times))
            }
            UnassignReason::Refused(refusal) => refusal.fmt(f),
            UnassignReason::ReplacedBy(other) => write!(f, "{other} takes its place"),
            UnassignReason::Twice => f.write_str("it is scheduled elsewhere too"),
            UnassignReason::HeldBy(holder) => write!(f, "{} still has it", holder.short()),
        }
    }
}
