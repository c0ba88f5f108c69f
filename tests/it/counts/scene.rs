//! Three machines on which nothing happens, and what something that then happens costs them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::agent::Standing;
use fleet::fleetd::metrics::{Metrics, Now};
use fleet::fleetd::registry::{Cluster, EmbeddedStore};
use fleet::fleetd::systemd::Call;
use fleet::model::TargetState::{self, Launched};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::asked::Asked;
use crate::support::cut::Cut;
use crate::support::machines::{Machine, Machines, unit};
use crate::support::tally::Counts;

pub const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// As a cluster has them whose owner said nothing.
const AGENT_TTL: Duration = Duration::from_secs(30);
const LEADER_TTL: Duration = Duration::from_secs(5);

/// As systemd takes for a start.
const JOBS_LAST: Duration = Duration::from_millis(3);

/// So long after everything is as it should be nobody has anything left to ask.
const SETTLED: Duration = Duration::from_secs(2);

/// Three machines, and the API of one of them.
pub struct Scene {
    pub cluster: Machines,
    pub machines: Vec<Machine>,
    pub api: Asked,
}

/// What something cost.
#[derive(Debug)]
pub struct Cost {
    /// Who asked for what.
    pub asked: Counts,
    /// The keys that each revision wrote.
    pub written: Vec<Vec<String>>,
    /// How often the engine looked at the whole cluster.
    pub passes: usize,
    /// How often a machine's systemd was reloaded.
    pub reloads: usize,
}

impl Cost {
    /// What somebody asked for, in words.
    pub fn by(&self, who: &str) -> String {
        let asked = self.asked.iter().filter(|((by, _), _)| *by == who);
        let words = asked.map(|((_, what), count)| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

impl Scene {
    /// Machines whose store takes so long for an answer.
    pub async fn idle(distance: Duration) -> Scene {
        // The same luck each time.
        fastrand::seed(1);
        let store = Arc::new(Cut::far(Arc::new(EmbeddedStore::in_memory()), distance));
        let mut cluster = Machines::with_ttl(AGENT_TTL, store);
        (cluster.leader_ttl, cluster.jobs_last) = (LEADER_TTL, JOBS_LAST);
        let mut machines = Vec::new();
        for id in ["m1", "m2", "m3"] {
            let mut machine = cluster.boot(id).await;
            machine.until_standing(Standing::Member).await;
            machines.push(machine);
        }
        let planned = |c: &Cluster| c.schedule.values().filter(|s| s.planned.is_some()).count();
        cluster.until("planned for", |c| planned(c) == 3).await;
        let api = Asked::over(&cluster.registry);
        let scene = Scene { cluster, machines, api };
        scene.settle().await;
        scene
    }

    /// Waits until nobody has anything left to ask.
    pub async fn settle(&self) {
        tokio::time::sleep(SETTLED).await;
    }

    /// What something costs until it is done, but for the renewals of leases, which go on whatever
    /// happens.
    pub async fn cost(&self, work: impl AsyncFnOnce()) -> Cost {
        let work = async || {
            work().await;
            self.settle().await;
        };
        let mut cost = self.all_of(work).await;
        cost.asked.retain(|(_, what), _| *what != "renewal");
        cost
    }

    /// What it costs to do nothing for so long.
    pub async fn rest(&self, time: Duration) -> Cost {
        self.settle().await;
        self.all_of(async || tokio::time::sleep(time).await).await
    }

    async fn all_of(&self, work: impl AsyncFnOnce()) -> Cost {
        let metrics = &self.cluster.metrics;
        let revision = self.cluster.registry.revision().await.unwrap();
        let before = passes(metrics);
        self.cluster.tally.take();
        self.machines.iter().for_each(|machine| drop(machine.units.take_calls()));
        work().await;
        Cost {
            asked: self.cluster.tally.take(),
            written: self.cluster.written_since(revision).await,
            passes: passes(metrics) - before,
            reloads: self.reloads(),
        }
    }

    fn reloads(&self) -> usize {
        let calls = self.machines.iter().flat_map(|machine| machine.units.take_calls());
        calls.filter(|call| *call == Call::Reload).count()
    }

    /// Puts units as clients do, all at once.
    pub async fn put(&self, names: &[String], file: Option<&str>, desired: TargetState) {
        let mut body = json!({ "desiredState": desired });
        if let Some(file) = file {
            body["contents"] = Value::from(file);
        }
        let put = async |name: &String| {
            let path = format!("/fleet/v1/units/{name}");
            let (status, said) = self.api.ask("PUT", &path, Some(body.clone())).await;
            assert!(status.is_success(), "{name}: {said}");
        };
        join_all(names.iter().map(put)).await;
    }

    /// Starts units and waits until all of them are active.
    pub async fn start(&self, names: &[String]) {
        self.put(names, Some(SERVICE), Launched).await;
        self.until_all(names, "active").await;
    }

    /// Waits until these are the units that are reported, each in this active state.
    pub async fn until_all(&self, names: &[String], active: &str) {
        let all = |c: &Cluster| {
            let reported = |name: &String| {
                let name = unit(name);
                let states = c.states.get(&name).map(BTreeMap::values);
                let launch = c.units.get(&name).map(|unit| unit.launch);
                states.is_some_and(|mut states| {
                    states.any(|s| s.active == active && (s.launch.is_none() || s.launch == launch))
                })
            };
            names.iter().all(reported)
        };
        self.cluster.until(&format!("all {active}"), all).await;
    }

    /// Waits until nothing is left of any unit.
    pub async fn until_empty(&self) {
        let nothing = |c: &Cluster| c.states.is_empty() && c.holders.is_empty();
        self.cluster.until("all gone", nothing).await;
    }
}

/// So many units.
pub fn units(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:04}.service")).collect()
}

/// How often engines looked at the whole cluster so far.
fn passes(metrics: &Metrics) -> usize {
    let now = Now { version: "", member: true, leading: false, cluster: None };
    let page = metrics.text(&now).unwrap();
    let count = page.lines().find_map(|line| line.strip_prefix("fleet_engine_pass_seconds_count "));
    count.map_or(0, |count| count.parse().unwrap())
}
