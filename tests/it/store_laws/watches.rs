//! Laws of watches.

use std::time::Duration;

use fleet::fleetd::registry::{Op, Revision, StoreError};

use super::{World, commit, news, next, put, put_op, read, txn};

pub async fn a_watch_replays_the_past_then_follows(world: World) {
    let store = &*world.store;
    put(store, "k/a", "before").await;
    let from = put(store, "k/a", "1").await;
    put(store, "k/b", "2").await;
    put(store, "elsewhere", "").await;
    commit(store, txn([Op::Delete("k/a".into())])).await;
    let mut watch = store.watch("k/", from).await.expect("a watch");
    let last = put(store, "k/b", "3").await;
    let revision = |ahead| Revision(from.0 + ahead);
    assert_eq!(news(&mut watch).await, (from, vec!["+k/a=1".into()]));
    assert_eq!(news(&mut watch).await, (revision(1), vec!["+k/b=2".into()]));
    assert_eq!(news(&mut watch).await, (revision(3), vec!["-k/a".into()]));
    assert_eq!(news(&mut watch).await, (last, vec!["+k/b=3".into()]));
    assert!(watch.try_recv().is_err(), "each once");
}

pub async fn one_transaction_is_one_item(world: World) {
    let store = &*world.store;
    let start = put(store, "k/old", "").await;
    let mut live = store.watch("k/", start.next()).await.expect("a watch");
    let steps = [put_op("k/z", "1"), Op::Delete("k/old".into()), put_op("k/a", "2")];
    let committed = commit(store, txn(steps)).await;
    put(store, "k/later", "").await;
    let mut replayed = store.watch("k/", start.next()).await.expect("a watch");
    for watch in [&mut live, &mut replayed] {
        let (revision, events) = news(watch).await;
        assert_eq!(revision, committed.revision);
        assert_eq!(events, ["+k/z=1", "-k/old", "+k/a=2"]);
        assert_eq!(news(watch).await.1, ["+k/later="]);
    }
}

pub async fn a_watch_sees_its_prefix_only(world: World) {
    let store = &*world.store;
    let start = store.revision().await.expect("the revision");
    let mut one = store.watch("schedule/one/", start.next()).await.expect("a watch");
    let mut all = store.watch("", start.next()).await.expect("a watch");
    let steps = [
        put_op("schedule/one/a", ""),
        put_op("schedule/one", ""),
        put_op("schedule/one0", ""),
        put_op("schedule/two/a", ""),
    ];
    commit(store, txn(steps)).await;
    put(store, "schedule/two/b", "").await;
    put(store, "schedule/one/b", "").await;
    assert_eq!(news(&mut one).await.1, ["+schedule/one/a="]);
    assert_eq!(news(&mut one).await.1, ["+schedule/one/b="]);
    assert_eq!(news(&mut all).await.1.len(), 4);
}

pub async fn a_watch_of_the_future_waits_for_it(world: World) {
    let store = &*world.store;
    let now = put(store, "k", "now").await;
    let mut watch = store.watch("k", Revision(now.0 + 3)).await.expect("a watch");
    for value in ["1", "2", "3"] {
        put(store, "k", value).await;
    }
    assert_eq!(news(&mut watch).await, (Revision(now.0 + 3), vec!["+k=3".into()]));
}

pub async fn revoked_keys_are_seen_deleted(world: World) {
    let store = &*world.store;
    let lease = store.grant(Duration::from_secs(600)).await.expect("a lease");
    let leased = |key: &str| Op::Put { key: key.into(), value: vec![], lease: Some(lease) };
    let bound = commit(store, txn([leased("k/b"), leased("k/a"), leased("other")])).await;
    let mut watch = store.watch("k/", bound.revision).await.expect("a watch");
    assert_eq!(news(&mut watch).await.1, ["+k/b=", "+k/a="]);
    store.revoke(lease).await.expect("a revocation");
    assert_eq!(news(&mut watch).await, (bound.revision.next(), vec!["-k/a".into(), "-k/b".into()]));
}

pub async fn a_compacted_past_ends_the_watch(world: World) {
    let store = &*world.store;
    let first = put(store, "k", "1").await;
    put(store, "k", "2").await;
    let oldest = put(store, "k", "3").await;
    put(store, "k", "4").await;
    store.compact(oldest).await.expect("a compaction");
    let mut watch = store.watch("k", first).await.expect("a watch");
    match next(&mut watch).await {
        Err(StoreError::Compacted { oldest: told }) => assert_eq!(told, oldest),
        other => panic!("{other:?}"),
    }
    assert!(watch.recv().await.is_none(), "the error is the last item");
    let mut watch = store.watch("k", oldest).await.expect("a watch");
    assert_eq!(news(&mut watch).await, (oldest, vec!["+k=3".into()]));
}

pub async fn compaction_spares_the_present(world: World) {
    let store = &*world.store;
    put(store, "k/old", "1").await;
    let now = put(store, "k/new", "2").await;
    let mut watch = store.watch("k/", now.next()).await.expect("a watch");
    store.compact(now).await.expect("a compaction");
    store.compact(now).await.expect("success when it is done already");
    let ahead = store.compact(Revision(now.0 + 10)).await;
    assert!(matches!(ahead, Err(StoreError::Refused { .. })), "{ahead:?}");
    assert_eq!(read(store, "k/").await.len(), 2);
    assert_eq!(put(store, "k/new", "3").await, now.next());
    assert_eq!(news(&mut watch).await.1, ["+k/new=3"]);
}

pub async fn a_slow_reader_misses_nothing(world: World) {
    let store = &*world.store;
    let start = store.revision().await.expect("the revision");
    let mut watch = store.watch("k", start.next()).await.expect("a watch");
    for count in 0..300 {
        put(store, "k", &count.to_string()).await;
    }
    for count in 0..300 {
        assert_eq!(news(&mut watch).await.1, [format!("+k={count}")]);
    }
}
