//! Requests and answers over a few keep-alive connections.
//!
//! This file knows HTTP. It must not know what units are.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request, Response, header};
use tokio::sync::Semaphore;

use super::tls::Tls;
use super::{ClientError, Endpoint, TlsError};
use crate::api::{ErrorBody, REVISION_HEADER};

/// Where a reader of events says which one it has seen last.
const LAST_EVENT_ID: header::HeaderName = header::HeaderName::from_static("last-event-id");

/// No answer is longer: a page has at most some hundred units, and no unit file nears a megabyte.
const ANSWER_BYTES_MAX: usize = 256 << 20; // 256 MiB

/// An answer that is no error.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// From [`REVISION_HEADER`].
    pub(super) revision: Option<i64>,
    pub(super) body: Bytes,
}

/// The connections to one endpoint.
#[derive(Debug)]
pub(super) struct Transport {
    endpoint: Endpoint,
    tls: Tls,
    timeout: Duration,
    permits: Semaphore,
    /// Connections whose last answer was read to its end.
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Transport {
    pub(super) fn new(endpoint: Endpoint, tls: Tls, timeout: Duration) -> Self {
        let permits = Semaphore::new(endpoint.connections_max());
        Self { endpoint, tls, timeout, permits, idle: Mutex::default() }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends a request and reads the whole answer, both within the time limit. Waiting for a free
    /// connection does not count.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Answer, ClientError> {
        let what = format!("{method} {path}");
        // The semaphore is never closed; were it, going on without a permit does no harm.
        let _permit = self.permits.acquire().await.ok();
        let answer = self.limited(&what, self.exchange(&method, path, body, &what)).await;
        match &answer {
            Ok(answer) => tracing::debug!("{what}: {}", answer.status),
            Err(error) => tracing::debug!("{what}: {error}"),
        }
        answer
    }

    /// Sends a GET on a connection of its own and returns as soon as the answer begins. `after` is
    /// the id of the last event that the reader has seen, if it is to go on from there.
    pub(super) async fn stream(
        &self,
        path: &str,
        after: Option<i64>,
    ) -> Result<Response<Incoming>, ClientError> {
        let what = format!("GET {path}");
        self.limited(&what, async {
            let mut sender = self.connect().await?;
            let mut request = self.request(&Method::GET, path, None, &what)?;
            if let Some(id) = after {
                request.headers_mut().insert(LAST_EVENT_ID, id.into());
            }
            let answer =
                sender.send_request(request).await.map_err(|error| self.broken(&what, error))?;
            if answer.status().is_success() {
                return Ok(answer);
            }
            let status = answer.status().as_u16();
            let body = self.read(answer, &what).await?;
            Err(refusal(&what, status, &body))
        })
        .await
    }

    async fn exchange(
        &self,
        method: &Method,
        path: &str,
        body: Option<Bytes>,
        what: &str,
    ) -> Result<Answer, ClientError> {
        let (sender, answer) = loop {
            let (mut sender, fresh) = match self.take_idle() {
                Some(sender) => (sender, false),
                None => (self.connect().await?, true),
            };
            if sender.ready().await.is_err() && !fresh {
                continue;
            }
            let request = self.request(method, path, body.clone(), what)?;
            match sender.try_send_request(request).await {
                Ok(answer) => break (sender, answer),
                // The server closed a connection that lay idle. What was not sent, or only reads,
                // may be sent again.
                Err(error) if !fresh && (error.message().is_some() || method == Method::GET) => {}
                Err(error) => return Err(self.broken(what, error.into_error())),
            }
        };
        let status = answer.status();
        let revision = answer.headers().get(REVISION_HEADER);
        let revision = revision.and_then(|value| value.to_str().ok()?.parse().ok());
        let body = self.read(answer, what).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        if status.is_success() {
            return Ok(Answer { status: status.as_u16(), revision, body });
        }
        Err(refusal(what, status.as_u16(), &body))
    }

    fn take_idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|sender| !sender.is_closed());
        idle.pop()
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, ClientError> {
        let endpoint = self.endpoint.clone();
        let connected = self.endpoint.connect(&self.tls).await;
        connected.map_err(|source| match source.downcast::<TlsError>() {
            Ok(source) => ClientError::Tls { endpoint, source },
            Err(source) => ClientError::Connect { endpoint, source },
        })
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        body: Option<Bytes>,
        what: &str,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.endpoint.host_header())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|error| self.broken(what, error))
    }

    async fn read(&self, answer: Response<Incoming>, what: &str) -> Result<Bytes, ClientError> {
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok(body.map_err(|error| self.broken(what, error))?.to_bytes())
    }

    fn broken(
        &self,
        what: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> ClientError {
        let (request, endpoint) = (what.to_owned(), self.endpoint.clone());
        ClientError::Broken { request, endpoint, source: source.into() }
    }

    async fn limited<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let late = |_| ClientError::Timeout {
            request: what.to_owned(),
            endpoint: self.endpoint.clone(),
            limit: self.timeout,
        };
        tokio::time::timeout(self.timeout, work).await.map_err(late)?
    }
}

/// The server's own words where it has some, else the status's name.
fn refusal(what: &str, status: u16, body: &[u8]) -> ClientError {
    let message = match serde_json::from_slice::<ErrorBody>(body) {
        Ok(body) => body.error.message,
        Err(_) => hyper::StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("the server refused")
            .to_owned(),
    };
    ClientError::Refused { request: what.to_owned(), status, message }
}
