//! The wire's documents from what is stored. Pure.

use crate::api::{Machine, MachineStatus, State, Unit};
use crate::fleetd::registry::{Cluster, MachineRecord, StateRecord, StoredUnit};
use crate::model::{MachineId, SystemdState, TargetState};
use crate::unitfile::{UnitFile, UnitName};

/// Whether a unit's document carries its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// As options and byte for byte.
    With,
    /// Not.
    Without,
}

/// A unit, what is wanted of it, and how far it got.
pub fn unit(cluster: &Cluster, name: &UnitName, stored: &StoredUnit, file: File) -> Unit {
    let global = stored.requirements.global;
    let machine = cluster.machines_of(name).next().map(|(id, _)| id).filter(|_| !global);
    let (options, contents) = match file {
        File::With => {
            let options = UnitFile::parse(&stored.contents).map(|file| file.options().to_vec());
            (options.unwrap_or_default(), Some(stored.contents.to_string()))
        }
        File::Without => (Vec::new(), None),
    };
    Unit {
        name: Some(name.clone()),
        options,
        contents,
        desired_state: Some(stored.desired),
        current_state: (!global).then(|| current_state(cluster, name, machine)),
        machine_id: machine.cloned(),
        launch: Some(stored.launch),
    }
}

/// How far a unit got on the machine it is scheduled to, by what that machine reports.
pub fn current_state(
    cluster: &Cluster,
    name: &UnitName,
    machine: Option<&MachineId>,
) -> TargetState {
    let reported = machine.and_then(|machine| cluster.states.get(name)?.get(machine));
    match reported {
        None => TargetState::Inactive,
        Some(state) if state.launch.is_some() => TargetState::Launched,
        Some(_) => TargetState::Loaded,
    }
}

/// What one machine's systemd says of a unit.
pub fn state(name: &UnitName, machine: &MachineId, record: &StateRecord) -> State {
    let (load, active, sub) = (record.load.clone(), record.active.clone(), record.sub.clone());
    let systemd = SystemdState { load, active, sub };
    State {
        launch: record.launch,
        job: record.job.clone(),
        result: record.result.clone(),
        exit_status: record.exit_status,
        message: record.message.clone(),
        since: record.since,
        main_pid: record.main_pid,
        restarts: record.restarts,
        log: record.log.clone(),
        ..State::new(name.clone(), record.hash, machine.clone(), systemd)
    }
}

/// A live machine, if it is one.
pub fn machine(cluster: &Cluster, id: &MachineId) -> Option<Machine> {
    let record = &cluster.machines.get(id)?.record;
    let units = cluster.schedule.get(id).map_or(0, |schedule| schedule.units.len());
    Some(Machine {
        since: record.joined,
        units: Some(units.try_into().unwrap_or(u32::MAX)),
        ..described(cluster, id, record)
    })
}

/// A machine that was of the cluster and is gone, if it is known.
pub fn departed(cluster: &Cluster, id: &MachineId) -> Option<Machine> {
    let known = &cluster.known.get(id)?.record;
    let lost = cluster.lost.get(id).map(|lost| lost.since);
    Some(Machine {
        since: known.left.or(lost),
        status: gone(cluster, id),
        ..described(cluster, id, &known.machine)
    })
}

/// How a machine went; `None`: it is there, or was never known.
pub fn gone(cluster: &Cluster, id: &MachineId) -> Option<MachineStatus> {
    let known = cluster.known.get(id).filter(|_| !cluster.machines.contains_key(id))?;
    Some(if known.record.left.is_some() { MachineStatus::Left } else { MachineStatus::Lost })
}

/// What a machine says of itself.
fn described(cluster: &Cluster, id: &MachineId, record: &MachineRecord) -> Machine {
    let facts = record.facts.clone().unwrap_or_default();
    Machine {
        metadata: cluster.overridden(id, &record.metadata),
        version: Some(record.version.clone()),
        hostname: facts.hostname,
        os: facts.os,
        cpus: facts.cpus,
        memory: facts.memory,
        systemd_version: facts.systemd_version,
        docker_version: facts.docker_version,
        booted: facts.booted,
        ..Machine::new(id.clone(), record.ip.clone())
    }
}
