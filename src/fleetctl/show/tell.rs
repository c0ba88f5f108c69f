//! The sentences in which a command tells how its units fare. Pure.
//!
//! Those of [`arrived`] and [`triggered`] are fleet 1.0's, which scripts look for.

use std::fmt::Display;

use crate::api::{Refusal, Why};
use crate::fleetctl::machines::Machines;
use crate::fleetctl::wait::goal::{Arrival, Failure, Stage};
use crate::model::{Glob, TargetState};
use crate::unitfile::UnitName;

/// So many units at most are shown or named at once, and asked why they wait: a screenful.
pub const SHOWN_MAX: usize = 8;

/// Things for a message, as many as fit.
pub fn list<T: Display>(things: impl Iterator<Item = T>) -> String {
    first(things, SHOWN_MAX).join(", ")
}

/// The first things of many, and how many more there are.
pub fn first<T: Display>(mut things: impl Iterator<Item = T>, max: usize) -> Vec<String> {
    let shown = things.by_ref().take(max);
    let mut shown: Vec<String> = shown.map(|thing| thing.to_string()).collect();
    let more = things.count();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    shown
}

/// A glob that means nothing in this cluster.
pub fn unmatched(glob: &Glob) -> String {
    format!("no unit matches {}", glob.as_str())
}

/// A unit is where it shall be.
pub fn arrived(name: &UnitName, arrival: &Arrival, machines: &Machines) -> String {
    match arrival {
        Arrival::Launched(machine) => {
            format!("Unit {name} launched on {}", machines.legend(machine, false))
        }
        Arrival::Loaded(machine) => {
            format!("Unit {name} loaded on {}", machines.legend(machine, false))
        }
        Arrival::Inactive => stands(name, TargetState::Inactive),
        Arrival::Destroyed => destroyed(name),
    }
}

/// A unit stands like this, wherever that is.
pub fn stands(name: &UnitName, state: TargetState) -> String {
    format!("Unit {name} {state}")
}

/// A unit is gone.
pub fn destroyed(name: &UnitName) -> String {
    format!("Destroyed {name}")
}

/// A unit's change is made, and nobody waits for what comes of it.
pub fn triggered(name: &UnitName, global: bool, verb: &str) -> String {
    let global = if global { "global " } else { "" };
    format!("Triggered {global}unit {name} {verb}")
}

/// A unit will not come to where it shall be.
pub fn failed(name: &UnitName, failure: &Failure, machines: &Machines) -> String {
    match failure {
        Failure::Gone => format!("{name} was destroyed meanwhile"),
        Failure::Overruled(desired) => format!("{name} is wanted {desired} by somebody else now"),
        Failure::Start(start) => {
            format!("{name} on {}: {start}", machines.legend(&start.machine, false))
        }
        Failure::Stop { machine, message } => {
            let machine = machines.legend(machine, false);
            format!("{name} on {machine}: systemd refuses to stop it: {message}")
        }
    }
}

/// What a unit that will not come there said last; ends without a new line, and is empty if that
/// is not known or was nothing.
pub fn last_words(failure: &Failure) -> String {
    let Failure::Start(start) = failure else { return String::new() };
    let lines = start.log.iter().flatten().map(|line| format!("  {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What could be done about it.
pub fn remedy(name: &UnitName, failure: &Failure) -> Option<String> {
    match failure {
        Failure::Gone | Failure::Overruled(_) => None,
        Failure::Start(_) => {
            Some(format!("`fleetctl status {name}` and `fleetctl journal {name}` show more"))
        }
        Failure::Stop { .. } => Some(
            "its file may say RefuseManualStop=yes; fleet goes on trying, and another way to stop \
             it, as `systemctl kill` there, will do"
                .to_owned(),
        ),
    }
}

/// A unit is not brought up, for another one is missing.
pub fn left_out(name: &UnitName, missing: &UnitName) -> String {
    format!("{name} is left out: it cannot be without {missing}")
}

/// Why a unit waits for a machine; ends with a new line.
pub fn waits(why: &Why, machines: &Machines) -> String {
    format!("{} waits: {}\n{}", why.name, why.reason, refusals(why, machines, false))
}

/// A line for every machine that does not take a unit.
pub fn refusals(why: &Why, machines: &Machines, full: bool) -> String {
    let line = |refusal: &Refusal| {
        format!("  {}: {}\n", machines.legend(&refusal.machine_id, full), refusal.reason)
    };
    why.refusals.iter().map(line).collect()
}

/// What a unit waits for.
pub fn waiting(stage: &Stage, machines: &Machines) -> String {
    match stage {
        Stage::Machine => "waiting for a machine".to_owned(),
        Stage::Loading(machine) => format!("loading on {}", machines.legend(machine, false)),
        Stage::Starting(machine) => format!("starting on {}", machines.legend(machine, false)),
        Stage::Stopping(machine) => format!("stopping on {}", machines.legend(machine, false)),
        Stage::Cluster => "waiting for the cluster".to_owned(),
    }
}
