//! A store behind a network that can be cut: what is asked meanwhile is not answered, and watches
//! end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fleet::fleetd::registry::{
    Committed, LeaseId, Range, Revision, Store, StoreError, TimeLeft, Txn, Watch,
};
use tokio::sync::{mpsc, watch};

/// The store, and whether it can be reached.
#[derive(Debug)]
pub struct Cut {
    store: Arc<dyn Store>,
    away: watch::Sender<bool>,
    /// Whether watches pass nothing on, without a word.
    mute: Arc<AtomicBool>,
    /// How long each answer takes.
    distance: Duration,
    /// How long a watch takes for each change.
    lag: Duration,
    /// How long who asks waits for nothing.
    timeout: Duration,
}

impl Cut {
    /// A store that can be reached until it is cut off.
    pub fn new(store: Arc<dyn Store>) -> Cut {
        Cut::far(store, Duration::ZERO)
    }

    /// The same, where each answer takes a while.
    pub fn far(store: Arc<dyn Store>, distance: Duration) -> Cut {
        let (away, mute) = (watch::Sender::new(false), Arc::default());
        Cut { store, away, mute, distance, lag: Duration::ZERO, timeout: Duration::ZERO }
    }

    /// The same, whose watches take a while for each change.
    pub fn lagging(store: Arc<dyn Store>, lag: Duration) -> Cut {
        Cut { lag, ..Cut::new(store) }
    }

    /// The same, where it takes a while to notice that there is no answer.
    pub fn silent(store: Arc<dyn Store>, timeout: Duration) -> Cut {
        Cut { timeout, ..Cut::new(store) }
    }

    /// Cuts the network, or mends it.
    pub fn set_away(&self, away: bool) {
        self.away.send_replace(away);
    }

    /// Has watches tell nothing of what happens, or tell again of what happens from then on.
    pub fn set_mute(&self, mute: bool) {
        self.mute.store(mute, Ordering::Relaxed);
    }

    async fn reachable(&self) -> Result<&dyn Store, StoreError> {
        tokio::time::sleep(self.distance).await;
        if !*self.away.borrow() {
            return Ok(&*self.store);
        }
        tokio::time::sleep(self.timeout).await;
        Err(away())
    }
}

fn away() -> StoreError {
    StoreError::Unavailable { operation: "ask".into(), source: "the network is cut".into() }
}

#[async_trait]
impl Store for Cut {
    async fn range(&self, prefix: &str) -> Result<Range, StoreError> {
        self.reachable().await?.range(prefix).await
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.reachable().await?.revision().await
    }

    async fn commit(&self, txn: Txn) -> Result<Committed, StoreError> {
        self.reachable().await?.commit(txn).await
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError> {
        let mut changes = self.reachable().await?.watch(prefix, from).await?;
        let mut cut = self.away.subscribe();
        let (to, watch) = mpsc::channel(1);
        let (mute, lag) = (Arc::clone(&self.mute), self.lag);
        tokio::spawn(async move {
            loop {
                let item = tokio::select! {
                    _ = cut.wait_for(|away| *away) => Some(Err(away())),
                    item = changes.recv() => item,
                };
                let Some(item) = item else { return };
                if item.is_ok() && mute.load(Ordering::Relaxed) {
                    continue;
                }
                tokio::time::sleep(lag).await;
                let last = item.is_err();
                if to.send(item).await.is_err() || last {
                    return;
                }
            }
        });
        Ok(watch)
    }

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, StoreError> {
        self.reachable().await?.grant(ttl).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.reachable().await?.keep_alive(lease).await
    }

    async fn time_left(&self, lease: LeaseId) -> Result<Option<TimeLeft>, StoreError> {
        self.reachable().await?.time_left(lease).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.reachable().await?.revoke(lease).await
    }

    async fn keys_of(&self, lease: LeaseId) -> Result<Vec<String>, StoreError> {
        self.reachable().await?.keys_of(lease).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.reachable().await?.compact(revision).await
    }
}
