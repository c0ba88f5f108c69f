//! Laws of reading and writing.

use fleet::fleetd::registry::{Compare, MAX_TXN_OPS, Op, OpResult, Revision, StoreError, Txn};

use super::{World, commit, put, put_op, read, txn};

pub async fn a_commit_is_read_by_every_later_read(world: World) {
    let store = &*world.store;
    for count in 0..20 {
        let revision = put(store, "unit/a", &count.to_string()).await;
        let range = store.range("unit/").await.expect("a range");
        assert!(range.revision >= revision);
        assert_eq!(range.entries[0].value, count.to_string().as_bytes());
        assert!(store.revision().await.expect("the revision") >= revision);
    }
}

pub async fn a_commit_that_writes_makes_one_revision(world: World) {
    let store = &*world.store;
    let first = put(store, "a", "1").await;
    let both = commit(store, txn([put_op("a", "2"), put_op("b", "2")])).await;
    assert_eq!(both.revision, first.next());
    let same_again = put(store, "a", "2").await;
    assert_eq!(same_again, both.revision.next());
    let nothing = commit(store, txn([Op::Delete("absent".into()), Op::Get("a".into())])).await;
    assert_eq!(nothing.revision, same_again);
    assert_eq!(nothing.results[0], OpResult::Deleted(false));
    let gone = commit(store, txn([Op::Delete("a".into()), Op::Delete("b".into())])).await;
    assert_eq!(gone.revision, same_again.next());
    assert_eq!(gone.results, [OpResult::Deleted(true), OpResult::Deleted(true)]);
    assert_eq!(store.revision().await.expect("the revision"), gone.revision);
}

pub async fn a_failing_condition_changes_nothing(world: World) {
    let store = &*world.store;
    let revision = put(store, "a", "1").await;
    let refused = Txn {
        when: vec![Compare::Modified("a".into(), revision), Compare::Absent("a".into())],
        then: vec![put_op("a", "2"), put_op("b", "2")],
        otherwise: vec![Op::Get("a".into())],
    };
    let committed = commit(store, refused).await;
    assert!(!committed.succeeded);
    assert_eq!(committed.revision, revision);
    let [OpResult::Found(found)] = &committed.results[..] else { panic!("{committed:?}") };
    assert_eq!(found[0].value, b"1");
    assert_eq!(read(store, "").await.iter().filter(|(key, _)| key == "b").count(), 0);
}

pub async fn keys_carry_their_revisions(world: World) {
    let store = &*world.store;
    let created = put(store, "a", "1").await;
    let modified = put(store, "a", "2").await;
    let range = store.range("a").await.expect("a range");
    assert_eq!((range.entries[0].created, range.entries[0].modified), (created, modified));
    assert_eq!((range.revision, range.entries[0].lease), (modified, None));
}

pub async fn a_recreated_key_is_a_new_one(world: World) {
    let store = &*world.store;
    put(store, "a", "1").await;
    commit(store, txn([Op::Delete("a".into())])).await;
    let again = put(store, "a", "1").await;
    let range = store.range("a").await.expect("a range");
    assert_eq!((range.entries[0].created, range.entries[0].modified), (again, again));
}

pub async fn conditions_mean_what_they_say(world: World) {
    let store = &*world.store;
    let created = put(store, "a", "1").await;
    let modified = put(store, "a", "2").await;
    let key = || "a".to_owned();
    let cases = [
        (Compare::Absent(key()), false),
        (Compare::Absent("b".into()), true),
        (Compare::Created(key(), created), true),
        (Compare::Created(key(), modified), false),
        (Compare::Created("b".into(), created), false),
        (Compare::Modified(key(), modified), true),
        (Compare::Modified(key(), created), false),
        (Compare::Modified("b".into(), modified), false),
    ];
    for (compare, holds) in cases {
        let asked = Txn { when: vec![compare.clone()], ..Txn::default() };
        assert_eq!(commit(store, asked).await.succeeded, holds, "{compare:?}");
    }
    assert!(commit(store, Txn::default()).await.succeeded, "no condition always holds");
}

pub async fn no_revision_is_that_of_an_absent_key(world: World) {
    let store = &*world.store;
    for compare in [
        Compare::Created("absent".into(), Revision::default()),
        Compare::Modified("absent".into(), Revision::default()),
    ] {
        let asked = Txn { when: vec![compare.clone()], ..Txn::default() };
        assert!(!commit(store, asked).await.succeeded, "{compare:?}");
    }
}

/// A decision of the engine: schedule this unit if it is still as it was seen.
fn decision(unit: &str, seen: Revision) -> Op {
    Op::Nested(Txn {
        when: vec![Compare::Modified(unit.into(), seen)],
        then: vec![put_op(&format!("schedule/{unit}"), "here")],
        otherwise: vec![],
    })
}

pub async fn a_stale_nested_decision_fails_alone(world: World) {
    let store = &*world.store;
    let leader = put(store, "leader", "me").await;
    let seen = [put(store, "a", "").await, put(store, "b", "").await, put(store, "c", "").await];
    put(store, "b", "changed").await;
    let batch = |leader| Txn {
        when: vec![Compare::Created("leader".into(), leader)],
        then: vec![decision("a", seen[0]), decision("b", seen[1]), decision("c", seen[2])],
        otherwise: vec![],
    };
    let committed = commit(store, batch(leader)).await;
    let took = committed.results.iter().map(|result| match result {
        OpResult::Nested(nested) => (nested.succeeded, nested.revision, nested.results.len()),
        other => panic!("{other:?}"),
    });
    let took = took.collect::<Vec<_>>();
    let revision = committed.revision;
    assert_eq!(took, [(true, revision, 1), (false, revision, 0), (true, revision, 1)]);
    let scheduled: Vec<_> =
        read(store, "schedule/").await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(scheduled, ["schedule/a", "schedule/c"]);

    let deposed = commit(store, batch(leader.next())).await;
    assert!(!deposed.succeeded && deposed.results.is_empty());
    assert_eq!(deposed.revision, revision);
}

pub async fn nested_conditions_are_checked_before_the_first_step(world: World) {
    let store = &*world.store;
    let only_if = |compare, key| {
        Op::Nested(Txn { when: vec![compare], then: vec![put_op(key, "")], otherwise: vec![] })
    };
    let before = store.revision().await.expect("the revision");
    let committed = commit(
        store,
        txn([
            put_op("a", "new"),
            only_if(Compare::Absent("a".into()), "was absent"),
            only_if(Compare::Modified("a".into(), before.next()), "was new"),
        ]),
    );
    committed.await;
    let keys: Vec<_> = read(store, "was").await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["was absent"]);
}

pub async fn reads_see_the_steps_before_them(world: World) {
    let store = &*world.store;
    put(store, "k/a", "old").await;
    put(store, "k/b", "old").await;
    let look = || [Op::Read("k/".into()), Op::Get("k/a".into())];
    let [read_before, get_before] = look();
    let [read_after, get_after] = look();
    let steps = [
        read_before,
        get_before,
        put_op("k/a", "new"),
        Op::Delete("k/b".into()),
        put_op("k/c", "new"),
        read_after,
        get_after,
    ];
    let committed = commit(store, txn(steps)).await;
    let found = |at: usize| match &committed.results[at] {
        OpResult::Found(entries) => entries
            .iter()
            .map(|entry| format!("{}={}", entry.key, String::from_utf8_lossy(&entry.value)))
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(found(0), ["k/a=old", "k/b=old"]);
    assert_eq!(found(1), ["k/a=old"]);
    assert_eq!(found(5), ["k/a=new", "k/c=new"]);
    assert_eq!(found(6), ["k/a=new"]);
    let OpResult::Found(last) = &committed.results[6] else { panic!("{committed:?}") };
    assert_eq!(last[0].modified, committed.revision);
}

pub async fn one_key_is_written_once(world: World) {
    let store = &*world.store;
    put(store, "a", "1").await;
    let before = store.revision().await.expect("the revision");
    let delete = || Op::Delete("a".into());
    for twice in [
        txn([put_op("a", "2"), put_op("a", "3")]),
        txn([put_op("a", "2"), delete()]),
        txn([delete(), put_op("a", "2")]),
        txn([put_op("a", "2"), Op::Nested(txn([put_op("a", "3")]))]),
        txn([delete(), Op::Nested(txn([put_op("a", "3")]))]),
        txn([Op::Nested(txn([put_op("a", "2")])), Op::Nested(txn([put_op("a", "3")]))]),
    ] {
        let refused = store.commit(twice.clone()).await;
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "{twice:?}: {refused:?}");
    }
    assert_eq!(store.revision().await.expect("the revision"), before);
    // To delete twice is to delete once.
    let deleted = commit(store, txn([delete(), delete()])).await;
    assert_eq!(deleted.results, [OpResult::Deleted(true), OpResult::Deleted(false)]);
}

pub async fn a_key_may_be_written_on_either_road(world: World) {
    let store = &*world.store;
    let either = || Txn {
        when: vec![Compare::Absent("a".into())],
        then: vec![put_op("a", "created")],
        otherwise: vec![put_op("a", "changed")],
    };
    let nested = commit(store, txn([Op::Nested(either()), put_op("b", "")])).await;
    assert_eq!(nested.results.len(), 2);
    assert_eq!(read(store, "a").await, [("a".into(), "created".into())]);
    assert!(!commit(store, either()).await.succeeded);
    assert_eq!(read(store, "a").await, [("a".into(), "changed".into())]);
}

pub async fn a_transaction_has_a_greatest_width(world: World) {
    let store = &*world.store;
    let wide = |width: usize| -> Vec<Op> {
        (0..width).map(|count| put_op(&format!("wide/{count}"), "")).collect()
    };
    commit(store, txn(wide(MAX_TXN_OPS))).await;
    let nested = |inner: usize| {
        let mut steps = vec![Op::Get("a".into()); 99];
        steps.push(Op::Nested(txn(wide(inner))));
        txn(steps)
    };
    commit(store, nested(MAX_TXN_OPS - 100)).await;
    for refused in [txn(wide(MAX_TXN_OPS + 1)), nested(MAX_TXN_OPS - 99)] {
        let refused = store.commit(refused).await;
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    }
}

pub async fn a_range_is_sorted_and_knows_its_bounds(world: World) {
    let store = &*world.store;
    for key in ["p/b", "p/a/x", "q", "p", "p0", "o/z", "p/a"] {
        put(store, key, "").await;
    }
    let keys = async |prefix: &str| -> Vec<String> {
        read(store, prefix).await.into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(keys("p/").await, ["p/a", "p/a/x", "p/b"]);
    assert_eq!(keys("p").await, ["p", "p/a", "p/a/x", "p/b", "p0"]);
    assert_eq!(keys("absent").await, Vec::<String>::new());
    assert!(keys("").await.len() >= 7);
}
