//! Errors as answers.

use std::time::Duration;

use axum::Json;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::api::{ErrorBody, ErrorDetail, STORE_AWAY};
use crate::fleetd::chain::chain;
use crate::fleetd::registry::{Cluster, Foreign, Key, PutError, StoreError};
use crate::unitfile::UnitName;

/// An answer that is an error: a status, and words for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    /// 400.
    pub fn bad_request(message: impl Into<String>) -> ApiError {
        ApiError { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> ApiError {
        ApiError { status: StatusCode::NOT_FOUND, message: message.into() }
    }

    /// 404 for a unit.
    pub fn no_such_unit(name: &UnitName) -> ApiError {
        ApiError::not_found(format!("unit {name} does not exist"))
    }

    /// 404 for a unit that the cluster does not have, or of which nobody can say what it is.
    pub fn not_among(cluster: &Cluster, name: &UnitName) -> ApiError {
        match unreadable(cluster, name) {
            Some(sentence) => ApiError::not_found(sentence),
            None => ApiError::no_such_unit(name),
        }
    }

    /// 405.
    pub fn wrong_method(method: &Method, path: &str) -> ApiError {
        let message = format!("{path} does not know {method}");
        ApiError { status: StatusCode::METHOD_NOT_ALLOWED, message }
    }

    /// 408.
    pub fn late(waited: Duration) -> ApiError {
        let message = format!("the body did not arrive within {waited:?}");
        ApiError { status: StatusCode::REQUEST_TIMEOUT, message }
    }

    /// 409: the cluster holds as much as it may.
    pub fn full(what: impl std::fmt::Display) -> ApiError {
        let message = format!("the cluster has {what}, which is the most; destroy some first");
        ApiError { status: StatusCode::CONFLICT, message }
    }

    /// 413.
    pub fn too_large(limit: usize) -> ApiError {
        let message = format!("the body is larger than {limit} bytes");
        ApiError { status: StatusCode::PAYLOAD_TOO_LARGE, message }
    }

    /// 415.
    pub fn not_json() -> ApiError {
        let message = "send the body as Content-Type: application/json".to_owned();
        ApiError { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, message }
    }

    /// 500: fleetd's own fault.
    pub fn internal(error: &dyn std::error::Error) -> ApiError {
        let message = chain(error).to_string();
        ApiError { status: StatusCode::INTERNAL_SERVER_ERROR, message }
    }

    /// 503: there are as many event streams as there may be.
    pub fn busy(limit: usize) -> ApiError {
        let message = format!("this machine serves {limit} event streams already; try again later");
        ApiError { status: StatusCode::SERVICE_UNAVAILABLE, message }
    }

    /// 503, with the sentence that fleet's users know.
    pub fn away() -> ApiError {
        ApiError { status: StatusCode::SERVICE_UNAVAILABLE, message: STORE_AWAY.to_owned() }
    }

    /// The same, of a store that is there, but not this machine's.
    pub fn apart() -> ApiError {
        let message = format!(
            "{STORE_AWAY}: what it finds there is another cluster's, or of another version"
        );
        ApiError { status: StatusCode::SERVICE_UNAVAILABLE, message }
    }
}

/// What to say of a unit whose record another hand wrote, if that is so.
pub fn unreadable(cluster: &Cluster, name: &UnitName) -> Option<String> {
    let Foreign { fault, .. } = cluster.foreign.get(&Key::Unit(name.clone()))?;
    Some(format!(
        "unit {name} is in the store, but {fault}; it stays as it is until it is submitted again"
    ))
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        match error {
            StoreError::Unavailable { .. } | StoreError::Compacted { .. } => {
                tracing::debug!(error = %chain(&error), "answering that the store is away");
                ApiError::away()
            }
            StoreError::LeaseGone { .. } | StoreError::Refused { .. } => ApiError::internal(&error),
        }
    }
}

impl From<PutError> for ApiError {
    fn from(error: PutError) -> ApiError {
        match error {
            PutError::Store(error) => error.into(),
            PutError::TooLarge { .. } => {
                ApiError { status: StatusCode::PAYLOAD_TOO_LARGE, message: error.to_string() }
            }
            PutError::NoFile(_) | PutError::NoDesiredState(_) | PutError::Contended(_) => {
                ApiError { status: StatusCode::CONFLICT, message: error.to_string() }
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let code = self.status.as_u16();
        let body = ErrorBody { error: ErrorDetail { code, message: self.message } };
        (self.status, Json(body)).into_response()
    }
}
