//! Laws of leases.

use std::time::Duration;

use fleet::fleetd::registry::{Compare, LeaseId, Op, Store, StoreError, Txn};
use tokio::time::{Instant, interval};

use super::{World, commit, news, put, put_op, read, txn};

const LONG: Duration = Duration::from_secs(600);

/// A lease that can be seen to end, and yet be renewed in time by a test that has to wait for its
/// turn on a busy machine.
const RENEWABLE: Duration = Duration::from_secs(1);

fn put_leased(key: &str, lease: LeaseId) -> Op {
    Op::Put { key: key.into(), value: Vec::new(), lease: Some(lease) }
}

fn is_gone<T>(result: &Result<T, StoreError>, of: LeaseId) -> bool {
    matches!(result, Err(StoreError::LeaseGone { lease }) if *lease == of)
}

async fn grant(store: &dyn Store, ttl: Duration) -> LeaseId {
    store.grant(ttl).await.expect("a lease")
}

pub async fn what_a_key_hangs_on_can_be_asked(world: World) {
    let store = &*world.store;
    let (lease, other) = (grant(store, LONG).await, grant(store, LONG).await);
    commit(store, txn([put_leased("a", lease), put_op("b", "")])).await;
    let leased = |key: &str, lease| Compare::Leased(key.to_owned(), lease);
    for (compare, holds) in [
        (leased("a", lease), true),
        (leased("a", other), false),
        (leased("b", lease), false),
        (leased("absent", lease), false),
    ] {
        let asked = Txn { when: vec![compare.clone()], ..Txn::default() };
        assert_eq!(commit(store, asked).await.succeeded, holds, "{compare:?}");
    }
}

pub async fn a_revoked_lease_takes_its_keys_along(world: World) {
    let store = &*world.store;
    let (lease, other) = (grant(store, LONG).await, grant(store, LONG).await);
    assert_ne!(lease, other);
    commit(store, txn([put_leased("k/a", lease), put_leased("k/b", lease)])).await;
    commit(store, txn([put_leased("k/c", other), put_op("k/d", "")])).await;
    let range = store.range("k/a").await.expect("a range");
    assert_eq!(range.entries[0].lease, Some(lease));

    store.revoke(lease).await.expect("a revocation");
    let left: Vec<_> = read(store, "k/").await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, ["k/c", "k/d"]);
    store.revoke(lease).await.expect("success when it is gone already");
}

pub async fn a_lease_lapses_with_its_keys_at_one_revision(world: World) {
    let store = &*world.store;
    let lease = grant(store, world.short).await;
    let bound = commit(store, txn([put_leased("k/a", lease), put_leased("k/b", lease)])).await;
    let mut watch = store.watch("k/", bound.revision.next()).await.expect("a watch");
    let (revision, gone) = news(&mut watch).await;
    assert_eq!(revision, bound.revision.next());
    assert_eq!(gone, ["-k/a", "-k/b"]);
    assert!(read(store, "k/").await.is_empty());
}

pub async fn renewals_keep_a_lease(world: World) {
    let store = &*world.store;
    let (renewed, left) = (grant(store, RENEWABLE).await, grant(store, RENEWABLE).await);
    commit(store, txn([put_leased("kept", renewed)])).await;
    let bound = commit(store, txn([put_leased("left", left)])).await;
    let mut watch = store.watch("left", bound.revision.next()).await.expect("a watch");
    // Renew one until the other one, granted later, is gone, and then for as long again.
    let start = Instant::now();
    let mut ticks = interval(RENEWABLE / 5);
    let lapsed = async {
        news(&mut watch).await;
        tokio::time::sleep_until(Instant::now() + start.elapsed()).await;
    };
    tokio::pin!(lapsed);
    loop {
        tokio::select! {
            _ = ticks.tick() => store.keep_alive(renewed).await.expect("a renewal"),
            () = &mut lapsed => break,
        }
    }
    assert_eq!(read(store, "kept").await.len(), 1);
}

pub async fn what_is_over_cannot_be_renewed(world: World) {
    let store = &*world.store;
    let revoked = grant(store, LONG).await;
    store.keep_alive(revoked).await.expect("a renewal");
    store.revoke(revoked).await.expect("a revocation");
    let lapsed = grant(store, world.short).await;
    let bound = commit(store, txn([put_leased("k", lapsed)])).await;
    let mut watch = store.watch("k", bound.revision.next()).await.expect("a watch");
    news(&mut watch).await;
    for over in [revoked, lapsed, LeaseId(0x1234_5678)] {
        // Twice, since the first answer may come over a stream that the second does not have.
        for _ in 0..2 {
            let renewed = store.keep_alive(over).await;
            assert!(is_gone(&renewed, over), "{renewed:?}");
        }
    }
}

pub async fn who_asks_is_told_how_much_time_is_left(world: World) {
    let store = &*world.store;
    let (lease, lapsing) = (grant(store, LONG).await, grant(store, world.short).await);
    let time = store.time_left(lease).await.expect("an answer").expect("it lives");
    assert_eq!(time.of, LONG);
    assert!(time.left > LONG / 2 && time.left <= LONG, "{time:?}");
    let bound = commit(store, txn([put_leased("k", lapsing)])).await;
    let mut watch = store.watch("k", bound.revision.next()).await.expect("a watch");
    for _ in 0..3 {
        store.time_left(lapsing).await.expect("an answer, which renews nothing");
    }
    news(&mut watch).await;
    store.revoke(lease).await.expect("a revocation");
    for over in [lease, lapsing, LeaseId(0x1234_5678)] {
        assert_eq!(store.time_left(over).await.expect("an answer"), None);
    }
}

pub async fn who_asks_is_told_the_keys_of_a_lease(world: World) {
    let store = &*world.store;
    let (lease, other) = (grant(store, LONG).await, grant(store, LONG).await);
    let keys = async || store.keys_of(lease).await.expect("an answer");
    assert_eq!(keys().await, [""; 0]);
    let many: Vec<Op> = (0..100).rev().map(|n| put_leased(&format!("k/{n:02}"), lease)).collect();
    commit(store, txn(many)).await;
    commit(store, txn([put_leased("k/others", other), put_op("k/nobodys", "")])).await;
    let all: Vec<String> = (0..100).map(|n| format!("k/{n:02}")).collect();
    assert_eq!(keys().await, all);
    let gone = (2..100).map(|n| Op::Delete(format!("k/{n:02}")));
    commit(store, txn(gone.collect::<Vec<_>>())).await;
    commit(store, txn([put_leased("k/01", other)])).await;
    assert_eq!(keys().await, ["k/00"]);
    store.revoke(lease).await.expect("a revocation");
    assert_eq!(keys().await, [""; 0]);
}

pub async fn a_put_on_a_dead_lease_fails_whole(world: World) {
    let store = &*world.store;
    let lease = grant(store, LONG).await;
    store.revoke(lease).await.expect("a revocation");
    let before = put(store, "a", "1").await;
    for dead in [
        txn([put_op("a", "2"), put_leased("b", lease)]),
        txn([put_op("a", "2"), Op::Nested(txn([put_leased("b", lease)]))]),
    ] {
        let refused = store.commit(dead).await;
        assert!(is_gone(&refused, lease), "{refused:?}");
    }
    assert_eq!(store.revision().await.expect("the revision"), before);
    assert_eq!(read(store, "a").await, [("a".into(), "1".into())]);
}

pub async fn a_key_put_without_its_lease_survives_it(world: World) {
    let store = &*world.store;
    let (first, second) = (grant(store, LONG).await, grant(store, LONG).await);
    for key in ["k/freed", "k/moved"] {
        commit(store, txn([put_leased(key, first)])).await;
    }
    commit(store, txn([put_op("k/freed", ""), put_leased("k/moved", second)])).await;
    store.revoke(first).await.expect("a revocation");
    assert_eq!(read(store, "k/").await.len(), 2);
    store.revoke(second).await.expect("a revocation");
    assert_eq!(read(store, "k/").await.len(), 1);
}
