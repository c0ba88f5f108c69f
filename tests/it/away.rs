//! The store is away: units run on, the log says so in the known words, a machine can still leave,
//! and what is local is still told.

use std::sync::Arc;

use fleet::fleetd::agent::{Farewell, Standing};
use fleet::fleetd::metrics::Now;
use fleet::fleetd::registry::{Cluster, EmbeddedStore};
use fleet::fleetd::systemd::UnitManager;
use fleet::model::TargetState::Launched;

use crate::support::cut::Cut;
use crate::support::lines::Lines;
use crate::support::machines::{Machine, Machines, TTL, unit};

const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// The words that fleet 1.0's users look for.
const LOST: &str = "Server monitor triggered: Monitor timed out before successful heartbeat";

/// A machine that runs a unit, over a store that can be cut off.
async fn running() -> (Arc<Cut>, Machines, Machine) {
    let store = Arc::new(Cut::new(Arc::new(EmbeddedStore::in_memory())));
    let cluster = Machines::over(store.clone());
    let machine = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &machine, "active").await;
    (store, cluster, machine)
}

#[tokio::test(start_paused = true)]
async fn a_lost_heartbeat_is_logged_once_each_time() {
    let lines = Lines::default();
    let log = tracing_subscriber::fmt().with_writer(lines.clone()).finish();
    let _logging = tracing::subscriber::set_default(log);
    let (store, cluster, machine) = running().await;
    for times in 1..=2 {
        store.set_away(true);
        tokio::time::sleep(TTL / 2).await;
        assert_eq!(lines.count(LOST), times - 1, "too early");
        tokio::time::sleep(TTL * 3).await;
        assert_eq!(lines.count(LOST), times);
        store.set_away(false);
        cluster.until_reported("a.service", &machine, "active").await;
        // The next heartbeat is a third of its time later at most.
        tokio::time::sleep(TTL).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_leaves_also_then() {
    let (store, _cluster, mut machine) = running().await;
    store.set_away(true);
    machine.end_fleetd(Farewell::Leave).await;
    let left = machine.units.observe().await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_good_bye_that_nobody_heard_is_said_again() {
    let (store, cluster, mut m1) = running().await;
    let mut m2 = cluster.boot("m2").await;
    m2.until_standing(Standing::Member).await;
    let (id, units, slow) = (m1.id.clone(), m1.units.clone(), unit("a.service"));
    units.hold(&slow);
    store.set_away(true);
    let back = async {
        tokio::time::sleep(TTL / 2).await;
        store.set_away(false);
        let left =
            |c: &Cluster| c.known[&id].record.left.is_some() && !c.machines.contains_key(&id);
        cluster.until("left, while a unit still stops", left).await;
        units.release(&slow);
    };
    tokio::join!(m1.end_fleetd(Farewell::Leave), back);
    cluster.until_reported("a.service", &m2, "active").await;
    cluster.until("not lost", |c| !c.lost.contains_key(&id)).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_machine_says_anew_is_told_when_the_store_is_back() {
    let (store, cluster, machine) = running().await;
    store.set_away(true);
    machine.describe(|record| record.ip = "10.0.0.9".into());
    tokio::time::sleep(TTL / 2).await;
    store.set_away(false);
    let told = |c: &Cluster| c.machines.values().all(|machine| machine.record.ip == "10.0.0.9");
    cluster.until("told", told).await;
}

#[tokio::test(start_paused = true)]
async fn what_became_of_units_is_told_when_the_store_is_back() {
    let (store, cluster, machine) = running().await;
    cluster.put("b.service", Some(SERVICE), Launched).await;
    cluster.until_reported("b.service", &machine, "active").await;
    machine.units.take_calls();
    store.set_away(true);
    machine.units.exit(&unit("a.service"), 3);
    // Long enough for the session to lapse.
    tokio::time::sleep(TTL * 3).await;
    store.set_away(false);
    cluster.until_reported("a.service", &machine, "failed").await;
    cluster.until_reported("b.service", &machine, "active").await;
    assert!(machine.units.take_calls().is_empty(), "nothing is stopped or started");
}

#[tokio::test(start_paused = true)]
async fn what_is_local_is_still_told() {
    let (store, cluster, _machine) = running().await;
    let now = Now { version: "1.2.3", member: true, leading: false, cluster: None };
    let page = || cluster.metrics.text(&now).unwrap();
    store.set_away(true);
    tokio::time::sleep(TTL * 2).await;
    let failures =
        "fleet_registry_operation_failures_total{operation=\"renew\",reason=\"unavailable\"}";
    let (failed, lost) = (page().contains(failures), "fleet_agent_heartbeat_lost 1");
    assert!(failed && page().contains(lost), "{}", page());
    assert!(page().contains("fleet_registry_reconnects_total 0"), "{}", page());
    store.set_away(false);
    tokio::time::sleep(TTL).await;
    assert!(page().contains("fleet_registry_reconnects_total 1"), "{}", page());
}

#[tokio::test(start_paused = true)]
async fn a_change_that_no_watch_told_of_is_found_in_the_end() {
    let (store, cluster, machine) = running().await;
    store.set_mute(true);
    cluster.put("b.service", Some(SERVICE), Launched).await;
    tokio::time::sleep(TTL).await;
    store.set_mute(false);
    assert!(machine.units.observe_one(&unit("b.service")).await.unwrap().linked.is_none());
    tokio::time::sleep(TTL * 600).await;
    cluster.until_reported("b.service", &machine, "active").await;
}
