//! One machine's way to the store: requests take time and get lost, before or after they took effect; watches lag behind
//! one another, say things twice, and break.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fleet::fleetd::registry::{
    Changes, Committed, LeaseId, Op, Range, Revision, Store, StoreError, TimeLeft, Txn, Watch,
};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::bugs::Bug;
use super::sky::Weather;
use super::world::World;

/// How long a request is waited for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a watch may be silent before its connection counts as broken, as in the client of etcd.
const SILENCE_MAX: Duration = Duration::from_secs(9);

/// How far a watch lags behind, at most.
const LAG_MAX: Duration = Duration::from_millis(20);

/// The way to the store.
#[derive(Debug)]
pub struct Link {
    pub host: usize,
    pub store: Arc<dyn Store>,
    pub weather: Arc<Weather>,
    pub world: Arc<World>,
    /// What the fleetd behind this does wrong.
    pub bug: Option<Bug>,
}

impl Link {
    async fn ask<T>(
        &self,
        what: &str,
        effect: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.weather.awake().await;
        let fate = self.weather.fate();
        if fate.lost {
            return self.unanswered(what).await;
        }
        sleep(fate.there).await;
        let answer = effect.await;
        self.world.look();
        sleep(fate.back).await;
        self.weather.awake().await;
        if fate.unheard || self.weather.sky().deaf {
            return self.unanswered(what).await;
        }
        answer
    }

    async fn unanswered<T>(&self, what: &str) -> Result<T, StoreError> {
        sleep(REQUEST_TIMEOUT).await;
        self.weather.awake().await;
        Err(away(what))
    }
}

fn away(what: &str) -> StoreError {
    StoreError::Unavailable { operation: what.to_owned(), source: "it was lost".into() }
}

#[async_trait]
impl Store for Link {
    async fn range(&self, prefix: &str) -> Result<Range, StoreError> {
        let mut range = self.ask("read", self.store.range(prefix)).await?;
        if self.bug == Some(Bug::AbsenceIsStop) {
            self.world.pretend_planned(self.host, prefix, &mut range);
        }
        Ok(range)
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.ask("read the revision", self.store.revision()).await
    }

    async fn commit(&self, txn: Txn) -> Result<Committed, StoreError> {
        let txn = match self.bug {
            Some(bug) => bug.write(txn),
            None => txn,
        };
        if self.bug == Some(Bug::RevokesFirst) && says_good_bye(&txn) {
            for lease in self.world.leases(self.host) {
                self.revoke(lease).await?;
            }
        }
        self.ask("commit", self.store.commit(txn)).await
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError> {
        let from = match self.bug {
            Some(Bug::WatchFromNow) => self.store.revision().await?.next(),
            _ => from,
        };
        let changes = self.ask("watch", self.store.watch(prefix, from)).await?;
        let (to, watch) = mpsc::channel(1);
        let lag = self.weather.up_to(LAG_MAX);
        tokio::spawn(forward(changes, to, Arc::clone(&self.weather), lag));
        Ok(watch)
    }

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, StoreError> {
        // Noted before the answer can be lost: a lease of which nobody heard is this machine's all the same.
        let granted = async {
            let lease = self.store.grant(ttl).await?;
            self.world.granted(self.host, lease);
            Ok(lease)
        };
        self.ask("grant", granted).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.ask("renew", self.store.keep_alive(lease)).await
    }

    async fn time_left(&self, lease: LeaseId) -> Result<Option<TimeLeft>, StoreError> {
        self.ask("ask for the time left", self.store.time_left(lease)).await
    }

    async fn keys_of(&self, lease: LeaseId) -> Result<Vec<String>, StoreError> {
        self.ask("ask for what hangs on a lease", self.store.keys_of(lease)).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        let revoked = async {
            self.world.revokes(self.host, lease);
            self.store.revoke(lease).await
        };
        self.ask("revoke", revoked).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.ask("compact", self.store.compact(revision)).await
    }
}

/// Whether a machine leaves with this.
fn says_good_bye(txn: &Txn) -> bool {
    txn.then.iter().any(|op| matches!(op, Op::Delete(key) if key.starts_with("machine/")))
}

/// Hands a watch's changes on, in their order: late, some of them twice, until the connection breaks.
async fn forward(
    mut changes: Watch,
    to: mpsc::Sender<Result<Changes, StoreError>>,
    weather: Arc<Weather>,
    lag: Duration,
) {
    loop {
        let item = tokio::select! {
            biased;
            () = to.closed() => return,
            item = changes.recv() => item,
        };
        let Some(item) = item else { return };
        sleep(if weather.sky().slow { lag * 100 } else { weather.up_to(lag) }).await;
        weather.awake().await;
        let heard = timeout(SILENCE_MAX, weather.until(|sky| !sky.deaf)).await;
        if heard.is_err() || weather.happens(5) {
            let _ = to.send(Err(away("watch"))).await;
            return;
        }
        if let Ok(changes) = &item
            && weather.happens(50)
            && to.send(Ok(changes.clone())).await.is_err()
        {
            return;
        }
        let last = item.is_err();
        if to.send(item).await.is_err() || last {
            return;
        }
    }
}
