//! What becomes of units when the store is cut off from most machines, loses everything, or is an
//! older one; and how fast the leadership changes hands.

use crate::cluster::{Cluster, wait_for};
use crate::fleet::{Fleet, PATIENCE};

const SLEEP: &str = "[Service]\nExecStart=/bin/sleep infinity\n";
const CONFLICTS: &str = "[X-Fleet]\nConflicts=apart-*.service\n";

/// How often the leader is stopped in order.
const HANDOVERS: usize = 20;

/// What changes when a unit is restarted.
fn life(fleet: &Fleet, machine: &str, unit: &str) -> (String, String) {
    let property = |property| fleet.property(machine, unit, property);
    (property("MainPID"), property("ExecMainStartTimestampMonotonic"))
}

/// A unit that runs.
struct Lives {
    unit: &'static str,
    machine: String,
    life: (String, String),
}

impl Lives {
    fn start(fleet: &Fleet, unit: &'static str, contents: &str) -> Lives {
        fleet.start(unit, contents);
        let machine = fleet.until_active(unit);
        let life = life(fleet, &machine, unit);
        Lives { unit, machine, life }
    }

    #[track_caller]
    fn untouched(&self, fleet: &Fleet) {
        assert_eq!(life(fleet, &self.machine, self.unit), self.life, "{}", self.unit);
    }
}

/// What fleetd says on a machine since it was started last.
fn log(fleet: &Fleet, machine: &str) -> String {
    let invocation = fleet.property(machine, "fleet.service", "InvocationID");
    let this = format!("_SYSTEMD_INVOCATION_ID={invocation}");
    Cluster.exec(machine, &["journalctl", "--output=cat", &this]).stdout
}

#[test]
#[ignore = "needs machines"]
fn most_machines_that_are_cut_off_get_time_to_come_back() {
    let fleet = Fleet::fresh();
    let file = format!("{SLEEP}{CONFLICTS}");
    let units = ["apart-1.service", "apart-2.service", "apart-3.service"];
    let units = units.map(|unit| Lives::start(&fleet, unit, &file));
    ["m2", "m3"].iter().for_each(|machine| Cluster.does("cut", machine));
    let waited = wait_for(PATIENCE, "the engine to wait for both", || {
        let log = log(&fleet, "m1");
        let waits = log.matches("2 of 3 machines are missing, nothing of it is moved").count();
        if waits >= 2 { Ok(log) } else { Err(log) }
    });
    let moved = waited.lines().any(|line| line.contains("the machine is gone"));
    ["m2", "m3"].iter().for_each(|machine| Cluster.does("heal", machine));
    assert!(!moved, "{waited}");
    fleet.until_machines(3);
    for unit in &units {
        fleet.until_active(unit.unit);
        if unit.machine == "m1" {
            unit.untouched(&fleet);
        }
    }
}

#[test]
#[ignore = "needs machines"]
fn a_wiped_store_stops_nothing() {
    let fleet = Fleet::fresh();
    let unit = Lives::start(&fleet, "lives.service", SLEEP);
    Cluster.does("kill", "etcd1");
    Cluster.does("wipe", "etcd1");
    Cluster.does("start", "etcd1");
    wait_for(PATIENCE, "fleetd to say that the store is another cluster's", || {
        let log = log(&fleet, &unit.machine);
        if log.contains("and this machine stays out") { Ok(()) } else { Err(log) }
    });
    let refused = fleet.ctl_on(&unit.machine, &["list-units"]).failure();
    assert!(refused.contains("another cluster's"), "{refused}");
    unit.untouched(&fleet);
    // What a person does who gives the old store up.
    let stop_and_start = "systemctl stop fleet.service && systemctl start fleet.service";
    Cluster.sh(&unit.machine, stop_and_start).success();
    fleet.until_machines(3);
    fleet.start("lives.service", SLEEP);
    fleet.until_active("lives.service");
}

#[test]
#[ignore = "needs machines"]
fn an_older_store_of_the_same_cluster_is_gone_by() {
    let fleet = Fleet::fresh();
    let file = format!("{SLEEP}[X-Fleet]\nMachineID={}\n", fleet.id_of("m2"));
    let old = Lives::start(&fleet, "old.service", &file);
    fleet.start("again.service", SLEEP);
    let machine = fleet.until_active("again.service");
    let folder = tempfile::tempdir().expect("a folder");
    let backup = folder.path().join("backup").display().to_string();
    Cluster.verb(&["backup", "etcd1", &backup]).success();
    // What the backup does not know: a later start, and another unit.
    fleet.ctl(&["restart", "again.service"]).success();
    fleet.start("new.service", SLEEP);
    let again = life(&fleet, &machine, "again.service");
    Cluster.does("kill", "etcd1");
    Cluster.verb(&["restore", "etcd1", &backup]).success();
    Cluster.does("start", "etcd1");
    fleet.until_machines(3);
    fleet.until("new.service to be gone", |units| {
        units.len() == 2 && units.iter().all(|unit| unit.active == "active")
    });
    old.untouched(&fleet);
    assert_eq!(life(&fleet, &machine, "again.service"), again, "what runs is not started again");
    // Starts have lower numbers now than the last one, and are carried out all the same.
    let other = "[Service]\nExecStart=/bin/sleep 100000\n";
    let path = fleet.file("again.service", other);
    fleet.ctl(&["start", "--replace", &path]).success();
    let runs = fleet.property(&fleet.until_active("again.service"), "again.service", "ExecStart");
    assert!(runs.contains("100000"), "{runs}");
}

/// When fleetd said some words last on a machine, in seconds.
fn last_said(machine: &str, words: &str) -> Option<f64> {
    let said = Cluster.exec(
        machine,
        &["journalctl", "--unit=fleet", "--output=short-unix", "--since=-30s", "--grep", words],
    );
    let line = said.stdout.lines().rfind(|line| line.contains(words))?.to_owned();
    line.split_whitespace().next()?.parse().ok()
}

#[test]
#[ignore = "needs machines"]
fn the_next_leader_leads_at_once() {
    let fleet = Fleet::fresh();
    let leads = "http://fleet/metrics";
    let curl = ["curl", "--silent", "--unix-socket", "/run/fleet.sock", leads];
    let leader = || {
        wait_for(PATIENCE, "a leader", || {
            let mut machines = fleet.up().iter();
            let leads = |machine: &&String| {
                Cluster.exec(machine, &curl).stdout.contains("\nfleet_engine_leader 1\n")
            };
            machines.find(leads).cloned().ok_or_else(|| "nobody leads".to_owned())
        })
    };
    let mut gaps = Vec::new();
    for round in 0..HANDOVERS {
        let before = leader();
        Cluster.exec(&before, &["systemctl", "restart", "--no-block", "fleet.service"]).success();
        // A start that nobody may miss.
        let unit = format!("round-{round}.service");
        fleet.start(&unit, SLEEP);
        leader();
        let ended = last_said(&before, "no longer leading").expect("it led");
        let begun = fleet.up().iter().filter_map(|it| last_said(it, "INFO leading the cluster"));
        let begun = begun.fold(f64::MIN, f64::max);
        gaps.push((begun - ended) * 1000.0);
        fleet.ctl(&["destroy", &unit]).success();
    }
    gaps.sort_by(f64::total_cmp);
    println!(
        "leadership changed hands {HANDOVERS} times: median {:.0} ms, worst {:.0} ms",
        gaps[HANDOVERS / 2],
        gaps[HANDOVERS - 1]
    );
}
