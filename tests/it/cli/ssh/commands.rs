//! ssh, status and journal: where they go, and what runs there.

use fleet::model::TargetState::{Inactive, Launched};

use super::{Lab, UNIT};
use crate::cli::cluster::{M1, M2};

/// Two units whose names shells would take apart, a global one, and one that is nowhere.
fn lab() -> Lab {
    let lab = Lab::new();
    let mut cluster = lab.bench.script.lock();
    cluster.has(r"dev-a\x2db.service", UNIT, Launched);
    cluster.has("every.service", &format!("{UNIT}[X-Fleet]\nGlobal=true\n"), Launched);
    cluster.change("every.service", |unit| unit.machine_id = None);
    cluster.report("every.service", M2, "active running", Some("done"));
    cluster.has("idle.service", UNIT, Inactive);
    cluster.has("2a3b4c5d.service", UNIT, Launched);
    drop(cluster);
    lab
}

#[test]
fn commands_run_where_the_unit_is() {
    let follow = r#"sh -c 'stty -opost 2>/dev/null; exec "$@"' sh journalctl --no-pager --unit"#;
    for (arguments, expected) in [
        ("ssh 113f", "-- 172.17.8.101"),
        ("ssh -A 113f uptime -p", "-A -- 172.17.8.101 uptime -p"),
        ("ssh --forward-agent --ssh-port=2222 113f", "-A -p 2222 -- 172.17.8.101"),
        ("ssh hello uptime", "-- 172.17.8.101 uptime"),
        ("ssh hello -- ls -la --debug", "-- 172.17.8.101 ls -la --debug"),
        ("ssh --unit hello.service", "-- 172.17.8.101"),
        ("ssh --machine 2a3b ls /", "-- 172.17.8.102 ls /"),
        ("ssh -m 2a3b", "-- 172.17.8.102"),
        ("ssh -u 2a3b4c5d", "-- 172.17.8.101"),
        ("ssh every", "-- 172.17.8.102"),
        ("status hello", "-T -- 172.17.8.101 systemctl status -l hello.service"),
        ("status --machine 2a hello", "-T -- 172.17.8.102 systemctl status -l hello.service"),
        (r"status dev-a\x2db", r"-T -- 172.17.8.101 systemctl status -l 'dev-a\x2db.service'"),
        (
            "journal --lines 3 --sudo every",
            "-T -- 172.17.8.102 sudo journalctl --no-pager --unit every.service --lines=3 --output=short",
        ),
        (
            "journal -f --output=cat hello",
            &format!("-tt -- 172.17.8.101 {follow} hello.service --lines=10 --output=cat --follow"),
        ),
        ("--ssh-username=root status hello", "systemctl status -l hello.service"),
    ] {
        let lab = lab();
        lab.run(arguments).is(3, "there\n", "");
        let calls = lab.calls();
        assert_eq!(calls.len(), 1, "{arguments}: {calls:#?}");
        assert!(calls[0].ends_with(&format!(" {expected}")), "{arguments}: {calls:#?}");
    }
}

#[test]
fn a_tunnel_is_the_way_to_machines_too() {
    let lab = lab();
    lab.run("--tunnel core-1 ssh 113f uptime").is(3, "there\n", "");
    let calls = lab.calls();
    assert_eq!(calls.len(), 2, "{calls:#?}");
    let proxy = "-o ProxyCommand=ssh -l core -o StrictHostKeyChecking=yes -o UserKnownHostsFile=";
    assert!(calls[1].contains(proxy), "{calls:#?}");
    assert!(calls[1].contains("/ssh -W '[%h]:%p' -- core-1 "), "{calls:#?}");
    assert!(calls[1].ends_with("-- 172.17.8.101 uptime"), "{calls:#?}");
    assert_eq!(lab.left(), (false, vec![]));
}

#[test]
fn several_units_are_shown_one_after_another() {
    let lab = lab();
    lab.run("status hello every").is(3, "there\n\nthere\n", "");
    lab.run("status he* ev*").is(3, "there\n\nthere\n", "");
    lab.bench.script.lock().has("away.service", UNIT, Inactive);
    let nowhere = "error: away.service is on no machine\n\
                   hint: `fleetctl why away.service` tells the reason\n";
    lab.run("status away every hello").is(3, "\nthere\n\nthere\n", nowhere);
    lab.run("status away").is(1, "", nowhere);
}

#[test]
fn what_cannot_be_found_is_told() {
    let machines = "113f16a7.../172.17.8.101, 2a3b4c5d.../172.17.8.102";
    for (arguments, error) in [
        ("ssh 9", format!("9 is neither a unit nor a machine; the machines are: {machines}")),
        ("ssh --machine 9", format!("there is no machine 9; there are: {machines}")),
        ("ssh --unit helo", "there is no unit helo.service in the cluster".to_owned()),
        ("ssh idle", "idle.service is on no machine".to_owned()),
        (
            "ssh 2a3b4c5d",
            "2a3b4c5d is the machine 2a3b4c5d.../172.17.8.102, and a unit, too".to_owned(),
        ),
        ("status idle", "idle.service is on no machine".to_owned()),
        ("journal --machine '' hello", format!("there is no machine ''; there are: {machines}")),
    ] {
        let lab = lab();
        let ended = lab.run(arguments);
        assert!(ended.stderr.starts_with(&format!("error: {error}\n")), "{arguments}: {ended}");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{arguments}: {ended}");
        assert!(lab.calls().is_empty(), "{arguments}");
    }
    let lab = lab();
    lab.bench.script.lock().machines[1].id = M1.replace("16a7", "ffff").parse().unwrap();
    let ended = lab.run("ssh 113f uptime");
    let both = "113f is not one machine, but 113f16a7.../172.17.8.101, 113fffff.../172.17.8.102\n";
    assert!(ended.stderr.starts_with(&format!("error: {both}hint: write more")), "{ended}");
}

#[test]
fn an_address_from_the_cluster_reaches_no_shell() {
    for arguments in ["ssh 113f", "status hello", "--tunnel core-1 journal hello"] {
        let lab = lab();
        lab.bench.script.lock().machines[0].primary_ip = "x';touch PWNED;'".to_owned();
        let ended = lab.run(arguments);
        let error = format!("error: what machine {M1} told the cluster is no address: ");
        assert!(ended.stderr.starts_with(&error), "{arguments}: {ended}");
        assert!(!lab.calls().iter().any(|call| call.contains("PWNED")), "{:?}", lab.calls());
    }
}

#[test]
fn ssh_needs_somewhere_to_go() {
    for arguments in ["ssh", "ssh -A", "ssh --machine 1 --unit a"] {
        assert_eq!(lab().run(arguments).code, Some(2), "{arguments}");
    }
}
