//! Agents and engines over an etcd that lets in only those it knows: a unit goes all the way.

use std::sync::Arc;

use fleet::fleetd::registry::{EtcdSettings, EtcdStore};
use fleet::model::TargetState::{Inactive, Launched};

use crate::support::etcd::Etcd;
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
    let user = Some(("fleet".to_owned(), "secret".to_owned()));
    a_unit_goes_all_the_way(EtcdSettings { user, ..etcd.settings("/fleet") }).await;
}
