//! fleetd as its administrator meets it: reloaded, stopped at a bad moment, given a second time.

use crate::cluster::{Cluster, wait_for};
use crate::fleet::{Fleet, Listed, PATIENCE};

const SLEEP: &str = "[Service]\nExecStart=/bin/sleep infinity\n";
const CONFIG: &str = "/etc/fleet/fleet.conf";

/// A machine whose configuration is another one for a while.
struct Reconfigured<'a> {
    machine: &'a str,
    before: String,
}

impl<'a> Reconfigured<'a> {
    /// Adds lines, of which the last for an option counts, and reloads.
    fn with(machine: &'a str, lines: &str) -> Reconfigured<'a> {
        let before = Cluster.exec(machine, &["cat", CONFIG]).success();
        let changed = Reconfigured { machine, before };
        changed.say(lines);
        changed
    }

    fn say(&self, lines: &str) {
        Cluster.write(self.machine, CONFIG, &format!("{}{lines}\n", self.before));
        Cluster.exec(self.machine, &["systemctl", "reload", "fleet.service"]).success();
    }
}

impl Drop for Reconfigured<'_> {
    fn drop(&mut self) {
        Cluster.write(self.machine, CONFIG, &self.before);
        let _ = Cluster.exec(self.machine, &["systemctl", "reload", "fleet.service"]);
    }
}

/// A machine on which a script runs at the end, also if the test fails before.
struct Mended<'a> {
    machine: &'a str,
    script: String,
}

impl Drop for Mended<'_> {
    fn drop(&mut self) {
        let _ = Cluster.sh(self.machine, &self.script);
    }
}

/// A unit that only runs where the metadata says so.
fn where_it_says(metadata: &str) -> String {
    format!("{SLEEP}[X-Fleet]\nMachineMetadata={metadata}\n")
}

/// What fleetd wrote on a machine since it was started last.
fn said(fleet: &Fleet, machine: &str, words: &str) -> Result<(), String> {
    let invocation = fleet.property(machine, "fleet.service", "InvocationID");
    // A machine whose id changed has its journal under the other one.
    let this = format!("_SYSTEMD_INVOCATION_ID={invocation}");
    let log = Cluster.exec(machine, &["journalctl", "--merge", "--output=cat", &this]).stdout;
    if log.contains(words) { Ok(()) } else { Err(log) }
}

#[track_caller]
fn until_said(fleet: &Fleet, machine: &str, words: &str) {
    wait_for(PATIENCE, words, || said(fleet, machine, words));
}

fn curl(machine: &str, args: &[&str]) -> String {
    let base = ["curl", "--silent", "--show-error", "--unix-socket", "/run/fleet.sock"];
    Cluster.exec(machine, &[&base, args].concat()).success()
}

#[test]
#[ignore = "needs machines"]
fn a_reload_moves_what_no_longer_fits_and_nothing_else() {
    let fleet = Fleet::fresh();
    fleet.start("stays.service", &where_it_says("machine=m2"));
    let pid = |unit: &str| fleet.property("m2", unit, "MainPID");
    let (unit, fleetd) = (pid("stays.service"), pid("fleet.service"));
    let m2 = Reconfigured::with("m2", "metadata=machine=m2,rack=a\nverbosity=1");
    until_said(&fleet, "m2", "Reloading configuration");
    fleet.start("moves.service", &where_it_says("rack=a"));
    assert_eq!(fleet.until_active("moves.service"), "m2");

    let _m1 = Reconfigured::with("m1", "metadata=machine=m1,rack=a");
    m2.say("metadata=machine=m2,rack=b");
    let moved = |units: &[Listed]| {
        units.iter().any(|u| u.unit == "moves.service" && u.machine == "m1" && u.active == "active")
    };
    fleet.until("moves.service on m1", moved);
    assert_eq!(fleet.until_active("stays.service"), "m2");

    let page = || curl("m2", &["http://fleet/fleet/v1/units"]);
    assert!(!page().contains("nextPageToken"), "{}", page());
    m2.say("metadata=machine=m2,rack=b\ntoken_limit=1");
    until_said(&fleet, "m2", "token_limit=1: in effect");
    wait_for(PATIENCE, "pages of one", || match page() {
        page if page.contains("nextPageToken") => Ok(()),
        page => Err(page),
    });

    m2.say("metadata=machine=m2,rack=b\nagent_ttl=soon");
    until_said(&fleet, "m2", "the settings stay as they were");
    until_said(&fleet, "m2", "agent_ttl=soon: should be a time");
    m2.say("agent_ttl=7s\netcd_password=hush\netcd_username=u");
    until_said(&fleet, "m2", "agent_ttl=7s: takes effect when fleet.service is stopped");
    assert!(said(&fleet, "m2", "hush").is_err(), "a password in the log");
    assert_eq!((pid("stays.service"), pid("fleet.service")), (unit, fleetd));
}

#[test]
#[ignore = "needs machines"]
fn only_who_may_leads() {
    let fleet = Fleet::fresh();
    let leads = |machine: &str| {
        curl(machine, &["http://fleet/metrics"]).contains("\nfleet_engine_leader 1\n")
    };
    let never = "disable_engine=true";
    let _others = [Reconfigured::with("m1", never), Reconfigured::with("m2", never)];
    let until_m3_leads = || {
        wait_for(PATIENCE, "m3 to lead alone", || {
            let all = ["m1", "m2", "m3"].map(leads);
            if all == [false, false, true] { Ok(()) } else { Err(format!("{all:?}")) }
        });
    };
    until_m3_leads();
    fleet.start("first.service", SLEEP);
    let m3 = Reconfigured::with("m3", never);
    wait_for(PATIENCE, "nobody to lead", || match leads("m3") {
        true => Err("m3 leads".to_owned()),
        false => Ok(()),
    });
    let path = fleet.file("second.service", SLEEP);
    fleet.ctl(&["start", "--no-block", &path]).success();
    let why = fleet.ctl(&["why", "second.service"]).success();
    assert!(why.contains("no engine leads"), "{why}");
    fleet.until_active("first.service");
    drop(m3);
    until_m3_leads();
    fleet.until_active("second.service");
}

#[test]
#[ignore = "needs machines"]
fn metadata_through_the_api_moves_a_unit() {
    let fleet = Fleet::fresh();
    let patch = |operations: String| {
        let status = ["--output", "/dev/null", "--write-out", "%{http_code}", "--request", "PATCH"];
        let body = ["--data", &operations, "http://fleet/fleet/v1/machines"];
        assert_eq!(curl(fleet.a_machine(), &[&status[..], &body[..]].concat()), "204");
    };
    let path = |machine: &str| format!("/{}/metadata/colour", fleet.id_of(machine));
    let set = |machine: &str, colour: &str| {
        format!(r#"{{"op":"add","path":"{}","value":"{colour}"}}"#, path(machine))
    };
    patch(format!("[{}]", set("m2", "red")));
    fleet.start("red.service", &where_it_says("colour=red"));
    assert_eq!(fleet.until_active("red.service"), "m2");
    patch(format!("[{},{}]", set("m2", "blue"), set("m3", "red")));
    let moved =
        |units: &[Listed]| matches!(units, [one] if one.machine == "m3" && one.active == "active");
    fleet.until("red.service on m3", moved);
    let remove = |machine: &str| format!(r#"{{"op":"remove","path":"{}"}}"#, path(machine));
    patch(format!("[{},{}]", remove("m2"), remove("m3")));
    fleet.until("nowhere", |units| units.is_empty());
}

#[test]
#[ignore = "needs machines"]
fn a_machine_leaves_also_while_etcd_is_away() {
    let fleet = Fleet::fresh();
    fleet.start("leaves.service", &where_it_says("machine=m2"));
    Cluster.does("kill", "etcd1");
    until_said(
        &fleet,
        "m2",
        "Server monitor triggered: Monitor timed out before successful heartbeat",
    );
    Cluster.exec("m2", &["systemctl", "stop", "fleet.socket", "fleet.service"]).success();
    let ended = fleet.property("m2", "fleet.service", "Result");
    let status = fleet.property("m2", "fleet.service", "ExecMainStatus");
    let left = fleet.property("m2", "leaves.service", "LoadState");
    Cluster.does("start", "etcd1");
    Cluster.exec("m2", &["systemctl", "start", "fleet.socket", "fleet.service"]).success();
    assert_eq!((&ended[..], &status[..], &left[..]), ("success", "0", "not-found"));
    fleet.until_machines(3);
    assert_eq!(fleet.until_active("leaves.service"), "m2");
}

#[test]
#[ignore = "needs machines"]
fn a_machine_waits_for_its_slowest_unit_and_nobody_starts_it_meanwhile() {
    let fleet = Fleet::fresh();
    let slow = "[Service]\nExecStart=/bin/sh -c 'trap : TERM; while :; do sleep 1; done'\nTimeoutStopSec=10\n";
    fleet.start("slow.service", slow);
    let machine = fleet.until_active("slow.service");
    let drop_in = "/run/systemd/system/fleet.service.d/short.conf";
    let again = "systemctl daemon-reload; systemctl start fleet.socket fleet.service";
    let mended = Mended { machine: &machine, script: format!("rm {drop_in}; {again}") };
    Cluster.write(&machine, drop_in, "[Service]\nTimeoutStopSec=3\n");
    let stop = "systemctl daemon-reload; systemctl stop fleet.socket fleet.service";
    Cluster.sh(&machine, stop).success();
    let ended = fleet.property(&machine, "fleet.service", "Result");
    let other = fleet.up().iter().find(|name| **name != machine).expect("three are up");
    let elsewhere = wait_for(PATIENCE, "it to run elsewhere", || {
        let listed = fleet.ctl_on(other, &["list-units", "--full", "--no-legend"]);
        let runs =
            listed.stdout.contains("running") && !listed.stdout.contains(fleet.id_of(&machine));
        if runs { Ok(listed.stdout) } else { Err(listed.to_string()) }
    });
    let id = elsewhere.split_whitespace().nth(1).and_then(|column| column.split('/').next());
    let new = fleet.name_of(id.expect("a machine")).to_owned();
    // All machines are on one kernel: their clocks are one.
    let at = |machine: &str, unit: &str, what: &str| -> u64 {
        fleet.property(machine, unit, what).parse().expect("microseconds")
    };
    let started = at(&new, "slow.service", "ActiveEnterTimestampMonotonic");
    let asked = at(&machine, "fleet.service", "ActiveExitTimestampMonotonic");
    drop(mended);
    fleet.until_machines(3);
    assert_eq!(ended, "success");
    let unit_s_own_limit = 10_000_000;
    assert!(
        started >= asked + unit_s_own_limit,
        "two at once: stopping since {asked}, elsewhere since {started}"
    );
}

#[test]
#[ignore = "needs machines"]
fn the_second_machine_of_an_id_stays_out_until_the_first_is_gone() {
    let fleet = Fleet::fresh();
    let (first, second) = ("m2", "m3");
    let stop = "systemctl stop fleet.socket fleet.service";
    let start = "systemctl start fleet.socket fleet.service";
    let as_id = |id: &str| format!("{stop}; echo {id} >/etc/machine-id; {start}");
    let first_again = Mended { machine: first, script: start.to_owned() };
    let second_again = Mended { machine: second, script: as_id(fleet.id_of(second)) };
    Cluster.sh(second, &as_id(fleet.id_of(first))).success();
    until_said(&fleet, second, "another live machine has the same /etc/machine-id");
    let refused = fleet.ctl_on(second, &["list-units"]).failure();
    assert!(refused.contains("fleet server unable to communicate with etcd"), "{refused}");
    let answer = curl(second, &["--include", "http://fleet/fleet/v1/units"]);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(curl(second, &["http://fleet/metrics"]).contains("\nfleet_member 0\n"));

    Cluster.sh(first, stop).success();
    let joined = wait_for(PATIENCE, "the second to be let in", || {
        let listed = fleet.ctl_on(second, &["list-machines", "--full", "--no-legend"]);
        if listed.code == Some(0) { Ok(listed.stdout) } else { Err(listed.to_string()) }
    });
    drop(second_again);
    drop(first_again);
    fleet.until_machines(3);
    assert!(joined.contains(fleet.id_of(first)), "{joined}");
}

/// As an administrator's own unit for fleetd may have it, who tells systemd nothing.
#[test]
#[ignore = "needs machines"]
fn a_simple_service_does_as_well() {
    let fleet = Fleet::fresh();
    let (machine, drop_in) = ("m2", "/run/systemd/system/fleet.service.d/simple.conf");
    fleet.start("runs.service", &where_it_says("machine=m2"));
    let pid = fleet.property(machine, "runs.service", "MainPID");
    Cluster.write(machine, drop_in, "[Service]\nType=simple\nNotifyAccess=none\nWatchdogSec=0\n");
    let anew = "systemctl daemon-reload; systemctl restart fleet.service";
    Cluster.sh(machine, anew).success();
    let kind = fleet.property(machine, "fleet.service", "Type");
    let environment =
        "tr '\\0' '\\n' </proc/$(pidof fleetd)/environ; cat /proc/$(pidof fleetd)/comm";
    let told = Cluster.sh(machine, environment).success();
    wait_for(PATIENCE, "it to answer", || {
        let listed = fleet.ctl_on(machine, &["list-units", "--no-legend"]);
        if listed.stdout.contains("runs.service") { Ok(()) } else { Err(listed.to_string()) }
    });
    let after = fleet.property(machine, "runs.service", "MainPID");
    Cluster.sh(machine, &format!("rm {drop_in}; {anew}")).success();
    fleet.until_machines(3);
    assert_eq!((kind.as_str(), after), ("simple", pid));
    assert!(!told.contains("NOTIFY_SOCKET"), "{told}");
    assert_eq!(told.lines().last(), Some("fleetd"), "the process's name");
}
