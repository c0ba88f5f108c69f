//! What a running machine is told anew: metadata, through its configuration or the API, and
//! whether it may lead. Nothing is stopped but what the machine no longer takes.

use axum::http::StatusCode;
use fleet::fleetd::registry::Cluster;
use fleet::model::TargetState::Launched;
use serde_json::json;

use crate::support::asked::Asked;
use crate::support::machines::{Machine, Machines, unit};

const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";
const MACHINES: &str = "/fleet/v1/machines";
const ON_SSD: &str =
    "[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nMachineMetadata=disk=ssd\n";

fn disk(machine: &Machine, kind: &str) {
    machine.describe(|record| drop(record.metadata.insert("disk".into(), kind.into())));
}

fn said(cluster: &Cluster, machine: &Machine, kind: &str) -> bool {
    cluster.metadata_of(&machine.id).get("disk").is_some_and(|disk| disk == kind)
}

/// The disk that a machine itself claims to have.
fn own<'a>(cluster: &'a Cluster, machine: &Machine) -> Option<&'a str> {
    cluster.machines.get(&machine.id)?.record.metadata.get("disk").map(String::as_str)
}

#[tokio::test(start_paused = true)]
async fn a_unit_leaves_a_machine_whose_configuration_no_longer_suits_it() {
    let cluster = Machines::new();
    let (m1, m2) = (cluster.boot("m1").await, cluster.boot("m2").await);
    disk(&m1, "ssd");
    cluster.until("m1 has an ssd", |c| said(c, &m1, "ssd")).await;
    cluster.put("a.service", Some(ON_SSD), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    cluster.put("stays.service", Some(SERVICE), Launched).await;
    cluster.until_reported("stays.service", &m2, "active").await;

    let life = |c: &Cluster, m: &Machine| c.machines.get(&m.id).map(|machine| machine.created);
    let before = life(&cluster.registry.cluster().read(), &m1);
    disk(&m2, "ssd");
    disk(&m1, "hdd");
    cluster.until_reported("a.service", &m2, "active").await;
    cluster.until("m1 lets go", |c| c.holders[&unit("a.service")].machine == m2.id).await;
    // The same life under the same session: nothing was left or joined.
    assert_eq!(life(&cluster.registry.cluster().read(), &m1), before);
    assert_eq!(cluster.home("stays.service"), Some(m2.id.clone()));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_taken_up_again_tells_what_changed_meanwhile() {
    let cluster = Machines::new();
    let mut m1 = cluster.boot("m1").await;
    disk(&m1, "ssd");
    cluster.until("told", |c| said(c, &m1, "ssd")).await;
    m1.kill_fleetd().await;
    // The new fleetd read a configuration without a disk.
    cluster.start_fleetd(&mut m1).await;
    cluster.until("told anew", |c| !c.metadata_of(&m1.id).contains_key("disk")).await;
}

#[tokio::test(start_paused = true)]
async fn metadata_set_through_the_api_moves_units_and_outlives_the_machine() {
    let cluster = Machines::new();
    let api = Asked::over(&cluster.registry);
    let (mut m1, m2) = (cluster.boot("m1").await, cluster.boot("m2").await);
    disk(&m1, "ssd");
    cluster.until("m1 has an ssd", |c| said(c, &m1, "ssd")).await;
    cluster.put("a.service", Some(ON_SSD), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;

    let swap = json!([
        {"op": "replace", "path": "/m1/metadata/disk", "value": "hdd"},
        {"op": "add", "path": "/m2/metadata/disk", "value": "ssd"},
    ]);
    assert_eq!(api.ask("PATCH", MACHINES, Some(swap)).await.0, StatusCode::NO_CONTENT);
    cluster.until_reported("a.service", &m2, "active").await;

    m1.kill_fleetd().await;
    cluster.until("m1 is lost", |c| !c.machines.contains_key(&m1.id)).await;
    cluster.start_fleetd(&mut m1).await;
    cluster.until("m1 is back", |c| c.machines.contains_key(&m1.id)).await;
    disk(&m1, "ssd");
    cluster.until("its own word", |c| own(c, &m1) == Some("ssd")).await;
    let listed = api.get(MACHINES).await;
    assert_eq!(listed["machines"][0]["metadata"]["disk"], "hdd", "the API's word overrides");

    let restore = json!([
        {"op": "remove", "path": "/m1/metadata/disk"},
        {"op": "remove", "path": "/m2/metadata/disk"},
    ]);
    assert_eq!(api.ask("PATCH", MACHINES, Some(restore)).await.0, StatusCode::NO_CONTENT);
    cluster.until_reported("a.service", &m1, "active").await;
}

#[tokio::test(start_paused = true)]
async fn without_an_engine_units_run_on_and_new_ones_wait() {
    let cluster = Machines::new();
    let (m1, m2) = (cluster.boot("m1").await, cluster.boot("m2").await);
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until("placed", |c| c.machines_of(&unit("a.service")).count() == 1).await;
    let leads = |machine: &Machine| {
        let id = machine.id.clone();
        move |c: &Cluster| c.leader.as_ref().is_some_and(|leader| leader.machine == id)
    };

    // Whoever may leads, at once.
    m1.may_lead(false);
    cluster.until("m2 leads", leads(&m2)).await;
    m1.may_lead(true);
    m2.may_lead(false);
    cluster.until("m1 leads", leads(&m1)).await;
    m1.may_lead(false);
    cluster.until("nobody leads", |c| c.leader.is_none()).await;

    cluster.put("b.service", Some(SERVICE), Launched).await;
    let why = Asked::over(&cluster.registry).get("/fleet/v1/units/b.service/why").await;
    assert_eq!(why["status"], "pending");
    assert_eq!(why["reason"], "no engine leads the cluster at the moment");
    m2.may_lead(true);
    cluster.until("placed", |c| c.machines_of(&unit("b.service")).count() == 1).await;
}
