//! From where everything would be to what must be written: the finished board against the
//! schedule as it is stored. Pure.

use std::collections::BTreeSet;

use super::plan::{Change, Decision, Plan, UnassignReason, UpdateReason};
use super::schedule::Pass;
use crate::fleetd::registry::{Assignment, Cluster, Schedule, StoredMachine, StoredUnit};
use crate::model::{MachineId, TargetState};
use crate::unitfile::UnitName;

/// The decisions that turn the stored schedule into the board: removals, changes, additions.
pub fn plan(pass: Pass<'_>) -> Plan {
    let cluster = pass.board.cluster;
    let mut decisions = Vec::new();
    for (machine, schedule) in &cluster.schedule {
        let kept = |name: &UnitName| {
            pass.board.spots.get(machine).is_some_and(|spot| spot.units.contains_key(name))
        };
        // First, so that a machine that wakes does not take the absence that follows for "stop".
        if !cluster.machines.contains_key(machine) && schedule.planned.is_some() {
            decide(&mut decisions, machine, Change::Expire);
        }
        let named = schedule.units.keys().chain(&schedule.unreadable);
        for unit in named.filter(|name| !kept(name) && !cluster.is_unreadable(name)) {
            let reason = drop_reason(&pass, machine, unit);
            let gone =
                matches!(reason, UnassignReason::MachineGone | UnassignReason::MachineLost(_));
            if gone && stays(&pass, machine, unit) {
                continue;
            }
            decide(&mut decisions, machine, Change::Unassign { unit: unit.clone(), reason });
        }
    }
    for (machine, spot) in &pass.board.spots {
        updates(&mut decisions, cluster, machine, spot.units.keys());
    }
    for ((machine, name), reason) in &pass.assigned {
        if let Some(unit) = cluster.units.get(*name) {
            let (unit, to) = ((*name).clone(), assignment(unit));
            let change = Change::Assign { unit, to, reason: reason.clone() };
            decide(&mut decisions, machine, change);
        }
    }
    complete(&mut decisions, &pass);
    let due = pass.due();
    Plan { decisions, paused: pass.paused, refused: pass.refused, due }
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

fn updates<'a>(
    decisions: &mut Vec<Decision>,
    cluster: &Cluster,
    machine: &MachineId,
    units: impl Iterator<Item = &'a &'a UnitName>,
) {
    let Some(schedule) = cluster.schedule.get(machine) else {
        return;
    };
    for name in units {
        let Some(stored) = cluster.units.get(*name) else { continue };
        let to = assignment(stored);
        if let Some(reason) = update_reason(schedule, name, &to) {
            decide(decisions, machine, Change::Update { unit: (*name).clone(), to, reason });
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
    let held = cluster.holders.keys().filter_map(|name| Some((cluster.live_holder(name)?, name)));
    let unsettled = held.filter(|held| pass.assigned.contains_key(held)).map(|(holder, _)| holder);
    let unsettled: BTreeSet<&MachineId> = unsettled.collect();
    let newcomers = cluster.machines.iter().filter(|(id, machine)| {
        !is_complete(cluster.schedule.get(*id), machine) && !unsettled.contains(id)
    });
    for (id, machine) in newcomers {
        decide(decisions, id, Change::Complete { life: machine.created });
    }
}

fn is_complete(schedule: Option<&Schedule>, machine: &StoredMachine) -> bool {
    schedule.and_then(|schedule| schedule.planned) == Some(machine.created)
}
