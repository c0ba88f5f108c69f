//! A cluster of one size: etcd, the processes with its machines, and what is asked of it. It must
//! not know what is measured.

use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::registry::{Event, Key, LeaseId, Mirror, Put, Registry, Revision, Store};
use fleet::model::{MachineId, TargetState};
use fleet::unitfile::{UnitFile, UnitName};
use futures_util::{StreamExt, stream};
use tempfile::TempDir;

use super::etcd::Etcd;
use super::process::Process;
use super::running::{REPORTS, Running};
use super::{AGENT_TTL, Size};

/// Writers at once, as of many people and programs.
const WRITERS: usize = 64;

/// Leases that are revoked at once; etcd itself ends no more than a thousand in a second.
const REVOKED_AT_ONCE: usize = 16;

/// Processes for the machines that nothing else is known of.
const PROCESSES: usize = 2;

/// What stands in for each machine's `/run/fleet` is in memory, too.
const RUN: &str = "/dev/shm";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// For how long nothing may change until all is said to be quiet.
const QUIET: Duration = Duration::from_secs(1);

/// A cluster.
pub struct Cluster {
    pub etcd: Etcd,
    pub leader: Process,
    pub alone: Process,
    pub others: Vec<Process>,
    store: Arc<dyn Store>,
    registry: Registry,
    running: Mirror<Running>,
    /// Goes last.
    _run: TempDir,
}

impl Cluster {
    /// Starts one, and waits until all its machines are of it. The first leads.
    pub async fn start(size: Size) -> Cluster {
        let etcd = Etcd::start().await;
        let run = TempDir::new_in(RUN).expect("a temporary folder");
        let start = |first, count| Process::start(run.path(), etcd.port(), first, count);
        let (store, mut leader) = (etcd.store(), start(0, 1));
        leader.joined().await;
        led_after(&*store, Revision::default()).await;
        let mut alone = start(1, 1);
        let (rest, each) = (size.machines - 2, (size.machines - 2).div_ceil(PROCESSES));
        let others = (0..rest).step_by(each);
        let others = others.map(|from| start(from + 2, each.min(rest - from)));
        let mut others: Vec<Process> = others.collect();
        for process in others.iter_mut().chain([&mut alone]) {
            process.joined().await;
        }
        let registry = Registry::over(Arc::clone(&store), AGENT_TTL / 6);
        let running = registry.mirror(REPORTS.to_owned());
        Cluster { etcd, leader, alone, others, store, registry, running, _run: run }
    }

    /// Waits until nothing changes any more.
    pub async fn quiet(&self) {
        let mut before = None;
        loop {
            let now = self.store.revision().await.expect("etcd");
            if before.replace(now) == Some(now) {
                return;
            }
            tokio::time::sleep(QUIET).await;
        }
    }

    /// Stores units that shall run, as the API does: each a read and a compare-and-swap.
    pub async fn want(&self, names: &[UnitName]) {
        let writing = stream::iter(names).map(|name| self.want_one(name));
        writing.buffer_unordered(WRITERS).collect::<()>().await;
    }

    async fn want_one(&self, name: &UnitName) {
        let put = Put { file: Some(file(name)), desired: Some(TargetState::Launched) };
        self.registry.put_unit(name, &put).await.expect("a unit that is stored");
    }

    /// Waits until the machines report what they shall.
    pub async fn until(&self, what: &str, holds: impl Fn(&Running) -> bool) {
        let mut reached = self.running.reached();
        let waited = tokio::time::timeout(PATIENCE, async {
            while !holds(&self.running.read()) {
                reached.changed().await.expect("etcd");
            }
        });
        let waited = waited.await;
        assert!(waited.is_ok(), "{what}: only {} run", self.running.read().count());
    }

    /// Kills so many machines and ends their leases; returns when etcd has.
    pub async fn lose(&mut self, count: usize, killed: impl FnOnce()) {
        let mut ids = Vec::new();
        for process in &mut self.others {
            ids.extend(process.kill_some(count - ids.len()).await);
        }
        let sessions = stream::iter(&ids).then(|id| self.session(id));
        let sessions: Vec<LeaseId> = sessions.collect().await;
        killed();
        let ended = stream::iter(sessions).map(|lease| self.registry.revoke(lease));
        let ended = ended.buffer_unordered(REVOKED_AT_ONCE);
        ended.for_each(async |revoked| revoked.expect("etcd")).await;
        let revision = self.store.revision().await.expect("etcd");
        self.running.reach(revision).await.expect("etcd");
    }

    async fn session(&self, id: &MachineId) -> LeaseId {
        let present = self.registry.present(id).await.expect("etcd");
        present.expect("a machine of the cluster").lease.expect("a session")
    }

    /// Kills the leader, and ends its lease; returns when there is another one.
    pub async fn change_leader(&mut self, killed: impl FnOnce()) {
        let led = self.store.range(&Key::Leader.to_string()).await.expect("etcd");
        self.leader.kill().await;
        let lease = led.entries.first().and_then(|leader| leader.lease).expect("a leader");
        killed();
        self.registry.revoke(lease).await.expect("etcd");
        led_after(&*self.store, led.revision).await;
    }
}

/// Waits until somebody leads who did not at a revision.
async fn led_after(store: &dyn Store, revision: Revision) {
    let key = Key::Leader.to_string();
    let mut changes = store.watch(&key, revision.next()).await.expect("etcd");
    loop {
        let changes = changes.recv().await.expect("a watch").expect("a watch that goes on");
        if changes.events.iter().any(|event| matches!(event, Event::Put(_))) {
            return;
        }
    }
}

/// So many names of units.
pub fn names(prefix: &str, count: usize) -> Vec<UnitName> {
    let name = |number| UnitName::parse(&format!("{prefix}-{number}.service")).expect("a name");
    (0..count).map(name).collect()
}

/// A unit as people write them.
fn file(name: &UnitName) -> UnitFile {
    let text = format!(
        "[Unit]\nDescription=A service of many, {name}\nAfter=docker.service\nRequires=docker.service\n\n\
         [Service]\nTimeoutStartSec=0\nRestart=always\n\
         ExecStartPre=-/usr/bin/docker rm --force {name}\n\
         ExecStart=/usr/bin/docker run --name {name} --publish-all registry.example.com/service:1.2.3\n\
         ExecStop=/usr/bin/docker stop {name}\n"
    );
    UnitFile::parse(&text).expect("a unit file")
}
