//! In which order units are placed, and which replace which. Pure relations between unit files.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleetd::registry::{Cluster, StoredUnit};
use crate::model::TargetState;
use crate::unitfile::UnitName;

/// Every unit that shall be on a machine, `MachineOf=` targets before those that follow them,
/// else by name.
pub fn targets_first(cluster: &Cluster) -> Vec<(&UnitName, &StoredUnit)> {
    let mut ordered = Vec::new();
    let mut visited = BTreeSet::new();
    let mut waiting: Vec<Visit<'_>> = Vec::new();
    for name in cluster.units.keys() {
        waiting.push(Visit::Enter(name));
        // A stack instead of recursion: a chain of a thousand units is no reason to overflow.
        while let Some(visit) = waiting.pop() {
            match visit {
                Visit::Leave(name, unit) => ordered.push((name, unit)),
                Visit::Enter(name) => {
                    let Some((name, unit)) = cluster.units.get_key_value(name) else {
                        continue;
                    };
                    if !wanted(name, unit) || !visited.insert(name) {
                        continue;
                    }
                    waiting.push(Visit::Leave(name, unit));
                    waiting.extend(unit.requirements.machine_of.iter().rev().map(Visit::Enter));
                }
            }
        }
    }
    ordered
}

enum Visit<'a> {
    Enter(&'a UnitName),
    Leave(&'a UnitName, &'a StoredUnit),
}

/// Whether a unit shall be on a machine. A template is only a pattern for units.
pub fn wanted(name: &UnitName, unit: &StoredUnit) -> bool {
    unit.desired > TargetState::Inactive && !name.is_template()
}

/// Units whose `MachineOf=` leads back to themselves, and so can never be placed.
pub fn circles(cluster: &Cluster) -> BTreeSet<&UnitName> {
    let targets = |name: &UnitName| {
        let unit = cluster.units.get_key_value(name);
        unit.into_iter().flat_map(|(_, unit)| unit.requirements.machine_of.iter())
    };
    let followers = cluster.units.iter().filter(|(_, u)| !u.requirements.machine_of.is_empty());
    followers.map(|(name, _)| name).filter(|name| reaches(name, name, targets)).collect()
}

/// Which unit shall take the place of which, without those that would do so in a circle.
#[derive(Debug, Default)]
pub struct Replacements<'a> {
    replaced: BTreeMap<&'a UnitName, BTreeSet<&'a UnitName>>,
    replacers: BTreeMap<&'a UnitName, BTreeSet<&'a UnitName>>,
}

impl<'a> Replacements<'a> {
    /// The units whose place `name` shall take.
    pub fn replaced_by(&self, name: &UnitName) -> impl Iterator<Item = &'a UnitName> + use<'_, 'a> {
        self.replaced.get(name).into_iter().flatten().copied()
    }

    /// The units that shall take the place of `name`.
    pub fn replacers_of(
        &self,
        name: &UnitName,
    ) -> impl Iterator<Item = &'a UnitName> + use<'_, 'a> {
        self.replacers.get(name).into_iter().flatten().copied()
    }
}

/// Reads `Replaces=` of every unit that is wanted. A replacement that leads back to its origin is
/// ignored, as fleet always did, else two units would chase each other for ever.
pub fn replacements(cluster: &Cluster) -> Replacements<'_> {
    let mut all: BTreeMap<&UnitName, BTreeSet<&UnitName>> = BTreeMap::new();
    for (name, unit) in cluster.units.iter().filter(|(name, unit)| wanted(name, unit)) {
        let globs = &unit.requirements.replaces;
        if globs.is_empty() {
            continue;
        }
        let matches = |other: &&UnitName| globs.iter().any(|glob| glob.matches(other.as_str()));
        let others = cluster.units.keys().filter(|other| *other != name).filter(matches);
        all.insert(name, others.collect());
    }
    let mut kept = Replacements::default();
    for (name, others) in &all {
        let step = |from: &UnitName| all.get(from).into_iter().flatten().copied();
        for other in others.iter().filter(|other| !reaches(other, name, step)) {
            kept.replaced.entry(name).or_default().insert(other);
            kept.replacers.entry(other).or_default().insert(name);
        }
    }
    kept
}

/// Whether `goal` can be reached from `start` in one step or more.
fn reaches<'a, I>(start: &UnitName, goal: &UnitName, step: impl Fn(&UnitName) -> I) -> bool
where
    I: Iterator<Item = &'a UnitName>,
{
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<&UnitName> = step(start).collect();
    while let Some(name) = waiting.pop() {
        if name == goal {
            return true;
        }
        if seen.insert(name) {
            waiting.extend(step(name));
        }
    }
    false
}
