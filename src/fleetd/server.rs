//! Wires the rooms together, runs them until a signal comes, and ends them in order: the API and
//! the engine first, so that nothing new is asked, then the agent, which may have units to stop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::agent::{Agent, AgentSettings, Farewell};
use super::api::Api;
use super::boot_clock::Kernel;
use super::config::Settings;
use super::connections;
use super::engine::{Engine, EngineSettings};
use super::facts;
use super::identity::{self, OnlyOne};
use super::metrics::{Metered, Metrics};
use super::notify;
use super::registry::{
    EmbeddedStore, EtcdStore, FORMAT, LeaderRecord, MachineRecord, Registry, Store,
};
use super::reload::InForce;
use super::sockets::{self, Listener};
use super::systemd::{StopKind, SystemdManager};
use super::{Fatal, VERSION};
use crate::model::MachineId;

/// What a reboot shall empty: unit files, launch records, the session's token.
const RUN_FOLDER: &str = "/run/fleet";

/// What a machine alone remembers.
const STANDALONE_FOLDER: &str = "/var/lib/fleet";

/// Where `fleetctl` looks for the API.
const DEFAULT_SOCKET: &str = "/run/fleet.sock";

/// How long requests under way get to finish at the end.
const REQUESTS_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the daemon until it is told to stop.
pub async fn run(
    settings: Settings,
    mut in_force: InForce,
    standalone: bool,
    listen: Vec<String>,
) -> Result<(), Fatal> {
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    let mut hangup = handler(SignalKind::hangup())?;
    let run_folder = folder(RUN_FOLDER)?;
    let _only_one = OnlyOne::take(&run_folder)?;
    let machine = identity::machine_id()?;
    let listeners = listeners(&listen, standalone).await?;
    let units = Arc::new(SystemdManager::connect(run_folder.join("units")).await?);
    let metrics = Metrics::default();
    let store = Metered::new(store(&settings, standalone).await?, metrics.clone());
    let registry = Registry::over(Arc::new(store), settings.agent_ttl / 6);

    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    tasks.spawn(find_out(units.clone(), in_force.teller()));
    let (farewell, told) = watch::channel(None);
    let agent_settings = AgentSettings {
        record: in_force.record(),
        ttl: settings.agent_ttl,
        run_folder,
        machine: machine.clone(),
        metrics: metrics.clone(),
        clock: Arc::new(Kernel),
    };
    let agent = Agent::start(agent_settings, registry.clone(), units.clone()).await?;
    let standing = agent.standing();
    let engine = engine(&settings, machine, registry.clone(), in_force.engine(), metrics.clone());
    let leading = engine.leading();
    let api = Api::new(registry, standing.clone(), in_force.token_limit(), stop.clone())
        .with_metrics(metrics, leading.clone());
    let router = api.router();
    for listener in listeners {
        connections::serve(listener, router.clone(), &tasks, stop.clone());
    }
    let agent = tokio::spawn(agent.run(told));
    tasks.spawn(engine.run(stop.clone()));
    tasks.spawn(notify::keep_told(standing, leading, stop.clone()));

    notify::ready();
    let interrupted = loop {
        tokio::select! {
            _ = hangup.recv() => {
                tasks.spawn(find_out(units.clone(), in_force.teller()));
                in_force.reload().await;
            }
            _ = terminate.recv() => break false,
            _ = interrupt.recv() => break true,
        }
    };
    notify::stopping();
    stop.cancel();
    tasks.close();
    if tokio::time::timeout(REQUESTS_TIMEOUT, tasks.wait()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
    farewell.send_replace(Some(part_how(&units, interrupted).await));
    notify::until_parted(agent).await.map_err(Fatal::Agent)
}

/// Whether fleetd comes back at once. Units are kept when in doubt: that a unit runs on while
/// nobody looks after it for a while is the lesser evil.
async fn part_how(units: &SystemdManager, interrupted: bool) -> Farewell {
    if interrupted {
        return Farewell::Leave;
    }
    match units.stop_kind().await {
        Ok(StopKind::Stop) => Farewell::Leave,
        Ok(StopKind::Restart) => Farewell::Keep,
        Err(error) => {
            tracing::warn!(error = %super::chain::chain(&error), "assuming a restart");
            Farewell::Keep
        }
    }
}

fn engine(
    settings: &Settings,
    machine: MachineId,
    registry: Registry,
    enabled: watch::Receiver<bool>,
    metrics: Metrics,
) -> Engine {
    let candidate = LeaderRecord { machine, version: VERSION.to_owned(), format: Some(FORMAT) };
    let leader_ttl = leader_ttl(settings.agent_ttl);
    let retry_max = leader_ttl / 6;
    Engine::new(EngineSettings { candidate, leader_ttl, retry_max, enabled, metrics }, registry)
}

/// A leader shall be missed before the machines are whose units it would have to move.
fn leader_ttl(agent_ttl: Duration) -> Duration {
    let before_machines = agent_ttl.saturating_sub(Duration::from_secs(1));
    before_machines.clamp(Duration::from_secs(2), Duration::from_secs(5))
}

/// Finds out what this machine is, while everything else goes on.
async fn find_out(units: Arc<SystemdManager>, record: watch::Sender<MachineRecord>) {
    let facts = Some(facts::gather(&*units).await);
    record.send_if_modified(|record| std::mem::replace(&mut record.facts, facts.clone()) != facts);
}

async fn store(settings: &Settings, standalone: bool) -> Result<Arc<dyn Store>, Fatal> {
    if standalone {
        let path = folder(STANDALONE_FOLDER)?.join("store.redb");
        return Ok(Arc::new(EmbeddedStore::open(path).await?));
    }
    Ok(Arc::new(EtcdStore::connect(settings.etcd.clone())?))
}

async fn listeners(addresses: &[String], standalone: bool) -> Result<Vec<Listener>, Fatal> {
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(sockets::open(address).await?);
    }
    if listeners.is_empty() {
        listeners = sockets::passed()?;
    }
    if listeners.is_empty() && standalone {
        listeners.push(sockets::open(DEFAULT_SOCKET).await?);
    }
    if listeners.is_empty() {
        tracing::warn!("no socket for the API: enable fleet.socket, or give --listen");
    }
    Ok(listeners)
}

fn folder(path: &str) -> Result<PathBuf, Fatal> {
    std::fs::create_dir_all(path)
        .map_err(|source| Fatal::Folder { path: path.to_owned(), source })?;
    Ok(PathBuf::from(path))
}

fn handler(kind: SignalKind) -> Result<Signal, Fatal> {
    signal(kind).map_err(Fatal::Signals)
}
