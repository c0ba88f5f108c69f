//! The API of a machine of the cluster, asked without a network.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response, StatusCode};
use fleet::fleetd::agent::Standing;
use fleet::fleetd::api::Api;
use fleet::fleetd::registry::Registry;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How many entries a page has, where nobody cares.
const PAGE: usize = 100;

/// An API.
pub struct Asked {
    pub router: Router,
    /// How its machine stands with the cluster: as a member, at first.
    pub standing: watch::Sender<Standing>,
}

impl Asked {
    pub fn over(registry: &Registry) -> Asked {
        Asked::with(registry, PAGE, |api| api)
    }

    /// With pages of so many entries, and whatever else is to be set.
    pub fn with(registry: &Registry, page: usize, set: impl FnOnce(Api) -> Api) -> Asked {
        let (standing, known) = watch::channel(Standing::Member);
        let (_, token_limit) = watch::channel(page);
        let api = Api::new(registry.clone(), known, token_limit, CancellationToken::new());
        Asked { router: set(api).router(), standing }
    }

    /// The whole answer.
    pub async fn answer(&self, request: Request<Body>) -> Response<Bytes> {
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        Response::from_parts(head, to_bytes(body, usize::MAX).await.unwrap())
    }

    /// The answer's status and its JSON, `null` if it is none.
    pub async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let answer = self.answer(request).await;
        (answer.status(), serde_json::from_slice(answer.body()).unwrap_or(Value::Null))
    }

    /// The same, of a request with a JSON body or none.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json; charset=utf-8")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.unwrap()).await
    }

    /// What there is at a path.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }
}
