//! Writes a plan: each decision a transaction of its own, so that one that has become stale does
//! not fail the rest, and all of them under the leader's key, so that a leader that was paused
//! writes nothing.

use std::fmt::Display;

use super::departed::{Departure, Fate};
use super::litter::Litter;
use super::plan::{Change, Decision};
use crate::fleetd::metrics::Metrics;
use crate::fleetd::registry::{
    Cluster, Compare, Key, Leadership, LostRecord, NESTED_MAX, Op, OpResult, Registry, Revision,
    StoreError, Txn, encode,
};
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// What became of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Written, but for decisions that were stale; the next pass must have seen this revision.
    UpTo(Revision),
    /// This machine no longer leads; the rest was not written.
    NotLeading,
}

/// Something decided that `apply` can write: its text is for the log.
pub trait Decided: Display {
    /// Its kind, in one word.
    fn word(&self) -> &'static str;
}

impl Decided for Decision {
    fn word(&self) -> &'static str {
        self.change.word()
    }
}

impl Decided for Departure {
    fn word(&self) -> &'static str {
        self.fate.word()
    }
}

impl Decided for Litter {
    fn word(&self) -> &'static str {
        "litter"
    }
}

/// Writes the decisions in order; logs and counts those that took effect.
pub async fn apply(
    registry: &Registry,
    leadership: &Leadership,
    decisions: &[(impl Decided, Guarded)],
    metrics: &Metrics,
) -> Result<Applied, StoreError> {
    let mut reached = leadership.term;
    for batch in decisions.chunks(NESTED_MAX) {
        let steps = batch.iter().map(|(_, guarded)| Op::Nested(guarded.0.clone())).collect();
        let Some(committed) = registry.commit_as_leader(leadership, steps).await? else {
            return Ok(Applied::NotLeading);
        };
        reached = committed.revision;
        for ((decision, _), result) in batch.iter().zip(&committed.results) {
            match result {
                OpResult::Nested(done) if done.succeeded => {
                    tracing::info!("{decision}");
                    metrics.decided(decision.word());
                }
                _ => tracing::debug!("stale: {decision}"),
            }
        }
    }
    Ok(Applied::UpTo(reached))
}

/// A decision as a transaction, guarded by what it was decided on.
#[derive(Debug, Clone)]
pub struct Guarded(Txn);

/// Binds a decision to the state of the cluster it was made on.
pub fn guard(decision: &Decision, cluster: &Cluster) -> Guarded {
    let machine = &decision.machine;
    let (when, step) = match &decision.change {
        Change::Unassign { unit, .. } => {
            let when = vec![unit_unchanged(cluster, unit), machine_unchanged(cluster, machine)];
            (when, Op::Delete(Key::Schedule(machine.clone(), unit.clone()).to_string()))
        }
        Change::Update { unit, to, .. } | Change::Assign { unit, to, .. } => {
            let key = Key::Schedule(machine.clone(), unit.clone()).to_string();
            let when = vec![unit_unchanged(cluster, unit), machine_unchanged(cluster, machine)];
            (when, Op::Put { key, value: encode(to), lease: None })
        }
        Change::Complete { life } => {
            let key = Key::Planned(machine.clone()).to_string();
            let when = vec![machine_unchanged(cluster, machine)];
            (when, Op::Put { key, value: encode(&life.0), lease: None })
        }
        Change::Expire => {
            let gone = Compare::Absent(Key::Machine(machine.clone()).to_string());
            (vec![gone], Op::Delete(Key::Planned(machine.clone()).to_string()))
        }
    };
    Guarded(Txn { when, then: vec![step], otherwise: Vec::new() })
}

/// The same for what is decided about a machine that is gone.
pub fn guard_departure(departure: &Departure, cluster: &Cluster) -> Guarded {
    let machine = &departure.machine;
    let lost = Key::Lost(machine.clone()).to_string();
    let known = Key::Known(machine.clone()).to_string();
    let gone = || {
        let unchanged = cluster.known.get(machine);
        let unchanged = unchanged.map(|it| Compare::Modified(known.clone(), it.modified));
        let absent = Compare::Absent(Key::Machine(machine.clone()).to_string());
        [Some(absent), unchanged].into_iter().flatten().collect()
    };
    let (when, then) = match departure.fate {
        Fate::Lost { since, wait } => {
            let value = encode(&LostRecord { since, until: wait.map(|wait| wait.until) });
            (gone(), vec![Op::Put { key: lost, value, lease: None }])
        }
        Fate::Found => (Vec::new(), vec![Op::Delete(lost)]),
        Fate::Forgotten => (gone(), vec![Op::Delete(lost), Op::Delete(known.clone())]),
    };
    Guarded(Txn { when, then, otherwise: Vec::new() })
}

/// The same for what another hand wrote.
pub fn guard_litter(litter: &Litter) -> Guarded {
    let key = litter.key.to_string();
    let when = vec![Compare::Modified(key.clone(), litter.modified)];
    Guarded(Txn { when, then: vec![Op::Delete(key)], otherwise: Vec::new() })
}

fn unit_unchanged(cluster: &Cluster, name: &UnitName) -> Compare {
    let key = Key::Unit(name.clone()).to_string();
    match cluster.units.get(name) {
        Some(unit) => Compare::Modified(key, unit.modified),
        None => Compare::Absent(key),
    }
}

fn machine_unchanged(cluster: &Cluster, id: &MachineId) -> Compare {
    let key = Key::Machine(id.clone()).to_string();
    match cluster.machines.get(id) {
        Some(machine) => Compare::Created(key, machine.created),
        None => Compare::Absent(key),
    }
}
