//! Units whose last step failed: each is left alone for a while, longer each time, and its state
//! says why and until when. What is wanted anew is tried at once.

use std::error::Error;
use std::time::Duration;

use super::diff::Here;
use super::task::Action;
use super::{Agent, Wake};
use crate::fleetd::backoff::Backoff;
use crate::fleetd::chain::chain;
use crate::fleetd::clock;
use crate::fleetd::registry::Assignment;
use crate::model::Timestamp;
use crate::unitfile::UnitName;

/// The first time: what is over within a second is not waited for longer.
const FIRST: Duration = Duration::from_secs(1);

/// At most: who repairs a machine does not want to wait for long.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// What keeps a unit from its next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hindrance {
    /// How many times in a row a step failed.
    pub times: u32,
    /// What failed last.
    pub step: Action,
    /// That, and why.
    pub why: String,
    /// When it is tried again.
    pub until: Timestamp,
    /// What was wanted of the unit then.
    pub wanted: Option<Assignment>,
}

/// How long a unit is left alone whose step failed so many times in a row.
fn pause(times: u32) -> Duration {
    let doublings = times.saturating_sub(1);
    FIRST.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST)
}

impl Here {
    /// It has ended: that it could not be stopped keeps it from nothing any more.
    pub(super) fn ended(&mut self) {
        let stops =
            |hindrance: &mut Hindrance| matches!(hindrance.step, Action::Stop | Action::Kill);
        if self.hindrance.take_if(stops).is_some() {
            self.held_back = false;
        }
    }
}

impl Agent {
    /// Says why a step failed, and leaves the unit alone for a while.
    pub(super) fn hold_back(&mut self, name: &UnitName, step: Action, error: &dyn Error) {
        self.settings.metrics.tasks_failed(step.word(), 1);
        let wanted = self.schedule.read().units.get(name).filter(|_| !self.leaving).cloned();
        let Some(here) = self.observed.get_mut(name) else { return };
        let times = here.hindrance.as_ref().map_or(0, |before| before.times).saturating_add(1);
        let pause = Backoff::once(pause(times));
        tracing::error!(unit = %name, error = %chain(error), "cannot {step}; trying again in {pause:.1?}");
        let why = format!("cannot {step}: {}", chain(error));
        here.hindrance =
            Some(Hindrance { times, step, why, until: clock::now().after(pause), wanted });
        self.leave_alone(name, pause);
    }

    /// Leaves a unit alone until it is its turn: systemd takes no more just now.
    pub(super) fn await_turn(&mut self, name: &UnitName) {
        self.leave_alone(name, FIRST);
    }

    fn leave_alone(&mut self, name: &UnitName, pause: Duration) {
        if let Some(here) = self.observed.get_mut(name) {
            here.held_back = true;
        }
        let name = name.clone();
        self.waits.spawn(async move {
            tokio::time::sleep(pause).await;
            Wake::Retry(name)
        });
    }

    /// A step of a unit succeeded: nothing keeps it from the next.
    pub(super) fn went_well(&mut self, name: &UnitName) {
        if let Some(here) = self.observed.get_mut(name) {
            here.hindrance = None;
        }
    }

    /// Tries again at once where something else is wanted than when the step failed; where the
    /// machine leaves, nothing is.
    pub(super) fn try_what_is_wanted_anew(&mut self) {
        let schedule = self.schedule.read();
        for (name, here) in &mut self.observed {
            let wanted = schedule.units.get(name).filter(|_| !self.leaving);
            if here.hindrance.as_ref().is_some_and(|before| before.wanted.as_ref() != wanted) {
                here.hindrance = None;
                here.held_back = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let secs = [1, 2, 3, 4, 9, 10, u32::MAX].map(|times| pause(times).as_secs());
        assert_eq!(secs, [1, 2, 4, 8, 256, 300, 300]);
    }
}
