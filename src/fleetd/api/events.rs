//! `/events`: a stream of what changes, as server-sent events.
//!
//! Each reader follows the shared mirror and its log of changed keys, and is told how those things
//! stand now. A slow reader therefore skips steps, but never the last one.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{self, KeepAlive};
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use super::Api;
use super::answer::ApiError;
use super::entity::{self, File};
use crate::api::{Event, MachineEvent, Ready, StateEvent, UnitEvent};
use crate::fleetd::registry::{Cluster, Key, Mirror, Revision};

/// The streams that are served at once: fewer than the connections of a listener, so that those who
/// only wait never keep out who asks.
pub const STREAMS_MAX: usize = 800;

/// `GET /events`.
pub async fn stream(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, axum::Error>>>, ApiError> {
    let resume = resume_point(&headers)?;
    let place = Arc::clone(&api.streams).try_acquire_owned();
    let place = place.map_err(|_| ApiError::busy(STREAMS_MAX))?;
    let mirror = api.now().await?;
    let now = mirror.reached().borrow().unwrap_or_default();
    // An id from the future is of another store, or of this one before it was wiped.
    let (seen, first) = match resume {
        Some(seen) if seen > now => (now, Event::Reset(Ready { revision: now.0 })),
        seen => {
            let seen = seen.unwrap_or(now);
            (seen, Event::Ready(Ready { revision: seen.0 }))
        }
    };
    let follower = Follower { mirror, seen, _place: place };
    let changes = stream::unfold(follower, |mut follower| async {
        let mut events = follower.next().await?;
        let last = events.pop().map(|event| (event, Last::Yes));
        let events: Vec<_> =
            events.into_iter().map(|event| (event, Last::No)).chain(last).collect();
        Some((stream::iter(events), follower))
    });
    let events = stream::iter([(first, Last::Yes)]).chain(changes.flatten());
    let stopped = api.stop.cancelled_owned();
    Ok(Sse::new(events.take_until(stopped).map(|(event, last)| encode(&event, last)))
        .keep_alive(KeepAlive::default()))
}

/// The last revision a reader that comes back has seen.
fn resume_point(headers: &HeaderMap) -> Result<Option<Revision>, ApiError> {
    let Some(id) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let revision = id.to_str().ok().and_then(|id| id.parse().ok()).map(Revision);
    revision.map(Some).ok_or_else(|| {
        ApiError::bad_request("Last-Event-ID is not an id that this stream gave out")
    })
}

/// One reader's place in the history.
struct Follower {
    mirror: Arc<Mirror<Cluster>>,
    seen: Revision,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    /// What changed since the last time; waits until something did. `None`: the mirror is gone.
    async fn next(&mut self) -> Option<Vec<Event>> {
        let mut reached = self.mirror.reached();
        let news = reached.wait_for(|at| at.is_some_and(|at| at != self.seen)).await.ok()?;
        let now = (*news)?;
        drop(news);
        let cluster = self.mirror.read();
        // A store that was restored is behind what the reader has seen.
        let changes = cluster.changed_since(self.seen).filter(|_| now > self.seen);
        let events = match changes {
            Some(keys) => describe(&cluster, keys.collect(), now),
            None => vec![Event::Reset(Ready { revision: now.0 })],
        };
        self.seen = now;
        Some(events)
    }
}

/// How the things behind the changed keys stand.
fn describe(cluster: &Cluster, keys: BTreeSet<&Key>, at: Revision) -> Vec<Event> {
    let revision = at.0;
    let mut machines = BTreeSet::new();
    let mut units = BTreeSet::new();
    let mut events = Vec::new();
    for key in keys {
        match key {
            Key::Machine(id) | Key::Metadata(id, _) => drop(machines.insert(id)),
            Key::Unit(name) | Key::Schedule(_, name) | Key::UnitTrouble(name) => {
                units.insert(name);
            }
            Key::State(name, id) => {
                units.insert(name);
                let record = cluster.states.get(name).and_then(|on| on.get(id));
                let state = record.map(|record| entity::state(name, id, record));
                let (name, machine_id) = (name.clone(), id.clone());
                events.push(Event::State(StateEvent { revision, name, machine_id, state }));
            }
            Key::Cluster
            | Key::Format
            | Key::Known(_)
            | Key::Lost(_)
            | Key::Planned(_)
            | Key::Leader
            | Key::Holder(_)
            | Key::Survey
            | Key::Figures(_)
            | Key::MachineTrouble(_) => {}
        }
    }
    events.extend(units.into_iter().map(|name| {
        let stored = cluster.units.get(name);
        let unit = stored.map(|stored| entity::unit(cluster, name, stored, File::Without));
        Event::Unit(UnitEvent { revision, name: name.clone(), unit })
    }));
    events.extend(machines.into_iter().map(|id| {
        let (machine, status) = (entity::machine(cluster, id), entity::gone(cluster, id));
        Event::Machine(MachineEvent { revision, id: id.clone(), machine, status })
    }));
    events
}

/// Whether an event is the last of its batch. Only that one has an id: a reader that lost the
/// others must not go on after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Yes,
    No,
}

fn encode(event: &Event, last: Last) -> Result<sse::Event, axum::Error> {
    let (name, id) = match event {
        Event::Ready(ready) => ("ready", ready.revision),
        Event::Reset(ready) => ("reset", ready.revision),
        Event::Unit(unit) => ("unit", unit.revision),
        Event::State(state) => ("state", state.revision),
        Event::Machine(machine) => ("machine", machine.revision),
    };
    let sse = sse::Event::default().event(name);
    let sse = if last == Last::Yes { sse.id(id.to_string()) } else { sse };
    match event {
        Event::Ready(data) | Event::Reset(data) => sse.json_data(data),
        Event::Unit(data) => sse.json_data(data),
        Event::State(data) => sse.json_data(data),
        Event::Machine(data) => sse.json_data(data),
    }
}
