//! What a pass looks at: everything, or what changed and all that hangs together with it. Pure.
//!
//! What is on one machine is looked at together, since each unit there can be why another one is not:
//! so with a unit come its machines, and with a machine its units.

use std::collections::BTreeSet;

use super::order::Named;
use crate::fleetd::registry::Cluster;
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// What a pass looks at.
#[derive(Debug)]
pub struct Scope<'a> {
    cluster: &'a Cluster,
    /// Machines, there or gone, of which everything is looked at.
    pub machines: BTreeSet<&'a MachineId>,
    /// Units; `None`: all of them.
    units: Option<BTreeSet<&'a UnitName>>,
    /// Units that no machine took that did not change since.
    untaken: Option<&'a BTreeSet<UnitName>>,
}

impl<'a> Scope<'a> {
    /// All there is.
    pub fn everything(cluster: &'a Cluster) -> Scope<'a> {
        let machines = cluster.machines.keys().chain(cluster.schedule.keys()).collect();
        Scope { cluster, machines, units: None, untaken: None }
    }

    /// Units of which machines have to be looked at that changed. Global units are on every machine:
    /// they come with the machines, and bring none.
    pub fn of(
        cluster: &'a Cluster,
        globals: &'a BTreeSet<UnitName>,
        untaken: &'a BTreeSet<UnitName>,
    ) -> Scope<'a> {
        let units = Some(globals.iter().collect());
        Scope { cluster, machines: BTreeSet::new(), units, untaken: Some(untaken) }
    }

    /// These, too, and all that hangs together with them.
    pub fn around(
        mut self,
        machines: impl Iterator<Item = &'a MachineId>,
        units: impl Iterator<Item = &'a UnitName>,
    ) -> Scope<'a> {
        let mut waiting: Vec<&MachineId> = machines.collect();
        units.for_each(|name| waiting.extend(self.add(name)));
        while let Some(machine) = waiting.pop() {
            if !self.machines.insert(machine) {
                continue;
            }
            let schedule = self.cluster.schedule.get(machine);
            for name in schedule.into_iter().flat_map(|schedule| schedule.units.keys()) {
                waiting.extend(self.add(name));
            }
        }
        self
    }

    /// The units that are looked at.
    pub fn units(&self) -> impl Iterator<Item = Named<'a>> + use<'_, 'a> {
        let units = &self.cluster.units;
        let all = self.units.is_none().then_some(units).into_iter().flatten();
        let untaken = self.untaken.into_iter().flatten().filter(|name| self.is_untaken(name));
        let some = self.units.iter().flatten().copied().chain(untaken);
        all.chain(some.filter_map(|name| units.get_key_value(name)))
    }

    /// Whether a unit can be taken only by machines that changed.
    pub fn is_untaken(&self, name: &UnitName) -> bool {
        self.untaken.is_some_and(|untaken| untaken.contains(name)) && !self.is_among(name)
    }

    fn is_among(&self, name: &UnitName) -> bool {
        self.units.as_ref().is_none_or(|units| units.contains(name))
    }

    /// Whether a unit is looked at.
    pub fn has(&self, name: &UnitName) -> bool {
        self.is_among(name) || self.untaken.is_some_and(|untaken| untaken.contains(name))
    }

    /// One more unit; returns where it is scheduled, if it is new here.
    fn add(&mut self, name: &'a UnitName) -> impl Iterator<Item = &'a MachineId> + use<'a> {
        let new = self.units.as_mut().is_some_and(|units| units.insert(name));
        new.then(|| self.cluster.homes_of(name)).into_iter().flatten()
    }
}
