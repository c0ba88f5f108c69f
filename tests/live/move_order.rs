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
    // The holder key's own history tells the rest: released after the stop, won before the start.
    let order = Cluster.sh("m2", "journalctl --unit=fleet --since=-60s --output=cat --grep 'mover.service: '").success();
    let win = order.find("win mover.service").expect("it was won");
    let start = order.rfind("start mover.service").expect("it was started");
    assert!(win < start, "{order}");
    let left = Cluster.sh("m1", "journalctl --unit=fleet --since=-60s --output=cat --grep 'mover.service: '").success();
    let steps = ["stop mover", "unlink mover", "release mover"].map(|step| left.rfind(step).expect(step));
    assert!(steps.is_sorted(), "{left}");
}
