//! The HTTP API, version 1: what clients may ask of the cluster, answered by any machine of it.
//!
//! This room knows the wire's documents and the registry. It must not decide where units run
//! (for `why` and `plan` it asks the engine's pure function), nor touch systemd.

mod answer;
mod ask;
mod body;
mod discovery;
mod entity;
mod events;
mod live;
mod machines;
mod metrics;
mod page;
mod plan;
mod states;
mod thinker;
mod units;
mod why;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::api::{BASE, OLD_BASE};
use crate::fleetd::agent::Standing;
use crate::fleetd::metrics::Metrics;
use crate::fleetd::registry::{Cluster, Mirror, Registry};
use answer::ApiError;
use live::Survey;
use thinker::Thinker;

/// What every handler may use. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    registry: Registry,
    standing: watch::Receiver<Standing>,
    token_limit: watch::Receiver<usize>,
    stop: CancellationToken,
    metrics: Metrics,
    leading: watch::Receiver<bool>,
    survey: Survey,
    thinker: Thinker,
    streams: Arc<Semaphore>,
}

impl Api {
    /// Over a registry. `token_limit` bounds the entries of a page, and may change; at `stop` event
    /// streams end.
    pub fn new(
        registry: Registry,
        standing: watch::Receiver<Standing>,
        token_limit: watch::Receiver<usize>,
        stop: CancellationToken,
    ) -> Api {
        let (metrics, leading) = (Metrics::default(), watch::channel(false).1);
        let (survey, thinker) = (Survey::default(), Thinker::default());
        let streams = Arc::new(Semaphore::new(events::STREAMS_MAX));
        Api { registry, standing, token_limit, stop, metrics, leading, survey, thinker, streams }
    }

    /// Serves what was counted, and whether this machine leads, at `/metrics`.
    pub fn with_metrics(self, metrics: Metrics, leading: watch::Receiver<bool>) -> Api {
        Api { metrics, leading, ..self }
    }

    /// Every route of version 1, also under its old alias, and `/metrics`.
    pub fn router(self) -> Router {
        let v1 = Router::new()
            .route("/units", get(units::list))
            .route("/units/{name}", get(units::get).put(units::put).delete(units::destroy))
            .route("/units/{name}/why", get(why::get))
            .route("/state", get(states::list))
            .route("/state/{name}", get(states::get))
            .route("/machines", get(machines::list).patch(machines::patch))
            .route("/events", get(events::stream))
            .route("/plan", post(plan::post))
            .layer(from_fn_with_state(self.clone(), admit))
            .route("/discovery", get(discovery::get));
        Router::new()
            .nest(BASE, v1.clone())
            .nest(OLD_BASE, v1)
            .route("/metrics", get(metrics::get))
            .fallback(no_such_path)
            .method_not_allowed_fallback(wrong_method)
            .with_state(self)
    }

    /// The most entries of a page.
    fn token_limit(&self) -> usize {
        *self.token_limit.borrow()
    }

    /// The cluster as it stands now: everything that was acknowledged before is in it.
    async fn now(&self) -> Result<Arc<Mirror<Cluster>>, ApiError> {
        let revision = self.registry.revision().await?;
        let mirror = self.registry.cluster();
        mirror.reach(revision).await?;
        Ok(mirror)
    }
}

/// A machine that the cluster refused answers nothing, as if the store were away; nor does one that
/// finds another cluster in the store than that of its units.
async fn admit(
    axum::extract::State(api): axum::extract::State<Api>,
    request: Request,
    next: Next,
) -> Response {
    let standing = *api.standing.borrow();
    match standing {
        Standing::Refused => return ApiError::away().into_response(),
        Standing::Apart => return ApiError::apart().into_response(),
        Standing::Joining | Standing::Member => {}
    }
    next.run(request).await
}

async fn no_such_path(uri: Uri) -> ApiError {
    ApiError::not_found(format!("there is no {}", uri.path()))
}

async fn wrong_method(request: Request) -> ApiError {
    ApiError::wrong_method(request.method(), request.uri().path())
}
