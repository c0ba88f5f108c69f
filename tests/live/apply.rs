//! A folder of unit files and a cluster: applied, changed, exported, pruned.

use crate::cluster::{Cluster, Output};
use crate::fleet::Fleet;

const DB: &str = "[Service]\nExecStart=/bin/sleep infinity\n";
const APP: &str = "[Unit]\nBindsTo=stack-db.service\nAfter=stack-db.service\n\n\
                   [Service]\nExecStart=/bin/sleep infinity\n\n\
                   [X-Fleet]\nMachineOf=stack-db.service\n";

/// Puts a file into the folder on the machine where fleetctl runs.
fn write(fleet: &Fleet, name: &str, contents: &str) {
    Cluster.write(fleet.a_machine(), &format!("/root/stack/{name}"), contents);
}

/// Runs `fleetctl apply` at a terminal on which this is typed.
fn apply_at_a_terminal(fleet: &Fleet, typed: &str) -> Output {
    let apply = format!("printf '{typed}\\n' | script -qec 'fleetctl apply /root/stack' /dev/null");
    Cluster.sh(fleet.a_machine(), &apply)
}

#[test]
#[ignore = "needs machines"]
fn a_folder_becomes_a_cluster_and_the_other_way_round() {
    let fleet = Fleet::fresh();
    Cluster.sh(fleet.a_machine(), "rm -rf /root/stack /root/exported").success();
    write(&fleet, "stack-app.service", APP);
    write(&fleet, "stack-db.service", DB);

    let shown = fleet.ctl(&["apply", "/root/stack", "--dry-run"]);
    assert_eq!(shown.code, Some(2), "{shown}");
    assert!(shown.stdout.ends_with("2 to create\n"), "{shown}");
    assert_eq!(apply_at_a_terminal(&fleet, "n").code, Some(1));
    assert!(fleet.ctl(&["list-unit-files", "--no-legend"]).success().is_empty());

    assert_eq!(apply_at_a_terminal(&fleet, "y").code, Some(0));
    let home = fleet.until_active("stack-app.service");
    assert_eq!(fleet.until_active("stack-db.service"), home);
    let pid = |unit: &str| fleet.property(&home, unit, "MainPID");
    let (app, db) = (pid("stack-app.service"), pid("stack-db.service"));

    write(&fleet, "stack-app.service", &APP.replace("infinity", "1000000"));
    let changed = fleet.ctl(&["diff", "/root/stack"]);
    assert_eq!(changed.code, Some(1), "{changed}");
    assert!(changed.stdout.contains("+ExecStart=/bin/sleep 1000000"), "{changed}");
    fleet.ctl(&["apply", "/root/stack", "--yes"]).success();
    assert_ne!(pid("stack-app.service"), app, "the app was started anew");
    assert_eq!(pid("stack-db.service"), db, "the database was left alone");

    fleet.ctl(&["export", "/root/exported"]).success();
    Cluster.sh(fleet.a_machine(), "diff --recursive /root/stack /root/exported").success();
    fleet.ctl(&["apply", "/root/exported", "--prune", "--dry-run"]).success();

    Cluster.sh(fleet.a_machine(), "rm /root/stack/stack-app.service").success();
    fleet.ctl(&["apply", "/root/stack", "--yes"]).success();
    assert_eq!(fleet.until_active("stack-app.service"), home);
    fleet.ctl(&["apply", "/root/stack", "--prune=stack-*", "--yes"]).success();
    let units = fleet.ctl(&["list-unit-files", "--no-legend", "--fields=unit"]).success();
    assert_eq!(units.trim(), "stack-db.service");
    assert_eq!(pid("stack-db.service"), db, "the database was left alone");
}
