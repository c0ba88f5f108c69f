//! What goes wrong again and again, with real engines and agents: who is troubled waits, and is told
//! why.

use fleet::fleetd::agent::Standing;
use fleet::fleetd::registry::Cluster;
use fleet::fleetd::systemd::Refusal;
use fleet::model::TargetState::{Inactive, Launched, Loaded};
use fleet::unitfile::UnitName;
use serde_json::{Value, json};

use crate::support::asked::Asked;
use crate::support::machines::{Machine, Machines, unit};

const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

fn times(cluster: &Cluster, name: &str) -> u32 {
    let trouble = cluster.unit_troubles.get(&unit(name));
    trouble.and_then(|trouble| trouble.record.moves).map_or(0, |moves| moves.times)
}

async fn why(cluster: &Machines, name: &str) -> String {
    let why = Asked::over(&cluster.registry).get(&format!("/fleet/v1/units/{name}/why")).await;
    why["reason"].as_str().unwrap().to_owned()
}

/// What the list of states says of units that wait, `null` if nothing.
async fn waiting(cluster: &Machines, query: &str) -> Value {
    let page = Asked::over(&cluster.registry).get(&format!("/fleet/v1/state{query}")).await;
    page["waiting"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_unit_whose_machines_are_lost_waits_the_third_time() {
    let cluster = Machines::new();
    let mut machines: Vec<Machine> = Vec::new();
    for number in 0..6 {
        machines.push(cluster.boot(&format!("m{number}")).await);
    }
    for machine in &mut machines {
        machine.until_standing(Standing::Member).await;
    }
    cluster.put("bomb.service", Some(SERVICE), Launched).await;
    cluster.put("other.service", Some(SERVICE), Inactive).await;
    for lost in 1..=3 {
        cluster.until("placed", |c| c.machines_of(&unit("bomb.service")).count() == 1).await;
        let home = cluster.home("bomb.service").unwrap();
        let machine = machines.iter_mut().find(|machine| machine.id == home).unwrap();
        machine.kill_fleetd().await;
        cluster.until("counted", |c| times(c, "bomb.service") == lost).await;
    }
    assert_eq!(cluster.home("bomb.service"), None);
    let reason = why(&cluster, "bomb.service").await;
    assert!(reason.starts_with("its machine was lost 3 times since 20"), "{reason}");
    let told = json!([{"name": "bomb.service", "reason": reason}]);
    for (query, expected) in [
        ("", &told),
        ("?unitName=bomb.service", &told),
        ("?unitName=other.service", &Value::Null),
        ("?machineID=m0", &Value::Null),
    ] {
        assert_eq!(waiting(&cluster, query).await, *expected, "{query}");
    }
    cluster.until("placed anew", |c| c.machines_of(&unit("bomb.service")).count() == 1).await;
    assert_eq!(waiting(&cluster, "").await, Value::Null);
    cluster.put("bomb.service", None, Loaded).await;
    cluster.put("bomb.service", None, Launched).await;
    cluster.until("forgiven", |c| c.unit_troubles.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_failed_to_start_is_placed_elsewhere_next_time() {
    let cluster = Machines::new();
    let (m1, m2) = (cluster.boot("m1").await, cluster.boot("m2").await);
    let name = unit("picky.service");
    m1.units.refuse(Refusal::Link, &name);
    cluster.until("two machines", |c| c.machines.len() == 2).await;
    cluster.put("picky.service", Some(SERVICE), Launched).await;
    cluster.until("noted", |c| c.unit_troubles.contains_key(&name)).await;
    cluster.registry.destroy_unit(&name).await.unwrap();
    cluster.until("forgotten with the unit", |c| c.unit_troubles.is_empty()).await;
    m1.units.refuse(Refusal::Link, &name);
    cluster.put("picky.service", Some(SERVICE), Launched).await;
    cluster.until("noted", |c| c.unit_troubles.contains_key(&name)).await;
    cluster.put("picky.service", None, fleet::model::TargetState::Inactive).await;
    cluster.until("nowhere", |c| c.machines_of(&name).count() == 0).await;
    cluster.put("picky.service", None, Launched).await;
    cluster.until_reported("picky.service", &m2, "active").await;
}

/// A machine on which a unit is to be stopped, which systemd does not do at first.
async fn whose_stop_is_refused_once() -> (Machines, Machine, UnitName) {
    let cluster = Machines::new();
    let m1 = cluster.boot("m1").await;
    let name = unit("a.service");
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    m1.units.refuse(Refusal::Stop, &name);
    cluster.put("a.service", None, Loaded).await;
    (cluster, m1, name)
}

#[tokio::test(start_paused = true)]
async fn a_step_that_failed_is_told_until_it_succeeds() {
    let (cluster, m1, name) = whose_stop_is_refused_once().await;
    let message = |c: &Cluster| c.states.get(&name)?.get(&m1.id)?.message.clone();
    let told =
        |c: &Cluster| message(c).is_some_and(|said| said.contains("it is tried again at 20"));
    cluster.until("told", told).await;
    cluster.until_reported("a.service", &m1, "inactive").await;
    cluster.until("forgotten", |c| message(c).is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_failed_is_told_no_longer_than_the_unit_runs() {
    let (cluster, m1, name) = whose_stop_is_refused_once().await;
    let state = |c: &Cluster| c.states.get(&name)?.get(&m1.id).cloned();
    cluster.until("told", |c| state(c).is_some_and(|it| it.message.is_some())).await;
    m1.units.exit(&name, 0);
    let ended = |c: &Cluster| {
        let ended = state(c).filter(|it| it.active == "inactive");
        assert!(ended.as_ref().is_none_or(|it| it.message.is_none()), "{ended:?}");
        ended.is_some()
    };
    cluster.until("ended by itself", ended).await;
}
