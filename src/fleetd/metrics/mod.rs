//! What fleetd counts and measures of itself, as text for Prometheus. `docs/metrics.md` lists all.
//!
//! Rooms hand in what happened, at their edges; what can be looked at is looked at when somebody
//! asks, not remembered. This room must not change anything, nor be asked by anyone but the API.

mod store;
mod text;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tokio::time::Instant;

pub use store::Metered;
pub use text::{CONTENT_TYPE, Census, Now};

use super::registry::StoreError;

/// One label, or two.
type Label = [(&'static str, &'static str); 1];
type Labels = [(&'static str, &'static str); 2];
type Times = Family<Label, Histogram, fn() -> Histogram>;

/// What happened so far. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    registry: Registry,
    operations: Times,
    failures: Family<Labels, Counter>,
    reconnects: Counter,
    away: AtomicBool,
    passes: Histogram,
    decisions: Family<Label, Counter>,
    tasks: Family<Label, Counter>,
    task_failures: Family<Label, Counter>,
    heartbeat: Mutex<Option<Heartbeat>>,
}

/// The last heartbeat that the store acknowledged.
#[derive(Debug, Clone, Copy)]
struct Heartbeat {
    at: Instant,
    ttl: Duration,
}

impl Default for Counted {
    fn default() -> Counted {
        let mut counted = Counted {
            registry: Registry::with_prefix("fleet"),
            operations: Times::new_with_constructor(operation_times),
            failures: Family::default(),
            reconnects: Counter::default(),
            away: AtomicBool::new(false),
            passes: pass_times(),
            decisions: Family::default(),
            tasks: Family::default(),
            task_failures: Family::default(),
            heartbeat: Mutex::new(None),
        };
        let all = &mut counted.registry;
        let operations = counted.operations.clone();
        all.register("registry_operation_seconds", "Time of operations on the store", operations);
        let failures = counted.failures.clone();
        all.register("registry_operation_failures", "Operations the store did not do", failures);
        let reconnects = counted.reconnects.clone();
        all.register("registry_reconnects", "Times the store answered again", reconnects);
        let passes = counted.passes.clone();
        all.register("engine_pass_seconds", "Time of scheduling passes", passes);
        let decisions = counted.decisions.clone();
        all.register("engine_decisions", "Decisions that were written", decisions);
        let tasks = counted.tasks.clone();
        all.register("agent_tasks", "Steps the agent took for units", tasks);
        let failures = counted.task_failures.clone();
        all.register("agent_task_failures", "Steps for units that failed", failures);
        counted
    }
}

/// From half a millisecond, which etcd next door takes, to 4 s, more than any request may.
fn operation_times() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 14))
}

/// From 50 µs, a small cluster, to 0.8 s, more than a hundred thousand units take.
fn pass_times() -> Histogram {
    Histogram::new(exponential_buckets(0.00005, 2.0, 15))
}

impl Metrics {
    /// An operation on the store took so long, and ended so.
    fn operation(&self, kind: &'static str, took: Duration, error: Option<&StoreError>) {
        let kind = ("operation", kind);
        self.0.operations.get_or_create(&[kind]).observe(took.as_secs_f64());
        // An answer is one also where it is a refusal.
        let away = matches!(error, Some(StoreError::Unavailable { .. }));
        if self.0.away.swap(away, Ordering::Relaxed) && !away {
            self.0.reconnects.inc();
        }
        let Some(error) = error else { return };
        let reason = match error {
            StoreError::Unavailable { .. } => "unavailable",
            StoreError::LeaseGone { .. } => "lease_gone",
            StoreError::Compacted { .. } => "compacted",
            StoreError::Refused { .. } => "refused",
        };
        self.0.failures.get_or_create(&[kind, ("reason", reason)]).inc();
    }

    /// The engine looked at the whole cluster once, and decided.
    pub fn pass(&self, took: Duration) {
        self.0.passes.observe(took.as_secs_f64());
    }

    /// A decision of this kind was written.
    pub fn decided(&self, kind: &'static str) {
        self.0.decisions.get_or_create(&[("kind", kind)]).inc();
    }

    /// The agent takes a step of this kind for one unit.
    pub fn task(&self, action: &'static str) {
        self.0.tasks.get_or_create(&[("action", action)]).inc();
    }

    /// Such a step failed, for so many units.
    pub fn tasks_failed(&self, action: &'static str, units: usize) {
        let units = u64::try_from(units).unwrap_or(u64::MAX);
        self.0.task_failures.get_or_create(&[("action", action)]).inc_by(units);
    }

    /// The store acknowledged a heartbeat now; the machine counts as alive for `ttl` from here.
    pub fn heartbeat(&self, ttl: Duration) {
        *self.last_heartbeat() = Some(Heartbeat { at: Instant::now(), ttl });
    }

    fn last_heartbeat(&self) -> std::sync::MutexGuard<'_, Option<Heartbeat>> {
        self.0.heartbeat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleetd::registry::LeaseId;

    #[test]
    fn a_store_that_refuses_is_back() {
        let metrics = Metrics::default();
        let away = StoreError::Unavailable {
            operation: "ask".into(),
            source: "the network is cut".into(),
        };
        let gone = StoreError::LeaseGone { lease: LeaseId(1) };
        for answer in [Some(&away), Some(&away), Some(&gone), None] {
            metrics.operation("renew", Duration::ZERO, answer);
        }
        assert_eq!(metrics.0.reconnects.get(), 1);
    }
}
