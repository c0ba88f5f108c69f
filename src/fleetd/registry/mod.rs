//! What the cluster remembers, and the only road to it: typed operations over a [`Store`], one
//! file for each kind of writer, and mirrors for the readers.
//!
//! This room knows keys, records and the store. It must not know why something is written: that
//! is for the API, the engine and the agent to decide.

mod change_log;
mod cluster;
mod embedded;
mod etcd;
mod foreign;
mod format;
mod index;
mod keys;
mod leader;
mod machines;
mod mirror;
mod now;
mod on_demand;
mod records;
mod schedule;
mod session;
mod store;
mod stored;
mod survey;
mod trouble;
mod units;

use std::sync::Arc;
use std::time::Duration;

pub use cluster::Cluster;
pub use embedded::{EmbeddedStore, OpenError};
pub use etcd::{EtcdSettings, EtcdStore, SettingsError, TlsFiles};
pub use foreign::{Fault, Foreign};
pub use format::{FIRST_FORMAT, FORMAT, reads};
pub use keys::{Key, schedule_of};
pub use leader::Leadership;
pub use machines::MetadataChange;
pub use mirror::{Mirror, View};
pub use records::{
    About, Assignment, Facts, FiguresRecord, Garbage, HolderRecord, KnownRecord, LeaderRecord,
    LostRecord, MachineRecord, StateRecord, SurveyRecord, UnitRecord, decode, encode,
};
pub use schedule::Schedule;
pub use session::{Disturbance, Present, Whose, Won};
pub use store::{
    Changes, Committed, Compare, Event, KeyValue, LeaseId, MAX_TXN_OPS, Op, OpResult, Range,
    Revision, Store, StoreError, TimeLeft, Txn, Watch,
};
pub use stored::{StoredHolder, StoredKnown, StoredMachine, StoredTrouble, StoredUnit};
pub use survey::Question;
pub use trouble::{Failures, MachineTrouble, Moves, UnitTrouble};
pub use units::{Put, PutError, PutOutcome, after_put};

use now::Now;
use on_demand::OnDemand;

/// Nested transactions in one request: they leave each of them [`MAX_TXN_OPS`] less this many
/// conditions and steps, which is plenty.
pub const NESTED_MAX: usize = 100;

/// The cluster's memory in fleet's verbs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    store: Arc<dyn Store>,
    retry_max: Duration,
    cluster: Arc<OnDemand>,
    now: Arc<Now>,
}

impl Registry {
    /// Over a store. `retry_max` bounds the pause between attempts while the store is away.
    pub fn over(store: Arc<dyn Store>, retry_max: Duration) -> Registry {
        Registry { store, retry_max, cluster: Arc::default(), now: Arc::default() }
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
        self.now.ask(&*self.store).await
    }

    /// A lease, for a session or a term, that ends `ttl` after its last renewal.
    pub async fn grant(&self, ttl: Duration) -> Result<LeaseId, StoreError> {
        self.store.grant(ttl).await
    }

    /// Renews a lease.
    pub async fn keep_alive(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.store.keep_alive(lease).await
    }

    /// Ends a lease, and all that hangs on it, at once.
    pub async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.store.revoke(lease).await
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

    /// Returns once a key that stood at `seen` is gone, also where another of its name has taken
    /// its place since. A watch that breaks off, or that cannot go back so far, is begun anew.
    async fn until_gone(&self, key: &Key, mut seen: Revision) -> Result<(), StoreError> {
        loop {
            match self.deleted_after(key, seen).await {
                Ok(true) => return Ok(()),
                Ok(false) | Err(StoreError::Compacted { .. }) => {}
                Err(error) => return Err(error),
            }
            match self.get(key).await? {
                (Some(entry), now) if entry.created <= seen => seen = now,
                _ => return Ok(()),
            }
        }
    }

    /// Waits for a key to be deleted after `seen`; `false` when the watch ends before that.
    async fn deleted_after(&self, key: &Key, seen: Revision) -> Result<bool, StoreError> {
        let deleted = |event: &Event| matches!(event, Event::Deleted(_)).then_some(());
        Ok(self.first_after(key, seen, deleted).await?.is_some())
    }

    /// What `looked_for` makes of the first change of a key after `seen` of which it makes
    /// something; `None` when the watch ends before that.
    async fn first_after<T>(
        &self,
        key: &Key,
        seen: Revision,
        looked_for: impl Fn(&Event) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let name = key.to_string();
        let mut changes = self.store.watch(&name, seen.next()).await?;
        while let Some(change) = changes.recv().await {
            // The watch is on a prefix: another key may begin with this one's name.
            let found =
                change?.events.iter().filter(|event| event.key() == name).find_map(&looked_for);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Removes what another hand wrote where a session's key belongs, unless it has changed.
    async fn remove_foreign(&self, entry: &KeyValue) -> Result<(), StoreError> {
        Fault::NoSession.report(entry);
        let unchanged = Compare::Modified(entry.key.clone(), entry.modified);
        self.commit_if(vec![unchanged], vec![Op::Delete(entry.key.clone())]).await.map(drop)
    }
}
