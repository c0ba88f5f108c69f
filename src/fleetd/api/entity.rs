//! The wire's documents from what is stored. Pure.

use crate::api::{Machine, State, Unit};
use crate::fleetd::registry::{Cluster, StateRecord, StoredUnit};
use crate::model::{MachineId, TargetState};
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
fn current_state(cluster: &Cluster, name: &UnitName, machine: Option<&MachineId>) -> TargetState {
    let reported = machine.and_then(|machine| cluster.states.get(name)?.get(machine));
    match reported {
        None => TargetState::Inactive,
        Some(state) if state.launch.is_some() => TargetState::Launched,
        Some(_) => TargetState::Loaded,
    }
}

/// What one machine's systemd says of a unit.
pub fn state(name: &UnitName, machine: &MachineId, record: &StateRecord) -> State {
    State {
        name: name.clone(),
        hash: record.hash,
        machine_id: machine.clone(),
        systemd_load_state: record.load.clone(),
        systemd_active_state: record.active.clone(),
        systemd_sub_state: record.sub.clone(),
        launch: record.launch,
        job: record.job.clone(),
        result: record.result.clone(),
        exit_status: record.exit_status,
        message: record.message.clone(),
    }
}

/// A live machine, if it is one.
pub fn machine(cluster: &Cluster, id: &MachineId) -> Option<Machine> {
    let record = &cluster.machines.get(id)?.record;
    Some(Machine {
        id: id.clone(),
        primary_ip: record.ip.clone(),
        metadata: cluster.metadata_of(id),
        version: Some(record.version.clone()),
    })
}
