//! The twin's systemd: units in memory, jobs and how they end. Plain state and plain functions; the
//! caller locks it, and passes its signals on.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{JobId, JobResult, Run, Signal, Status};
use crate::model::SystemdState;
use crate::unitfile::{UnitFile, UnitName, UnitType};

/// What can be asked of a unit that is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    Start,
    Restart,
    Stop,
}

/// Where a unit is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Dead,
    /// A oneshot whose program runs: its start ends when that does.
    Starting,
    Running,
    /// Told to stop, and does not heed it.
    Stopping,
    /// A oneshot that ended well and counts as active (`RemainAfterExit=yes`).
    Exited,
    /// With the exit status, or killed while starting.
    Failed {
        status: Option<i32>,
    },
}

/// A unit in systemd's memory.
#[derive(Debug)]
struct Loaded {
    /// As it was when the unit was loaded, or when systemd was last reloaded.
    file: UnitFile,
    phase: Phase,
    job: Option<(JobId, Job)>,
    /// The process of its last run.
    pid: u32,
}

#[derive(Debug, Default)]
pub(super) struct Machine {
    /// fleet's folder.
    pub(super) files: BTreeMap<UnitName, UnitFile>,
    units: BTreeMap<UnitName, Loaded>,
    /// Units whose jobs wait.
    held: BTreeSet<UnitName>,
    /// The last job's.
    job_id: u32,
    /// The last process's.
    pid: u32,
    /// What happened and was not passed on yet.
    pub(super) signals: Vec<Signal>,
}

impl Machine {
    /// Puts the file in its place. Says whether systemd has the unit in memory as another file.
    pub(super) fn link(&mut self, name: &UnitName, file: &UnitFile) -> bool {
        self.files.insert(name.clone(), file.clone());
        self.units.get(name).is_some_and(|unit| unit.file != *file)
    }

    pub(super) fn unlink(&mut self, name: &UnitName) {
        self.reset_failed(name);
        self.files.remove(name);
    }

    pub(super) fn reload(&mut self) {
        for (name, unit) in &mut self.units {
            if let Some(file) = self.files.get(name) {
                unit.file = file.clone();
            }
        }
        self.signals.push(Signal::LookAgain);
    }

    /// Queues a job, and runs it unless it is held. `None`: there is no such unit.
    pub(super) fn queue(&mut self, name: &UnitName, job: Job) -> Option<JobId> {
        if !self.units.contains_key(name) {
            let file = self.files.get(name)?.clone();
            let (phase, job, pid) = (Phase::Dead, None, 0);
            self.units.insert(name.clone(), Loaded { file, phase, job, pid });
        }
        let unit = self.units.get_mut(name)?;
        let id = match unit.job {
            // The same again is the same job.
            Some((id, old)) if old == job => id,
            _ => {
                self.finish(name, JobResult::Canceled);
                self.job_id += 1;
                JobId(self.job_id)
            }
        };
        self.units.get_mut(name)?.job = Some((id, job));
        self.changed(name);
        if !self.held.contains(name) {
            self.run(name);
        }
        Some(id)
    }

    pub(super) fn hold(&mut self, name: &UnitName) {
        self.held.insert(name.clone());
    }

    pub(super) fn release(&mut self, name: &UnitName) {
        self.held.remove(name);
        self.run(name);
    }

    /// The program of a running unit ends.
    pub(super) fn exit(&mut self, name: &UnitName, status: i32) {
        let remains = |unit: &Loaded| {
            unit.phase != Phase::Stopping
                && unit.file.get("Service", "RemainAfterExit") == Some("yes")
        };
        self.end(name, |unit| match status {
            0 if remains(unit) => Phase::Exited,
            0 => Phase::Dead,
            status => Phase::Failed { status: Some(status) },
        });
    }

    /// The processes of a unit are killed, if it is of a type that has any.
    pub(super) fn kill(&mut self, name: &UnitName) {
        if name.unit_type() == UnitType::Service {
            self.end(name, |_| Phase::Failed { status: None });
        }
    }

    /// The processes of a unit are gone; it is then as `becomes` says.
    fn end(&mut self, name: &UnitName, becomes: impl FnOnce(&Loaded) -> Phase) {
        let Some(unit) = self.units.get_mut(name).filter(|unit| unit.has_process()) else {
            return;
        };
        let before = unit.phase;
        unit.phase = becomes(unit);
        let failed = matches!(unit.phase, Phase::Failed { .. });
        self.changed(name);
        match before {
            Phase::Stopping => self.finish(name, JobResult::Done),
            Phase::Starting if failed => self.finish(name, JobResult::Failed),
            Phase::Starting => self.finish(name, JobResult::Done),
            _ => {}
        }
        self.collect(name);
    }

    fn reset_failed(&mut self, name: &UnitName) {
        if let Some(unit) = self.units.get_mut(name)
            && matches!(unit.phase, Phase::Failed { .. })
        {
            unit.phase = Phase::Dead;
            self.changed(name);
            self.collect(name);
        }
    }

    /// Those units that have a process.
    pub(super) fn processes(&self) -> impl Iterator<Item = &UnitName> {
        self.units.iter().filter(|(_, unit)| unit.has_process()).map(|(name, _)| name)
    }

    /// Those of them that are linked.
    pub(super) fn running(&self) -> impl Iterator<Item = &UnitName> {
        self.processes().filter(|name| self.files.contains_key(*name))
    }

    pub(super) fn status(&self, name: &UnitName) -> Option<Status> {
        let file = self.files.get(name)?;
        let unit = self.units.get(name);
        let phase = unit.map_or(Phase::Dead, |unit| unit.phase);
        let (result, exit_status) = match phase {
            Phase::Failed { status: None } => (Some("signal"), None),
            Phase::Failed { status } => (Some("exit-code"), status),
            _ => (None, None),
        };
        let (active, sub) = words(phase, name.unit_type());
        Some(Status {
            linked: Some(file.hash()),
            state: SystemdState { load: "loaded".into(), active: active.into(), sub: sub.into() },
            job_pending: unit.is_some_and(|unit| unit.job.is_some()),
            result: result.map(Into::into),
            exit_status,
            run: unit.map(|unit| unit.run(name.unit_type())).unwrap_or_default(),
        })
    }

    /// Runs the job that waits, if one does.
    fn run(&mut self, name: &UnitName) {
        let Some(unit) = self.units.get_mut(name) else {
            return;
        };
        match unit.job.map(|(_, job)| job) {
            Some(Job::Start) => self.start(name),
            Some(Job::Restart) => {
                unit.phase = Phase::Dead;
                self.start(name);
            }
            Some(Job::Stop) if unit.has_process() && unit.is_deaf() => {
                unit.phase = Phase::Stopping;
                self.changed(name);
            }
            Some(Job::Stop) => {
                unit.phase = match unit.phase {
                    // To systemd a oneshot that is killed has failed.
                    Phase::Starting => Phase::Failed { status: None },
                    // A failure stays until it is reset, or the unit started.
                    Phase::Failed { status } => Phase::Failed { status },
                    Phase::Dead | Phase::Running | Phase::Stopping | Phase::Exited => Phase::Dead,
                };
                self.changed(name);
                self.finish(name, JobResult::Done);
                self.collect(name);
            }
            None => {}
        }
    }

    fn start(&mut self, name: &UnitName) {
        let Some(unit) = self.units.get_mut(name) else {
            return;
        };
        match unit.phase {
            Phase::Running | Phase::Exited => return self.finish(name, JobResult::Done),
            Phase::Starting | Phase::Stopping => return,
            Phase::Dead | Phase::Failed { .. } => {}
        }
        let ending = ending(&unit.file);
        let oneshot = unit.file.get("Service", "Type") == Some("oneshot");
        unit.phase = if oneshot { Phase::Starting } else { Phase::Running };
        self.pid += 1;
        unit.pid = self.pid;
        self.changed(name);
        if !oneshot {
            self.finish(name, JobResult::Done);
        }
        for wanted in self.wanted_by(name) {
            self.queue(&wanted, Job::Start);
        }
        if let Some(status) = ending {
            self.exit(name, status);
        }
    }

    /// The enabled units that start when this one does.
    fn wanted_by(&self, name: &UnitName) -> Vec<UnitName> {
        let wants = |file: &UnitFile| {
            ["WantedBy", "RequiredBy"].iter().any(|key| {
                let wanters = file.get_all("Install", key);
                wanters.iter().flat_map(|list| list.split_whitespace()).any(|w| w == name.as_str())
            })
        };
        self.files.iter().filter(|(_, file)| wants(file)).map(|(name, _)| name.clone()).collect()
    }

    /// The unit's job ends, if it has one.
    fn finish(&mut self, name: &UnitName, result: JobResult) {
        let job = self.units.get_mut(name).and_then(|unit| unit.job.take());
        if let Some((job, _)) = job
            && self.files.contains_key(name)
        {
            let unit = name.clone();
            self.signals.push(Signal::JobEnded { unit, job, result });
        }
    }

    /// A unit that is dead and has no job leaves systemd's memory.
    fn collect(&mut self, name: &UnitName) {
        if self.units.get(name).is_some_and(|u| u.phase == Phase::Dead && u.job.is_none()) {
            self.units.remove(name);
        }
    }

    fn changed(&mut self, name: &UnitName) {
        if self.files.contains_key(name) {
            self.signals.push(Signal::Changed(name.clone()));
        }
    }
}

impl Loaded {
    fn has_process(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Running | Phase::Stopping)
    }

    /// Whether the signal that systemd tells it to stop by is one that processes pass over.
    fn is_deaf(&self) -> bool {
        self.file.get("Service", "KillSignal") == Some("SIGCONT")
    }

    /// What else is known of its run. The twin has no time.
    fn run(&self, unit_type: UnitType) -> Run {
        if self.phase == Phase::Dead || unit_type != UnitType::Service {
            return Run::default();
        }
        Run { since: None, main_pid: self.has_process().then_some(self.pid), restarts: Some(0) }
    }
}

/// How the unit's program ends by itself, if it does. The twin knows two programs; all others run
/// until they are stopped or made to exit.
fn ending(file: &UnitFile) -> Option<i32> {
    match file.get("Service", "ExecStart")?.split_whitespace().next()? {
        "/bin/true" => Some(0),
        "/bin/false" => Some(1),
        _ => None,
    }
}

/// systemd's words: active state and sub state.
fn words(phase: Phase, unit_type: UnitType) -> (&'static str, &'static str) {
    match phase {
        Phase::Dead => ("inactive", "dead"),
        Phase::Starting => ("activating", "start"),
        Phase::Stopping => ("deactivating", "stop-sigterm"),
        Phase::Exited => ("active", "exited"),
        Phase::Failed { .. } => ("failed", "failed"),
        Phase::Running => (
            "active",
            match unit_type {
                UnitType::Service => "running",
                UnitType::Socket => "listening",
                UnitType::Timer | UnitType::Path | UnitType::Automount => "waiting",
                UnitType::Mount => "mounted",
                _ => "active",
            },
        ),
    }
}
