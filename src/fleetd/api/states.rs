//! `/state`: what every machine's systemd says.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::answer::ApiError;
use super::ask::{Asked, Named};
use super::{Api, entity, live, page};
use crate::api::{self, StatePage};
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// The query of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListQuery {
    next_page_token: Option<String>,
    #[serde(rename = "machineID")]
    machine_id: Option<String>,
    unit_name: Option<String>,
    /// With how they are now.
    #[serde(default)]
    live: bool,
}

/// `GET /state`.
pub async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<StatePage>, ApiError> {
    let start = page::start(query.next_page_token.as_deref())?;
    let mirror = api.now().await?;
    let question = if query.live { Some(api.survey(&mirror).await?) } else { None };
    let cluster = mirror.read();
    let all =
        cluster.states.iter().flat_map(|(name, on)| on.iter().map(move |(id, s)| (name, id, s)));
    let asked_for = all.filter(|(name, machine, _)| {
        query.machine_id.as_deref().is_none_or(|wanted| machine.as_str() == wanted)
            && query.unit_name.as_deref().is_none_or(|wanted| name.as_str() == wanted)
    });
    // A space sorts before every character of a name, so keys sort as (name, machine) does.
    let key = |(name, machine, _): &(_, _, _)| format!("{name} {machine}");
    let page = page::page(asked_for, start.as_deref(), api.token_limit(), key);
    let memory = |name: &UnitName, id: &MachineId| {
        live::figures(&cluster, id, question?)?.units.get(name).copied()
    };
    let described = |(name, id, record)| {
        let memory = memory(name, id);
        api::State { memory, ..entity::state(name, id, record) }
    };
    let states = page.entries.into_iter().map(described).collect();
    Ok(Json(StatePage { states, next_page_token: page.next }))
}

/// `GET /state/NAME`: of the machine the unit is scheduled to, else of the first that has it.
pub async fn get(State(api): State<Api>, Named(name): Named) -> Result<Json<api::State>, ApiError> {
    let mirror = api.now().await?;
    let cluster = mirror.read();
    let states = cluster.states.get(&name);
    let scheduled = cluster.machines_of(&name).next().map(|(id, _)| id);
    let on_schedule = scheduled.and_then(|id| states?.get_key_value(id));
    let found = on_schedule.or_else(|| states?.iter().next());
    let (machine, record) = found
        .ok_or_else(|| ApiError::not_found(format!("no machine reports a state of unit {name}")))?;
    Ok(Json(entity::state(&name, machine, record)))
}
