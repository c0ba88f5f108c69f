//! `/metrics`: for Prometheus. Also answers while the store is away, and on a machine that the
//! cluster refused.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::Api;
use super::answer::ApiError;
use super::entity::{self, File};
use crate::fleetd::VERSION;
use crate::fleetd::agent::Standing;
use crate::fleetd::metrics::{CONTENT_TYPE, Census, Now};
use crate::fleetd::registry::Cluster;

/// `GET /metrics`.
pub async fn get(State(api): State<Api>) -> Result<impl IntoResponse, ApiError> {
    let leading = *api.leading.borrow();
    // The cluster is counted by its leader, who watches all of it anyway: being asked costs the
    // others and the store nothing.
    let cluster = leading.then(|| census(&api.registry.cluster().read()));
    let member = *api.standing.borrow() == Standing::Member;
    let now = Now { version: VERSION, member, leading, cluster };
    let text = api.metrics.text(&now).map_err(|error| ApiError::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}

/// Counts what there is. Pure.
fn census(cluster: &Cluster) -> Census {
    let mut census = Census { machines: cluster.machines.len(), ..Census::default() };
    for (name, stored) in &cluster.units {
        let unit = entity::unit(cluster, name, stored, File::Without);
        let current = unit.current_state.map_or("-", |state| state.as_str());
        *census.units.entry((stored.desired.as_str(), current)).or_default() += 1;
    }
    census
}
