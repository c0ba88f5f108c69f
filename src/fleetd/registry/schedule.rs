//! What one machine shall have, as the engine wrote it; the agent's own mirror. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::Key;
use super::mirror::View;
use super::records::{Assignment, readable};
use super::store::{Event, KeyValue, Range, Revision};
use crate::unitfile::UnitName;

/// What one machine shall have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// For which life of the machine it is complete.
    pub planned: Option<Revision>,
    /// Its units.
    pub units: BTreeMap<UnitName, Assignment>,
    /// Units of which it says something that does not read.
    pub unreadable: BTreeSet<UnitName>,
}

impl Schedule {
    /// Whether a unit that it does not name shall be stopped on a machine that lives this life.
    pub fn is_complete_for(&self, life: Option<Revision>) -> bool {
        life.is_some() && self.planned == life && self.unreadable.is_empty()
    }

    /// Whether it says anything of a unit.
    pub fn names(&self, unit: &UnitName) -> bool {
        self.units.contains_key(unit) || self.unreadable.contains(unit)
    }

    /// Of how many units it says anything.
    pub fn load(&self) -> usize {
        self.units.len() + self.unreadable.len()
    }

    /// An assignment that does not read changes nothing: what `before` says goes on.
    fn put(&mut self, entry: &KeyValue, before: Option<&Schedule>) {
        match Key::parse(&entry.key) {
            Some(Key::Planned(_)) => self.planned = readable(entry).map(Revision),
            Some(Key::Schedule(_, name)) => {
                let known = || before.and_then(|before| before.units.get(&name).cloned());
                let read = readable(entry);
                match read.is_some() {
                    true => self.unreadable.remove(&name),
                    false => self.unreadable.insert(name.clone()),
                };
                if let Some(assignment) = read.or_else(known) {
                    self.units.insert(name, assignment);
                }
            }
            _ => {}
        }
    }
}

impl View for Schedule {
    fn replace(&mut self, range: Range) {
        let before = std::mem::take(self);
        range.entries.iter().for_each(|entry| self.put(entry, Some(&before)));
    }

    fn apply(&mut self, _: Revision, event: Event) {
        match event {
            Event::Put(entry) => self.put(&entry, None),
            Event::Deleted(key) => match Key::parse(&key) {
                Some(Key::Planned(_)) => self.planned = None,
                Some(Key::Schedule(_, name)) => {
                    self.units.remove(&name);
                    self.unreadable.remove(&name);
                }
                _ => {}
            },
        }
    }
}
