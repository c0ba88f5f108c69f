//! What machines and units tell of themselves, compared with what the machines themselves say.

use serde_json::Value;

use crate::cluster::{Cluster, wait_for};
use crate::fleet::{Fleet, PATIENCE};

/// What the API of a machine that is up answers.
fn get(fleet: &Fleet, path: &str) -> Value {
    let url = format!("http://fleet/fleet/v1/{path}");
    let curl =
        ["curl", "--fail", "--silent", "--max-time", "5", "--unix-socket", "/run/fleet.sock"];
    let said = Cluster.exec(fleet.a_machine(), &[&curl[..], &[&url]].concat()).success();
    serde_json::from_str(&said).expect("JSON")
}

fn says(machine: &str, command: &[&str]) -> String {
    Cluster.exec(machine, command).success().trim().to_owned()
}

/// What the API says of one machine.
fn machine(fleet: &Fleet, name: &str, query: &str) -> Value {
    let list = get(fleet, &format!("machines{query}"));
    let machines = list["machines"].as_array().expect("a list");
    let found = machines.iter().find(|machine| machine["id"] == fleet.id_of(name));
    found.cloned().unwrap_or(Value::Null)
}

/// Waits until a unit's state is as it should be.
#[track_caller]
fn until_state(fleet: &Fleet, unit: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    wait_for(PATIENCE, what, || {
        let list = get(fleet, &format!("state?unitName={unit}&live=true"));
        let state = &list["states"][0];
        if holds(state) { Ok(state.clone()) } else { Err(list.to_string()) }
    })
}

#[test]
#[ignore = "needs machines"]
fn machines_tell_what_they_are_and_how() {
    let fleet = Fleet::fresh();
    for name in ["m1", "m2", "m3"] {
        let told = machine(&fleet, name, "?live=true");
        let word = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
        assert_eq!(word("hostname"), says(name, &["hostname"]), "{told}");
        let os = says(name, &["sh", "-c", ". /etc/os-release; echo $PRETTY_NAME"]);
        assert_eq!(word("os"), os, "{told}");
        let docker = says(name, &["docker", "version", "--format", "{{.Server.Version}}"]);
        assert_eq!(word("dockerVersion"), docker, "{told}");
        let systemd = says(name, &["systemctl", "--version"]);
        assert!(systemd.contains(&word("systemdVersion")) && !word("systemdVersion").is_empty());
        assert_eq!(told["cpus"].to_string(), says(name, &["nproc", "--all"]), "{told}");
        let used = told["live"]["memoryUsed"].as_u64().expect("it answers");
        assert!(used > 0 && told["memory"].as_u64() > Some(used), "{told}");
        // Written alike, these texts sort as the times do.
        assert!(!word("booted").is_empty() && word("booted") <= word("since"), "{told}");
    }
}

#[test]
#[ignore = "needs machines"]
fn a_unit_tells_of_its_run() {
    let fleet = Fleet::fresh();
    let service = "[Service]\nExecStart=/bin/sleep infinity\nRestart=always\nRestartSec=0\n";
    fleet.start("runs.service", service);
    let on = fleet.until_active("runs.service");
    let state = until_state(&fleet, "runs.service", "its memory", |s| {
        s["live"]["memory"].as_u64() > Some(0)
    });
    let pid = fleet.property(&on, "runs.service", "MainPID");
    assert_eq!((state["mainPid"].to_string(), state["restarts"].as_u64()), (pid.clone(), Some(0)));
    assert!(state["since"].is_string(), "{state}");
    Cluster.exec(&on, &["kill", "-9", &pid]).success();
    let state = until_state(&fleet, "runs.service", "a restart", |s| s["restarts"] == 1);
    assert_eq!(state["systemdActiveState"], "active", "{state}");
    assert_eq!(state["mainPid"].to_string(), fleet.property(&on, "runs.service", "MainPID"));
    Cluster.exec(&on, &["systemctl", "restart", "fleet.service"]).success();
    let same = |now: &Value| now["mainPid"] == state["mainPid"] && now["since"] == state["since"];
    until_state(&fleet, "runs.service", "the same after fleetd's restart", same);
}

#[test]
#[ignore = "needs machines"]
fn a_failed_unit_s_last_words_are_told_until_it_starts() {
    let fleet = Fleet::fresh();
    let program = "/bin/sh -c 'echo no such database; test -e /run/database'";
    let service = format!("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart={program}\n");
    let path = fleet.file("words.service", &service);
    let failed = fleet.ctl(&["start", &path]).failure();
    assert!(failed.contains("no such database"), "{failed}");
    let state = until_state(&fleet, "words.service", "words", |s| s["log"].is_array());
    let lines = state["log"].as_array().expect("lines");
    assert!(lines.iter().any(|line| line == "no such database") && lines.len() <= 10, "{state}");
    for machine in fleet.up() {
        Cluster.exec(machine, &["touch", "/run/database"]).success();
    }
    fleet.ctl(&["stop", "words.service"]).success();
    fleet.ctl(&["start", "words.service"]).success();
    let state = until_state(&fleet, "words.service", "up", |s| s["systemdActiveState"] == "active");
    assert!(state["log"].is_null(), "{state}");
    for machine in fleet.up() {
        Cluster.exec(machine, &["rm", "/run/database"]).success();
    }
}

#[test]
#[ignore = "needs machines"]
fn a_stop_that_systemd_refuses_is_told() {
    let fleet = Fleet::fresh();
    // It ends by itself, since nobody may stop it.
    fleet.start(
        "stays.service",
        "[Unit]\nRefuseManualStop=yes\n[Service]\nExecStart=/bin/sleep 15\n",
    );
    fleet.until_active("stays.service");
    fleet.ctl(&["stop", "--no-block", "stays.service"]).success();
    let told = |state: &Value| state["message"].as_str().is_some_and(|it| it.contains("refused"));
    until_state(&fleet, "stays.service", "systemd's refusal", told);
    let down = |state: &Value| state["systemdActiveState"] == "inactive";
    let state = until_state(&fleet, "stays.service", "its end", down);
    assert!(state["message"].is_null(), "{state}");
}

#[test]
#[ignore = "needs machines"]
fn who_is_gone_is_known_as_lost_or_left_until_it_is_back() {
    let mut fleet = Fleet::fresh();
    let until_status = |fleet: &Fleet, status: Value| {
        wait_for(PATIENCE, &format!("m3 to be {status}"), || {
            let told = machine(fleet, "m3", "?all=true");
            let right = told["status"] == status && told["since"].is_string();
            if right { Ok(told) } else { Err(told.to_string()) }
        })
    };
    fleet.kill("m3");
    let lost = until_status(&fleet, "lost".into());
    assert!(lost["hostname"].is_string(), "{lost}");
    assert_eq!(machine(&fleet, "m3", ""), Value::Null, "only who asks for all is shown it");
    fleet.boot("m3");
    until_status(&fleet, Value::Null);
    Cluster.exec("m3", &["systemctl", "restart", "fleet.service"]).success();
    until_status(&fleet, Value::Null);
    Cluster.exec("m3", &["systemctl", "stop", "fleet.service"]).success();
    until_status(&fleet, "left".into());
    Cluster.exec("m3", &["systemctl", "start", "fleet.service"]).success();
    until_status(&fleet, Value::Null);
    fleet.until_machines(3);
}
