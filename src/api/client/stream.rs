//! One connection's worth of the event stream.
//!
//! It ends when the connection breaks, and knows where the next one has to go on: an id is sent
//! only with the last of the events that belong together. To go on is [`Follow`](super::Follow)'s.

use std::collections::VecDeque;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::sse::{Message, Parser};
use super::transport::Transport;
use super::{ClientError, path};
use crate::api::{Event, Ready};

/// A stream that is silent for longer is taken for dead: servers send comments more often.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How a stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum First {
    /// It tells everything after the place it was opened at.
    Ready(Ready),
    /// It cannot tell all of that any more; it tells everything from here on.
    Reset(Ready),
}

impl First {
    /// The revision after which everything is told.
    pub fn ready(&self) -> &Ready {
        match self {
            Self::Ready(ready) | Self::Reset(ready) => ready,
        }
    }
}

/// The events of one connection.
#[derive(Debug)]
pub(super) struct EventStream {
    request: String,
    endpoint: super::Endpoint,
    body: Incoming,
    parser: Parser,
    queue: VecDeque<Message>,
    seen: Option<i64>,
}

impl EventStream {
    /// Opens the stream, after the event with this id or at the present, and waits for its first
    /// event, which says from which revision on it tells everything.
    pub(super) async fn open(
        transport: &Transport,
        limit: Duration,
        after: Option<i64>,
    ) -> Result<(First, Self), ClientError> {
        let path = path("events");
        let body = transport.stream(&path, after).await?.into_body();
        let mut stream = Self {
            request: format!("GET {path}"),
            endpoint: transport.endpoint().clone(),
            body,
            parser: Parser::default(),
            queue: VecDeque::new(),
            seen: after,
        };
        let first = timeout(limit, stream.next()).await.map_err(|_| ClientError::Timeout {
            request: stream.request.clone(),
            endpoint: stream.endpoint.clone(),
            limit,
        })??;
        match first {
            Event::Ready(ready) => Ok((First::Ready(ready), stream)),
            Event::Reset(ready) => Ok((First::Reset(ready), stream)),
            other => Err(ClientError::Answer {
                request: stream.request,
                source: format!("the stream begins with {other:?}").into(),
            }),
        }
    }

    /// The id of the last event that had one: from there a new stream can go on.
    pub fn seen(&self) -> Option<i64> {
        self.seen
    }

    /// The next event; an error is final. What a newer server may have meant is passed over.
    /// Cancel-safe: what has come stays for next time.
    pub async fn next(&mut self) -> Result<Event, ClientError> {
        loop {
            while let Some(message) = self.queue.pop_front() {
                // Also of what is not understood: otherwise the next stream would begin with it.
                if let Some(id) = &message.id {
                    self.seen = id.parse().ok();
                }
                match decode(&message) {
                    Ok(Some(event)) => return Ok(event),
                    Ok(None) => {}
                    Err(error) => tracing::warn!("not understood: event {}: {error}", message.name),
                }
            }
            let frame = match timeout(SILENCE_MAX, self.body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return Err(self.broken(error)),
                Ok(None) => return Err(self.broken("the server closed the stream")),
                Err(_) => return Err(self.broken("the server fell silent")),
            };
            if let Some(chunk) = frame.data_ref() {
                let messages = self.parser.push(chunk).map_err(|error| self.broken(error))?;
                self.queue.extend(messages);
            }
        }
    }

    fn broken(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
        let (request, endpoint) = (self.request.clone(), self.endpoint.clone());
        ClientError::Broken { request, endpoint, source: source.into() }
    }
}

/// The event in a message; `None` for a kind that is newer than this client.
fn decode(message: &Message) -> Result<Option<Event>, serde_json::Error> {
    let data = &message.data;
    Ok(Some(match message.name.as_str() {
        "ready" => Event::Ready(serde_json::from_str(data)?),
        "reset" => Event::Reset(serde_json::from_str(data)?),
        "unit" => Event::Unit(serde_json::from_str(data)?),
        "state" => Event::State(serde_json::from_str(data)?),
        "machine" => Event::Machine(serde_json::from_str(data)?),
        _ => return Ok(None),
    }))
}
