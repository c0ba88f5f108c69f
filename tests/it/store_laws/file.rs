//! Laws of the embedded store alone: its file, and its clock.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet::fleetd::registry::{EmbeddedStore, OpenError};
use fleet::fleetd::registry::{LeaseId, Op, Revision, Store, StoreError};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{commit, news, next, put, read, txn};

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store");
    (folder, path)
}

async fn open(path: &Path) -> EmbeddedStore {
    EmbeddedStore::open(path).await.expect("a store")
}

async fn put_leased(store: &EmbeddedStore, key: &str, lease: LeaseId) -> Revision {
    let op = Op::Put { key: key.into(), value: b"leased".to_vec(), lease: Some(lease) };
    commit(store, txn([op])).await.revision
}

#[tokio::test]
async fn a_restart_keeps_keys_leases_and_revisions() {
    let (_folder, path) = place();
    let store = open(&path).await;
    let lease = store.grant(Duration::from_secs(1)).await.expect("a lease");
    put(&store, "unit/a", "1").await;
    put_leased(&store, "state/a", lease).await;
    let last = put(&store, "unit/a", "2").await;
    let before = store.range("").await.expect("a range");
    drop(store);

    let store = open(&path).await;
    let after = store.range("").await.expect("a range");
    assert_eq!(after.entries, before.entries);
    assert!(after.revision >= last);
    let mut past = store.watch("unit/", last).await.expect("a watch");
    assert!(matches!(next(&mut past).await, Err(StoreError::Compacted { .. })));

    let mut watch = store.watch("state/", after.revision.next()).await.expect("a watch");
    store.keep_alive(lease).await.expect("a renewal after the restart");
    assert_ne!(store.grant(Duration::from_secs(9)).await.expect("another lease"), lease);
    assert_eq!(news(&mut watch).await.1, ["-state/a"]);
    let next = put(&store, "unit/b", "").await;
    assert!(next > after.revision);
}

#[tokio::test]
async fn a_crash_loses_nothing_that_lasts_and_repeats_no_revision() {
    let (folder, path) = place();
    let store = open(&path).await;
    let lease = store.grant(Duration::from_secs(60)).await.expect("a lease");
    put_leased(&store, "state/a", lease).await;
    put(&store, "unit/a", "kept").await;
    let mut last = Revision::default();
    for _ in 0..20 {
        last = put_leased(&store, "state/a", lease).await;
    }
    // What the disk holds when the process is cut off here.
    let crashed = folder.path().join("crashed");
    std::fs::copy(&path, &crashed).expect("a copy");

    let store = open(&crashed).await;
    assert_eq!(read(&store, "unit/").await, [("unit/a".into(), "kept".into())]);
    assert_eq!(read(&store, "state/").await.len(), 1, "what came before the kept one is kept");
    assert!(put(&store, "unit/b", "").await > last);
    assert_ne!(store.grant(Duration::from_secs(60)).await.expect("a lease"), lease);
}

#[tokio::test]
async fn many_restarts_and_blocks_of_revisions_keep_the_order() {
    let (_folder, path) = place();
    let mut last = Revision::default();
    for life in 0..3 {
        let store = open(&path).await;
        let lease = store.grant(Duration::from_secs(60)).await.expect("a lease");
        for _ in 0..1_100 {
            let revision = put_leased(&store, "state/a", lease).await;
            assert!(revision > last, "in life {life}: {revision} after {last}");
            last = revision;
        }
    }
}

#[tokio::test]
async fn a_file_in_use_is_refused_and_private() {
    let (_folder, path) = place();
    let _store = open(&path).await;
    let second = EmbeddedStore::open(&path).await;
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    let mode = std::fs::metadata(&path).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn what_is_no_store_is_refused_in_words() {
    let (folder, path) = place();
    let absent = EmbeddedStore::open(folder.path().join("absent/store")).await;
    assert!(matches!(absent, Err(OpenError::Io { .. })), "{absent:?}");

    std::fs::write(&path, "[Unit]\nDescription=not a store\n".repeat(500)).expect("a file");
    let other = EmbeddedStore::open(&path).await;
    assert!(matches!(other, Err(OpenError::Damaged { .. })), "{other:?}");
}

#[tokio::test]
async fn a_truncated_store_is_refused_in_words() {
    let (_folder, path) = place();
    let store = open(&path).await;
    for count in 0..100 {
        put(&store, &format!("unit/{count}"), &"x".repeat(1_000)).await;
    }
    drop(store);
    let whole = std::fs::metadata(&path).expect("the file").len();
    let file = std::fs::File::options().write(true).open(&path).expect("the file");
    file.set_len(whole / 3).expect("a shorter file");
    let cut = EmbeddedStore::open(&path).await;
    assert!(matches!(cut, Err(OpenError::Damaged { .. })), "{cut:?}");
}

#[tokio::test]
async fn a_flipped_bit_is_refused_in_words() {
    let (_folder, path) = place();
    let store = open(&path).await;
    put(&store, "unit/a", "ExecStart=/bin/true").await;
    drop(store);
    let mut bytes = std::fs::read(&path).expect("the file");
    let words = b"ExecStart=/bin/true";
    let places = 0..bytes.len() - words.len();
    let hits: Vec<_> = places.filter(|at| bytes[*at..].starts_with(words)).collect();
    assert!(!hits.is_empty(), "the value is in the file as it is");
    for at in hits {
        bytes[at] ^= 1;
    }
    std::fs::write(&path, bytes).expect("the file");
    let flipped = EmbeddedStore::open(&path).await;
    assert!(matches!(flipped, Err(OpenError::Damaged { .. })), "{flipped:?}");
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_drives_the_leases() {
    let store = EmbeddedStore::in_memory();
    let hour = Duration::from_secs(3_600);
    let (short, long) =
        (store.grant(hour).await.expect("a lease"), store.grant(2 * hour).await.expect("a lease"));
    put_leased(&store, "k/long", long).await;
    let bound = put_leased(&store, "k/short", short).await;
    let start = Instant::now();
    let mut watch = store.watch("k/", bound.next()).await.expect("a watch");
    let mut lapsed = Vec::new();
    for _ in 0..2 {
        let changes = watch.recv().await.expect("changes").expect("changes");
        lapsed.push((start.elapsed().as_secs(), changes.events.len()));
    }
    assert_eq!(lapsed, [(3_600, 1), (7_200, 1)]);
}

#[tokio::test]
async fn a_watch_ends_with_its_store() {
    let store = EmbeddedStore::in_memory();
    let mut watch = store.watch("", Revision(1)).await.expect("a watch");
    drop(store);
    assert!(watch.recv().await.is_none());
}
