//! What a command decided to do with one unit. Plain data; [`wait`](super) carries it out.

use super::block::BlockArgs;
use super::goal::Goal;
use crate::api::{State, Unit};
use crate::fleetctl::show::tell;
use crate::model::TargetState;
use crate::unitfile::{UnitFile, UnitName};

/// One unit's part of a command.
#[derive(Debug)]
pub struct Task {
    /// The unit.
    pub name: UnitName,
    /// What to change.
    pub change: Change,
    /// What to do when it is changed.
    pub then: Then,
}

/// A change of one unit.
#[derive(Debug)]
pub enum Change {
    /// It is as it should be already.
    Keep,
    /// Store this.
    Put(Box<Unit>),
    /// It is made already, in this revision if the server tells.
    Made(Option<i64>),
    /// Want it stopped and started anew: each move to launched is one start.
    Again,
    /// Destroy it.
    Destroy,
}

/// What follows a change.
#[derive(Debug)]
pub enum Then {
    /// Say this line; nothing to wait for.
    Say(String),
    /// Wait until it is there. The states are those before the change.
    Reach(Goal, Vec<State>),
}

impl Then {
    /// What follows a change by which a unit goes there. Nobody waits for one that runs on every
    /// machine. The states before the change are for [`seen`](super::seen) to add.
    pub fn after(name: &UnitName, goal: Goal, global: bool, block: &BlockArgs) -> Self {
        let verb = match goal {
            _ if !(global || block.no_block) => return Self::Reach(goal, Vec::new()),
            Goal::Destroyed => return Self::Say(tell::destroyed(name)),
            Goal::Started => "start",
            Goal::Loaded(_) => "load",
            Goal::Stopped => "stop",
            Goal::Unloaded => "unload",
        };
        Self::Say(tell::triggered(name, global, verb))
    }
}

impl Change {
    /// Wants a unit to be in a state, with this file or the one it has.
    pub fn put(name: &UnitName, desired: TargetState, file: Option<&UnitFile>) -> Self {
        Self::Put(Box::new(wish(name, desired, file)))
    }
}

/// What to send so that a unit is wanted in a state, with this file or the one it has.
pub fn wish(name: &UnitName, desired: TargetState, file: Option<&UnitFile>) -> Unit {
    Unit {
        name: Some(name.clone()),
        // Servers older than `contents` write the file from the options.
        options: file.map(|file| file.options().to_vec()).unwrap_or_default(),
        contents: file.map(|file| file.contents().to_owned()),
        desired_state: Some(desired),
        current_state: None,
        machine_id: None,
        launch: None,
    }
}
