//! The engine's operations: to lead, and to write schedules while leading.

use std::time::Duration;

use super::Registry;
use super::keys::Key;
use super::records::{LeaderRecord, encode};
use super::store::{Committed, Compare, Event, LeaseId, Op, Revision, StoreError};

/// Proof of having won the leader key: its lease, and the revision at which it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    /// Renew it, or lose the key.
    pub lease: LeaseId,
    /// Names this term; every write of the leader is conditional on it.
    pub term: Revision,
}

impl Registry {
    /// Returns once nobody leads.
    pub async fn leader_vacancy(&self) -> Result<(), StoreError> {
        loop {
            let (entry, revision) = self.get(&Key::Leader).await?;
            if entry.is_none() {
                return Ok(());
            }
            let mut changes = self.store.watch(&Key::Leader.to_string(), revision.next()).await?;
            while let Some(change) = changes.recv().await {
                let gone = |event: &Event| matches!(event, Event::Deleted(_));
                if change?.events.iter().any(gone) {
                    return Ok(());
                }
            }
        }
    }

    /// Tries to become the leader. `None`: another machine was faster.
    pub async fn campaign(
        &self,
        candidate: &LeaderRecord,
        ttl: Duration,
    ) -> Result<Option<Leadership>, StoreError> {
        let lease = self.store.grant(ttl).await?;
        let key = Key::Leader.to_string();
        let put = Op::Put { key: key.clone(), value: encode(candidate), lease: Some(lease) };
        let won = self.commit_if(vec![Compare::Absent(key)], vec![put]).await?;
        match won {
            Some(won) => Ok(Some(Leadership { lease, term: won.revision })),
            None => {
                self.store.revoke(lease).await?;
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

    /// Drops history older than `revision`; watches from before it must read anew.
    pub async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.store.compact(revision).await
    }

    /// Renews a lease: the leader's, or a machine's session.
    pub async fn keep_alive(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.store.keep_alive(lease).await
    }

    /// Ends a lease, and all that hangs on it, at once.
    pub async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.store.revoke(lease).await
    }
}
