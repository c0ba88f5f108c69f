//! One machine, no etcd: a newcomer's first minute.

use crate::cluster::{Cluster, wait_for};
use crate::fleet::{Fleet, PATIENCE};

#[test]
#[ignore = "needs machines"]
fn a_machine_alone() {
    let fleet = Fleet::fresh();
    let machine = "m3";
    let before = "systemctl stop fleet.socket fleet.service && rm -rf /var/lib/fleet && \
        systemd-run --unit=alone --property=Type=notify fleetd --standalone";
    Cluster.sh(machine, before).success();
    let hello = include_str!("../../units/hello.service");
    Cluster.write(machine, "/root/hello.service", hello);
    let started = Cluster.exec(machine, &["fleetctl", "start", "/root/hello.service"]).success();
    assert!(started.starts_with("Unit hello.service launched on "), "{started}");
    let pid = || fleet.property(machine, "hello.service", "MainPID");
    let first = pid();
    Cluster.exec(machine, &["systemctl", "restart", "alone.service"]).success();
    wait_for(PATIENCE, "the unit to be listed again", || {
        let listed = Cluster.exec(machine, &["fleetctl", "list-units", "--no-legend"]);
        if listed.stdout.contains("hello.service") { Ok(()) } else { Err(listed.to_string()) }
    });
    assert_eq!(pid(), first);
    Cluster.exec(machine, &["fleetctl", "destroy", "hello.service"]).success();
    Cluster
        .sh(machine, "systemctl stop alone.service && systemctl start fleet.socket fleet.service")
        .success();
    fleet.until_machines(3);
}
