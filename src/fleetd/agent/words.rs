//! What a unit that failed said last: read once for each failure, beside the agent's loop, and
//! reported with the failure if that takes no longer than a moment, else after it.

use std::sync::Arc;
use std::time::Duration;

use super::diff::Here;
use super::{Agent, Wake};
use crate::fleetd::registry::StateRecord;
use crate::fleetd::systemd::JobResult;
use crate::unitfile::UnitName;

/// How long the report of a failure waits for the words that go with it: several times what reading
/// them takes, and not much for who waits to hear that a start failed.
const MOMENT: Duration = Duration::from_millis(500);

/// A failed unit's last words, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Words {
    /// The unit did not fail.
    #[default]
    None,
    /// They are being read.
    Awaited {
        /// Whether the report of the failure waits for them.
        withheld: bool,
    },
    /// They were read, or there was no reading them.
    Known(Vec<String>),
}

/// What to do about a unit's last words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// It failed: have them read, if they were not.
    Read,
    /// It is being started again: they are still what it failed with.
    Keep,
    /// It did not fail, or is up again.
    Forget,
}

impl Here {
    /// What to do about its last words. One that systemd restarts again and again is heard once for
    /// each start that fleet asked for.
    fn due(&self) -> Due {
        let Some(status) = &self.status else { return Due::Forget };
        let ended_badly = [Some(JobResult::Failed), Some(JobResult::Timeout)];
        // A start that systemd refused ran nothing.
        let start_failed = self.launched.as_ref().is_some_and(|launched| {
            launched.message.is_none() && ended_badly.contains(&launched.result)
        });
        match () {
            () if status.state.active == "failed" && status.job_pending => Due::Keep,
            () if status.state.active == "failed" => Due::Read,
            () if !start_failed || status.state.is_active() => Due::Forget,
            () if status.job_pending => Due::Keep,
            () => Due::Read,
        }
    }

    fn launch(&self) -> Option<u64> {
        self.launched.as_ref().map(|launched| launched.launch)
    }
}

impl Agent {
    /// Has the last words of those units read that failed since this was last asked.
    pub(super) fn listen_to_the_failed(&mut self) {
        for (name, here) in &mut self.observed {
            let due = here.due();
            if due == Due::Forget {
                here.words = Words::None;
            } else if due == Due::Read && here.words == Words::None {
                here.words = Words::Awaited { withheld: true };
                let (units, launch) = (Arc::clone(&self.units), here.launch());
                let (said, late) = (name.clone(), name.clone());
                self.waits.spawn(async move {
                    let lines = units.last_words(&said).await;
                    Wake::Words(said, launch, lines)
                });
                self.waits.spawn(async move {
                    tokio::time::sleep(MOMENT).await;
                    Wake::WordsLate(late, launch)
                });
            }
        }
    }

    /// The words of a unit whose start of this number failed.
    pub(super) fn heard(&mut self, name: &UnitName, launch: Option<u64>, lines: Vec<String>) {
        if let Some(here) = self.observed.get_mut(name)
            && matches!(here.words, Words::Awaited { .. })
            && here.launch() == launch
        {
            here.words = Words::Known(lines);
        }
    }

    /// The failure of the start of this number is told without words: these follow.
    pub(super) fn tell_without_words(&mut self, name: &UnitName, launch: Option<u64>) {
        if let Some(here) = self.observed.get_mut(name)
            && here.launch() == launch
            && let Words::Awaited { withheld } = &mut here.words
        {
            *withheld = false;
        }
    }

    /// An earlier fleetd read these words: of the same failure, if that is as old.
    pub(super) fn heard_before(&mut self, name: &UnitName, told: &StateRecord) {
        if let (Some(here), Some(lines)) = (self.observed.get_mut(name), &told.log) {
            let since = here.status.as_ref().and_then(|status| status.run.since);
            if here.due() == Due::Read && here.launch() == told.launch && since == told.since {
                here.words = Words::Known(lines.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::diff::Launched;
    use super::*;
    use crate::fleetd::systemd::Status;

    fn here(active: &str, job_pending: bool, result: Option<JobResult>, message: bool) -> Here {
        let mut status = Status { job_pending, ..Status::not_found() };
        status.state.active = active.to_owned();
        let message = message.then(|| "no".to_owned());
        let launched = Some(Launched { launch: 1, job: None, result, message });
        Here { status: Some(status), launched, ..Here::default() }
    }

    #[test]
    fn a_failure_is_heard_once_for_each_start() {
        use JobResult::{Canceled, Done, Failed, Timeout};
        let table = [
            ("failed", false, Some(Failed), false, Due::Read),
            ("failed", false, Some(Done), false, Due::Read),
            ("failed", true, None, false, Due::Keep),
            ("inactive", false, Some(Timeout), false, Due::Read),
            ("inactive", false, Some(Done), false, Due::Forget),
            ("inactive", false, Some(Canceled), false, Due::Forget),
            ("inactive", false, Some(Failed), true, Due::Forget),
            // Between two attempts of systemd's, and during one.
            ("activating", false, Some(Failed), false, Due::Read),
            ("activating", true, Some(Failed), false, Due::Keep),
            ("activating", true, None, false, Due::Forget),
            ("active", false, Some(Failed), false, Due::Forget),
        ];
        for (active, pending, result, refused, due) in table {
            let case = format!("{active}, {pending}, {result:?}, {refused}");
            assert_eq!(here(active, pending, result, refused).due(), due, "{case}");
        }
        assert_eq!(Here::default().due(), Due::Forget);
    }
}
