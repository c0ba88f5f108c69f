//! Which leases live, and until when. Pure: the time comes in as an argument.
//!
//! It must not know the keys that hang on a lease, nor the disk.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::super::store::{LeaseId, TimeLeft};

/// The longest lease, so that adding one to a point in time cannot overflow. Sessions live for
/// seconds.
pub(super) const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The leases that live.
#[derive(Debug)]
pub(super) struct Leases {
    alive: BTreeMap<LeaseId, Lease>,
    /// The number after the last one given out; numbers are never given out again.
    next: i64,
}

#[derive(Debug)]
struct Lease {
    ttl: Duration,
    ends: Instant,
}

impl Leases {
    /// The leases of an earlier life, with their full time from `now` on.
    pub(super) fn resumed(
        leases: impl IntoIterator<Item = (LeaseId, Duration)>,
        next: i64,
        now: Instant,
    ) -> Leases {
        let alive =
            leases.into_iter().map(|(id, ttl)| (id, Lease { ttl, ends: now + ttl })).collect();
        Leases { alive, next }
    }

    /// The name the next lease will have.
    pub(super) fn next_id(&self) -> LeaseId {
        LeaseId(self.next)
    }

    /// Begins the next lease.
    pub(super) fn grant(&mut self, ttl: Duration, now: Instant) -> LeaseId {
        let id = self.next_id();
        self.next += 1;
        self.alive.insert(id, Lease { ttl, ends: now + ttl });
        id
    }

    /// Gives a lease its full time again; false when it does not live.
    pub(super) fn renew(&mut self, id: LeaseId, now: Instant) -> bool {
        let Some(lease) = self.alive.get_mut(&id) else {
            return false;
        };
        lease.ends = now + lease.ttl;
        true
    }

    /// Whether a lease lives.
    pub(super) fn contains(&self, id: LeaseId) -> bool {
        self.alive.contains_key(&id)
    }

    /// How much time a lease has left; `None` when it does not live.
    pub(super) fn time_left(&self, id: LeaseId, now: Instant) -> Option<TimeLeft> {
        let lease = self.alive.get(&id)?;
        Some(TimeLeft { left: lease.ends.saturating_duration_since(now), of: lease.ttl })
    }

    /// Ends a lease.
    pub(super) fn end(&mut self, id: LeaseId) {
        self.alive.remove(&id);
    }

    /// The lease that lapses first, and when.
    pub(super) fn first_to_end(&self) -> Option<(LeaseId, Instant)> {
        self.alive.iter().map(|(id, lease)| (*id, lease.ends)).min_by_key(|(id, ends)| (*ends, *id))
    }
}
