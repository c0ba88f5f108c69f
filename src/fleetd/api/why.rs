//! `/units/NAME/why`: where a unit is, or why it is nowhere, by the same function that decides it.

use axum::Json;
use axum::extract::State;

use super::Api;
use super::answer::{ApiError, unreadable};
use super::ask::Named;
use crate::api::{Refusal, Why, WhyStatus};
use crate::fleetd::clock;
use crate::fleetd::engine::{self, Change, Moment, Plan, Waiting, waits};
use crate::fleetd::registry::Cluster;
use crate::model::{MachineId, Requirements, TargetState};
use crate::unitfile::UnitName;

/// `GET /units/NAME/why`.
pub async fn get(State(api): State<Api>, Named(name): Named) -> Result<Json<Why>, ApiError> {
    let mirror = api.now().await?;
    let why = api.thinker.think(move || {
        let cluster = mirror.read().to_think_about();
        let moment = Moment::at(clock::now());
        explain(&cluster, &name, &moment)
            .or_else(|| explain_unreadable(&cluster, &name))
            .ok_or_else(|| ApiError::no_such_unit(&name))
    });
    why.await.map(Json)
}

/// How a unit stands with the scheduler; `None` when there is no such unit. Pure.
fn explain(cluster: &Cluster, name: &UnitName, moment: &Moment) -> Option<Why> {
    let unit = cluster.units.get(name)?;
    let machines: Vec<MachineId> = cluster.machines_of(name).map(|(id, _)| id.clone()).collect();
    let plan = engine::explain(cluster, moment, |asked| asked == name);
    let (status, reason) = if let Some(reason) = idle(name, unit.desired) {
        (WhyStatus::Inactive, reason.to_owned())
    } else if !machines.is_empty() {
        (WhyStatus::Placed, placed(cluster, moment, name, &unit.requirements, &machines))
    } else {
        (WhyStatus::Pending, pending(cluster, name, &plan))
    };
    let refusals = refusals(cluster, &plan, name);
    Some(Why { name: name.clone(), status, reason, machine_ids: machines, refusals })
}

/// How a unit stands whose record another hand wrote; `None` when there is no such unit. Pure.
fn explain_unreadable(cluster: &Cluster, name: &UnitName) -> Option<Why> {
    let reason = unreadable(cluster, name)?;
    let machine_ids: Vec<MachineId> = cluster.machines_of(name).map(|(id, _)| id.clone()).collect();
    let status = if machine_ids.is_empty() { WhyStatus::Pending } else { WhyStatus::Placed };
    Some(Why { name: name.clone(), status, reason, machine_ids, refusals: Vec::new() })
}

/// Why a unit shall be on no machine at all; `None` if it shall be on one.
pub fn idle(name: &UnitName, desired: TargetState) -> Option<&'static str> {
    if name.is_template() {
        return Some("a template runs nowhere itself, only its instances do");
    }
    (desired == TargetState::Inactive).then_some("nobody asked for it to be loaded or started")
}

/// Every machine that does not take a unit, and why.
pub fn refusals(cluster: &Cluster, plan: &Plan, name: &UnitName) -> Vec<Refusal> {
    let refused = plan.refused.get(name).into_iter().flatten();
    let refusal = |(id, refusal): &(MachineId, engine::Refusal)| Refusal {
        machine_id: id.clone(),
        primary_ip: cluster.machines.get(id).map(|m| m.record.ip.clone()).unwrap_or_default(),
        reason: refusal.to_string(),
    };
    refused.map(refusal).collect()
}

/// Why a unit that nothing is about to place is nowhere.
pub fn untaken(cluster: &Cluster) -> String {
    match cluster.machines.len() {
        0 => "there are no machines in the cluster".to_owned(),
        count => format!("none of {count} machines takes it"),
    }
}

fn placed(
    cluster: &Cluster,
    moment: &Moment,
    name: &UnitName,
    wants: &Requirements,
    machines: &[MachineId],
) -> String {
    if wants.global {
        let live = machines.iter().filter(|id| cluster.machines.contains_key(*id)).count();
        return format!("global: on {live} of {} machines", cluster.machines.len());
    }
    if let Some(wait) = waits(cluster, moment).get(&machines[0]) {
        return Waiting::Vanished(machines[0].clone(), *wait).to_string();
    }
    match (cluster.holders.get(name), wants.machine_of.first()) {
        (Some(holder), _) if holder.machine != machines[0] => {
            format!("waits for {} to stop it and let go", holder.machine.short())
        }
        _ if wants.machine_id.is_some() => "MachineID names this machine".to_owned(),
        (_, Some(target)) => format!("beside {target}, as MachineOf says"),
        _ => "it takes the unit, and units stay where they are".to_owned(),
    }
}

fn pending(cluster: &Cluster, name: &UnitName, plan: &Plan) -> String {
    let about_to = plan.decisions.iter().find_map(|decision| match &decision.change {
        Change::Assign { unit, reason, .. } if unit == name => Some((&decision.machine, reason)),
        _ => None,
    });
    if let Some(pause) = plan.paused.get(name) {
        return pause.to_string();
    }
    match (about_to, &cluster.leader) {
        (Some(_), None) => "no engine leads the cluster at the moment".to_owned(),
        (Some((machine, reason)), Some(_)) => {
            format!("about to be scheduled to {}: {reason}", machine.short())
        }
        (None, _) => untaken(cluster),
    }
}
