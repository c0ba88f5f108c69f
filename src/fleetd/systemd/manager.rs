//! The real thing: [`UnitManager`] over D-Bus.
//!
//! This file starts and stops; `observe` looks, `batch` links and unlinks, `signals` listens. It
//! must not know why a unit should run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;
use zbus::OwnedObjectPath;

use super::bus::{Bus, failed, is_no_such_unit};
use super::folder::Folder;
use super::gate::{Gate, JOBS_MAX};
use super::proxy::ManagerProxy;
use super::runs::Runs;
use super::{
    JobId, Signal, Status, System, SystemdError, UnitManager, batch, journal, observe, proxy,
    signals,
};
use crate::model::Timestamp;
use crate::unitfile::{UnitFile, UnitName};

/// How systemd treats a job that stands in the way of a new one: the new one wins.
const REPLACE: &str = "replace";

/// In which systemd counts time: so many of them are a second.
const MICROS: u64 = 1_000_000;

/// signal(7).
const SIGKILL: i32 = 9;

/// What can be queued.
#[derive(Debug, Clone, Copy)]
enum Job {
    Start,
    Restart,
    Stop,
}

impl Job {
    fn word(self) -> &'static str {
        match self {
            Job::Start => "start",
            Job::Restart => "restart",
            Job::Stop => "stop",
        }
    }
}

/// What happens to this process's own unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopKind {
    /// It is stopped, alone or with the whole machine.
    Stop,
    /// It will be back at once.
    Restart,
}

/// systemd on this machine, reached over the system bus.
#[derive(Debug)]
pub struct SystemdManager {
    bus: Arc<Bus>,
    folder: Arc<Folder>,
    runs: Arc<Runs>,
    /// Held while unit files change: a batch sees what systemd has loaded, writes, and reloads if
    /// need be, and must not be interleaved with another one.
    changing: Mutex<()>,
    gate: Gate,
    /// The task that forwards signals to the last subscriber.
    forwarder: std::sync::Mutex<Option<AbortHandle>>,
}

impl SystemdManager {
    /// Finds systemd on the system bus; its unit files are kept in `folder`, an absolute path.
    /// When systemd cannot be reached, try again later. Once it was reached, contact that is lost is
    /// restored by the next call.
    pub async fn connect(folder: PathBuf) -> Result<SystemdManager, SystemdError> {
        let bus = Bus::default();
        bus.manager().await.map_err(|error| failed("connect".into(), error))?;
        Ok(SystemdManager {
            bus: Arc::new(bus),
            folder: Arc::new(Folder::new(folder)),
            runs: Arc::default(),
            changing: Mutex::default(),
            gate: Gate::default(),
            forwarder: std::sync::Mutex::default(),
        })
    }

    /// Whether systemd will start this process again once it has ended. That is so when the
    /// process's unit is being restarted, and when nobody asked systemd to stop it.
    pub async fn stop_kind(&self) -> Result<StopKind, SystemdError> {
        let job = async {
            let manager = self.bus.manager().await?;
            let path = manager.get_unit_by_pid(std::process::id()).await?;
            let id = proxy::unit(&manager, &path).await?.id().await?;
            manager.list_units_by_names(&[&id]).await
        };
        let unit = job.await.map_err(|error| failed("find out why to stop".into(), error))?;
        Ok(match unit.iter().any(|unit| unit.job_kind == "stop") {
            true => StopKind::Stop,
            false => StopKind::Restart,
        })
    }

    /// Queues a job, when there are not too many.
    async fn queue(&self, job: Job, name: &UnitName) -> Result<JobId, SystemdError> {
        let operation = || format!("{} {name}", job.word());
        let to_error = |error| failed(operation(), error);
        let manager = self.bus.manager().await.map_err(to_error)?;
        let passed = match job {
            Job::Start | Job::Restart => self.gate.pass(&manager).await,
            Job::Stop => self.gate.pass_stop(&manager).await,
        };
        if !passed.map_err(to_error)? {
            return Err(SystemdError::Busy { operation: operation(), jobs: JOBS_MAX });
        }
        let queued = match job {
            Job::Start => self.start_raw(&manager, name).await,
            Job::Restart => manager.restart_unit(name.as_str(), REPLACE).await,
            Job::Stop => manager.stop_unit(name.as_str(), REPLACE).await,
        };
        queued.and_then(|path| job_id(&path)).map_err(to_error)
    }

    async fn start_raw(
        &self,
        manager: &ManagerProxy<'_>,
        name: &UnitName,
    ) -> zbus::Result<OwnedObjectPath> {
        match manager.start_unit(name.as_str(), REPLACE).await {
            Err(error) if is_no_such_unit(&error) && self.repair(manager).await? => {
                manager.start_unit(name.as_str(), REPLACE).await
            }
            other => other,
        }
    }

    /// systemd does not know a unit that is to be started, or one that this one requires. Where
    /// fleet has its file, systemd has overlooked it, since it goes by the times of directories,
    /// which can be coarse; or fleetd died between writing and linking. Says whether there was
    /// such a file; if not, there is nothing to try again.
    async fn repair(&self, manager: &ManagerProxy<'_>) -> zbus::Result<bool> {
        let _changing = self.changing.lock().await;
        let Ok(names) = observe::names(&self.folder).await else {
            return Ok(false);
        };
        let overlooked = observe::overlooked(manager, &names).await?;
        Ok(!overlooked.is_empty() && batch::link_again(manager, &self.folder, &overlooked).await?)
    }
}

#[async_trait]
impl UnitManager for SystemdManager {
    async fn system(&self) -> Result<System, SystemdError> {
        let ask = async {
            let manager = self.bus.manager().await?;
            let began = manager.userspace_timestamp().await?;
            Ok(System {
                version: manager.version().await?,
                booted: Timestamp::from_unix_secs(began / MICROS),
            })
        };
        ask.await.map_err(|error| failed("ask for systemd's version".into(), error))
    }

    async fn observe(&self) -> Result<BTreeMap<UnitName, Status>, SystemdError> {
        let files = observe::list(&self.folder).await?;
        let look = async { observe::look(&self.bus.manager().await?, &self.runs, files).await };
        look.await.map_err(|error| failed("observe units".into(), error))
    }

    async fn observe_one(&self, name: &UnitName) -> Result<Status, SystemdError> {
        let Some(file) = self.folder.find(name)? else {
            return Ok(Status::not_found());
        };
        let files = BTreeMap::from([(name.clone(), file)]);
        let look = async { observe::look(&self.bus.manager().await?, &self.runs, files).await };
        let mut found = look.await.map_err(|error| failed(format!("observe {name}"), error))?;
        Ok(found.remove(name).unwrap_or_else(Status::not_found))
    }

    async fn files(&self) -> Result<BTreeMap<UnitName, UnitFile>, SystemdError> {
        let files = observe::list(&self.folder).await?;
        Ok(files.into_iter().filter_map(|(name, file)| Some((name, file?))).collect())
    }

    async fn link(
        &self,
        files: &[(UnitName, UnitFile)],
    ) -> Vec<(UnitName, Result<(), SystemdError>)> {
        let _changing = self.changing.lock().await;
        batch::link(&self.bus, &self.folder, files).await
    }

    async fn unlink(&self, names: &[UnitName]) -> Vec<(UnitName, Result<(), SystemdError>)> {
        let _changing = self.changing.lock().await;
        batch::unlink(&self.bus, &self.folder, names).await
    }

    async fn start(&self, name: &UnitName) -> Result<JobId, SystemdError> {
        self.queue(Job::Start, name).await
    }

    async fn restart(&self, name: &UnitName) -> Result<JobId, SystemdError> {
        self.queue(Job::Restart, name).await
    }

    async fn stop(&self, name: &UnitName) -> Result<(), SystemdError> {
        match self.queue(Job::Stop, name).await {
            Err(error) if error.is_no_such_unit() => Ok(()),
            other => other.map(drop),
        }
    }

    async fn kill(&self, name: &UnitName) -> Result<(), SystemdError> {
        let kill =
            async { self.bus.manager().await?.kill_unit(name.as_str(), "all", SIGKILL).await };
        match kill.await.map_err(|error| failed(format!("kill {name}"), error)) {
            Err(error) if error.is_no_such_unit() || error.is_nothing_to_kill() => Ok(()),
            other => other,
        }
    }

    async fn memory(&self, found: &mut BTreeMap<UnitName, u64>) -> Result<(), SystemdError> {
        let names = observe::names(&self.folder).await?;
        let look = async { observe::memory(&self.bus.manager().await?, &names, found).await };
        look.await.map_err(|error| failed("ask for the memory of units".into(), error))
    }

    async fn last_words(&self, name: &UnitName) -> Vec<String> {
        journal::last_words(&self.bus, name).await
    }

    async fn signals(&self) -> Result<mpsc::UnboundedReceiver<Signal>, SystemdError> {
        let subscription = signals::subscribe(&self.bus).await?;
        // Unbounded, since the reader of the bus must never wait for the listener; what is in it is
        // bounded by what systemd does while the listener makes one pass.
        let (listener, signals) = mpsc::unbounded_channel();
        let task = tokio::spawn(signals::forward(
            self.bus.clone(),
            self.folder.clone(),
            self.runs.clone(),
            subscription,
            listener,
        ));
        self.forward_by(Some(task.abort_handle()));
        Ok(signals)
    }
}

impl SystemdManager {
    /// Replaces the forwarding task.
    fn forward_by(&self, task: Option<AbortHandle>) {
        let mut forwarder = self.forwarder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = std::mem::replace(&mut *forwarder, task) {
            old.abort();
        }
    }
}

impl Drop for SystemdManager {
    fn drop(&mut self) {
        self.forward_by(None);
    }
}

/// The number at the end of a job's path.
fn job_id(path: &OwnedObjectPath) -> zbus::Result<JobId> {
    let number = path.as_str().rsplit('/').next().and_then(|number| number.parse().ok());
    number.map(JobId).ok_or(zbus::Error::InvalidReply)
}
