//! What starting, stopping and destroying units costs, and what it costs to do nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use fleet::model::TargetState::{Launched, Loaded};
use futures_util::future::join_all;

use super::page;
use super::scene::{Cost, Scene, units};
use super::table::Table;
use crate::support::machines::unit;

/// How long an answer takes of an etcd nearby.
const DISTANCE: Duration = Duration::from_millis(2);

/// A service that fails at once.
const FAILS: &str = "[Service]\nExecStart=/bin/false\n";

/// In a minute, three machines renew their leases each ten seconds, a third of `agent_ttl`, and the
/// leader its own each third of five seconds.
const RENEWALS: [usize; 2] = [3 * 6, 36];

/// One line of the table for each work.
struct Works(Table);

impl Works {
    fn new() -> Works {
        let columns =
            ["work", "API", "engine", "agents", "revisions", "systemd", "reloads", "passes"];
        Works(Table::new("counts-work", &columns))
    }

    fn add(&mut self, what: &str, cost: &Cost) {
        let asked = ["API", "engine", "agent", "systemd"].map(|who| cost.by(who));
        let [api, engine, agent, systemd] = asked;
        let [revisions, reloads, passes] =
            [cost.written.len(), cost.reloads, cost.passes].map(|count| count.to_string());
        self.0.row([what.to_owned(), api, engine, agent, revisions, systemd, reloads, passes]);
    }
}

/// That no key was written twice.
fn each_key_once(cost: &Cost) {
    let mut times = BTreeMap::<&String, usize>::new();
    cost.written.iter().flatten().for_each(|key| *times.entry(key).or_default() += 1);
    times.retain(|_, times| *times > 1);
    assert!(times.is_empty(), "written more than once: {times:?}");
}

async fn stop(scene: &Scene, names: &[String]) {
    scene.put(names, None, Loaded).await;
    scene.until_all(names, "inactive").await;
}

async fn destroy(scene: &Scene, names: &[String]) {
    let destroy = async |name: &String| {
        let path = format!("/fleet/v1/units/{name}");
        let (status, said) = scene.api.ask("DELETE", &path, None).await;
        assert!(status.is_success(), "{name}: {said}");
    };
    join_all(names.iter().map(destroy)).await;
    scene.until_empty().await;
}

/// Each work on one unit, and on a hundred at once.
#[tokio::test(start_paused = true)]
async fn work_costs_what_the_page_says() {
    let mut works = Works::new();
    for (count, word) in [(1, "one"), (100, "100")] {
        let scene = Scene::idle(DISTANCE).await;
        let names = units(count);
        let start = scene.cost(async || scene.start(&names).await).await;
        let stop = scene.cost(async || stop(&scene, &names).await).await;
        scene.put(&names, None, Launched).await;
        scene.until_all(&names, "active").await;
        scene.settle().await;
        let destroy = scene.cost(async || destroy(&scene, &names).await).await;
        for (what, cost) in [("start", start), ("stop", stop), ("destroy", destroy)] {
            each_key_once(&cost);
            assert_eq!(cost.reloads, 0, "{what}: systemd reads new files without");
            works.add(&format!("{what} {word}"), &cost);
        }
    }
    works.add("100 failed ones start from other files", &changed_files().await);
    works.add("one ends by itself", &end_by_itself().await);
    for count in [0, 1000] {
        works.add(&format!("nothing for a minute, {count} units"), &rest(count).await);
    }
    page::compare(&works.0);
}

/// Of units that systemd has in its memory, since they failed, it reads another file only if it is
/// reloaded: once for each batch.
async fn changed_files() -> Cost {
    let scene = Scene::idle(DISTANCE).await;
    let names = units(100);
    scene.put(&names, Some(FAILS), Launched).await;
    scene.until_all(&names, "failed").await;
    scene.settle().await;
    let cost = scene.cost(async || scene.start(&names).await).await;
    assert_eq!(cost.reloads, cost.asked[&("systemd", "link")]);
    cost
}

/// What systemd reports is none of the engine's business.
async fn end_by_itself() -> Cost {
    let scene = Scene::idle(DISTANCE).await;
    let names = units(1);
    scene.start(&names).await;
    scene.settle().await;
    let ends = async || {
        let unit = unit(&names[0]);
        scene.machines.iter().for_each(|machine| machine.units.exit(&unit, 0));
        scene.until_all(&names, "inactive").await;
    };
    let cost = scene.cost(ends).await;
    each_key_once(&cost);
    assert_eq!(cost.passes, 0);
    cost
}

/// Nothing but heartbeats, however many units run.
async fn rest(count: usize) -> Cost {
    let scene = Scene::idle(Duration::ZERO).await;
    scene.start(&units(count)).await;
    let cost = scene.rest(Duration::from_secs(60)).await;
    let [agents, leader] = RENEWALS;
    let renewals = [(("agent", "renewal"), agents), (("engine", "renewal"), leader)];
    assert_eq!(cost.asked, BTreeMap::from(renewals), "{count} units");
    assert!(cost.written.is_empty() && cost.passes == 0, "{count} units: {cost:?}");
    cost
}
