//! `/plan`: what would come of changes, by the same function that would decide it. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Request, State};

use super::answer::ApiError;
use super::units::checked;
use super::{Api, body, why};
use crate::api::{Changes, Move, Outlook, Unit, Why, WhyStatus};
use crate::fleetd::clock;
use crate::fleetd::engine::{self, Change, Moment, Plan};
use crate::fleetd::registry::{Cluster, Put, Revision, StoredUnit, UnitRecord, after_put};
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// `POST /plan`. The body's largest size bounds the work: one pass over the cluster and what is sent.
pub async fn post(State(api): State<Api>, request: Request) -> Result<Json<Outlook>, ApiError> {
    let changes: Changes = body::json(request).await?;
    let puts = puts(changes.units, &changes.destroy)?;
    let mirror = api.now().await?;
    let outlook = api.thinker.think(move || {
        let cluster = mirror.read().to_think_about();
        let after = hypothesis(cluster, &puts, &changes.destroy)?;
        let named: BTreeSet<&UnitName> = puts.keys().chain(&changes.destroy).collect();
        Ok(outlook(&after, &Moment::at(clock::now()), puts.keys(), &named))
    });
    outlook.await.map(Json)
}

/// What is to be stored of each unit, if it may be asked.
fn puts(units: Vec<Unit>, destroy: &[UnitName]) -> Result<BTreeMap<UnitName, Put>, ApiError> {
    let destroyed: BTreeSet<&UnitName> = destroy.iter().collect();
    let mut puts = BTreeMap::new();
    for unit in units {
        let Some(name) = unit.name.clone() else {
            return Err(ApiError::bad_request("a unit of the plan has no name"));
        };
        let put = checked(&name, unit)?;
        if destroyed.contains(&name) || puts.insert(name.clone(), put).is_some() {
            return Err(ApiError::bad_request(format!("the plan names unit {name} twice")));
        }
    }
    Ok(puts)
}

/// The cluster as it would be stored, with the schedule as it is. Pure.
fn hypothesis(
    mut after: Cluster,
    puts: &BTreeMap<UnitName, Put>,
    destroy: &[UnitName],
) -> Result<Cluster, ApiError> {
    for name in destroy {
        after.units.remove(name);
    }
    for (name, put) in puts {
        let stored = after.units.get(name).map(|unit| UnitRecord {
            contents: unit.contents.to_string(),
            desired: unit.desired,
            launch: unit.launch,
        });
        if let Some(record) = after_put(name, stored, put)? {
            let unit = StoredUnit::read(name, record, Revision::default());
            let unit = unit.map_err(|error| ApiError::bad_request(error.to_string()))?;
            after.units.insert(name.clone(), unit);
        }
    }
    Ok(after)
}

/// What the engine would decide. Pure.
fn outlook<'a>(
    cluster: &Cluster,
    moment: &Moment,
    changed: impl Iterator<Item = &'a UnitName>,
    named: &BTreeSet<&UnitName>,
) -> Outlook {
    let plan = engine::explain(cluster, moment, |name| named.contains(name));
    let mut journeys: BTreeMap<&UnitName, Journey<'_>> = BTreeMap::new();
    for decision in &plan.decisions {
        let machine = &decision.machine;
        match &decision.change {
            Change::Unassign { unit, reason } => {
                journeys.entry(unit).or_default().left.insert(machine, reason.to_string());
            }
            Change::Assign { unit, reason, .. } => {
                journeys.entry(unit).or_default().joined.insert(machine, reason.to_string());
            }
            Change::Update { .. } | Change::Complete { .. } | Change::Expire => {}
        }
    }
    let whys = changed.filter_map(|name| explain(cluster, &plan, name, journeys.get(name)));
    let others = journeys.iter().filter(|(name, _)| !named.contains(*name));
    Outlook {
        units: whys.collect(),
        moves: others.flat_map(|(name, journey)| journey.moves(name)).collect(),
    }
}

/// The machines that a unit would leave and come to, each with the reason.
#[derive(Debug, Default)]
struct Journey<'a> {
    left: BTreeMap<&'a MachineId, String>,
    joined: BTreeMap<&'a MachineId, String>,
}

impl Journey<'_> {
    /// A unit that is on one machine goes from there to the other; a global one has many of both,
    /// which have nothing to do with each other.
    fn moves(&self, name: &UnitName) -> Vec<Move> {
        let step = |from: Option<&MachineId>, to: Option<&MachineId>, reason: &String| Move {
            name: name.clone(),
            from: from.cloned(),
            to: to.cloned(),
            reason: reason.clone(),
        };
        if self.left.len() == 1 && self.joined.len() == 1 {
            let both = self.left.iter().zip(self.joined.keys());
            return both.map(|((from, why), to)| step(Some(from), Some(to), why)).collect();
        }
        let left = self.left.iter().map(|(from, reason)| step(Some(from), None, reason));
        let joined = self.joined.iter().map(|(to, reason)| step(None, Some(to), reason));
        left.chain(joined).collect()
    }
}

/// Where a unit would be. `None` when there is no such unit.
fn explain(
    cluster: &Cluster,
    plan: &Plan,
    name: &UnitName,
    journey: Option<&Journey<'_>>,
) -> Option<Why> {
    let unit = cluster.units.get(name)?;
    let mut machines: BTreeSet<&MachineId> = cluster.machines_of(name).map(|(id, _)| id).collect();
    if let Some(Journey { left, joined }) = journey {
        machines.retain(|id| !left.contains_key(id));
        machines.extend(joined.keys());
    }
    let joined = journey.and_then(|journey| journey.joined.values().next());
    let (status, reason) = if let Some(reason) = why::idle(name, unit.desired) {
        (WhyStatus::Inactive, reason.to_owned())
    } else if unit.requirements.global {
        let count = format!("global: on {} of {} machines", machines.len(), cluster.machines.len());
        (WhyStatus::Placed, count)
    } else if machines.is_empty() {
        (WhyStatus::Pending, why::untaken(cluster))
    } else {
        let stays = || "it stays where it is".to_owned();
        (WhyStatus::Placed, joined.cloned().unwrap_or_else(stays))
    };
    Some(Why {
        name: name.clone(),
        status,
        reason,
        machine_ids: machines.into_iter().cloned().collect(),
        refusals: why::refusals(cluster, plan, name),
    })
}
