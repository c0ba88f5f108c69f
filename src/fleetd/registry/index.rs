//! What would take a look at the whole cluster to find out, kept up with every key that changes. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::Cluster;
use super::keys::Key;
use super::records::StateRecord;
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// Where to look for what.
#[derive(Debug, Clone, Default)]
pub struct Index {
    homes: BTreeMap<UnitName, BTreeSet<MachineId>>,
    away: BTreeSet<MachineId>,
    failed_starts: BTreeSet<UnitName>,
}

impl Index {
    /// The machines whose schedule names a unit.
    pub fn homes_of<'a>(
        &'a self,
        name: &UnitName,
    ) -> impl Iterator<Item = &'a MachineId> + use<'a> {
        self.homes.get(name).into_iter().flatten()
    }

    /// Machines that are known and not there.
    pub fn away(&self) -> impl Iterator<Item = &MachineId> {
        self.away.iter()
    }

    /// Units of which a start failed on some machine, as that says.
    pub fn failed_starts(&self) -> impl Iterator<Item = &UnitName> {
        self.failed_starts.iter()
    }

    /// A key changed, and `cluster` says how.
    pub fn update(&mut self, key: &Key, cluster: &Cluster) {
        match key {
            Key::Schedule(machine, name) => {
                let there = cluster.schedule.get(machine).is_some_and(|it| it.names(name));
                self.set_home(name, machine, there);
            }
            Key::Machine(machine) | Key::Known(machine) => {
                let known = cluster.known.contains_key(machine);
                let away = known && !cluster.machines.contains_key(machine);
                set(&mut self.away, machine, away);
            }
            Key::State(name, _) => {
                let states = cluster.states.get(name).into_iter().flatten();
                let failed = |(_, state): (_, &StateRecord)| state.failed_start().is_some();
                set(&mut self.failed_starts, name, states.into_iter().any(failed));
            }
            _ => {}
        }
    }

    fn set_home(&mut self, name: &UnitName, machine: &MachineId, there: bool) {
        let homes = self.homes.entry(name.clone()).or_default();
        set(homes, machine, there);
        if homes.is_empty() {
            self.homes.remove(name);
        }
    }
}

/// Makes `value` one of the set, or not.
fn set<T: Ord + Clone>(all: &mut BTreeSet<T>, value: &T, belongs: bool) {
    match belongs {
        true if !all.contains(value) => drop(all.insert(value.clone())),
        true => {}
        false => drop(all.remove(value)),
    }
}
