//! The laws every store obeys, tried on each: embedded in memory, embedded in a file and opened
//! again, and a real etcd.

#![allow(clippy::expect_used)] // a helper that cannot go on is a failed test

mod agreement;
mod etcd;
mod file;
mod leases;
mod transactions;
mod watches;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::registry::EmbeddedStore;
use fleet::fleetd::registry::{
    Changes, Committed, Event, Op, Revision, Store, StoreError, Txn, Watch,
};
use tokio::time::timeout;

use crate::support::etcd::Etcd;

/// How long anything may take before a test calls it lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// A lease that a test need not wait long for, and yet can put keys on when the machine is busy.
const EMBEDDED_SHORT: Duration = Duration::from_millis(300);

/// A store to try a law on.
struct World {
    store: Arc<dyn Store>,
    /// The shortest lease it grants.
    short: Duration,
    /// What must outlive the store.
    _ground: Box<dyn Any>,
}

impl World {
    async fn in_memory() -> World {
        let store = Arc::new(EmbeddedStore::in_memory());
        World { store, short: EMBEDDED_SHORT, _ground: Box::new(()) }
    }

    async fn in_a_file() -> World {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store");
        let before = EmbeddedStore::open(&path).await.expect("a new store");
        put(&before, "earlier/life", "seen").await;
        drop(before);
        let store = Arc::new(EmbeddedStore::open(&path).await.expect("the store again"));
        World { store, short: EMBEDDED_SHORT, _ground: Box::new(folder) }
    }

    async fn in_etcd() -> World {
        let etcd = Etcd::start().await;
        let store = etcd.store("/fleet-laws/");
        World { store, short: Duration::from_secs(1), _ground: Box::new(etcd) }
    }
}

macro_rules! laws {
    ($($room:ident: $($law:ident),+;)+) => {
        mod embedded_in_memory_obeys {
            $($(#[tokio::test] async fn $law() {
                super::$room::$law(super::World::in_memory().await).await;
            })+)+
        }
        mod embedded_in_a_file_obeys {
            $($(#[tokio::test] async fn $law() {
                super::$room::$law(super::World::in_a_file().await).await;
            })+)+
        }
        mod etcd_obeys {
            $($(#[tokio::test] async fn $law() {
                super::$room::$law(super::World::in_etcd().await).await;
            })+)+
        }
    };
}

laws! {
    transactions:
        a_commit_is_read_by_every_later_read,
        a_commit_that_writes_makes_one_revision,
        a_failing_condition_changes_nothing,
        keys_carry_their_revisions,
        a_recreated_key_is_a_new_one,
        conditions_mean_what_they_say,
        no_revision_is_that_of_an_absent_key,
        a_stale_nested_decision_fails_alone,
        nested_conditions_are_checked_before_the_first_step,
        reads_see_the_steps_before_them,
        one_key_is_written_once,
        a_key_may_be_written_on_either_road,
        a_transaction_has_a_greatest_width,
        a_range_is_sorted_and_knows_its_bounds;
    leases:
        what_a_key_hangs_on_can_be_asked,
        a_revoked_lease_takes_its_keys_along,
        a_lease_lapses_with_its_keys_at_one_revision,
        renewals_keep_a_lease,
        what_is_over_cannot_be_renewed,
        who_asks_is_told_how_much_time_is_left,
        who_asks_is_told_the_keys_of_a_lease,
        a_put_on_a_dead_lease_fails_whole,
        a_key_put_without_its_lease_survives_it;
    watches:
        a_watch_replays_the_past_then_follows,
        one_transaction_is_one_item,
        a_watch_sees_its_prefix_only,
        a_watch_of_the_future_waits_for_it,
        revoked_keys_are_seen_deleted,
        a_compacted_past_ends_the_watch,
        compaction_spares_the_present,
        a_slow_reader_misses_nothing;
}

fn txn(then: impl Into<Vec<Op>>) -> Txn {
    Txn { then: then.into(), ..Txn::default() }
}

fn put_op(key: &str, value: &str) -> Op {
    Op::Put { key: key.into(), value: value.into(), lease: None }
}

async fn commit(store: &dyn Store, txn: Txn) -> Committed {
    store.commit(txn).await.expect("a commit")
}

/// Puts one key; the revision that made it.
async fn put(store: &dyn Store, key: &str, value: &str) -> Revision {
    commit(store, txn([put_op(key, value)])).await.revision
}

/// The keys and values under a prefix.
async fn read(store: &dyn Store, prefix: &str) -> Vec<(String, String)> {
    let range = store.range(prefix).await.expect("a range");
    let text = |value| String::from_utf8(value).expect("text");
    range.entries.into_iter().map(|entry| (entry.key, text(entry.value))).collect()
}

/// The next item of a watch.
async fn next(watch: &mut Watch) -> Result<Changes, StoreError> {
    timeout(PATIENCE, watch.recv()).await.expect("news in time").expect("a watch that goes on")
}

/// The next changes, in short: `+key=value` and `-key`.
async fn news(watch: &mut Watch) -> (Revision, Vec<String>) {
    let changes = next(watch).await.expect("changes");
    let short = |event: &Event| match event {
        Event::Put(entry) => {
            format!("+{}={}", entry.key, String::from_utf8_lossy(&entry.value))
        }
        Event::Deleted(key) => format!("-{key}"),
    };
    (changes.revision, changes.events.iter().map(short).collect())
}
