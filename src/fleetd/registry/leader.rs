//! The engine's operations: to lead, and to write schedules while leading.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

use super::Registry;
use super::format::FIRST_FORMAT;
use super::keys::Key;
use super::records::{LeaderRecord, encode, readable};
use super::session::only;
use super::store::{Committed, Compare, Event, LeaseId, Op, Revision, StoreError};
use crate::model::MachineId;

/// How many sessions are asked about at once: answers travel side by side, and a thousand machines
/// flood nobody.
const QUESTIONS_AT_ONCE: usize = 32;

/// Proof of having won the leader key: its lease, and the revision at which it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    /// Renew it, or lose the key.
    pub lease: LeaseId,
    /// Names this term; every write of the leader is conditional on it.
    pub term: Revision,
    /// The store's format when the term began.
    pub format: u32,
}

impl Registry {
    /// Returns once nobody leads, and nobody came to within `courtesy` of that, given how long the
    /// store took to answer: who is told by the watch asks the store for nothing. A leader's key
    /// hangs on its lease: one that does not would name the same leader for ever, and is removed.
    pub async fn leader_vacancy(
        &self,
        courtesy: impl Fn(Duration) -> Duration,
    ) -> Result<(), StoreError> {
        loop {
            let asked = Instant::now();
            let (entry, seen) = self.get(&Key::Leader).await?;
            let answer = asked.elapsed();
            if let Some(entry) = entry.as_ref().filter(|entry| entry.lease.is_none()) {
                self.remove_foreign(entry).await?;
            }
            match self.vacant_after(seen, entry.is_none(), || courtesy(answer)).await {
                Ok(true) => return Ok(()),
                Ok(false) | Err(StoreError::Compacted { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Watches the leader's key until it has been absent for as long as courtesy asks; `false` when
    /// the watch ends before that, or shows what another hand wrote.
    async fn vacant_after(
        &self,
        seen: Revision,
        mut vacant: bool,
        courtesy: impl Fn() -> Duration,
    ) -> Result<bool, StoreError> {
        let key = Key::Leader.to_string();
        let mut changes = self.store.watch(&key, seen.next()).await?;
        loop {
            let next = match vacant {
                true => match tokio::time::timeout(courtesy(), changes.recv()).await {
                    Ok(next) => next,
                    Err(_nobody_came) => return Ok(true),
                },
                false => changes.recv().await,
            };
            let Some(change) = next else { return Ok(false) };
            for event in change?.events.iter().filter(|event| event.key() == key) {
                vacant = match event {
                    Event::Deleted(_) => true,
                    Event::Put(entry) if entry.lease.is_none() => return Ok(false),
                    Event::Put(_) => false,
                };
            }
        }
    }

    /// Tries to become the leader. `None`: another machine was faster.
    pub async fn campaign(
        &self,
        candidate: &LeaderRecord,
        ttl: Duration,
    ) -> Result<Option<Leadership>, StoreError> {
        let lease = self.grant(ttl).await?;
        let key = Key::Leader.to_string();
        let put = Op::Put { key: key.clone(), value: encode(candidate), lease: Some(lease) };
        let steps = vec![put, Op::Get(Key::Format.to_string())];
        let won = self.commit_if(vec![Compare::Absent(key)], steps).await?;
        match won {
            Some(mut won) => {
                let format = won.results.pop().and_then(only).as_ref().and_then(readable);
                let format = format.unwrap_or(FIRST_FORMAT);
                Ok(Some(Leadership { lease, term: won.revision, format }))
            }
            None => {
                self.revoke(lease).await?;
                Ok(None)
            }
        }
    }

    /// Steps of the leader, committed only if it still leads (`None` if not).
    pub async fn commit_as_leader(
        &self,
        leadership: &Leadership,
        steps: Vec<Op>,
    ) -> Result<Option<Committed>, StoreError> {
        let leading = Compare::Created(Key::Leader.to_string(), leadership.term);
        self.commit_if(vec![leading], steps).await
    }

    /// Of machines, those whose session was not renewed for more than half of its time. Who lives
    /// renews it each third.
    pub async fn silent(
        &self,
        sessions: Vec<(MachineId, LeaseId)>,
    ) -> Result<BTreeSet<MachineId>, StoreError> {
        let ask = |(machine, lease)| async move {
            let time = self.store.time_left(lease).await?;
            let is_silent = time.is_none_or(|time| time.left < time.of / 2);
            Ok(is_silent.then_some(machine))
        };
        let asked = stream::iter(sessions).map(ask).buffer_unordered(QUESTIONS_AT_ONCE);
        asked.try_filter_map(|silent| async move { Ok(silent) }).try_collect().await
    }

    /// Drops history older than `revision`; watches from before it must read anew.
    pub async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.store.compact(revision).await
    }
}
