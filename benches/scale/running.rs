//! Which units run, as their machines report it: what a person would see. A watch on the reports
//! alone, so that looking costs little.

use std::collections::{BTreeMap, BTreeSet};

use fleet::fleetd::registry::{Event, Key, KeyValue, Range, Revision, StateRecord, View, decode};
use fleet::model::MachineId;
use fleet::unitfile::UnitName;

/// Under which prefix units are reported.
pub const REPORTS: &str = "state/";

/// Units that run, and where.
#[derive(Debug, Default)]
pub struct Running(BTreeMap<UnitName, BTreeSet<MachineId>>);

impl Running {
    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether this one does.
    pub fn has(&self, name: &UnitName) -> bool {
        self.0.contains_key(name)
    }

    fn put(&mut self, entry: &KeyValue) {
        let Some(Key::State(name, machine)) = Key::parse(&entry.key) else { return };
        let state: StateRecord = decode(&entry.key, &entry.value).expect("a report");
        match state.active == "active" {
            true => drop(self.0.entry(name).or_default().insert(machine)),
            false => self.remove(&name, &machine),
        }
    }

    fn remove(&mut self, name: &UnitName, machine: &MachineId) {
        if let Some(on) = self.0.get_mut(name) {
            on.remove(machine);
            if on.is_empty() {
                self.0.remove(name);
            }
        }
    }
}

impl View for Running {
    fn replace(&mut self, range: Range) {
        self.0.clear();
        range.entries.iter().for_each(|entry| self.put(entry));
    }

    fn apply(&mut self, _: Revision, event: Event) {
        match event {
            Event::Put(entry) => self.put(&entry),
            Event::Deleted(key) => {
                if let Some(Key::State(name, machine)) = Key::parse(&key) {
                    self.remove(&name, &machine);
                }
            }
        }
    }
}
