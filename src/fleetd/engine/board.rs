//! The board on which the scheduler moves units about: every live machine and what it would have.
//! It keeps the books; it decides nothing.
//!
//! A machine that is looked at anew is empty at first. Of every other one the schedule says what it
//! has, and nothing is copied before that changes: one new unit costs a look at one machine.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use super::ledger::Ledger;
use super::order::Replacements;
use super::trouble::Pause;
use crate::fleetd::registry::{Cluster, Schedule, StoredMachine, StoredUnit};
use crate::model::{MachineId, Requirements, Timestamp};
use crate::unitfile::UnitName;

/// Every live machine, what is on it, and where each unit is.
#[derive(Debug)]
pub struct Board<'a> {
    /// What it was made from.
    pub cluster: &'a Cluster,
    /// What time it is.
    pub now: Timestamp,
    replacements: &'a Replacements,
    /// What is on live machines that do not have just what the schedule says.
    changed: BTreeMap<&'a MachineId, Pieces<'a>>,
    /// Machines by number of units, then by id: the first that takes a unit is the one to choose.
    by_load: BTreeSet<(usize, &'a MachineId)>,
    /// Where units are that are looked at or were moved; several machines for a global one.
    whereabouts: HashMap<&'a UnitName, BTreeSet<&'a MachineId>>,
    /// Where units are left that are on a machine which vanished and is waited for.
    left_on: BTreeMap<&'a UnitName, &'a MachineId>,
}

/// What is on a machine.
#[derive(Debug, Default)]
struct Pieces<'a> {
    units: BTreeMap<&'a UnitName, &'a Requirements>,
    /// Those that declare conflicts.
    quarrelsome: BTreeMap<&'a UnitName, &'a Requirements>,
}

/// One live machine on the board.
#[derive(Debug, Clone, Copy)]
pub struct Spot<'b, 'a> {
    /// Its id.
    pub id: &'a MachineId,
    /// What it says of itself.
    pub machine: &'a StoredMachine,
    cluster: &'a Cluster,
    pieces: Option<&'b Pieces<'a>>,
}

impl<'a> Board<'a> {
    /// All live machines at the moment `now`; those of `anew` are empty.
    pub fn of(
        cluster: &'a Cluster,
        now: Timestamp,
        ledger: &'a Ledger,
        anew: &BTreeSet<&'a MachineId>,
    ) -> Board<'a> {
        let live = anew.iter().filter(|machine| cluster.machines.contains_key(*machine));
        let changed: BTreeMap<_, _> = live.map(|machine| (*machine, Pieces::default())).collect();
        let others = ledger.by_load().filter(|(_, machine)| !changed.contains_key(machine));
        let by_load = others.chain(changed.keys().map(|machine| (0, *machine))).collect();
        let (whereabouts, left_on) = (HashMap::new(), BTreeMap::new());
        let replacements = &ledger.replacements;
        Board { cluster, now, replacements, changed, by_load, whereabouts, left_on }
    }

    /// A machine, if it lives.
    pub fn spot(&self, machine: &MachineId) -> Option<Spot<'_, 'a>> {
        let (id, machine) = self.cluster.machines.get_key_value(machine)?;
        Some(Spot { id, machine, cluster: self.cluster, pieces: self.changed.get(id) })
    }

    /// All live machines.
    pub fn spots(&self) -> impl Iterator<Item = Spot<'_, 'a>> {
        self.cluster.machines.keys().filter_map(|machine| self.spot(machine))
    }

    /// The live machines that were looked at anew or changed.
    pub fn changed(&self) -> impl Iterator<Item = &'a MachineId> {
        self.changed.keys().copied()
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
        self.alter(machine, |pieces| pieces.add(name, wants));
        self.whereabouts_mut(name).insert(machine);
    }

    /// Takes a unit off a machine.
    pub fn take(&mut self, name: &'a UnitName, machine: &'a MachineId) {
        self.alter(machine, |pieces| {
            pieces.units.remove(name);
            pieces.quarrelsome.remove(name);
        });
        self.whereabouts_mut(name).remove(machine);
    }

    fn alter(&mut self, machine: &'a MachineId, change: impl FnOnce(&mut Pieces<'a>)) {
        if !self.cluster.machines.contains_key(machine) {
            return;
        }
        let cluster = self.cluster;
        let pieces = self.changed.entry(machine);
        let pieces = pieces.or_insert_with(|| Pieces::as_scheduled(cluster, machine));
        let before = pieces.units.len();
        change(pieces);
        let now = pieces.units.len();
        if now != before {
            self.by_load.remove(&(before, machine));
            self.by_load.insert((now, machine));
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
    pub fn machines_of(&self, name: &UnitName) -> impl Iterator<Item = &'a MachineId> {
        let moved = self.whereabouts.get(name);
        let not_moved = moved.is_none().then(|| self.not_moved(name));
        moved.into_iter().flatten().copied().chain(not_moved.into_iter().flatten())
    }

    fn whereabouts_mut(&mut self, name: &'a UnitName) -> &mut BTreeSet<&'a MachineId> {
        if !self.whereabouts.contains_key(name) {
            let machines = self.not_moved(name).collect();
            self.whereabouts.insert(name, machines);
        }
        self.whereabouts.entry(name).or_default()
    }

    /// The live machines on which a unit is because the schedule says so.
    fn not_moved(&self, name: &UnitName) -> impl Iterator<Item = &'a MachineId> {
        let spots = self.cluster.homes_of(name).filter_map(|machine| self.spot(machine));
        let there = |spot: &Spot<'_, 'a>| spot.has(name);
        spots.filter(there).map(|spot| spot.id)
    }

    /// All machines, those with the fewest units first.
    pub fn by_load(&self) -> impl Iterator<Item = Spot<'_, 'a>> {
        self.by_load.iter().filter_map(|(_, id)| self.spot(id))
    }

    /// Every unit that shall take the place of others, should there be any.
    pub fn replacers(&self) -> impl Iterator<Item = &'a UnitName> + use<'a> {
        self.replacements.replacers()
    }

    /// Those of them that may take what they did not take in the last pass: what they have changed, or
    /// time alone can change their mind.
    pub fn changed_by_load(&self) -> impl Iterator<Item = Spot<'_, 'a>> {
        let troubled = self.cluster.machine_troubles.keys();
        let machines: BTreeSet<_> = self.changed().chain(troubled).collect();
        let mut spots: Vec<_> = machines.into_iter().filter_map(|id| self.spot(id)).collect();
        spots.sort_by_key(|spot| (spot.load(), spot.id));
        spots.into_iter()
    }

    /// The units whose place this unit shall take.
    pub fn replaced_by(&self, name: &UnitName) -> impl Iterator<Item = &'a UnitName> + use<'a> {
        self.replacements.replaced_by(name)
    }

    /// The units that shall take this unit's place.
    pub fn replacers_of(&self, name: &UnitName) -> impl Iterator<Item = &'a UnitName> + use<'a> {
        self.replacements.replacers_of(name)
    }
}

impl<'a> Pieces<'a> {
    fn as_scheduled(cluster: &'a Cluster, machine: &MachineId) -> Pieces<'a> {
        let mut pieces = Pieces::default();
        let schedule = cluster.schedule.get(machine).into_iter();
        let names = schedule.flat_map(|schedule| schedule.units.keys());
        for (name, unit) in names.filter_map(|name| cluster.units.get_key_value(name)) {
            pieces.add(name, &unit.requirements);
        }
        pieces
    }

    fn add(&mut self, name: &'a UnitName, wants: &'a Requirements) {
        self.units.insert(name, wants);
        if !wants.conflicts.is_empty() {
            self.quarrelsome.insert(name, wants);
        }
    }
}

impl<'b, 'a> Spot<'b, 'a> {
    /// Whether a unit is on it.
    pub fn has(&self, unit: &UnitName) -> bool {
        match self.pieces {
            Some(pieces) => pieces.units.contains_key(unit),
            None => self.schedule().is_some_and(|schedule| schedule.names(unit)),
        }
    }

    /// How many units are on it.
    pub fn load(&self) -> usize {
        match self.pieces {
            Some(pieces) => pieces.units.len(),
            None => self.schedule().map_or(0, Schedule::load),
        }
    }

    /// The units that are on it, in order.
    pub fn units(&self) -> impl Iterator<Item = &'a UnitName> + use<'b, 'a> {
        let pieces = self.pieces.into_iter().flat_map(|pieces| pieces.units.keys().copied());
        let schedule = self.schedule().filter(|_| self.pieces.is_none());
        pieces.chain(schedule.into_iter().flat_map(|schedule| schedule.units.keys()))
    }

    /// Those of them that declare conflicts, in order.
    pub fn quarrelsome(
        &self,
    ) -> impl Iterator<Item = (&'a UnitName, &'a Requirements)> + use<'b, 'a> {
        let pieces = self.pieces.into_iter().flat_map(|pieces| &pieces.quarrelsome);
        let pieces = pieces.map(|(name, wants)| (*name, *wants));
        let (cluster, schedule) = (self.cluster, self.schedule().filter(|_| self.pieces.is_none()));
        let scheduled = schedule.into_iter().flat_map(|schedule| schedule.units.keys());
        let scheduled = scheduled.filter_map(|name| cluster.units.get_key_value(name));
        let scheduled = scheduled.map(|(name, unit)| (name, &*unit.requirements));
        pieces.chain(scheduled.filter(|(_, wants)| !wants.conflicts.is_empty()))
    }

    /// How long it takes no newcomers.
    pub fn pause(&self, now: Timestamp) -> Option<Pause> {
        Pause::of_machine(self.cluster, self.id, now)
    }

    fn schedule(&self) -> Option<&'a Schedule> {
        self.cluster.schedule.get(self.id)
    }
}
