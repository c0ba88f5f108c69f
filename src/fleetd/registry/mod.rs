//! What the cluster remembers, and the only road to it: typed operations over a [`Store`], one
//! file for each kind of writer, and mirrors for the readers.
//!
//! This room knows keys, records and the store. It must not know why something is written: that
//! is for the API, the engine and the agent to decide.

mod cluster;
mod embedded;
mod etcd;
mod keys;
mod leader;
mod machines;
mod mirror;
mod on_demand;
mod records;
mod schedule;
mod session;
mod store;
mod units;

use std::sync::Arc;
use std::time::Duration;

pub use cluster::{Cluster, StoredMachine, StoredUnit};
pub use embedded::{EmbeddedStore, OpenError};
pub use etcd::{EtcdSettings, EtcdStore, SettingsError, TlsFiles};
pub use keys::{Key, schedule_of};
pub use leader::Leadership;
pub use machines::MetadataChange;
pub use mirror::{Mirror, View};
pub use records::{
    Assignment, Garbage, HolderRecord, LeaderRecord, MachineRecord, StateRecord, UnitRecord,
    decode, encode,
};
pub use schedule::Schedule;
pub use session::{Present, Won};
pub use store::{
    Changes, Committed, Compare, Event, KeyValue, LeaseId, MAX_TXN_OPS, Op, OpResult, Range,
    Revision, Store, StoreError, Txn, Watch,
};
pub use units::{Put, PutError, PutOutcome};

use on_demand::OnDemand;

/// The cluster's memory in fleet's verbs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    store: Arc<dyn Store>,
    retry_max: Duration,
    cluster: Arc<OnDemand>,
}

impl Registry {
    /// Over a store. `retry_max` bounds the pause between attempts while the store is away.
    pub fn over(store: Arc<dyn Store>, retry_max: Duration) -> Registry {
        Registry { store, retry_max, cluster: Arc::default() }
    }

    /// A mirror of the whole cluster, shared by everyone on this machine who reads it at the time.
    pub fn cluster(&self) -> Arc<Mirror<Cluster>> {
        self.cluster.get(|| Mirror::open(Arc::clone(&self.store), String::new(), self.retry_max))
    }

    /// A mirror of one prefix.
    pub fn mirror<V: View>(&self, prefix: String) -> Mirror<V> {
        Mirror::open(Arc::clone(&self.store), prefix, self.retry_max)
    }

    /// The store's revision now. A mirror that has reached it shows every acknowledged write.
    pub async fn revision(&self) -> Result<Revision, StoreError> {
        self.store.revision().await
    }

    /// Commits `then` unless a condition in `when` fails; `None` if one did.
    async fn commit_if(
        &self,
        when: Vec<Compare>,
        then: Vec<Op>,
    ) -> Result<Option<Committed>, StoreError> {
        let committed = self.store.commit(Txn { when, then, otherwise: Vec::new() }).await?;
        Ok(committed.succeeded.then_some(committed))
    }

    /// Commits `then`, whatever stands.
    async fn always(&self, then: Vec<Op>) -> Result<Committed, StoreError> {
        self.store.commit(Txn { then, ..Txn::default() }).await
    }

    /// One key as it stands, and the store's revision when it answered.
    async fn get(&self, key: &Key) -> Result<(Option<KeyValue>, Revision), StoreError> {
        let mut committed = self.always(vec![Op::Get(key.to_string())]).await?;
        let entry = match committed.results.pop() {
            Some(OpResult::Found(mut entries)) => entries.pop(),
            _ => None,
        };
        Ok((entry, committed.revision))
    }
}
