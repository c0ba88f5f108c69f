//! The API of a scripted [`Cluster`] on a unix socket.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::sse::{self, Sse};
use axum::response::{IntoResponse, Response};
use fleet::api::{
    BASE, ErrorBody, ErrorDetail, Event, Machine, MachinePage, REVISION_HEADER, Ready, State,
    StatePage, Unit, UnitPage,
};
use fleet::model::TargetState;
use fleet::unitfile::UnitName;
use futures_util::stream;
use serde::Serialize;

use super::cluster::Cluster;

/// The cluster, shared between the server and the test.
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<Cluster>>);

impl Script {
    pub fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.0.lock().unwrap()
    }
}

/// Serves a cluster until the runtime is dropped.
pub fn serve(socket: &Path, script: Script) -> tokio::runtime::Runtime {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = {
        let _guard = runtime.enter();
        tokio::net::UnixListener::bind(socket).unwrap()
    };
    let router = router(script);
    runtime.spawn(async move { axum::serve(listener, router).await });
    runtime
}

/// The API of a cluster, for one more listener.
pub fn router(script: Script) -> Router {
    Router::new().fallback(answer).with_state(script)
}

async fn answer(
    Shared(script): Shared<Script>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (answer, held) = {
        let mut cluster = script.lock();
        let answer = at_once(&mut cluster, &method, &uri, &headers, &body);
        let asked = cluster.asked.last().cloned().unwrap_or_default();
        let held = cluster.hold.as_ref().filter(|(prefix, _)| asked.starts_with(prefix));
        (answer, held.map(|(_, word)| Arc::clone(word)))
    };
    if let Some(word) = held {
        word.notified().await;
    }
    answer
}

fn at_once(
    cluster: &mut Cluster,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let path = uri.path().strip_prefix(BASE).and_then(|path| path.strip_prefix('/'));
    let path = path.unwrap_or_default().to_owned();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let request = format!("{method} {path}");
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let seen = after.and_then(|id| id.parse().ok());
    let after = after.map(|id| format!(" after {id}")).unwrap_or_default();
    cluster.asked.push(format!("{request}{query}{after}"));
    if let Some((_, status, message)) =
        cluster.refuse.as_ref().filter(|(prefix, ..)| request.starts_with(prefix))
    {
        return error(*status, message);
    }
    let answer = match (method.as_str(), path.as_str()) {
        ("GET", "events") => events(cluster, seen),
        ("GET", "machines") => machines(cluster, &query),
        ("GET", "state") => states(cluster, &query),
        ("GET", "units") => units(cluster, &query),
        _ => match path.strip_prefix("units/") {
            Some(unit) => one(cluster, method, unit, body),
            None => error(404, "no such page"),
        },
    };
    cluster.react(&request);
    answer
}

fn one(cluster: &mut Cluster, method: &Method, path: &str, body: &[u8]) -> Response {
    let (name, why) = path.strip_suffix("/why").map_or((path, false), |name| (name, true));
    let name: UnitName = name.replace("%5C", "\\").parse().unwrap();
    let found = match (method.as_str(), why) {
        ("PUT", _) => return put(cluster, name, body),
        ("DELETE", _) => cluster.units.remove(&name).map(|_| {
            cluster.tell_unit(&name);
            done(StatusCode::NO_CONTENT, cluster.revision)
        }),
        (_, true) => cluster.whys.get(&name).map(json),
        (_, false) => cluster.units.get(&name).map(json),
    };
    found.unwrap_or_else(|| error(404, "unit does not exist"))
}

fn put(cluster: &mut Cluster, name: UnitName, body: &[u8]) -> Response {
    let sent: Unit = serde_json::from_slice(body).unwrap();
    let stored = cluster.units.get(&name);
    let created = !sent.options.is_empty();
    let launch = stored.and_then(|unit| unit.launch).unwrap_or(0);
    let starts = sent.desired_state == Some(TargetState::Launched);
    let (options, contents) = match stored {
        Some(unit) if !created => (unit.options.clone(), unit.contents.clone()),
        _ => (sent.options, sent.contents),
    };
    let unit = Unit {
        name: Some(name.clone()),
        options,
        contents,
        desired_state: sent.desired_state,
        current_state: stored.and_then(|unit| unit.current_state).or(Some(TargetState::Inactive)),
        machine_id: stored.and_then(|unit| unit.machine_id.clone()),
        launch: Some(launch + u64::from(starts)),
    };
    cluster.units.insert(name.clone(), unit);
    cluster.tell_unit(&name);
    let status = if created { StatusCode::CREATED } else { StatusCode::NO_CONTENT };
    done(status, cluster.revision)
}

/// Everything that happens from now on, each told as server-sent events tell it. Nothing of what
/// was before is kept.
fn events(cluster: &Cluster, seen: Option<i64>) -> Response {
    let ready = Ready { revision: cluster.revision };
    let missed = seen.is_some_and(|seen| seen != cluster.revision);
    let first = if missed { Event::Reset(ready) } else { Event::Ready(ready) };
    let told = cluster.events.subscribe();
    let stream = stream::unfold((Some(first), told), |(first, mut told)| async move {
        let event = match first {
            Some(event) => event,
            None => told.recv().await.ok()?,
        };
        let value = serde_json::to_value(&event).unwrap();
        let message = sse::Event::default()
            .event(value["event"].as_str().unwrap())
            .id(value["data"]["revision"].to_string())
            .data(value["data"].to_string());
        Some((Ok::<_, Infallible>(message), (None, told)))
    });
    Sse::new(stream).into_response()
}

fn units(cluster: &Cluster, query: &str) -> Response {
    let at: usize = query.strip_prefix("?nextPageToken=").map_or(0, |at| at.parse().unwrap());
    let end = at + cluster.page_size;
    let more = end < cluster.units.len();
    let units = cluster.units.values().skip(at).take(cluster.page_size).cloned().collect();
    json(&UnitPage { units, next_page_token: more.then(|| end.to_string()) })
}

/// Machines that are gone, and figures of the moment, only if they are asked for.
fn machines(cluster: &Cluster, query: &str) -> Response {
    let (all, live) = (query.contains("all=true"), query.contains("live=true"));
    let gone = cluster.gone.iter().filter(|_| all);
    let machines = cluster.machines.iter().chain(gone).cloned();
    let machines = machines.map(|m| Machine { live: m.live.filter(|_| live), ..m }).collect();
    json(&MachinePage { machines, next_page_token: None })
}

fn states(cluster: &Cluster, query: &str) -> Response {
    let unit = query.strip_prefix("?unitName=");
    let live = query.contains("live=true");
    let states = cluster.states.values();
    let states = states.filter(|state| unit.is_none_or(|unit| state.name.as_str() == unit));
    let states = states.cloned().map(|s| State { live: s.live.filter(|_| live), ..s });
    let waiting = cluster.waiting.iter();
    let waiting = waiting.filter(|it| unit.is_none_or(|unit| it.name.as_str() == unit)).cloned();
    let (states, waiting) = (states.collect(), waiting.collect());
    json(&StatePage { states, next_page_token: None, waiting })
}

fn json(value: &impl Serialize) -> Response {
    axum::Json(value).into_response()
}

fn done(status: StatusCode, revision: i64) -> Response {
    (status, [(REVISION_HEADER, revision.to_string())]).into_response()
}

fn error(code: u16, message: &str) -> Response {
    let body = ErrorBody { error: ErrorDetail { code, message: message.to_owned() } };
    (StatusCode::from_u16(code).unwrap(), axum::Json(body)).into_response()
}
