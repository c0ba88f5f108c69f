//! Machines that vanished together, and until when nothing of them is moved. Pure; what time it is
//! and who is silent come in as values.
//!
//! Where more than half of the machines are missing at once, that is a network and not a hundred
//! dead machines: to move everything would be the worst answer to it. So they get one more
//! `agent_ttl` to come back. What was decided stands in `lost/<machine>`, for the next leader and
//! for the time when some of them are back already.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::fleetd::registry::{Cluster, LostRecord, MachineRecord};
use crate::model::{MachineId, Timestamp};

/// The time to live of a machine whose fleetd does not tell: what `agent_ttl` is by default.
const TTL_UNTOLD: Duration = Duration::from_secs(30);

/// What the second of a moment, which is rounded down, may lack.
const ROUNDING: Duration = Duration::from_secs(1);

/// What a decision depends on beside all that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// What time it is.
    pub now: Timestamp,
    /// Live machines that missed a heartbeat, as far as somebody asked: they may be the next to
    /// vanish.
    pub silent: BTreeSet<MachineId>,
}

impl Moment {
    /// A moment at which nobody asked who is silent.
    pub fn at(now: Timestamp) -> Moment {
        Moment { now, silent: BTreeSet::new() }
    }
}

/// That a machine vanished and nothing of it is moved yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Until when.
    pub until: Timestamp,
    /// How many machines are missing.
    pub missing: usize,
    /// Of how many.
    pub of: usize,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wait { until, missing, of } = self;
        write!(f, "{missing} of {of} machines are missing, nothing of it is moved before {until}")
    }
}

/// Which machines vanished and are waited for. Without an entry, one that vanished is not.
pub fn waits(cluster: &Cluster, moment: &Moment) -> BTreeMap<MachineId, Wait> {
    let now = moment.now;
    let gone: Vec<Gone<'_>> = gone(cluster, now).collect();
    if gone.is_empty() {
        return BTreeMap::new();
    }
    let ttl_of_new = gone.iter().filter(|gone| gone.lost.is_none()).map(|gone| gone.ttl).max();
    let ttl_of_new = ttl_of_new.unwrap_or_default();
    let lately = |gone: &&Gone<'_>| {
        gone.is_awaited(now) || now.since(gone.since) <= gone.ttl.max(ttl_of_new)
    };
    let together: Vec<&Gone<'_>> = gone.iter().filter(lately).collect();
    let ttl = together.iter().map(|gone| gone.ttl).max().unwrap_or_default();
    let silent = moment.silent.iter().filter(|id| cluster.machines.contains_key(id)).count();
    let (missing, of) = (together.len() + silent, cluster.machines.len() + together.len());
    let like_a_network = missing * 2 > of
        || together.iter().any(|gone| gone.is_awaited(now))
        || leader_came_lately(cluster, now, ttl);
    let longest = now.after(longest_ttl(cluster) + ROUNDING);
    let until = |gone: &Gone<'_>| match gone.lost {
        // A leader whose clock is ahead may have written more than anybody waits.
        Some(lost) => lost.until.filter(|until| *until > now).map(|until| until.min(longest)),
        None => like_a_network.then(|| now.after(ttl + ROUNDING)),
    };
    let wait = |gone: &Gone<'_>| Some((gone.id.clone(), Wait { until: until(gone)?, missing, of }));
    together.into_iter().filter_map(wait).collect()
}

/// Whether a machine vanished of which nothing is decided yet: then it matters who else is silent.
pub fn is_news(cluster: &Cluster) -> bool {
    gone(cluster, Timestamp::from_unix_secs(0)).any(|gone| gone.lost.is_none())
}

/// A machine that vanished.
struct Gone<'a> {
    id: &'a MachineId,
    since: Timestamp,
    ttl: Duration,
    /// What was decided when that was noticed.
    lost: Option<&'a LostRecord>,
}

impl Gone<'_> {
    fn is_awaited(&self, now: Timestamp) -> bool {
        self.lost.is_some_and(|lost| lost.until.is_some_and(|until| until > now))
    }
}

/// Every machine that went without a word; what nobody noticed yet is noticed now.
fn gone(cluster: &Cluster, now: Timestamp) -> impl Iterator<Item = Gone<'_>> {
    let gone = cluster.away().filter(|(_, known)| known.record.left.is_none());
    gone.map(move |(id, known)| {
        let lost = cluster.lost.get(id);
        let since = lost.map_or(now, |lost| lost.since);
        Gone { id, since, ttl: ttl_of(&known.record.machine), lost }
    })
}

/// Whether the leader's own machine was away itself a moment ago, as after an outage of the whole
/// store: then others are on their way back, too.
fn leader_came_lately(cluster: &Cluster, now: Timestamp, ttl: Duration) -> bool {
    let Some(leader) = &cluster.leader else { return false };
    let Some(machine) = cluster.machines.get(&leader.machine) else { return true };
    machine.record.joined.is_some_and(|joined| now.since(joined) < ttl)
}

fn longest_ttl(cluster: &Cluster) -> Duration {
    let ttls = cluster.known.values().map(|known| ttl_of(&known.record.machine));
    ttls.max().unwrap_or_default()
}

fn ttl_of(machine: &MachineRecord) -> Duration {
    machine.agent_ttl().unwrap_or(TTL_UNTOLD)
}
