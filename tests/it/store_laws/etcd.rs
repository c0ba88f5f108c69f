//! Laws of the etcd store alone: members that are dead or mute, passwords, prefixes, and what it
//! costs the server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::registry::{EtcdSettings, EtcdStore, SettingsError, TlsFiles};
use fleet::fleetd::registry::{LeaseId, Revision, Store, StoreError};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::{PATIENCE, news, next, put, read, txn};
use crate::support::certificates::Certificates;
use crate::support::etcd::{Etcd, SECRET, free_port};
use crate::support::wait::wait_for;

fn store(settings: EtcdSettings) -> Arc<dyn Store> {
    Arc::new(EtcdStore::connect(settings).expect("settings that work"))
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// What every call says of a cluster that cannot answer, and that none waits longer than it may.
async fn every_call_is_unavailable(endpoints: Vec<String>) {
    let request_timeout = Duration::from_millis(300);
    let prefix = "/fleet/".into();
    let store = store(EtcdSettings { endpoints, prefix, request_timeout, tls: None, user: None });
    let lease = LeaseId(7);
    let start = Instant::now();
    let answers = [
        store.range("").await.map(drop),
        store.revision().await.map(drop),
        store.commit(txn([])).await.map(drop),
        store.watch("", Revision(1)).await.map(drop),
        store.grant(Duration::from_secs(5)).await.map(drop),
        store.keep_alive(lease).await,
        store.revoke(lease).await,
        store.compact(Revision(1)).await,
    ];
    let waited = start.elapsed();
    for answer in &answers {
        assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    }
    let most = request_timeout * 8 + Duration::from_secs(1);
    assert!(waited < most, "waited {waited:?}, {most:?} would have been all of their time");
}

#[tokio::test]
async fn a_cluster_that_is_away_is_unavailable_in_time() {
    every_call_is_unavailable(vec![url(free_port()), url(free_port())]).await;
}

#[tokio::test]
async fn an_error_says_what_was_asked_and_what_is_wrong() {
    let mut etcd = Etcd::start().await;
    let store = etcd.store("/fleet");
    let refused = store.commit(txn(vec![super::put_op("a", ""); 2])).await;
    assert_eq!(
        in_words(refused),
        "commit a: the store refused: etcdserver: duplicate key given in txn request"
    );
    etcd.kill();
    let words = in_words(store.watch("unit/", Revision(1)).await);
    assert!(words.starts_with("watch unit/: the store cannot be reached: "), "{words}");
    let words = in_words(store.watch("unit/", Revision(1)).await);
    assert!(words.ends_with("Connection refused (os error 111)"), "{words}");
}

fn in_words<T>(answer: Result<T, StoreError>) -> String {
    let error = answer.err().expect("an error");
    let source = std::error::Error::source(&error).expect("a source");
    format!("{error}: {source}")
}

#[tokio::test]
async fn a_mute_cluster_is_unavailable_in_time() {
    let mute = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    every_call_is_unavailable(vec![url(mute.local_addr().expect("its address").port())]).await;
}

#[tokio::test]
async fn a_dead_member_is_passed_over() {
    let etcd = Etcd::start().await;
    let endpoints = vec![url(free_port()), etcd.url(), url(free_port())];
    // Whichever member each of these happens to begin with.
    for _ in 0..6 {
        let store = store(EtcdSettings { endpoints: endpoints.clone(), ..etcd.settings("/fleet") });
        put(&*store, "a", "1").await;
        assert_eq!(read(&*store, "").await.len(), 1);
    }
}

#[tokio::test]
async fn a_mute_member_costs_one_call() {
    let etcd = Etcd::start().await;
    let mute = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let endpoints = vec![url(mute.local_addr().expect("its address").port()), etcd.url()];
    let request_timeout = Duration::from_millis(500);
    for _ in 0..4 {
        let settings = etcd.settings("/fleet");
        let endpoints = endpoints.clone();
        let store = store(EtcdSettings { endpoints, request_timeout, ..settings });
        let _perhaps_late = store.revision().await;
        store.revision().await.expect("an answer of the other member");
    }
}

#[tokio::test]
async fn a_restarted_etcd_is_found_again() {
    let mut etcd = Etcd::start().await;
    let store = etcd.store("/fleet");
    let lease = store.grant(Duration::from_secs(600)).await.expect("a lease");
    store.keep_alive(lease).await.expect("a renewal");
    let revision = put(&*store, "a", "1").await;
    let mut watch = store.watch("", revision.next()).await.expect("a watch");
    etcd.kill();
    let last = next(&mut watch).await;
    assert!(matches!(last, Err(StoreError::Unavailable { .. })), "{last:?}");
    assert!(watch.recv().await.is_none(), "the error is the last item");
    let away = store.keep_alive(lease).await;
    assert!(matches!(away, Err(StoreError::Unavailable { .. })), "{away:?}");

    etcd.restart().await;
    wait_for(PATIENCE, "the lease to be renewed", async || store.keep_alive(lease).await).await;
    assert_eq!(read(&*store, "").await, [("a".into(), "1".into())]);
    let mut watch = store.watch("", revision).await.expect("a watch");
    assert_eq!(news(&mut watch).await.1, ["+a=1"]);
}

#[tokio::test]
async fn clients_see_each_other_and_prefixes_do_not() {
    let etcd = Etcd::start().await;
    let (one, same) = (etcd.store("/fleet"), etcd.store("/fleet/"));
    let (other, all) = (etcd.store("/fleet2/"), etcd.store(""));
    let start = one.revision().await.expect("the revision");
    let mut watch = one.watch("", start.next()).await.expect("a watch");
    put(&*other, "a", "other's").await;
    for count in 0..10 {
        put(&*one, "a", &count.to_string()).await;
        assert_eq!(read(&*same, "").await, [("a".into(), count.to_string())]);
        assert_eq!(news(&mut watch).await.1, [format!("+a={count}")]);
    }
    assert_eq!(read(&*other, "").await, [("a".into(), "other's".into())]);
    let keys: Vec<_> = read(&*all, "").await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["/fleet/a", "/fleet2/a"]);
}

#[tokio::test]
async fn a_renewal_is_one_message_on_an_open_stream() {
    let etcd = Etcd::start().await;
    let store = etcd.store("/fleet");
    for ttl in [10, 20] {
        let lease = store.grant(Duration::from_secs(ttl)).await.expect("a lease");
        for _ in 0..5 {
            store.keep_alive(lease).await.expect("a renewal");
        }
    }
    let started = etcd.metric(&["grpc_server_started_total{", "LeaseKeepAlive"]).await;
    let messages = etcd.metric(&["grpc_server_msg_received_total{", "LeaseKeepAlive"]).await;
    assert_eq!((started, messages), (2.0, 10.0));
}

#[tokio::test]
async fn a_dropped_watch_is_forgotten_by_etcd() {
    let etcd = Etcd::start().await;
    let store = etcd.store("/fleet");
    let watch = store.watch("quiet/", Revision(1)).await.expect("a watch");
    // When the call returns, etcd is watching.
    assert_eq!(etcd.metric(&["etcd_debugging_mvcc_watcher_total "]).await, 1.0);
    drop(watch);
    wait_for(PATIENCE, "etcd to forget the watch", async || {
        match etcd.metric(&["etcd_debugging_mvcc_watcher_total "]).await {
            0.0 => Ok(()),
            watchers => Err(watchers),
        }
    })
    .await;
}

#[tokio::test]
async fn large_answers_arrive() {
    let etcd = Etcd::start().await;
    let store = etcd.store("/fleet");
    let start = store.revision().await.expect("the revision");
    let large = "x".repeat(1 << 20);
    for count in 0..8 {
        put(&*store, &format!("unit/{count}"), &large).await;
    }
    let mut watch = store.watch("", start.next()).await.expect("a watch");
    assert_eq!(read(&*store, "").await.len(), 8);
    for _ in 0..8 {
        next(&mut watch).await.expect("changes");
    }
    let too_large = store.commit(txn([super::put_op("a", &"x".repeat(2 << 20))])).await;
    assert!(matches!(too_large, Err(StoreError::Refused { .. })), "{too_large:?}");
}

#[tokio::test]
async fn a_user_gets_in_and_back_in_and_others_do_not() {
    let mut etcd = Etcd::start().await;
    etcd.demand_passwords().await;
    let with = |prefix: &str, password: &str| {
        let user = Some(("fleet".to_owned(), password.to_owned()));
        store(EtcdSettings { user, ..etcd.settings(prefix) })
    };
    let (allowed, elsewhere, wrong) =
        (with("/fleet", SECRET), with("/else", SECRET), with("/fleet", "guess"));
    for refused in [elsewhere, wrong, etcd.store("/fleet")] {
        for answer in [
            refused.range("").await.map(drop),
            refused.commit(txn([super::put_op("a", "")])).await.map(drop),
            refused.watch("", Revision(1)).await.map(drop),
        ] {
            assert!(matches!(answer, Err(StoreError::Refused { .. })), "{answer:?}");
        }
    }
    let revision = put(&*allowed, "a", "1").await;

    // A restart makes etcd forget all tokens, as time does.
    etcd.restart().await;
    let find = async || allowed.watch("", revision).await;
    let mut watch = wait_for(PATIENCE, "a watch", find).await;
    assert_eq!(news(&mut watch).await.1, ["+a=1"]);
    assert_eq!(put(&*allowed, "a", "2").await, revision.next());
}

#[tokio::test]
async fn tls_lets_those_in_who_have_the_certificates() {
    let etcd = Etcd::start_with_tls().await;
    let settings = etcd.settings("/fleet");
    let known = store(settings.clone());
    let revision = put(&*known, "a", "1").await;
    let mut watch = known.watch("", revision).await.expect("a watch");
    assert_eq!(news(&mut watch).await.1, ["+a=1"]);

    let files = settings.tls.clone().expect("files");
    let unknown_client = TlsFiles { identity: None, ..files.clone() };
    let unknown_server = TlsFiles { ca: None, ..files.clone() };
    for tls in [Some(unknown_client), Some(unknown_server), None] {
        let answer = store(EtcdSettings { tls, ..settings.clone() }).revision().await;
        assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    }
    let absent = TlsFiles { ca: Some("/absent/ca.pem".into()), ..files };
    let refused = EtcdStore::connect(EtcdSettings { tls: Some(absent), ..settings });
    assert!(matches!(refused, Err(SettingsError::UnreadableFile { .. })), "{refused:?}");
}

/// Whoever is not let in is told what to do about it, and never the password.
#[tokio::test]
async fn errors_of_the_wrong_credentials_say_what_to_do() {
    let etcd = Etcd::start_with_tls().await;
    let settings = etcd.settings("/fleet");
    let files = settings.tls.clone().expect("files");
    let other = Certificates::new();
    let url = |from: &str, to: &str| vec![etcd.url().replace(from, to)];
    let tls = |ca: PathBuf, identity| {
        let tls = Some(TlsFiles { ca: Some(ca), identity });
        EtcdSettings { tls, ..settings.clone() }
    };
    let (ca, identity) = (files.ca.clone().expect("an authority"), files.identity.clone());
    let table = [
        ("set etcd_certfile and etcd_keyfile", tls(ca.clone(), None)),
        ("is etcd_certfile signed by", tls(ca, Some(other.pair("client")))),
        ("is etcd_cafile of the authority", tls(other.pair("authority").0, identity)),
        (
            "write https://",
            EtcdSettings { tls: None, endpoints: url("https", "http"), ..settings.clone() },
        ),
        (
            "as its certificate names it",
            EtcdSettings { endpoints: url("127.0.0.1", "localhost"), ..settings.clone() },
        ),
    ];
    for (advice, settings) in table {
        is_told(advice, settings).await;
    }

    let etcd = Etcd::start().await;
    let settings = etcd.settings("/fleet");
    let encrypted = vec![etcd.url().replace("http", "https")];
    let encrypted = EtcdSettings { endpoints: encrypted, tls: Some(files), ..settings.clone() };
    is_told("write http:// in etcd_servers", encrypted).await;
    etcd.demand_passwords().await;
    let with = |password: &str| {
        let user = Some(("fleet".to_owned(), password.to_owned()));
        EtcdSettings { user, ..settings.clone() }
    };
    is_told("set etcd_username and etcd_password", settings.clone()).await;
    is_told("check etcd_username and etcd_password", with("guess")).await;
    is_told("under etcd_key_prefix", EtcdSettings { prefix: "/else".into(), ..with(SECRET) }).await;
}

async fn is_told(advice: &str, settings: EtcdSettings) {
    let password = settings.user.clone().map(|(_, password)| password);
    let store = EtcdStore::connect(settings).expect("settings that work");
    let words = in_words(store.revision().await);
    assert!(words.contains(advice), "{advice}: {words}");
    let shown = format!("{words} {store:?}");
    assert!(password.is_none_or(|password| !shown.contains(&password)), "{shown}");
}
