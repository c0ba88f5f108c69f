//! Writes a plan: each decision a transaction of its own, so that one that has become stale does
//! not fail the rest, and all of them under the leader's key, so that a leader that was paused
//! writes nothing.

use std::fmt::Display;

use serde::Serialize;

use super::departed::{Departure, Fate};
use super::format::Raise;
use super::litter::Litter;
use super::plan::{Change, Decision, UnassignReason};
use super::trouble::{self, Trouble};
use crate::fleetd::metrics::Metrics;
use crate::fleetd::registry::{
    Cluster, Compare, Key, Leadership, LostRecord, MAX_TXN_OPS, NESTED_MAX, Op, OpResult, Registry,
    Revision, StoreError, Txn, UnitTrouble, encode,
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

    /// Whether it makes room that what follows may count on.
    fn makes_room(&self) -> bool {
        false
    }
}

impl Decided for Decision {
    fn word(&self) -> &'static str {
        self.change.word()
    }

    fn makes_room(&self) -> bool {
        matches!(self.change, Change::Unassign { .. } | Change::Expire)
    }
}

impl Decided for Departure {
    fn word(&self) -> &'static str {
        self.fate.word()
    }
}

impl Decided for Raise {
    fn word(&self) -> &'static str {
        "format"
    }
}

impl Decided for Litter {
    fn word(&self) -> &'static str {
        "litter"
    }
}

impl Decided for Trouble {
    fn word(&self) -> &'static str {
        self.word()
    }
}

/// Writes the decisions in order; logs and counts those that took effect. Taking away comes first:
/// where some of that was stale, what was to be added is not, since its place may be taken.
pub async fn apply<D: Decided>(
    registry: &Registry,
    leadership: &Leadership,
    decisions: &[(D, Guarded)],
    metrics: &Metrics,
) -> Result<Applied, StoreError> {
    let mut reached = leadership.term;
    let mut room_made = true;
    let alike = |(a, _): &(D, Guarded), (b, _): &(D, Guarded)| a.makes_room() == b.makes_room();
    let batches = decisions.chunk_by(alike).flat_map(|alike| alike.chunks(NESTED_MAX));
    for batch in batches {
        let makes_room = batch[0].0.makes_room();
        if !makes_room && !room_made {
            break;
        }
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
                _ => {
                    tracing::debug!("stale: {decision}");
                    room_made &= !makes_room;
                }
            }
        }
    }
    Ok(Applied::UpTo(reached))
}

/// How many `MachineOf=` targets of a unit guard its place: as many as a nested transaction has
/// room for. Should another one change meanwhile, the next pass mends it.
const GUARDED_TARGETS_MAX: usize = MAX_TXN_OPS - NESTED_MAX - 2;

/// A decision as a transaction, guarded by what it was decided on.
#[derive(Debug, Clone)]
pub struct Guarded(Txn);

impl Guarded {
    fn by(when: Vec<Compare>, then: Vec<Op>) -> Guarded {
        Guarded(Txn { when, then, otherwise: Vec::new() })
    }
}

/// Binds a decision to the state of the cluster it was made on.
pub fn guard(decision: &Decision, cluster: &Cluster) -> Guarded {
    let machine = &decision.machine;
    let schedule = |unit: &UnitName| Key::Schedule(machine.clone(), unit.clone());
    match &decision.change {
        Change::Unassign { unit, reason } => {
            let mut when = vec![unit_unchanged(cluster, unit), machine_unchanged(cluster, machine)];
            let mut then = vec![delete(&schedule(unit))];
            match reason {
                UnassignReason::HeldBy(holder) => {
                    when.push(machine_unchanged(cluster, holder));
                    when.extend(still_held(cluster, unit));
                }
                // In one step: a leader that is interrupted neither forgets a move nor counts it
                // twice.
                UnassignReason::MachineLost(moves) => {
                    let trouble = trouble::with_moves(cluster, unit, *moves);
                    then.push(put(&Key::UnitTrouble(unit.clone()), &trouble));
                }
                _ => {}
            }
            Guarded::by(when, then)
        }
        Change::Update { unit, to, .. } | Change::Assign { unit, to, .. } => {
            let mut when = vec![machine_unchanged(cluster, machine)];
            let depends = cluster.units.get(unit).map(|unit| &unit.requirements.machine_of[..]);
            let depends = depends.unwrap_or_default().iter().take(GUARDED_TARGETS_MAX);
            when.extend([unit].into_iter().chain(depends).map(|it| unit_unchanged(cluster, it)));
            Guarded::by(when, vec![put(&schedule(unit), to)])
        }
        Change::Complete { life } => {
            let planned = put(&Key::Planned(machine.clone()), &life.0);
            Guarded::by(vec![machine_unchanged(cluster, machine)], vec![planned])
        }
        Change::Expire => {
            let gone = Compare::Absent(Key::Machine(machine.clone()).to_string());
            Guarded::by(vec![gone], vec![delete(&Key::Planned(machine.clone()))])
        }
    }
}

/// The same for what is decided about a machine that is gone.
pub fn guard_departure(departure: &Departure, cluster: &Cluster) -> Guarded {
    let machine = &departure.machine;
    let (lost, known) = (Key::Lost(machine.clone()), Key::Known(machine.clone()));
    let trouble = Key::MachineTrouble(machine.clone());
    let gone = || {
        let unchanged = cluster.known.get(machine);
        let unchanged = unchanged.map(|it| Compare::Modified(known.to_string(), it.modified));
        let absent = Compare::Absent(Key::Machine(machine.clone()).to_string());
        [Some(absent), unchanged].into_iter().flatten().collect()
    };
    match &departure.fate {
        Fate::Lost { since, wait, trouble: lately } => {
            let record = LostRecord { since: *since, until: wait.map(|wait| wait.until) };
            let lately = lately.as_ref().map(|lately| put(&trouble, lately));
            Guarded::by(gone(), [put(&lost, &record)].into_iter().chain(lately).collect())
        }
        Fate::Back(lately) => {
            let lately = lately.as_ref().map(|lately| put(&trouble, lately));
            Guarded::by(Vec::new(), [delete(&lost)].into_iter().chain(lately).collect())
        }
        Fate::Found => Guarded::by(Vec::new(), vec![delete(&lost)]),
        Fate::Forgotten => Guarded::by(gone(), vec![delete(&lost), delete(&known)]),
    }
}

/// The same for what is noted of troubles.
pub fn guard_trouble(noted: &Trouble, cluster: &Cluster) -> Guarded {
    match noted {
        Trouble::Over(machine) => {
            Guarded::by(Vec::new(), vec![delete(&Key::MachineTrouble(machine.clone()))])
        }
        Trouble::Unit(name, after) => {
            let key = Key::UnitTrouble(name.clone());
            let when = match cluster.unit_troubles.get(name) {
                Some(before) => Compare::Modified(key.to_string(), before.modified),
                None => Compare::Absent(key.to_string()),
            };
            let step =
                if *after == UnitTrouble::default() { delete(&key) } else { put(&key, after) };
            Guarded::by(vec![when], vec![step])
        }
    }
}

fn put(key: &Key, value: &impl Serialize) -> Op {
    Op::Put { key: key.to_string(), value: encode(value), lease: None }
}

fn delete(key: &Key) -> Op {
    Op::Delete(key.to_string())
}

/// The same for the store's format.
pub fn guard_raise(raise: Raise) -> Guarded {
    let put = Op::Put { key: Key::Format.to_string(), value: encode(&raise.to), lease: None };
    Guarded(Txn { then: vec![put], ..Txn::default() })
}

/// The same for what another hand wrote.
pub fn guard_litter(litter: &Litter) -> Guarded {
    let key = litter.key.to_string();
    let when = vec![Compare::Modified(key.clone(), litter.modified)];
    Guarded::by(when, vec![Op::Delete(key)])
}

fn unit_unchanged(cluster: &Cluster, name: &UnitName) -> Compare {
    let key = Key::Unit(name.clone()).to_string();
    match cluster.units.get(name) {
        Some(unit) => Compare::Modified(key, unit.modified),
        None => Compare::Absent(key),
    }
}

/// That whoever holds a unit still does, by the same session.
fn still_held(cluster: &Cluster, name: &UnitName) -> Option<Compare> {
    let session = cluster.holders.get(name)?.session?;
    Some(Compare::Leased(Key::Holder(name.clone()).to_string(), session))
}

fn machine_unchanged(cluster: &Cluster, id: &MachineId) -> Compare {
    let key = Key::Machine(id.clone()).to_string();
    match cluster.machines.get(id) {
        Some(machine) => Compare::Created(key, machine.created),
        None => Compare::Absent(key),
    }
}
