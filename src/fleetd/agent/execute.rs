//! Carries tasks out: one `match` over actions, in batches where the other side takes batches. A
//! unit whose step fails is left alone for a while; its neighbours go on.

use std::collections::BTreeMap;
use std::error::Error;

use futures_util::{StreamExt, stream};

use super::diff::{Ask, Hold, KnownFile, Launched};
use super::task::{Action, Task};
use super::{Agent, AgentError, HOLD_BACK, Wake};
use crate::fleetd::chain::chain;
use crate::fleetd::registry::{Assignment, Revision, UnitRecord, Won};
use crate::fleetd::systemd::{JobId, JobResult, SystemdError};
use crate::model::{TargetState, relations};
use crate::unitfile::{UnitFile, UnitName};

/// Start and stop calls under way at once. systemd handles them one by one; a few in flight keep
/// it busy while answers travel.
const CALLS_AT_ONCE: usize = 16;

impl Agent {
    /// Carries out tasks that `diff` sorted: all of one action, then all of the next.
    pub(super) async fn execute(&mut self, tasks: Vec<Task>) -> Result<(), AgentError> {
        for task in &tasks {
            tracing::info!("{task}");
        }
        let same = |a: &Task, b: &Task| {
            std::mem::discriminant(&a.action) == std::mem::discriminant(&b.action)
        };
        for group in tasks.chunk_by(same) {
            let names: Vec<UnitName> = group.iter().map(|task| task.unit.clone()).collect();
            match group[0].action {
                Action::Stop => self.stop(names).await,
                Action::Unlink => self.unlink(names).await,
                Action::Release => self.release(names).await?,
                Action::Forget => self.forget(names),
                Action::Win => self.win(names).await?,
                Action::Fetch => self.fetch(names).await?,
                Action::Link => self.link(names).await,
                Action::Start(_) | Action::Restart(_) => self.launch(group).await,
            }
        }
        Ok(())
    }

    async fn stop(&mut self, names: Vec<UnitName>) {
        let units = &self.units;
        let calls = names.into_iter().map(|name| async move { (units.stop(&name).await, name) });
        let done: Vec<_> = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).collect().await;
        for (stopped, name) in done {
            match stopped {
                Ok(()) => self.asked(&name, Ask::Stop),
                Err(error) => self.hold_back(&name, "stop", &error),
            }
            // A unit that systemd had forgotten ends no job: look for oneself.
            self.dirty.mark(name);
        }
    }

    async fn unlink(&mut self, names: Vec<UnitName>) {
        for (name, unlinked) in self.units.unlink(&names).await {
            match unlinked {
                Ok(()) => {
                    if let Some(here) = self.observed.get_mut(&name) {
                        here.status = None;
                        here.launched = None;
                        here.file = None;
                        here.broken = false;
                    }
                    self.note_launch(&name);
                }
                Err(error) => self.hold_back(&name, "unlink", &error),
            }
        }
    }

    async fn release(&mut self, names: Vec<UnitName>) -> Result<(), AgentError> {
        self.registry.release(&self.settings.machine, &names).await?;
        for name in names {
            if let Some(here) = self.observed.get_mut(&name) {
                here.hold = Hold::Free;
            }
        }
        self.forget_the_gone();
        Ok(())
    }

    fn forget(&mut self, names: Vec<UnitName>) {
        for name in names {
            if let Some(here) = self.observed.get_mut(&name) {
                here.launched = None;
            }
            self.note_launch(&name);
        }
    }

    pub(super) async fn win(&mut self, names: Vec<UnitName>) -> Result<(), AgentError> {
        let Some(lease) = self.membership.lease() else { return Ok(()) };
        let scheduled = self.scheduled(&names);
        for won in self.registry.win(&self.settings.machine, lease, &names).await? {
            let Won { name, holder, unit, revision } = won;
            let ours = holder.as_ref() == Some(&self.settings.machine);
            let here = self.observed.entry(name.clone()).or_default();
            here.hold = if ours { Hold::Ours } else { Hold::Theirs(holder) };
            if let Some(read_for) = scheduled.get(&name) {
                here.file = Some(known(&name, read_for, unit));
            }
            if !ours {
                self.await_release(name, revision);
            }
        }
        Ok(())
    }

    fn await_release(&mut self, name: UnitName, seen: Revision) {
        let registry = self.registry.clone();
        let retry = self.settings.ttl / 6;
        self.waits.spawn(async move {
            // Should the watch break, trying to win again will tell.
            if registry.released(&name, seen).await.is_err() {
                tokio::time::sleep(retry).await;
            }
            Wake::Released(name)
        });
    }

    async fn fetch(&mut self, names: Vec<UnitName>) -> Result<(), AgentError> {
        let scheduled = self.scheduled(&names);
        for (name, unit) in self.registry.units(&names).await? {
            let here = self.observed.entry(name.clone()).or_default();
            if let Some(read_for) = scheduled.get(&name) {
                here.file = Some(known(&name, read_for, unit));
            }
        }
        Ok(())
    }

    /// What is scheduled now, before a file is read for it: what is scheduled later may want a
    /// later file.
    fn scheduled(&self, names: &[UnitName]) -> BTreeMap<UnitName, Assignment> {
        let schedule = self.schedule.read();
        let scheduled = |name: &UnitName| Some((name.clone(), schedule.units.get(name)?.clone()));
        names.iter().filter_map(scheduled).collect()
    }

    async fn link(&mut self, names: Vec<UnitName>) {
        let file = |name: &UnitName| self.observed.get(name)?.file.as_ref()?.file.clone();
        let files: Vec<_> =
            names.into_iter().filter_map(|name| Some((name.clone(), file(&name)?))).collect();
        for (name, linked) in self.units.link(&files).await {
            if let Some(here) = self.observed.get_mut(&name) {
                here.broken = linked.is_err();
            }
            match linked {
                Ok(()) => self.dirty.mark(name),
                Err(error) => {
                    self.launch_refused(&name, &error);
                    self.hold_back(&name, "link", &error);
                }
            }
        }
    }

    async fn launch(&mut self, tasks: &[Task]) {
        let units = &self.units;
        let calls = tasks.iter().map(|task| async move {
            let called = match task.action {
                Action::Restart(_) => units.restart(&task.unit).await,
                _ => units.start(&task.unit).await,
            };
            (task, called)
        });
        // Collected first: the compiler cannot see that the stream over the iterator is `Send`.
        let calls: Vec<_> = calls.collect();
        let done: Vec<_> = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).collect().await;
        for (task, called) in done {
            let (Action::Start(launch) | Action::Restart(launch)) = task.action else {
                continue;
            };
            match called {
                Ok(job) => self.launched(&task.unit, launch, job),
                Err(error @ SystemdError::Refused { .. }) => {
                    tracing::error!(unit = %task.unit, error = %chain(&error), "start");
                    self.launch_refused(&task.unit, &error);
                }
                Err(error) => self.hold_back(&task.unit, "start", &error),
            }
        }
    }

    fn launched(&mut self, name: &UnitName, launch: u64, job: JobId) {
        if let Some(here) = self.observed.get_mut(name) {
            here.launched = Some(Launched { launch, job: Some(job), result: None, message: None });
        }
        self.note_launch(name);
        self.asked(name, Ask::Start);
        self.dirty.mark(name.clone());
    }

    /// A start that systemd will not do is a start that failed; it is not asked again and again.
    fn launch_refused(&mut self, name: &UnitName, why: &SystemdError) {
        let wanted = self.schedule.read().units.get(name).cloned();
        let wanted = wanted.filter(|wanted| wanted.desired == TargetState::Launched);
        if let (Some(wanted), Some(here)) = (wanted, self.observed.get_mut(name)) {
            here.launched = Some(Launched {
                launch: wanted.launch,
                job: None,
                result: Some(JobResult::Failed),
                message: Some(chain(why).to_string()),
            });
            self.note_launch(name);
        }
    }

    /// Leaves a unit alone for a while.
    fn hold_back(&mut self, name: &UnitName, step: &str, error: &dyn Error) {
        tracing::error!(unit = %name, error = %chain(error), "cannot {step}; trying again in {HOLD_BACK:?}");
        if let Some(here) = self.observed.get_mut(name) {
            here.held_back = true;
        }
        let names = vec![name.clone()];
        self.waits.spawn(async move {
            tokio::time::sleep(HOLD_BACK).await;
            Wake::Retry(names)
        });
    }
}

/// A unit's file, as it was read for what was scheduled then.
fn known(name: &UnitName, read_for: &Assignment, unit: Option<UnitRecord>) -> KnownFile {
    let file = unit.and_then(|unit| UnitFile::parse(&unit.contents).ok());
    KnownFile {
        read_for: read_for.clone(),
        relations: file.as_ref().map(|file| relations(name, file)).unwrap_or_default(),
        file,
    }
}
