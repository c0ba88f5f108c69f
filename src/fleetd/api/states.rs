//! `/state`: what every machine's systemd says.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::answer::ApiError;
use super::ask::{Asked, Named};
use super::{Api, entity, live, page};
use crate::api::{self, StatePage, Waiting};
use crate::fleetd::clock;
use crate::fleetd::engine::{self, Moment};
use crate::fleetd::registry::{About, Cluster, Mirror, Revision, StateRecord};
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

impl ListQuery {
    /// Whether this unit is asked for, on or because of this machine.
    fn is_for(&self, unit: &UnitName, machine: Option<&MachineId>) -> bool {
        let machine = machine.map(MachineId::as_str);
        self.unit_name.as_deref().is_none_or(|wanted| unit.as_str() == wanted)
            && self.machine_id.as_deref().is_none_or(|wanted| machine == Some(wanted))
    }
}

/// `GET /state`.
pub async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<StatePage>, ApiError> {
    let start = page::start(query.next_page_token.as_deref())?;
    let mirror = api.now().await?;
    let question = survey(&api, query.live, &mirror).await?;
    let cluster = mirror.read();
    let all =
        cluster.states.iter().flat_map(|(name, on)| on.iter().map(move |(id, s)| (name, id, s)));
    let asked_for = all.filter(|(name, machine, _)| query.is_for(name, Some(machine)));
    // A space sorts before every character of a name, so keys sort as (name, machine) does.
    let key = |(name, machine, _): &(_, _, _)| format!("{name} {machine}");
    let page = page::page(asked_for, start.as_deref(), api.token_limit(), key);
    let described = |(name, id, record)| state(&cluster, name, id, record, question);
    let states = page.entries.into_iter().map(described).collect();
    let waiting = if start.is_none() { waiting(&cluster, &query) } else { Vec::new() };
    Ok(Json(StatePage { states, next_page_token: page.next, waiting }))
}

/// The units that have no state because they wait. Of a machine: those that wait for it.
fn waiting(cluster: &Cluster, query: &ListQuery) -> Vec<Waiting> {
    let all = engine::waiting(cluster, &Moment::at(clock::now())).into_iter();
    let asked_for = all.filter(|(name, waiting)| query.is_for(name, waiting.machine()));
    let told = asked_for
        .map(|(name, waiting)| Waiting { name: name.clone(), reason: waiting.to_string() });
    told.collect()
}

/// The query of one state.
#[derive(Debug, Deserialize)]
pub struct GetQuery {
    /// With how it is now.
    #[serde(default)]
    live: bool,
}

/// `GET /state/NAME`: of the machine the unit is scheduled to, else of the first that has it.
pub async fn get(
    State(api): State<Api>,
    Named(name): Named,
    Asked(query): Asked<GetQuery>,
) -> Result<Json<api::State>, ApiError> {
    let mirror = api.now().await?;
    let question = survey(&api, query.live, &mirror).await?;
    let cluster = mirror.read();
    let states = cluster.states.get(&name);
    let scheduled = cluster.machines_of(&name).next().map(|(id, _)| id);
    let on_schedule = scheduled.and_then(|id| states?.get_key_value(id));
    let found = on_schedule.or_else(|| states?.iter().next());
    let (machine, record) = found
        .ok_or_else(|| ApiError::not_found(format!("no machine reports a state of unit {name}")))?;
    Ok(Json(state(&cluster, &name, machine, record, question)))
}

async fn survey(
    api: &Api,
    live: bool,
    mirror: &Mirror<Cluster>,
) -> Result<Option<Revision>, ApiError> {
    match live {
        true => api.survey(About::Units, mirror).await.map(Some),
        false => Ok(None),
    }
}

/// What a machine says of a unit, also in answer to a question.
fn state(
    cluster: &Cluster,
    name: &UnitName,
    id: &MachineId,
    record: &StateRecord,
    question: Option<Revision>,
) -> api::State {
    let live = question.and_then(|question| live::unit(cluster, name, id, question));
    api::State { live, ..entity::state(name, id, record) }
}
