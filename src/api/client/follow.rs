//! The event stream for whoever follows the cluster: it outlives whatever breaks it, goes on where
//! it broke, and tells of both.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::sleep;

use super::ClientError;
use super::stream::{EventStream, First};
use super::transport::Transport;
use crate::api::{Event, Ready};

/// The pause before each try to connect. A fleetd that restarts is back within seconds, and one
/// that does not come back shall not be busy with us when it does.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// The cluster's changes, for as long as somebody wants them.
pub struct Follow {
    transport: Arc<Transport>,
    limit: Duration,
    link: Link,
}

type Opened = Result<(First, EventStream), ClientError>;

enum Link {
    Up(Box<EventStream>),
    /// A try to connect, to go on after the event with this id. It is kept here, so that it goes on
    /// although whoever asked for the next event no longer waits for it.
    Down(Option<i64>, BoxFuture<'static, Opened>),
}

/// What there is to tell.
#[derive(Debug)]
pub enum News {
    /// Something changed.
    Event(Box<Event>),
    /// The connection broke; it is tried again.
    Lost(ClientError),
    /// A try failed; there will be another.
    Away(ClientError),
    /// It is back. What was missed is told, unless it begins with a reset.
    Back(First),
}

impl Follow {
    /// Opens the stream; everything after the revision that is returned will be told.
    pub(super) async fn open(
        transport: Arc<Transport>,
        limit: Duration,
    ) -> Result<(Self, Ready), ClientError> {
        let (first, stream) = EventStream::open(&transport, limit, None).await?;
        let link = Link::Up(Box::new(stream));
        Ok((Self { transport, limit, link }, first.ready().clone()))
    }

    /// What happens next. Cancel-safe: what has come stays for next time.
    pub async fn next(&mut self) -> News {
        match &mut self.link {
            Link::Up(stream) => match stream.next().await {
                Ok(event) => News::Event(Box::new(event)),
                Err(error) => {
                    let seen = stream.seen();
                    self.connect(seen);
                    News::Lost(error)
                }
            },
            Link::Down(seen, opening) => match opening.await {
                Ok((first, stream)) => {
                    self.link = Link::Up(Box::new(stream));
                    News::Back(first)
                }
                Err(error) => {
                    let seen = *seen;
                    self.connect(seen);
                    News::Away(error)
                }
            },
        }
    }

    fn connect(&mut self, seen: Option<i64>) {
        let (transport, limit) = (Arc::clone(&self.transport), self.limit);
        let opening = async move {
            sleep(RECONNECT_PAUSE).await;
            EventStream::open(&transport, limit, seen).await
        };
        self.link = Link::Down(seen, opening.boxed());
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").field("transport", &self.transport).finish_non_exhaustive()
    }
}
