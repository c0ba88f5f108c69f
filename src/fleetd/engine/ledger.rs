//! What the engine keeps in order between two passes, so that the next one looks only at what
//! changed since. It follows from what is stored, and from what the last pass left open. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::order::{self, Replacements};
use super::plan::Plan;
use super::schedule::Pass;
use super::scope::Scope;
use crate::fleetd::registry::{Cluster, Key, StoredUnit};
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// The books between two passes.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Which unit shall take the place of which.
    pub replacements: Replacements,
    /// How many units each live machine has.
    loads: BTreeMap<MachineId, usize>,
    by_load: BTreeSet<(usize, MachineId)>,
    globals: BTreeSet<UnitName>,
    /// Machines that have a schedule and are not there.
    gone: BTreeSet<MachineId>,
    /// `None`: everything.
    open: Option<Open>,
}

/// What the next pass has to look at, whatever changes.
#[derive(Debug, Default)]
pub struct Open {
    units: BTreeSet<UnitName>,
    machines: BTreeSet<MachineId>,
    /// Units that no machine took. One that did not change since does not take them now.
    untaken: BTreeSet<UnitName>,
}

impl Ledger {
    /// As if nobody had looked yet.
    pub fn of(cluster: &Cluster) -> Ledger {
        let mut ledger = Ledger { replacements: Replacements::of(cluster), ..Ledger::default() };
        let globals = cluster.units.iter().filter(|(name, unit)| order::is_global(name, unit));
        ledger.globals = globals.map(|(name, _)| name.clone()).collect();
        for machine in cluster.machines.keys().chain(cluster.schedule.keys()) {
            ledger.count(cluster, machine);
        }
        ledger
    }

    /// All live machines, those with the fewest units first.
    pub fn by_load(&self) -> impl Iterator<Item = (usize, &MachineId)> {
        self.by_load.iter().map(|(load, machine)| (*load, machine))
    }

    /// Takes note of keys that changed. `false`: that touches so much that everything has to be
    /// looked at.
    pub fn follow<'k>(
        &mut self,
        cluster: &Cluster,
        mut changed: impl Iterator<Item = &'k Key>,
    ) -> bool {
        changed.all(|key| self.follow_one(cluster, key))
    }

    fn follow_one(&mut self, cluster: &Cluster, key: &Key) -> bool {
        if matches!(key, Key::Unit(name) if self.concerns_many(cluster, name)) {
            return false;
        }
        if let Some(open) = &mut self.open {
            open.add(key);
        }
        if let Key::Schedule(machine, _) | Key::Machine(machine) | Key::Planned(machine) = key {
            self.count(cluster, machine);
        }
        true
    }

    /// Whether a change of a unit can concern units that are neither on its machines nor without one.
    fn concerns_many(&self, cluster: &Cluster, name: &UnitName) -> bool {
        let unit = cluster.units.get(name);
        let is = |what: fn(&UnitName, &StoredUnit) -> bool| unit.is_some_and(|it| what(name, it));
        let takes_its_place = |by: &UnitName| {
            let by = cluster.units.get_key_value(by);
            by.is_some_and(|(by, unit)| order::takes_place_of(by, unit, name))
        };
        self.globals.contains(name)
            || is(order::is_global)
            || is(order::replaces)
            || self.replacements.replacers().any(|by| by == name || takes_its_place(by))
    }

    fn count(&mut self, cluster: &Cluster, machine: &MachineId) {
        if let Some(load) = self.loads.remove(machine) {
            self.by_load.remove(&(load, machine.clone()));
        }
        self.gone.remove(machine);
        let schedule = cluster.schedule.get(machine);
        if cluster.machines.contains_key(machine) {
            let load = schedule.map_or(0, |schedule| schedule.load());
            self.loads.insert(machine.clone(), load);
            self.by_load.insert((load, machine.clone()));
        } else if schedule.is_some() {
            self.gone.insert(machine.clone());
        }
    }

    /// What the next pass looks at.
    pub fn scope<'a>(&'a self, cluster: &'a Cluster) -> Scope<'a> {
        let Some(open) = &self.open else { return Scope::everything(cluster) };
        let machines = open.machines.iter().chain(&self.gone);
        let scope = Scope::of(cluster, &self.globals, &open.untaken);
        let scope = scope.around(machines, open.units.iter());
        // Who takes another one's place can take any.
        match self.replacements.replacers().any(|name| scope.has(name)) {
            true => Scope::everything(cluster),
            false => scope,
        }
    }

    /// Replaces what was open before a pass by what it left open.
    pub fn close(&mut self, open: Open) {
        self.open = Some(open);
    }
}

impl Open {
    /// What was decided, until the store says so, and what could not be settled.
    pub fn after(pass: &Pass<'_>, plan: &Plan) -> Open {
        let mut open = Open::default();
        for decision in &plan.decisions {
            open.machines.insert(decision.machine.clone());
            open.units.extend(decision.change.unit().cloned());
        }
        let untaken = |name: &&UnitName| pass.untaken.contains(*name);
        open.units.extend(pass.unsettled().filter(|name| !untaken(name)).cloned());
        open.untaken.extend(pass.untaken.iter().copied().cloned());
        open.machines.extend(pass.incomplete().cloned());
        open
    }

    /// What hangs together with a key that changed.
    fn add(&mut self, key: &Key) {
        if let Key::Unit(name) | Key::Holder(name) | Key::Schedule(_, name) = key {
            self.units.insert(name.clone());
        }
        // What is said of a machine that is gone is not among these: those are looked at each time.
        // What goes wrong, and what time it is, concerns units without a place: so are they.
        if let Key::Machine(machine)
        | Key::Metadata(machine, _)
        | Key::Planned(machine)
        | Key::Schedule(machine, _) = key
        {
            self.machines.insert(machine.clone());
        }
    }
}
