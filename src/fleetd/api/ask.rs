//! What a request's path and query ask for, or an error in words.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::ApiError;
use crate::unitfile::UnitName;

/// The unit that a path names.
#[derive(Debug)]
pub struct Named(pub UnitName);

/// The query, as far as it is known.
#[derive(Debug)]
pub struct Asked<T>(pub T);

/// The query of a plain list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListQuery {
    /// From the page before.
    pub next_page_token: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Named, ApiError> {
        let Path(name) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|refused| ApiError::bad_request(refused.body_text()))?;
        let name = UnitName::parse(&name);
        name.map(Named).map_err(|error| ApiError::bad_request(error.to_string()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asked<T>, ApiError> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let refused = |refused: axum::extract::rejection::QueryRejection| {
            ApiError::bad_request(refused.body_text())
        };
        query.map(|Query(query)| Asked(query)).map_err(refused)
    }
}
