//! The store of one machine: in this process, kept in one file, no etcd. Also what tests and
//! simulations run on.
//!
//! It obeys the same laws as etcd: revisions, transactions, leases, watches with history. Time is
//! tokio's, so a test that pauses the clock pauses the leases too. It must not know what the keys
//! mean.
//!
//! What survives a restart of fleetd: everything, leases included, which begin their full time
//! again; so the agent takes its session up as it would with etcd. After a reboot leases lapse by
//! themselves, one time to live after the start. History does not survive: a watch from before the
//! start gets [`StoreError::Compacted`]. What survives a power cut is told in the journal's module.

mod error;
mod feed;
mod journal;
mod leases;
mod state;
mod txn;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

pub use self::error::OpenError;

use self::journal::Journal;
use self::state::State;
use super::store::{Committed, LeaseId, Range, Revision, Store, StoreError, TimeLeft, Txn, Watch};

/// How long a call waits for the disk. Syncing takes milliseconds; a disk that takes this long is
/// not answering, and a caller must not hang with it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The embedded store.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    /// Ends leases on time; started with the first one.
    timer: OnceLock<AbortOnDropHandle<()>>,
}

struct Shared {
    /// Gone when the store is, whoever still holds on to this: work left over finds nothing, and
    /// the file can be opened again at once.
    state: Mutex<Option<State>>,
    /// Whether work on the state can wait for a disk.
    on_disk: bool,
    /// A lease began, which may be the next to lapse.
    granted: Notify,
}

impl EmbeddedStore {
    /// An empty store that is gone when it is dropped.
    pub fn in_memory() -> EmbeddedStore {
        EmbeddedStore::new(State::in_memory(Instant::now()), false)
    }

    /// The store kept in the file at `path`, created if it does not exist; its folder must.
    pub async fn open(path: impl AsRef<Path>) -> Result<EmbeddedStore, OpenError> {
        let path = path.as_ref().to_owned();
        let opening = path.clone();
        let opened = tokio::task::spawn_blocking(move || Journal::open(&opening)).await;
        let (journal, contents) = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(source)) => return Err(OpenError::new(path, source)),
            // redb asserts some of what it reads.
            Err(panic) => {
                return Err(OpenError::Damaged { path, source: panic.into() });
            }
        };
        let store = EmbeddedStore::new(State::resumed(journal, contents, Instant::now()), true);
        store.start_timer();
        Ok(store)
    }

    fn new(state: State, on_disk: bool) -> EmbeddedStore {
        let state = Mutex::new(Some(state));
        let shared = Arc::new(Shared { state, on_disk, granted: Notify::new() });
        EmbeddedStore { shared, timer: OnceLock::new() }
    }

    fn start_timer(&self) {
        self.timer.get_or_init(|| {
            AbortOnDropHandle::new(tokio::spawn(end_leases_on_time(Arc::clone(&self.shared))))
        });
    }
}

impl Drop for EmbeddedStore {
    /// Ends the watches and closes the file, after the work that is under way.
    fn drop(&mut self) {
        // First, or it would find the store closed and complain.
        self.timer.take();
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore").field("on_disk", &self.shared.on_disk).finish()
    }
}

impl Shared {
    /// Does some work on the state as it stands at this moment, alone.
    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        operation: impl Into<String>,
        work: impl FnOnce(&mut State, Instant) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if !self.on_disk {
            return self.run_here(operation, work);
        }
        // Off the runtime's own threads, since even a read may have to wait for another's sync.
        let shared = Arc::clone(self);
        let operation = operation.into();
        let asked = operation.clone();
        let working = tokio::task::spawn_blocking(move || shared.run_here(asked, work));
        match timeout(PATIENCE, working).await {
            Ok(Ok(done)) => done,
            Ok(Err(stopped)) => Err(StoreError::unavailable(operation, stopped)),
            Err(elapsed) => Err(StoreError::unavailable(operation, elapsed)),
        }
    }

    fn run_here<T>(
        &self,
        operation: impl Into<String>,
        work: impl FnOnce(&mut State, Instant) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Ok(mut state) = self.state.lock() else {
            return Err(StoreError::unavailable(operation, "an earlier change broke off half-way"));
        };
        let Some(state) = state.as_mut() else {
            return Err(StoreError::unavailable(operation, "the store is closed"));
        };
        let now = Instant::now();
        // The timer may be late; a lease must not be seen alive after its time.
        state.lapse(now)?;
        work(state, now)
    }
}

/// Sleeps until the next lease lapses, ends it, and so on until the store is dropped.
async fn end_leases_on_time(shared: Arc<Shared>) {
    loop {
        match shared.run("end leases", State::lapse).await {
            // Renewals move the end without a word, which costs one idle look per renewed time.
            Ok(Some(end)) => tokio::select! {
                biased;
                () = sleep_until(end) => {}
                () = shared.granted.notified() => {}
            },
            Ok(None) => shared.granted.notified().await,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "cannot end leases");
                sleep(PATIENCE).await;
            }
        }
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn range(&self, prefix: &str) -> Result<Range, StoreError> {
        let asked = prefix.to_owned();
        self.shared.run(format!("read {prefix}"), move |state, _| Ok(state.range(&asked))).await
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.shared.run("read the revision", |state, _| Ok(state.revision())).await
    }

    async fn commit(&self, txn: Txn) -> Result<Committed, StoreError> {
        let operation = format!("commit {}", txn.subject());
        self.shared.run(operation, |state, _| state.commit(txn)).await
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError> {
        let asked = prefix.to_owned();
        let work = move |state: &mut State, _| Ok(state.watch(asked, from));
        self.shared.run(format!("watch {prefix}"), work).await
    }

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, StoreError> {
        self.start_timer();
        let lease = self.shared.run("grant a lease", move |state, now| state.grant(ttl, now)).await;
        self.shared.granted.notify_one();
        lease
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), StoreError> {
        let operation = format!("renew lease {lease}");
        self.shared.run(operation, move |state, now| state.keep_alive(lease, now)).await
    }

    async fn time_left(&self, lease: LeaseId) -> Result<Option<TimeLeft>, StoreError> {
        let operation = format!("ask for the time of lease {lease}");
        self.shared.run(operation, move |state, now| Ok(state.time_left(lease, now))).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        let operation = format!("revoke lease {lease}");
        self.shared.run(operation, move |state, _| state.end_lease(lease)).await
    }

    async fn keys_of(&self, lease: LeaseId) -> Result<Vec<String>, StoreError> {
        let operation = format!("ask for the keys of lease {lease}");
        self.shared.run(operation, move |state, _| Ok(state.keys_of(lease))).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        let operation = format!("compact to {revision}");
        self.shared.run(operation, move |state, _| state.compact(revision)).await
    }
}
