//! What a law is given: a unit manager, its signals, and a world in which things happen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::systemd::{JobId, JobResult, Signal, Status, SystemdError, UnitManager};
use fleet::unitfile::{UnitFile, UnitName};
use tokio::sync::mpsc::UnboundedReceiver;

/// How long anything may take that systemd does, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What laws need from outside the manager.
pub trait World: std::fmt::Debug {
    /// The program of a unit made by [`told`] ends with this status.
    fn exit(&self, name: &UnitName, status: i32);
    /// A unit that systemd will refuse to link.
    fn unlinkable(&self) -> UnitName;
    /// The file of a oneshot that fails, and says this before.
    fn fails_saying(&self, name: &UnitName, words: &str) -> UnitFile;
    /// An administrator reloads systemd.
    fn daemon_reload(&self);
    /// Contact with systemd breaks, and is possible again.
    fn lose_contact(&self);
}

/// A manager, its signals, and the world.
#[derive(Debug)]
pub struct Room {
    pub manager: Arc<dyn UnitManager>,
    pub world: Box<dyn World>,
    signals: UnboundedReceiver<Signal>,
}

pub fn name(text: &str) -> UnitName {
    UnitName::parse(text).unwrap()
}

pub fn file(text: &str) -> UnitFile {
    UnitFile::parse(text).unwrap()
}

/// A service that runs until it is stopped.
pub fn service(extra: &str) -> UnitFile {
    file(&format!("[Service]\nExecStart=/bin/sleep infinity\n{extra}"))
}

/// A service whose program ends when the world says so.
pub fn told(extra: &str) -> UnitFile {
    let program = "until read s < /run/fleet-laws/%n; do sleep 0.02; done; exit $$s";
    file(&format!("[Service]\nExecStart=/bin/sh -c '{program}'\n{extra}"))
}

impl Room {
    pub async fn new(manager: Arc<dyn UnitManager>, world: Box<dyn World>) -> Room {
        let signals = manager.signals().await.unwrap();
        Room { manager, world, signals }
    }

    pub async fn link(&self, unit: &UnitName, file: &UnitFile) {
        let results = self.manager.link(&[(unit.clone(), file.clone())]).await;
        all_done(&results);
    }

    pub async fn unlink(&self, unit: &UnitName) {
        all_done(&self.manager.unlink(std::slice::from_ref(unit)).await);
    }

    pub async fn status(&self, unit: &UnitName) -> Status {
        self.manager.observe_one(unit).await.unwrap()
    }

    pub async fn all(&self) -> BTreeMap<UnitName, Status> {
        self.manager.observe().await.unwrap()
    }

    /// Starts the unit and waits for the end of the job.
    pub async fn start(&mut self, unit: &UnitName) -> JobResult {
        let job = self.manager.start(unit).await.unwrap();
        self.end_of(job).await
    }

    pub async fn restart(&mut self, unit: &UnitName) -> JobResult {
        let job = self.manager.restart(unit).await.unwrap();
        self.end_of(job).await
    }

    /// Stops the unit and waits until one of its jobs ends.
    pub async fn stop(&mut self, unit: &UnitName) -> JobResult {
        self.forget_signals();
        self.manager.stop(unit).await.unwrap();
        self.job_end(unit).await
    }

    /// Waits for the end of this job.
    pub async fn end_of(&mut self, awaited: JobId) -> JobResult {
        loop {
            match self.signal().await {
                Signal::JobEnded { job, result, .. } if job == awaited => return result,
                _ => {}
            }
        }
    }

    /// Waits for the end of any job of this unit.
    pub async fn job_end(&mut self, name: &UnitName) -> JobResult {
        loop {
            match self.signal().await {
                Signal::JobEnded { unit, result, .. } if unit == *name => return result,
                _ => {}
            }
        }
    }

    /// Waits until the unit is as wanted, looking only when a signal says so.
    pub async fn until(&mut self, unit: &UnitName, active: &str) -> Status {
        loop {
            let status = self.status(unit).await;
            if status.state.active == active {
                return status;
            }
            eprintln!("waiting for {unit} to be {active}: {status:?}");
            self.signal().await;
        }
    }

    pub async fn signal(&mut self) -> Signal {
        tokio::time::timeout(PATIENCE, self.signals.recv()).await.expect("no signal").unwrap()
    }

    pub fn forget_signals(&mut self) {
        while self.signals.try_recv().is_ok() {}
    }

    /// No signal for a while.
    pub async fn is_quiet(&mut self) -> bool {
        let wait = Duration::from_millis(300);
        tokio::time::timeout(wait, self.signals.recv()).await.is_err()
    }
}

pub fn all_done(results: &[(UnitName, Result<(), SystemdError>)]) {
    for (unit, result) in results {
        assert!(result.is_ok(), "{unit}: {result:?}");
    }
}
