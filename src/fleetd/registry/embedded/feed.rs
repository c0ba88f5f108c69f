//! The recent past and those who watch: history for watches that start behind, and every new
//! change handed to the watchers of its keys.
//!
//! It knows revisions and prefixes. It must not know leases, transactions or the disk.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use super::super::store::{Changes, Event, Revision, StoreError, Watch};

/// How many revisions are kept for watches that start in the past. A reader watches from the
/// revision after its read, so only what happens in between is ever needed; this is far more.
const HISTORY: usize = 10_000;

/// How many changes a watcher may leave unread before it is cut off, like one whose history was
/// compacted. Twice the history, so that a replay always fits. Room not used costs nothing.
const BACKLOG: usize = 2 * HISTORY;

/// What has happened lately, and the channels to those who want to know what happens next.
#[derive(Debug)]
pub(super) struct Feed {
    /// Without gaps; the last one is the store's current revision.
    history: VecDeque<Changes>,
    /// Nothing before this revision can be replayed.
    oldest: Revision,
    watchers: Vec<Watcher>,
}

impl Feed {
    /// A feed that knows nothing of the time before `oldest`.
    pub(super) fn starting_at(oldest: Revision) -> Feed {
        Feed { history: VecDeque::new(), oldest, watchers: Vec::new() }
    }

    /// Tells the watchers, and remembers for those who come later.
    pub(super) fn publish(&mut self, changes: Changes) {
        let oldest = self.oldest;
        self.watchers.retain_mut(|watcher| watcher.offer(&changes, oldest));
        self.history.push_back(changes);
        if self.history.len() > HISTORY {
            self.history.pop_front();
            self.oldest = self.history.front().map_or(self.oldest, |changes| changes.revision);
        }
    }

    /// Everything under `prefix` since `from`, and from now on.
    pub(super) fn watch(&mut self, prefix: String, from: Revision) -> Watch {
        // Watchers of quiet keys are never offered anything, so the dead are buried here too.
        self.watchers.retain(|watcher| !watcher.sender.is_closed());

        let (mut watcher, watch) = Watcher::new(prefix, from);
        if from < self.oldest {
            watcher.end(self.oldest);
            return watch;
        }
        let oldest = self.oldest;
        if self.history.iter().all(|changes| watcher.offer(changes, oldest)) {
            self.watchers.push(watcher);
        }
        watch
    }

    /// Drops what happened before `revision`.
    pub(super) fn forget_before(&mut self, revision: Revision) {
        while self.history.front().is_some_and(|changes| changes.revision < revision) {
            self.history.pop_front();
        }
        self.oldest = self.oldest.max(revision);
    }
}

#[derive(Debug)]
struct Watcher {
    prefix: String,
    from: Revision,
    sender: mpsc::Sender<Result<Changes, StoreError>>,
    /// Room kept free for the error that ends a watch, however full the channel is.
    last_word: Option<mpsc::OwnedPermit<Result<Changes, StoreError>>>,
}

impl Watcher {
    fn new(prefix: String, from: Revision) -> (Watcher, Watch) {
        let (sender, watch) = mpsc::channel(BACKLOG + 1);
        let last_word = sender.clone().try_reserve_owned().ok();
        (Watcher { prefix, from, sender, last_word }, watch)
    }

    /// Passes on what concerns this watcher. False when it shall be offered nothing more.
    fn offer(&mut self, changes: &Changes, oldest: Revision) -> bool {
        if changes.revision < self.from {
            return true;
        }
        let events: Vec<Event> = changes.events.iter().filter(|e| self.wants(e)).cloned().collect();
        if events.is_empty() {
            return !self.sender.is_closed();
        }
        match self.sender.try_send(Ok(Changes { revision: changes.revision, events })) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.end(oldest);
                false
            }
        }
    }

    fn wants(&self, event: &Event) -> bool {
        match event {
            Event::Put(entry) => entry.key.starts_with(&self.prefix),
            Event::Deleted(key) => key.starts_with(&self.prefix),
        }
    }

    fn end(&mut self, oldest: Revision) {
        if let Some(last_word) = self.last_word.take() {
            last_word.send(Err(StoreError::Compacted { oldest }));
        }
    }
}
