//! From where everything would be to what must be written: the finished board against the
//! schedule as it is stored. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Change, Decision, Plan, UnassignReason, UpdateReason};
use super::schedule::Pass;
use crate::fleetd::registry::{Assignment, Schedule, StoredMachine, StoredUnit};
use crate::model::{MachineId, TargetState};
use crate::unitfile::UnitName;

/// The decisions that turn the stored schedule into the board: removals, changes, additions.
pub fn plan(pass: &Pass<'_>) -> Plan {
    let cluster = pass.board.cluster;
    let mut decisions = Vec::new();
    let machines: BTreeSet<_> =
        pass.scope.machines.iter().copied().chain(pass.board.changed()).collect();
    for &machine in &machines {
        removals(&mut decisions, pass, machine);
    }
    for &machine in &machines {
        updates(&mut decisions, pass, machine);
    }
    for ((machine, name), reason) in &pass.assigned {
        if let Some(unit) = cluster.units.get(*name) {
            let (unit, to) = ((*name).clone(), assignment(unit));
            let change = Change::Assign { unit, to, reason: reason.clone() };
            decide(&mut decisions, machine, change);
        }
    }
    complete(&mut decisions, pass);
    let paused = pass.paused.iter().map(|(name, pause)| ((*name).clone(), *pause)).collect();
    Plan { decisions, paused, refused: BTreeMap::new(), due: pass.due() }
}

fn removals(decisions: &mut Vec<Decision>, pass: &Pass<'_>, machine: &MachineId) {
    let cluster = pass.board.cluster;
    let Some(schedule) = cluster.schedule.get(machine) else { return };
    let spot = pass.board.spot(machine);
    // First, so that a machine that wakes does not take the absence that follows for "stop".
    if spot.is_none() && schedule.planned.is_some() {
        decide(decisions, machine, Change::Expire);
    }
    let kept =
        |name: &UnitName| spot.is_some_and(|spot| spot.has(name)) || cluster.is_unreadable(name);
    let named = schedule.units.keys().chain(&schedule.unreadable);
    for unit in named.filter(|name| !kept(name)) {
        let reason = drop_reason(pass, machine, unit);
        let gone = matches!(reason, UnassignReason::MachineGone | UnassignReason::MachineLost(_));
        if !(gone && stays(pass, machine, unit)) {
            decide(decisions, machine, Change::Unassign { unit: unit.clone(), reason });
        }
    }
}

fn decide(decisions: &mut Vec<Decision>, machine: &MachineId, change: Change) {
    decisions.push(Decision { machine: machine.clone(), change });
}

/// What the schedule shall say of a unit.
fn assignment(unit: &StoredUnit) -> Assignment {
    Assignment {
        hash: unit.hash,
        desired: unit.desired,
        launch: unit.launch,
        global: unit.requirements.global,
    }
}

fn drop_reason(pass: &Pass<'_>, machine: &MachineId, unit: &UnitName) -> UnassignReason {
    let cluster = pass.board.cluster;
    match cluster.units.get(unit) {
        None => UnassignReason::Destroyed,
        Some(stored) if stored.desired == TargetState::Inactive => UnassignReason::Unloaded,
        Some(_) => match pass.dropped.get(&(machine, unit)) {
            Some(reason) => reason.clone(),
            None => match pass.move_from(machine, unit) {
                Some(moves) => UnassignReason::MachineLost(moves),
                None => UnassignReason::MachineGone,
            },
        },
    }
}

/// Whether a unit stays in the schedule of a machine that vanished and is waited for.
fn stays(pass: &Pass<'_>, machine: &MachineId, unit: &UnitName) -> bool {
    let global = || pass.board.cluster.units.get(unit).is_some_and(|u| u.requirements.global);
    pass.waits.contains_key(machine) && (pass.board.is_left_on(unit, machine) || global())
}

fn updates(decisions: &mut Vec<Decision>, pass: &Pass<'_>, machine: &MachineId) {
    let cluster = pass.board.cluster;
    let (Some(schedule), Some(spot)) = (cluster.schedule.get(machine), pass.board.spot(machine))
    else {
        return;
    };
    for name in spot.units() {
        let Some(stored) = cluster.units.get(name) else { continue };
        let to = assignment(stored);
        if let Some(reason) = update_reason(schedule, name, &to) {
            decide(decisions, machine, Change::Update { unit: name.clone(), to, reason });
        }
    }
}

/// Why a schedule has to say something else of a unit than it does, if it has to.
fn update_reason(schedule: &Schedule, name: &UnitName, to: &Assignment) -> Option<UpdateReason> {
    if schedule.unreadable.contains(name) {
        return Some(UpdateReason::Unreadable);
    }
    let was = schedule.units.get(name)?;
    if to.hash != was.hash {
        Some(UpdateReason::File)
    } else if to.desired != was.desired {
        Some(UpdateReason::Desired(to.desired))
    } else if to.launch != was.launch {
        Some(UpdateReason::Launch)
    } else {
        (to.global != was.global).then_some(UpdateReason::File)
    }
}

/// Tells machines that newly joined that their schedule is complete, once it names everything
/// they hold: until then they must not take absence for "stop".
fn complete(decisions: &mut Vec<Decision>, pass: &Pass<'_>) {
    let cluster = pass.board.cluster;
    let holds = |machine: &MachineId, name: &UnitName| cluster.live_holder(name) == Some(machine);
    let unsettled = pass.assigned.keys().filter(|(machine, name)| holds(machine, name));
    let unsettled: BTreeSet<&MachineId> = unsettled.map(|(machine, _)| *machine).collect();
    for id in pass.scope.machines.iter().filter(|id| !unsettled.contains(*id)) {
        if let Some(machine) = cluster.machines.get(*id)
            && !is_complete(cluster.schedule.get(*id), machine)
        {
            decide(decisions, id, Change::Complete { life: machine.created });
        }
    }
}

/// Whether a machine was told that its schedule is complete.
pub fn is_complete(schedule: Option<&Schedule>, machine: &StoredMachine) -> bool {
    schedule.and_then(|schedule| schedule.planned) == Some(machine.created)
}
