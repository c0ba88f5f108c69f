//! Fifty machines that lose the store, or their leader, and return all at once: what they ask of the
//! store is counted, printed, and has a bound for each machine.
//!
//! `cargo test --test it storm -- --nocapture` shows the table.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::agent::{Farewell, Standing};
use fleet::fleetd::metrics::{Metered, Metrics, Now};
use fleet::fleetd::registry::{Cluster, EmbeddedStore, Store, StoredMachine};
use fleet::model::MachineId;
use fleet::model::TargetState::Launched;

use crate::support::cut::Cut;
use crate::support::etcd::Etcd;
use crate::support::machines::{Machine, Machines, TTL};

const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

const MACHINES: usize = 50;
const UNITS_EACH: usize = 4;

/// How long an answer takes: etcd on a busy disk.
const DISTANCE: Duration = Duration::from_millis(10);

/// So long after everything is as it should be nobody has anything left to ask.
const SETTLED: Duration = Duration::from_secs(2);

/// How often the store was asked, by what was asked.
type Asked = BTreeMap<String, usize>;

/// Machines that run units, and what their store is asked.
struct Fleet {
    store: Arc<Cut>,
    asked: Metrics,
    cluster: Machines,
    machines: Vec<Machine>,
}

impl Fleet {
    async fn running() -> Fleet {
        Fleet::running_over(Arc::new(EmbeddedStore::in_memory())).await
    }

    async fn running_over(store: Arc<dyn Store>) -> Fleet {
        // The same luck each time.
        fastrand::seed(1);
        let asked = Metrics::default();
        // Behind the cut: what does not arrive costs the store nothing.
        let metered = Metered::new(store, asked.clone());
        let store = Arc::new(Cut::far(Arc::new(metered), DISTANCE));
        let cluster = Machines::over(store.clone());
        let mut machines = Vec::new();
        for number in 0..MACHINES {
            machines.push(cluster.boot(&format!("m{number:02}")).await);
        }
        for machine in &mut machines {
            machine.until_standing(Standing::Member).await;
        }
        for number in 0..MACHINES * UNITS_EACH {
            cluster.put(&format!("u{number:03}.service"), Some(SERVICE), Launched).await;
        }
        let fleet = Fleet { store, asked, cluster, machines };
        fleet.until_well().await;
        fleet
    }

    /// Waits until every machine is there, its schedule complete, and every unit reported.
    async fn until_well(&self) {
        let well = |c: &Cluster| {
            let planned = |(id, machine): (&MachineId, &StoredMachine)| complete(c, id, machine);
            let active = c.states.values().flat_map(BTreeMap::values);
            c.machines.len() == MACHINES
                && c.machines.iter().all(planned)
                && c.leader.is_some()
                && active.filter(|state| state.active == "active").count() == MACHINES * UNITS_EACH
        };
        self.cluster.until("well", well).await;
        tokio::time::sleep(SETTLED).await;
    }

    /// What the store has been asked so far.
    fn asked(&self) -> Asked {
        let now = Now { version: "", member: true, leading: false, cluster: None };
        let page = self.asked.text(&now).unwrap();
        let counts = page.lines().filter_map(|line| {
            let line = line.strip_prefix("fleet_registry_operation_seconds_count{operation=\"")?;
            let (kind, count) = line.split_once("\"} ")?;
            Some((kind.to_owned(), count.parse().unwrap()))
        });
        counts.collect()
    }

    /// What the store was asked since, but for heartbeats; printed.
    fn asked_since(&self, what: &str, before: &Asked) -> Asked {
        let now = self.asked();
        let since = now.into_iter().map(|(kind, count)| {
            let before = before.get(&kind).copied().unwrap_or_default();
            (kind, count - before)
        });
        let since: Asked = since.filter(|(kind, count)| kind != "renew" && *count > 0).collect();
        let all: usize = since.values().sum();
        println!("{what}: {all} requests of {MACHINES} machines: {since:?}");
        since
    }
}

fn complete(cluster: &Cluster, id: &MachineId, machine: &StoredMachine) -> bool {
    let schedule = cluster.schedule.get(id);
    schedule.is_some_and(|schedule| schedule.planned == Some(machine.created))
}

/// That no more was asked than so many requests of each kind for each machine.
fn bounded(asked: &Asked, most: &[(&str, f64)]) {
    for (kind, count) in asked {
        let most = most.iter().find(|(of, _)| of == kind).map_or(0.0, |(_, most)| *most);
        let each = f64::from(u32::try_from(*count).unwrap()) / f64::from(MACHINES as u32);
        assert!(each <= most, "{kind}: {count} requests, {each} for each machine: {asked:?}");
    }
}

impl Fleet {
    /// The store is away for a while, and back; what it was asked since.
    async fn outage(&self, what: &str, time: Duration) -> Asked {
        let before = self.asked();
        self.store.set_away(true);
        tokio::time::sleep(time).await;
        self.store.set_away(false);
        tokio::time::sleep(TTL / 2).await;
        self.until_well().await;
        self.asked_since(what, &before)
    }

    /// The leader resigns and another one leads; what the store was asked since.
    async fn change_of_leader(&self) -> Asked {
        let leader = self.cluster.registry.cluster().read().leader.clone().unwrap().machine;
        let before = self.asked();
        let leading = self.machines.iter().find(|machine| machine.id == leader).unwrap();
        leading.may_lead(false);
        let another = |c: &Cluster| c.leader.as_ref().is_some_and(|now| now.machine != leader);
        self.cluster.until("another leads", another).await;
        self.until_well().await;
        self.asked_since("change of leader", &before)
    }

    /// Every fleetd is restarted; what the store was asked since.
    async fn upgrade(&mut self) -> Asked {
        let before = self.asked();
        for machine in &mut self.machines {
            machine.end_fleetd(Farewell::Keep).await;
        }
        for machine in &mut self.machines {
            self.cluster.start_fleetd(machine).await;
        }
        for machine in &mut self.machines {
            machine.until_standing(Standing::Member).await;
        }
        self.until_well().await;
        self.asked_since("all restarted", &before)
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_costs_each_machine_a_few_requests() {
    let asked = Fleet::running().await.outage("outage shorter than the TTL", TTL / 3).await;
    // Two mirrors; and watches of the leader's key and of its own, which are looked at first.
    let most = [("read", 2.5), ("watch", 5.0), ("commit", 3.0), ("grant", 0.5), ("revoke", 0.5)];
    bounded(&asked, &most);
}

#[tokio::test(start_paused = true)]
async fn a_long_outage_costs_what_joining_does() {
    let asked = Fleet::running().await.outage("outage longer than the TTL", TTL * 3).await;
    let most = [("read", 2.5), ("watch", 5.0), ("commit", 12.0), ("grant", 2.0), ("revoke", 0.5)];
    bounded(&asked, &[&most[..], &[("time", 2.0)]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_change_of_leader_costs_most_machines_nothing() {
    let asked = Fleet::running().await.change_of_leader().await;
    let most = [("commit", 1.0), ("watch", 0.5), ("grant", 0.5), ("revoke", 0.5)];
    // One machine reads the cluster: the one that leads.
    bounded(&asked, &[&most[..], &[("read", 0.02)]].concat());
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_of_all_at_once_reads_what_is_each_machine_s_own() {
    let asked = Fleet::running().await.upgrade().await;
    let most = [("read", 2.5), ("watch", 5.0), ("commit", 6.5), ("grant", 0.5), ("revoke", 0.5)];
    bounded(&asked, &[&most[..], &[("keys_of", 2.0)]].concat());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute, and measures rather than tests"]
async fn the_same_counted_by_a_real_etcd() {
    let etcd = Etcd::start().await;
    let count = async |method: &str| {
        etcd.metric(&["grpc_server_msg_received_total", &format!("grpc_method=\"{method}\"")]).await
    };
    let counts = async || {
        let methods = ["Range", "Txn", "Watch", "LeaseGrant", "LeaseRevoke", "LeaseKeepAlive"];
        let mut counts = Vec::new();
        for method in methods {
            counts.push((method, count(method).await));
        }
        counts
    };
    let mut fleet = Fleet::running_over(etcd.store("/storm/")).await;
    for round in 0..4 {
        let before = counts().await;
        match round {
            0 => drop(fleet.outage("outage shorter than the TTL", TTL / 3).await),
            1 => drop(fleet.outage("outage longer than the TTL", TTL * 3).await),
            2 => drop(fleet.change_of_leader().await),
            _ => drop(fleet.upgrade().await),
        }
        let since = counts().await.into_iter().zip(before);
        let since: Vec<_> = since.map(|((method, now), (_, then))| (method, now - then)).collect();
        println!("  etcd received: {since:?}");
    }
}
