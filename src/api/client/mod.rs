//! The typed client of the v1 API.
//!
//! It knows the wire and nothing else: it neither prints nor decides. Every request is bounded by
//! the time limit given to [`Client::new`]; only [`Events`] and [`Follow`] wait for as
//! long as their readers do.

mod endpoint;
mod error;
mod events;
mod follow;
mod query;
pub mod sse;
mod stream;
mod tls;
mod transport;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde::de::DeserializeOwned;

pub use endpoint::{BadEndpoint, CONNECTIONS_MAX, Endpoint, Tunnelled};
pub use error::ClientError;
pub use events::Events;
pub use follow::{Follow, News};
pub use query::{MachineQuery, StateQuery};
pub use stream::First;
use tls::Tls;
pub use tls::{TlsError, TlsFiles};
use transport::{Answer, Transport};

use super::{
    BASE, Changes, Machine, MachinePage, Outlook, Ready, State, StatePage, Unit, UnitPage, Waiting,
    Why,
};
use crate::unitfile::UnitName;

/// A connection to the API. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Arc<Transport>,
    timeout: Duration,
}

/// What a `PUT` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The unit, or this file of it, is new.
    pub created: bool,
    /// The store's revision that has it.
    pub revision: Option<i64>,
}

impl Client {
    /// A client that will connect when first asked something. To an `https://` endpoint it trusts
    /// whom the system trusts.
    pub fn new(endpoint: Endpoint, timeout: Duration) -> Self {
        Self::with_tls(endpoint, TlsFiles::default(), timeout)
    }

    /// The same with these files for an `https://` endpoint.
    pub fn with_tls(endpoint: Endpoint, files: TlsFiles, timeout: Duration) -> Self {
        let transport = Transport::new(endpoint, Tls::new(files), timeout);
        Self { transport: Arc::new(transport), timeout }
    }

    /// One unit, or `None` when there is no such unit.
    pub async fn unit(&self, name: &UnitName) -> Result<Option<Unit>, ClientError> {
        absent_as_none(self.get(&unit_path(name)).await)
    }

    /// Every unit, in order of name.
    pub async fn units(&self) -> Result<Vec<Unit>, ClientError> {
        self.all("units", |page: UnitPage| (page.units, page.next_page_token)).await
    }

    /// What every machine's systemd says of its units, in order of name, then of machine.
    pub async fn states(&self) -> Result<Vec<State>, ClientError> {
        self.states_with(&StateQuery::default()).await
    }

    /// What each machine's systemd says of one unit.
    pub async fn states_of(&self, name: &UnitName) -> Result<Vec<State>, ClientError> {
        let unit = Some(name.clone());
        self.states_with(&StateQuery { unit, ..StateQuery::default() }).await
    }

    /// What machines' systemd says, as far as it is asked for, in order of name, then of machine.
    pub async fn states_with(&self, query: &StateQuery) -> Result<Vec<State>, ClientError> {
        Ok(self.states_and_waiting(query).await?.0)
    }

    /// The same, and the units that have no state because they wait, in order of name.
    pub async fn states_and_waiting(
        &self,
        query: &StateQuery,
    ) -> Result<(Vec<State>, Vec<Waiting>), ClientError> {
        let mut waiting = Vec::new();
        let split = |page: StatePage| {
            waiting.extend(page.waiting);
            (page.states, page.next_page_token)
        };
        let states = self.all(&query.resource(), split).await?;
        Ok((states, waiting))
    }

    /// Every live machine, in order of id.
    pub async fn machines(&self) -> Result<Vec<Machine>, ClientError> {
        self.machines_with(MachineQuery::default()).await
    }

    /// Machines, as they are asked for, in order of id.
    pub async fn machines_with(&self, query: MachineQuery) -> Result<Vec<Machine>, ClientError> {
        let split = |page: MachinePage| (page.machines, page.next_page_token);
        self.all(&query.resource(), split).await
    }

    /// Why a unit is where it is, or nowhere; `None` when there is no such unit.
    pub async fn why(&self, name: &UnitName) -> Result<Option<Why>, ClientError> {
        absent_as_none(self.get(&format!("{}/why", unit_path(name))).await)
    }

    /// What would come of changes. Nothing is changed.
    pub async fn plan(&self, changes: &Changes) -> Result<Outlook, ClientError> {
        let path = path("plan");
        let bad = |error: serde_json::Error| ClientError::Answer {
            request: format!("POST {path}"),
            source: error.into(),
        };
        let body = serde_json::to_vec(changes).map_err(bad)?;
        let answer = self.transport.send(Method::POST, &path, Some(body.into())).await?;
        serde_json::from_slice(&answer.body).map_err(bad)
    }

    /// Creates, changes or replaces a unit.
    pub async fn put(&self, name: &UnitName, unit: &Unit) -> Result<Stored, ClientError> {
        let path = unit_path(name);
        let body = serde_json::to_vec(unit).map_err(|error| ClientError::Answer {
            request: format!("PUT {path}"),
            source: error.into(),
        })?;
        let answer = self.transport.send(Method::PUT, &path, Some(body.into())).await?;
        Ok(Stored { created: answer.status == 201, revision: answer.revision })
    }

    /// Destroys a unit; returns the store's revision from which on it is gone.
    pub async fn destroy(&self, name: &UnitName) -> Result<Option<i64>, ClientError> {
        let answer = self.transport.send(Method::DELETE, &unit_path(name), None).await?;
        Ok(answer.revision)
    }

    /// Opens the event stream; when this returns, every later change will be told.
    pub async fn events(&self) -> Result<Events, ClientError> {
        Events::open(Arc::clone(&self.transport), self.timeout).await
    }

    /// The same for readers that want to know when it breaks, and never give up. Everything after
    /// the revision that is returned will be told.
    pub async fn follow(&self) -> Result<(Follow, Ready), ClientError> {
        Follow::open(Arc::clone(&self.transport), self.timeout).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let answer: Answer = self.transport.send(Method::GET, path, None).await?;
        serde_json::from_slice(&answer.body).map_err(|error| ClientError::Answer {
            request: format!("GET {path}"),
            source: error.into(),
        })
    }

    /// Follows the page tokens to the end.
    async fn all<P: DeserializeOwned, T>(
        &self,
        resource: &str,
        mut split: impl FnMut(P) -> (Vec<T>, Option<String>),
    ) -> Result<Vec<T>, ClientError> {
        let first = path(resource);
        let joint = if resource.contains('?') { '&' } else { '?' };
        let (mut all, mut next) = split(self.get(&first).await?);
        while let Some(token) = next {
            let page = format!("{first}{joint}nextPageToken={}", escape(&token));
            let (more, after) = split(self.get(&page).await?);
            if after.as_ref() == Some(&token) {
                return Err(ClientError::Answer {
                    request: format!("GET {page}"),
                    source: "the next page is this page again".into(),
                });
            }
            all.extend(more);
            next = after;
        }
        Ok(all)
    }
}

fn path(resource: &str) -> String {
    format!("{BASE}/{resource}")
}

fn unit_path(name: &UnitName) -> String {
    path(&format!("units/{}", escape(name.as_str())))
}

/// Percent-encodes what a path segment or a query value cannot hold as it is.
fn escape(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

fn absent_as_none<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.status() == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn names_and_tokens_are_escaped() {
        assert_eq!(escape("a@b:1.service"), "a@b:1.service");
        assert_eq!(escape("dev-x\\x2d.mount"), "dev-x%5Cx2d.mount");
        assert_eq!(escape("a+/=&é"), "a%2B%2F%3D%26%C3%A9");
    }
}
