//! Requests to the API: bodies, queries, tokens and paths.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Uri};
use fleet::fleetd::agent::Standing;
use fleet::fleetd::api::Api;
use fleet::fleetd::registry::{EmbeddedStore, Put, Registry};
use fleet::unitfile::{UnitFile, UnitName};
use http_body_util::BodyExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The first byte says where the rest goes.
pub fn request(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let Some(request) = built(*kind, rest) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(sent(request));
}

fn built(kind: u8, rest: &[u8]) -> Option<Request<Body>> {
    let body = |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(format!("/fleet/v1/{path}"));
        request.header("content-type", "application/json").body(Body::from(rest.to_vec())).ok()
    };
    let get = |uri: Uri| Request::get(uri).body(Body::empty()).ok();
    // What cannot be in a request line never arrives.
    let target = |before: &str| {
        let target = [b"/fleet/v1/", before.as_bytes(), rest].concat();
        Uri::from_maybe_shared(target).ok()
    };
    match kind {
        b'u' => body(Method::PUT, "units/a.service"),
        b'n' => body(Method::PUT, "units/new.service"),
        b'm' => body(Method::PATCH, "machines"),
        b'p' => body(Method::POST, "plan"),
        b't' => get(target("units?nextPageToken=")?),
        b's' => get(target("state?")?),
        b'g' => get(target("")?),
        b'd' => Request::delete(target("units/")?).body(Body::empty()).ok(),
        b'e' => {
            let id = HeaderValue::from_bytes(rest).ok()?;
            Request::get("/fleet/v1/events").header("last-event-id", id).body(Body::empty()).ok()
        }
        _ => None,
    }
}

/// Never fleetd's own fault; an error says which; and what is refused changes nothing.
async fn sent(request: Request<Body>) {
    let (registry, router) = api().await;
    let before = registry.revision().await.unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status();
    assert!(!status.is_server_error(), "{status}");
    if status.is_client_error() {
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(error["error"]["code"], status.as_u16());
        assert_eq!(registry.revision().await.unwrap(), before, "{error}");
    }
}

/// An API over a store with one unit.
async fn api() -> (Registry, Router) {
    let store = Arc::new(EmbeddedStore::in_memory());
    let registry = Registry::over(store, Duration::from_secs(1));
    let file = UnitFile::parse("[Service]\nExecStart=/bin/a\n").unwrap();
    let name = UnitName::parse("a.service").unwrap();
    registry.put_unit(&name, &Put { file: Some(file), desired: None }).await.unwrap();
    let (standing, limit) = (watch::channel(Standing::Member).1, watch::channel(1).1);
    let api = Api::new(registry.clone(), standing, limit, CancellationToken::new());
    (registry, api.router())
}
