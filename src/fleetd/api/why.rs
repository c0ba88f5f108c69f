//! `/units/NAME/why`: where a unit is, or why it is nowhere, by the same function that decides it.

use axum::Json;
use axum::extract::State;

use super::Api;
use super::answer::ApiError;
use super::ask::Named;
use crate::api::{Refusal, Why, WhyStatus};
use crate::fleetd::engine::{Change, Plan, schedule};
use crate::fleetd::registry::Cluster;
use crate::model::{MachineId, Requirements, TargetState};
use crate::unitfile::UnitName;

/// `GET /units/NAME/why`.
pub async fn get(State(api): State<Api>, Named(name): Named) -> Result<Json<Why>, ApiError> {
    let mirror = api.now().await?;
    let cluster = mirror.read();
    let why = explain(&cluster, &name).ok_or_else(|| ApiError::no_such_unit(&name))?;
    Ok(Json(why))
}

/// How a unit stands with the scheduler; `None` when there is no such unit. Pure.
fn explain(cluster: &Cluster, name: &UnitName) -> Option<Why> {
    let unit = cluster.units.get(name)?;
    let machines: Vec<MachineId> = cluster.machines_of(name).map(|(id, _)| id.clone()).collect();
    let plan = schedule(cluster);
    let refused = plan.refused.get(name).map(Vec::as_slice).unwrap_or_default();
    let (status, reason) = if name.is_template() {
        let reason = "a template runs nowhere itself, only its instances do".to_owned();
        (WhyStatus::Inactive, reason)
    } else if unit.desired == TargetState::Inactive {
        (WhyStatus::Inactive, "nobody asked for it to be loaded or started".to_owned())
    } else if !machines.is_empty() {
        (WhyStatus::Placed, placed(cluster, name, &machines, &unit.requirements))
    } else {
        (WhyStatus::Pending, pending(cluster, name, &plan))
    };
    let refusals = refused.iter().map(|(id, refusal)| Refusal {
        machine_id: id.clone(),
        primary_ip: cluster.machines.get(id).map(|m| m.record.ip.clone()).unwrap_or_default(),
        reason: refusal.to_string(),
    });
    Some(Why {
        name: name.clone(),
        status,
        reason,
        machine_ids: machines,
        refusals: refusals.collect(),
    })
}

fn placed(
    cluster: &Cluster,
    name: &UnitName,
    machines: &[MachineId],
    wants: &Requirements,
) -> String {
    if wants.global {
        return format!("global: on {} of {} machines", machines.len(), cluster.machines.len());
    }
    match (cluster.holders.get(name), wants.machine_of.first()) {
        (Some(holder), _) if *holder != machines[0] => {
            format!("waits for {} to stop it and let go", holder.short())
        }
        _ if wants.machine_id.is_some() => "MachineID names this machine".to_owned(),
        (_, Some(target)) => format!("beside {target}, as MachineOf says"),
        _ => "it takes the unit, and units stay where they are".to_owned(),
    }
}

fn pending(cluster: &Cluster, name: &UnitName, plan: &Plan) -> String {
    if cluster.machines.is_empty() {
        return "there are no machines in the cluster".to_owned();
    }
    let about_to = plan.decisions.iter().find_map(|decision| match &decision.change {
        Change::Assign { unit, reason, .. } if unit == name => Some((&decision.machine, reason)),
        _ => None,
    });
    match (about_to, &cluster.leader) {
        (Some(_), None) => "no engine leads the cluster at the moment".to_owned(),
        (Some((machine, reason)), Some(_)) => {
            format!("about to be scheduled to {}: {reason}", machine.short())
        }
        (None, _) => format!("none of {} machines takes it", cluster.machines.len()),
    }
}
