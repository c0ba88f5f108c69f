//! What must hold once nothing fails any more and everything had time to settle.

use std::collections::BTreeSet;

use fleet::fleetd::clock;
use fleet::fleetd::engine::{Moment, schedule};
use fleet::fleetd::registry::{Key, StateRecord};
use fleet::fleetd::systemd::UnitManager;
use fleet::model::{MachineId, TargetState};
use fleet::unitfile::UnitName;
use futures_util::FutureExt;

use super::laws::refusal;
use super::script::MACHINES;
use super::units;
use super::world::{Seen, Truth};

/// Everything that is not as it should be.
pub fn troubles(truth: &Truth) -> Vec<String> {
    let mut troubles = Vec::new();
    if truth.cluster.machines.len() != MACHINES {
        troubles.push(format!("{} machines are there", truth.cluster.machines.len()));
    }
    let undone = schedule(&truth.cluster, &Moment::at(clock::now())).decisions;
    troubles.extend(undone.iter().map(|decision| format!("undone: {decision}")));
    homeless(truth, &mut troubles);
    for (host, seen) in &truth.hosts {
        let mut of_host = Vec::new();
        runs_as_scheduled(truth, seen, &mut of_host);
        told_as_it_is(truth, seen, &mut of_host);
        troubles.extend(of_host.into_iter().map(|trouble| format!("h{host}: {trouble}")));
    }
    left_over(truth, &mut troubles);
    troubles
}

/// Units that are wanted and have no place, though some machine would do.
fn homeless(truth: &Truth, troubles: &mut Vec<String>) {
    for (name, unit) in &truth.cluster.units {
        if unit.desired == TargetState::Inactive {
            continue;
        }
        let has =
            |machine: &MachineId| truth.cluster.machines_of(name).any(|(on, _)| on == machine);
        let placed = truth.cluster.machines_of(name).next().is_some();
        // Another one that takes its place may keep it away: that one is here.
        let replaced = name.as_str() == "r-old.service" && !placed;
        for machine in truth.cluster.machines.keys().filter(|machine| !has(machine)) {
            let takes = refusal(&truth.cluster, machine, name, &unit.requirements).is_none();
            let replacer = truth.cluster.schedule.get(machine).is_some_and(|schedule| {
                schedule.units.keys().any(|other| other.as_str() == "r-new.service")
            });
            if takes && (units::is_global(name) || !placed) && !(replaced && replacer) {
                troubles.push(format!("{name} is not on {machine}, which would take it"));
            }
        }
    }
}

fn runs_as_scheduled(truth: &Truth, seen: &Seen, troubles: &mut Vec<String>) {
    let files = seen.units.files().now_or_never().and_then(Result::ok).unwrap_or_default();
    let processes = seen.units.processes();
    let nothing = fleet::fleetd::registry::Schedule::default();
    let scheduled = &truth.cluster.schedule.get(&seen.id).unwrap_or(&nothing).units;
    let linked: BTreeSet<&UnitName> = files.keys().collect();
    if linked != scheduled.keys().collect() {
        troubles.push(format!("linked {linked:?}, scheduled {:?}", scheduled.keys()));
    }
    for (name, wanted) in scheduled {
        let runs = processes.contains(name);
        let may_have_ended = units::is_oneshot(name) || seen.ended.contains(name);
        match wanted.desired {
            TargetState::Launched if !runs && !may_have_ended => {
                troubles.push(format!("{name} does not run"));
            }
            TargetState::Loaded if runs => {
                troubles.push(format!("{name} runs, and is to be loaded"))
            }
            _ => {}
        }
        if files.get(name).is_some_and(|file| file.hash() != wanted.hash) {
            troubles.push(format!("{name} is linked with another file"));
        }
        if !units::is_global(name) && !truth.holds(seen, name) {
            troubles.push(format!("{name} is not held"));
        }
    }
    let strays = processes.iter().filter(|name| !scheduled.contains_key(*name));
    troubles.extend(strays.map(|name| format!("{name} runs, and is not scheduled")));
}

/// The states in the store are those of systemd.
fn told_as_it_is(truth: &Truth, seen: &Seen, troubles: &mut Vec<String>) {
    let all = seen.units.observe().now_or_never().and_then(Result::ok).unwrap_or_default();
    for (name, status) in &all {
        let told: Option<&StateRecord> =
            truth.cluster.states.get(name).and_then(|on| on.get(&seen.id));
        let Some(told) = told else {
            troubles.push(format!("nothing is told of {name}"));
            continue;
        };
        if (&told.active, &told.sub) != (&status.state.active, &status.state.sub) {
            troubles.push(format!("{name} is {}, told as {}", status.state.active, told.active));
        }
        let wanted = truth.cluster.units.get(name).filter(|it| it.desired == TargetState::Launched);
        if let Some(wanted) = wanted
            && told.launch != Some(wanted.launch)
        {
            troubles.push(format!("{name}: launch {} told as {:?}", wanted.launch, told.launch));
        }
    }
    let told = truth.cluster.states.iter().filter(|(_, on)| on.contains_key(&seen.id));
    let strays = told.filter(|(name, _)| !all.contains_key(*name));
    troubles
        .extend(strays.map(|(name, _)| format!("something is told of {name}, which is not here")));
}

/// Keys of sessions that are over, and of units that are gone.
fn left_over(truth: &Truth, troubles: &mut Vec<String>) {
    let leases: BTreeSet<_> = truth
        .hosts
        .values()
        .filter_map(|seen| truth.keys.get(&Key::Machine(seen.id.clone()).to_string())?.lease)
        .collect();
    for (key, entry) in &truth.keys {
        let of_session = ["machine/", "holder/", "state/"].iter().any(|kind| key.starts_with(kind));
        if of_session && !entry.lease.is_some_and(|lease| leases.contains(&lease)) {
            troubles.push(format!("{key} is of no live session"));
        }
        let unit = match Key::parse(key) {
            Some(Key::Holder(unit) | Key::State(unit, _) | Key::Schedule(_, unit)) => unit,
            _ => continue,
        };
        if !truth.cluster.units.contains_key(&unit) {
            troubles.push(format!("{key} is of a unit that is gone"));
        }
    }
}
