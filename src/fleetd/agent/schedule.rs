//! What the engine wrote for this machine, mirrored.

use std::collections::BTreeMap;

use crate::fleetd::chain::chain;
use crate::fleetd::registry::{Assignment, Event, Key, KeyValue, Range, Revision, View, decode};
use crate::unitfile::UnitName;

/// This machine's own schedule.
#[derive(Debug, Default)]
pub struct MySchedule {
    /// For which life of the machine it was planned.
    pub planned: Option<Revision>,
    /// The units.
    pub units: BTreeMap<UnitName, Assignment>,
}

impl MySchedule {
    fn put(&mut self, entry: &KeyValue) {
        match Key::parse(&entry.key) {
            Some(Key::Planned(_)) => self.planned = read(entry).map(Revision),
            Some(Key::Schedule(_, name)) => {
                // An assignment that does not read changes nothing: what runs goes on.
                if let Some(assignment) = read(entry) {
                    self.units.insert(name, assignment);
                }
            }
            _ => {}
        }
    }
}

impl View for MySchedule {
    fn replace(&mut self, range: Range) {
        *self = MySchedule::default();
        range.entries.iter().for_each(|entry| self.put(entry));
    }

    fn apply(&mut self, _: Revision, event: Event) {
        match event {
            Event::Put(entry) => self.put(&entry),
            Event::Deleted(key) => match Key::parse(&key) {
                Some(Key::Planned(_)) => self.planned = None,
                Some(Key::Schedule(_, name)) => drop(self.units.remove(&name)),
                _ => {}
            },
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(entry: &KeyValue) -> Option<T> {
    decode(&entry.key, &entry.value)
        .inspect_err(|garbage| {
            tracing::error!(error = %chain(garbage), "skipping part of the schedule");
        })
        .ok()
}
