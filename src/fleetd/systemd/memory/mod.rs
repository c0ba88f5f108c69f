//! The twin: a tiny systemd in memory that obeys the same laws as the real one, for tests and
//! simulations, with handles to make things happen and a log of what was asked of it.
//!
//! What it does not have: `Restart=`, dependencies other than `[Install]`, time. The state machine
//! is in `machine`; this file is its door.

mod machine;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::mpsc;

use self::machine::{Job, Machine};
use super::{JobId, NO_SUCH_UNIT, Signal, Status, System, SystemdError, UnitManager};
use crate::model::Timestamp;
use crate::unitfile::{UnitFile, UnitName};

/// Its version.
const VERSION: &str = "257";

/// When it began, in seconds since 1970: on 1 January 2026.
const BOOTED: u64 = 1_767_225_600;

/// What each unit's process uses.
const MEMORY: u64 = 1 << 20; // 1 MiB

/// Something that was asked of a [`MemoryUnits`] and that changes units; in the log of these, tests
/// find who did what in which order. Refused calls are in it, too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// [`UnitManager::link`], with the units of the batch.
    Link(Vec<UnitName>),
    /// [`UnitManager::unlink`], with the units of the batch.
    Unlink(Vec<UnitName>),
    /// The one `Reload` that a link needed.
    Reload,
    /// [`UnitManager::start`].
    Start(UnitName),
    /// [`UnitManager::restart`].
    Restart(UnitName),
    /// [`UnitManager::stop`].
    Stop(UnitName),
    /// [`UnitManager::kill`].
    Kill(UnitName),
}

/// What a [`MemoryUnits`] can be told to refuse, once, to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The next link.
    Link,
    /// The next unlink.
    Unlink,
    /// The next start or restart.
    Start,
    /// The next stop.
    Stop,
}

/// A tiny systemd in memory. A service runs until it is stopped or [`MemoryUnits::exit`] is called;
/// a oneshot is starting until then. The program `/bin/true` exits by itself at once, `/bin/false`
/// too, with status 1. One with `KillSignal=SIGCONT` does not heed a stop. All other unit types are
/// active from start to stop.
#[derive(Debug, Default)]
pub struct MemoryUnits {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    machine: Machine,
    away: bool,
    refusals: BTreeSet<(Refusal, UnitName)>,
    calls: Vec<Call>,
    journal: BTreeMap<UnitName, Vec<String>>,
    journal_hangs: bool,
    memory_hangs_after: Option<usize>,
    listener: Option<mpsc::UnboundedSender<Signal>>,
}

impl MemoryUnits {
    /// A systemd without units.
    pub fn new() -> MemoryUnits {
        MemoryUnits::default()
    }

    /// The unit's program ends with this status; nothing happens when it does not run.
    pub fn exit(&self, name: &UnitName, status: i32) {
        self.act(|inner| inner.machine.exit(name, status));
    }

    /// From now on jobs of this unit wait, as those of a unit that is slow to start or stop.
    pub fn hold(&self, name: &UnitName) {
        self.act(|inner| inner.machine.hold(name));
    }

    /// Lets the job of this unit run, and those that come.
    pub fn release(&self, name: &UnitName) {
        self.act(|inner| inner.machine.release(name));
    }

    /// The next such call for this unit is refused.
    pub fn refuse(&self, refusal: Refusal, name: &UnitName) {
        self.act(|inner| _ = inner.refusals.insert((refusal, name.clone())));
    }

    /// systemd stops answering. Its units go on.
    pub fn disconnect(&self) {
        self.act(|inner| inner.away = true);
    }

    /// systemd answers again, and says so.
    pub fn reconnect(&self) {
        self.act(|inner| {
            inner.away = false;
            inner.machine.signals.push(Signal::Reconnected);
        });
    }

    /// An administrator reloads systemd.
    pub fn daemon_reload(&self) {
        self.act(|inner| inner.machine.reload());
    }

    /// Every unit that has a process now, linked or not.
    pub fn processes(&self) -> BTreeSet<UnitName> {
        self.act(|inner| inner.machine.processes().cloned().collect())
    }

    /// The unit has said this in its last run.
    pub fn says(&self, name: &UnitName, line: &str) {
        self.act(|inner| inner.journal.entry(name.clone()).or_default().push(line.to_string()));
    }

    /// From now on, reading the journal does not end.
    pub fn hang_journal(&self) {
        self.act(|inner| inner.journal_hangs = true);
    }

    /// From now on, asking for the memory of units does not end after that of so many was said.
    pub fn hang_memory_after(&self, units: usize) {
        self.act(|inner| inner.memory_hangs_after = Some(units));
    }

    /// What was asked, in order, since the beginning or since this was last called.
    pub fn take_calls(&self) -> Vec<Call> {
        self.act(|inner| std::mem::take(&mut inner.calls))
    }

    /// Does something, and passes on the signals that come of it. While systemd is away they are
    /// lost.
    fn act<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner: MutexGuard<'_, Inner> =
            self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let value = act(&mut inner);
        let signals = std::mem::take(&mut inner.machine.signals);
        if let (Some(listener), false) = (&inner.listener, inner.away) {
            for signal in signals {
                // A listener that is gone misses nothing.
                let _ = listener.send(signal);
            }
        }
        value
    }

    /// A call that queues a job.
    fn queue(&self, job: Job, call: Call, name: &UnitName) -> Result<JobId, SystemdError> {
        let (verb, refusal) = match job {
            Job::Start => ("start", Refusal::Start),
            Job::Restart => ("restart", Refusal::Start),
            Job::Stop => ("stop", Refusal::Stop),
        };
        self.act(|inner| {
            inner.answer(verb, name, Some(refusal), Some(call))?;
            inner.machine.queue(name, job).ok_or_else(|| no_such_unit(verb, name))
        })
    }
}

impl Inner {
    /// Whether systemd answers.
    fn reach(&self, operation: &str) -> Result<(), SystemdError> {
        match self.away {
            true => Err(SystemdError::Unreachable {
                operation: operation.to_string(),
                source: "told to be away".into(),
            }),
            false => Ok(()),
        }
    }

    /// Logs a call about one unit and says whether it is answered.
    fn answer(
        &mut self,
        verb: &str,
        name: &UnitName,
        refusal: Option<Refusal>,
        call: Option<Call>,
    ) -> Result<(), SystemdError> {
        self.calls.extend(call);
        let operation = format!("{verb} {name}");
        self.reach(&operation)?;
        match refusal.is_some_and(|refusal| self.refusals.remove(&(refusal, name.clone()))) {
            true => Err(SystemdError::Refused {
                operation,
                name: "org.freedesktop.DBus.Error.Failed".into(),
                message: "told to refuse".into(),
            }),
            false => Ok(()),
        }
    }
}

fn no_such_unit(verb: &str, name: &UnitName) -> SystemdError {
    SystemdError::Refused {
        operation: format!("{verb} {name}"),
        name: NO_SUCH_UNIT.into(),
        message: format!("Unit {name} not found."),
    }
}

#[async_trait]
impl UnitManager for MemoryUnits {
    async fn system(&self) -> Result<System, SystemdError> {
        self.act(|inner| inner.reach("ask for systemd's version"))?;
        Ok(System { version: VERSION.to_owned(), booted: Timestamp::from_unix_secs(BOOTED) })
    }

    async fn observe(&self) -> Result<BTreeMap<UnitName, Status>, SystemdError> {
        self.act(|inner| {
            inner.reach("observe units")?;
            let machine = &inner.machine;
            let status = |name: &UnitName| Some((name.clone(), machine.status(name)?));
            Ok(machine.files.keys().filter_map(status).collect())
        })
    }

    async fn observe_one(&self, name: &UnitName) -> Result<Status, SystemdError> {
        self.act(|inner| {
            inner.answer("observe", name, None, None)?;
            Ok(inner.machine.status(name).unwrap_or_else(Status::not_found))
        })
    }

    async fn files(&self) -> Result<BTreeMap<UnitName, UnitFile>, SystemdError> {
        Ok(self.act(|inner| inner.machine.files.clone()))
    }

    async fn link(
        &self,
        files: &[(UnitName, UnitFile)],
    ) -> Vec<(UnitName, Result<(), SystemdError>)> {
        let names = files.iter().map(|(name, _)| name.clone()).collect();
        self.act(|inner| {
            inner.calls.push(Call::Link(names));
            let mut stale = false;
            let mut results = Vec::new();
            for (name, file) in files {
                let result = inner.answer("link", name, Some(Refusal::Link), None);
                stale |= result.is_ok() && inner.machine.link(name, file);
                results.push((name.clone(), result));
            }
            if stale {
                inner.calls.push(Call::Reload);
                inner.machine.reload();
            }
            results
        })
    }

    async fn unlink(&self, names: &[UnitName]) -> Vec<(UnitName, Result<(), SystemdError>)> {
        self.act(|inner| {
            inner.calls.push(Call::Unlink(names.to_vec()));
            let mut unlink = |name: &UnitName| {
                inner.answer("unlink", name, Some(Refusal::Unlink), None)?;
                inner.machine.unlink(name);
                Ok(())
            };
            names.iter().map(|name| (name.clone(), unlink(name))).collect()
        })
    }

    async fn start(&self, name: &UnitName) -> Result<JobId, SystemdError> {
        self.queue(Job::Start, Call::Start(name.clone()), name)
    }

    async fn restart(&self, name: &UnitName) -> Result<JobId, SystemdError> {
        self.queue(Job::Restart, Call::Restart(name.clone()), name)
    }

    async fn stop(&self, name: &UnitName) -> Result<(), SystemdError> {
        match self.queue(Job::Stop, Call::Stop(name.clone()), name) {
            Err(error) if error.is_no_such_unit() => Ok(()),
            other => other.map(drop),
        }
    }

    async fn kill(&self, name: &UnitName) -> Result<(), SystemdError> {
        self.act(|inner| {
            inner.answer("kill", name, None, Some(Call::Kill(name.clone())))?;
            inner.machine.kill(name);
            Ok(())
        })
    }

    async fn memory(&self, found: &mut BTreeMap<UnitName, u64>) -> Result<(), SystemdError> {
        let hangs_after = self.act(|inner| {
            inner.reach("ask for the memory of units")?;
            let said = inner.memory_hangs_after.unwrap_or(usize::MAX);
            found.extend(inner.machine.running().take(said).map(|name| (name.clone(), MEMORY)));
            Ok(inner.memory_hangs_after)
        })?;
        match hangs_after {
            Some(_) => std::future::pending().await,
            None => Ok(()),
        }
    }

    async fn last_words(&self, name: &UnitName) -> Vec<String> {
        if self.act(|inner| inner.journal_hangs) {
            std::future::pending::<()>().await;
        }
        self.act(|inner| inner.journal.get(name).cloned().unwrap_or_default())
    }

    async fn signals(&self) -> Result<mpsc::UnboundedReceiver<Signal>, SystemdError> {
        let (listener, signals) = mpsc::unbounded_channel();
        self.act(|inner| {
            inner.reach("subscribe")?;
            inner.listener = Some(listener);
            Ok(signals)
        })
    }
}
