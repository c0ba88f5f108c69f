//! What is written into etcd by hand hurts nobody: on real machines, with etcd's own client.

use crate::cluster::{Cluster, wait_for};
use crate::fleet::{Fleet, PATIENCE};

const PREFIX: &str = "/_coreos.com/fleet/";

/// Puts a value under a key of fleet's, as a person might.
fn put(key: &str, value: &str) {
    Cluster.exec("etcd1", &["etcdctl", "put", &format!("{PREFIX}{key}"), "--", value]).success();
}

/// Puts the output of a shell command.
fn put_output(key: &str, command: &str) {
    let line = format!("{command} | etcdctl put \"$(printf '{PREFIX}{key}')\"");
    Cluster.sh("etcd1", &line).success();
}

fn errors(machine: &str, since: &str, words: &str) -> usize {
    let journal = ["journalctl", "--quiet", "--unit", "fleet", "--output=cat", "--since", since];
    Cluster.exec(machine, &journal).success().lines().filter(|line| line.contains(words)).count()
}

#[test]
#[ignore = "needs machines"]
fn garbage_under_every_key() {
    let fleet = Fleet::fresh();
    let service = "[Service]\nExecStart=/bin/sleep infinity\n";
    fleet.start("kept.service", service);
    let home = fleet.until_active("kept.service");
    let pid = fleet.property(&home, "kept.service", "MainPID");
    let daemons = || fleet.up().iter().map(|m| fleet.property(m, "fleet.service", "MainPID"));
    let daemons_before: Vec<String> = daemons().collect();
    let since = Cluster.exec(&home, &["date", "+%F %T"]).success().trim().to_owned();
    let id = fleet.id_of(&home);
    let keys = [
        "cluster".to_owned(),
        "unit/kept.service".into(),
        "unit/other.service".into(),
        format!("machine-metadata/{id}/x"),
        format!("schedule/{id}/kept.service"),
        format!("schedule/{id}/@planned"),
        "schedule/ghost/kept.service".into(),
        "engine/leader".into(),
        format!("machine/{id}"),
        "machine/ghost".into(),
        format!("known/{id}"),
        "known/ghost".into(),
        format!("lost/{id}"),
        "holder/kept.service".into(),
        "holder/new.service".into(),
        format!("state/kept.service/{id}"),
        "state/new.service/ghost".into(),
        "survey".into(),
        format!("figures/{id}"),
        "no/key/of/fleet".into(),
    ];
    for key in &keys {
        for value in ["", "{", "null", "-1", "99999999999999999999", r#"{"desired":"sideways"}"#] {
            put(key, value);
        }
        put_output(key, "head -c 1400000 /dev/zero | tr '\\0' x");
        put_output(key, "printf '\\377\\376'");
    }
    put_output("unit/\\377.service", "echo x");
    fleet.start("new.service", service);
    fleet.until_active("new.service");
    for machine in fleet.up().clone() {
        // Each finds another one's leavings when it comes up.
        Cluster.exec(&machine, &["systemctl", "restart", "fleet"]).success();
        fleet.until_machines(3);
    }
    fleet.until_active("new.service");
    assert_eq!(fleet.property(&home, "kept.service", "MainPID"), pid, "it was touched");
    let daemons_after: Vec<String> = daemons().collect();
    for (before, after) in daemons_before.iter().zip(&daemons_after) {
        assert_ne!(before, after);
    }
    for machine in fleet.up() {
        assert_eq!(fleet.property(machine, "fleet.service", "NRestarts"), "0", "{machine}");
        // Each value at most once, and the last again by the fleetd that came up after it.
        let told = errors(machine, &since, "unit/other.service");
        assert!((1..=9).contains(&told), "{machine} says it {told} times");
    }
    let why = fleet.ctl(&["why", "kept.service"]).success();
    assert!(why.contains("does not read"), "{why}");
    let path = fleet.file("kept.service", service);
    fleet.ctl(&["start", &path]).success();
    fleet.until_active("kept.service");
    let other = fleet.file("other.service", service);
    fleet.ctl(&["submit", &other]).success();
    fleet.ctl(&["destroy", "kept.service", "other.service", "new.service"]).success();
    wait_for(PATIENCE, "the leavings to be swept", || {
        let left = Cluster.exec("etcd1", &["etcdctl", "get", "--prefix", "--keys-only", PREFIX]);
        let left = left.success();
        let ghosts =
            left.lines().filter(|key| key.contains("ghost") || key.contains("new.service"));
        let ghosts: Vec<&str> = ghosts.collect();
        if ghosts.is_empty() { Ok(()) } else { Err(format!("{ghosts:?}")) }
    });
    let sweep = ["etcdctl", "del", "--prefix", &format!("{PREFIX}no/")];
    Cluster.exec("etcd1", &sweep).success();
    Cluster
        .sh("etcd1", &format!("etcdctl del \"$(printf '{PREFIX}unit/\\377.service')\""))
        .success();
    let metadata = format!("{PREFIX}machine-metadata/{id}/x");
    Cluster.exec("etcd1", &["etcdctl", "del", &metadata]).success();
}
