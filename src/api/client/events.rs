//! The event stream for whoever waits for something: it goes on where it broke, and gives up when
//! nobody answers any more.
//!
//! A reader of [`Events`] sees every change since the stream was opened, or is told with
//! [`Event::Reset`] that it may have missed some and has to list again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::transport::Transport;
use super::{ClientError, First, Follow, News};
use crate::api::Event;

/// A broken stream is tried again for as long: a restart of fleetd takes seconds.
const RECONNECT_WITHIN: Duration = Duration::from_secs(30);

/// What happens in the cluster, from the moment this was opened. Closes when dropped.
#[derive(Debug)]
pub struct Events {
    follow: Follow,
    /// When to give up; `None` while the connection is well.
    give_up: Option<Instant>,
}

impl Events {
    /// Opens the stream and waits until the server says that from now on it tells everything.
    pub(super) async fn open(
        transport: Arc<Transport>,
        limit: Duration,
    ) -> Result<Self, ClientError> {
        let (follow, _) = Follow::open(transport, limit).await?;
        Ok(Self { follow, give_up: None })
    }

    /// The next event; an error says that nobody answers any more. Cancel-safe, as [`Follow`] is.
    pub async fn next(&mut self) -> Result<Event, ClientError> {
        loop {
            match self.follow.next().await {
                News::Event(event) => return Ok(*event),
                News::Lost(_) => self.give_up = Some(Instant::now() + RECONNECT_WITHIN),
                News::Away(error) => {
                    if self.give_up.is_some_and(|at| at <= Instant::now()) {
                        return Err(error);
                    }
                }
                News::Back(First::Ready(_)) => self.give_up = None,
                News::Back(First::Reset(ready)) => {
                    self.give_up = None;
                    return Ok(Event::Reset(ready));
                }
            }
        }
    }
}
