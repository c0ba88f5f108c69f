//! `/units`: list, get, put, destroy.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse};

use serde_json::{Map, Value};

use super::answer::ApiError;
use super::ask::{Asked, ListQuery, Named};
use super::entity::{self, File};
use super::{Api, body, page};
use crate::api::{REVISION_HEADER, Unit, UnitPage};
use crate::fleetd::registry::{Cluster, Put, Revision};
use crate::model::{TargetState, validate};
use crate::unitfile::{UnitFile, UnitName};

/// The most units of a cluster. More than one scheduling pass handles in half a second, and a
/// mistake in a loop long before it fills etcd.
pub const UNITS_MAX: usize = 100_000;

/// The most that all unit files together may have: an eighth of what etcd stores by default (2 GiB),
/// since it also keeps what was replaced, and every new leader reads all of it.
pub const CONTENTS_BYTES_MAX: usize = 256 << 20;

/// `GET /units`.
pub async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<UnitPage>, ApiError> {
    let start = page::start(query.next_page_token.as_deref())?;
    let mirror = api.now().await?;
    let cluster = mirror.read();
    let names = cluster.units.iter();
    let page = page::page(names, start.as_deref(), api.token_limit(), |(name, _)| name.to_string());
    let unit = |(name, stored)| entity::unit(&cluster, name, stored, File::With);
    let units = page.entries.into_iter().map(unit).collect();
    Ok(Json(UnitPage { units, next_page_token: page.next }))
}

/// `GET /units/NAME`.
pub async fn get(State(api): State<Api>, Named(name): Named) -> Result<Json<Unit>, ApiError> {
    let mirror = api.now().await?;
    let cluster = mirror.read();
    let stored = cluster.units.get(&name);
    let stored = stored.ok_or_else(|| ApiError::not_among(&cluster, &name))?;
    Ok(Json(entity::unit(&cluster, &name, stored, File::With)))
}

/// `PUT /units/NAME`: create, replace, or change what is wanted.
pub async fn put(
    State(api): State<Api>,
    Named(name): Named,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    // By way of an object: serde takes an array for a struct, too.
    let mut object: Map<String, Value> = body::json(request).await?;
    // What is null or empty was not said, as fleet 1.0 and its clients had it.
    object.retain(|_, value| !value.is_null() && value != "");
    let sent = serde_json::from_value(Value::Object(object));
    let sent = sent.map_err(|error| ApiError::bad_request(format!("the body is no unit: {error}")));
    let put = checked(&name, sent?)?;
    if put.file.is_some() {
        room_for(&name, &api.registry.cluster().read())?;
    }
    let outcome = api.registry.put_unit(&name, &put).await?;
    let status = if outcome.created { StatusCode::CREATED } else { StatusCode::NO_CONTENT };
    Ok((status, at(outcome.revision)))
}

/// `DELETE /units/NAME`.
pub async fn destroy(
    State(api): State<Api>,
    Named(name): Named,
) -> Result<impl IntoResponse, ApiError> {
    let revision = api.registry.destroy_unit(&name).await?;
    let revision = revision.ok_or_else(|| ApiError::no_such_unit(&name))?;
    Ok((StatusCode::NO_CONTENT, at(revision)))
}

/// Whether the cluster takes one more unit, as far as this machine has seen: a burst of clients can
/// exceed the bounds a little, which they have room for.
fn room_for(name: &UnitName, cluster: &Cluster) -> Result<(), ApiError> {
    if cluster.units.contains_key(name) {
        return Ok(());
    }
    if cluster.units.len() >= UNITS_MAX {
        return Err(ApiError::full(format!("{UNITS_MAX} units")));
    }
    if cluster.contents_bytes() >= CONTENTS_BYTES_MAX {
        return Err(ApiError::full(format!("unit files of {} MiB", CONTENTS_BYTES_MAX >> 20)));
    }
    Ok(())
}

fn at(revision: Revision) -> AppendHeaders<[(&'static str, String); 1]> {
    AppendHeaders([(REVISION_HEADER, revision.to_string())])
}

/// What a body asks for, if it may be asked.
pub fn checked(name: &UnitName, sent: Unit) -> Result<Put, ApiError> {
    if let Some(other) = sent.name.as_ref().filter(|other| *other != name) {
        let message = format!("the body names unit {other}, the path {name}");
        return Err(ApiError::bad_request(message));
    }
    let desired = sent.desired_state;
    if name.is_template() && desired.is_some_and(|desired| desired > TargetState::Inactive) {
        return Err(ApiError::bad_request(format!(
            "{name} is a template and runs nowhere itself; start an instance of it"
        )));
    }
    let file = sent_file(sent)?;
    if let Some(file) = &file {
        validate(name, file).map_err(|error| ApiError::bad_request(error.to_string()))?;
    }
    Ok(Put { file, desired })
}

/// The file in a body: its contents, or written from its options.
fn sent_file(sent: Unit) -> Result<Option<UnitFile>, ApiError> {
    let bad = |error: &dyn std::fmt::Display| ApiError::bad_request(error.to_string());
    let Some(contents) = sent.contents else {
        if sent.options.is_empty() {
            return Ok(None);
        }
        return UnitFile::from_options(sent.options).map(Some).map_err(|error| bad(&error));
    };
    let file = UnitFile::parse(&contents).map_err(|error| bad(&error))?;
    if !sent.options.is_empty() && sent.options != file.options() {
        return Err(ApiError::bad_request("options and contents are not the same unit file"));
    }
    Ok(Some(file))
}
