//! How machines are now: asked over the API, answered by real agents, and silent while nobody asks.

use fleet::fleetd::agent::{Farewell, Standing};
use fleet::fleetd::registry::{About, Cluster};
use fleet::model::TargetState::Launched;
use serde_json::Value;

use crate::support::asked::Asked;
use crate::support::machines::{Machine, Machines, TTL};

const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

async fn get(api: &Asked, path: &str) -> Value {
    api.get(&format!("/fleet/v1/{path}")).await
}

async fn two_machines() -> (Machines, Machine, Machine) {
    let cluster = Machines::new();
    let (mut m1, mut m2) = (cluster.boot("m1").await, cluster.boot("m2").await);
    m1.until_standing(Standing::Member).await;
    m2.until_standing(Standing::Member).await;
    let planned = |c: &Cluster| c.schedule.values().filter(|it| it.planned.is_some()).count() == 2;
    cluster.until("at rest", planned).await;
    (cluster, m1, m2)
}

/// Which machines of a list answered.
fn answered(list: &Value) -> Vec<bool> {
    let machines = list["machines"].as_array().unwrap();
    machines.iter().map(|machine| machine["live"]["memoryUsed"].is_u64()).collect()
}

#[tokio::test(start_paused = true)]
async fn machines_and_units_tell_how_they_are_when_asked() {
    let (cluster, m1, _m2) = two_machines().await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    let api = Asked::over(&cluster.registry);
    assert_eq!(answered(&get(&api, "machines").await), [false, false], "nobody asked");
    let list = get(&api, "machines?live=true").await;
    assert_eq!(answered(&list), [true, true], "{list}");
    assert_eq!(list["machines"][0]["live"]["load"].as_array().unwrap().len(), 3);
    assert_eq!(
        (&list["machines"][0]["units"], &list["machines"][1]["units"]),
        (&1.into(), &0.into())
    );
    let state = |list: &Value| list["states"][0]["live"]["memory"].as_u64();
    assert_eq!(state(&get(&api, "state").await), None);
    assert_eq!(state(&get(&api, "state?live=true").await), Some(1 << 20));
    let one = async |path| get(&api, path).await["live"]["memory"].as_u64();
    assert_eq!(one("state/a.service").await, None);
    assert_eq!(one("state/a.service?live=true").await, Some(1 << 20));
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_machines_has_no_unit_looked_at() {
    let (cluster, _m1, _m2) = two_machines().await;
    let api = Asked::over(&cluster.registry);
    let units = |c: &Cluster| c.figures.values().map(|it| it.units.is_some()).collect::<Vec<_>>();
    get(&api, "machines?live=true").await;
    cluster.until("of machines only", |c| units(c) == [false, false]).await;
    get(&api, "state?live=true").await;
    cluster.until("of units, too", |c| units(c) == [true, true]).await;
}

#[tokio::test(start_paused = true)]
async fn what_systemd_says_in_time_is_shown() {
    let (cluster, m1, _m2) = two_machines().await;
    for unit in ["a.service", "b.service"] {
        let contents = format!("{SERVICE}[X-Fleet]\nMachineID=m1\n");
        cluster.put(unit, Some(&contents), Launched).await;
        cluster.until_reported(unit, &m1, "active").await;
    }
    m1.units.hang_memory_after(1);
    let list = get(&Asked::over(&cluster.registry), "state?live=true").await;
    let memory = list["states"].as_array().unwrap().iter().map(|it| it["live"]["memory"].as_u64());
    assert_eq!(memory.collect::<Vec<_>>(), [Some(1 << 20), None], "{list}");
}

#[tokio::test(start_paused = true)]
async fn a_question_does_not_hide_the_one_before_it() {
    let (cluster, _m1, _m2) = two_machines().await;
    let about_units = cluster.registry.ask_machines(About::Units).await.unwrap();
    let last = cluster.registry.ask_machines(About::Machine).await.unwrap();
    assert!(last > about_units);
    let told = |c: &Cluster| {
        let both = c.figures.len() == 2;
        both && c.figures.values().all(|it| it.answers == last.0 && it.units.is_some())
    };
    cluster.until("about units, too", told).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cut_off_is_not_waited_for_and_shown_without() {
    let (cluster, _m1, mut m2) = two_machines().await;
    let api = Asked::over(&cluster.registry);
    m2.kill_fleetd().await;
    let list = get(&api, "machines?live=true").await;
    assert_eq!(answered(&list), [true, false], "{list}");
}

#[tokio::test(start_paused = true)]
async fn a_question_serves_everyone_for_a_second_and_nobody_asks_by_himself() {
    let (cluster, _m1, _m2) = two_machines().await;
    let api = Asked::over(&cluster.registry);
    let revision = async || cluster.registry.revision().await.unwrap().0;
    get(&api, "state?live=true").await;
    let once = revision().await;
    get(&api, "machines?live=true").await;
    get(&api, "state?live=true").await;
    assert_eq!(revision().await, once, "shared");
    tokio::time::sleep(TTL * 10).await;
    assert_eq!(revision().await, once, "at rest");
    get(&api, "machines?live=true").await;
    assert_eq!(revision().await, once + 3, "a question and two answers");
}

#[tokio::test(start_paused = true)]
async fn a_fleetd_that_begins_answers_no_question_of_before() {
    let (cluster, _m1, mut m2) = two_machines().await;
    get(&Asked::over(&cluster.registry), "machines?live=true").await;
    m2.end_fleetd(Farewell::Keep).await;
    cluster.until("somebody leads", |c| c.leader.is_some()).await;
    let before = cluster.registry.revision().await.unwrap();
    cluster.start_fleetd(&mut m2).await;
    m2.until_standing(Standing::Member).await;
    tokio::time::sleep(TTL).await;
    assert_eq!(cluster.registry.revision().await.unwrap(), before);
    let list = get(&Asked::over(&cluster.registry), "machines?live=true").await;
    assert_eq!(answered(&list), [true, true], "{list}");
}

#[tokio::test(start_paused = true)]
async fn a_list_of_all_has_those_that_left_and_were_lost() {
    let (cluster, _m1, mut m2) = two_machines().await;
    let mut m3 = cluster.boot("m3").await;
    m3.until_standing(Standing::Member).await;
    m2.end_fleetd(Farewell::Leave).await;
    m3.kill_fleetd().await;
    cluster.until("lost", |c| c.lost.contains_key(&m3.id)).await;
    let api = Asked::over(&cluster.registry);
    let ids = |list: &Value| {
        let machines = list["machines"].as_array().unwrap().iter();
        machines.map(|m| (m["id"].clone(), m["status"].clone())).collect::<Vec<_>>()
    };
    let entry = |id: &str, status: Value| (Value::from(id), status);
    assert_eq!(ids(&get(&api, "machines").await), [entry("m1", Value::Null)]);
    let all = get(&api, "machines?all=true&live=true").await;
    let expected =
        [entry("m1", Value::Null), entry("m2", "left".into()), entry("m3", "lost".into())];
    assert_eq!(ids(&all), expected);
    for machine in all["machines"].as_array().unwrap() {
        assert!(machine["since"].is_string() && machine["primaryIP"] == "10.0.0.1", "{machine}");
        assert_eq!(machine["units"].is_u64(), machine["status"].is_null(), "{machine}");
    }
}
