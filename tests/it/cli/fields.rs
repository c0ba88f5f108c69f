//! What the columns of the lists show, and what is asked for their sake.

use std::time::{Duration, SystemTime};

use fleet::api::{Live, Machine, MachineStatus, UnitLive};
use fleet::model::TargetState::Launched;
use fleet::model::Timestamp;
use fleet::unitfile::UnitFile;

use super::bench::Bench;
use super::cluster::{Cluster, M1, M2, machine, name};

const FILE: &str = "[Service]\nExecStart=/bin/true\n";

/// So long ago, and half a minute more, so that a slow test still reads the same minute.
fn ago(minutes: u64) -> Option<Timestamp> {
    Some((SystemTime::now() - Duration::from_secs(minutes * 60 + 30)).into())
}

fn scene(cluster: &mut Cluster) {
    cluster.has("hello.service", FILE, Launched);
    cluster.report("hello.service", M1, "active running", Some("done"));
    let state = cluster.states.get_mut(&(name("hello.service"), machine(M1))).unwrap();
    (state.since, state.restarts) = (ago(125), Some(2));
    (state.main_pid, state.live) = (Some(4711), Some(UnitLive { memory: 3 << 19 }));
    cluster.report("hello.service", M2, "failed failed", Some("failed"));
    let state = cluster.states.get_mut(&(name("hello.service"), machine(M2))).unwrap();
    (state.since, state.restarts) = ("2026-01-02T03:04:05Z".parse().ok(), Some(0));
    state.message = Some("cannot unlink: no".to_owned());

    let first = &mut cluster.machines[0];
    first.hostname = Some("web1".to_owned());
    first.os = Some("Debian GNU/Linux 12 (bookworm)".to_owned());
    (first.cpus, first.memory, first.units) = (Some(4), Some(8 << 30), Some(17));
    first.version = Some("0.1.0".to_owned());
    first.systemd_version = Some("252".to_owned());
    first.docker_version = Some("28.1.1".to_owned());
    first.booted = ago(60 * 24 * 3);
    first.since = "2026-01-01T00:00:00Z".parse().ok();
    first.live = Some(Live { load: [0.5, 0.25, 1.0], memory_used: 3 << 29 });
    cluster.machines[1].memory = Some(8 << 30);
    cluster.gone = vec![Machine {
        booted: ago(60),
        since: "2026-01-02T03:04:05Z".parse().ok(),
        status: Some(MachineStatus::Lost),
        ..Machine::new(machine("3c4d5e6f000000000000000000000003"), "172.17.8.103".to_owned())
    }];
}

#[test]
fn of_units() {
    let bench = Bench::new(scene);
    let ended = bench.run("list-units --fields=active,uptime,restarts,memory,pid");
    ended.is(
        0,
        "ACTIVE\tUPTIME\tRESTARTS\tMEMORY\tPID\n\
         active\t2h5m\t2\t\t1.5M\t4711\n\
         failed\t-\t0\t\t-\t-\n",
        "",
    );
    let ended = bench.run("list-units --no-legend --fields=since");
    assert!(ended.stdout.ends_with("Z\n2026-01-02T03:04:05Z\n"), "{ended}");
    bench.run("list-units --no-legend --fields=message").is(0, "-\ncannot unlink: no\n", "");
}

#[test]
fn of_units_and_files_as_fleet_1_0_had_them() {
    let bench = Bench::new(scene);
    let row = format!("loaded\t{}\n", UnitFile::parse(FILE).unwrap().hash().short());
    bench.run("list-units --no-legend --fields=load,hash").is(0, &row.repeat(2), "");
    let home = "113f16a7.../172.17.8.101";
    bench.run("list-unit-files --no-legend --fields=tmachine,target").is(
        0,
        &format!("{home}\t{home}\n"),
        "",
    );
}

#[test]
fn of_machines() {
    let bench = Bench::new(scene);
    bench.run("list-machines --fields=hostname,version,uptime,since,cpus,memory,load,units").is(
        0,
        "HOSTNAME\tVERSION\tUPTIME\tSINCE\t\t\tCPUS\tMEMORY\t\tLOAD\t\tUNITS\n\
         web1\t\t0.1.0\t3d\t2026-01-01T00:00:00Z\t4\t1.5G/8.0G\t0.50,0.25,1.00\t17\n\
         -\t\t-\t-\t-\t\t\t-\t-/8.0G\t\t-\t\t-\n",
        "",
    );
    bench.run("list-machines --no-legend --fields=os,systemd,docker,status").is(
        0,
        "Debian GNU/Linux 12 (bookworm)\t252\t28.1.1\talive\n\
         -\t\t\t\t-\t-\talive\n",
        "",
    );
}

#[test]
fn machines_that_are_gone_are_listed_when_asked_for() {
    let bench = Bench::new(scene);
    bench.run("list-machines --all").is(
        0,
        "MACHINE\t\tIP\t\tMETADATA\tSTATUS\tSINCE\n\
         113f16a7...\t172.17.8.101\tzone=a\t\talive\t2026-01-01T00:00:00Z\n\
         2a3b4c5d...\t172.17.8.102\tzone=b\t\talive\t-\n\
         3c4d5e6f...\t172.17.8.103\t-\t\tlost\t2026-01-02T03:04:05Z\n",
        "",
    );
    let uptimes = bench.run("list-machines --all --no-legend --fields=uptime").stdout;
    assert_eq!(uptimes.lines().next_back(), Some("-"), "nobody knows whether it still runs");
}

/// Machines are asked for figures of the moment only for what shows them.
#[test]
fn live_figures_are_asked_for_when_they_are_needed() {
    for (arguments, request) in [
        ("list-units", "GET state"),
        ("list-units --fields=unit,uptime", "GET state"),
        ("list-units --output=json", "GET state"),
        ("list-units --fields=unit,memory", "GET state?live=true"),
        ("list-units --output=json --live", "GET state?live=true"),
        ("list-machines --fields=cpus,uptime", "GET machines"),
        ("list-machines --fields=load", "GET machines?live=true"),
        ("list-machines --fields=memory --all", "GET machines?all=true&live=true"),
        ("list-machines --live -o yaml", "GET machines?live=true"),
    ] {
        let bench = Bench::new(scene);
        assert_eq!(bench.run(arguments).code, Some(0));
        let asked = bench.script.lock().asked.clone();
        assert!(asked.contains(&request.to_owned()), "{arguments}: {asked:?}");
    }
}

#[test]
fn one_that_does_not_exist_is_named_with_those_that_do() {
    let bench = Bench::new(scene);
    bench.run("list-units --fields unit,memroy").is(
        1,
        "",
        "error: unknown field \"memroy\": choose from unit, machine, load, active, sub, hash, since, \
         uptime, restarts, memory, pid, message\nhint: did you mean memory?\n",
    );
}
