//! `/metrics`: what it tells is documented, true, and there while the store is away.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use fleet::fleetd::metrics::{Metrics, Now};
use fleet::fleetd::registry::{EmbeddedStore, LeaseId};
use fleet::fleetd::systemd::Refusal;
use fleet::model::TargetState::{Launched, Loaded};
use tokio::sync::watch;

use crate::support::asked::Asked;
use crate::support::cut::Cut;
use crate::support::machines::{Machines, TTL, unit};

const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// What the machine that leads, or one that does not, tells.
async fn page(cluster: &Machines, leads: bool) -> String {
    let (_, leading) = watch::channel(leads);
    let api = Asked::with(&cluster.registry, 100, |api| {
        api.with_metrics(cluster.metrics.clone(), leading)
    });
    let response = api.answer(Request::get("/metrics").body(Body::empty()).unwrap()).await;
    let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    String::from_utf8(response.into_body().to_vec()).unwrap()
}

#[track_caller]
fn tells(page: &str, lines: &[&str]) {
    for line in lines {
        assert!(page.lines().any(|told| told == *line), "no {line:?} in\n{page}");
    }
}

/// A cluster to which everything has happened that is counted.
async fn eventful() -> Machines {
    let cluster = Machines::new();
    let m1 = cluster.boot("m1").await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster
        .put("everywhere.service", Some(&format!("{SERVICE}[X-Fleet]\nGlobal=true\n")), Loaded)
        .await;
    cluster.until_reported("a.service", &m1, "active").await;
    cluster.until_reported("everywhere.service", &m1, "inactive").await;
    m1.units.refuse(Refusal::Link, &unit("bad.service"));
    cluster.put("bad.service", Some(SERVICE), Loaded).await;
    cluster.until("it is scheduled", |c| c.machines_of(&unit("bad.service")).count() == 1).await;
    while !page(&cluster, false).await.contains("fleet_agent_task_failures_total") {
        tokio::time::sleep(TTL / 6).await;
    }
    cluster.registry.keep_alive(LeaseId(99)).await.unwrap_err();
    cluster
}

#[tokio::test(start_paused = true)]
async fn every_metric_is_documented_and_every_documented_one_is_there() {
    let page = page(&eventful().await, true).await;
    let exposed: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        })
        .collect();
    let table = include_str!("../../docs/metrics.md").lines();
    let documented: BTreeSet<String> = table
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(exposed, documented);
    assert!(page.ends_with("# EOF\n"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn what_happened_is_counted_and_what_is_there_is_told_by_the_leader() {
    let cluster = eventful().await;
    let leader = page(&cluster, true).await;
    tells(
        &leader,
        &[
            "fleet_member 1",
            "fleet_engine_leader 1",
            "fleet_machines 1",
            "fleet_units{desired=\"launched\",current=\"launched\"} 1",
            "fleet_units{desired=\"loaded\",current=\"-\"} 1",
            "fleet_agent_tasks_total{action=\"start\"} 1",
            "fleet_agent_task_failures_total{action=\"link\"} 1",
            "fleet_engine_decisions_total{kind=\"assign\"} 3",
            "fleet_registry_operation_failures_total{operation=\"renew\",reason=\"lease_gone\"} 1",
            "fleet_agent_heartbeat_lost 0",
        ],
    );
    let other = page(&cluster, false).await;
    tells(&other, &["fleet_engine_leader 0"]);
    assert!(!other.contains("fleet_machines") && !other.contains("fleet_units"), "{other}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_has_not_looked_yet_counts_nothing() {
    let store = Arc::new(Cut::new(Arc::new(EmbeddedStore::in_memory())));
    store.set_away(true);
    let page = page(&Machines::over(store), true).await;
    tells(&page, &["fleet_engine_leader 1"]);
    assert!(!page.contains("fleet_machines"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_grows_old_and_is_lost() {
    let now = Now { version: "1.2.3", member: true, leading: false, cluster: None };
    let metrics = Metrics::default();
    assert!(!metrics.text(&now).unwrap().contains("heartbeat"));
    metrics.heartbeat(TTL);
    tokio::time::advance(TTL).await;
    let page = metrics.text(&now).unwrap();
    tells(&page, &["fleet_agent_heartbeat_age_seconds 6.0", "fleet_agent_heartbeat_lost 0"]);
    tokio::time::advance(Duration::from_secs(1)).await;
    tells(&metrics.text(&now).unwrap(), &["fleet_agent_heartbeat_lost 1"]);
}
