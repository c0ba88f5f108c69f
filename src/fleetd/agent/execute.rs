//! Carries tasks out: one `match` over actions, in batches where the other side takes batches. A
//! unit whose step fails is left alone for a while; its neighbours go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::diff::{Ask, Hold, KnownFile, Launched, UNDONE};
use super::observe::on_partition;
use super::patience::Patience;
use super::task::{Action, Reason, Task};
use super::words::Words;
use super::{Agent, AgentError, Wake};
use crate::fleetd::backoff::Backoff;
use crate::fleetd::chain::chain;
use crate::fleetd::registry::{Assignment, Revision, UnitRecord, Won};
use crate::fleetd::systemd::{JobId, JobResult, SystemdError};
use crate::model::{TargetState, relations};
use crate::unitfile::{UnitFile, UnitName};

/// Start and stop calls under way at once. systemd handles them one by one; a few in flight keep
/// it busy while answers travel.
const CALLS_AT_ONCE: usize = 16;

/// What came of asking for a start.
enum Called {
    Answered(Result<JobId, SystemdError>),
    /// systemd takes no more: nothing was asked.
    Full,
    /// The machine is cut off since: it may have been asked.
    TooLate,
}

impl Agent {
    /// Carries out tasks that `diff` sorted: all of one action, then all of the next. What the
    /// store refuses for some does not keep the others from theirs.
    pub(super) async fn execute(
        &mut self,
        tasks: &[Task],
        patience: &Patience,
    ) -> Result<(), AgentError> {
        for task in tasks {
            tracing::info!("{task}");
            self.settings.metrics.task(task.action.word());
        }
        let same = |a: &Task, b: &Task| {
            std::mem::discriminant(&a.action) == std::mem::discriminant(&b.action)
        };
        let mut outcome = Ok(());
        for group in tasks.chunk_by(same) {
            let carried_out = self.carry_out(group, patience).await;
            if carried_out.is_err() {
                self.settings.metrics.tasks_failed(group[0].action.word(), group.len());
            }
            outcome = outcome.and(carried_out);
        }
        outcome
    }

    async fn carry_out(&mut self, group: &[Task], patience: &Patience) -> Result<(), AgentError> {
        let names: Vec<UnitName> = group.iter().map(|task| task.unit.clone()).collect();
        match group[0].action {
            Action::Stop => {
                self.undo_starts(unwished(group));
                self.stop(group, patience).await;
            }
            Action::Kill => self.kill(names).await,
            Action::Unlink => self.unlink(group).await,
            Action::Release => patience.with_store(self.release(names)).await?,
            Action::Forget => self.forget(names),
            Action::Renumber(_) => self.renumber(group),
            Action::Win => patience.with_store(self.win(names)).await?,
            Action::Fetch => patience.with_store(self.fetch(names)).await?,
            Action::Link => self.link(names).await,
            Action::Start(_) | Action::Restart(_) => self.launch(group, patience).await,
        }
        Ok(())
    }

    async fn stop(&mut self, group: &[Task], patience: &Patience) {
        let units = &self.units;
        let call =
            |task: Task| async move { (patience.with_systemd(units.stop(&task.unit)).await, task) };
        let calls: Vec<_> = group.iter().cloned().map(call).collect();
        let done: Vec<_> = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).collect().await;
        for (stopped, Task { unit: name, .. }) in done {
            match stopped {
                Some(Ok(())) => self.stopping(&name),
                Some(Err(error)) => self.stop_failed(&name, &error),
                None => {}
            }
            // A unit that systemd had forgotten ends no job: look for oneself.
            self.dirty.mark(name);
        }
    }

    async fn kill(&mut self, names: Vec<UnitName>) {
        let units = &self.units;
        let calls = names.into_iter().map(|name| async move { (units.kill(&name).await, name) });
        let done: Vec<_> = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).collect().await;
        for (killed, name) in done {
            match killed {
                Ok(()) => self.asked(&name, Ask::Kill),
                Err(error) => self.hold_back(&name, Action::Kill, &error),
            }
            self.dirty.mark(name);
        }
    }

    fn stopping(&mut self, name: &UnitName) {
        self.went_well(name);
        if let Some(here) = self.observed.get_mut(name) {
            here.stop_refused = None;
        }
        self.asked(name, Ask::Stop);
    }

    /// Who wants the unit stopped shall hear why it is not.
    fn stop_failed(&mut self, name: &UnitName, error: &SystemdError) {
        if let (Some(here), SystemdError::Refused { .. }) = (self.observed.get_mut(name), error) {
            here.stop_refused = Some(chain(error).to_string());
        }
        self.hold_back(name, Action::Stop, error);
    }

    /// Notes of units that are about to be stopped that they have to be started, should they be
    /// wanted here again before they are unlinked; first, for a fleetd that is killed meanwhile.
    fn undo_starts(&mut self, names: Vec<UnitName>) {
        for name in names {
            let launched = self.observed.get_mut(&name).and_then(|here| here.launched.as_mut());
            if let Some(launched) = launched {
                launched.launch = UNDONE;
                self.note_launch(&name);
            }
        }
    }

    async fn unlink(&mut self, group: &[Task]) {
        let names: Vec<UnitName> = group.iter().map(|task| task.unit.clone()).collect();
        let given_up = group.iter().filter(|task| task.reason == Reason::CutOff);
        let given_up: BTreeSet<&UnitName> = given_up.map(|task| &task.unit).collect();
        for (name, unlinked) in self.units.unlink(&names).await {
            match unlinked {
                Ok(()) => self.unlinked(&name, given_up.contains(&name)),
                Err(error) => self.hold_back(&name, Action::Unlink, &error),
            }
        }
    }

    fn unlinked(&mut self, name: &UnitName, given_up: bool) {
        let Some(here) = self.observed.get_mut(name) else { return };
        here.status = None;
        here.broken = false;
        // It may be linked again soon. If it ended before the machine was cut off, it was started
        // already, and is not again.
        if !given_up {
            here.launched = None;
            here.file = None;
        }
        self.went_well(name);
        self.note_launch(name);
    }

    async fn release(&mut self, names: Vec<UnitName>) -> Result<(), AgentError> {
        self.hold_all(&names, &Hold::Unsure);
        // Without a session nothing is held: what was, went with it.
        if let Some(lease) = self.membership.lease() {
            let released = self.registry.release(&self.settings.machine, lease, &names).await?;
            self.publisher.released(lease, &released);
        }
        self.hold_all(&names, &Hold::Free);
        Ok(())
    }

    fn hold_all(&mut self, names: &[UnitName], hold: &Hold) {
        for name in names {
            self.observed.entry(name.clone()).or_default().hold = hold.clone();
        }
    }

    fn renumber(&mut self, tasks: &[Task]) {
        for task in tasks {
            let Action::Renumber(launch) = task.action else { continue };
            let here = self.observed.get_mut(&task.unit);
            if let Some(launched) = here.and_then(|here| here.launched.as_mut()) {
                launched.launch = launch;
            }
            self.note_launch(&task.unit);
        }
    }

    pub(super) fn forget(&mut self, names: Vec<UnitName>) {
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
        self.hold_all(&names, &Hold::Unsure);
        // The same for all, so that what has to be won again is won in one step.
        let retry = Backoff::once(self.settings.ttl / 6);
        for won in self.registry.win(&self.settings.machine, lease, &names).await? {
            let Won { name, holder, unit, revision, foreign } = won;
            let machine = &self.settings.machine;
            let here = self.observed.entry(name.clone()).or_default();
            let ours = match foreign.filter(|_| here.status.is_some()) {
                Some(foreign) => self.registry.take_over(machine, lease, &name, foreign).await?,
                None => holder.as_ref() == Some(machine),
            };
            here.hold = if ours { Hold::Ours } else { Hold::Theirs(holder) };
            if let Some(read_for) = scheduled.get(&name) {
                here.file = Some(known(&name, read_for, unit));
            }
            if !ours {
                self.await_release(name, revision, retry);
            }
        }
        Ok(())
    }

    fn await_release(&mut self, name: UnitName, seen: Revision, retry: Duration) {
        let registry = self.registry.clone();
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
        for (name, file) in &files {
            self.observed.entry(name.clone()).or_default().on_partition = on_partition(name, file);
        }
        for (name, linked) in self.units.link(&files).await {
            match linked {
                Ok(()) => self.linked(name),
                Err(error) => {
                    self.link_failed(&name, &error);
                    self.hold_back(&name, Action::Link, &error);
                    // Its file is there all the same, and has to go if the unit does.
                    self.dirty.mark(name);
                }
            }
        }
    }

    fn linked(&mut self, name: UnitName) {
        self.went_well(&name);
        if let Some(here) = self.observed.get_mut(&name) {
            // A start that was refused because the unit could not be linked is due now.
            if std::mem::take(&mut here.broken)
                && here.launched.take_if(|launched| launched.message.is_some()).is_some()
            {
                self.note_launch(&name);
            }
        }
        self.dirty.mark(name);
    }

    fn link_failed(&mut self, name: &UnitName, error: &SystemdError) {
        let Some(here) = self.observed.get_mut(name) else { return };
        here.broken = true;
        let wanted = here.file.as_ref().map(|file| &file.read_for);
        let wanted = wanted.filter(|wanted| wanted.desired == TargetState::Launched);
        if let Some(wanted) = wanted.filter(|_| error.is_refusal()) {
            let launch = wanted.launch;
            self.launch_refused(name, launch, error);
        }
    }

    async fn launch(&mut self, tasks: &[Task], patience: &Patience) {
        let (units, full) = (&self.units, &AtomicBool::new(false));
        let call = |task: Task| async move {
            // Units that have to stop now do not wait until all these are started.
            if patience.is_over() {
                return (task, Called::TooLate);
            }
            // Where systemd takes no more for one, it takes no more for the next.
            if full.load(Ordering::Relaxed) {
                return (task, Called::Full);
            }
            let called = match task.action {
                Action::Restart(_) => patience.with_systemd(units.restart(&task.unit)).await,
                _ => patience.with_systemd(units.start(&task.unit)).await,
            };
            let busy = matches!(called, Some(Err(SystemdError::Busy { .. })));
            full.fetch_or(busy, Ordering::Relaxed);
            (task, called.map_or(Called::TooLate, Called::Answered))
        };
        let calls: Vec<_> = tasks.iter().cloned().map(call).collect();
        let done: Vec<_> = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).collect().await;
        for (task, called) in done {
            let (Action::Start(launch) | Action::Restart(launch)) = task.action else { continue };
            match called {
                Called::Answered(Ok(job)) => self.launched(&task.unit, launch, job),
                Called::Answered(Err(error @ SystemdError::Refused { .. })) => {
                    tracing::error!(unit = %task.unit, error = %chain(&error), "{}", task.action);
                    self.settings.metrics.tasks_failed(task.action.word(), 1);
                    self.launch_refused(&task.unit, launch, &error);
                }
                Called::Answered(Err(error)) => self.hold_back(&task.unit, task.action, &error),
                Called::Full => self.await_turn(&task.unit),
                Called::TooLate => self.dirty.mark(task.unit),
            }
        }
    }

    fn launched(&mut self, name: &UnitName, launch: u64, job: JobId) {
        self.went_well(name);
        if let Some(here) = self.observed.get_mut(name) {
            here.launched = Some(Launched { launch, job: Some(job), result: None, message: None });
            here.stop_refused = None;
            here.words = Words::None;
        }
        self.note_launch(name);
        self.asked(name, Ask::Start);
        self.dirty.mark(name.clone());
    }

    /// A start that systemd will not do is a start that failed; it is not asked again and again.
    fn launch_refused(&mut self, name: &UnitName, launch: u64, why: &SystemdError) {
        if let Some(here) = self.observed.get_mut(name) {
            here.launched = Some(Launched {
                launch,
                job: None,
                result: Some(JobResult::Failed),
                message: Some(chain(why).to_string()),
            });
            self.note_launch(name);
        }
    }
}

/// Those of the units to stop that nobody wished stopped.
fn unwished(stops: &[Task]) -> Vec<UnitName> {
    let unwished = stops.iter().filter(|task| !matches!(task.reason, Reason::Desired(_)));
    unwished.map(|task| task.unit.clone()).collect()
}

/// A unit's file, as it was read for what was scheduled then.
fn known(name: &UnitName, read_for: &Assignment, unit: Option<UnitRecord>) -> KnownFile {
    let file = unit.and_then(|unit| UnitFile::parse(&unit.contents).ok());
    KnownFile {
        read_for: read_for.clone(),
        relations: file.as_ref().map(|file| relations(name, file)).unwrap_or_default(),
        on_partition: file.as_ref().map(|file| on_partition(name, file)).unwrap_or_default(),
        file,
    }
}
