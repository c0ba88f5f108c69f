//! `--tunnel`: the API through ssh, and how it ends.

use std::sync::Arc;

use super::Lab;
use crate::cli::cluster::M2;

const UNITS: &str = "hello.service\n";
const LIST: &str = "list-units --no-legend --fields=unit";

#[test]
fn commands_reach_the_api_over_one_connection() {
    let lab = Lab::new().with("FLEETCTL_TUNNEL", "core-1:2222");
    lab.run(LIST).is(0, UNITS, "");
    let calls = lab.calls();
    assert_eq!(calls.len(), 1, "{calls:#?}");
    assert!(calls[0].starts_with("-l core -o StrictHostKeyChecking=yes "), "{calls:#?}");
    assert!(calls[0].ends_with(" -p 2222 -- core-1"), "{calls:#?}");
    assert_eq!(lab.left(), (false, vec![]));
}

#[test]
fn every_flag_of_ssh_has_a_variable_that_it_beats() {
    for (flag, said, other, in_call) in [
        ("tunnel", "core-1", "core-9", "-- core-1"),
        ("ssh-username", "root", "nobody", "-l root "),
        ("ssh-timeout", "4", "7", "ConnectTimeout=4 "),
        ("known-hosts-file", ".fleetctl/known_hosts", "tmp/other", "=.fleetctl/known_hosts "),
        ("strict-host-key-checking", "false", "true", "StrictHostKeyChecking=no "),
    ] {
        let variable: &str = format!("FLEETCTL_{}", flag.to_uppercase().replace('-', "_")).leak();
        for (value, flag) in [(said, String::new()), (other, format!("--{flag}={said}"))] {
            let lab = Lab::new().with("FLEETCTL_TUNNEL", "core-1").with(variable, value);
            lab.run(&format!("{LIST} {flag}")).is(0, UNITS, "");
            let calls = lab.calls();
            let calls: Vec<String> = calls.iter().map(|call| format!("{call} ")).collect();
            assert!(calls[0].contains(in_call), "{variable}={value} {flag}: {calls:#?}");
        }
    }
}

#[test]
fn waiting_goes_through_the_tunnel() {
    let lab = Lab::new();
    lab.bench.script.lock().after("PUT units/new.service", |cluster| {
        cluster.place("new.service", M2);
        cluster.report("new.service", M2, "active running", Some("done"));
    });
    lab.bench.file("new.service", super::UNIT);
    lab.run("--tunnel core-1 --ssh-username=root start new").is(
        0,
        "Unit new.service launched on 2a3b4c5d.../172.17.8.102\n",
        "",
    );
    assert!(lab.calls()[0].starts_with("-l root "));
}

#[test]
fn what_needs_no_daemon_needs_no_tunnel() {
    let lab = Lab::new().with("FLEETCTL_TUNNEL", "core-1");
    let version = concat!("fleetctl version ", env!("CARGO_PKG_VERSION"), "\n");
    lab.run("version").is(0, version, "");
    lab.bench.file("hello.service", super::UNIT);
    assert_eq!(lab.run("verify --offline hello.service").code, Some(0));
    lab.run("--tunnel= list-machines --no-legend --fields ip").is(
        2,
        "",
        "error: invalid value '' for '--tunnel <HOST[:PORT]>': write HOST or HOST:PORT, an IPv6 address with a port as [ADDRESS]:PORT\n\nFor more information, try '--help'.\n",
    );
    assert!(lab.calls().is_empty());
    let lab = Lab::new().with("FLEETCTL_TUNNEL", "");
    lab.run(LIST).is(0, UNITS, "");
    assert!(lab.calls().is_empty());
}

#[test]
fn a_refusal_carries_ssh_s_words() {
    let lab = Lab::new().with("FAKE", "refused");
    let ended = lab.run("--tunnel core-1 list-units");
    let error = "error: cannot reach core-1 over SSH: Welcome.; core@core-1: Permission denied (publickey).\n";
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stderr.starts_with(error), "{ended}");
    assert!(ended.stderr.contains("hint: --ssh-username says"), "{ended}");
    assert_eq!(lab.left(), (false, vec![]));
}

#[test]
fn a_changed_host_key_ends_it() {
    let lab = Lab::new().with("FAKE", "changed");
    let ended = lab.run("--tunnel core-1 list-units");
    let file = lab.bench.folder().join(".fleetctl/known_hosts");
    let error = format!("error: the host key of core-1 is not the one in {}", file.display());
    assert!(ended.stderr.starts_with(&error), "{ended}");
    let hint = format!("ssh-keygen -R core-1 -f {}\n", file.display());
    assert!(ended.stderr.ends_with(&hint), "{ended}");
    assert_eq!(lab.left(), (false, vec![]));
}

#[test]
fn a_server_that_forbids_forwarding_runs_fd_forward() {
    let lab = Lab::new().with("FAKE", "forbids");
    lab.run(&format!("--tunnel core-1 {LIST}")).is(0, UNITS, "");
    let calls = lab.calls();
    let socket = lab.bench.folder().join("fleet.sock");
    let forward = format!("-T -- core-1 fleetctl fd-forward {}", socket.display());
    assert!(
        calls.len() > 1 && calls[1..].iter().all(|call| call.ends_with(&forward)),
        "{calls:#?}"
    );
    assert_eq!(lab.left(), (false, vec![]));
}

#[test]
fn who_is_late_over_fd_forward_was_not_refused() {
    let lab = Lab::new().with("FAKE", "forbids");
    lab.bench.script.lock().hold = Some(("GET ".to_owned(), Arc::default()));
    let ended = lab.run(&format!("--tunnel core-1 --request-timeout=0.1 {LIST}"));
    let late = format!(" to {} through core-1 got no answer within 0.1 s\n", lab.bench.endpoint());
    assert!(ended.stderr.contains(&late), "{ended}");
}

#[test]
fn without_a_way_nothing_can_be_compared() {
    let lab = Lab::new().with("FAKE", "refused");
    lab.bench.file("hello.service", super::UNIT);
    let ended = lab.run("--tunnel core-1 diff hello.service");
    assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{ended}");
    assert!(ended.stderr.starts_with("error: cannot reach core-1 over SSH: "), "{ended}");
}

#[test]
fn a_machine_without_the_api_is_told_apart() {
    let lab = Lab::new().with("FAKE", "no-api");
    let ended = lab.run("--tunnel core-1 list-units");
    let error = format!(
        "error: core-1 is reached over SSH, but not {} from there: sh: fleetctl: not found\n",
        lab.bench.endpoint()
    );
    assert!(ended.stderr.starts_with(&error), "{ended}");
    assert_eq!(lab.left(), (false, vec![]));
}

#[test]
fn without_ssh_it_says_so() {
    let mut lab = Lab::new();
    lab.variables.retain(|(name, _)| *name != "PATH");
    let lab = lab.with("PATH", "/nowhere");
    let ended = lab.run("--tunnel core-1 list-units");
    assert!(ended.stderr.starts_with("error: cannot run ssh\n  because: No such file"), "{ended}");
}

#[test]
fn a_tunnel_ends_with_fleetctl_however_that_ends() {
    for signal in ["INT", "TERM", "KILL"] {
        let lab = Lab::new();
        lab.bench.file("new.service", super::UNIT);
        let waiting = lab.start("--tunnel core-1 start new");
        lab.bench.until_asked("PUT units/new.service", 1);
        assert!(lab.left().0, "the tunnel is open");
        waiting.signal(signal);
        let _ = waiting.end();
        lab.until_clean();
    }
}

#[test]
fn a_tunnel_that_breaks_ends_the_wait() {
    let lab = Lab::new();
    lab.bench.file("new.service", super::UNIT);
    let waiting = lab.start("--tunnel core-1 start new");
    lab.bench.until_asked("PUT units/new.service", 1);
    let _ = lab.bench.shell("kill $(cat tunnel)");
    waiting.end().is(1, "", "error: lost the SSH connection to core-1: Welcome.\n");
    lab.until_clean();
}
