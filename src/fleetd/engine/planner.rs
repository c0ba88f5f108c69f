//! Decides again and again as the cluster changes, and looks only at what that concerns: its plans are
//! those of `schedule`. Pure, but for what it keeps.

use super::compare;
use super::ledger::{Ledger, Open};
use super::plan::Plan;
use super::schedule::Pass;
use super::vanished::Moment;
use crate::fleetd::registry::{Cluster, Revision};

/// Plans for one cluster, for as long as one machine leads it.
#[derive(Debug, Default)]
pub struct Planner {
    kept: Option<Kept>,
}

/// The books of the last pass, and of which cluster they are.
#[derive(Debug)]
struct Kept {
    ledger: Ledger,
    readings: u64,
    revision: Revision,
}

impl Planner {
    /// Decides what each machine shall have at a moment.
    pub fn plan(&mut self, cluster: &Cluster, moment: &Moment) -> Plan {
        let caught_up = self.kept.take().and_then(|kept| kept.catch_up(cluster));
        let mut ledger = caught_up.unwrap_or_else(|| Ledger::of(cluster));
        let pass = Pass::over(cluster, moment, &ledger);
        let plan = compare::plan(&pass);
        let open = Open::after(&pass, &plan);
        ledger.close(open);
        let (readings, revision) = (cluster.readings(), cluster.revision());
        self.kept = Some(Kept { ledger, readings, revision });
        plan
    }
}

impl Kept {
    /// The books as they are now; `None` where it is better to begin anew: everything was read
    /// again, another hand is at work, or the change concerns many.
    fn catch_up(mut self, cluster: &Cluster) -> Option<Ledger> {
        if self.readings != cluster.readings() || !cluster.foreign.is_empty() {
            return None;
        }
        let changed = cluster.changed_since(self.revision)?;
        self.ledger.follow(cluster, changed).then_some(self.ledger)
    }
}
