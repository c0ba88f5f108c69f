//! fleet's transactions and keys to etcd's and back. Pure.
//!
//! The only file that knows the prefix of all keys: relative names come in and go out.

use etcd_client as etcd;

use super::super::store::{
    Changes, Committed, Compare, Event, KeyValue, LeaseId, Op, OpResult, Revision, Txn,
};

/// What all of fleet's keys begin with: empty, or ending in a slash.
#[derive(Debug, Clone)]
pub(super) struct Prefix(String);

impl Prefix {
    pub(super) fn new(prefix: &str) -> Prefix {
        let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
        Prefix(format!("{prefix}{slash}"))
    }

    /// The full name of a relative key or prefix.
    pub(super) fn full(&self, key: &str) -> String {
        format!("{}{key}", self.0)
    }

    /// The relative name of a key. `None` for one that fleet cannot have written.
    pub(super) fn relative(&self, key: &[u8]) -> Option<String> {
        let key = std::str::from_utf8(key).ok()?;
        key.strip_prefix(&self.0).map(str::to_owned)
    }

    pub(super) fn txn(&self, txn: &Txn) -> etcd::Txn {
        let ops = |ops: &[Op]| ops.iter().map(|op| self.op(op)).collect::<Vec<_>>();
        let when: Vec<_> = txn.when.iter().map(|compare| self.compare(compare)).collect();
        etcd::Txn::new().when(when).and_then(ops(&txn.then)).or_else(ops(&txn.otherwise))
    }

    fn op(&self, op: &Op) -> etcd::TxnOp {
        match op {
            Op::Put { key, value, lease } => {
                let lease = lease.map_or(0, |lease| lease.0);
                let options = etcd::PutOptions::new().with_lease(lease);
                etcd::TxnOp::put(self.full(key), value.clone(), Some(options))
            }
            Op::Delete(key) => etcd::TxnOp::delete(self.full(key), None),
            Op::Read(prefix) => {
                let options = etcd::GetOptions::new().with_prefix();
                etcd::TxnOp::get(self.full(prefix), Some(options))
            }
            Op::Get(key) => etcd::TxnOp::get(self.full(key), None),
            Op::Nested(txn) => etcd::TxnOp::txn(self.txn(txn)),
        }
    }

    fn compare(&self, compare: &Compare) -> etcd::Compare {
        use etcd::CompareOp::Equal;
        match compare {
            Compare::Absent(key) => etcd::Compare::create_revision(self.full(key), Equal, 0),
            Compare::Created(key, at) => {
                etcd::Compare::create_revision(self.full(key), Equal, existing(*at))
            }
            Compare::Modified(key, at) => {
                etcd::Compare::mod_revision(self.full(key), Equal, existing(*at))
            }
            // To etcd, an absent key hangs on lease 0, which no lease has.
            Compare::Leased(key, lease) => etcd::Compare::lease(self.full(key), Equal, lease.0),
        }
    }

    /// What a transaction did; the revision is the outermost one's.
    pub(super) fn committed(&self, response: &etcd::TxnResponse, revision: Revision) -> Committed {
        let result = |response| match response {
            etcd::TxnOpResponse::Put(_) => OpResult::Put,
            etcd::TxnOpResponse::Delete(response) => OpResult::Deleted(response.deleted() > 0),
            etcd::TxnOpResponse::Get(mut response) => {
                OpResult::Found(self.entries(response.take_kvs()))
            }
            etcd::TxnOpResponse::Txn(response) => {
                OpResult::Nested(self.committed(&response, revision))
            }
        };
        let results = response.op_responses().into_iter().map(result).collect();
        Committed { succeeded: response.succeeded(), revision, results }
    }

    pub(super) fn entries(&self, entries: Vec<etcd::KeyValue>) -> Vec<KeyValue> {
        entries.into_iter().filter_map(|entry| self.entry(entry)).collect()
    }

    fn entry(&self, entry: etcd::KeyValue) -> Option<KeyValue> {
        let created = Revision(entry.create_revision());
        let modified = Revision(entry.mod_revision());
        let lease = Some(entry.lease()).filter(|lease| *lease != 0).map(LeaseId);
        let (key, value) = entry.into_key_value();
        let key = self.relative(&key)?;
        Some(KeyValue { key, value, created, modified, lease })
    }

    /// The events of one answer to a watch, one [`Changes`] for each revision.
    pub(super) fn changes(&self, events: &[etcd::Event]) -> Vec<Changes> {
        let mut changes: Vec<Changes> = Vec::new();
        for event in events {
            let Some(entry) = event.kv() else { continue };
            let revision = Revision(entry.mod_revision());
            let event = match event.event_type() {
                etcd::EventType::Put => self.entry(entry.clone()).map(Event::Put),
                etcd::EventType::Delete => self.relative(entry.key()).map(Event::Deleted),
            };
            let Some(event) = event else { continue };
            match changes.last_mut() {
                Some(last) if last.revision == revision => last.events.push(event),
                _ => changes.push(Changes { revision, events: vec![event] }),
            }
        }
        changes
    }
}

/// A revision that only an existing key can have: to etcd, an absent key was created at 0.
fn existing(revision: Revision) -> i64 {
    if revision.0 == 0 { -1 } else { revision.0 }
}
