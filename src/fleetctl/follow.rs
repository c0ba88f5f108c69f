//! The event stream for commands that follow the cluster until they are interrupted: it outlives
//! whatever breaks it, goes on where it broke, and tells of both.
//!
//! Commands that wait for something use [`Events`](crate::api::client::Events), which give up.

use std::time::Duration;

use tokio::time::sleep;

use crate::api::client::{Client, ClientError, EventStream, First};
use crate::api::{Event, Ready};

/// The pause between two tries to connect. A fleetd that restarts is back within seconds, and one
/// that does not come back shall not be busy with us when it does.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// The cluster's changes, for as long as somebody wants them.
#[derive(Debug)]
pub struct Follow {
    client: Client,
    /// `None` while the connection is broken.
    stream: Option<EventStream>,
    /// The id of the last event that had one.
    seen: Option<i64>,
}

/// What there is to tell.
#[derive(Debug)]
pub enum News {
    /// Something changed.
    Event(Box<Event>),
    /// The connection broke; it is tried again.
    Lost(ClientError),
    /// It is back. What was missed is told, unless it begins with a reset.
    Back(First),
}

impl Follow {
    /// Opens the stream; everything after the revision that is returned will be told.
    pub async fn open(client: &Client) -> Result<(Self, Ready), ClientError> {
        let (first, stream) = client.event_stream(None).await?;
        let seen = stream.seen();
        let follow = Self { client: client.clone(), stream: Some(stream), seen };
        Ok((follow, first.ready().clone()))
    }

    /// What happens next. Cancel-safe.
    pub async fn next(&mut self) -> News {
        if let Some(stream) = &mut self.stream {
            let told = stream.next().await;
            self.seen = stream.seen();
            return match told {
                Ok(event) => News::Event(Box::new(event)),
                Err(error) => {
                    self.stream = None;
                    News::Lost(error)
                }
            };
        }
        loop {
            sleep(RECONNECT_PAUSE).await;
            if let Ok((first, stream)) = self.client.event_stream(self.seen).await {
                self.stream = Some(stream);
                return News::Back(first);
            }
        }
    }
}
