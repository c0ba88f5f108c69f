//! Machines that left or were lost: what the engine decides about them, and what becomes of real
//! ones.

use std::time::Duration;

use fleet::fleetd::agent::{Farewell, Standing};
use fleet::fleetd::engine::{Fate, Moment, Wait, departures};
use fleet::fleetd::registry::{
    Cluster, Event, Facts, Key, KeyValue, KnownRecord, LeaseId, LostRecord, MachineRecord,
    Revision, View, encode,
};
use fleet::model::{MachineId, Timestamp};

use crate::support::machines::{Machine, Machines, TTL};

const WEEK: u64 = 7 * 24 * 3600;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_unix_secs(secs)
}

/// A cluster that knows one machine.
fn cluster(live: bool, left: Option<u64>, lost: Option<u64>) -> Cluster {
    let (id, machine) = (MachineId::parse("m1").unwrap(), MachineRecord::default());
    let known = KnownRecord { machine: machine.clone(), left: left.map(at) };
    let mut entries = vec![(Key::Known(id.clone()), encode(&known))];
    entries.extend(lost.map(|since| {
        (Key::Lost(id.clone()), encode(&LostRecord { since: at(since), until: None }))
    }));
    entries.extend(live.then(|| (Key::Machine(id), encode(&machine))));
    let mut cluster = Cluster::default();
    for (key, value) in entries {
        let (key, at) = (key.to_string(), Revision(1));
        let entry = KeyValue { key, value, created: at, modified: at, lease: Some(LeaseId(1)) };
        cluster.apply(at, Event::Put(entry));
    }
    cluster
}

#[test]
fn who_is_gone_is_lost_or_left_and_forgotten_after_a_week() {
    let now = 10 * WEEK;
    let yesterday = now - 24 * 3600;
    // Nobody is left to move anything to, and nobody said how long it lives without a heartbeat.
    let alone = Wait { until: at(now + 31), missing: 1, of: 1 };
    let table = [
        ("there", (true, None, None), vec![], None),
        (
            "gone without a word",
            (false, None, None),
            vec![Fate::Lost { since: at(now), wait: Some(alone), trouble: None }],
            Some(now + 31),
        ),
        ("lost", (false, None, Some(yesterday)), vec![], Some(yesterday + WEEK)),
        ("left", (false, Some(yesterday), None), vec![], Some(yesterday + WEEK)),
        ("back", (true, None, Some(yesterday)), vec![Fate::Back(None)], None),
        (
            "back, and left",
            (false, Some(yesterday), Some(3)),
            vec![Fate::Found],
            Some(yesterday + WEEK),
        ),
        ("lost for a week", (false, None, Some(now - WEEK)), vec![Fate::Forgotten], None),
        ("left for a week", (false, Some(now - WEEK), None), vec![Fate::Forgotten], None),
        ("of tomorrow's clock", (false, Some(now + 9), None), vec![], Some(now + 9 + WEEK)),
    ];
    for (case, (live, left, lost), expected, next) in table {
        let decided = departures(&cluster(live, left, lost), &Moment::at(at(now)));
        let fates: Vec<Fate> = decided.all.iter().map(|departure| departure.fate).collect();
        assert_eq!((fates, decided.next), (expected, next.map(at)), "{case}");
    }
}

#[test]
fn a_lost_machine_that_nobody_knows_is_none() {
    let mut cluster = cluster(false, None, Some(5));
    cluster.apply(Revision(2), Event::Deleted("known/m1".into()));
    let decided = departures(&cluster, &Moment::at(at(WEEK)));
    assert_eq!(decided.all.iter().map(|it| it.fate).collect::<Vec<_>>(), [Fate::Found]);
}

fn left(cluster: &Cluster, machine: &Machine) -> bool {
    cluster.known.get(&machine.id).is_some_and(|known| known.record.left.is_some())
}

fn lost(cluster: &Cluster, machine: &Machine) -> bool {
    cluster.lost.contains_key(&machine.id)
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_leaves_is_known_to_have_left_until_it_is_back() {
    let cluster = Machines::new();
    let (mut m1, mut m2) = (cluster.boot("m1").await, cluster.boot("m2").await);
    m1.until_standing(Standing::Member).await;
    m2.until_standing(Standing::Member).await;
    m2.end_fleetd(Farewell::Leave).await;
    cluster.until("left", |c| left(c, &m2) && !c.machines.contains_key(&m2.id)).await;
    // As long as it takes to be called lost.
    tokio::time::sleep(TTL * 2).await;
    cluster.until("not lost", |c| !lost(c, &m2)).await;
    cluster.start_fleetd(&mut m2).await;
    cluster.until("back", |c| c.machines.contains_key(&m2.id) && !left(c, &m2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_dies_is_lost_until_it_is_back() {
    let cluster = Machines::new();
    let (mut m1, mut m2) = (cluster.boot("m1").await, cluster.boot("m2").await);
    m1.until_standing(Standing::Member).await;
    m2.until_standing(Standing::Member).await;
    m2.kill_fleetd().await;
    cluster.until("lost", |c| lost(c, &m2) && !left(c, &m2)).await;
    cluster.start_fleetd(&mut m2).await;
    cluster.until("found", |c| c.machines.contains_key(&m2.id) && !lost(c, &m2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_machine_whose_key_a_person_removed_is_back_and_not_lost() {
    let cluster = Machines::new();
    let (mut m1, mut m2) = (cluster.boot("m1").await, cluster.boot("m2").await);
    m1.until_standing(Standing::Member).await;
    m2.until_standing(Standing::Member).await;
    let life = cluster.expel(&m2).await;
    let again = |c: &Cluster| c.machines.get(&m2.id).is_some_and(|m2| m2.created != life);
    cluster.until("back", |c| again(c) && !lost(c, &m2) && !left(c, &m2)).await;
    m2.kill_fleetd().await;
    cluster.expel(&m2).await;
    cluster.until("lost at once", |c| lost(c, &m2) && !left(c, &m2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_fleetd_that_is_restarted_or_killed_for_a_moment_is_not_missed() {
    let cluster = Machines::new();
    let (mut m1, mut m2) = (cluster.boot("m1").await, cluster.boot("m2").await);
    m1.until_standing(Standing::Member).await;
    m2.until_standing(Standing::Member).await;
    let (joined, before) = {
        let mirror = cluster.registry.cluster();
        let cluster = mirror.read();
        (cluster.machines[&m2.id].record.joined, cluster.known[&m2.id].modified)
    };
    for crash in [false, true] {
        match crash {
            false => m2.end_fleetd(Farewell::Keep).await,
            true => m2.kill_fleetd().await,
        }
        cluster.start_fleetd(&mut m2).await;
        m2.until_standing(Standing::Member).await;
    }
    tokio::time::sleep(TTL * 2).await;
    let untouched = |c: &Cluster| {
        let record = &c.machines[&m2.id].record;
        record.joined == joined && joined.is_some() && c.known[&m2.id].modified == before
    };
    cluster.until("untouched", untouched).await;
    cluster.until("not lost", |c| !lost(c, &m2)).await;
}

#[tokio::test(start_paused = true)]
async fn facts_that_come_late_are_told_and_outlive_a_restart_that_has_none_yet() {
    let cluster = Machines::new();
    let mut m1 = cluster.boot("m1").await;
    m1.until_standing(Standing::Member).await;
    let facts = Facts { hostname: Some("alpha".into()), ..Facts::default() };
    let known = Some(facts.clone());
    m1.describe(|record| record.facts = known.clone());
    let told = |c: &Cluster| {
        let live = &c.machines[&m1.id].record;
        live.facts.as_ref() == Some(&facts) && c.known[&m1.id].record.machine == *live
    };
    cluster.until("told", told).await;
    let id = m1.id.clone();
    m1.end_fleetd(Farewell::Keep).await;
    cluster.start_fleetd(&mut m1).await;
    m1.until_standing(Standing::Member).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let kept = |c: &Cluster| c.machines[&id].record.facts.as_ref() == Some(&facts);
    cluster.until("kept", kept).await;
}
