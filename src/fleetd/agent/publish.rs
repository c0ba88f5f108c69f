//! Reports what systemd says of this machine's units: only what changed, in batches, in a task of
//! its own so that the agent never waits for the store to hear of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::Agent;
use super::diff::Here;
use super::held::Hindrance;
use super::words::Words;
use crate::fleetd::backoff::Backoff;
use crate::fleetd::chain::chain;
use crate::fleetd::registry::{LeaseId, Registry, StateRecord, StoreError};
use crate::fleetd::systemd::Status;
use crate::model::{MachineId, SystemdState};
use crate::unitfile::{UnitHash, UnitName};

/// Compares what is with what was reported, and reports the difference.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The session reports hang on; none while the machine is not of the cluster.
    lease: Option<LeaseId>,
    /// What is true.
    current: BTreeMap<UnitName, StateRecord>,
    /// Of these it is not to be told yet.
    withheld: BTreeSet<UnitName>,
    /// What the store was told; `None` where the answer was lost.
    reported: BTreeMap<UnitName, Option<StateRecord>>,
    /// Under which lease: also while the machine is not of the cluster, since it may come back under
    /// the same.
    reported_under: Option<LeaseId>,
}

/// A change to report; `None`: the unit is gone.
type Report = (UnitName, Option<StateRecord>);

impl Publisher {
    /// Reports for `machine`, trying again at most `retry_max` apart.
    pub fn start(registry: Registry, machine: MachineId, retry_max: Duration) -> Publisher {
        let shared = Arc::<Shared>::default();
        let task = tokio::spawn(publish(Arc::clone(&shared), registry, machine, retry_max));
        Publisher { shared, task }
    }

    /// What an earlier fleetd reported under the lease that is taken up again.
    pub fn resume(&self, lease: LeaseId, reported: BTreeMap<UnitName, StateRecord>) {
        let mut state = self.shared.lock();
        (state.lease, state.reported_under) = (Some(lease), Some(lease));
        state.reported = reported.into_iter().map(|(name, is)| (name, Some(is))).collect();
    }

    /// What is true now, though not to be told yet of some. Under a new lease everything is
    /// reported anew.
    pub fn update(
        &self,
        lease: Option<LeaseId>,
        current: BTreeMap<UnitName, StateRecord>,
        withheld: BTreeSet<UnitName>,
    ) {
        let mut state = self.shared.lock();
        if state.lease != lease {
            state.under(lease);
        }
        state.current = current;
        state.withheld = withheld;
        self.shared.wake.notify_one();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of the store, if that is still under this lease.
    fn under(&self, lease: LeaseId, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        if state.reported_under == Some(lease) {
            change(&mut state);
        }
    }
}

impl State {
    fn reports(&self) -> Vec<Report> {
        let told = |name: &UnitName| self.reported.get(name).and_then(Option::as_ref);
        let ripe = self.current.iter().filter(|(name, _)| !self.withheld.contains(*name));
        let changed = ripe.filter(|(name, is)| told(name) != Some(is));
        let gone = self.reported.keys().filter(|name| !self.current.contains_key(*name));
        let changed = changed.map(|(name, is)| (name.clone(), Some(is.clone())));
        changed.chain(gone.map(|name| (name.clone(), None))).collect()
    }

    fn note(&mut self, reports: Vec<Report>) {
        for (name, record) in reports {
            match record {
                Some(record) => drop(self.reported.insert(name, Some(record))),
                None => drop(self.reported.remove(&name)),
            }
        }
    }

    /// Goes on under this lease. What went with another one is forgotten; what was told under the same,
    /// before the machine was of the cluster again, may have been taken away by the engine.
    fn under(&mut self, lease: Option<LeaseId>) {
        self.lease = lease;
        if lease.is_none() {
            return;
        }
        if self.reported_under == lease {
            self.reported.values_mut().for_each(|told| *told = None);
        } else {
            self.reported_under = lease;
            self.reported.clear();
        }
    }

    /// The answer was lost: the store may have been told or not.
    fn doubt(&mut self, reports: Vec<Report>) {
        self.reported.extend(reports.into_iter().map(|(name, _)| (name, None)));
    }
}

async fn publish(shared: Arc<Shared>, registry: Registry, machine: MachineId, retry_max: Duration) {
    let mut backoff = Backoff::up_to(retry_max);
    loop {
        let (lease, reports) = {
            let state = shared.lock();
            (state.lease, state.reports())
        };
        let Some(lease) = lease.filter(|_| !reports.is_empty()) else {
            shared.wake.notified().await;
            continue;
        };
        match registry.publish(&machine, lease, &reports).await {
            Ok(()) => {
                backoff.reset();
                shared.under(lease, |state| state.note(reports));
            }
            // The agent will notice too, and come back with another lease.
            Err(StoreError::LeaseGone { .. }) => shared.wake.notified().await,
            Err(error) => {
                tracing::debug!(error = %chain(&error), "reporting states");
                shared.under(lease, |state| state.doubt(reports));
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}

impl Agent {
    /// Hands on what is true now to those who tell others of it.
    pub(super) fn report(&self) {
        let lease = self.membership.life().and(self.membership.lease());
        let records =
            self.observed.iter().filter_map(|(name, here)| Some((name.clone(), record(here)?)));
        let withheld = |here: &Here| here.words == Words::Awaited { withheld: true };
        let withheld = self.observed.iter().filter(|(_, here)| withheld(here));
        let withheld = withheld.map(|(name, _)| name.clone()).collect();
        self.surveyor.under(lease);
        self.publisher.update(lease, records.collect(), withheld);
    }
}

/// What the store shall say of a unit: what systemd says, or that systemd refused it.
fn record(here: &Here) -> Option<StateRecord> {
    let launched = here.launched.as_ref();
    let refused = launched.and_then(|launched| launched.message.clone());
    let status = match (&here.status, &refused, &here.file) {
        (Some(status), ..) => status.clone(),
        (None, Some(_), Some(known)) => refused_status(known.hash()?),
        _ => return None,
    };
    let Status { linked, state, result, exit_status, run, .. } = status;
    let stop_refused = here.stop_refused.clone().filter(|_| !state.is_inactive());
    Some(StateRecord {
        hash: linked?,
        load: state.load,
        active: state.active,
        sub: state.sub,
        launch: launched.map(|launched| launched.launch),
        job: launched.and_then(|launched| launched.result).map(|result| result.to_string()),
        result,
        exit_status,
        message: message(refused.or(stop_refused), here.hindrance.as_ref()),
        since: run.since,
        main_pid: run.main_pid,
        restarts: run.restarts,
        log: match &here.words {
            Words::Known(lines) => Some(lines.clone()),
            Words::None | Words::Awaited { .. } => None,
        },
    })
}

/// What went wrong: in systemd's words, where it refused something, and when it is tried again.
fn message(refused: Option<String>, hindrance: Option<&Hindrance>) -> Option<String> {
    let Some(Hindrance { why, until, .. }) = hindrance else { return refused };
    let what = refused.as_ref().unwrap_or(why);
    Some(format!("{what}; it is tried again at {until}"))
}

/// What systemd would say of a unit whose file it does not take.
fn refused_status(hash: UnitHash) -> Status {
    let [load, active, sub] = ["error", "failed", "failed"].map(str::to_owned);
    let state = SystemdState { load, active, sub };
    Status { linked: Some(hash), state, ..Status::not_found() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What there is to report of a unit that is here no more, after it was told under this lease, and
    /// the machine was not of the cluster for a while.
    fn told_under(before: i64, now: i64) -> Vec<Report> {
        let gone = UnitName::parse("gone.service").unwrap();
        let mut state = State::default();
        state.under(Some(LeaseId(before)));
        state.doubt(vec![(gone, None)]);
        state.under(None);
        state.under(Some(LeaseId(now)));
        state.reports()
    }

    #[test]
    fn what_was_told_is_taken_back_under_the_same_session_and_goes_with_another() {
        assert!(matches!(&told_under(1, 1)[..], [(name, None)] if name.as_str() == "gone.service"));
        assert_eq!(told_under(1, 2), []);
    }
}
