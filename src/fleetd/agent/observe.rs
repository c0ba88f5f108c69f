//! Keeps what is known of this machine's units true: looks again at what signals named, and at
//! everything when signals may have been missed.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::{Ask, Here, Hold, Launched};
use super::{Agent, AgentError};
use crate::fleetd::systemd::{JobResult, Signal, Status};
use crate::model::{OnPartition, Requirements};
use crate::unitfile::{UnitFile, UnitName};

/// Above this many units it is cheaper to look at all of them at once: one call of systemd's
/// `ListUnitsByNames` instead of one for each.
const ONE_BY_ONE_MAX: usize = 8;

/// What has to be looked at again.
#[derive(Debug)]
pub enum Dirty {
    /// These units.
    Some(BTreeSet<UnitName>),
    /// Everything.
    All {
        /// Whether signals that nobody heard may have been sent.
        signals_missed: bool,
    },
}

impl Dirty {
    /// This unit too.
    pub fn mark(&mut self, name: UnitName) {
        if let Dirty::Some(names) = self {
            names.insert(name);
        }
    }

    /// Every unit.
    pub fn all(&mut self) {
        if let Dirty::Some(_) = self {
            *self = Dirty::All { signals_missed: false };
        }
    }
}

/// What a unit's file says of a machine that is cut off.
pub(super) fn on_partition(name: &UnitName, file: &UnitFile) -> OnPartition {
    // One that fleet would not accept says nothing.
    Requirements::of(name, file).map(|wants| wants.on_partition).unwrap_or_default()
}

impl Agent {
    /// Takes note of a signal.
    pub(super) fn heed(&mut self, signal: Signal) {
        match signal {
            Signal::Changed(name) => self.dirty.mark(name),
            Signal::LookAgain => self.dirty.all(),
            Signal::Reconnected => self.dirty = Dirty::All { signals_missed: true },
            Signal::JobEnded { unit, job, result } => {
                let here = self.observed.get_mut(&unit);
                let launched = here.and_then(|here| here.launched.as_mut());
                if let Some(launched) = launched.filter(|launched| launched.awaits(job)) {
                    launched.result = Some(result);
                    self.note_launch(&unit);
                }
                self.dirty.mark(unit);
            }
        }
    }

    /// Looks at what is dirty.
    pub(super) async fn refresh(&mut self) -> Result<(), AgentError> {
        let dirty = std::mem::replace(&mut self.dirty, Dirty::Some(BTreeSet::new()));
        let looked = self.look_at(&dirty).await;
        if looked.is_err() {
            let signals_missed = matches!(dirty, Dirty::All { signals_missed: true });
            self.dirty = Dirty::All { signals_missed };
        }
        looked
    }

    async fn look_at(&mut self, dirty: &Dirty) -> Result<(), AgentError> {
        match dirty {
            Dirty::Some(names) if names.len() <= ONE_BY_ONE_MAX => {
                for name in names {
                    let status = self.units.observe_one(name).await?;
                    self.saw(name, status);
                }
            }
            Dirty::Some(_) | Dirty::All { signals_missed: false } => {
                let statuses = self.units.observe().await?;
                self.saw_all(statuses);
            }
            Dirty::All { signals_missed: true } => {
                let statuses = self.units.observe().await?;
                self.saw_all(statuses);
                self.conclude_jobs();
            }
        }
        Ok(())
    }

    fn saw_all(&mut self, mut statuses: BTreeMap<UnitName, Status>) {
        for name in self.observed.keys() {
            statuses.entry(name.clone()).or_insert_with(Status::not_found);
        }
        for (name, status) in statuses {
            self.saw(&name, status);
        }
    }

    fn saw(&mut self, name: &UnitName, status: Status) {
        let here = self.observed.entry(name.clone()).or_default();
        if !status.job_pending {
            here.asked = None;
        }
        if status.state.is_inactive() {
            here.ended();
        }
        here.status = Some(status).filter(|status| *status != Status::not_found());
    }

    /// Starts whose end was signalled while nobody listened: the state tells how they ended.
    fn conclude_jobs(&mut self) {
        let mut concluded = Vec::new();
        for (name, here) in &mut self.observed {
            let (Some(launched), Some(status)) = (&mut here.launched, &here.status) else {
                continue;
            };
            if launched.result.is_none() && !status.job_pending {
                let failed = status.state.active == "failed";
                launched.result = Some(if failed { JobResult::Failed } else { JobResult::Done });
                concluded.push(name.clone());
            }
        }
        concluded.iter().for_each(|name| self.note_launch(name));
    }

    /// After a restart of fleetd: what was started stays started, and what is no longer there was
    /// never started.
    pub(super) async fn adopt(
        &mut self,
        launches: BTreeMap<UnitName, Launched>,
    ) -> Result<(), AgentError> {
        for (name, launched) in launches {
            self.observed.entry(name).or_default().launched = Some(launched);
        }
        for (name, file) in self.units.files().await? {
            let on_partition = on_partition(&name, &file);
            self.observed.entry(name).or_default().on_partition = on_partition;
        }
        self.refresh().await?;
        self.forget_launches_of_the_absent();
        Ok(())
    }

    fn forget_launches_of_the_absent(&mut self) {
        let absent = |here: &Here| here.status.is_none() && here.launched.is_some();
        let absent = self.observed.iter().filter(|(_, here)| absent(here));
        let names: Vec<UnitName> = absent.map(|(name, _)| name.clone()).collect();
        self.forget(names);
    }

    /// Writes down which start of a unit was carried out, or that none stands.
    pub(super) fn note_launch(&mut self, name: &UnitName) {
        let launched = self.observed.get(name).and_then(|here| here.launched.as_ref());
        let noted = match launched {
            Some(launched) => self.launches.record(name, launched),
            None => self.launches.forget(name),
        };
        if let Err(error) = noted {
            tracing::error!(unit = %name, %error, "cannot write down the last start");
        }
    }

    /// Drops what is known of units that are neither here nor wanted.
    pub(super) fn forget_the_gone(&mut self) {
        let schedule = self.schedule.read();
        let mut started = Vec::new();
        self.observed.retain(|name, here| {
            let kept = here.status.is_some()
                || matches!(here.hold, Hold::Ours | Hold::Unsure)
                || schedule.units.contains_key(name);
            if !kept && here.launched.is_some() {
                started.push(name.clone());
            }
            kept
        });
        drop(schedule);
        started.iter().for_each(|name| self.note_launch(name));
    }

    /// Notes what systemd was just asked; its job is pending until it says otherwise.
    pub(super) fn asked(&mut self, name: &UnitName, ask: Ask) {
        if let Some(here) = self.observed.get_mut(name) {
            here.asked = Some(ask);
            if let Some(status) = &mut here.status {
                status.job_pending = true;
            }
        }
    }
}
