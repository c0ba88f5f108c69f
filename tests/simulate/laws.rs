//! What must hold at every moment, whatever fails. Plain rules, written without looking at how fleetd keeps them.

use fleet::fleetd::registry::{Cluster, Event, Key, LeaseId};
use fleet::model::{MachineId, Requirements, TargetState};
use fleet::unitfile::UnitName;

use super::units;
use super::world::{Seen, Truth, may_be_unwritten};

type Law = Result<(), String>;

/// No unit runs in two live sessions; one that stops when it is cut off never runs twice.
pub fn always(truth: &Truth) -> Law {
    let mut running = Vec::new();
    for (host, seen) in &truth.hosts {
        let member = truth.is_member(seen);
        for unit in seen.units.processes().into_iter().filter(|unit| !units::is_global(unit)) {
            let holds = truth.holds(seen, &unit);
            if member && !holds {
                return Err(format!(
                    "h{host} is of the cluster and runs {unit}, which it does not hold"
                ));
            }
            let stops = units::stops_when_cut_off(&unit) && seen.is_looked_after();
            if !(member || holds || stops) {
                continue;
            }
            if running.contains(&unit) {
                return Err(format!("{unit} runs twice, once on h{host}"));
            }
            running.push(unit);
        }
    }
    Ok(())
}

/// Before a change of the store is made.
pub fn change(truth: &Truth, event: &Event) -> Law {
    let Event::Deleted(key) = event else { return Ok(()) };
    let Some(Key::Schedule(machine, unit)) = Key::parse(key) else { return Ok(()) };
    let Some(stored) = truth.cluster.units.get(&unit) else { return Ok(()) };
    let unwanted = stored.desired == TargetState::Inactive;
    let alive = truth.cluster.machines.contains_key(&machine);
    let held = truth.cluster.live_holder(&unit).is_some_and(|holder| *holder != machine);
    let elsewhere = held || truth.cluster.machines_of(&unit).count() > 1;
    let other_metadata = units::minds_metadata(&unit) && truth.are_metadata_fresh();
    let gives_way = units::gives_way(&unit) || other_metadata;
    if unwanted || !alive || elsewhere || gives_way || truth.restless.contains(&unit) {
        return Ok(());
    }
    Err(format!("{unit} was taken from {machine} for nothing"))
}

/// After a unit was given to a machine.
pub fn place(truth: &Truth, machine: &MachineId, unit: &UnitName) -> Law {
    let Some(stored) = truth.cluster.units.get(unit) else { return Ok(()) };
    let others = truth.cluster.machines_of(unit).filter(|(other, _)| *other != machine);
    if let (Some((other, _)), false) = (others.into_iter().next(), units::is_global(unit)) {
        return Err(format!("{unit} was given to {machine} while {other} has it"));
    }
    match refusal(&truth.cluster, machine, unit, &stored.requirements) {
        Some("metadata") if truth.are_metadata_fresh() => Ok(()),
        Some(why) => Err(format!("{unit} was given to {machine} against its {why}")),
        None => Ok(()),
    }
}

/// Before systemd is asked to stop a unit.
pub fn stop(truth: &Truth, host: usize, unit: &UnitName) -> Law {
    let Some(seen) = truth.hosts.get(&host) else { return Ok(()) };
    let wanted = truth.cluster.units.get(unit).filter(|unit| unit.desired == TargetState::Launched);
    let fits = wanted
        .is_some_and(|it| refusal(&truth.cluster, &seen.id, unit, &it.requirements).is_none());
    let runs = seen.units.processes().contains(unit);
    // It cannot be seen from here whether it has to fear that it is cut off.
    let may_fear = units::stops_when_cut_off(unit);
    let excused =
        seen.leaving || may_fear || units::gives_way(unit) || seen.reasons.contains_key(unit);
    if !runs || !fits || excused {
        return Ok(());
    }
    Err(format!("h{host} stops {unit} for nothing"))
}

/// Before systemd is asked to start a unit: each start is carried out once.
pub fn start(seen: &Seen, unit: &UnitName, launch: u64) -> Law {
    match seen.launched.get(unit) {
        Some((same, at)) if *same == launch && !may_be_unwritten(seen, *at) => {
            Err(format!("{unit} is started a second time for launch {launch}"))
        }
        _ => Ok(()),
    }
}

/// Before a machine ends a lease of its own: nothing that hangs on it may run.
pub fn revoke(truth: &Truth, host: usize, lease: LeaseId) -> Law {
    let Some(seen) = truth.hosts.get(&host) else { return Ok(()) };
    let held = |unit: &UnitName| {
        let holder = truth.keys.get(&Key::Holder(unit.clone()).to_string());
        holder.is_some_and(|entry| entry.lease == Some(lease))
    };
    match seen.units.processes().into_iter().find(held) {
        Some(unit) => Err(format!("h{host} ends its session while {unit} runs")),
        None => Ok(()),
    }
}

/// Why a machine is none for a unit, beside what else is there now.
pub fn refusal(
    cluster: &Cluster,
    machine: &MachineId,
    name: &UnitName,
    wants: &Requirements,
) -> Option<&'static str> {
    let there = cluster.schedule.get(machine);
    let there = || there.into_iter().flat_map(|schedule| schedule.units.keys());
    let metadata = cluster.metadata_of(machine);
    if wants.machine_id.as_ref().is_some_and(|id| id != machine) {
        return Some("MachineID");
    }
    if wants.machine_of.iter().any(|target| !there().any(|other| other == target)) {
        return Some("MachineOf");
    }
    let quarrel = |mine: &UnitName, other: &UnitName| {
        let wants = cluster.units.get(mine).map(|unit| &unit.requirements.conflicts);
        wants.into_iter().flatten().any(|glob| glob.matches(other.as_str()))
    };
    if there().any(|other| other != name && (quarrel(name, other) || quarrel(other, name))) {
        return Some("Conflicts");
    }
    let unmet = |(key, values): (&String, &std::collections::BTreeSet<String>)| {
        metadata.get(key).is_none_or(|value| !values.contains(value))
    };
    if wants.metadata.iter().any(unmet) {
        return Some("metadata");
    }
    None
}
