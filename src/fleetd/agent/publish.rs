//! Reports what systemd says of this machine's units: only what changed and is not about to change
//! again, in batches, in a task of its own so that the agent never waits for the store to hear of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::at;
use super::report::{Current, Told};
use crate::fleetd::backoff::Backoff;
use crate::fleetd::chain::chain;
use crate::fleetd::registry::{LeaseId, Registry, StateRecord, StoreError};
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// How long something lasts that is told although it is about to change: longer than a machine takes
/// for a hundred starts at once, and little for who looks at a unit that is slow.
const LASTS: Duration = Duration::from_millis(500);

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
    current: BTreeMap<UnitName, Current>,
    /// Since when units have been about to change.
    passing: BTreeMap<UnitName, Instant>,
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

    /// What is true now. Under a new lease everything is reported anew.
    pub fn update(&self, lease: Option<LeaseId>, current: BTreeMap<UnitName, Current>) {
        let mut state = self.shared.lock();
        if state.lease != lease {
            state.under(lease);
        }
        state.know(current, Instant::now());
        self.shared.wake.notify_one();
    }

    /// What was reported of these units under this lease was taken away with their holders.
    pub fn released(&self, lease: LeaseId, names: &[UnitName]) {
        self.shared.under(lease, |state| {
            names.iter().for_each(|name| drop(state.reported.remove(name)));
        });
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
    fn know(&mut self, current: BTreeMap<UnitName, Current>, now: Instant) {
        let passing = current.iter().filter(|(_, is)| is.told == Told::Lasting);
        let since = |name: &UnitName| self.passing.get(name).copied().unwrap_or(now);
        self.passing = passing.map(|(name, _)| (name.clone(), since(name))).collect();
        self.current = current;
    }

    fn reports(&self, now: Instant) -> Vec<Report> {
        let ripe = |(name, is): &(&UnitName, &Current)| match is.told {
            Told::Now => true,
            Told::Lasting => self.passing.get(*name).is_none_or(|since| *since + LASTS <= now),
            Told::Later => false,
        };
        let news = |(name, is): &(&UnitName, &Current)| match self.reported.get(*name) {
            Some(told) => told.is_none() || *told != is.record,
            None => is.record.is_some(),
        };
        let changed = self.current.iter().filter(ripe).filter(news);
        let changed = changed.map(|(name, is)| (name.clone(), is.record.clone()));
        let gone = self.reported.keys().filter(|name| !self.current.contains_key(*name));
        changed.chain(gone.map(|name| (name.clone(), None))).collect()
    }

    /// When something will have lasted that did not yet.
    fn next(&self, now: Instant) -> Option<Instant> {
        self.passing.values().map(|since| *since + LASTS).filter(|due| *due > now).min()
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
        let (lease, reports, next) = {
            let (state, now) = (shared.lock(), Instant::now());
            (state.lease, state.reports(now), state.next(now))
        };
        let Some(lease) = lease.filter(|_| !reports.is_empty()) else {
            tokio::select! {
                biased;
                () = shared.wake.notified() => {}
                () = at(next) => {}
            }
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
        state.reports(Instant::now())
    }

    fn running() -> StateRecord {
        let said = r#"{"load": "loaded", "active": "active", "sub": "running", "hash": "HASH"}"#;
        serde_json::from_str(&said.replace("HASH", &"0".repeat(40))).unwrap()
    }

    /// How much there is to report of a unit at a time (in milliseconds), when it was to be told so before.
    fn told_at(told: &[(u64, Told)], millis: u64) -> usize {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let name = UnitName::parse("a.service").unwrap();
        let mut state = State::default();
        for (millis, told) in told {
            let current = Current { record: Some(running()), told: *told };
            state.know(BTreeMap::from([(name.clone(), current)]), at(*millis));
        }
        assert!(state.next(at(millis)).is_none_or(|next| next > at(millis)));
        state.reports(at(millis)).len()
    }

    #[test]
    fn what_is_about_to_change_is_told_once_it_lasts() {
        use Told::{Lasting, Later, Now};
        for (told, millis, reports) in [
            (&[(0, Now)][..], 0, 1),
            (&[(0, Later)], 1000, 0),
            (&[(0, Lasting)], 499, 0),
            (&[(0, Lasting)], 500, 1),
            (&[(0, Lasting), (50, Lasting)], 500, 1),
            (&[(0, Lasting), (50, Now)], 50, 1),
            (&[(0, Lasting), (50, Now), (60, Lasting)], 500, 0),
        ] {
            assert_eq!(told_at(told, millis), reports, "{told:?} at {millis}");
        }
    }

    #[test]
    fn what_was_told_is_taken_back_under_the_same_session_and_goes_with_another() {
        assert!(matches!(&told_under(1, 1)[..], [(name, None)] if name.as_str() == "gone.service"));
        assert_eq!(told_under(1, 2), []);
    }
}
