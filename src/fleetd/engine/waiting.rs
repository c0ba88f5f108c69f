//! Units that wait although a machine may take them: which, and what for. Pure. `schedule` decides
//! it; this tells of it without a pass, for who asks often. It must not know why machines refuse.

use std::collections::BTreeMap;
use std::fmt;

use super::order;
use super::trouble::{self, Pause};
use super::vanished::{Moment, Wait, waits};
use crate::fleetd::registry::{Cluster, StoredUnit};
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// What a unit waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// Its machine was lost again and again: for the end of a pause, on no machine.
    Pause(Pause),
    /// Its machine vanished with most others: for that one to come back.
    Vanished(MachineId, Wait),
}

impl Waiting {
    /// The machine that it waits for, if it is one.
    pub fn machine(&self) -> Option<&MachineId> {
        match self {
            Waiting::Pause(_) => None,
            Waiting::Vanished(machine, _) => Some(machine),
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiting::Pause(pause) => pause.fmt(f),
            Waiting::Vanished(machine, wait) => write!(f, "{} vanished: {wait}", machine.short()),
        }
    }
}

/// Every unit that waits. Costs next to nothing while no machine was lost.
pub fn waiting<'a>(cluster: &'a Cluster, moment: &Moment) -> BTreeMap<&'a UnitName, Waiting> {
    let paused = cluster.unit_troubles.keys().filter_map(|name| {
        let (name, unit) = placeable(cluster, name)?;
        let pause = Pause::after(trouble::moves(cluster, name, unit, moment.now)?, moment.now)?;
        let homeless = cluster.machines_of(name).next().is_none();
        homeless.then_some((name, Waiting::Pause(pause)))
    });
    let vanished = waits(cluster, moment).into_iter().flat_map(|(machine, wait)| {
        let schedule = cluster.schedule.get(&machine);
        let units = schedule.into_iter().flat_map(|schedule| schedule.units.keys());
        let units = units.filter_map(|name| placeable(cluster, name));
        units.map(move |(name, _)| (name, Waiting::Vanished(machine.clone(), wait)))
    });
    paused.chain(vanished).collect()
}

/// A unit that shall be on one machine.
fn placeable<'a>(cluster: &'a Cluster, name: &UnitName) -> Option<(&'a UnitName, &'a StoredUnit)> {
    let (name, unit) = cluster.units.get_key_value(name)?;
    (order::wanted(name, unit) && !unit.requirements.global).then_some((name, unit))
}
