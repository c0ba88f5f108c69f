//! The Debian package on a machine that never had fleet: installed, upgraded under a running unit, removed.

use std::path::{Path, PathBuf};

use crate::cluster::{Cluster, wait_for};
use crate::fleet::{Fleet, PATIENCE};

/// Where the package is on the machine.
const PACKAGE: &str = "/root/fleet.deb";

/// How many units are started while the package is upgraded: more than that takes.
const STARTS: usize = 30;

/// What an administrator would look for after installing it.
const FILES: &[&str] = &[
    "/etc/fleet/fleet.conf",
    "/opt/bin/docker-run.sh",
    "/usr/bin/fleetctl",
    "/usr/bin/fleetd",
    "/usr/lib/systemd/system/fleet.service",
    "/usr/lib/systemd/system/fleet.socket",
    "/usr/lib/sysusers.d/fleet.conf",
    "/usr/lib/tmpfiles.d/fleet.conf",
    "/usr/share/bash-completion/completions/fleetctl",
    "/usr/share/fish/vendor_completions.d/fleetctl.fish",
    "/usr/share/man/man1/fleetctl.1.gz",
    "/usr/share/man/man8/fleetd.8.gz",
    "/usr/share/zsh/vendor-completions/_fleetctl",
];

/// The package that `make package` made last.
fn package() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/debian");
    let mut entries = std::fs::read_dir(&folder).expect("`make package` came first");
    let found = entries.find_map(|entry| {
        let path = entry.expect("it reads").path();
        path.extension().is_some_and(|extension| extension == "deb").then_some(path)
    });
    found.expect("`make package` made a package")
}

/// A bare machine, gone again when the test is over.
struct Machine(String);

impl Drop for Machine {
    fn drop(&mut self) {
        Cluster.does("remove", &self.0);
    }
}

#[test]
#[ignore = "needs machines"]
fn a_machine_lives_on_the_package() {
    let fleet = Fleet::fresh();
    let machine = Machine(Cluster.add_bare());
    let name = machine.0.as_str();

    let package = std::fs::read(package()).expect("the package reads");
    Cluster.put(name, PACKAGE, &package);
    let configuration = Cluster.exec("m1", &["cat", "/etc/fleet/fleet.conf"]).success();
    let ours = |line: &&str| line.starts_with("etcd_servers") || line.starts_with("agent_ttl");
    let mut configuration: Vec<&str> = configuration.lines().filter(ours).collect();
    configuration.push("metadata=machine=packaged");
    Cluster.write(name, "/etc/fleet/fleet.conf", &configuration.join("\n"));
    // The administrator's own configuration was there first, and stays.
    let install =
        format!("DEBIAN_FRONTEND=noninteractive dpkg --force-confold --install {PACKAGE}");
    Cluster.sh(name, &install).success();
    // Not looked for on the disk: machines may leave manual pages out (dpkg's path-exclude).
    let listed = Cluster.exec(name, &["dpkg", "--listfiles", "fleet"]).success();
    for file in FILES {
        assert!(listed.lines().any(|line| line == *file), "no {file} among\n{listed}");
    }
    fleet.until_machines(4);

    let unit =
        "[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nMachineMetadata=machine=packaged\n";
    fleet.start("packaged.service", unit);
    let pid = || fleet.property(name, "packaged.service", "MainPID");
    let daemon = || fleet.property(name, "fleet.service", "MainPID");
    let (unit_before, daemon_before) = (pid(), daemon());
    let template = fleet.file("busy@.service", unit);
    std::thread::scope(|scope| {
        // Starts on the machine that is upgraded: before, while its fleetd is away, and after.
        let starts = scope.spawn(|| {
            for number in 1..=STARTS {
                let instance = template.replace('@', &format!("@{number}"));
                fleet.ctl(&["start", &instance]).success();
            }
        });
        Cluster.sh(name, &install).success();
        wait_for(PATIENCE, "another fleetd", || {
            let now = daemon();
            if now != daemon_before && now != "0" { Ok(()) } else { Err(now) }
        });
        starts.join().expect("every start succeeds");
    });
    fleet.until_machines(4);
    assert_eq!(pid(), unit_before, "an upgrade restarts fleetd and no unit");
    for number in 1..=STARTS {
        let state = fleet.property(name, &format!("busy@{number}.service"), "ActiveState");
        assert_eq!(state, "active", "busy@{number}.service");
    }

    Cluster.sh(name, "dpkg --remove fleet").success();
    assert_eq!(fleet.property(name, "packaged.service", "ActiveState"), "inactive");
    fleet.until_machines(3);
    Cluster.sh(name, &install).success();
    fleet.until_machines(4);

    Cluster.sh(name, "dpkg --purge fleet").success();
    fleet.until_machines(3);
    fleet.ctl(&["destroy", "packaged.service", "busy@*.service"]).success();
}
