//! A unit that moves is stopped, released, won and started, in this order, by timestamps.

use crate::cluster::Cluster;
use crate::fleet::Fleet;

/// The wall clock, which all machines share as they share the computer, in a machine's words.
fn times(machine: &str, file: &str) -> Vec<f64> {
    let text = Cluster.sh(machine, &format!("cat {file} || true")).success();
    text.lines().map(|line| line.trim().parse().expect("a time")).collect()
}

#[test]
#[ignore = "needs machines"]
fn stopped_released_won_started() {
    let fleet = Fleet::fresh();
    for machine in fleet.up() {
        Cluster.sh(machine, "rm -f /run/mover.*").success();
    }
    let unit = |home: &str| {
        // Slow to stop, so that a start that does not wait shows.
        format!(
            "[Service]\n\
             ExecStart=/bin/sh -c 'date +%%s.%%N >>/run/mover.started; exec sleep infinity'\n\
             ExecStopPost=/bin/sh -c 'sleep 1; date +%%s.%%N >>/run/mover.stopped'\n\
             [X-Fleet]\nMachineMetadata=machine={home}\n"
        )
    };
    fleet.start("mover.service", &unit("m1"));
    assert_eq!(fleet.until_active("mover.service"), "m1");
    let path = fleet.file("mover.service", &unit("m2"));
    fleet.ctl(&["start", "--replace", &path]).success();
    assert_eq!(fleet.until_active("mover.service"), "m2");
    let (stopped, started) = (times("m1", "/run/mover.stopped"), times("m2", "/run/mover.started"));
    assert!(stopped[0] < started[0], "stopped at {stopped:?}, started at {started:?}");
    let log = |machine| fleetd_steps(machine);
    let (left, came) = (log("m1"), log("m2"));
    let last = |steps: &[(f64, String)], step: &str| {
        let found = steps.iter().rev().find(|(_, line)| line.contains(&format!("{step} mover")));
        found.unwrap_or_else(|| panic!("no {step} in {steps:?}")).0
    };
    let order =
        [last(&left, "stop"), last(&left, "release"), last(&came, "win"), last(&came, "start")];
    assert!(order.is_sorted(), "stop, release, win, start at {order:?}: {left:?} {came:?}");
}

/// What fleetd did with the unit, and when, by the journal.
fn fleetd_steps(machine: &str) -> Vec<(f64, String)> {
    let steps = "journalctl --unit=fleet --since=-60s --output=short-unix --grep 'mover.service: '";
    let text = Cluster.sh(machine, steps).success();
    let step = |line: &str| Some((line.split_whitespace().next()?.parse().ok()?, line.to_owned()));
    text.lines().filter_map(step).collect()
}
