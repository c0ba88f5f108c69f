//! A mirror: what stands under a prefix, kept up to date by a watch.
//!
//! One ranged read at revision R, then a watch from R + 1; when history was compacted away or the
//! watch broke, the same again. Nothing is polled. What the entries mean is the [`View`]'s business.

use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use super::store::{Event, Range, Revision, Store, StoreError, Watch};
use crate::fleetd::backoff::Backoff;
use crate::fleetd::chain::chain;

/// How long the watch may bring nothing to a reader who waits for a revision before the range is read
/// again: far more than a watch needs (about a millisecond), and short for a person. Revisions that
/// the watch never reaches are those that other users of the same etcd make outside fleet's prefix.
const FOREIGN_WRITE_GRACE: Duration = Duration::from_millis(100);

/// How long nothing at all may come before such a reader says that the store is away: less than
/// fleetctl waits for an answer (3 s), so that the reason arrives.
const REACH_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a mirror goes by its watch alone, about: then it reads everything again, in case there was
/// a change that the watch should have told of and did not. No such case is known; this is the net
/// below, and rare enough to cost nothing.
const RESYNC: Duration = Duration::from_secs(30 * 60);

/// What a mirror keeps.
pub trait View: Default + Send + Sync + 'static {
    /// Everything stands as the range says.
    fn replace(&mut self, range: Range);

    /// One key changed.
    fn apply(&mut self, revision: Revision, event: Event);
}

/// A view of what stands under one prefix. Dropping it ends its watch.
#[derive(Debug)]
pub struct Mirror<V> {
    shared: Arc<Shared<V>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared<V> {
    view: RwLock<V>,
    /// The revision the view has reached; `None` while nobody follows the store: before the first
    /// read, and while the store is away, which may be another one when it is back.
    reached: watch::Sender<Option<Revision>>,
    /// Asks for the range to be read again.
    reread: Notify,
}

impl<V: View> Mirror<V> {
    /// Starts to mirror everything under `prefix`. `retry_max` bounds the pause between attempts
    /// while the store is away.
    pub fn open(store: Arc<dyn Store>, prefix: String, retry_max: Duration) -> Mirror<V> {
        let shared = Arc::new(Shared {
            view: RwLock::default(),
            reached: watch::Sender::new(None),
            reread: Notify::new(),
        });
        let task = tokio::spawn(keep_up(Arc::clone(&shared), store, prefix, retry_max));
        Mirror { shared, task }
    }

    /// The view as it stands. Changes wait meanwhile: be brief and do not block.
    pub fn read(&self) -> RwLockReadGuard<'_, V> {
        // A writer that panicked left the view between two keys, which is as good as any moment.
        self.shared.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The revision the view has reached, as it grows.
    pub fn reached(&self) -> watch::Receiver<Option<Revision>> {
        self.shared.reached.subscribe()
    }

    /// Waits until the view includes everything up to `revision`. A watch that brings something is on
    /// its way there, however much there is: to read all of it again would only hold it up.
    pub async fn reach(&self, revision: Revision) -> Result<(), StoreError> {
        let mut reached = self.reached();
        if comes_to(&mut reached, revision, FOREIGN_WRITE_GRACE).await.is_ok() {
            return Ok(());
        }
        self.shared.reread.notify_one();
        comes_to(&mut reached, revision, REACH_TIMEOUT).await.map_err(|late| {
            StoreError::Unavailable {
                operation: format!("waiting for revision {revision}"),
                source: late.into(),
            }
        })
    }
}

/// Waits for a revision, unless nothing comes for as long as `silence`.
async fn comes_to(
    reached: &mut watch::Receiver<Option<Revision>>,
    revision: Revision,
    silence: Duration,
) -> Result<(), Elapsed> {
    while *reached.borrow_and_update() < Some(revision) {
        // Who asks has the mirror, so that its end cannot be what changed.
        let _changed = tokio::time::timeout(silence, reached.changed()).await?;
    }
    Ok(())
}

impl<V> Drop for Mirror<V> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<V> Shared<V> {
    fn write(&self) -> RwLockWriteGuard<'_, V> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn keep_up<V: View>(
    shared: Arc<Shared<V>>,
    store: Arc<dyn Store>,
    prefix: String,
    retry_max: Duration,
) {
    let mut backoff = Backoff::up_to(retry_max);
    loop {
        match follow(&shared, &*store, &prefix, &mut backoff).await {
            Ok(Ended::Asked | Ended::Due) => continue,
            Ok(Ended::Watch) | Err(StoreError::Compacted { .. }) => {}
            Err(error) => tracing::debug!(prefix, error = %chain(&error), "mirror"),
        }
        shared.reached.send_if_modified(|reached| reached.take().is_some());
        tokio::time::sleep(backoff.next()).await;
    }
}

/// Why a mirror stops following.
enum Ended {
    /// Somebody asked for the range to be read again.
    Asked,
    /// The watch ended without a word.
    Watch,
    /// It is time to read the range again.
    Due,
}

/// Reads the range, then follows its changes until the watch ends or a re-read is asked for.
async fn follow<V: View>(
    shared: &Shared<V>,
    store: &dyn Store,
    prefix: &str,
    backoff: &mut Backoff,
) -> Result<Ended, StoreError> {
    // This read serves everyone who asked for one so far.
    let _ = shared.reread.notified().now_or_never();
    let range = store.range(prefix).await?;
    let revision = range.revision;
    shared.write().replace(range);
    shared.reached.send_replace(Some(revision));
    let changes = store.watch(prefix, revision.next()).await?;
    let begun = Instant::now();
    let ended = keep_pace(shared, changes).await;
    backoff.worked_for(begun.elapsed());
    ended
}

/// Applies changes until there are no more or a re-read is asked for.
async fn keep_pace<V: View>(shared: &Shared<V>, mut changes: Watch) -> Result<Ended, StoreError> {
    // Not all at the same time.
    let mut due = pin!(tokio::time::sleep(RESYNC.mul_f64(1.0 + fastrand::f64() / 2.0)));
    loop {
        let next = tokio::select! {
            biased;
            next = changes.recv() => next,
            () = shared.reread.notified() => return Ok(Ended::Asked),
            () = &mut due => return Ok(Ended::Due),
        };
        let Some(changes) = next.transpose()? else {
            return Ok(Ended::Watch);
        };
        let mut view = shared.write();
        for event in changes.events {
            view.apply(changes.revision, event);
        }
        drop(view);
        shared.reached.send_replace(Some(changes.revision));
    }
}
