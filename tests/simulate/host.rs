//! One physical machine: what a boot leaves of it, and the fleetd that runs there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fleet::fleetd::agent::{AgentError, Farewell};
use fleet::fleetd::metrics::Metrics;
use fleet::fleetd::registry::{MachineRecord, Registry, Store};
use fleet::fleetd::systemd::MemoryUnits;
use fleet::model::MachineId;
use tempfile::TempDir;
use tokio_util::task::AbortOnDropHandle;

use super::bugs::Bug;
use super::fleetd::{Around, Fleetd, LEADER_TTL, TokioClock};
use super::link::Link;
use super::sky::{Sky, Weather};
use super::systemd::Systemd;
use super::world::World;

/// How long a machine lives without a heartbeat: the least with which units can be stopped in time.
pub const TTL: Duration = Duration::from_secs(10);

/// A machine.
pub struct Host {
    pub index: usize,
    pub id: MachineId,
    pub weather: Arc<Weather>,
    boot: Option<Boot>,
    fleetd: Option<Fleetd>,
    /// A fleetd that is ending in order.
    ending: Option<AbortOnDropHandle<()>>,
}

/// What is lost with the power.
struct Boot {
    units: Arc<MemoryUnits>,
    run: TempDir,
}

/// What all machines have in common.
#[derive(Clone)]
pub struct Site {
    pub store: Arc<dyn Store>,
    pub world: Arc<World>,
    pub bug: Option<Bug>,
}

impl Host {
    pub fn new(index: usize, id: &str, seed: u64) -> Host {
        Host {
            index,
            id: MachineId::parse(id).unwrap(),
            weather: Arc::new(Weather::new(seed)),
            boot: None,
            fleetd: None,
            ending: None,
        }
    }

    pub fn is_on(&self) -> bool {
        self.boot.is_some()
    }

    pub fn units(&self) -> Option<&MemoryUnits> {
        self.boot.as_ref().map(|boot| &*boot.units)
    }

    /// Gives it power.
    pub fn boot(&mut self, site: &Site) {
        let units = Arc::new(MemoryUnits::new());
        site.world.booted(self.index, self.id.clone(), units.clone());
        self.boot = Some(Boot { units, run: tempfile::tempdir().unwrap() });
        self.weather.set(Sky::default());
    }

    /// Takes its power away.
    pub async fn cut_power(&mut self, site: &Site) {
        self.kill_fleetd().await;
        self.ending = None;
        self.boot = None;
        site.world.died(self.index);
    }

    /// Whether a fleetd could be started now.
    pub fn may_start(&mut self) -> bool {
        let ended = self.ending.as_ref().is_none_or(|ending| ending.is_finished());
        ended && !self.weather.sky().paused
    }

    /// Starts fleetd, where there is none and the machine is on.
    pub async fn start_fleetd(&mut self, site: &Site) -> Result<(), AgentError> {
        let Some(boot) = self.boot.as_ref().filter(|_| self.fleetd.is_none()) else {
            return Ok(());
        };
        if site.bug == Some(Bug::ForgetsLaunches) {
            let _ = std::fs::remove_dir_all(boot.run.path().join("launched"));
        }
        site.world.stays(self.index);
        let link = Link {
            host: self.index,
            store: site.store.clone(),
            weather: self.weather.clone(),
            world: site.world.clone(),
            bug: site.bug,
        };
        let units = Systemd {
            host: self.index,
            units: boot.units.clone(),
            weather: self.weather.clone(),
            world: site.world.clone(),
            bug: site.bug,
            stopped: Mutex::new(BTreeSet::new()),
        };
        let odd = self.id.as_str().ends_with(['1', '3']);
        let disk = if odd { "ssd" } else { "hdd" };
        let record = MachineRecord {
            ip: format!("10.0.0.{}", self.index),
            metadata: BTreeMap::from([("disk".into(), disk.into())]),
            version: "test".into(),
            ..MachineRecord::default()
        };
        let registry = Registry::over(Arc::new(link), TTL / 6);
        let around = Around {
            machine: &self.id,
            ttl: TTL,
            leader_ttl: LEADER_TTL,
            clock: Arc::new(TokioClock::new()),
            record,
            registry: registry.clone(),
            engine_registry: registry,
            units: Arc::new(units),
            run_folder: boot.run.path(),
            metrics: Metrics::default(),
        };
        self.fleetd = Some(Fleetd::start(around).await?);
        site.world.looked_after(self.index, true);
        Ok(())
    }

    pub async fn kill_fleetd(&mut self) {
        if let Some(fleetd) = self.fleetd.take() {
            fleetd.kill().await;
        }
    }

    /// Has fleetd end in order, where it runs, which takes its time.
    pub fn end_fleetd(&mut self, farewell: Farewell) {
        if let Some(fleetd) = self.fleetd.take() {
            self.ending = Some(AbortOnDropHandle::new(tokio::spawn(fleetd.end(farewell))));
        }
    }
}
