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

impl Here {
    /// Whether its last run failed, or its last start, and it is not on its way up again.
    fn failed(&self) -> bool {
        let Some(status) = &self.status else { return false };
        let ended_badly = [Some(JobResult::Failed), Some(JobResult::Timeout)];
        // A start that systemd refused ran nothing.
        let started_badly = self.launched.as_ref().is_some_and(|launched| {
            launched.message.is_none() && ended_badly.contains(&launched.result)
        });
        let down = !status.state.is_active() && !status.job_pending;
        status.state.active == "failed" || (started_badly && down)
    }

    fn launch(&self) -> Option<u64> {
        self.launched.as_ref().map(|launched| launched.launch)
    }
}

impl Agent {
    /// Has the last words of those units read that failed since this was last asked.
    pub(super) fn listen_to_the_failed(&mut self) {
        for (name, here) in &mut self.observed {
            if !here.failed() {
                here.words = Words::None;
            } else if here.words == Words::None {
                here.words = Words::Awaited { withheld: true };
                let (units, launch) = (Arc::clone(&self.units), here.launch());
                let (said, late) = (name.clone(), name.clone());
                self.waits.spawn(async move {
                    let lines = units.last_words(&said).await;
                    Wake::Words(said, launch, lines)
                });
                self.waits.spawn(async move {
                    tokio::time::sleep(MOMENT).await;
                    Wake::WordsLate(late)
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

    /// A failure is told without words: these follow.
    pub(super) fn tell_without_words(&mut self, name: &UnitName) {
        if let Some(Here { words: Words::Awaited { withheld }, .. }) = self.observed.get_mut(name) {
            *withheld = false;
        }
    }

    /// An earlier fleetd read these words: of the same failure, if that is as old.
    pub(super) fn heard_before(&mut self, name: &UnitName, told: &StateRecord) {
        if let (Some(here), Some(lines)) = (self.observed.get_mut(name), &told.log) {
            let since = here.status.as_ref().and_then(|status| status.run.since);
            if here.failed() && here.launch() == told.launch && since == told.since {
                here.words = Words::Known(lines.clone());
            }
        }
    }
}
