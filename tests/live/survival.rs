//! Whatever happens to fleetd, running units run on.

use crate::cluster::{Cluster, wait_for};
use crate::fleet::{Fleet, PATIENCE};

/// What changes when a unit is restarted.
fn life(fleet: &Fleet, machine: &str, unit: &str) -> (String, String) {
    let pid = fleet.property(machine, unit, "MainPID");
    (pid, fleet.property(machine, unit, "ExecMainStartTimestampMonotonic"))
}

fn fleetd_pid(fleet: &Fleet, machine: &str) -> String {
    fleet.property(machine, "fleet.service", "MainPID")
}

/// Does something to fleetd on the unit's machine; the unit must not notice, and fleetd must be
/// able to stop it afterwards.
fn outlives(deed: &[&str]) {
    let fleet = Fleet::fresh();
    fleet.start("lives.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    let machine = fleet.until_active("lives.service");
    let before = life(&fleet, &machine, "lives.service");
    let old_fleetd = fleetd_pid(&fleet, &machine);
    Cluster.exec(&machine, deed).success();
    wait_for(PATIENCE, "another fleetd", || {
        let pid = fleetd_pid(&fleet, &machine);
        if pid != old_fleetd && pid != "0" { Ok(()) } else { Err(pid) }
    });
    fleet.until_machines(3);
    // A start and a stop go through the new fleetd, and so come after all it did at its start.
    fleet.start("after.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    assert_eq!(fleet.until_active("lives.service"), machine);
    assert_eq!(life(&fleet, &machine, "lives.service"), before);
    fleet.ctl(&["stop", "lives.service"]).success();
    assert_eq!(fleet.property(&machine, "lives.service", "ActiveState"), "inactive");
}

#[test]
#[ignore = "needs machines"]
fn a_unit_outlives_a_restart_of_fleetd() {
    outlives(&["systemctl", "restart", "fleet.service"]);
}

#[test]
#[ignore = "needs machines"]
fn a_unit_outlives_a_killed_fleetd() {
    outlives(&["systemctl", "kill", "--signal=KILL", "fleet.service"]);
}

#[test]
#[ignore = "needs machines"]
fn a_unit_outlives_etcd() {
    let fleet = Fleet::fresh();
    fleet.start("lives.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    let machine = fleet.until_active("lives.service");
    let before = life(&fleet, &machine, "lives.service");
    Cluster.does("kill", "etcd1");
    wait_for(PATIENCE, "fleetd to say that its heartbeat is late", || {
        let sentence = "Monitor timed out before successful heartbeat";
        let grep = ["journalctl", "--unit=fleet", "--since=-60s", "--grep", sentence];
        let output = Cluster.exec(&machine, &grep);
        if output.code == Some(0) { Ok(()) } else { Err(output.to_string()) }
    });
    let refused = fleet.ctl(&["list-units"]).failure();
    assert!(refused.contains("fleet server unable to communicate with etcd"), "{refused}");
    assert_eq!(life(&fleet, &machine, "lives.service"), before);
    Cluster.does("start", "etcd1");
    fleet.until_machines(3);
    assert_eq!(fleet.until_active("lives.service"), machine);
    assert_eq!(life(&fleet, &machine, "lives.service"), before);
}

#[test]
#[ignore = "needs machines"]
fn a_machine_that_stops_fleet_hands_its_units_over() {
    let fleet = Fleet::fresh();
    fleet.start("moves.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    let machine = fleet.until_active("moves.service");
    Cluster.exec(&machine, &["systemctl", "stop", "fleet.service", "fleet.socket"]).success();
    assert_eq!(fleet.property(&machine, "moves.service", "LoadState"), "not-found");
    let other = fleet.up().iter().find(|name| **name != machine).expect("three are up");
    wait_for(PATIENCE, "it to run elsewhere", || {
        let listed = fleet.ctl_on(other, &["list-units", "--no-legend"]);
        let runs = listed.stdout.contains("active")
            && !listed.stdout.contains(&fleet.id_of(&machine)[..8]);
        if runs { Ok(()) } else { Err(listed.to_string()) }
    });
    Cluster.exec(&machine, &["systemctl", "start", "fleet.socket", "fleet.service"]).success();
    fleet.until_machines(3);
}
