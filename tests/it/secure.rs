//! Agents and engines over an etcd that lets in only those it knows: a unit goes all the way, and
//! nobody hears the password.

use std::sync::Arc;

use fleet::fleetd::registry::{EtcdSettings, EtcdStore, Store};
use fleet::model::TargetState::{Inactive, Launched};
use tracing::Level;

use crate::support::etcd::{Etcd, SECRET};
use crate::support::lines::Lines;
use crate::support::machines::Machines;

const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

async fn a_unit_goes_all_the_way(settings: EtcdSettings) {
    let cluster = Machines::over(Arc::new(EtcdStore::connect(settings).unwrap()));
    let m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    cluster.put("a.service", None, Inactive).await;
    cluster.until("unloaded", |c| c.states.is_empty() && c.holders.is_empty()).await;
}

#[tokio::test]
async fn with_tls_and_a_client_certificate() {
    let etcd = Etcd::start_with_tls().await;
    a_unit_goes_all_the_way(etcd.settings("/fleet")).await;
}

#[tokio::test]
async fn with_a_user_and_a_password() {
    let etcd = Etcd::start().await;
    etcd.demand_passwords().await;
    let user = Some(("fleet".to_owned(), SECRET.to_owned()));
    a_unit_goes_all_the_way(EtcdSettings { user, ..etcd.settings("/fleet") }).await;
}

/// Everything that fleet and its libraries can say, as `RUST_LOG=trace` has it said.
#[tokio::test]
async fn no_log_and_no_error_tells_a_password() {
    let etcd = Etcd::start().await;
    etcd.demand_passwords().await;
    let lines = Lines::default();
    let log = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_writer(lines.clone());
    let _heard = tracing::subscriber::set_default(log.finish());
    let user = |password: &str| Some(("fleet".to_owned(), password.to_owned()));
    let right = EtcdSettings { user: user(SECRET), ..etcd.settings("/fleet") };
    let said = format!("{right:?}");
    a_unit_goes_all_the_way(right).await;
    let wrong = "another-word-nobody-guesses";
    let refused = EtcdSettings { user: user(wrong), ..etcd.settings("/fleet") };
    let refused = EtcdStore::connect(refused).unwrap();
    let error = refused.revision().await.unwrap_err();
    let said = format!("{said} {refused:?} {error} {error:?}");
    assert!(lines.count("h2::") > 0 && lines.count("hyper") > 0, "libraries were not heard");
    for password in [SECRET, wrong] {
        assert_eq!(lines.count(password), 0, "in the log");
        assert!(!said.contains(password), "{said}");
    }
}
