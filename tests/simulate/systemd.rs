//! One machine's systemd: the twin in memory, which answers late, whose jobs take their time, and which does nothing
//! while its machine is paused. What it does to running units, the world looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fleet::fleetd::systemd::{
    JobId, MemoryUnits, Signal, Status, System, SystemdError, UnitManager,
};
use fleet::unitfile::{UnitFile, UnitName};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::bugs::Bug;
use super::sky::Weather;
use super::world::World;

/// The longest that systemd takes to answer.
const ANSWER_MAX: Duration = Duration::from_millis(5);

/// The longest that a job takes.
const JOB_MAX: Duration = Duration::from_secs(3);

/// The door to it.
#[derive(Debug)]
pub struct Systemd {
    pub host: usize,
    pub units: Arc<MemoryUnits>,
    pub weather: Arc<Weather>,
    pub world: Arc<World>,
    pub bug: Option<Bug>,
    /// What it was asked to stop, for a fleetd that believes that it has.
    pub stopped: Mutex<BTreeSet<UnitName>>,
}

impl Systemd {
    async fn turn(&self) {
        self.weather.awake().await;
        sleep(self.weather.up_to(ANSWER_MAX)).await;
        self.weather.awake().await;
    }

    /// One job in four takes a while.
    fn maybe_slowly(&self, name: &UnitName) {
        if !self.weather.happens(250) {
            return;
        }
        self.units.hold(name);
        let (units, world, name) = (Arc::clone(&self.units), Arc::clone(&self.world), name.clone());
        let (weather, takes) = (Arc::clone(&self.weather), self.weather.up_to(JOB_MAX));
        tokio::spawn(async move {
            sleep(takes).await;
            weather.awake().await;
            units.release(&name);
            world.look();
        });
    }

    fn as_believed(&self, name: &UnitName, status: Status) -> Status {
        let believed = self.bug == Some(Bug::BelievesWhatItAsked)
            && self.stopped.lock().unwrap().contains(name);
        if !believed {
            return status;
        }
        Status { linked: status.linked, ..Status::not_found() }
    }
}

#[async_trait]
impl UnitManager for Systemd {
    async fn system(&self) -> Result<System, SystemdError> {
        self.units.system().await
    }

    async fn observe(&self) -> Result<BTreeMap<UnitName, Status>, SystemdError> {
        self.turn().await;
        let all = self.units.observe().await?;
        Ok(all.into_iter().map(|(name, is)| (name.clone(), self.as_believed(&name, is))).collect())
    }

    async fn observe_one(&self, name: &UnitName) -> Result<Status, SystemdError> {
        self.turn().await;
        Ok(self.as_believed(name, self.units.observe_one(name).await?))
    }

    async fn files(&self) -> Result<BTreeMap<UnitName, UnitFile>, SystemdError> {
        self.turn().await;
        self.units.files().await
    }

    async fn link(
        &self,
        files: &[(UnitName, UnitFile)],
    ) -> Vec<(UnitName, Result<(), SystemdError>)> {
        self.turn().await;
        self.world.note(self.host, format!("link {}", list(files.iter().map(|(name, _)| name))));
        self.units.link(files).await
    }

    async fn unlink(&self, names: &[UnitName]) -> Vec<(UnitName, Result<(), SystemdError>)> {
        self.turn().await;
        self.world.note(self.host, format!("unlink {}", list(names.iter())));
        self.world.unlinks(self.host, names);
        let unlinked = self.units.unlink(names).await;
        self.world.look();
        unlinked
    }

    async fn start(&self, name: &UnitName) -> Result<JobId, SystemdError> {
        self.turn().await;
        self.stopped.lock().unwrap().remove(name);
        self.world.starts(self.host, name);
        self.maybe_slowly(name);
        let started = self.units.start(name).await;
        if started.is_ok() {
            self.world.started(self.host, name);
        }
        self.world.look();
        started
    }

    async fn restart(&self, name: &UnitName) -> Result<JobId, SystemdError> {
        self.turn().await;
        self.world.stops(self.host, name, "restart");
        self.world.starts(self.host, name);
        self.maybe_slowly(name);
        let restarted = self.units.restart(name).await;
        if restarted.is_ok() {
            self.world.started(self.host, name);
        }
        self.world.look();
        restarted
    }

    async fn stop(&self, name: &UnitName) -> Result<(), SystemdError> {
        self.turn().await;
        self.world.stops(self.host, name, "stop");
        self.stopped.lock().unwrap().insert(name.clone());
        self.maybe_slowly(name);
        let stopped = self.units.stop(name).await;
        self.world.look();
        stopped
    }

    async fn kill(&self, name: &UnitName) -> Result<(), SystemdError> {
        self.turn().await;
        self.world.stops(self.host, name, "kill");
        let killed = self.units.kill(name).await;
        self.world.look();
        killed
    }

    async fn memory(&self, found: &mut BTreeMap<UnitName, u64>) -> Result<(), SystemdError> {
        self.units.memory(found).await
    }

    async fn last_words(&self, name: &UnitName) -> Vec<String> {
        self.turn().await;
        self.units.last_words(name).await
    }

    async fn signals(&self) -> Result<mpsc::UnboundedReceiver<Signal>, SystemdError> {
        self.turn().await;
        self.units.signals().await
    }
}

fn list<'a>(names: impl Iterator<Item = &'a UnitName>) -> String {
    names.map(UnitName::as_str).collect::<Vec<_>>().join(" ")
}
