//! A unit's road through all rooms: stored, scheduled, won, linked, started, reported. Real agents
//! and engines; the store and systemd are their twins in memory.

use fleet::fleetd::agent::{Farewell, Standing};
use fleet::fleetd::registry::{Cluster, StateRecord};
use fleet::fleetd::systemd::{Refusal, UnitManager};
use fleet::model::TargetState::{Inactive, Launched, Loaded};

use crate::support::machines::{Machines, TTL, calls, unit};

const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";
const ONESHOT: &str = "[Service]\nType=oneshot\nExecStart=/bin/true\n";

#[tokio::test(start_paused = true)]
async fn start_stop_unload() {
    let cluster = Machines::new();
    let m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    assert_eq!(calls(&m1), ["link a.service", "start a.service"]);

    cluster.put("a.service", None, Loaded).await;
    cluster.until_reported("a.service", &m1, "inactive").await;
    assert_eq!(calls(&m1), ["stop a.service"]);

    cluster.put("a.service", None, Inactive).await;
    let gone = |c: &Cluster| c.states.is_empty() && c.holders.is_empty();
    cluster.until("unloaded and released", gone).await;
    assert_eq!(calls(&m1), ["unlink a.service"]);
}

#[tokio::test(start_paused = true)]
async fn a_start_in_quick_succession_of_a_stop_is_not_lost() {
    let cluster = Machines::new();
    let m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    calls(&m1);
    cluster.put("a.service", None, Loaded).await;
    cluster.put("a.service", None, Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    let calls = calls(&m1);
    let stopped_first = calls == ["stop a.service", "start a.service"];
    assert!(stopped_first || calls == ["restart a.service"], "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn destroyed_and_started_with_another_file() {
    let cluster = Machines::new();
    let m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    cluster.registry.destroy_unit(&unit("a.service")).await.unwrap();
    let other = "[Service]\nExecStart=/bin/sleep 1000\n";
    cluster.put("a.service", Some(other), Launched).await;
    let hash = fleet::unitfile::UnitFile::parse(other).unwrap().hash();
    cluster.until_reported("a.service", &m1, "active").await;
    let has_new_file =
        |c: &Cluster| c.states[&unit("a.service")].values().all(|state| state.hash == hash);
    cluster.until("started from the new file", has_new_file).await;
}

#[tokio::test(start_paused = true)]
async fn a_oneshot_runs_once() {
    let cluster = Machines::new();
    let mut m1 = cluster.boot("m1").await;
    cluster.put("once.service", Some(ONESHOT), Launched).await;
    let finished = |c: &Cluster| {
        let state = c.states.get(&unit("once.service")).and_then(|on| on.values().next());
        state.is_some_and(|state| state.active == "inactive" && state.job.is_some())
    };
    cluster.until("finished", finished).await;
    m1.end_fleetd(Farewell::Keep).await;
    cluster.start_fleetd(&mut m1).await;
    m1.until_standing(Standing::Member).await;
    cluster.put("other.service", Some(SERVICE), Launched).await;
    cluster.until_reported("other.service", &m1, "active").await;
    let starts = calls(&m1).into_iter().filter(|call| call == "start once.service").count();
    assert_eq!(starts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_restart_or_a_crash_of_fleetd_touches_no_unit() {
    let cluster = Machines::new();
    let mut m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.put("l.service", Some(SERVICE), Loaded).await;
    cluster.until_reported("a.service", &m1, "active").await;
    cluster.until_reported("l.service", &m1, "inactive").await;
    calls(&m1);
    for crash in [false, true] {
        match crash {
            false => m1.end_fleetd(Farewell::Keep).await,
            true => m1.kill_fleetd().await,
        }
        cluster.start_fleetd(&mut m1).await;
        m1.until_standing(Standing::Member).await;
        cluster.put("b.service", Some(SERVICE), Launched).await;
        cluster.until_reported("b.service", &m1, "active").await;
        let calls: Vec<_> =
            calls(&m1).into_iter().filter(|call| !call.ends_with(" b.service")).collect();
        assert_eq!(calls, [""; 0], "after a crash: {crash}");
        cluster.registry.destroy_unit(&unit("b.service")).await.unwrap();
        cluster.until("b is gone", |c| c.states.len() == 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_machine_s_units_run_elsewhere_and_stop_where_it_returns() {
    let cluster = Machines::new();
    let mut m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    let m2 = cluster.boot("m2").await;
    m1.kill_fleetd().await;
    cluster.until_reported("a.service", &m2, "active").await;
    let reports = |c: &Cluster| c.states[&unit("a.service")].keys().cloned().collect::<Vec<_>>();
    cluster.until("what it reported is gone", |c| reports(c) == [m2.id.clone()]).await;
    // Its systemd still runs the unit when fleetd comes back.
    calls(&m1);
    cluster.start_fleetd(&mut m1).await;
    m1.until_standing(Standing::Member).await;
    assert_eq!(calls(&m1), ["stop a.service", "unlink a.service"]);
    assert_eq!(cluster.home("a.service"), Some(m2.id.clone()));
    assert!(!calls(&m2).iter().any(|call| call.starts_with("stop")));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_leaves_hands_over_at_once() {
    let cluster = Machines::new();
    let mut m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    let m2 = cluster.boot("m2").await;
    let begun = tokio::time::Instant::now();
    m1.end_fleetd(Farewell::Leave).await;
    cluster.until_reported("a.service", &m2, "active").await;
    assert!(begun.elapsed() < TTL / 6, "it took {:?}", begun.elapsed());
    assert_eq!(calls(&m1).last().unwrap(), "unlink a.service");
    assert_eq!(cluster.home("a.service"), Some(m2.id.clone()));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_lost_is_rebuilt_without_stopping_a_unit() {
    let cluster = Machines::new();
    let m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    calls(&m1);
    let life = |c: &Cluster| c.machines.values().next().map(|m| m.created);
    let before = life(&cluster.registry.cluster().read());
    let lease = cluster.registry.present(&m1.id).await.unwrap().unwrap().lease.unwrap();
    cluster.registry.revoke(lease).await.unwrap();
    cluster.until("a new life", |c| life(c).is_some_and(|now| Some(now) != before)).await;
    cluster.until_reported("a.service", &m1, "active").await;
    cluster
        .until("planned anew", |c| {
            c.schedule.get(&m1.id).and_then(|schedule| schedule.planned) == life(c)
        })
        .await;
    assert_eq!(calls(&m1), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_second_machine_with_an_id_is_refused_until_the_first_is_gone() {
    let cluster = Machines::new();
    let mut first = cluster.boot("same").await;
    first.until_standing(Standing::Member).await;
    let mut second = cluster.boot("same").await;
    second.until_standing(Standing::Refused).await;
    first.end_fleetd(Farewell::Leave).await;
    second.until_standing(Standing::Member).await;
}

#[tokio::test(start_paused = true)]
async fn another_store_stops_nothing() {
    let cluster = Machines::new();
    let mut m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    m1.end_fleetd(Farewell::Keep).await;
    calls(&m1);
    let wiped = Machines::new();
    let m2 = wiped.boot("m2").await;
    wiped.start_fleetd(&mut m1).await;
    wiped.put("b.service", Some(SERVICE), Launched).await;
    wiped.until_reported("b.service", &m2, "active").await;
    m1.until_standing(Standing::Apart).await;
    // Many rounds of its trying again.
    tokio::time::sleep(TTL * 10).await;
    assert_eq!(calls(&m1), [""; 0]);
    assert_eq!(
        wiped.registry.present(&m1.id).await.unwrap().map(|present| present.record.ip),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_that_an_earlier_fleetd_reported_outlives_its_unit() {
    let cluster = Machines::new();
    let mut m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    m1.kill_fleetd().await;
    // As if fleetd had been killed after it unlinked the unit, before it could tell.
    let name = unit("a.service");
    m1.units.stop(&name).await.unwrap();
    m1.units.unlink(std::slice::from_ref(&name)).await[0].1.as_ref().unwrap();
    cluster.registry.destroy_unit(&name).await.unwrap();
    cluster.start_fleetd(&mut m1).await;
    cluster.until("nothing left", |c| c.states.is_empty() && c.holders.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_machine_whose_key_was_removed_joins_again() {
    let cluster = Machines::new();
    let m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    calls(&m1);
    let life = cluster.expel(&m1).await;
    cluster.until("it is back", |c| c.machines.values().any(|m| m.created != life)).await;
    cluster.until_reported("a.service", &m1, "active").await;
    assert_eq!(calls(&m1), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_start_outlives_a_systemd_that_is_away() {
    let cluster = Machines::new();
    let mut m1 = cluster.boot("m1").await;
    m1.until_standing(Standing::Member).await;
    m1.units.disconnect();
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until("scheduled", |c| c.machines_of(&unit("a.service")).count() == 1).await;
    tokio::time::sleep(TTL).await;
    m1.units.reconnect();
    cluster.until_reported("a.service", &m1, "active").await;
}

#[tokio::test(start_paused = true)]
async fn a_link_that_systemd_refuses_is_told_and_leaves_nothing() {
    let cluster = Machines::new();
    let m1 = cluster.boot("m1").await;
    let name = unit("a.service");
    m1.units.refuse(Refusal::Link, &name);
    cluster.put("a.service", Some(SERVICE), Launched).await;
    let told = |c: &Cluster| {
        let state = c.states.get(&unit("a.service")).and_then(|on| on.values().next());
        state.is_some_and(|state| state.message.is_some() && state.job.as_deref() == Some("failed"))
    };
    cluster.until("told", told).await;
    cluster.registry.destroy_unit(&name).await.unwrap();
    cluster.until("nothing left", |c| c.states.is_empty() && c.holders.is_empty()).await;
    assert!(m1.units.files().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_removed_key_is_noticed_also_after_its_history_was_compacted() {
    let cluster = Machines::new();
    let mut m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    m1.end_fleetd(Farewell::Keep).await;
    let now = cluster.registry.revision().await.unwrap();
    cluster.registry.compact(now).await.unwrap();
    cluster.start_fleetd(&mut m1).await;
    m1.until_standing(Standing::Member).await;
    let life = cluster.expel(&m1).await;
    cluster.until("it is back", |c| c.machines.values().any(|m| m.created != life)).await;
}

/// What one unit's machine reports of it.
fn state(cluster: &Cluster, name: &str) -> Option<StateRecord> {
    cluster.states.get(&unit(name))?.values().next().cloned()
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_with_the_unit_s_last_words() {
    let cluster = Machines::new();
    let mut m1 = cluster.boot("m1").await;
    m1.units.says(&unit("bad.service"), "no such database");
    let fails = "[Service]\nType=oneshot\nExecStart=/bin/false\n";
    let failed = |c: &Cluster| {
        let told = state(c, "bad.service").filter(|state| state.active == "failed");
        if let Some(told) = &told {
            let words = ["no such database".to_owned()];
            assert_eq!(told.log.as_deref(), Some(&words[..]), "told before it was heard");
        }
        told.is_some()
    };
    cluster.put("bad.service", Some(fails), Launched).await;
    cluster.until("failed", failed).await;
    let before = cluster.registry.revision().await.unwrap();
    m1.end_fleetd(Farewell::Keep).await;
    cluster.start_fleetd(&mut m1).await;
    m1.until_standing(Standing::Member).await;
    tokio::time::sleep(TTL).await;
    let changed = cluster.changed_since(before);
    assert!(!changed.iter().any(|key| key.starts_with("state/")), "told again: {changed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_hangs_holds_no_failure_up() {
    let cluster = Machines::new();
    let m1 = cluster.boot("m1").await;
    m1.units.hang_journal();
    let fails = "[Service]\nType=oneshot\nExecStart=/bin/false\n";
    cluster.put("bad.service", Some(fails), Launched).await;
    cluster.until_reported("bad.service", &m1, "failed").await;
    cluster.until("without words", |c| state(c, "bad.service").unwrap().log.is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_next_start_forgets_the_last_words() {
    let cluster = Machines::new();
    let m1 = cluster.boot("m1").await;
    let name = unit("a.service");
    m1.units.says(&name, "ouch");
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    m1.units.exit(&name, 7);
    cluster.until("heard", |c| state(c, "a.service").unwrap().log.is_some()).await;
    cluster.put("a.service", None, Loaded).await;
    cluster.put("a.service", None, Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    cluster.until("forgotten", |c| state(c, "a.service").unwrap().log.is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_systemd_refuses_is_told_until_it_stops() {
    let cluster = Machines::new();
    let m1 = cluster.boot("m1").await;
    let name = unit("a.service");
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    m1.units.refuse(Refusal::Stop, &name);
    cluster.put("a.service", None, Loaded).await;
    let message = |c: &Cluster| state(c, "a.service").and_then(|state| state.message);
    cluster.until("told", |c| message(c).is_some_and(|said| said.contains("refuse"))).await;
    cluster.until_reported("a.service", &m1, "inactive").await;
    cluster.until("forgotten", |c| message(c).is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_lost_for_a_moment_keeps_what_nobody_else_has_won() {
    let cluster = Machines::new();
    let m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    // One that is there, and takes its time.
    let mut m2 = cluster.boot("m2").await;
    m2.until_standing(Standing::Member).await;
    m2.units.disconnect();
    calls(&m1);
    let life = cluster.expel(&m1).await;
    let back = |c: &Cluster| {
        let now = c.machines.get(&m1.id).map(|m| m.created).filter(|now| *now != life);
        now.is_some() && c.schedule.get(&m1.id).and_then(|it| it.planned) == now
    };
    cluster.until("it is back", back).await;
    assert_eq!(cluster.home("a.service"), Some(m1.id.clone()));
    assert_eq!(calls(&m1), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_comes_back_while_it_stops_is_started_again() {
    let cluster = Machines::new();
    let mut m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    let mut m2 = cluster.boot("m2").await;
    m1.kill_fleetd().await;
    cluster.until_reported("a.service", &m2, "active").await;
    calls(&m1);
    let name = unit("a.service");
    m1.units.hold(&name);
    cluster.start_fleetd(&mut m1).await;
    while calls(&m1).is_empty() {
        tokio::time::sleep(TTL / 6).await;
    }
    // Its machine is gone while it still stops here.
    m2.kill_fleetd().await;
    cluster.until("m2 is lost", |c| !c.machines.contains_key(&m2.id)).await;
    cluster
        .until("m1 has it", |c| c.holders.get(&name).is_some_and(|it| it.machine == m1.id))
        .await;
    m1.units.release(&name);
    cluster.until_reported("a.service", &m1, "active").await;
}

#[tokio::test(start_paused = true)]
async fn an_earlier_life_of_a_machine_lets_go_of_nothing_that_a_later_one_holds() {
    let cluster = Machines::new();
    let (registry, name) = (&cluster.registry, [unit("a.service")]);
    let m1 = fleet::model::MachineId::parse("m1").unwrap();
    let (earlier, later) = (registry.grant(TTL).await.unwrap(), registry.grant(TTL).await.unwrap());
    registry.win(&m1, later, &name).await.unwrap();
    registry.release(&m1, earlier, &name).await.unwrap();
    assert_eq!(registry.held(later).await.unwrap(), name);
    registry.release(&m1, later, &name).await.unwrap();
    assert!(registry.held(later).await.unwrap().is_empty());
}
