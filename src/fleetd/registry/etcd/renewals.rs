//! Lease renewals: one stream per lease, kept open, one message per renewal.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use etcd_client::{Client, Error, LeaseKeepAliveStream, LeaseKeeper};

use super::super::store::{LeaseId, StoreError};
use super::members::Members;

/// The open streams. A stream is taken out while a renewal is under way, so one that fails, or
/// whose caller gave up, is dropped and cannot answer a later renewal with an old answer.
#[derive(Default)]
pub(super) struct Renewals {
    streams: Mutex<HashMap<LeaseId, Renewal>>,
}

struct Renewal {
    asking: LeaseKeeper,
    answers: LeaseKeepAliveStream,
}

impl Renewals {
    pub(super) async fn renew(&self, members: &Members, lease: LeaseId) -> Result<(), StoreError> {
        match members.ask(|client| self.renew_with(client, lease)).await {
            Ok(stream) => {
                self.streams().insert(lease, stream);
                Ok(())
            }
            Err(error) if error.is_lease_gone() => Err(StoreError::LeaseGone { lease }),
            Err(error) => Err(error.of(format!("renew lease {lease}"))),
        }
    }

    /// Closes the stream of a lease that will not be renewed any more.
    pub(super) fn forget(&self, lease: LeaseId) {
        self.streams().remove(&lease);
    }

    async fn renew_with(&self, client: Client, lease: LeaseId) -> Result<Renewal, Error> {
        let open = self.streams().remove(&lease);
        if let Some(mut stream) = open {
            match stream.renew().await {
                Ok(Some(0)) => return Err(gone()),
                Ok(Some(_)) => return Ok(stream),
                // Broken since the last renewal; a new one tells whether etcd is there.
                Ok(None) | Err(_) => {}
            }
        }
        // Opening a stream renews, too.
        let (asking, answers) = client.lease_client().keep_alive(lease.0).await?;
        Ok(Renewal { asking, answers })
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<LeaseId, Renewal>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Renewal {
    /// How many seconds the lease has now; `None` when the stream has ended.
    async fn renew(&mut self) -> Result<Option<i64>, Error> {
        self.asking.keep_alive().await?;
        Ok(self.answers.message().await?.map(|answer| answer.ttl().max(0)))
    }
}

/// As the library says it when it opens a stream for a lease that is gone.
fn gone() -> Error {
    Error::LeaseKeepAliveError("lease not found".into())
}
