//! Reading a request's body: JSON of a bounded size, or an error in words.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::answer::ApiError;

/// The largest body: a unit file of the largest size (512 KiB) once as contents and once as
/// options, with as much again for JSON's quotes.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long a body may take to arrive. A sender that has more to say says it within a moment; one
/// that says nothing more must not be waited for for ever.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The request's body as JSON, which it must be said to be.
pub async fn json<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Err(ApiError::not_json());
    }
    untyped_json(request).await
}

/// The request's body as JSON, whatever it is said to be.
pub async fn untyped_json<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    let body = to_bytes(request.into_body(), BODY_BYTES_MAX);
    let read = tokio::time::timeout(BODY_TIMEOUT, body).await;
    let bytes = read.map_err(|_| ApiError::late(BODY_TIMEOUT))?.map_err(|error| {
        // The limit is the only reason that is the sender's; a broken connection hears no answer.
        tracing::debug!(%error, "reading a body");
        ApiError::too_large(BODY_BYTES_MAX)
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::bad_request(format!("the body does not read: {error}")))
}
