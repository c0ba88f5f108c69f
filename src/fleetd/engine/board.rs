//! The board on which the scheduler moves units about: every live machine and what it would have.
//! It keeps the books; it decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::order::{self, Replacements};
use super::trouble::Pause;
use crate::fleetd::registry::{Cluster, StoredUnit};
use crate::model::{MachineId, Requirements, Timestamp};
use crate::unitfile::UnitName;

/// Every live machine, what is on it, and where each unit is.
#[derive(Debug)]
pub struct Board<'a> {
    /// What it was made from.
    pub cluster: &'a Cluster,
    /// The machines.
    pub spots: BTreeMap<&'a MachineId, Spot<'a>>,
    /// Units whose `MachineOf=` leads back to themselves.
    pub circles: BTreeSet<&'a UnitName>,
    replacements: Replacements<'a>,
    /// Machines by number of units, then by id: the first that takes a unit is the one to choose.
    by_load: BTreeSet<(usize, &'a MachineId)>,
    /// Where each unit is; several machines for a global one.
    whereabouts: BTreeMap<&'a UnitName, BTreeSet<&'a MachineId>>,
    /// Where units are left that are on a machine which vanished and is waited for.
    left_on: BTreeMap<&'a UnitName, &'a MachineId>,
}

/// One machine on the board.
#[derive(Debug)]
pub struct Spot<'a> {
    /// Its id.
    pub id: &'a MachineId,
    /// Its metadata, as set through the API where that was done.
    pub metadata: BTreeMap<String, String>,
    /// What is on it.
    pub units: BTreeMap<&'a UnitName, &'a Requirements>,
    /// How long it takes no newcomers.
    pub pause: Option<Pause>,
    /// Those of its units that declare conflicts.
    pub quarrelsome: BTreeMap<&'a UnitName, &'a Requirements>,
}

impl<'a> Board<'a> {
    /// All live machines at the moment `now`, empty.
    pub fn of(cluster: &'a Cluster, now: Timestamp) -> Board<'a> {
        let spot = |id: &'a MachineId| Spot {
            id,
            metadata: cluster.metadata_of(id),
            units: BTreeMap::new(),
            pause: Pause::of_machine(cluster, id, now),
            quarrelsome: BTreeMap::new(),
        };
        Board {
            cluster,
            spots: cluster.machines.keys().map(|id| (id, spot(id))).collect(),
            circles: order::circles(cluster),
            replacements: order::replacements(cluster),
            by_load: cluster.machines.keys().map(|id| (0, id)).collect(),
            whereabouts: BTreeMap::new(),
            left_on: BTreeMap::new(),
        }
    }

    /// Puts a unit on a live machine.
    pub fn put(&mut self, name: &'a UnitName, unit: &'a StoredUnit, machine: &'a MachineId) {
        self.occupy(name, &unit.requirements, machine);
    }

    /// Leaves a unit on a live machine of which nobody knows what it asks for.
    pub fn leave(&mut self, name: &'a UnitName, machine: &'a MachineId) {
        static UNKNOWN: LazyLock<Requirements> = LazyLock::new(Requirements::default);
        self.occupy(name, &UNKNOWN, machine);
    }

    fn occupy(&mut self, name: &'a UnitName, wants: &'a Requirements, machine: &'a MachineId) {
        let Some(spot) = self.spots.get_mut(machine) else {
            return;
        };
        let load = spot.units.len();
        spot.units.insert(name, wants);
        if !wants.conflicts.is_empty() {
            spot.quarrelsome.insert(name, wants);
        }
        let now = spot.units.len();
        self.reweigh(machine, load, now);
        self.whereabouts.entry(name).or_default().insert(machine);
    }

    /// Takes a unit off a machine.
    pub fn take(&mut self, name: &UnitName, machine: &'a MachineId) {
        let Some(spot) = self.spots.get_mut(machine) else {
            return;
        };
        let load = spot.units.len();
        spot.units.remove(name);
        spot.quarrelsome.remove(name);
        let now = spot.units.len();
        self.reweigh(machine, load, now);
        if let Some(machines) = self.whereabouts.get_mut(name) {
            machines.remove(machine);
        }
    }

    /// Leaves a unit on a machine that vanished and is waited for.
    pub fn wait_on(&mut self, name: &'a UnitName, machine: &'a MachineId) {
        self.left_on.insert(name, machine);
    }

    /// Whether a unit is left on this machine, which vanished.
    pub fn is_left_on(&self, name: &UnitName, machine: &MachineId) -> bool {
        self.left_on.get(name) == Some(&machine)
    }

    /// Whether a unit has a machine, there or waited for.
    pub fn is_placed(&self, name: &UnitName) -> bool {
        self.machines_of(name).next().is_some() || self.left_on.contains_key(name)
    }

    /// The machines a unit is on.
    pub fn machines_of(
        &self,
        name: &UnitName,
    ) -> impl Iterator<Item = &'a MachineId> + use<'_, 'a> {
        self.whereabouts.get(name).into_iter().flatten().copied()
    }

    /// All machines, those with the fewest units first.
    pub fn by_load(&self) -> impl Iterator<Item = &Spot<'a>> {
        self.by_load.iter().filter_map(|(_, id)| self.spots.get(id))
    }

    /// The units whose place this unit shall take.
    pub fn replaced_by(&self, name: &UnitName) -> impl Iterator<Item = &'a UnitName> + use<'_, 'a> {
        self.replacements.replaced_by(name)
    }

    /// The units that shall take this unit's place.
    pub fn replacers_of(
        &self,
        name: &UnitName,
    ) -> impl Iterator<Item = &'a UnitName> + use<'_, 'a> {
        self.replacements.replacers_of(name)
    }

    fn reweigh(&mut self, machine: &'a MachineId, before: usize, now: usize) {
        self.by_load.remove(&(before, machine));
        self.by_load.insert((now, machine));
    }
}
