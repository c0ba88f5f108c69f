//! `/discovery`: the API's description of itself, in OpenAPI 3.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// The document, kept by hand beside the routes.
pub const OPENAPI: &str = include_str!("openapi.json");

/// `GET /discovery`. Needs no store.
pub async fn get() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], OPENAPI)
}
