//! What becomes of a unit whose machine is cut off from the cluster: `OnPartition=`.
//! Must not know how a machine notices that.

use std::time::Duration;

/// The shortest `agent_ttl` of a machine that takes units with `OnPartition=stop`: they get a third
/// of it to see an answer late, less than another third to stop, and two seconds are a reserve.
/// With less than this, a slow etcd would stop them, and none would have the time to stop well.
pub const STOP_TTL_MIN: Duration = Duration::from_secs(10);

/// What a machine does with a unit when it is cut off from the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnPartition {
    /// It runs on: also when others have started it meanwhile.
    #[default]
    Keep,
    /// It is stopped before any other machine can start it.
    Stop,
}

impl OnPartition {
    /// Reads the word for it.
    pub(super) fn parse(word: &str) -> Option<OnPartition> {
        match word {
            "keep" => Some(OnPartition::Keep),
            "stop" => Some(OnPartition::Stop),
            _ => None,
        }
    }
}
