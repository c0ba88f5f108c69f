//! `/machines`: list, and change metadata with a JSON-Patch.

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::answer::ApiError;
use super::{Api, body, entity, page};
use crate::api::MachinePage;
use crate::fleetd::registry::MetadataChange;
use crate::model::MachineId;

/// The query of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListQuery {
    next_page_token: Option<String>,
}

/// `GET /machines`.
pub async fn list(
    State(api): State<Api>,
    Query(query): Query<ListQuery>,
) -> Result<Json<MachinePage>, ApiError> {
    let start = page::start(query.next_page_token.as_deref())?;
    let mirror = api.now().await?;
    let cluster = mirror.read();
    let ids = cluster.machines.keys();
    let page = page::page(ids, start.as_deref(), api.token_limit, |id| id.to_string());
    let machines =
        page.entries.into_iter().filter_map(|id| entity::machine(&cluster, id)).collect();
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
    let operations: Vec<Operation> = body::json(request).await?;
    let changes: Result<Vec<_>, _> = operations.into_iter().map(change).collect();
    api.registry.set_metadata(&changes?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn change(operation: Operation) -> Result<MetadataChange, ApiError> {
    let Operation { op, path, value } = operation;
    let (machine, key) = target(&path).ok_or_else(|| {
        ApiError::bad_request(format!("path {path:?} is not /MACHINE-ID/metadata/KEY"))
    })?;
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
