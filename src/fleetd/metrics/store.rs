//! A store that measures what is asked of the one behind it, and changes none of its answers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::Metrics;
use crate::fleetd::registry::{
    Committed, LeaseId, Range, Revision, Store, StoreError, TimeLeft, Txn, Watch,
};

/// A store behind a stop-watch.
#[derive(Debug)]
pub struct Metered {
    store: Arc<dyn Store>,
    metrics: Metrics,
}

impl Metered {
    /// Measures a store.
    pub fn new(store: Arc<dyn Store>, metrics: Metrics) -> Metered {
        Metered { store, metrics }
    }

    async fn measured<T>(
        &self,
        kind: &'static str,
        asked: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let answer = asked.await;
        self.metrics.operation(kind, begun.elapsed(), answer.as_ref().err());
        answer
    }
}

#[async_trait]
impl Store for Metered {
    async fn range(&self, prefix: &str) -> Result<Range, StoreError> {
        self.measured("read", self.store.range(prefix)).await
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.measured("revision", self.store.revision()).await
    }

    async fn commit(&self, txn: Txn) -> Result<Committed, StoreError> {
        self.measured("commit", self.store.commit(txn)).await
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError> {
        self.measured("watch", self.store.watch(prefix, from)).await
    }

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, StoreError> {
        self.measured("grant", self.store.grant(ttl)).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.measured("renew", self.store.keep_alive(lease)).await
    }

    async fn time_left(&self, lease: LeaseId) -> Result<Option<TimeLeft>, StoreError> {
        self.measured("time", self.store.time_left(lease)).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.measured("revoke", self.store.revoke(lease)).await
    }

    async fn keys_of(&self, lease: LeaseId) -> Result<Vec<String>, StoreError> {
        self.measured("keys_of", self.store.keys_of(lease)).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.measured("compact", self.store.compact(revision)).await
    }
}
