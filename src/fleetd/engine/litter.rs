//! What another hand wrote into the store and nobody repairs by itself: which of it the leader takes
//! away. Pure.
//!
//! Not here: units, which are for people to repair; schedules, which the next plan writes anew; and
//! what a machine that lives says of itself, which it says again.

use std::fmt;

use crate::fleetd::registry::{Cluster, Fault, Foreign, Key, Revision};
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// A key to take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Litter {
    /// The key.
    pub key: Key,
    /// When it was written.
    pub modified: Revision,
    fault: Fault,
}

/// What is to be taken away, in order of key.
pub fn litter(cluster: &Cluster) -> Vec<Litter> {
    let foreign = cluster.foreign.iter();
    let useless = foreign.filter(|(key, foreign)| match key {
        // An unreadable value that hangs on a session goes with it.
        Key::Machine(machine) => {
            foreign.fault == Fault::NoSession && !holds_anything(cluster, machine)
        }
        // A unit that runs somewhere is held, whatever the key says.
        Key::Holder(name) => foreign.fault == Fault::NoSession && !is_reported(cluster, name),
        Key::State(name, machine) => {
            foreign.fault == Fault::NoSession && !shall_have(cluster, machine, name)
        }
        Key::Figures(machine) | Key::Known(machine) => !cluster.machines.contains_key(machine),
        Key::Lost(machine) => {
            cluster.machines.contains_key(machine) || !cluster.known.contains_key(machine)
        }
        Key::UnitTrouble(_) | Key::MachineTrouble(_) => true,
        _ => false,
    });
    let litter = |(key, foreign): (&Key, &Foreign)| Litter {
        key: key.clone(),
        modified: foreign.modified,
        fault: foreign.fault.clone(),
    };
    useless.map(litter).collect()
}

/// Whether anything of a live session says that the machine has a unit.
fn holds_anything(cluster: &Cluster, machine: &MachineId) -> bool {
    cluster.holders.values().any(|holder| holder.machine == *machine)
        || cluster.states.values().any(|on| on.contains_key(machine))
}

fn is_reported(cluster: &Cluster, name: &UnitName) -> bool {
    cluster.states.contains_key(name)
}

fn shall_have(cluster: &Cluster, machine: &MachineId, name: &UnitName) -> bool {
    let schedule = cluster.schedule.get(machine);
    cluster.machines.contains_key(machine) && schedule.is_some_and(|schedule| schedule.names(name))
}

impl fmt::Display for Litter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "! {}: removed, {}", self.key, self.fault)
    }
}
