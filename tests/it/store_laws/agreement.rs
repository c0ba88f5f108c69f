//! The embedded store agrees with a real etcd: random scripts, the same answers.

use std::time::Duration;

use fleet::fleetd::registry::EmbeddedStore;
use fleet::fleetd::registry::{
    Committed, Compare, Event, KeyValue, LeaseId, Op, OpResult, Revision, Store, StoreError, Txn,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{next, put};
use crate::support::etcd::Etcd;

/// Enough to meet every kind of step next to every other, in about two seconds.
const SCRIPTS: u32 = 60;

/// Leases are named by their place among those granted; revisions count from the script's start.
#[derive(Debug, Clone)]
enum Step {
    Commit(Txn),
    Grant,
    KeepAlive(i64),
    Revoke(i64),
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c/a", "c/b", "d"]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![b"".to_vec(), b"1".to_vec(), b"2".to_vec()])
}

fn lease() -> impl Strategy<Value = LeaseId> {
    (0_i64..3).prop_map(LeaseId)
}

fn compare() -> impl Strategy<Value = Compare> {
    let revision = || (1_i64..12).prop_map(Revision);
    prop_oneof![
        key().prop_map(Compare::Absent),
        (key(), revision()).prop_map(|(key, at)| Compare::Created(key, at)),
        (key(), revision()).prop_map(|(key, at)| Compare::Modified(key, at)),
        (key(), lease()).prop_map(|(key, lease)| Compare::Leased(key, lease)),
    ]
}

fn write_or_read(deleted: impl Strategy<Value = String>) -> impl Strategy<Value = Op> {
    let lease = prop::option::weighted(0.3, lease());
    prop_oneof![
        4 => (key(), value(), lease).prop_map(|(key, value, lease)| Op::Put { key, value, lease }),
        2 => deleted.prop_map(Op::Delete),
        1 => prop::sample::select(vec!["", "c/", "d"]).prop_map(|at| Op::Read(at.to_owned())),
        1 => key().prop_map(Op::Get),
    ]
}

fn txn_of(op: impl Strategy<Value = Op> + Clone, most: usize) -> impl Strategy<Value = Txn> {
    (vec(compare(), 0..2), vec(op.clone(), 0..most), vec(op, 0..most))
        .prop_map(|(when, then, otherwise)| Txn { when, then, otherwise })
}

fn step() -> impl Strategy<Value = Step> {
    // etcd overlooks it when one nested transaction puts a key and a later one deletes it; fleet
    // does not. So that scripts steer clear of this, nested ones delete only what they never put.
    let nested = txn_of(write_or_read(Just("e".to_owned())).boxed(), 3);
    let op = prop_oneof![4 => write_or_read(key()), 1 => nested.prop_map(Op::Nested)].boxed();
    prop_oneof![
        8 => txn_of(op, 4).prop_map(Step::Commit),
        2 => Just(Step::Grant),
        1 => (0_i64..3).prop_map(Step::KeepAlive),
        1 => (0_i64..3).prop_map(Step::Revoke),
    ]
}

/// A store, with the script's way of counting.
struct Player<'s> {
    store: &'s dyn Store,
    start: Revision,
    leases: Vec<LeaseId>,
}

impl Player<'_> {
    /// Plays a script; what every step answered, what stands at the end, and what a watch saw.
    async fn play(mut self, script: &[Step]) -> Vec<String> {
        let mut answers = Vec::new();
        for step in script {
            answers.push(self.step(step).await);
        }
        let range = self.store.range("").await.expect("a range");
        let end = range.revision;
        let entries = range.entries.into_iter().map(|entry| self.entry(entry)).collect::<Vec<_>>();
        answers.push(format!("{} {entries:?}", end.0 - self.start.0));
        let mut watch = self.store.watch("", self.start.next()).await.expect("a watch");
        let mut seen = self.start;
        while seen < end {
            let changes = next(&mut watch).await.expect("changes");
            seen = changes.revision;
            let events = changes.events.into_iter().map(|event| match event {
                Event::Put(entry) => format!("{:?}", self.entry(entry)),
                Event::Deleted(key) => format!("-{key}"),
            });
            answers.push(format!("{} {:?}", seen.0 - self.start.0, events.collect::<Vec<_>>()));
        }
        answers
    }

    async fn step(&mut self, step: &Step) -> String {
        match step {
            Step::Commit(txn) => match self.store.commit(self.real(txn)).await {
                Ok(committed) => format!("{:?}", self.committed(committed)),
                Err(StoreError::Refused { .. }) => "refused".into(),
                Err(StoreError::LeaseGone { .. }) => "lease gone".into(),
                Err(other) => panic!("{other:?}"),
            },
            Step::Grant => {
                let lease = self.store.grant(Duration::from_secs(600)).await.expect("a lease");
                self.leases.push(lease);
                "granted".into()
            }
            Step::KeepAlive(lease) => {
                format!("{}", self.store.keep_alive(self.lease(LeaseId(*lease))).await.is_ok())
            }
            Step::Revoke(lease) => {
                format!("{}", self.store.revoke(self.lease(LeaseId(*lease))).await.is_ok())
            }
        }
    }

    fn real(&self, txn: &Txn) -> Txn {
        let at = |revision: &Revision| Revision(self.start.0 + revision.0);
        let compare = |compare: &Compare| match compare {
            Compare::Created(key, revision) => Compare::Created(key.clone(), at(revision)),
            Compare::Modified(key, revision) => Compare::Modified(key.clone(), at(revision)),
            Compare::Leased(key, lease) => Compare::Leased(key.clone(), self.lease(*lease)),
            Compare::Absent(key) => Compare::Absent(key.clone()),
        };
        let op = |op: &Op| match op {
            Op::Put { key, value, lease: Some(lease) } => {
                let lease = Some(self.lease(*lease));
                Op::Put { key: key.clone(), value: value.clone(), lease }
            }
            Op::Nested(txn) => Op::Nested(self.real(txn)),
            other => other.clone(),
        };
        Txn {
            when: txn.when.iter().map(compare).collect(),
            then: txn.then.iter().map(op).collect(),
            otherwise: txn.otherwise.iter().map(op).collect(),
        }
    }

    /// The real name of a script's lease; one that was never granted for those not granted yet.
    fn lease(&self, script: LeaseId) -> LeaseId {
        let place = usize::try_from(script.0).expect("a place");
        self.leases.get(place).copied().unwrap_or(LeaseId(0x7777_7777))
    }

    fn committed(&self, mut committed: Committed) -> Committed {
        committed.revision.0 -= self.start.0;
        for result in &mut committed.results {
            *result = match std::mem::replace(result, OpResult::Put) {
                OpResult::Found(entries) => {
                    OpResult::Found(entries.into_iter().map(|entry| self.entry(entry)).collect())
                }
                OpResult::Nested(nested) => OpResult::Nested(self.committed(nested)),
                other => other,
            };
        }
        committed
    }

    fn entry(&self, mut entry: KeyValue) -> KeyValue {
        entry.created.0 -= self.start.0;
        entry.modified.0 -= self.start.0;
        let place = |lease| self.leases.iter().position(|known| *known == lease);
        entry.lease =
            entry.lease.and_then(place).and_then(|at| i64::try_from(at).ok()).map(LeaseId);
        entry
    }
}

#[test]
fn the_embedded_store_answers_as_etcd_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let etcd = runtime.block_on(Etcd::start());
    let cases = std::cell::Cell::new(0);
    let config = Config { cases: SCRIPTS, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&vec(step(), 1..20), |script| {
        cases.set(cases.get() + 1);
        let (embedded, etcd) = runtime.block_on(async {
            let embedded = EmbeddedStore::in_memory();
            let etcd = etcd.store(&format!("/script-{}/", cases.get()));
            // Both begin with a key of the past.
            let players = async |store| {
                let start = put(store, "past", "").await;
                Player { store, start, leases: Vec::new() }.play(&script).await
            };
            (players(&embedded as &dyn Store).await, players(&*etcd).await)
        });
        prop_assert_eq!(embedded, etcd);
        Ok(())
    });
    outcome.expect("agreement");
}
