//! What is known of the units around the one that is looked at. Must not know how it was found out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::iter;

use super::docker;
use crate::model::requirements::{Declared, Requirements};
use crate::model::{Glob, Key, MachineId};
use crate::unitfile::{UnitFile, UnitName, expand};

/// What other units can know of a unit.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    machine_of: BTreeSet<UnitName>,
    machine_id: Option<MachineId>,
    metadata: BTreeMap<String, BTreeSet<String>>,
    /// Whether it runs on every machine that suits.
    pub(super) global: bool,
    conflicts: Vec<Glob>,
    /// The names of the containers that it runs.
    pub(super) containers: BTreeSet<String>,
    /// Of a template: those that every instance runs under one name.
    pub(super) shared: BTreeSet<String>,
}

impl Peer {
    /// Reads a unit. What in it is wrong says nothing.
    pub fn of(name: &UnitName, file: &UnitFile) -> Peer {
        let requirements = Requirements::of(name, file).unwrap_or_default();
        // Of templates too: what each instance runs with is then a template as well.
        let declared = Declared::read(file).unwrap_or_default();
        let starts = file.get_all("Service", "ExecStart");
        let of_instance = |number| {
            let instance = name.instance_of(number);
            instance.map(|name| docker::containers(&name, &starts)).unwrap_or_default()
        };
        let named = declared.values(Key::MachineOf).map(|value| expand(value, name));
        Peer {
            machine_of: named.filter_map(|text| UnitName::parse(&text).ok()).collect(),
            machine_id: requirements.machine_id,
            metadata: requirements.metadata,
            global: requirements.global,
            conflicts: requirements.conflicts,
            containers: docker::containers(name, &starts),
            shared: &of_instance("1") & &of_instance("2"),
        }
    }
}

/// The units that are known.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    units: BTreeMap<UnitName, Peer>,
    /// Whether the cluster could be asked for those that are not.
    pub cluster_asked: bool,
}

impl Peers {
    /// Adds a unit.
    pub fn insert(&mut self, name: UnitName, peer: Peer) {
        self.units.insert(name, peer);
    }

    /// Whether there is such a unit, or one it is made from.
    pub fn knows(&self, name: &UnitName) -> bool {
        self.units.contains_key(name)
    }

    /// A unit.
    pub(super) fn get(&self, name: &UnitName) -> Option<&Peer> {
        self.units.get(name)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&UnitName, &Peer)> {
        self.units.iter()
    }

    /// Whether one can count on the other being on the same machine: each runs where the other or a
    /// third one does, both are pinned to one machine, or the other is on all of them.
    pub(super) fn together(&self, one: &UnitName, other: &UnitName) -> bool {
        let pinned = |name| self.get(name).and_then(|peer| peer.machine_id.as_ref());
        let same_pin = pinned(one).is_some() && pinned(one) == pinned(other);
        same_pin
            || self.get(other).is_some_and(|peer| peer.global)
            || self.company(one).contains(other)
    }

    /// Every unit that is on one machine with this one, by `MachineOf=` of either.
    fn company<'a>(&'a self, name: &'a UnitName) -> BTreeSet<&'a UnitName> {
        let mut company = BTreeSet::from([name]);
        let mut rest = vec![name];
        while let Some(name) = rest.pop() {
            let leads = self.get(name).into_iter().flat_map(|peer| &peer.machine_of);
            let follows = self.iter().filter(|(_, peer)| peer.machine_of.contains(name));
            for next in leads.chain(follows.map(|(name, _)| name)) {
                if company.insert(next) {
                    rest.push(next);
                }
            }
        }
        company
    }

    /// Whether a unit is never on one machine with the other, by `Conflicts=` of either.
    pub(super) fn apart(&self, one: &UnitName, other: &UnitName) -> bool {
        let conflict = |one: &UnitName, other: &UnitName| {
            let globs = self.get(one).into_iter().flat_map(|peer| &peer.conflicts);
            globs.into_iter().any(|glob| glob.matches(other.as_str()))
        };
        let pinned = |name| self.get(name).and_then(|peer| peer.machine_id.as_ref());
        let pins = pinned(one).zip(pinned(other));
        conflict(one, other)
            || conflict(other, one)
            || pins.is_some_and(|(one, other)| one != other)
    }

    /// Why no machine ever takes both a unit and one that it is to run with, by what the other asks
    /// for, if that is so.
    pub(super) fn never_together(&self, one: &UnitName, other: &UnitName) -> Option<String> {
        let (ours, theirs) = (self.get(one)?, self.get(other)?);
        if let Some(glob) = theirs.conflicts.iter().find(|glob| glob.matches(one.as_str())) {
            return Some(format!("its Conflicts={glob} matches this unit"));
        }
        let mut both = ours
            .metadata
            .iter()
            .filter_map(|(key, values)| Some((key, values, theirs.metadata.get(key)?)));
        let (key, ..) = both.find(|(_, ours, theirs)| ours.is_disjoint(theirs))?;
        Some(format!("it asks for another {key} by MachineMetadata="))
    }

    /// The way by which `MachineOf=` leads from `next`, which `name` runs with, back to `name`.
    pub(super) fn circle(&self, name: &UnitName, next: &UnitName) -> Option<String> {
        let mut before: BTreeMap<&UnitName, Option<&UnitName>> = BTreeMap::from([(next, None)]);
        let mut rest = VecDeque::from([next]);
        while let Some(at) = rest.pop_front().filter(|_| !before.contains_key(name)) {
            for target in self.get(at).into_iter().flat_map(|peer| &peer.machine_of) {
                if !before.contains_key(target) {
                    before.insert(target, Some(at));
                    rest.push_back(target);
                }
            }
        }
        let (name, _) = before.get_key_value(name)?;
        let back = iter::successors(Some(*name), |at| before.get(at).copied().flatten());
        let mut way: Vec<&str> = back.map(UnitName::as_str).chain([name.as_str()]).collect();
        way.reverse();
        Some(way.join(" → "))
    }
}
