//! A unit that must never run twice, on machines that are cut off or frozen, by its own word on when
//! it ran. All machines share one kernel, and so one clock. A machine here cannot be suspended, for
//! it has no kernel of its own: freezing it is the nearest to that.

use crate::cluster::{Cluster, Output, wait_for};
use crate::fleet::{Fleet, PATIENCE};

/// The least that such units can have.
const TTL: &str = "10s";

/// Where a unit writes when it ran.
const RAN: &str = "/var/tmp/partition.ran";

/// Where it writes when it had ended.
const ENDED: &str = "/var/tmp/partition.ended";

const CONFIGURATION: &str = "/etc/fleet/fleet.conf";

/// A unit that says every 50 ms that it runs, and when nothing of it runs any more. The first machine
/// is for those who look.
fn unit(before: &str) -> String {
    let says = "date +%%s.%%N >>";
    format!(
        "[Service]\n\
         ExecStart=/bin/sh -c '{before}while :; do {says}{RAN}; sleep 0.05; done'\n\
         ExecStopPost=/bin/sh -c '{says}{ENDED}'\n\
         [X-Fleet]\nOnPartition=stop\nMachineMetadata=\"machine=m2\" \"machine=m3\"\n"
    )
}

/// One that stops when it is told to, and one that does not.
fn units() -> [(&'static str, String); 2] {
    [("heeds.service", unit("")), ("deaf.service", unit("trap \"\" TERM; "))]
}

/// What was written on a machine, in seconds.
fn times(machine: &str, file: &str) -> Vec<f64> {
    let text = Cluster.sh(machine, &format!("cat {file} || true")).success();
    // The last line may be half written.
    let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    lines.map(|line| line.parse().expect("a time")).collect()
}

/// Waits for the first time in a file after some time.
fn next(machine: &str, file: &str, after: f64) -> f64 {
    wait_for(PATIENCE, &format!("{file} on {machine}"), || {
        let times = times(machine, file);
        let found = times.iter().copied().find(|time| *time > after);
        found.ok_or_else(|| format!("{:?}", times.last()))
    })
}

/// A cluster whose machines have the time to stop units; when it is dropped it is as it was.
struct Patient {
    fleet: Fleet,
    was: String,
}

impl Patient {
    fn new() -> Patient {
        let fleet = Fleet::fresh();
        let grep = ["sed", "-n", "s/^agent_ttl=//p", CONFIGURATION];
        let was = Cluster.exec(fleet.a_machine(), &grep).success().trim().to_owned();
        let patient = Patient { fleet, was };
        patient.set_ttl(TTL).into_iter().for_each(|output| drop(output.success()));
        patient.fleet.until_machines(3);
        patient
    }

    /// A session keeps its time to live until fleet is stopped.
    fn set_ttl(&self, ttl: &str) -> Vec<Output> {
        let script = format!(
            "systemctl stop fleet.service; rm -f {RAN} {ENDED}
             sed -i 's/^agent_ttl=.*/agent_ttl={ttl}/' {CONFIGURATION}
             systemctl start fleet.service"
        );
        self.fleet.up().iter().map(|machine| Cluster.sh(machine, &script)).collect()
    }

    /// Starts a unit; where it runs, and the machine to which it can move.
    fn start(&self, name: &str, contents: &str) -> (&'static str, &'static str) {
        for machine in self.fleet.up() {
            Cluster.sh(machine, &format!("rm -f {RAN} {ENDED}")).success();
        }
        self.fleet.start(name, contents);
        match &*self.fleet.until_active(name) {
            "m2" => ("m2", "m3"),
            _ => ("m3", "m2"),
        }
    }
}

impl Drop for Patient {
    fn drop(&mut self) {
        // After a test that failed in the middle, too.
        for (verb, state) in [("resume", "paused"), ("heal", "cut")] {
            for machine in Cluster.those_that_are(state) {
                Cluster.does(verb, &machine);
            }
        }
        Cluster.does("start", "etcd1");
        drop(self.set_ttl(&self.was));
    }
}

#[test]
#[ignore = "needs machines"]
fn a_machine_that_is_cut_off_ends_it_before_another_starts_it() {
    let patient = Patient::new();
    for (name, contents) in units() {
        let (from, to) = patient.start(name, &contents);
        Cluster.does("cut", from);
        let started = next(to, RAN, 0.0);
        let ended = next(from, ENDED, 0.0);
        let last = *times(from, RAN).last().expect("it ran");
        Cluster.does("heal", from);
        patient.fleet.until_machines(3);
        assert_eq!(patient.fleet.until_active(name), to);
        println!("{name}: nothing of it ran for {:.3} s", started - ended);
        assert!(last < ended && ended < started, "{name} ran twice: {last} {ended} {started}");
        assert_eq!(times(from, RAN).last(), Some(&last), "{name} was started again");
        patient.fleet.ctl(&["destroy", name]).success();
    }
}

#[test]
#[ignore = "needs machines"]
fn a_machine_that_was_frozen_ends_it_when_it_wakes() {
    let patient = Patient::new();
    for (name, contents) in units() {
        let (from, to) = patient.start(name, &contents);
        Cluster.does("pause", from);
        let started = next(to, RAN, 0.0);
        Cluster.does("resume", from);
        let ended = next(from, ENDED, 0.0);
        let ran = times(from, RAN);
        let woke = ran.iter().copied().find(|time| *time > started);
        let overlap = woke.map_or(0.0, |woke| ended - woke);
        println!("{name}: after waking it ran twice for {overlap:.3} s");
        patient.fleet.until_machines(3);
        assert_eq!(patient.fleet.until_active(name), to);
        assert_eq!(times(from, RAN).last(), ran.last(), "{name} was started again");
        patient.fleet.ctl(&["destroy", name]).success();
    }
}

#[test]
#[ignore = "needs machines"]
fn it_ends_while_etcd_is_away_and_is_started_when_that_is_back() {
    let patient = Patient::new();
    let (name, contents) = ("heeds.service", unit(""));
    let (home, _) = patient.start(name, &contents);
    let kept = "[Service]\nExecStart=/bin/sleep infinity\n";
    patient.fleet.start("kept.service", kept);
    let machine = patient.fleet.until_active("kept.service");
    let pid = || patient.fleet.property(&machine, "kept.service", "MainPID");
    let before = pid();
    Cluster.does("kill", "etcd1");
    let ended = next(home, ENDED, 0.0);
    Cluster.does("start", "etcd1");
    patient.fleet.until_machines(3);
    let home = patient.fleet.until_active(name);
    println!("{name}: started {:.3} s after it ended", next(&home, RAN, ended) - ended);
    assert_eq!(pid(), before, "kept.service was touched");
}
