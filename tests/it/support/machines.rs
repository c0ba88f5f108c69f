//! Machines in this process: real agents and engines, over a store in memory and a systemd in
//! memory, on tokio's paused clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::agent::{Farewell, Standing};
use fleet::fleetd::metrics::{Metered, Metrics};
use fleet::fleetd::registry::{
    Cluster, EmbeddedStore, Key, MachineRecord, Mirror, Op, Put, Registry, Revision, Store, Txn,
};
use fleet::fleetd::systemd::{Call, MemoryUnits};
use fleet::model::{MachineId, TargetState};
use fleet::unitfile::{UnitFile, UnitName};

use super::fleetd::{Around, Fleetd, LEADER_TTL, TokioClock};
use super::tally::Tally;

pub use super::fleetd::TTL;

/// How long anything may take, on the paused clock.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster in this process.
pub struct Machines {
    /// The clients' way to the store.
    pub registry: Registry,
    /// What all of them count together.
    pub metrics: Metrics,
    /// What all of them ask of the store, and of systemd.
    pub tally: Tally,
    /// How long a machine lives without a heartbeat, and a leader without a renewal.
    ttl: Duration,
    pub leader_ttl: Duration,
    /// How long the jobs of systemd last.
    pub jobs_last: Duration,
    pub clock: Arc<TokioClock>,
    store: Arc<dyn Store>,
    mirror: Arc<Mirror<Cluster>>,
}

/// One machine: what a boot leaves (`units`, `run`), and the fleetd that runs on it.
pub struct Machine {
    pub id: MachineId,
    pub units: Arc<MemoryUnits>,
    /// The newest format that the fleetd reads which is started next; `None`: it does not tell.
    pub format: Option<u32>,
    run: tempfile::TempDir,
    fleetd: Option<Fleetd>,
}

impl Machines {
    /// An empty cluster.
    pub fn new() -> Machines {
        Machines::over(Arc::new(EmbeddedStore::in_memory()))
    }

    /// A cluster over a store.
    pub fn over(store: Arc<dyn Store>) -> Machines {
        Machines::with_ttl(TTL, store)
    }

    /// The same, of machines that live for so long without a heartbeat.
    pub fn with_ttl(ttl: Duration, store: Arc<dyn Store>) -> Machines {
        let (metrics, tally) = (Metrics::default(), Tally::default());
        let metered = Arc::new(Metered::new(store.clone(), metrics.clone()));
        let registry = Registry::over(tally.store("API", metered), ttl / 6);
        let mirror = registry.cluster();
        let (clock, leader_ttl) = (Arc::new(TokioClock::new()), LEADER_TTL);
        let jobs_last = Duration::ZERO;
        Machines { registry, metrics, tally, ttl, leader_ttl, jobs_last, clock, store, mirror }
    }

    /// Another way to the store: who goes it is told by the tally.
    fn registry_of(&self, who: &'static str) -> Registry {
        let metered = Arc::new(Metered::new(self.store.clone(), self.metrics.clone()));
        Registry::over(self.tally.store(who, metered), self.ttl / 6)
    }

    /// A machine that booted and whose fleetd was started.
    pub async fn boot(&self, id: &str) -> Machine {
        self.boot_with(id, None).await
    }

    /// One whose fleetd reads this format, too.
    pub async fn boot_with(&self, id: &str, format: Option<u32>) -> Machine {
        let mut machine = Machine {
            format,
            id: MachineId::parse(id).unwrap(),
            units: Arc::new(MemoryUnits::new()),
            run: tempfile::tempdir().unwrap(),
            fleetd: None,
        };
        self.start_fleetd(&mut machine).await;
        machine
    }

    /// Starts fleetd on a machine on which it does not run.
    pub async fn start_fleetd(&self, machine: &mut Machine) {
        let record = MachineRecord {
            ip: "10.0.0.1".into(),
            metadata: BTreeMap::from([("machine".into(), machine.id.to_string())]),
            version: "test".into(),
            format: machine.format,
            ..MachineRecord::default()
        };
        let around = Around {
            machine: &machine.id,
            ttl: self.ttl,
            leader_ttl: self.leader_ttl,
            clock: self.clock.clone(),
            record,
            registry: self.registry_of("agent"),
            engine_registry: self.registry_of("engine"),
            units: self.tally.units(machine.units.clone(), self.jobs_last),
            run_folder: machine.run.path(),
            metrics: self.metrics.clone(),
        };
        machine.fleetd = Some(Fleetd::start(around).await.unwrap());
    }

    /// Stores a unit, or changes what is wanted of it.
    pub async fn put(&self, name: &str, contents: Option<&str>, desired: TargetState) {
        let file = contents.map(|contents| UnitFile::parse(contents).unwrap());
        let put = Put { file, desired: Some(desired) };
        let stored = self.registry.put_unit(&unit(name), &put).await.unwrap();
        self.mirror.reach(stored.revision).await.unwrap();
    }

    /// Waits until the cluster is as it should be.
    pub async fn until(&self, what: &str, holds: impl Fn(&Cluster) -> bool) {
        let mut reached = self.mirror.reached();
        let waited = tokio::time::timeout(PATIENCE, async {
            while !holds(&self.mirror.read()) {
                reached.changed().await.unwrap();
            }
        });
        if waited.await.is_err() {
            panic!("never {what}: {:#?}", self.mirror.read());
        }
    }

    /// Waits until a machine reports a unit in this active state, of its last start.
    pub async fn until_reported(&self, name: &str, machine: &Machine, active: &str) {
        let unit = unit(name);
        let what = format!("{name} {active} on {}", machine.id);
        let reported = |cluster: &Cluster| {
            let wanted = cluster.units.get(&unit).map(|unit| unit.launch);
            let state = cluster.states.get(&unit).and_then(|on| on.get(&machine.id));
            state.is_some_and(|state| {
                state.active == active && (state.launch.is_none() || state.launch == wanted)
            })
        };
        self.until(&what, reported).await;
    }

    /// Removes a machine's key and nothing else, as a person might; returns the life that ends with
    /// it.
    pub async fn expel(&self, machine: &Machine) -> Revision {
        let present = self.registry.present(&machine.id).await.unwrap().unwrap();
        let key = Key::Machine(machine.id.clone()).to_string();
        let then = vec![Op::Delete(key)];
        self.store.commit(Txn { then, ..Txn::default() }).await.unwrap();
        present.created
    }

    /// Writes a key as another hand might: any bytes, on no session.
    pub async fn write(&self, key: &str, value: impl Into<Vec<u8>>) -> Revision {
        let put = Op::Put { key: key.to_owned(), value: value.into(), lease: None };
        self.store.commit(Txn { then: vec![put], ..Txn::default() }).await.unwrap().revision
    }

    /// What stands under a key.
    pub async fn read(&self, key: &str) -> Option<Vec<u8>> {
        let found = self.store.range(key).await.unwrap().entries;
        found.into_iter().find(|entry| entry.key == key).map(|entry| entry.value)
    }

    /// What was written since the store was at a revision: the keys of each revision.
    pub async fn written_since(&self, revision: Revision) -> Vec<Vec<String>> {
        let now = self.store.revision().await.unwrap();
        let mut changes = self.store.watch("", revision.next()).await.unwrap();
        let mut written = Vec::new();
        let mut seen = revision;
        while seen < now {
            let change = changes.recv().await.unwrap().unwrap();
            seen = change.revision;
            written.push(change.events.iter().map(|event| event.key().to_owned()).collect());
        }
        written
    }

    /// The keys that changed since the store was at a revision.
    pub fn changed_since(&self, revision: Revision) -> Vec<String> {
        let cluster = self.mirror.read();
        cluster.changed_since(revision).unwrap().map(ToString::to_string).collect()
    }

    /// The machine a unit is scheduled to.
    pub fn home(&self, name: &str) -> Option<MachineId> {
        self.mirror.read().machines_of(&unit(name)).next().map(|(id, _)| id.clone())
    }
}

impl Machine {
    /// Ends fleetd as `systemctl stop` or `systemctl restart` would.
    pub async fn end_fleetd(&mut self, farewell: Farewell) {
        self.fleetd.take().unwrap().end(farewell).await;
    }

    /// Ends fleetd as `kill -9` would.
    pub async fn kill_fleetd(&mut self) {
        self.fleetd.take().unwrap().kill().await;
    }

    /// Changes what the machine says of itself, as a reload of its configuration does.
    pub fn describe(&self, change: impl FnOnce(&mut MachineRecord)) {
        self.fleetd.as_ref().unwrap().record.send_modify(change);
    }

    /// Allows or forbids its engine to lead, as a reload of its configuration does.
    pub fn may_lead(&self, may: bool) {
        self.fleetd.as_ref().unwrap().may_lead.send_replace(may);
    }

    /// Waits until the machine stands so with the cluster.
    pub async fn until_standing(&mut self, wanted: Standing) {
        let standing = &mut self.fleetd.as_mut().unwrap().standing;
        let waited = tokio::time::timeout(PATIENCE, standing.wait_for(|is| *is == wanted)).await;
        waited.unwrap_or_else(|_| panic!("{} is never {wanted:?}", self.id)).unwrap();
    }
}

/// What was asked of a machine's systemd, in short.
pub fn calls(machine: &Machine) -> Vec<String> {
    let short = |call: Call| match call {
        Call::Link(names) => format!("link {}", names[0]),
        Call::Unlink(names) => format!("unlink {}", names[0]),
        Call::Start(name) => format!("start {name}"),
        Call::Restart(name) => format!("restart {name}"),
        Call::Stop(name) => format!("stop {name}"),
        Call::Kill(name) => format!("kill {name}"),
        Call::Reload => "reload".to_owned(),
    };
    machine.units.take_calls().into_iter().map(short).collect()
}

/// A unit's name.
pub fn unit(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}
