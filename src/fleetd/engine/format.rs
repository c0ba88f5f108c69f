//! When the store's format grows. Pure.
//!
//! A leader writes what every machine reads: a newer format begins when the last machine of the
//! cluster has a fleetd that reads it, and never before; and it never shrinks.

use std::fmt;

use crate::fleetd::registry::{Cluster, FIRST_FORMAT};

/// That the store has another format from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raise {
    /// The format; one that does not read counts as none.
    pub to: u32,
}

/// What a leader of format `own` makes of the store's. `None`: it stays.
pub fn raise(cluster: &Cluster, own: u32) -> Option<Raise> {
    let machines = cluster.machines.values();
    let oldest = machines.map(|machine| machine.record.format.unwrap_or(FIRST_FORMAT)).min()?;
    let to = oldest.min(own);
    (cluster.format.is_none_or(|stored| stored < to)).then_some(Raise { to })
}

impl fmt::Display for Raise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "= the store has format {} from now on", self.to)
    }
}
