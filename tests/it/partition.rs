//! A machine is cut off: units with `OnPartition=stop` have ended before their lease can lapse, others
//! run on, and everything is as it was when the machine is back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::agent::{Farewell, Standing};
use fleet::fleetd::registry::{EmbeddedStore, MachineRecord, UnitRecord};
use fleet::fleetd::systemd::UnitManager;
use fleet::model::TargetState::Launched;

use crate::support::cut::Cut;
use crate::support::machines::{Machine, Machines, calls, unit};
use crate::support::world::World;

/// A heartbeat is due every 4 s, is good for 8 s, and void after 10 s.
const TTL: Duration = Duration::from_secs(12);

/// A moment after the latest time at which units are told to stop, counted from the cut.
const STOPPED: Duration = Duration::from_millis(8100);

/// The same for the time at which they are killed.
const KILLED: Duration = Duration::from_millis(10_100);

const KEEP: &str = "[Service]\nExecStart=/bin/sleep infinity\n";
const STOP: &str = "[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nOnPartition=stop\n";
const DEAF: &str =
    "[Service]\nExecStart=/bin/sleep infinity\nKillSignal=SIGCONT\n[X-Fleet]\nOnPartition=stop\n";

/// A machine behind a network that can be cut, and the cluster as it sees it.
struct Cable {
    network: Arc<Cut>,
    cluster: Machines,
    machine: Machine,
}

/// A machine that runs these units, and what can be cut from it.
async fn running(units: &[(&str, &str)]) -> Cable {
    running_behind(Cut::new(Arc::new(EmbeddedStore::in_memory())), units).await
}

async fn running_behind(network: Cut, units: &[(&str, &str)]) -> Cable {
    let network = Arc::new(network);
    let cluster = Machines::with_ttl(TTL, network.clone());
    let machine = cluster.boot("m1").await;
    for (name, contents) in units {
        cluster.put(name, Some(contents), Launched).await;
        cluster.until_reported(name, &machine, "active").await;
    }
    calls(&machine);
    Cable { network, cluster, machine }
}

impl Cable {
    async fn cut_for(&self, time: Duration) {
        self.network.set_away(true);
        tokio::time::sleep(time).await;
    }

    /// What is linked in the machine's systemd.
    async fn linked(&self) -> Vec<String> {
        let units = self.machine.units.observe().await.unwrap();
        units.keys().map(ToString::to_string).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn it_stops_in_time_and_what_is_to_be_kept_runs_on() {
    let everywhere = format!("{STOP}Global=true\n");
    let units = [("g.service", &*everywhere), ("k.service", KEEP), ("s.service", STOP)];
    let cable = running(&units).await;
    cable.cut_for(TTL / 3).await;
    assert_eq!(calls(&cable.machine), [""; 0], "an answer may be late");
    tokio::time::sleep(STOPPED - TTL / 3).await;
    let expected = ["stop g.service", "stop s.service", "unlink g.service"];
    assert_eq!(calls(&cable.machine), expected, "in one batch");
    tokio::time::sleep(TTL).await;
    assert_eq!(calls(&cable.machine), [""; 0]);
    assert_eq!(cable.linked().await, ["k.service"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_stop_is_killed() {
    let cable = running(&[("deaf.service", DEAF)]).await;
    cable.cut_for(STOPPED).await;
    assert_eq!(calls(&cable.machine), ["stop deaf.service"]);
    tokio::time::sleep(KILLED - STOPPED).await;
    assert_eq!(calls(&cable.machine), ["kill deaf.service", "unlink deaf.service"]);
}

#[tokio::test(start_paused = true)]
async fn a_fleetd_that_was_restarted_meanwhile_knows_the_time() {
    for (dead_from, dead_until, late) in [(1, 2, false), (1, 11, true)] {
        let mut cable = running(&[("k.service", KEEP), ("s.service", DEAF)]).await;
        cable.cut_for(Duration::from_secs(dead_from)).await;
        cable.machine.kill_fleetd().await;
        tokio::time::sleep(Duration::from_secs(dead_until - dead_from)).await;
        cable.cluster.start_fleetd(&mut cable.machine).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let all = ["stop s.service", "kill s.service", "unlink s.service"];
        let now = if late { all.len() } else { 0 };
        assert_eq!(calls(&cable.machine), all[..now], "late: {late}");
        tokio::time::sleep(KILLED).await;
        assert_eq!(calls(&cable.machine), all[now..], "late: {late}");
        assert_eq!(cable.linked().await, ["k.service"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_long_silent_holds_nothing_up() {
    let network = Cut::silent(Arc::new(EmbeddedStore::in_memory()), TTL / 2);
    let mut cable = running_behind(network, &[("deaf.service", DEAF), ("s.service", STOP)]).await;
    let (slow, moment) = (unit("s.service"), Duration::from_millis(600));
    cable.machine.units.hold(&slow);
    cable.network.set_away(true);
    cable.machine.kill_fleetd().await;
    cable.cluster.start_fleetd(&mut cable.machine).await;
    tokio::time::sleep(STOPPED).await;
    assert_eq!(calls(&cable.machine), ["stop deaf.service", "stop s.service"]);
    cable.machine.units.release(&slow);
    tokio::time::sleep(moment).await;
    assert_eq!(calls(&cable.machine), ["unlink s.service"]);
    tokio::time::sleep(KILLED - STOPPED).await;
    assert_eq!(calls(&cable.machine), ["kill deaf.service", "unlink deaf.service"]);
}

#[tokio::test(start_paused = true)]
async fn it_is_started_again_once_when_the_session_lives_after_all() {
    let oneshot = "[Service]\nType=oneshot\nExecStart=/bin/true\n[X-Fleet]\nOnPartition=stop\n";
    let cable = running(&[("k.service", KEEP), ("s.service", STOP)]).await;
    cable.cluster.put("once.service", Some(oneshot), Launched).await;
    cable.cluster.until_reported("once.service", &cable.machine, "inactive").await;
    calls(&cable.machine);
    cable.cut_for(STOPPED).await;
    assert_eq!(cable.linked().await, ["k.service"]);
    cable.network.set_away(false);
    cable.cluster.until_reported("s.service", &cable.machine, "active").await;
    cable.cluster.until_reported("once.service", &cable.machine, "inactive").await;
    tokio::time::sleep(TTL).await;
    let calls = calls(&cable.machine);
    let starts: Vec<_> = calls.iter().filter(|call| call.starts_with("start")).collect();
    assert_eq!(starts, ["start s.service"], "what had ended is not started again: {calls:?}");
    assert!(!calls.iter().any(|call| call.ends_with("k.service")), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn it_never_runs_twice_and_stays_where_it_was_moved() {
    let store = Arc::new(EmbeddedStore::in_memory());
    let network = Arc::new(Cut::new(store.clone()));
    let (near, far) = (Machines::with_ttl(TTL, network.clone()), Machines::with_ttl(TTL, store));
    let mut m1 = near.boot("m1").await;
    far.put("s.service", Some(DEAF), Launched).await;
    far.until_reported("s.service", &m1, "active").await;
    let m2 = far.boot("m2").await;
    calls(&m1);
    network.set_away(true);
    far.until_reported("s.service", &m2, "active").await;
    assert!(m1.units.observe().await.unwrap().is_empty(), "it runs on both");
    network.set_away(false);
    tokio::time::sleep(TTL).await;
    m1.until_standing(Standing::Member).await;
    assert_eq!(calls(&m1), ["stop s.service", "kill s.service", "unlink s.service"]);
    assert_eq!(calls(&m2), ["link s.service", "start s.service"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_gone_proves_nothing() {
    let cable = running(&[("k.service", KEEP), ("s.service", STOP)]).await;
    let (registry, machine) = (&cable.cluster.registry, &cable.machine);
    let lease = registry.present(&machine.id).await.unwrap().unwrap().lease.unwrap();
    registry.revoke(lease).await.unwrap();
    tokio::time::sleep(TTL).await;
    cable.cluster.until_reported("s.service", machine, "active").await;
    let expected = ["stop s.service", "unlink s.service", "link s.service", "start s.service"];
    assert_eq!(calls(machine), expected);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_stops_it_when_it_wakes() {
    let cable = running(&[("k.service", KEEP), ("s.service", STOP)]).await;
    cable.cluster.clock.sleep(TTL);
    // Not so long that a heartbeat was due.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(calls(&cable.machine), ["stop s.service", "unlink s.service"]);
    cable.cluster.until_reported("s.service", &cable.machine, "active").await;
    assert_eq!(calls(&cable.machine), ["link s.service", "start s.service"]);
}

#[tokio::test(start_paused = true)]
async fn it_is_killed_also_while_the_machine_leaves() {
    let mut cable = running(&[("s.service", DEAF)]).await;
    cable.network.set_away(true);
    cable.machine.end_fleetd(Farewell::Leave).await;
    assert_eq!(calls(&cable.machine), ["stop s.service", "kill s.service", "unlink s.service"],);
}

#[test]
fn only_machines_take_it_that_can_stop_it_in_time() {
    let refused = "OnPartition=stop wants an agent_ttl of 10s or more, ";
    let table = [
        (None, Some("the machine's fleetd is too old to tell")),
        (Some(9_999), Some("the machine has 9.999s")),
        (Some(10_000), None),
    ];
    for (agent_ttl_millis, expected) in table {
        let mut world = World::default();
        let m1 = World::machine("m1");
        world.boot_as(&m1, MachineRecord { agent_ttl_millis, ..MachineRecord::default() });
        let record = UnitRecord { contents: STOP.to_owned(), desired: Launched, launch: 1 };
        world.store(&unit("s.service"), &record);
        let refusals = world.plan().refused.remove(&unit("s.service"));
        let words: BTreeMap<_, _> = refusals.into_iter().flatten().collect();
        let said = words.get(&m1).map(ToString::to_string);
        assert_eq!(said, expected.map(|words| format!("{refused}{words}")));
    }
}
