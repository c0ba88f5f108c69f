//! The page for Prometheus: what was counted, and how things stand at this moment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::{Heartbeat, Label, Labels, Metrics};

/// The text's type, which Prometheus reads since its version 2.5 (OpenMetrics 1.0).
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How things stand at this moment.
#[derive(Debug)]
pub struct Now {
    /// This fleetd's version.
    pub version: &'static str,
    /// Whether this machine is one of the cluster.
    pub member: bool,
    /// Whether it leads.
    pub leading: bool,
    /// What the leader sees of the cluster.
    pub cluster: Option<Census>,
}

/// How many there are in the cluster.
#[derive(Debug, Default)]
pub struct Census {
    /// Live machines.
    pub machines: usize,
    /// Units by desired and by current state; a global unit has no current one (`-`).
    pub units: BTreeMap<(&'static str, &'static str), usize>,
}

impl Metrics {
    /// All of it as text.
    pub fn text(&self, now: &Now) -> Result<String, fmt::Error> {
        let mut standing = Registry::with_prefix("fleet");
        stand(&mut standing, now);
        if let Some(heartbeat) = *self.last_heartbeat() {
            beat(&mut standing, heartbeat);
        }
        if let Some(census) = &now.cluster {
            count(&mut standing, census);
        }
        let mut text = String::new();
        encode_registry(&mut text, &standing)?;
        encode_registry(&mut text, &self.0.registry)?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

fn stand(registry: &mut Registry, now: &Now) {
    let build: Info<Label> = Info::new([("version", now.version)]);
    registry.register("build", "The version of this fleetd", build);
    let member = gauge(usize::from(now.member));
    registry.register("member", "Whether this machine is one of the cluster", member);
    let leader = gauge(usize::from(now.leading));
    registry.register("engine_leader", "Whether this machine leads the cluster", leader);
}

fn beat(registry: &mut Registry, heartbeat: Heartbeat) {
    let age = heartbeat.at.elapsed();
    let seconds = Gauge::<f64, AtomicU64>::default();
    seconds.set(age.as_secs_f64());
    let help = "Time since the store acknowledged a heartbeat of this machine";
    registry.register("agent_heartbeat_age_seconds", help, seconds);
    let lost = gauge(usize::from(age > heartbeat.ttl));
    let help = "Whether that is longer than agent_ttl, so that its units may move";
    registry.register("agent_heartbeat_lost", help, lost);
}

fn count(registry: &mut Registry, census: &Census) {
    registry.register("machines", "Live machines of the cluster", gauge(census.machines));
    let units = Family::<Labels, Gauge>::default();
    for ((desired, current), number) in &census.units {
        let labels = [("desired", *desired), ("current", *current)];
        units.get_or_create(&labels).set(number_of(*number));
    }
    registry.register("units", "Units of the cluster by desired and current state", units);
}

fn gauge(value: usize) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(number_of(value));
    gauge
}

fn number_of(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
