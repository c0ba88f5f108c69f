//! In which order units are placed, and which replace which. Pure relations between unit files.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleetd::registry::{Cluster, StoredUnit};
use crate::model::TargetState;
use crate::unitfile::UnitName;

/// A unit and its name.
pub type Named<'a> = (&'a UnitName, &'a StoredUnit);

/// Those of these units that shall be on a machine, `MachineOf=` targets before those that follow
/// them, else by name. Two of them come in the same order whoever else does.
pub fn targets_first<'a>(
    cluster: &'a Cluster,
    units: impl Iterator<Item = Named<'a>>,
) -> Vec<Named<'a>> {
    let mut ranks: BTreeMap<usize, Vec<Named<'a>>> = BTreeMap::new();
    for (name, unit) in units.filter(|(name, unit)| wanted(name, unit)) {
        ranks.entry(rank(cluster, name, unit)).or_default().push((name, unit));
    }
    ranks.values_mut().for_each(|rank| rank.sort_by_key(|(name, _)| *name));
    ranks.into_values().flatten().collect()
}

/// On how many units this one hangs by `MachineOf=`, directly or not: on more than each of those
/// does, unless they hang on each other, and then none is ever placed.
fn rank(cluster: &Cluster, name: &UnitName, unit: &StoredUnit) -> usize {
    match unit.requirements.machine_of.is_empty() {
        true => 0,
        false => reached(name, |name| targets(cluster, name)).count(),
    }
}

fn targets<'a>(
    cluster: &'a Cluster,
    name: &UnitName,
) -> impl Iterator<Item = &'a UnitName> + use<'a> {
    let unit = cluster.units.get(name);
    unit.into_iter().flat_map(|unit| unit.requirements.machine_of.iter())
}

/// Whether a unit shall be on a machine. A template is only a pattern for units.
pub fn wanted(name: &UnitName, unit: &StoredUnit) -> bool {
    unit.desired > TargetState::Inactive && !name.is_template()
}

/// Whether a unit's `MachineOf=` leads back to itself, so that it can never be placed.
pub fn is_in_circle(cluster: &Cluster, name: &UnitName) -> bool {
    reached(name, |name| targets(cluster, name)).any(|reached| reached == name)
}

/// Which unit shall take the place of which, without those that would do so in a circle.
#[derive(Debug, Default)]
pub struct Replacements {
    all: BTreeSet<UnitName>,
    replaced: BTreeMap<UnitName, BTreeSet<UnitName>>,
    replacers: BTreeMap<UnitName, BTreeSet<UnitName>>,
}

impl Replacements {
    /// Reads `Replaces=` of every unit that is wanted. A replacement that leads back to its origin
    /// is ignored, as fleet always did, else two units would chase each other for ever.
    pub fn of(cluster: &Cluster) -> Replacements {
        let mut all: BTreeMap<&UnitName, BTreeSet<&UnitName>> = BTreeMap::new();
        let replacers = cluster.units.iter().filter(|(name, unit)| replaces(name, unit));
        for (name, unit) in replacers {
            let others = cluster.units.keys().filter(|other| takes_place_of(name, unit, other));
            all.insert(name, others.collect());
        }
        let names = all.keys().map(|name| (*name).clone()).collect();
        let mut kept = Replacements { all: names, ..Replacements::default() };
        for (name, others) in &all {
            let step = |from: &UnitName| all.get(from).into_iter().flatten().copied();
            for other in others.iter().filter(|other| !reached(other, step).any(|it| it == *name)) {
                kept.replaced.entry((*name).clone()).or_default().insert((*other).clone());
                kept.replacers.entry((*other).clone()).or_default().insert((*name).clone());
            }
        }
        kept
    }

    /// The units whose place `name` shall take.
    pub fn replaced_by(&self, name: &UnitName) -> impl Iterator<Item = &UnitName> + use<'_> {
        self.replaced.get(name).into_iter().flatten()
    }

    /// The units that shall take the place of `name`.
    pub fn replacers_of(&self, name: &UnitName) -> impl Iterator<Item = &UnitName> + use<'_> {
        self.replacers.get(name).into_iter().flatten()
    }

    /// Every unit that shall take the place of others, should there be any.
    pub fn replacers(&self) -> impl Iterator<Item = &UnitName> {
        self.all.iter()
    }
}

/// Whether a unit shall be on every machine.
pub fn is_global(name: &UnitName, unit: &StoredUnit) -> bool {
    unit.requirements.global && wanted(name, unit)
}

/// Whether a unit shall take the place of others.
pub fn replaces(name: &UnitName, unit: &StoredUnit) -> bool {
    !unit.requirements.replaces.is_empty() && wanted(name, unit)
}

/// Whether a unit's file says that it takes the place of another one.
pub fn takes_place_of(name: &UnitName, unit: &StoredUnit, other: &UnitName) -> bool {
    other != name && unit.requirements.replaces.iter().any(|glob| glob.matches(other.as_str()))
}

/// Everyone who can be reached in one step or more, each once.
fn reached<'a, I>(
    start: &UnitName,
    step: impl Fn(&UnitName) -> I,
) -> impl Iterator<Item = &'a UnitName>
where
    I: Iterator<Item = &'a UnitName>,
{
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<&UnitName> = step(start).filter(|next| seen.insert(*next)).collect();
    std::iter::from_fn(move || {
        let name = waiting.pop()?;
        waiting.extend(step(name).filter(|next| seen.insert(*next)));
        Some(name)
    })
}
