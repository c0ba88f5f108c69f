//! Machines over real sshd: the user `core` of m3 is somebody with a laptop and a key, m1 is the way
//! into the cluster.

use std::path::Path;

use crate::cluster::{Cluster, Output, wait_for};
use crate::fleet::{Fleet, PATIENCE};

/// Where the laptop is.
const LAPTOP: &str = "m3";

const SLEEP: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

struct Laptop {
    fleet: Fleet,
}

impl Laptop {
    /// A key that all machines let in, known hosts, and no trace of earlier tests.
    fn new() -> Self {
        let laptop = Self::stranger();
        for machine in ["m1", "m2", "m3"] {
            let id = laptop.fleet.id_of(machine);
            laptop.sh(&format!("echo yes | fleetctl ssh {id} true")).success();
        }
        laptop.sh("echo yes | fleetctl --tunnel m1 list-machines").success();
        laptop
    }

    /// The same, and no machine is known.
    fn stranger() -> Self {
        let fleet = Fleet::fresh();
        let key = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cluster/ssh_key");
        let key = std::fs::read_to_string(key).expect("scripts/cluster made it");
        Cluster.sh(LAPTOP, "rm -rf /home/core/.ssh /home/core/.fleetctl /tmp/fleetctl-*").success();
        Cluster.write(LAPTOP, "/home/core/.ssh/id_ed25519", &key);
        let own = "chown -R core: /home/core/.ssh && chmod -R go= /home/core/.ssh";
        Cluster.sh(LAPTOP, own).success();
        Self { fleet }
    }

    /// Runs a script as core.
    fn sh(&self, script: &str) -> Output {
        Cluster.exec(LAPTOP, &["sudo", "-Hu", "core", "sh", "-c", script])
    }

    /// Runs fleetctl as core, through m1.
    fn ctl(&self, args: &str) -> Output {
        self.sh(&format!("fleetctl --tunnel m1 {args}"))
    }

    /// Starts more units at once than sshd allows sessions.
    fn start_twenty(&self) -> Output {
        let names: Vec<String> = (1..=20).map(|number| format!("many@{number}.service")).collect();
        self.file("many@.service", SLEEP);
        self.sh(&format!("cd && fleetctl --tunnel m1 start {}", names.join(" ")))
    }

    /// A file of core's.
    fn file(&self, name: &str, contents: &str) {
        Cluster.write(LAPTOP, &format!("/home/core/{name}"), contents);
    }

    /// Nothing of fleetctl's tunnels is left.
    fn is_clean(&self) {
        wait_for(PATIENCE, "no tunnel", || {
            let left = self.sh("pgrep -af '[s]sh -l core'; ls -d /tmp/fleetctl-* 2>&-").stdout;
            if left.is_empty() { Ok(()) } else { Err(left) }
        });
    }
}

/// Logins that a machine has seen, the words of each.
fn logins(machine: &str) -> Vec<String> {
    let journal = "journalctl --sync; journalctl --unit ssh --output cat | grep Accepted || true";
    Cluster.sh(machine, journal).success().lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "needs machines"]
fn a_command_through_a_tunnel_is_one_connection() {
    let laptop = Laptop::new();
    let before = logins("m1").len();
    laptop.start_twenty().success();
    assert_eq!(logins("m1").len(), before + 1);
    let listed = laptop.ctl("list-units --no-legend").success();
    assert_eq!((listed.lines().count(), logins("m1").len()), (20, before + 2), "{listed}");
    laptop.ctl("--endpoint http://127.0.0.1:49153 list-machines").success();
    laptop.is_clean();
}

#[test]
#[ignore = "needs machines"]
fn an_unknown_machine_is_asked_about_and_a_changed_one_refused() {
    let laptop = Laptop::stranger();
    let said = laptop.sh("echo no | fleetctl --tunnel m1 list-machines").failure();
    assert!(said.contains("ED25519 key fingerprint is SHA256:"), "{said}");
    let said = laptop.ctl("list-machines </dev/null").failure();
    assert!(said.contains("the host key of m1 is not known"), "{said}");
    let known = "cat .fleetctl/known_hosts 2>&- || true";
    laptop.ctl("--strict-host-key-checking=false list-machines").success();
    assert_eq!(laptop.sh(&format!("cd && {known}")).success(), "");
    laptop.sh("echo yes | fleetctl --tunnel m1 list-machines").success();
    assert!(laptop.sh(&format!("cd && {known}")).success().starts_with("m1 ssh-ed25519 "));
    laptop.ctl("list-machines </dev/null").success();
    let other = "echo m1 $(ssh-keyscan -t ed25519 m2 2>&- | cut -d' ' -f2-) >.fleetctl/known_hosts";
    laptop.sh(&format!("cd && {other}")).success();
    let said = laptop.ctl("list-machines").failure();
    assert!(said.contains("the host key of m1 is not the one in"), "{said}");
    assert!(said.contains("ssh-keygen -R m1 -f /home/core/.fleetctl/known_hosts"), "{said}");
    laptop.is_clean();
}

#[test]
#[ignore = "needs machines"]
fn a_wrong_key_is_told() {
    let laptop = Laptop::new();
    laptop.sh("rm ~/.ssh/id_ed25519; ssh-keygen -qt ed25519 -N '' -f ~/.ssh/id_ed25519").success();
    let output = laptop.ctl("list-machines");
    assert_eq!(output.code, Some(1), "{output}");
    let said = output.failure();
    assert!(
        said.contains("cannot reach m1 over SSH: ") && said.contains("core@m1: Permission denied"),
        "{said}"
    );
    assert!(said.contains("--ssh-username"), "{said}");
    laptop.is_clean();
}

#[test]
#[ignore = "needs machines"]
fn a_silent_machine_is_given_up() {
    let laptop = Laptop::new();
    laptop.file("far.service", &format!("{SLEEP}[X-Fleet]\nMachineID=nowhere\n"));
    let wait = "cd && { fleetctl --ssh-timeout 3 --tunnel m1 start far.service >wait.out 2>&1; \
        echo \"exit $?\" >>wait.out; } </dev/null >&- 2>&- &";
    laptop.sh(wait).success();
    wait_for(PATIENCE, "the unit to be wanted", || {
        let files = laptop.fleet.ctl(&["list-unit-files", "--no-legend"]).success();
        if files.contains("far.service") { Ok(()) } else { Err(files) }
    });
    Cluster.does("cut", "m1");
    wait_for(PATIENCE, "the wait to end", || {
        let said = laptop.sh("cat ~/wait.out").stdout;
        let told = said.contains("lost the SSH connection to m1") && said.contains("exit 1");
        if told { Ok(()) } else { Err(said) }
    });
    let said = laptop.sh("timeout 30 fleetctl --ssh-timeout 2 --tunnel m1 list-machines");
    Cluster.does("heal", "m1");
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.failure().contains("cannot reach m1 over SSH: "));
    laptop.fleet.until_machines(3);
    laptop.is_clean();
}

#[test]
#[ignore = "needs machines"]
fn a_server_that_forbids_forwarding_is_no_obstacle() {
    let laptop = Laptop::new();
    let forbid = |how: &str| {
        let file = "/etc/ssh/sshd_config.d/forbid.conf";
        Cluster.sh("m1", &format!("echo '{how}' >{file} && systemctl reload ssh")).success();
    };
    forbid("AllowStreamLocalForwarding no");
    let before = logins("m1").len();
    let started = laptop.start_twenty();
    let listed = laptop.ctl("list-units --no-legend");
    let after = logins("m1").len();
    forbid("");
    assert_eq!(started.success().lines().count(), 20);
    assert_eq!(listed.success().lines().count(), 20);
    assert_eq!(after, before + 2);
    let said = laptop.ctl("--endpoint unix:///run/nobody.sock list-units").failure();
    assert!(said.contains("m1 is reached over SSH, but not unix:///run/nobody.sock"), "{said}");
    assert!(said.contains("No such file or directory"), "{said}");
    laptop.is_clean();
}

#[test]
#[ignore = "needs machines"]
fn a_shell_on_another_machine_goes_through_the_tunnel() {
    let laptop = Laptop::new();
    let id = laptop.fleet.id_of("m2");
    let host = laptop.ctl(&format!("ssh {} hostname", &id[..12])).success();
    assert_eq!(host.trim(), "m2");
    let from = laptop.sh("getent hosts m1 | cut -d' ' -f1").success();
    let last = logins("m2").pop().unwrap_or_default();
    assert!(last.contains(&format!("from {} ", from.trim())), "{last}");
    let code = laptop.ctl(&format!("ssh --machine {id} 'exit 7'")).code;
    assert_eq!(code, Some(7));
    let input = laptop.sh(&format!("echo in | fleetctl --tunnel m1 ssh {id} cat")).success();
    assert_eq!(input, "in\n");
    let keys = format!("ssh-agent sh -c 'ssh-add -q; fleetctl ssh -A {id} ssh-add -l'");
    assert!(laptop.sh(&keys).success().contains("ED25519"));
    laptop.is_clean();
}

#[test]
#[ignore = "needs machines"]
fn status_and_journal_of_a_unit_elsewhere() {
    let laptop = Laptop::new();
    let id = laptop.fleet.id_of("m2");
    let talks = format!(
        "[Service]\nExecStart=/bin/sh -c 'echo talks; exec sleep infinity'\n[X-Fleet]\nMachineID={id}\n"
    );
    laptop.file("talks.service", &talks);
    laptop.sh("cd && fleetctl --tunnel m1 start talks.service").success();
    let status = laptop.ctl("status talks").success();
    assert!(status.contains("Active: active (running)"), "{status}");
    let journal = laptop.sh("fleetctl journal --output=cat --sudo talks").success();
    assert!(journal.lines().any(|line| line == "talks"), "{journal}");
    for signal in ["INT", "TERM", "KILL"] {
        for tunnel in ["", "--tunnel m1"] {
            // In front of a terminal nobody ignores interrupts, as shells have it in the background.
            let follow = format!(
                "env --default-signal=INT fleetctl {tunnel} journal -f --sudo --output=cat talks \
                 </dev/null >~/followed 2>&1 & echo $!"
            );
            let pid = laptop.sh(&follow).success();
            wait_for(PATIENCE, "the unit's words", || {
                let followed = laptop.sh("cat ~/followed").success();
                if followed.contains("talks\n") { Ok(()) } else { Err(followed) }
            });
            laptop.sh(&format!("kill -s {signal} {pid}")).success();
            wait_for(PATIENCE, "no journalctl on the machine", || {
                let left = Cluster.sh("m2", "pgrep -af '^(sudo )?journalctl'").stdout;
                if left.is_empty() { Ok(()) } else { Err(left) }
            });
        }
    }
    laptop.ctl("stop talks").success();
    assert_eq!(laptop.ctl("status talks").code, Some(3));
    laptop.is_clean();
}
