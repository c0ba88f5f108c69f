//! May this unit be on that machine? One check for each requirement; each refusal explains itself.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::board::{Board, Spot};
use super::order;
use super::trouble::{Pause, often};
use crate::model::{Glob, MachineId, OnPartition, Requirements, STOP_TTL_MIN};
use crate::unitfile::UnitName;

/// Why a machine does not take a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// `MachineID=` names another machine.
    OtherMachine(MachineId),
    /// The machine lacks a piece of metadata, or has another value.
    Metadata {
        /// The key.
        key: String,
        /// The values that would do.
        wanted: BTreeSet<String>,
        /// What the machine has.
        found: Option<String>,
    },
    /// `MachineOf=` names a unit that is not in the cluster.
    TargetUnknown(UnitName),
    /// `MachineOf=` names a unit that is on no machine.
    TargetNowhere(UnitName),
    /// `MachineOf=` names a unit that is on another machine.
    TargetElsewhere(UnitName),
    /// `MachineOf=` leads back to the unit itself.
    Circle(UnitName),
    /// One of the two declares a conflict with the other.
    Conflict {
        /// The unit that is there.
        with: UnitName,
        /// Whether it is the one that declares the conflict.
        declared_there: bool,
    },
    /// A unit that replaces this one is there.
    Replaced(UnitName),
    /// `OnPartition=stop`, and the machine could not stop it in time.
    TtlTooShort {
        /// What it says its `agent_ttl` is.
        found: Option<Duration>,
    },
    /// The machine is lost again and again.
    Unsteady(Pause),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::OtherMachine(id) => write!(f, "MachineID wants {id}"),
            Refusal::Metadata { key, wanted, found } => {
                let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
                write!(f, "MachineMetadata wants {key}={}", wanted.join(" or "))?;
                match found {
                    Some(value) => write!(f, ", the machine has {key}={value}"),
                    None => write!(f, ", the machine has no {key}"),
                }
            }
            Refusal::TargetUnknown(target) => {
                write!(f, "MachineOf wants {target}, which is not in the cluster")
            }
            Refusal::TargetNowhere(target) => {
                write!(f, "MachineOf wants {target}, which is on no machine")
            }
            Refusal::TargetElsewhere(target) => {
                write!(f, "MachineOf wants {target}, which is on another machine")
            }
            Refusal::Circle(target) => {
                write!(f, "MachineOf={target} leads back to this unit: neither can be first")
            }
            Refusal::Conflict { with, declared_there: false } => {
                write!(f, "Conflicts with {with}, which is there")
            }
            Refusal::Conflict { with, declared_there: true } => {
                write!(f, "{with} is there and declares a conflict")
            }
            Refusal::Replaced(by) => write!(f, "{by} is there, which replaces it"),
            Refusal::TtlTooShort { found } => {
                write!(f, "OnPartition=stop wants an agent_ttl of {STOP_TTL_MIN:?} or more, ")?;
                match found {
                    Some(ttl) => write!(f, "the machine has {ttl:?}"),
                    None => write!(f, "the machine's fleetd is too old to tell"),
                }
            }
            Refusal::Unsteady(Pause { times, since, until }) => {
                let times = often(*times);
                write!(
                    f,
                    "it was lost {times} since {since}, and takes no more units until {until}"
                )
            }
        }
    }
}

/// Asks every requirement of a unit whether the machine will do, and everything on the machine
/// whether it bears the unit.
pub fn check(
    board: &Board<'_>,
    spot: &Spot<'_, '_>,
    name: &UnitName,
    wants: &Requirements,
) -> Result<(), Refusal> {
    machine_id(spot, wants)?;
    metadata(board, spot, wants)?;
    on_partition(spot, wants)?;
    machine_of(board, spot, name, wants)?;
    conflicts(spot, name, wants)?;
    replaced(board, spot, name)
}

/// The same for a unit that comes to the machine. One that is lost again and again takes none for a
/// while that could as well be elsewhere.
pub fn check_newcomer(
    board: &Board<'_>,
    spot: &Spot<'_, '_>,
    name: &UnitName,
    wants: &Requirements,
) -> Result<(), Refusal> {
    check(board, spot, name, wants)?;
    let bound = wants.machine_id.is_some() || !wants.machine_of.is_empty() || wants.global;
    match spot.pause(board.now) {
        Some(pause) if !bound => Err(Refusal::Unsteady(pause)),
        _ => Ok(()),
    }
}

fn machine_id(spot: &Spot<'_, '_>, wants: &Requirements) -> Result<(), Refusal> {
    match &wants.machine_id {
        Some(id) if id != spot.id => Err(Refusal::OtherMachine(id.clone())),
        _ => Ok(()),
    }
}

fn metadata(board: &Board<'_>, spot: &Spot<'_, '_>, wants: &Requirements) -> Result<(), Refusal> {
    let found = |key| board.cluster.metadatum(spot.id, key);
    let unmet = wants
        .metadata
        .iter()
        .find(|(key, values)| found(key).is_none_or(|found| !values.contains(found)));
    match unmet {
        None => Ok(()),
        Some((key, wanted)) => Err(Refusal::Metadata {
            key: key.clone(),
            wanted: wanted.clone(),
            found: found(key).map(str::to_owned),
        }),
    }
}

fn on_partition(spot: &Spot<'_, '_>, wants: &Requirements) -> Result<(), Refusal> {
    if wants.on_partition == OnPartition::Keep {
        return Ok(());
    }
    let found = spot.machine.record.agent_ttl();
    let in_time = found.is_some_and(|ttl| ttl >= STOP_TTL_MIN);
    in_time.then_some(()).ok_or(Refusal::TtlTooShort { found })
}

fn machine_of(
    board: &Board<'_>,
    spot: &Spot<'_, '_>,
    name: &UnitName,
    wants: &Requirements,
) -> Result<(), Refusal> {
    for target in &wants.machine_of {
        if spot.has(target) {
            continue;
        }
        return Err(if order::is_in_circle(board.cluster, name) {
            Refusal::Circle(target.clone())
        } else if !board.cluster.units.contains_key(target) {
            Refusal::TargetUnknown(target.clone())
        } else if board.is_placed(target) {
            Refusal::TargetElsewhere(target.clone())
        } else {
            Refusal::TargetNowhere(target.clone())
        });
    }
    Ok(())
}

fn conflicts(spot: &Spot<'_, '_>, name: &UnitName, wants: &Requirements) -> Result<(), Refusal> {
    let conflict = |with: &UnitName, declared_there| {
        Err(Refusal::Conflict { with: with.clone(), declared_there })
    };
    let others = || spot.units().filter(|other| *other != name);
    if !wants.conflicts.is_empty()
        && let Some(other) = others().find(|other| any_matches(&wants.conflicts, other))
    {
        return conflict(other, false);
    }
    let mut quarrelsome = spot.quarrelsome().filter(|(other, _)| *other != name);
    match quarrelsome.find(|(_, theirs)| any_matches(&theirs.conflicts, name)) {
        Some((other, _)) => conflict(other, true),
        None => Ok(()),
    }
}

fn any_matches(globs: &[Glob], name: &UnitName) -> bool {
    globs.iter().any(|glob| glob.matches(name.as_str()))
}

fn replaced(board: &Board<'_>, spot: &Spot<'_, '_>, name: &UnitName) -> Result<(), Refusal> {
    let by = board.replacers_of(name).find(|by| spot.has(by));
    by.map_or(Ok(()), |by| Err(Refusal::Replaced(by.clone())))
}
