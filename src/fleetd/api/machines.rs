//! `/machines`: list, and change metadata with a JSON-Patch.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::answer::ApiError;
use super::ask::Asked;
use super::{Api, body, entity, live, page};
use crate::api::{Machine, MachinePage};
use crate::fleetd::registry::{About, MAX_TXN_OPS, MetadataChange};
use crate::model::MachineId;

/// The query of the list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListQuery {
    next_page_token: Option<String>,
    /// Also machines that are gone.
    #[serde(default)]
    all: bool,
    /// With how they are now.
    #[serde(default)]
    live: bool,
}

/// `GET /machines`.
pub async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<MachinePage>, ApiError> {
    let start = page::start(query.next_page_token.as_deref())?;
    let mirror = api.now().await?;
    let question = match query.live {
        true => Some(api.survey(About::Machine, &mirror).await?),
        false => None,
    };
    let cluster = mirror.read();
    let gone = cluster.known.keys().filter(|_| query.all);
    let ids: BTreeSet<&MachineId> = cluster.machines.keys().chain(gone).collect();
    let page =
        page::page(ids.into_iter(), start.as_deref(), api.token_limit(), |id| id.to_string());
    let described = |id| {
        let machine = entity::machine(&cluster, id).or_else(|| entity::departed(&cluster, id))?;
        let live = question.and_then(|question| live::live(&cluster, id, question));
        Some(Machine { live, ..machine })
    };
    let machines = page.entries.into_iter().filter_map(described).collect();
    Ok(Json(MachinePage { machines, next_page_token: page.next }))
}

/// One operation of a JSON-Patch (RFC 6902), as far as metadata needs it.
#[derive(Debug, Deserialize)]
struct Operation {
    op: String,
    path: String,
    value: Option<String>,
}

/// `PATCH /machines`: all operations are checked before any takes effect.
pub async fn patch(State(api): State<Api>, request: Request) -> Result<StatusCode, ApiError> {
    // fleet 1.0 asked for no content type here, and clients send many.
    let operations: Vec<Operation> = body::untyped_json(request).await?;
    if operations.len() > MAX_TXN_OPS {
        let message = format!("{} operations; at most {MAX_TXN_OPS} at once", operations.len());
        return Err(ApiError::bad_request(message));
    }
    let changes: Result<Vec<_>, _> = operations.into_iter().map(change).collect();
    api.registry.set_metadata(changes?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The longest key and the longest value of metadata. Machines carry them in every listing.
const METADATA_BYTES_MAX: usize = 4096;

fn change(operation: Operation) -> Result<MetadataChange, ApiError> {
    let Operation { op, path, value } = operation;
    // fleet 1.0 took an empty value for none.
    let value = value.filter(|value| !value.is_empty());
    let (machine, key) = target(&path).ok_or_else(|| {
        ApiError::bad_request(format!("path {path:?} is not /MACHINE-ID/metadata/KEY"))
    })?;
    if key.len().max(value.as_ref().map_or(0, String::len)) > METADATA_BYTES_MAX {
        let message =
            format!("metadata of machine {machine}: {METADATA_BYTES_MAX} bytes is the most");
        return Err(ApiError::bad_request(message));
    }
    let value = match (op.as_str(), value) {
        ("add" | "replace", Some(value)) => Some(value),
        ("add" | "replace", None) => {
            return Err(ApiError::bad_request(format!("{op} {path} needs a value")));
        }
        ("remove", _) => None,
        _ => {
            return Err(ApiError::bad_request(format!(
                "op {op:?} is not one of add, replace and remove"
            )));
        }
    };
    Ok(MetadataChange { machine, key, value })
}

/// The machine and the key a path names; `~1` and `~0` stand for `/` and `~` (RFC 6901).
fn target(path: &str) -> Option<(MachineId, String)> {
    let (machine, rest) = path.strip_prefix('/')?.split_once('/')?;
    let key = rest.strip_prefix("metadata/").filter(|key| !key.is_empty() && !key.contains('/'))?;
    Some((MachineId::parse(machine).ok()?, key.replace("~1", "/").replace("~0", "~")))
}
