//! The store's truth, in memory: keys, leases, revision, and the order in which things happen to
//! them. Every step is decided here, then written to the journal, then told to the watchers.
//!
//! Not async and takes the time as an argument; who calls it holds the one lock. It must not know
//! tasks or timers.

use std::time::Duration;

use tokio::time::Instant;

use super::super::store::{
    Changes, Committed, LeaseId, Range, Revision, StoreError, TimeLeft, Txn, Watch,
};
use super::feed::Feed;
use super::journal::{Contents, Entry, Journal, LeaseChange};
use super::leases::{LONGEST, Leases};
use super::txn::{self, Draft, Keys};

/// The revision of an empty store, as in etcd.
const EMPTY: Revision = Revision(1);

/// Everything the store knows.
#[derive(Debug)]
pub(super) struct State {
    keys: Keys,
    revision: Revision,
    leases: Leases,
    feed: Feed,
    journal: Option<Journal>,
}

impl State {
    /// An empty store that lives in memory only.
    pub(super) fn in_memory(now: Instant) -> State {
        State {
            keys: Keys::new(),
            revision: EMPTY,
            leases: Leases::resumed([], 1, now),
            feed: Feed::starting_at(EMPTY),
            journal: None,
        }
    }

    /// The store as the journal has it. Leases begin their full time again: how long fleetd was
    /// away is not known, and who still lives renews in time.
    pub(super) fn resumed(journal: Journal, contents: Contents, now: Instant) -> State {
        let fresh = contents.revision == EMPTY;
        let oldest = if fresh { EMPTY } else { contents.revision.next() };
        State {
            keys: contents.keys,
            revision: contents.revision,
            leases: Leases::resumed(contents.leases, contents.next_lease, now),
            feed: Feed::starting_at(oldest),
            journal: Some(journal),
        }
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    pub(super) fn range(&self, prefix: &str) -> Range {
        let entries = txn::under(&self.keys, prefix).cloned().collect();
        Range { revision: self.revision, entries }
    }

    pub(super) fn commit(&mut self, txn: Txn) -> Result<Committed, StoreError> {
        let operation = format!("commit {}", txn.subject());
        txn::check(&txn).map_err(|why| StoreError::refused(&operation, why))?;
        let roads = txn::decide(&self.keys, &|lease| self.leases.contains(lease), &txn)?;
        let mut committed =
            self.change(&operation, None, |draft| draft.take(txn, &mut roads.into_iter()))?;
        txn::stamp(&mut committed, self.revision);
        Ok(committed)
    }

    pub(super) fn watch(&mut self, prefix: String, from: Revision) -> Watch {
        self.feed.watch(prefix, from)
    }

    pub(super) fn grant(&mut self, ttl: Duration, now: Instant) -> Result<LeaseId, StoreError> {
        let operation = "grant a lease";
        if ttl > LONGEST {
            return Err(StoreError::refused(operation, format!("{ttl:?} is too long")));
        }
        let granted = LeaseChange::Granted(self.leases.next_id(), ttl);
        self.change(operation, Some(granted), |_| {})?;
        Ok(self.leases.grant(ttl, now))
    }

    pub(super) fn keep_alive(&mut self, lease: LeaseId, now: Instant) -> Result<(), StoreError> {
        // Not written down: after a restart a lease has its full time anyway.
        if self.leases.renew(lease, now) { Ok(()) } else { Err(StoreError::LeaseGone { lease }) }
    }

    pub(super) fn time_left(&self, lease: LeaseId, now: Instant) -> Option<TimeLeft> {
        self.leases.time_left(lease, now)
    }

    /// The keys that hang on a lease, sorted.
    pub(super) fn keys_of(&self, lease: LeaseId) -> Vec<String> {
        let bound = self.keys.values().filter(|entry| entry.lease == Some(lease));
        bound.map(|entry| entry.key.clone()).collect()
    }

    /// Ends a lease and removes its keys, all at one revision.
    pub(super) fn end_lease(&mut self, lease: LeaseId) -> Result<(), StoreError> {
        if !self.leases.contains(lease) {
            return Ok(());
        }
        let bound = self.keys_of(lease);
        let operation = format!("end lease {lease}");
        self.change(&operation, Some(LeaseChange::Ended(lease)), |draft| {
            for key in bound {
                draft.delete(key);
            }
        })?;
        self.leases.end(lease);
        Ok(())
    }

    /// Ends every lease whose time is over, the earliest first; says when the next one's will be.
    pub(super) fn lapse(&mut self, now: Instant) -> Result<Option<Instant>, StoreError> {
        while let Some((lease, ends)) = self.leases.first_to_end() {
            if ends > now {
                return Ok(Some(ends));
            }
            self.end_lease(lease)?;
        }
        Ok(None)
    }

    pub(super) fn compact(&mut self, revision: Revision) -> Result<(), StoreError> {
        if revision > self.revision {
            let why = format!("the store is at revision {}", self.revision);
            return Err(StoreError::refused(format!("compact to {revision}"), why));
        }
        self.feed.forget_before(revision);
        Ok(())
    }

    /// Makes changes, writes them down, then tells the watchers; all of it or nothing.
    fn change<T>(
        &mut self,
        operation: &str,
        lease: Option<LeaseChange>,
        make: impl FnOnce(&mut Draft<'_>) -> T,
    ) -> Result<T, StoreError> {
        let next = self.revision.next();
        let mut draft = Draft::new(&mut self.keys, next);
        let made = make(&mut draft);
        let revision = if draft.events.is_empty() { self.revision } else { next };
        if draft.events.is_empty() && lease.is_none() {
            return Ok(made);
        }
        if let Some(journal) = &mut self.journal {
            let lasting = draft.touches_lasting_keys();
            let entry = Entry { revision, events: &draft.events, lease, lasting };
            if let Err(source) = journal.write(&entry) {
                draft.take_back();
                return Err(StoreError::unavailable(operation, source));
            }
        }
        let events = draft.events;
        if !events.is_empty() {
            self.revision = revision;
            self.feed.publish(Changes { revision, events });
        }
        Ok(made)
    }
}
