//! The real `fleetctl` over the real API, engines and agents; only the store and systemd are their
//! twins in memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::serve::ListenerExt;
use fleet::api::STORE_AWAY;
use fleet::fleetd::agent::Standing;
use fleet::fleetd::api::Api;
use fleet::fleetd::registry::{EmbeddedStore, Store};
use fleet::fleetd::systemd::Call;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::bench::{Bench, Ended};
use super::cluster::name;
use crate::support::cut::Cut;
use crate::support::machines::{Machine, Machines};

const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";
const ONESHOT: &str = "[Service]\nType=oneshot\nExecStart=/bin/true\n";
const PINNED: &str = "[Service]\nExecStart=/bin/true\n[X-Fleet]\nMachineMetadata=machine=m3\n";

/// As the daemon's default.
const TOKEN_LIMIT: usize = 100;

/// One machine, and a folder whose `real.sock` leads to it.
pub struct Road {
    pub bench: Bench,
    pub door: Arc<Door>,
    pub cluster: Machines,
    machine: Machine,
    standing: watch::Sender<Standing>,
}

/// Who came in to the API, and for what.
#[derive(Default)]
pub struct Door {
    pub connections: AtomicUsize,
    /// Method and path.
    pub requests: Mutex<Vec<String>>,
}

impl Road {
    pub fn new() -> Self {
        Self::over(Arc::new(EmbeddedStore::in_memory()))
    }

    /// The same over a store.
    fn over(store: Arc<dyn Store>) -> Self {
        let bench = Bench::new(|_| {});
        let socket = bench.folder().join("real.sock");
        let (standing, known) = watch::channel(Standing::Member);
        let door = Arc::<Door>::default();
        let (by_connection, by_request) = (door.clone(), door.clone());
        let (cluster, machine) = bench.runtime.block_on(async move {
            let cluster = Machines::over(store);
            let machine = cluster.boot("m1").await;
            let stop = CancellationToken::new();
            let (_, token_limit) = watch::channel(TOKEN_LIMIT);
            let api = Api::new(cluster.registry.clone(), known, token_limit, stop);
            let listener = UnixListener::bind(socket).unwrap().tap_io(move |_| {
                by_connection.connections.fetch_add(1, Ordering::Relaxed);
            });
            let router = api.router().layer(from_fn(move |request: Request, next: Next| {
                let line = format!("{} {}", request.method(), request.uri().path());
                by_request.requests.lock().unwrap().push(line);
                next.run(request)
            }));
            tokio::spawn(async move { axum::serve(listener, router).await });
            (cluster, machine)
        });
        Self { bench, door, cluster, machine, standing }
    }

    pub fn run(&self, arguments: &str) -> Ended {
        let socket = self.bench.folder().join("real.sock");
        let endpoint = format!("--endpoint unix://{}", socket.display());
        self.bench.run(&format!("{arguments} {endpoint}"))
    }
}

#[test]
fn a_unit_goes_up_and_down() {
    let road = Road::new();
    road.bench.file("hello@.service", SERVICE);
    let loaded = "Unit hello@1.service loaded on m1.../10.0.0.1\n";
    let launched = "Unit hello@1.service launched on m1.../10.0.0.1\n";
    let running = "hello@1.service\tm1.../10.0.0.1\tactive\trunning\n";
    let how_far = "list-unit-files --no-legend --fields=unit,dstate,state";
    for (arguments, expected) in [
        ("submit hello@.service", "Unit hello@.service inactive\n"),
        ("load hello@1", loaded),
        (how_far, "hello@.service\tinactive\tinactive\nhello@1.service\tloaded\t\tloaded\n"),
        ("start hello@1", launched),
        ("start hello@1", launched),
        ("list-units --no-legend", running),
        (how_far, "hello@.service\tinactive\tinactive\nhello@1.service\tlaunched\tlaunched\n"),
        ("restart hello@1", launched),
        ("stop hello@1", loaded),
        (how_far, "hello@.service\tinactive\tinactive\nhello@1.service\tloaded\t\tloaded\n"),
        ("restart hello@1", launched),
        ("stop hello@1", loaded),
        ("start hello@1", launched),
        ("unload hello@1", "Unit hello@1.service inactive\n"),
        (how_far, "hello@.service\tinactive\tinactive\nhello@1.service\tinactive\tinactive\n"),
        ("start hello@1", launched),
        ("destroy hello@*", "Destroyed hello@1.service\nDestroyed hello@.service\n"),
        ("list-units --no-legend", ""),
    ] {
        let ended = road.run(arguments);
        let (mut got, mut lines) = (lines(&ended.stdout), lines(expected));
        got.sort_unstable();
        lines.sort_unstable();
        assert_eq!((ended.code, got), (Some(0), lines), "{arguments}: {ended}");
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn a_start_is_one_start_of_what_does_not_run() {
    let road = Road::new();
    road.bench.file("once.service", ONESHOT);
    road.bench.file("hello.service", SERVICE);
    let launched = |unit: &str| format!("Unit {unit}.service launched on m1.../10.0.0.1\n");
    for unit in ["once", "hello"] {
        road.run(&format!("start {unit}")).is(0, &launched(unit), "");
    }
    road.machine.units.take_calls();
    road.run("start hello").is(0, &launched("hello"), "");
    assert!(road.machine.units.take_calls().is_empty(), "it runs");
    road.run("start once").is(0, &launched("once"), "");
    assert_eq!(road.machine.units.take_calls(), [Call::Start(name("once.service"))]);

    road.machine.units.exit(&name("hello.service"), 3);
    let failed = road.cluster.until_reported("hello.service", &road.machine, "failed");
    road.bench.runtime.block_on(failed);
    road.run("start hello").is(0, &launched("hello"), "");
    assert_eq!(road.machine.units.take_calls(), [Call::Start(name("hello.service"))]);
}

#[test]
fn a_restart_stops_and_starts_what_runs() {
    let road = Road::new();
    road.bench.file("hello.service", SERVICE);
    let launched = "Unit hello.service launched on m1.../10.0.0.1\n";
    road.run("start hello").is(0, launched, "");
    road.machine.units.take_calls();
    road.run("restart hello").is(0, launched, "");
    let (calls, hello) = (road.machine.units.take_calls(), name("hello.service"));
    // The agent may see both wishes, or only the later one.
    let [one, two] =
        [vec![Call::Restart(hello.clone())], vec![Call::Stop(hello.clone()), Call::Start(hello)]];
    assert!(calls == one || calls == two, "{calls:?}");
}

#[test]
fn a_unit_that_nobody_takes_waits_and_says_why() {
    let road = Road::new();
    road.bench.file("pinned.service", PINNED);
    let why = "none of 1 machines takes it\n  \
               m1.../10.0.0.1: MachineMetadata wants machine=m3, the machine has machine=m1\n";
    let ended = road.run("start pinned --block-attempts 4");
    let told = format!("pinned.service waits: {why}error: gave up after 4 attempts");
    assert!(ended.stderr.starts_with(&told), "{ended}");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    road.run("why pinned").is(0, &format!("pinned.service is pending: {why}"), "");
    road.run("stop pinned").is(0, "Unit pinned.service inactive\n", "");
    road.run("destroy pinned").is(0, "Destroyed pinned.service\n", "");
}

#[test]
fn a_daemon_without_etcd_or_refused_by_its_cluster_says_the_known_sentence() {
    let store = Arc::new(Cut::new(Arc::new(EmbeddedStore::in_memory())));
    let road = Road::over(store.clone());
    road.bench.file("hello.service", SERVICE);
    let known = "fleet server unable to communicate with etcd";
    assert_eq!(STORE_AWAY, known);
    let all_say_so = || {
        for arguments in ["list-units", "list-unit-files", "list-machines", "start hello"] {
            let ended = road.run(arguments);
            assert!(ended.stderr.starts_with(&format!("error: {known}")), "{arguments}: {ended}");
            assert_eq!((ended.code, &*ended.stdout), (Some(1), ""), "{arguments}");
        }
    };
    store.set_away(true);
    all_say_so();
    store.set_away(false);
    for standing in [Standing::Refused, Standing::Apart] {
        road.standing.send_replace(standing);
        all_say_so();
    }
}
