//! Machines over SSH, with a program in place of ssh that needs no network: the tunnel, host keys,
//! and what runs on machines.

mod commands;
mod host_keys;
mod tunnel;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use fleet::model::TargetState::Launched;

use super::bench::{Bench, Ended, FLEETCTL, Running};
use super::cluster::{Cluster, M1};
use crate::support::wait::wait_for;

/// Nothing that is awaited takes longer, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A host key like any other.
const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIB1Q9J0Q8x8OUBtLAArq91SHYeVp1NRkfurF7848yzFZ";

const UNIT: &str = "[Service]\nExecStart=/bin/true\n";

/// A bench with the fake ssh, where core-1 and both machines are known.
struct Lab {
    bench: Bench,
    variables: Vec<(&'static str, String)>,
}

fn scene(cluster: &mut Cluster) {
    cluster.has("hello.service", UNIT, Launched);
    cluster.report("hello.service", M1, "active running", Some("done"));
}

impl Lab {
    fn new() -> Self {
        let bench = Bench::new(scene);
        let ssh = bench.file("bin/ssh", include_str!("ssh/fake-ssh"));
        fs::set_permissions(ssh, fs::Permissions::from_mode(0o755)).unwrap();
        let hosts = ["core-1", "172.17.8.101", "172.17.8.102"];
        let known: String =
            hosts.iter().map(|host| format!("{host} ssh-ed25519 {KEY}\n")).collect();
        bench.file(".fleetctl/known_hosts", known);
        bench.file("tmp/other", "");
        let folder = bench.folder().display().to_string();
        let variables = vec![
            ("BENCH", folder.clone()),
            ("HOME", folder.clone()),
            ("TMPDIR", format!("{folder}/tmp")),
            ("PATH", format!("{folder}/bin:/usr/bin:/bin")),
            ("FLEETCTL", FLEETCTL.to_owned()),
            ("FLEETCTL_ENDPOINT", bench.endpoint()),
            ("KEY", KEY.to_owned()),
        ];
        Self { bench, variables }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn start(&self, arguments: &str) -> Running {
        let variables: Vec<(&str, &str)> =
            self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.bench.start_with(arguments, &variables)
    }

    fn run(&self, arguments: &str) -> Ended {
        self.start(arguments).end()
    }

    /// The same with something on standard input.
    fn answer(&self, input: &str, arguments: &str) -> Ended {
        self.shell(&format!("printf '{input}' | {{ \"$0\" {arguments}; }}"))
    }

    /// Runs a shell script in which `$0` is `fleetctl`.
    fn shell(&self, script: &str) -> Ended {
        let exports =
            self.variables.iter().map(|(name, value)| format!("export {name}='{value}'\n"));
        self.bench.shell(&format!("{}{script}", exports.collect::<String>()))
    }

    /// How ssh was called, without asking what its configuration says.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.bench.folder().join("calls")).unwrap_or_default();
        calls.lines().filter(|call| !call.contains("-G ")).map(str::to_owned).collect()
    }

    fn known_hosts(&self) -> String {
        fs::read_to_string(self.bench.folder().join(".fleetctl/known_hosts")).unwrap_or_default()
    }

    /// The process of the tunnel, and the temporary files.
    fn left(&self) -> (bool, Vec<String>) {
        let tunnel = fs::read_to_string(self.bench.folder().join("tunnel")).unwrap_or_default();
        let lives = fs::exists(format!("/proc/{}", tunnel.trim())).unwrap();
        let files = fs::read_dir(self.bench.folder().join("tmp")).unwrap();
        let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        (!tunnel.is_empty() && lives, files.filter(|file| file != "other").collect())
    }

    /// Waits until nothing of a tunnel is left.
    fn until_clean(&self) {
        let clean = async || match self.left() {
            (false, files) if files.is_empty() => Ok(()),
            left => Err(left),
        };
        self.bench.runtime.block_on(wait_for(PATIENCE, "the tunnel to be gone", clean));
    }
}
