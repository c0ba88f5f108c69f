//! What is not right is told in words, and changes nothing.

use crate::cluster::Cluster;
use crate::fleet::Fleet;

/// Asks fleetctl for something that must fail, and looks whether it says why.
fn refused(fleet: &Fleet, args: &[&str], words: &[&str]) {
    let output = fleet.ctl(args);
    let shown = output.to_string();
    let said = output.failure();
    for word in words {
        assert!(said.contains(word), "no {word:?} in {shown}");
    }
    let units = fleet.ctl(&["list-unit-files", "--no-legend"]).success();
    assert_eq!(units, "", "{shown}");
}

#[test]
#[ignore = "needs machines"]
fn files_and_names_that_are_none() {
    let fleet = Fleet::fresh();
    let file = |name: &str, contents: &str| fleet.file(name, contents);
    let not_a_unit = file("prose.service", "This is no unit file.\n");
    refused(&fleet, &["start", &not_a_unit], &["prose.service", "line 1"]);
    let contradiction = file(
        "both.service",
        "[Service]\nExecStart=/bin/true\n[X-Fleet]\nGlobal=true\nMachineOf=a.service\n",
    );
    refused(&fleet, &["start", &contradiction], &["Global", "MachineOf"]);
    let bad_name = file("a b.service", "[Service]\nExecStart=/bin/true\n");
    refused(&fleet, &["submit", &bad_name], &["a b.service"]);
    refused(&fleet, &["start", "/nowhere/x.service"], &["x.service"]);
    let good = file("good.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    refused(&fleet, &["start", &good, &not_a_unit], &["prose.service"]);
}

#[test]
#[ignore = "needs machines"]
fn a_body_of_ten_megabytes() {
    let fleet = Fleet::fresh();
    let machine = fleet.a_machine();
    let send = "head -c 10000000 /dev/zero | tr '\\0' ' ' | curl --silent --unix-socket /run/fleet.sock \
        --header 'Content-Type: application/json' --upload-file - http://fleet/fleet/v1/units/big.service";
    let answer = Cluster.sh(machine, send).success();
    assert!(answer.contains("413") && answer.contains("larger than"), "{answer}");
    let grow = "{ echo '[Service]'; yes 'ExecStart=/bin/true' | head -c 10000000; } >/root/units/big.service";
    Cluster.sh(machine, &format!("mkdir -p /root/units && {grow}")).success();
    refused(&fleet, &["submit", "/root/units/big.service"], &["big.service"]);
}

#[test]
#[ignore = "needs machines"]
fn a_unit_for_an_unknown_machine_waits_and_says_so() {
    let fleet = Fleet::fresh();
    let path = fleet.file(
        "far.service",
        "[Service]\nExecStart=/bin/true\n[X-Fleet]\nMachineID=0123456789abcdef0123456789abcdef\n",
    );
    fleet.ctl(&["start", "--no-block", &path]).success();
    let why = fleet.ctl(&["why", "far.service"]).success();
    assert_eq!(why.matches("MachineID wants 0123456789abcdef").count(), 3, "{why}");
    assert_eq!(fleet.units().expect("it lists"), []);
}

#[test]
#[ignore = "needs machines"]
fn no_permission_on_the_socket_and_no_daemon() {
    let fleet = Fleet::fresh();
    let machine = fleet.a_machine();
    let nobody = Cluster
        .exec(machine, &["setpriv", "--reuid=65534", "--clear-groups", "fleetctl", "list-units"]);
    let said = nobody.failure();
    assert!(said.contains("ermission") && said.contains("fleet"), "{said}");
    let elsewhere = fleet.ctl(&["--endpoint", "unix:///run/nobody.sock", "list-units"]).failure();
    assert!(elsewhere.contains("/run/nobody.sock"), "{elsewhere}");
}

#[test]
#[ignore = "needs machines"]
fn fleetd_says_what_it_misses() {
    let fleet = Fleet::fresh();
    let machine = fleet.a_machine();
    let second =
        Cluster.exec(machine, &["timeout", "10", "fleetd", "--listen", "/run/second.sock"]);
    assert!(second.failure().contains("another fleetd runs"), "a second fleetd");
    let no_bus = "systemctl stop fleet.socket fleet.service; \
        DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/nobody timeout 20 fleetd --listen /run/second.sock; code=$?; \
        systemctl start fleet.socket fleet.service; exit $code";
    let said = Cluster.sh(machine, no_bus).failure();
    assert!(said.contains("systemd cannot be reached"), "{said}");
    fleet.until_machines(3);
}

#[test]
#[ignore = "needs machines"]
fn a_machine_s_own_units_are_not_for_fleet() {
    let fleet = Fleet::fresh();
    for unit in ["fleet.service", "ssh.service"] {
        let path = fleet.file(unit, "[Service]\nExecStart=/bin/sleep infinity\n");
        let words = fleet.ctl(&["start", &path]).failure();
        assert!(words.contains(&format!("this machine has a {unit} of its own")), "{words}");
    }
    fleet.ctl(&["destroy", "fleet.service", "ssh.service"]).success();
    for machine in fleet.up() {
        Cluster.exec(machine, &["systemctl", "is-active", "fleet", "ssh"]).success();
    }
}
