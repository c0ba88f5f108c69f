//! The engine's operations: to lead, and to write schedules while leading.

use std::time::Duration;

use super::Registry;
use super::keys::Key;
use super::records::{LeaderRecord, encode};
use super::store::{Committed, Compare, LeaseId, Op, Revision, StoreError};

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
        match self.get(&Key::Leader).await? {
            (None, _) => Ok(()),
            (Some(_), seen) => self.until_gone(&Key::Leader, seen).await,
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
        let won = self.commit_if(vec![Compare::Absent(key)], vec![put]).await?;
        match won {
            Some(won) => Ok(Some(Leadership { lease, term: won.revision })),
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

    /// Drops history older than `revision`; watches from before it must read anew.
    pub async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.store.compact(revision).await
    }
}
