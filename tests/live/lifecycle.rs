//! What becomes of one unit: started once, failed, stopped and started in quick succession,
//! replaced, made from a template.

use crate::cluster::{Cluster, wait_for};
use crate::fleet::{Fleet, PATIENCE};

/// A unit that writes a line to a file each time it starts.
fn counting(name: &str, service: &str) -> String {
    format!("[Service]\nExecStartPre=/bin/sh -c 'echo start >>/run/{name}.starts'\n{service}\n")
}

fn starts(machine: &str, name: &str) -> usize {
    let text = Cluster.sh(machine, &format!("cat /run/{name}.starts || true")).success();
    text.lines().count()
}

fn forget_starts(fleet: &Fleet, name: &str) {
    for machine in fleet.up() {
        Cluster.sh(machine, &format!("rm -f /run/{name}.starts")).success();
    }
}

#[test]
#[ignore = "needs machines"]
fn a_oneshot_runs_once() {
    let fleet = Fleet::fresh();
    forget_starts(&fleet, "once");
    fleet.start("once.service", &counting("once", "Type=oneshot\nExecStart=/bin/true"));
    let units = fleet.until("once.service", |units| units.len() == 1);
    let machine = &units[0].machine;
    assert_eq!((units[0].active.as_str(), starts(machine, "once")), ("inactive", 1));
    Cluster.exec(machine, &["systemctl", "restart", "fleet.service"]).success();
    fleet.until_machines(3);
    fleet.start("other.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    assert_eq!(starts(machine, "once"), 1);
}

#[test]
#[ignore = "needs machines"]
fn a_failed_start_is_told_and_not_repeated() {
    let fleet = Fleet::fresh();
    forget_starts(&fleet, "bad");
    let path =
        fleet.file("bad.service", &counting("bad", "Type=oneshot\nExecStart=/bin/sh -c 'exit 3'"));
    let output = fleet.ctl(&["start", &path]);
    assert_eq!(output.code, Some(1), "{output}");
    assert!(output.stderr.contains("exit-code") && output.stderr.contains('3'), "{output}");
    let units = fleet.until("bad.service", |units| units.len() == 1);
    assert_eq!(units[0].active, "failed");
    fleet.start("other.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    assert_eq!(starts(&units[0].machine, "bad"), 1);
}

#[test]
#[ignore = "needs machines"]
fn stop_and_start_in_quick_succession_restart_the_unit() {
    let fleet = Fleet::fresh();
    fleet.start("quick.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    let machine = fleet.until_active("quick.service");
    let before = fleet.property(&machine, "quick.service", "MainPID");
    let both = "fleetctl stop --no-block quick.service && fleetctl start quick.service";
    Cluster.sh(fleet.a_machine(), both).success();
    let after = fleet.property(&machine, "quick.service", "MainPID");
    assert_ne!(before, after);
    assert_eq!(fleet.until_active("quick.service"), machine);
}

#[test]
#[ignore = "needs machines"]
fn destroy_and_start_of_a_changed_file_run_the_new_one() {
    let fleet = Fleet::fresh();
    fleet.start("change.service", "[Service]\nExecStart=/bin/sleep 1111\n");
    let path = fleet.file("change.service", "[Service]\nExecStart=/bin/sleep 2222\n");
    let both = format!("fleetctl destroy --no-block change.service && fleetctl start {path}");
    Cluster.sh(fleet.a_machine(), &both).success();
    let machine = fleet.until_active("change.service");
    let pid = fleet.property(&machine, "change.service", "MainPID");
    let command = Cluster.sh(&machine, &format!("tr '\\0' ' ' </proc/{pid}/cmdline")).success();
    assert_eq!(command.trim(), "/bin/sleep 2222");
}

#[test]
#[ignore = "needs machines"]
fn an_instance_of_a_template_in_the_cluster() {
    let fleet = Fleet::fresh();
    let template = "[Unit]\nDescription=Number %i\n[Service]\nExecStart=/bin/sleep infinity\n";
    let path = fleet.file("number@.service", template);
    fleet.ctl(&["submit", &path]).success();
    Cluster.exec(fleet.a_machine(), &["rm", &path]).success();
    fleet.ctl(&["start", "number@7"]).success();
    let machine = fleet.until_active("number@7.service");
    assert_eq!(fleet.property(&machine, "number@7.service", "Description"), "Number 7");
    assert_eq!(fleet.ctl(&["cat", "number@7.service"]).success(), template);
}

#[test]
#[ignore = "needs machines"]
fn cat_gives_every_byte_back_and_systemd_reads_the_same() {
    let fleet = Fleet::fresh();
    let contents = "# héllo\n\n[Unit]\nDescription = a \\\n; between\n  b\n\n[Service]\nExecStart=/bin/sleep infinity\n\n# end";
    fleet.start("bytes.service", contents);
    assert_eq!(fleet.ctl(&["cat", "bytes.service"]).success(), contents);
    let machine = fleet.until_active("bytes.service");
    let on_disk = Cluster.exec(&machine, &["cat", "/run/fleet/units/bytes.service"]).success();
    assert_eq!(on_disk, contents);
    let enabled = Cluster.exec(&machine, &["systemctl", "is-enabled", "bytes.service"]);
    assert_eq!(enabled.stdout.trim(), "linked-runtime");
}

#[test]
#[ignore = "needs machines"]
fn an_installed_sidekick_starts_with_its_main_unit() {
    let fleet = Fleet::fresh();
    let main = fleet.file("main.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    let sidekick = "[Unit]\nBindsTo=main.service\nAfter=main.service\n\
        [Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=main.service\n\
        [X-Fleet]\nMachineOf=main.service\n";
    let sidekick = fleet.file("sidekick.service", sidekick);
    fleet.ctl(&["load", &main, &sidekick]).success();
    fleet.ctl(&["start", "main.service"]).success();
    assert_eq!(fleet.until_active("sidekick.service"), fleet.until_active("main.service"));
    fleet.ctl(&["stop", "main.service"]).success();
    fleet.until("both stopped", |units| {
        units.len() == 2 && units.iter().all(|u| u.active == "inactive")
    });
}

#[test]
#[ignore = "needs machines"]
fn nothing_of_a_destroyed_unit_is_left() {
    let fleet = Fleet::fresh();
    fleet.start(
        "gone.service",
        "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
    );
    let machine = fleet.until_active("gone.service");
    fleet.ctl(&["destroy", "gone.service"]).success();
    let left = "ls /run/fleet/units /run/fleet/launched; find /run/systemd/system /etc/systemd/system -name 'gone*'";
    wait_for(PATIENCE, "nothing left", || {
        let left = Cluster.sh(&machine, left).success();
        if left.contains("gone") { Err(left) } else { Ok(()) }
    });
    assert_eq!(fleet.property(&machine, "gone.service", "LoadState"), "not-found");
}
