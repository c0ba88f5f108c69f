//! What is asked of a store and of systemd, counted by who asks and what. It stands before either, and
//! changes none of its answers; systemd's jobs can be made to take time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fleet::fleetd::registry::{
    Committed, LeaseId, Op, Range, Revision, Store, StoreError, TimeLeft, Txn, Watch,
};
use fleet::fleetd::systemd::{
    JobId, MemoryUnits, Signal, Status, System, SystemdError, UnitManager,
};
use fleet::unitfile::{UnitFile, UnitName};
use tokio::sync::mpsc::UnboundedReceiver;

/// How often somebody asked for something: `("agent", "write")`, `("systemd", "start")`.
pub type Counts = BTreeMap<(&'static str, &'static str), usize>;

/// What was asked so far. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<Counts>>);

impl Tally {
    /// The store, as `who` asks it.
    pub fn store(&self, who: &'static str, store: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(Counted { of: store, who, tally: self.clone() })
    }

    /// A machine's systemd, whose jobs last so long.
    pub fn units(&self, of: Arc<MemoryUnits>, jobs_last: Duration) -> Arc<dyn UnitManager> {
        Arc::new(Busy { counted: Counted { of, who: "systemd", tally: self.clone() }, jobs_last })
    }

    /// What was asked since this was last called.
    pub fn take(&self) -> Counts {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct Counted<T: ?Sized> {
    of: Arc<T>,
    who: &'static str,
    tally: Tally,
}

impl<T: ?Sized> Counted<T> {
    /// Counts a call, and passes on to whom it is for.
    fn asks(&self, what: &'static str) -> &T {
        let mut counts = self.tally.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((self.who, what)).or_default() += 1;
        &self.of
    }
}

/// A systemd whose jobs take time.
#[derive(Debug)]
struct Busy {
    counted: Counted<MemoryUnits>,
    jobs_last: Duration,
}

impl Busy {
    fn asks(&self, what: &'static str) -> &MemoryUnits {
        self.counted.asks(what)
    }

    /// The job that this unit is given next ends when its time is over.
    fn delay(&self, name: &UnitName) {
        if self.jobs_last.is_zero() {
            return;
        }
        let (units, name, time) = (self.counted.of.clone(), name.clone(), self.jobs_last);
        units.hold(&name);
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            units.release(&name);
        });
    }
}

/// Whether a transaction can change anything.
fn writes(txn: &Txn) -> bool {
    txn.then.iter().chain(&txn.otherwise).any(|step| match step {
        Op::Put { .. } | Op::Delete(_) => true,
        Op::Read(_) | Op::Get(_) => false,
        Op::Nested(txn) => writes(txn),
    })
}

#[async_trait]
impl Store for Counted<dyn Store> {
    async fn range(&self, prefix: &str) -> Result<Range, StoreError> {
        self.asks("read").range(prefix).await
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.asks("read").revision().await
    }

    async fn commit(&self, txn: Txn) -> Result<Committed, StoreError> {
        self.asks(if writes(&txn) { "write" } else { "read" }).commit(txn).await
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError> {
        self.asks("watch").watch(prefix, from).await
    }

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, StoreError> {
        self.asks("grant").grant(ttl).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.asks("renewal").keep_alive(lease).await
    }

    async fn time_left(&self, lease: LeaseId) -> Result<Option<TimeLeft>, StoreError> {
        self.asks("read").time_left(lease).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.asks("revoke").revoke(lease).await
    }

    async fn keys_of(&self, lease: LeaseId) -> Result<Vec<String>, StoreError> {
        self.asks("read").keys_of(lease).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.asks("compaction").compact(revision).await
    }
}

#[async_trait]
impl UnitManager for Busy {
    async fn system(&self) -> Result<System, SystemdError> {
        self.asks("system").system().await
    }

    async fn observe(&self) -> Result<BTreeMap<UnitName, Status>, SystemdError> {
        self.asks("look").observe().await
    }

    async fn observe_one(&self, name: &UnitName) -> Result<Status, SystemdError> {
        self.asks("look").observe_one(name).await
    }

    async fn files(&self) -> Result<BTreeMap<UnitName, UnitFile>, SystemdError> {
        self.asks("files").files().await
    }

    async fn link(
        &self,
        files: &[(UnitName, UnitFile)],
    ) -> Vec<(UnitName, Result<(), SystemdError>)> {
        self.asks("link").link(files).await
    }

    async fn unlink(&self, names: &[UnitName]) -> Vec<(UnitName, Result<(), SystemdError>)> {
        self.asks("unlink").unlink(names).await
    }

    async fn start(&self, name: &UnitName) -> Result<JobId, SystemdError> {
        self.delay(name);
        self.asks("start").start(name).await
    }

    async fn restart(&self, name: &UnitName) -> Result<JobId, SystemdError> {
        self.delay(name);
        self.asks("restart").restart(name).await
    }

    async fn stop(&self, name: &UnitName) -> Result<(), SystemdError> {
        self.delay(name);
        self.asks("stop").stop(name).await
    }

    async fn kill(&self, name: &UnitName) -> Result<(), SystemdError> {
        self.asks("kill").kill(name).await
    }

    async fn memory(&self, found: &mut BTreeMap<UnitName, u64>) -> Result<(), SystemdError> {
        self.asks("memory").memory(found).await
    }

    async fn last_words(&self, name: &UnitName) -> Vec<String> {
        self.asks("journal").last_words(name).await
    }

    async fn signals(&self) -> Result<UnboundedReceiver<Signal>, SystemdError> {
        self.asks("signals").signals().await
    }
}
