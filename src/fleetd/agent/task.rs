//! What the agent does to one unit, and why. The texts of the reasons are what the log shows.

use std::fmt;

use crate::model::{MachineId, TargetState};
use crate::unitfile::UnitName;

/// One step for one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The unit.
    pub unit: UnitName,
    /// The step.
    pub action: Action,
    /// Why.
    pub reason: Reason,
}

/// A step. In this order they are carried out: taking away comes before adding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Queue a stop in systemd.
    Stop,
    /// Kill what did not stop.
    Kill,
    /// Remove it from systemd and its file from fleet's folder.
    Unlink,
    /// Let go of its holder key.
    Release,
    /// It is stopped as was wished: forget which start was carried out.
    Forget,
    /// What was started last counts as this launch.
    Renumber(u64),
    /// Create its holder key, and read its file.
    Win,
    /// Read its file.
    Fetch,
    /// Write its file and link it into systemd.
    Link,
    /// Queue a start in systemd, for this launch.
    Start(u64),
    /// Queue a restart in systemd, for this launch.
    Restart(u64),
}

/// Why a step is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The unit is not (or no longer) scheduled to this machine.
    NotScheduled,
    /// Another machine holds it.
    HeldElsewhere(MachineId),
    /// It is scheduled to this machine.
    Scheduled,
    /// Its file is another one than the scheduled.
    FileDiffers,
    /// This is wanted of it.
    Desired(TargetState),
    /// A start that was not carried out yet.
    NewLaunch(u64),
    /// The store knows only starts before the last one: it was restored.
    StoreIsOlder,
    /// This machine leaves the cluster.
    Leaving,
    /// This machine is cut off from the cluster, or is as far as it knows.
    CutOff,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.action, self.unit, self.reason)
    }
}

impl Action {
    /// What kind of step it is.
    pub fn word(self) -> &'static str {
        match self {
            Action::Stop => "stop",
            Action::Kill => "kill",
            Action::Unlink => "unlink",
            Action::Release => "release",
            Action::Forget => "forget",
            Action::Renumber(_) => "renumber",
            Action::Win => "win",
            Action::Fetch => "fetch",
            Action::Link => "link",
            Action::Start(_) => "start",
            Action::Restart(_) => "restart",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NotScheduled => f.write_str("not scheduled here"),
            Reason::HeldElsewhere(machine) => write!(f, "{} holds it", machine.short()),
            Reason::Scheduled => f.write_str("scheduled here"),
            Reason::FileDiffers => f.write_str("its file differs from the scheduled one"),
            Reason::Desired(state) => write!(f, "it shall be {state}"),
            Reason::NewLaunch(launch) => write!(f, "launch {launch} is new"),
            Reason::StoreIsOlder => f.write_str("the store is older than its last start"),
            Reason::Leaving => f.write_str("this machine leaves the cluster"),
            Reason::CutOff => f.write_str("this machine is cut off, and OnPartition=stop"),
        }
    }
}
