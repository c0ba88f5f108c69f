//! The whole cluster as the store tells it, read once and then kept up by its changes. Pure.
//!
//! It holds what is stored, typed, and a short log of which keys changed when. It must not decide
//! anything: that is the engine's.

use std::collections::BTreeMap;

use super::change_log::ChangeLog;
use super::foreign::{Fault, Foreign};
use super::index::Index;
use super::keys::Key;
use super::mirror::View;
use super::records::{
    Assignment, FiguresRecord, Garbage, HolderRecord, KnownRecord, LeaderRecord, LostRecord,
    MachineRecord, StateRecord, UnitRecord, decode,
};
use super::schedule::Schedule;
use super::store::{Event, KeyValue, Range, Revision};
use super::stored::{StoredHolder, StoredKnown, StoredMachine, StoredTrouble, StoredUnit};
use super::trouble::{MachineTrouble, UnitTrouble};
use crate::fleetd::chain::BoxedError;
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// Everything that is stored, at one revision.
#[derive(Debug, Default)]
pub struct Cluster {
    /// Every unit.
    pub units: BTreeMap<UnitName, StoredUnit>,
    /// Every live machine.
    pub machines: BTreeMap<MachineId, StoredMachine>,
    /// Every machine that is or was of the cluster.
    pub known: BTreeMap<MachineId, StoredKnown>,
    /// Machines that went without a word.
    pub lost: BTreeMap<MachineId, LostRecord>,
    /// Metadata set through the API, also of machines that are away.
    pub metadata: BTreeMap<MachineId, BTreeMap<String, String>>,
    /// What each machine shall have.
    pub schedule: BTreeMap<MachineId, Schedule>,
    /// Which machine may run a unit.
    pub holders: BTreeMap<UnitName, StoredHolder>,
    /// What each machine's systemd says.
    pub states: BTreeMap<UnitName, BTreeMap<MachineId, StateRecord>>,
    /// How each machine was when it was asked last.
    pub figures: BTreeMap<MachineId, FiguresRecord>,
    /// What went wrong with units lately.
    pub unit_troubles: BTreeMap<UnitName, StoredTrouble>,
    /// What went wrong with machines lately.
    pub machine_troubles: BTreeMap<MachineId, MachineTrouble>,
    /// Who leads.
    pub leader: Option<LeaderRecord>,
    /// In which form all this is stored, once a leader said so.
    pub format: Option<u32>,
    /// What another hand wrote under these keys.
    pub foreign: BTreeMap<Key, Foreign>,
    /// Every key that is stored, and when it was last changed.
    modified: BTreeMap<Key, Revision>,
    /// The revision all this stood at.
    seen: Revision,
    readings: u64,
    contents_bytes: usize,
    index: Index,
    log: ChangeLog,
}

impl Cluster {
    /// A machine's own metadata, overridden by what was set through the API.
    pub fn metadata_of(&self, machine: &MachineId) -> BTreeMap<String, String> {
        let own = self.machines.get(machine).map(|machine| &machine.record.metadata);
        self.overridden(machine, own.unwrap_or(&BTreeMap::new()))
    }

    /// Metadata that a machine, there or gone, has of its own, overridden likewise.
    pub fn overridden(
        &self,
        machine: &MachineId,
        own: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let mut metadata = own.clone();
        metadata.extend(
            self.metadata
                .get(machine)
                .into_iter()
                .flatten()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
        metadata
    }

    /// One piece of a machine's metadata, likewise.
    pub fn metadatum(&self, machine: &MachineId, key: &str) -> Option<&str> {
        let set = || self.metadata.get(machine)?.get(key);
        let own = || self.machines.get(machine)?.record.metadata.get(key);
        set().or_else(own).map(String::as_str)
    }

    /// The machines a unit is scheduled to.
    pub fn machines_of<'a>(
        &'a self,
        name: &'a UnitName,
    ) -> impl Iterator<Item = (&'a MachineId, &'a Assignment)> {
        let assignment = |id| Some((id, self.schedule.get(id)?.units.get(name)?));
        self.homes_of(name).filter_map(assignment)
    }

    /// The same, also where what the schedule says of the unit does not read.
    pub fn homes_of<'a>(
        &'a self,
        name: &UnitName,
    ) -> impl Iterator<Item = &'a MachineId> + use<'a> {
        self.index.homes_of(name)
    }

    /// Machines that are known and not there.
    pub fn away(&self) -> impl Iterator<Item = (&MachineId, &StoredKnown)> {
        self.index.away().filter_map(|machine| self.known.get_key_value(machine))
    }

    /// Units of which a start failed on some machine, as that says.
    pub fn failed_starts(&self) -> impl Iterator<Item = &UnitName> {
        self.index.failed_starts()
    }

    /// The revision all this stands at.
    pub fn revision(&self) -> Revision {
        self.seen
    }

    /// How often everything was read. In between, [`Self::changed_since`] tells of every change.
    pub fn readings(&self) -> u64 {
        self.readings
    }

    /// How much all unit files together have.
    pub fn contents_bytes(&self) -> usize {
        self.contents_bytes
    }

    /// The machine that may run a unit, if that is of the cluster by the same session: a holder of
    /// another life of it is on its way out.
    pub fn live_holder(&self, name: &UnitName) -> Option<&MachineId> {
        let holder = self.holders.get(name)?;
        let (id, machine) = self.machines.get_key_value(&holder.machine)?;
        (machine.session == holder.session).then_some(id)
    }

    /// A copy of what a schedule is decided on and explained by: for who thinks about it for longer
    /// than changes may wait.
    pub fn to_think_about(&self) -> Cluster {
        Cluster {
            units: self.units.clone(),
            machines: self.machines.clone(),
            known: self.known.clone(),
            lost: self.lost.clone(),
            unit_troubles: self.unit_troubles.clone(),
            machine_troubles: self.machine_troubles.clone(),
            metadata: self.metadata.clone(),
            schedule: self.schedule.clone(),
            foreign: self.foreign.clone(),
            contents_bytes: self.contents_bytes,
            holders: self.holders.clone(),
            leader: self.leader.clone(),
            index: self.index.clone(),
            ..Cluster::default()
        }
    }

    /// Which keys changed after `revision`, some more than once; `None` when that is longer ago than
    /// the log reaches.
    pub fn changed_since(&self, revision: Revision) -> Option<impl Iterator<Item = &Key>> {
        self.log.since(revision)
    }

    /// Whether a unit is stored whose record does not read. It stays where it is: nobody knows what
    /// is wanted of it.
    pub fn is_unreadable(&self, name: &UnitName) -> bool {
        !self.foreign.is_empty() && self.foreign.contains_key(&Key::Unit(name.clone()))
    }

    /// What another hand wrote is noted, and counts for nothing.
    fn put(&mut self, key: &Key, entry: &KeyValue) {
        let unreadable = |problem: BoxedError| match problem.downcast_ref::<Garbage>() {
            Some(garbage) => Fault::unreadable(&garbage.source),
            None => Fault::unreadable(&*problem),
        };
        let fleets =
            Fault::of(key, entry).and_then(|()| self.try_put(key, entry).map_err(unreadable));
        match fleets {
            Ok(()) => drop(self.foreign.remove(key)),
            Err(fault) => {
                fault.report(entry);
                self.doubt(key);
                self.foreign.insert(key.clone(), Foreign { modified: entry.modified, fault });
            }
        }
        self.index_anew(key);
    }

    fn index_anew(&mut self, key: &Key) {
        let mut index = std::mem::take(&mut self.index);
        index.update(key, self);
        self.index = index;
    }

    /// What is known under a key that another hand overwrote. Its owner will repair a session's, so
    /// that still stands; of the others nobody can say what is wanted.
    fn doubt(&mut self, key: &Key) {
        match key {
            Key::Unit(_) | Key::Planned(_) | Key::Lost(_) => self.remove(key),
            Key::Schedule(machine, name) => {
                let schedule = self.schedule.entry(machine.clone()).or_default();
                schedule.units.remove(name);
                schedule.unreadable.insert(name.clone());
            }
            _ => {}
        }
    }

    fn try_put(&mut self, key: &Key, entry: &KeyValue) -> Result<(), BoxedError> {
        let value = &entry.value[..];
        match key {
            Key::Unit(name) => {
                let record: UnitRecord = decode(&entry.key, value)?;
                let unit = StoredUnit::read(name, record, entry.modified)?;
                self.contents_bytes += unit.contents.len();
                let before = self.units.insert(name.clone(), unit);
                self.contents_bytes -= before.map_or(0, |unit| unit.contents.len());
            }
            Key::Metadata(machine, name) => {
                let text = String::from_utf8(value.to_vec())?;
                self.metadata.entry(machine.clone()).or_default().insert(name.clone(), text);
            }
            Key::Schedule(machine, name) => {
                let assignment: Assignment = decode(&entry.key, value)?;
                let schedule = self.schedule.entry(machine.clone()).or_default();
                schedule.unreadable.remove(name);
                schedule.units.insert(name.clone(), assignment);
            }
            Key::Planned(machine) => {
                let planned = decode(&entry.key, value)?;
                self.schedule.entry(machine.clone()).or_default().planned = Some(Revision(planned));
            }
            Key::Cluster | Key::Survey => {}
            Key::Figures(machine) => {
                self.figures.insert(machine.clone(), decode(&entry.key, value)?);
            }
            Key::UnitTrouble(name) => {
                let record: UnitTrouble = decode(&entry.key, value)?;
                let stored = StoredTrouble { record, modified: entry.modified };
                self.unit_troubles.insert(name.clone(), stored);
            }
            Key::MachineTrouble(machine) => {
                self.machine_troubles.insert(machine.clone(), decode(&entry.key, value)?);
            }
            Key::Leader => self.leader = Some(decode(&entry.key, value)?),
            Key::Format => self.format = Some(decode(&entry.key, value)?),
            Key::Machine(machine) => {
                let record: MachineRecord = decode(&entry.key, value)?;
                let stored = StoredMachine { record, session: entry.lease, created: entry.created };
                self.machines.insert(machine.clone(), stored);
            }
            Key::Known(machine) => {
                let record: KnownRecord = decode(&entry.key, value)?;
                let stored = StoredKnown { record, modified: entry.modified };
                self.known.insert(machine.clone(), stored);
            }
            Key::Lost(machine) => {
                self.lost.insert(machine.clone(), decode(&entry.key, value)?);
            }
            Key::Holder(name) => {
                let holder: HolderRecord = decode(&entry.key, value)?;
                let holder = StoredHolder { machine: holder.machine, session: entry.lease };
                self.holders.insert(name.clone(), holder);
            }
            Key::State(name, machine) => {
                let state: StateRecord = decode(&entry.key, value)?;
                self.states.entry(name.clone()).or_default().insert(machine.clone(), state);
            }
        }
        Ok(())
    }

    fn remove(&mut self, key: &Key) {
        self.foreign.remove(key);
        match key {
            Key::Unit(name) => {
                let unit = self.units.remove(name);
                self.contents_bytes -= unit.map_or(0, |unit| unit.contents.len());
            }
            Key::Metadata(machine, name) => {
                remove_within(&mut self.metadata, machine, |set| drop(set.remove(name)));
            }
            Key::Schedule(machine, name) => {
                remove_within(&mut self.schedule, machine, |schedule| {
                    schedule.units.remove(name);
                    schedule.unreadable.remove(name);
                });
            }
            Key::Planned(machine) => {
                remove_within(&mut self.schedule, machine, |schedule| schedule.planned = None);
            }
            Key::Cluster | Key::Survey => {}
            Key::Figures(machine) => drop(self.figures.remove(machine)),
            Key::UnitTrouble(name) => drop(self.unit_troubles.remove(name)),
            Key::MachineTrouble(machine) => drop(self.machine_troubles.remove(machine)),
            Key::Leader => self.leader = None,
            Key::Format => self.format = None,
            Key::Machine(machine) => drop(self.machines.remove(machine)),
            Key::Known(machine) => drop(self.known.remove(machine)),
            Key::Lost(machine) => drop(self.lost.remove(machine)),
            Key::Holder(name) => drop(self.holders.remove(name)),
            Key::State(name, machine) => {
                remove_within(&mut self.states, name, |states| drop(states.remove(machine)));
            }
        }
        self.index_anew(key);
    }
}

impl View for Cluster {
    /// What stands now, as changes to what stood: readers of the log miss nothing, and what another
    /// hand wrote counts for nothing, as it would have done in a watch.
    fn replace(&mut self, range: Range) {
        // The first read, or a store that began anew: nothing to compare with.
        if self.seen == Revision::default() || range.revision < self.seen {
            let log = ChangeLog::starting_at(range.revision);
            *self = Cluster { log, readings: self.readings, ..Cluster::default() };
        }
        self.readings += 1;
        let mut before = std::mem::take(&mut self.modified);
        for entry in &range.entries {
            let Some(key) = Key::parse(&entry.key) else {
                Fault::UnknownKey.report(entry);
                continue;
            };
            // Not "later than what was seen": a store that was restored has other values that are
            // older.
            if before.remove(&key) != Some(entry.modified) {
                if entry.modified <= self.seen {
                    tracing::error!(
                        key = entry.key,
                        "no watch told of this change; it is read now"
                    );
                }
                self.log.push(range.revision, &key);
                self.put(&key, entry);
            }
            self.modified.insert(key, entry.modified);
        }
        for key in before.into_keys() {
            self.log.push(range.revision, &key);
            self.remove(&key);
        }
        self.seen = range.revision;
    }

    fn apply(&mut self, revision: Revision, event: Event) {
        self.seen = revision;
        let Some(key) = Key::parse(event.key()) else {
            if let Event::Put(entry) = &event {
                Fault::UnknownKey.report(entry);
            }
            return;
        };
        self.log.push(revision, &key);
        match event {
            Event::Put(entry) => {
                self.put(&key, &entry);
                self.modified.insert(key, entry.modified);
            }
            Event::Deleted(_) => {
                self.modified.remove(&key);
                self.remove(&key);
            }
        }
    }
}

/// Changes the value under `key` and drops it when nothing is left in it.
fn remove_within<K: Ord, V: Default + PartialEq>(
    map: &mut BTreeMap<K, V>,
    key: &K,
    change: impl FnOnce(&mut V),
) {
    if let Some(value) = map.get_mut(key) {
        change(value);
        if *value == V::default() {
            map.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::store::LeaseId;
    use super::*;

    fn entry(key: &str, value: &str, modified: i64) -> KeyValue {
        let at = Revision(modified);
        KeyValue {
            key: key.to_owned(),
            value: value.as_bytes().to_vec(),
            created: at,
            modified: at,
            lease: Some(LeaseId(1)),
        }
    }

    fn read(cluster: &mut Cluster, revision: i64, entries: &[KeyValue]) {
        cluster.replace(Range { revision: Revision(revision), entries: entries.to_vec() });
    }

    fn changed(cluster: &Cluster, since: i64) -> Option<Vec<String>> {
        let mut keys: Vec<_> = cluster.changed_since(Revision(since))?.collect();
        keys.sort();
        Some(keys.into_iter().map(ToString::to_string).collect())
    }

    const M1: &str = r#"{"machine":"m1"}"#;
    const M2: &str = r#"{"machine":"m2"}"#;

    #[test]
    fn reading_again_tells_what_changed_meanwhile() {
        let mut cluster = Cluster::default();
        let (a, b) = (entry("holder/a.service", M1, 3), entry("holder/b.service", M1, 4));
        read(&mut cluster, 5, &[a.clone(), b]);
        assert_eq!(changed(&cluster, 5), Some(vec![]));
        assert_eq!(changed(&cluster, 4), None, "before the first read nothing is known");
        let c = entry("holder/c.service", M2, 8);
        read(&mut cluster, 9, &[a, c]);
        let keys = ["holder/b.service", "holder/c.service"].map(str::to_owned).to_vec();
        assert_eq!(changed(&cluster, 5), Some(keys));
        assert_eq!(cluster.holders.len(), 2);
    }

    #[test]
    fn what_does_not_read_leaves_what_was_known() {
        let mut cluster = Cluster::default();
        read(&mut cluster, 5, &[entry("holder/a.service", M1, 3)]);
        let garbage = entry("holder/a.service", "{", 7);
        cluster.apply(Revision(7), Event::Put(garbage.clone()));
        read(&mut cluster, 9, &[garbage]);
        assert_eq!(cluster.holders.len(), 1);
    }

    #[test]
    fn a_store_that_was_restored_and_went_on_is_read_anew() {
        let mut cluster = Cluster::default();
        read(
            &mut cluster,
            5,
            &[entry("holder/a.service", M1, 3), entry("holder/b.service", M1, 5)],
        );
        // As of revision 4, and three changes since.
        read(
            &mut cluster,
            7,
            &[entry("holder/a.service", M1, 3), entry("holder/b.service", M2, 2)],
        );
        let holder = |name| cluster.holders[&UnitName::parse(name).unwrap()].machine.to_string();
        assert_eq!((holder("a.service"), holder("b.service")), ("m1".into(), "m2".into()));
        assert_eq!(changed(&cluster, 5).unwrap(), ["holder/b.service"]);
    }

    #[test]
    fn a_store_that_began_anew_is_read_from_nothing() {
        let mut cluster = Cluster::default();
        read(&mut cluster, 50, &[entry("holder/a.service", M1, 30)]);
        read(&mut cluster, 2, &[entry("holder/b.service", M2, 2)]);
        assert_eq!(cluster.holders.keys().map(UnitName::as_str).collect::<Vec<_>>(), ["b.service"]);
        assert_eq!(changed(&cluster, 50).unwrap(), [""; 0]);
        assert_eq!(changed(&cluster, 1), None);
    }
}
