//! What the store shall say of this machine's units: what systemd says, what fleet did, and whether
//! it is worth telling now.

use std::collections::BTreeMap;

use super::Agent;
use super::diff::{Here, Launched};
use super::held::Hindrance;
use super::task::{Action, Task};
use super::words::Words;
use crate::fleetd::registry::StateRecord;
use crate::fleetd::systemd::Status;
use crate::model::SystemdState;
use crate::unitfile::{UnitHash, UnitName};

/// What is true of a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Current {
    /// `None`: it is gone.
    pub record: Option<StateRecord>,
    /// When to tell it.
    pub told: Told,
}

/// When the store is to hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// At once.
    Now,
    /// Once it lasts: there is a step or a job under way for the unit, and what comes of that is
    /// told in its place.
    Lasting,
    /// Not before something else is known.
    Later,
}

impl Agent {
    /// Hands on what is true now to those who tell others of it; these are the next steps.
    pub(super) fn report(&self, tasks: &[Task]) {
        let lease = self.membership.life().and(self.membership.lease());
        let steps: BTreeMap<&UnitName, Action> =
            tasks.iter().map(|task| (&task.unit, task.action)).collect();
        let current = self.observed.iter().filter_map(|(name, here)| {
            Some((name.clone(), current(here, steps.get(name).copied())?))
        });
        self.surveyor.under(lease);
        self.publisher.update(lease, current.collect());
    }
}

/// What is true of a unit with this next step; `None`: there is nothing to tell.
fn current(here: &Here, step: Option<Action>) -> Option<Current> {
    let record = record(here);
    let is_released = step == Some(Action::Release);
    let job_pending = here.status.as_ref().is_some_and(|status| status.job_pending);
    // systemd may say that the unit is active before it says that the start is done.
    let awaited = |launched: &Launched| launched.job.is_some() && launched.result.is_none();
    let start_pending = here.launched.as_ref().is_some_and(awaited);
    let told = match () {
        () if here.words == Words::Awaited { withheld: true } => Told::Later,
        () if step.is_some() || job_pending || start_pending => Told::Lasting,
        () => Told::Now,
    };
    (record.is_some() || is_released).then_some(Current { record, told })
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
    use crate::fleetd::systemd::{JobId, JobResult};

    #[test]
    fn what_is_under_way_is_told_if_it_lasts() {
        let hash = "0".repeat(40).parse().unwrap();
        let start = |result| Launched { launch: 1, job: Some(JobId(1)), result, message: None };
        let (begun, done) = (start(None), start(Some(JobResult::Done)));
        for (step, job_pending, launched, told) in [
            (None, false, None, Told::Now),
            (Some(Action::Start(1)), false, None, Told::Lasting),
            (None, true, Some(&begun), Told::Lasting),
            (None, false, Some(&begun), Told::Lasting),
            (None, false, Some(&done), Told::Now),
            (None, true, Some(&done), Told::Lasting),
        ] {
            let status = Status { job_pending, ..refused_status(hash) };
            let here =
                Here { status: Some(status), launched: launched.cloned(), ..Here::default() };
            let current = current(&here, step).unwrap();
            assert_eq!(current.told, told, "{step:?}, {job_pending}, {launched:?}");
        }
    }

    #[test]
    fn what_is_gone_is_told_once() {
        assert_eq!(current(&Here::default(), None), None);
        let released = current(&Here::default(), Some(Action::Release));
        assert_eq!(released, Some(Current { record: None, told: Told::Lasting }));
    }
}
