//! `/metrics`: for Prometheus. Also answers while the store is away, and on a machine that the
//! cluster refused.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::Api;
use super::answer::ApiError;
use super::entity;
use crate::fleetd::VERSION;
use crate::fleetd::agent::Standing;
use crate::fleetd::metrics::{CONTENT_TYPE, Census, Now};
use crate::fleetd::registry::{Cluster, Mirror};

/// `GET /metrics`.
pub async fn get(State(api): State<Api>) -> Result<impl IntoResponse, ApiError> {
    let leading = *api.leading.borrow();
    // The cluster is counted by its leader, who watches all of it anyway: being asked costs the
    // others and the store nothing.
    let cluster = leading.then(|| api.registry.cluster()).filter(|mirror| has_read(mirror));
    let cluster = cluster.map(|mirror| census(&mirror.read()));
    let member = *api.standing.borrow() == Standing::Member;
    let now = Now { version: VERSION, member, leading, cluster };
    let text = api.metrics.text(&now).map_err(|error| ApiError::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}

/// Whether there is something to count: one who has just begun to lead has not looked yet.
fn has_read(mirror: &Mirror<Cluster>) -> bool {
    mirror.reached().borrow().is_some()
}

/// Counts what there is. Pure.
fn census(cluster: &Cluster) -> Census {
    let mut census = Census { machines: cluster.machines.len(), ..Census::default() };
    let scheduled = cluster.schedule.iter();
    let homes: BTreeMap<_, _> = scheduled
        .flat_map(|(machine, schedule)| schedule.units.keys().map(move |name| (name, machine)))
        .collect();
    for (name, stored) in &cluster.units {
        let machine = homes.get(name).copied();
        let current = match stored.requirements.global {
            true => "-",
            false => entity::current_state(cluster, name, machine).as_str(),
        };
        *census.units.entry((stored.desired.as_str(), current)).or_default() += 1;
    }
    census
}
