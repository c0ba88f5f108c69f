//! Machines that vanish together: what the engine decides about them, and what becomes of units on
//! real ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fleet::api::Waiting;
use fleet::fleetd::agent::Standing;
use fleet::fleetd::engine::{Change, Moment, UnassignReason, departures, waits};
use fleet::fleetd::registry::{
    Cluster, EmbeddedStore, Event, Key, KeyValue, KnownRecord, LeaderRecord, LeaseId, LostRecord,
    MachineRecord, Revision, UnitRecord, View, encode,
};
use fleet::fleetd::systemd::Call;
use fleet::model::TargetState::Launched;
use fleet::model::{MachineId, Timestamp};
use proptest::prelude::*;

use crate::support::asked::Asked;
use crate::support::cut::Cut;
use crate::support::machines::{Machine, Machines, TTL, unit};
use crate::support::world::{self, World};

const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// When the tables below take place.
const NOW: u64 = 10_000;

/// How long their machines live without a heartbeat, if they do not say otherwise.
const TTL_SECS: u64 = 30;

/// One machine of a table.
#[derive(Clone, Copy)]
enum Is {
    /// There, and heard.
    Live,
    /// There, and not heard.
    Silent,
    /// Gone, and nobody noticed yet.
    Gone,
    /// Gone since, and waited for until.
    Lost(u64, Option<u64>),
    /// Gone, having said so.
    Left,
}

fn at(secs: u64) -> Timestamp {
    Timestamp::from_unix_secs(secs)
}

fn id(index: usize) -> MachineId {
    MachineId::parse(&format!("m{index}")).unwrap()
}

fn put(cluster: &mut Cluster, key: Key, value: Vec<u8>) {
    let lease = matches!(key, Key::Machine(_) | Key::Leader).then_some(LeaseId(1));
    let (key, at) = (key.to_string(), Revision(1));
    let entry = KeyValue { key, value, created: at, modified: at, lease };
    cluster.apply(at, Event::Put(entry));
}

/// The cluster of a table's row, and its moment; machine 0 leads and joined `led_secs` ago.
fn cluster(machines: &[Is], ttls: &[u64], led_secs: u64) -> (Cluster, Moment) {
    let (mut cluster, mut moment) = (Cluster::default(), Moment::at(at(NOW)));
    for (index, is) in machines.iter().enumerate() {
        let record = MachineRecord {
            agent_ttl_millis: Some(ttls.get(index).copied().unwrap_or(TTL_SECS) * 1000),
            joined: Some(at(NOW - led_secs)),
            ..MachineRecord::default()
        };
        let left = matches!(is, Is::Left).then(|| at(NOW));
        let known = KnownRecord { machine: record.clone(), left };
        put(&mut cluster, Key::Known(id(index)), encode(&known));
        match is {
            Is::Live | Is::Silent => put(&mut cluster, Key::Machine(id(index)), encode(&record)),
            Is::Lost(since, until) => {
                let lost = LostRecord { since: at(*since), until: until.map(at) };
                put(&mut cluster, Key::Lost(id(index)), encode(&lost));
            }
            Is::Gone | Is::Left => {}
        }
        if matches!(is, Is::Silent) {
            moment.silent.insert(id(index));
        }
    }
    let leader = LeaderRecord { machine: id(0), version: "test".into(), format: None };
    put(&mut cluster, Key::Leader, encode(&leader));
    (cluster, moment)
}

/// A name; machines; times to live where they are not as usual; since when the leader's machine is
/// there, in seconds; until when each machine is waited for.
type Row<'a> = (&'a str, &'a [Is], &'a [u64], u64, &'a [Option<u64>]);

#[test]
fn who_vanishes_with_most_others_is_waited_for() {
    use Is::{Gone, Left, Live, Lost, Silent};
    let long = TTL_SECS * 10;
    let full = Some(NOW + TTL_SECS + 1);
    let table: [Row<'_>; 15] = [
        ("one of two", &[Live, Gone], &[], long, &[None, None]),
        ("two of four", &[Live, Live, Gone, Gone], &[], long, &[None; 4]),
        ("two of three", &[Live, Gone, Gone], &[], long, &[None, full, full]),
        ("the second is about to", &[Live, Silent, Gone], &[], long, &[None, None, full]),
        ("everybody", &[Gone, Gone], &[], long, &[full, full]),
        ("two left in order", &[Live, Left, Left, Gone], &[], long, &[None; 4]),
        ("long ago", &[Live, Lost(NOW - TTL_SECS - 1, None), Gone], &[], long, &[None; 3]),
        ("lately", &[Live, Lost(NOW - TTL_SECS, None), Gone], &[], long, &[None, None, full]),
        (
            "the largest of the vanished",
            &[Live, Gone, Gone],
            &[9, 7, 5],
            long,
            &[None, Some(NOW + 8), Some(NOW + 8)],
        ),
        (
            "decided before",
            &[Live, Live, Live, Lost(NOW - 9, Some(NOW + 9))],
            &[],
            long,
            &[None, None, None, Some(NOW + 9)],
        ),
        (
            "one more while others are waited for",
            &[Live, Live, Live, Live, Lost(NOW - 9, Some(NOW + 9)), Gone],
            &[],
            long,
            &[None, None, None, None, Some(NOW + 9), full],
        ),
        ("waited for long enough", &[Live, Lost(NOW - 31, Some(NOW))], &[], long, &[None; 2]),
        (
            "by a clock that was ahead",
            &[Live, Lost(NOW, Some(NOW + 9999))],
            &[],
            long,
            &[None, full],
        ),
        ("the leader has just come back", &[Live, Live, Gone], &[], 3, &[None, None, full]),
        ("the leader is not a machine yet", &[Gone, Live, Live], &[], long, &[full, None, None]),
    ];
    for (case, machines, ttls, led_secs, expected) in table {
        let (cluster, moment) = cluster(machines, ttls, led_secs);
        let waits = waits(&cluster, &moment);
        let until = |index| waits.get(&id(index)).map(|wait| wait.until);
        let found: Vec<_> = (0..machines.len()).map(until).collect();
        let expected: Vec<_> = expected.iter().map(|until| until.map(at)).collect();
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn what_is_said_counts_who_is_missing() {
    use Is::{Gone, Live, Silent};
    let (cluster, moment) = cluster(&[Live, Live, Silent, Gone, Gone], &[], 1000);
    let said = waits(&cluster, &moment)[&id(3)].to_string();
    let expected =
        "3 of 5 machines are missing, nothing of it is moved before 1970-01-01T02:47:11Z";
    assert_eq!(said, expected);
    let all = departures(&cluster, &moment).all;
    assert!(all.iter().all(|departure| departure.to_string().ends_with(expected)), "{all:?}");
}

/// Machines with two units each, everything at rest.
fn settled(machines: usize) -> World {
    let mut world = World::default();
    (0..machines).for_each(|index| world.boot(&id(index), BTreeMap::new()));
    for number in 0..machines * 2 {
        let record = UnitRecord { contents: SERVICE.to_owned(), desired: Launched, launch: 1 };
        world.store(&unit(&format!("u{number}.service")), &record);
    }
    for _ in 0..2 {
        let plan = world.plan();
        world.carry_out(&plan);
    }
    world
}

/// Decides, carries it out, and says from which machines units were taken.
fn deserted(world: &mut World) -> BTreeSet<MachineId> {
    let (plan, departures) = (world.plan(), world.departures());
    world.check(&plan);
    world.carry_out(&plan);
    world.note(&departures);
    let gone = |change: &Change| {
        matches!(change, Change::Unassign { reason: UnassignReason::MachineLost(_), .. })
    };
    let decisions = plan.decisions.into_iter().filter(|decision| gone(&decision.change));
    decisions.map(|decision| decision.machine).collect()
}

proptest! {
    /// Half or fewer are moved at once; more are left where they are, for one `agent_ttl`, however
    /// many come back meanwhile; then they are moved, too.
    #[test]
    fn half_move_at_once_and_more_are_waited_for(
        fate in prop::collection::vec((any::<bool>(), any::<bool>()), 1..9),
    ) {
        let mut world = settled(fate.len());
        let chosen = |pick: fn(&(bool, bool)) -> bool| -> BTreeSet<MachineId> {
            let chosen = fate.iter().enumerate().filter(|(_, fate)| pick(fate));
            chosen.map(|(index, _)| id(index)).collect()
        };
        let (lost, back) = (chosen(|fate| fate.0), chosen(|fate| fate.0 && fate.1));
        lost.iter().for_each(|machine| world.kill(machine));
        let at_once = deserted(&mut world);
        if lost.len() * 2 <= fate.len() {
            prop_assert_eq!(at_once, lost);
            return Ok(());
        }
        prop_assert_eq!(at_once, BTreeSet::new());
        for machine in &back {
            world.pass_secs(world::TTL_SECS / 10);
            world.boot(machine, BTreeMap::new());
            prop_assert_eq!(deserted(&mut world), BTreeSet::new());
        }
        world.pass_secs(world::TTL_SECS + 1);
        let never_back = lost.difference(&back).cloned().collect();
        prop_assert_eq!(deserted(&mut world), never_back);
    }
}

/// So many machines, each with one unit of a template, over a store that can be cut off.
async fn running(count: usize) -> (Arc<Cut>, Machines, Vec<Machine>) {
    let store = Arc::new(Cut::new(Arc::new(EmbeddedStore::in_memory())));
    let cluster = Machines::over(store.clone());
    let mut machines = Vec::new();
    for index in 0..count {
        let mut machine = cluster.boot(&format!("m{index}")).await;
        machine.until_standing(Standing::Member).await;
        let name = format!("u{index}.service");
        cluster.put(&name, Some(SERVICE), Launched).await;
        cluster.until_reported(&name, &machine, "active").await;
        machines.push(machine);
    }
    // So long that nobody has just joined.
    tokio::time::sleep(TTL * 2).await;
    (store, cluster, machines)
}

fn calls(machines: &[Machine]) -> Vec<Call> {
    machines.iter().flat_map(|machine| machine.units.take_calls()).collect()
}

#[tokio::test(start_paused = true)]
async fn most_machines_get_time_to_come_back() {
    let (_store, cluster, mut machines) = running(3).await;
    calls(&machines);
    for machine in &mut machines[1..] {
        machine.kill_fleetd().await;
    }
    let waited =
        |c: &Cluster| c.lost.len() == 2 && c.lost.values().all(|lost| lost.until.is_some());
    cluster.until("waited for", waited).await;
    let api = Asked::over(&cluster.registry);
    for (query, names) in
        [("", &["u1.service", "u2.service"][..]), ("?machineID=m2", &["u2.service"])]
    {
        let page = api.get(&format!("/fleet/v1/state{query}")).await;
        let waiting: Vec<Waiting> = serde_json::from_value(page["waiting"].clone()).unwrap();
        let told: Vec<&str> = waiting.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(told, names, "{query}");
        let reason = &waiting[0].reason;
        assert!(reason.contains(" vanished: 2 of 3 machines are missing"), "{reason}");
    }
    cluster.put("new.service", Some(SERVICE), Launched).await;
    cluster.until_reported("new.service", &machines[0], "active").await;
    for machine in &mut machines[1..] {
        cluster.start_fleetd(machine).await;
        machine.until_standing(Standing::Member).await;
    }
    tokio::time::sleep(TTL * 2).await;
    let new = unit("new.service");
    let new = [Call::Link(vec![new.clone()]), Call::Start(new)];
    assert_eq!(calls(&machines), new, "nothing else is touched");
}

#[tokio::test(start_paused = true)]
async fn most_machines_are_given_up_in_the_end() {
    let (_store, cluster, mut machines) = running(3).await;
    for machine in &mut machines[1..] {
        machine.kill_fleetd().await;
    }
    cluster.until_reported("u1.service", &machines[0], "active").await;
    cluster.until_reported("u2.service", &machines[0], "active").await;
}

#[tokio::test(start_paused = true)]
async fn nothing_moves_when_everyone_comes_back_from_an_outage() {
    for count in [2, 3, 5] {
        let (store, cluster, machines) = running(count).await;
        calls(&machines);
        store.set_away(true);
        // Long enough for every session to lapse.
        tokio::time::sleep(TTL * 3).await;
        store.set_away(false);
        cluster.until("everyone is back", |c| c.machines.len() == count).await;
        tokio::time::sleep(TTL * 3).await;
        for (index, machine) in machines.iter().enumerate() {
            let name = format!("u{index}.service");
            assert_eq!(cluster.home(&name), Some(machine.id.clone()), "of {count}");
        }
        assert_eq!(calls(&machines), [], "of {count}");
    }
}
