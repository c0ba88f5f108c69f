//! The agent's operations: to be a machine of the cluster, to win and release units, and to report
//! what systemd says. All of it hangs on the machine's session lease.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::format::FIRST_FORMAT;
use super::keys::Key;
use super::records::{
    HolderRecord, KnownRecord, MachineRecord, StateRecord, UnitRecord, encode, readable,
};
use super::store::{
    Committed, Compare, Event, KeyValue, LeaseId, Op, OpResult, Revision, StoreError, Txn,
};
use super::{NESTED_MAX, Registry};
use crate::model::{MachineId, Timestamp};
use crate::unitfile::UnitName;

/// The `machine/` key as it stands.
#[derive(Debug, Clone)]
pub struct Present {
    /// What it says.
    pub record: MachineRecord,
    /// The session it hangs on.
    pub lease: Option<LeaseId>,
    /// Names this life of the machine.
    pub created: Revision,
    /// When the store said so.
    pub seen: Revision,
}

/// What befell the key of a machine that is of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// It was removed, with the session or by hand.
    Removed,
    /// Another hand wrote it.
    Overwritten,
}

/// Whose the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whose {
    /// The cluster's.
    pub cluster: Uuid,
    /// In which form it is stored: the first, where nobody said.
    pub format: u32,
}

/// What came of an attempt to win a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Won {
    /// The unit.
    pub name: UnitName,
    /// Who holds it now: this machine, if it won.
    pub holder: Option<MachineId>,
    /// The unit as stored, if it is.
    pub unit: Option<UnitRecord>,
    /// The store's revision: a holder that is another one is to be watched from here.
    pub revision: Revision,
    /// When another hand wrote the holder's key, if one did: on no session, and so for nobody.
    pub foreign: Option<Revision>,
}

impl Registry {
    /// Which cluster this is: an id that the first agent to ask gave to the store. One that does
    /// not read is repaired by who knows it. And the store's format.
    pub async fn whose(&self, known: Option<Uuid>) -> Result<Whose, StoreError> {
        let key = Key::Cluster.to_string();
        let new = Uuid::new_v4();
        let put = |id: Uuid| Op::Put { key: key.clone(), value: encode(&id), lease: None };
        let (when, format) = (vec![Compare::Absent(key.clone())], Op::Get(Key::Format.to_string()));
        let (then, otherwise) =
            (vec![format.clone(), put(new)], vec![format, Op::Get(key.clone())]);
        let mut results = self.store.commit(Txn { when, then, otherwise }).await?.results;
        let entry = results.pop().and_then(only);
        let format =
            results.pop().and_then(only).as_ref().and_then(readable).unwrap_or(FIRST_FORMAT);
        let whose = |cluster| Whose { cluster, format };
        let Some(entry) = entry else { return Ok(whose(new)) };
        match (readable(&entry), known) {
            (Some(found), _) => Ok(whose(found)),
            (None, Some(known)) => {
                let unchanged = Compare::Modified(key.clone(), entry.modified);
                self.commit_if(vec![unchanged], vec![put(known)]).await?;
                Ok(whose(known))
            }
            (None, None) => Err(StoreError::refused(
                "ask which cluster this is",
                "what stands under `cluster` does not read; a machine that was of the cluster \
                 repairs it when it comes back. Where none is left, remove that key",
            )),
        }
    }

    /// What stands under a machine's key. What hangs on no session is nobody's life, and is removed.
    /// A record that does not read is another's: joining fails on it until its session ends.
    pub async fn present(&self, machine: &MachineId) -> Result<Option<Present>, StoreError> {
        let (entry, seen) = self.get(&Key::Machine(machine.clone())).await?;
        if let Some(entry) = entry.as_ref().filter(|entry| entry.lease.is_none()) {
            self.remove_foreign(entry).await?;
            return Ok(None);
        }
        Ok(entry.and_then(|entry| {
            let record = readable(&entry)?;
            Some(Present { record, lease: entry.lease, created: entry.created, seen })
        }))
    }

    /// Returns once another hand than this session's changed the key of a machine that joined at
    /// `life`. `None`: there was no watching it; ask again.
    pub async fn disturbance(
        &self,
        machine: &MachineId,
        life: Revision,
        lease: LeaseId,
    ) -> Result<Option<Disturbance>, StoreError> {
        let key = Key::Machine(machine.clone());
        let disturbance = |event: &Event| match event {
            Event::Deleted(_) => Some(Disturbance::Removed),
            Event::Put(entry) => (entry.lease != Some(lease)).then_some(Disturbance::Overwritten),
        };
        let (entry, now) = self.get(&key).await?;
        match entry {
            Some(entry) if entry.created == life && entry.lease == Some(lease) => {
                self.first_after(&key, now, disturbance).await
            }
            Some(entry) if entry.created == life => Ok(Some(Disturbance::Overwritten)),
            _ => Ok(Some(Disturbance::Removed)),
        }
    }

    /// Returns once a machine's key, last seen at `seen`, is gone.
    pub async fn departure(&self, machine: &MachineId, seen: Revision) -> Result<(), StoreError> {
        self.until_gone(&Key::Machine(machine.clone()), seen).await
    }

    /// Returns once a unit, whose holder was last seen at `seen`, is released.
    pub async fn released(&self, name: &UnitName, seen: Revision) -> Result<(), StoreError> {
        self.until_gone(&Key::Holder(name.clone()), seen).await
    }

    /// Becomes a machine of the cluster. `None`: the id is taken. Else the revision that names
    /// this life.
    pub async fn join(
        &self,
        machine: &MachineId,
        record: &MachineRecord,
        lease: LeaseId,
    ) -> Result<Option<Revision>, StoreError> {
        let key = Key::Machine(machine.clone()).to_string();
        let puts = said(machine, record, lease);
        let joined = self.commit_if(vec![Compare::Absent(key)], puts).await?;
        Ok(joined.map(|committed| committed.revision))
    }

    /// Rewrites what a joined machine says of itself. `false`: it is no longer joined.
    pub async fn update_machine(
        &self,
        machine: &MachineId,
        life: Revision,
        record: &MachineRecord,
        lease: LeaseId,
    ) -> Result<bool, StoreError> {
        let key = Key::Machine(machine.clone()).to_string();
        let puts = said(machine, record, lease);
        Ok(self.commit_if(vec![Compare::Created(key, life)], puts).await?.is_some())
    }

    /// Is a machine of the cluster no longer, from `left` on; `record` is what it said of itself.
    pub async fn leave(
        &self,
        machine: &MachineId,
        life: Revision,
        record: &MachineRecord,
        left: Timestamp,
    ) -> Result<(), StoreError> {
        let key = Key::Machine(machine.clone()).to_string();
        let steps = vec![Op::Delete(key.clone()), known(machine, record, Some(left))];
        self.commit_if(vec![Compare::Created(key, life)], steps).await?;
        Ok(())
    }

    /// Tries to become the holder of each unit, and reads it in the same step.
    pub async fn win(
        &self,
        machine: &MachineId,
        lease: LeaseId,
        names: &[UnitName],
    ) -> Result<Vec<Won>, StoreError> {
        let value = encode(&HolderRecord { machine: machine.clone() });
        let attempt = |name: &UnitName| {
            let holder = Key::Holder(name.clone()).to_string();
            let unit = Op::Get(Key::Unit(name.clone()).to_string());
            let put = Op::Put { key: holder.clone(), value: value.clone(), lease: Some(lease) };
            Op::Nested(Txn {
                when: vec![Compare::Absent(holder.clone())],
                then: vec![put, unit.clone()],
                otherwise: vec![Op::Get(holder), unit],
            })
        };
        let mut all = Vec::with_capacity(names.len());
        for batch in names.chunks(NESTED_MAX) {
            let committed = self.always(batch.iter().map(attempt).collect()).await?;
            let revision = committed.revision;
            let outcomes = batch.iter().zip(committed.results);
            all.extend(outcomes.map(|(name, result)| won(name, result, machine, lease, revision)));
        }
        Ok(all)
    }

    /// Becomes the holder of a unit that runs here, in the place of what another hand wrote at
    /// `foreign`: nobody else can have won it. `false`: that key has changed.
    pub async fn take_over(
        &self,
        machine: &MachineId,
        lease: LeaseId,
        name: &UnitName,
        foreign: Revision,
    ) -> Result<bool, StoreError> {
        let key = Key::Holder(name.clone()).to_string();
        let value = encode(&HolderRecord { machine: machine.clone() });
        let unchanged = Compare::Modified(key.clone(), foreign);
        let put = Op::Put { key, value, lease: Some(lease) };
        Ok(self.commit_if(vec![unchanged], vec![put]).await?.is_some())
    }

    /// Reads units.
    pub async fn units(
        &self,
        names: &[UnitName],
    ) -> Result<Vec<(UnitName, Option<UnitRecord>)>, StoreError> {
        let mut all = Vec::with_capacity(names.len());
        for batch in names.chunks(NESTED_MAX) {
            let get = |name: &UnitName| Op::Get(Key::Unit(name.clone()).to_string());
            let committed = self.always(batch.iter().map(get).collect()).await?;
            let found = batch.iter().cloned().zip(committed.results);
            all.extend(
                found.map(|(name, result)| (name, only(result).as_ref().and_then(readable))),
            );
        }
        Ok(all)
    }

    /// Lets go of units, where this session still holds them, and with them of what it reported;
    /// returns those. Not where another life of this machine does: that one may run them.
    pub async fn release(
        &self,
        machine: &MachineId,
        lease: LeaseId,
        names: &[UnitName],
    ) -> Result<Vec<UnitName>, StoreError> {
        let release = |name: &UnitName| {
            let key = Key::Holder(name.clone()).to_string();
            let when = vec![Compare::Leased(key.clone(), lease)];
            // A fleetd that was killed after it unlinked the unit left its state behind.
            let state = Key::State(name.clone(), machine.clone()).to_string();
            let then = vec![Op::Delete(key), Op::Delete(state)];
            Op::Nested(Txn { when, then, otherwise: Vec::new() })
        };
        let mut released = Vec::with_capacity(names.len());
        for batch in names.chunks(NESTED_MAX) {
            let committed = self.always(batch.iter().map(release).collect()).await?;
            let done = |result: &OpResult| matches!(result, OpResult::Nested(it) if it.succeeded);
            let outcomes = batch.iter().zip(&committed.results);
            released.extend(outcomes.filter(|(_, it)| done(it)).map(|(name, _)| name.clone()));
        }
        Ok(released)
    }

    /// Every unit that hangs on a session: what a fleetd that was restarted holds already.
    pub async fn held(&self, lease: LeaseId) -> Result<Vec<UnitName>, StoreError> {
        let keys = self.store.keys_of(lease).await?;
        let holder = |key: &String| match Key::parse(key) {
            Some(Key::Holder(name)) => Some(name),
            _ => None,
        };
        Ok(keys.iter().filter_map(holder).collect())
    }

    /// What hangs on a session of what was reported: by a fleetd that was restarted since. Asks for
    /// no more than that: a thousand machines that are upgraded do not read all states each.
    pub async fn reported(
        &self,
        lease: LeaseId,
    ) -> Result<BTreeMap<UnitName, StateRecord>, StoreError> {
        let keys = self.store.keys_of(lease).await?;
        let state = |key: &String| match Key::parse(key)? {
            Key::State(name, _) => Some((name, Op::Get(key.clone()))),
            _ => None,
        };
        let states: Vec<(UnitName, Op)> = keys.iter().filter_map(state).collect();
        let mut reported = BTreeMap::new();
        for batch in states.chunks(NESTED_MAX) {
            let committed = self.always(batch.iter().map(|(_, get)| get.clone()).collect()).await?;
            let found = batch.iter().zip(committed.results);
            reported.extend(found.filter_map(|((name, _), result)| {
                let entry = only(result).filter(|entry| entry.lease == Some(lease))?;
                Some((name.clone(), readable(&entry)?))
            }));
        }
        Ok(reported)
    }

    /// Reports what systemd says; `None` for units that are gone.
    pub async fn publish(
        &self,
        machine: &MachineId,
        lease: LeaseId,
        states: &[(UnitName, Option<StateRecord>)],
    ) -> Result<(), StoreError> {
        let write = |(name, state): &(UnitName, Option<StateRecord>)| {
            let key = Key::State(name.clone(), machine.clone()).to_string();
            match state {
                Some(state) => Op::Put { key, value: encode(state), lease: Some(lease) },
                None => Op::Delete(key),
            }
        };
        for batch in states.chunks(NESTED_MAX) {
            self.always(batch.iter().map(write).collect()).await?;
        }
        Ok(())
    }
}

/// What a machine says of itself, while it lives and for when it is gone.
fn said(machine: &MachineId, record: &MachineRecord, lease: LeaseId) -> Vec<Op> {
    let key = Key::Machine(machine.clone()).to_string();
    let live = Op::Put { key, value: encode(record), lease: Some(lease) };
    vec![live, known(machine, record, None)]
}

fn known(machine: &MachineId, record: &MachineRecord, left: Option<Timestamp>) -> Op {
    let known = KnownRecord { machine: record.clone(), left };
    Op::Put { key: Key::Known(machine.clone()).to_string(), value: encode(&known), lease: None }
}

/// Reads the two answers of an attempt: the put or the holder that is there, then the unit.
fn won(
    name: &UnitName,
    result: OpResult,
    machine: &MachineId,
    lease: LeaseId,
    revision: Revision,
) -> Won {
    let mut won = Won { name: name.clone(), holder: None, unit: None, revision, foreign: None };
    if let OpResult::Nested(Committed { succeeded, results, .. }) = result {
        let mut results = results.into_iter();
        let holder = results.next().and_then(only);
        won.foreign = holder.as_ref().filter(|it| it.lease.is_none()).map(|it| it.modified);
        won.unit = results.next().and_then(only).as_ref().and_then(readable);
        won.holder = match holder {
            _ if succeeded => Some(machine.clone()),
            // Our own key, but of an earlier session: it goes when that lease lapses. Until then it
            // is nobody's that we could name.
            Some(entry) if entry.lease == Some(lease) => Some(machine.clone()),
            Some(entry) => readable::<HolderRecord>(&entry)
                .map(|record| record.machine)
                .filter(|holder| holder != machine),
            None => None,
        };
    }
    won
}

pub(super) fn only(result: OpResult) -> Option<KeyValue> {
    match result {
        OpResult::Found(mut entries) => entries.pop(),
        _ => None,
    }
}
