//! A fleetd in this process: a real agent and a real engine, over whatever store and systemd they are given.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::agent::{Agent, AgentError, AgentSettings, Farewell, Standing};
use fleet::fleetd::boot_clock::BootClock;
use fleet::fleetd::engine::{Engine, EngineSettings};
use fleet::fleetd::metrics::Metrics;
use fleet::fleetd::registry::{LeaderRecord, MachineRecord, Registry};
use fleet::fleetd::systemd::UnitManager;
use fleet::model::MachineId;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How long a machine lives without a heartbeat: as in a cluster whose owner is impatient.
pub const TTL: Duration = Duration::from_secs(6);

/// How long a leader does, as a rule.
pub const LEADER_TTL: Duration = Duration::from_secs(2);

/// The time since boot by tokio's clock, also when that is paused; and by how long the machine slept.
#[derive(Debug)]
pub struct TokioClock {
    booted: Instant,
    slept: watch::Sender<Duration>,
}

impl TokioClock {
    /// Of a machine that boots now.
    pub fn new() -> TokioClock {
        TokioClock { booted: Instant::now(), slept: watch::Sender::new(Duration::ZERO) }
    }

    /// The machine sleeps for so long, and wakes: tokio's clock, as the kernel's other one, stands still.
    #[allow(dead_code, reason = "not every test binary has machines that sleep")]
    pub fn sleep(&self, time: Duration) {
        self.slept.send_modify(|slept| *slept += time);
    }
}

#[async_trait::async_trait]
impl BootClock for TokioClock {
    fn now(&self) -> Duration {
        self.booted.elapsed() + *self.slept.borrow()
    }

    async fn until(&self, moment: Duration) {
        let mut slept = self.slept.subscribe();
        while self.now() < moment {
            tokio::select! {
                biased;
                () = tokio::time::sleep(moment.saturating_sub(self.now())) => {}
                _ = slept.changed() => {}
            }
        }
    }
}

/// What a fleetd is told.
pub struct Around<'a> {
    pub machine: &'a MachineId,
    /// How long it lives without a heartbeat.
    pub ttl: Duration,
    /// How long it leads without a renewal.
    pub leader_ttl: Duration,
    pub clock: Arc<dyn BootClock>,
    /// What it says of its machine.
    pub record: MachineRecord,
    /// Its agent's way to the store, and its engine's.
    pub registry: Registry,
    pub engine_registry: Registry,
    pub units: Arc<dyn UnitManager>,
    pub run_folder: &'a Path,
    pub metrics: Metrics,
}

/// One that runs. Dropping it kills it, also while it ends.
pub struct Fleetd {
    agent: AbortOnDropHandle<()>,
    engine: AbortOnDropHandle<()>,
    farewell: watch::Sender<Option<Farewell>>,
    stop: CancellationToken,
    /// How it stands with the cluster.
    pub standing: watch::Receiver<Standing>,
    /// What its machine says of itself, as a reload of its configuration changes it.
    pub record: watch::Sender<MachineRecord>,
    /// Whether it may lead, likewise.
    pub may_lead: watch::Sender<bool>,
}

impl Fleetd {
    pub async fn start(around: Around<'_>) -> Result<Fleetd, AgentError> {
        let Around { machine, ttl, leader_ttl, clock, record, units, run_folder, metrics, .. } =
            around;
        let candidate = LeaderRecord {
            machine: machine.clone(),
            version: record.version.clone(),
            format: record.format,
        };
        let record = watch::Sender::new(record);
        let settings = AgentSettings {
            machine: machine.clone(),
            record: record.subscribe(),
            ttl,
            clock,
            run_folder: run_folder.to_owned(),
            metrics: metrics.clone(),
        };
        let agent = Agent::start(settings, around.registry, units).await?;
        let may_lead = watch::Sender::new(true);
        let settings = EngineSettings {
            candidate,
            leader_ttl,
            retry_max: leader_ttl / 6,
            enabled: may_lead.subscribe(),
            metrics,
        };
        let engine = Engine::new(settings, around.engine_registry);
        let (farewell, told) = watch::channel(None);
        let stop = CancellationToken::new();
        Ok(Fleetd {
            standing: agent.standing(),
            agent: AbortOnDropHandle::new(tokio::spawn(agent.run(told))),
            engine: AbortOnDropHandle::new(tokio::spawn(engine.run(stop.clone()))),
            farewell,
            stop,
            record,
            may_lead,
        })
    }

    /// Ends it as `systemctl stop` or `systemctl restart` would.
    pub async fn end(self, farewell: Farewell) {
        self.stop.cancel();
        self.engine.await.unwrap();
        self.farewell.send_replace(Some(farewell));
        self.agent.await.unwrap();
    }

    /// Ends it as `kill -9` would.
    pub async fn kill(self) {
        self.agent.abort();
        self.engine.abort();
        let _ = (self.agent.await, self.engine.await);
    }
}
