//! What fleetd may do on a machine, and who may ask it.

use crate::cluster::Cluster;
use crate::fleet::Fleet;

#[test]
#[ignore = "needs machines"]
fn fleet_service_is_as_exposed_as_the_page_says() {
    let fleet = Fleet::fresh();
    let analyze = ["systemd-analyze", "security", "--no-pager", "fleet.service"];
    let output = Cluster.exec(fleet.a_machine(), &analyze).success();
    let level =
        output.lines().find_map(|line| line.split("exposure level for fleet.service: ").nth(1));
    let level = level.and_then(|rest| rest.split(' ').next()).expect("a level");
    println!("fleet.service: {level}");
    let page = include_str!("../../docs/security.md");
    assert!(page.contains(&format!("gives an exposure of {level}.")), "{level}");
}

#[test]
#[ignore = "needs machines"]
fn the_socket_is_for_root_and_its_group() {
    let fleet = Fleet::fresh();
    let stat = ["stat", "--format=%a %U %G", "/run/fleet.sock"];
    assert_eq!(Cluster.exec(fleet.a_machine(), &stat).success().trim(), "660 root fleet");
    let folder = ["stat", "--format=%a %U %G", "/run/fleet"];
    assert_eq!(Cluster.exec(fleet.a_machine(), &folder).success().trim(), "755 root root");
}
