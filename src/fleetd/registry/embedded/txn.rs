//! What a transaction means: its rules, its conditions, and its steps on a map of keys. Pure.
//!
//! Follows etcd to the letter, since callers are tested here and run there. It must not know
//! watches, time or the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::super::store::{
    Committed, Compare, Event, KeyValue, LeaseId, MAX_TXN_OPS, Op, OpResult, Revision, StoreError,
    Txn,
};

/// Every key as it stands now.
pub(super) type Keys = BTreeMap<String, KeyValue>;

/// What stands under `prefix`, sorted.
pub(super) fn under<'k>(keys: &'k Keys, prefix: &str) -> impl Iterator<Item = &'k KeyValue> {
    keys.range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
        .map(|(_, entry)| entry)
        .take_while(move |entry| entry.key.starts_with(prefix))
}

/// Refuses a transaction that etcd would not take, whatever the state.
pub(super) fn check(txn: &Txn) -> Result<(), String> {
    check_width(txn, MAX_TXN_OPS)?;
    Writes::of_txn(txn).map(drop)
}

fn check_width(txn: &Txn, room: usize) -> Result<(), String> {
    let width = txn.when.len().max(txn.then.len()).max(txn.otherwise.len());
    let left = room
        .checked_sub(width)
        .ok_or_else(|| format!("{width} conditions or steps where {room} are allowed"))?;
    txn.then.iter().chain(&txn.otherwise).try_for_each(|op| match op {
        Op::Nested(nested) => check_width(nested, left),
        _ => Ok(()),
    })
}

/// The keys that may be written on the roads through a transaction.
#[derive(Default)]
struct Writes<'t> {
    puts: BTreeSet<&'t str>,
    deletes: BTreeSet<&'t str>,
}

impl<'t> Writes<'t> {
    /// Both roads together; one key on each is fine, since only one is taken.
    fn of_txn(txn: &'t Txn) -> Result<Writes<'t>, String> {
        let mut writes = Writes::of_road(&txn.then)?;
        let otherwise = Writes::of_road(&txn.otherwise)?;
        writes.puts.extend(otherwise.puts);
        writes.deletes.extend(otherwise.deletes);
        Ok(writes)
    }

    fn of_road(steps: &'t [Op]) -> Result<Writes<'t>, String> {
        let mut road = Writes::default();
        for step in steps {
            let writes = match step {
                Op::Put { key, .. } => Writes { puts: [key.as_str()].into(), ..Writes::default() },
                Op::Delete(key) => Writes { deletes: [key.as_str()].into(), ..Writes::default() },
                Op::Read(_) | Op::Get(_) => continue,
                Op::Nested(txn) => Writes::of_txn(txn)?,
            };
            let put_again = writes.puts.iter().find(|key| road.writes(key));
            let delete_put = writes.deletes.iter().find(|key| road.puts.contains(*key));
            if let Some(key) = put_again.or(delete_put) {
                return Err(format!("key {key} would be written twice"));
            }
            road.puts.extend(writes.puts);
            road.deletes.extend(writes.deletes);
        }
        Ok(road)
    }

    fn writes(&self, key: &str) -> bool {
        self.puts.contains(key) || self.deletes.contains(key)
    }
}

/// Which road each transaction takes: the outermost first, then the nested ones on the road taken,
/// in order. Fails when a put on that road names a lease that is not `alive`.
pub(super) fn decide(
    keys: &Keys,
    alive: &impl Fn(LeaseId) -> bool,
    txn: &Txn,
) -> Result<Vec<bool>, StoreError> {
    let succeeded = txn.when.iter().all(|compare| holds(keys, compare));
    let mut roads = vec![succeeded];
    for step in if succeeded { &txn.then } else { &txn.otherwise } {
        match step {
            Op::Put { lease: Some(lease), .. } if !alive(*lease) => {
                return Err(StoreError::LeaseGone { lease: *lease });
            }
            Op::Nested(nested) => roads.extend(decide(keys, alive, nested)?),
            _ => {}
        }
    }
    Ok(roads)
}

fn holds(keys: &Keys, compare: &Compare) -> bool {
    match compare {
        Compare::Absent(key) => !keys.contains_key(key),
        Compare::Created(key, at) => keys.get(key).is_some_and(|entry| entry.created == *at),
        Compare::Modified(key, at) => keys.get(key).is_some_and(|entry| entry.modified == *at),
        Compare::Leased(key, lease) => keys.get(key).is_some_and(|it| it.lease == Some(*lease)),
    }
}

/// Writes the store's revision into what a transaction did, nested ones included.
pub(super) fn stamp(committed: &mut Committed, revision: Revision) {
    committed.revision = revision;
    for result in &mut committed.results {
        if let OpResult::Nested(nested) = result {
            stamp(nested, revision);
        }
    }
}

/// Writes made to a map of keys at one revision, and how to take them back.
#[derive(Debug)]
pub(super) struct Draft<'k> {
    keys: &'k mut Keys,
    revision: Revision,
    /// The changes, in order.
    pub(super) events: Vec<Event>,
    /// What stood before at each key written, in order.
    before: Vec<(String, Option<KeyValue>)>,
}

impl<'k> Draft<'k> {
    /// An empty draft of the commit that makes `revision`.
    pub(super) fn new(keys: &'k mut Keys, revision: Revision) -> Draft<'k> {
        Draft { keys, revision, events: Vec::new(), before: Vec::new() }
    }

    /// Takes the steps of a transaction on the roads decided.
    pub(super) fn take(&mut self, txn: Txn, roads: &mut impl Iterator<Item = bool>) -> Committed {
        let succeeded = roads.next().unwrap_or_default();
        let steps = if succeeded { txn.then } else { txn.otherwise };
        let results = steps
            .into_iter()
            .map(|step| match step {
                Op::Put { key, value, lease } => self.put(key, value, lease),
                Op::Delete(key) => OpResult::Deleted(self.delete(key)),
                Op::Read(prefix) => {
                    OpResult::Found(under(self.keys, &prefix).cloned().collect::<Vec<_>>())
                }
                Op::Get(key) => OpResult::Found(self.keys.get(&key).cloned().into_iter().collect()),
                Op::Nested(nested) => OpResult::Nested(self.take(nested, roads)),
            })
            .collect();
        // Known only when all steps are taken: a transaction that writes nothing makes no revision.
        Committed { succeeded, revision: Revision::default(), results }
    }

    fn put(&mut self, key: String, value: Vec<u8>, lease: Option<LeaseId>) -> OpResult {
        let created = self.keys.get(&key).map_or(self.revision, |entry| entry.created);
        let entry = KeyValue { key: key.clone(), value, created, modified: self.revision, lease };
        self.events.push(Event::Put(entry.clone()));
        let before = self.keys.insert(key.clone(), entry);
        self.before.push((key, before));
        OpResult::Put
    }

    /// Removes a key; says whether it was there.
    pub(super) fn delete(&mut self, key: String) -> bool {
        let Some(entry) = self.keys.remove(&key) else {
            return false;
        };
        self.events.push(Event::Deleted(key.clone()));
        self.before.push((key, Some(entry)));
        true
    }

    /// Whether a key is written, or was there before, that is bound to no lease.
    pub(super) fn touches_lasting_keys(&self) -> bool {
        let put = self.events.iter().any(|event| match event {
            Event::Put(entry) => entry.lease.is_none(),
            Event::Deleted(_) => false,
        });
        put || self
            .before
            .iter()
            .any(|(_, before)| before.as_ref().is_some_and(|entry| entry.lease.is_none()))
    }

    /// Puts everything back as it was.
    pub(super) fn take_back(self) {
        for (key, before) in self.before.into_iter().rev() {
            match before {
                Some(entry) => self.keys.insert(key, entry),
                None => self.keys.remove(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_taken_back_leaves_no_trace() {
        let mut keys = Keys::new();
        let put = |key: &str| Op::Put { key: key.into(), value: b"new".to_vec(), lease: None };
        let first = Txn { then: vec![put("a"), put("b")], ..Txn::default() };
        Draft::new(&mut keys, Revision(2)).take(first, &mut [true].into_iter());
        let before = keys.clone();

        let steps = vec![put("a"), Op::Delete("b".into()), put("c"), Op::Delete("absent".into())];
        let mut draft = Draft::new(&mut keys, Revision(3));
        draft.take(Txn { then: steps, ..Txn::default() }, &mut [true].into_iter());
        assert_eq!(draft.events.len(), 3);
        draft.take_back();
        assert_eq!(keys, before);
    }
}
