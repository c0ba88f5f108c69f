//! The commands that only look: lists, cat, why, status and journal.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use fleet::api::{Refusal, Waiting, Why, WhyStatus};
use fleet::model::TargetState::{Inactive, Launched};

use super::bench::Bench;
use super::cluster::{Cluster, M1, M2, machine, name};

const HELLO: &str = "# greets\n[Unit]\nDescription=Hello\n\n[Service]\nExecStart=/bin/true";
const GLOBAL: &str = "[Service]\nExecStart=/bin/true\n[X-Fleet]\nGlobal=true\n";

fn scene(cluster: &mut Cluster) {
    cluster.has("hello.service", HELLO, Launched);
    cluster.report("hello.service", M1, "active running", Some("done"));
    cluster.has("everywhere.service", GLOBAL, Launched);
    cluster.change("everywhere.service", |unit| {
        (unit.machine_id, unit.current_state) = (None, None);
    });
    cluster.report("everywhere.service", M2, "failed failed", Some("failed"));
    cluster.report("everywhere.service", M1, "active running", Some("done"));
    cluster.has("hello@.service", HELLO, Inactive);
}

#[test]
fn list_units() {
    let bench = Bench::new(scene);
    bench.run("list-units").is(
        0,
        "UNIT\t\t\tMACHINE\t\t\t\tACTIVE\tSUB\n\
         everywhere.service\t113f16a7.../172.17.8.101\tactive\trunning\n\
         everywhere.service\t2a3b4c5d.../172.17.8.102\tfailed\tfailed\n\
         hello.service\t\t113f16a7.../172.17.8.101\tactive\trunning\n",
        "",
    );
    let full = format!("everywhere.service\t{M1}/172.17.8.101\n");
    let ended = bench.run("list-units --no-legend --full --fields=unit,machine");
    assert!(ended.stdout.starts_with(&full), "{ended}");
}

#[test]
fn units_that_wait_are_told_beside_the_list() {
    let wait = |unit: &str, reason: &str| Waiting { name: name(unit), reason: reason.to_owned() };
    let waiting = [
        wait("bomb.service", "its machine was lost 3 times"),
        wait("web.service", "2 machines\x1b[2J vanished"),
    ];
    let bench = Bench::new(|cluster| {
        cluster.has("hello.service", HELLO, Launched);
        cluster.report("hello.service", M1, "active running", Some("done"));
        cluster.waiting = waiting.to_vec();
    });
    let told = "waiting: bomb.service: its machine was lost 3 times\n\
                waiting: web.service: 2 machines\u{fffd}[2J vanished\n";
    bench.run("list-units --no-legend --fields=unit").is(0, "hello.service\n", told);
    for form in ["json", "yaml"] {
        let ended = bench.run(&format!("list-units --output={form}"));
        assert!(!ended.stdout.contains("waiting") && ended.stderr == told, "{ended}");
    }
}

#[test]
fn list_unit_files() {
    let bench = Bench::new(scene);
    let ended = bench.run("list-unit-files");
    let hash = ended.stdout.lines().nth(2).and_then(|line| line.split_whitespace().nth(1));
    let hash = hash.unwrap_or_default().to_owned();
    assert_eq!(hash.len(), 7, "{ended}");
    bench.run("list-unit-files --fields=unit,dstate,state,target,desc,global").is(
        0,
        "UNIT\t\t\tDSTATE\t\tSTATE\t\tTARGET\t\t\t\tDESC\tGLOBAL\n\
         everywhere.service\tlaunched\t-\t\tglobal\t\t\t\t-\ttrue\n\
         hello.service\t\tlaunched\tlaunched\t113f16a7.../172.17.8.101\tHello\tfalse\n\
         hello@.service\t\tinactive\tinactive\t-\t\t\t\tHello\tfalse\n",
        "",
    );
    let pages = bench.script.lock().asked.clone();
    assert!(pages.contains(&"GET units?nextPageToken=2".to_owned()), "{pages:?}");
    let ended = bench.run("list-unit-files --full --no-legend --fields=hash");
    assert_eq!(
        ended.stdout.lines().nth(1).map(|line| (line.len(), &line[..7])),
        Some((40, &*hash))
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let bench = Bench::new(|cluster| {
        // More than a pipe holds.
        let contents = format!("[Unit]\nDescription={}\n", "x".repeat(1500));
        for n in 0..100 {
            cluster.has(&format!("a@{n}.service"), &contents, Inactive);
        }
        cluster.page_size = 100;
    });
    let script = "{ \"$0\" list-unit-files --fields=unit,desc; echo exit $? >&2; } | head -n 1";
    let ended = bench.shell(script);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), "exit 0\n"), "{ended}");
}

#[test]
fn list_machines() {
    let bench = Bench::new(scene);
    bench.script.lock().machines.reverse();
    bench.run("list-machines").is(
        0,
        "MACHINE\t\tIP\t\tMETADATA\n\
         113f16a7...\t172.17.8.101\tzone=a\n\
         2a3b4c5d...\t172.17.8.102\tzone=b\n",
        "",
    );
}

#[test]
fn cat_is_byte_for_byte() {
    let bench = Bench::new(scene);
    bench.run("cat hello").is(0, HELLO, "");
    bench.script.lock().change("hello.service", |unit| unit.contents = None);
    let written = "[Unit]\nDescription=Hello\n\n[Service]\nExecStart=/bin/true\n";
    bench.run("cat hello").is(0, written, "");
}

#[test]
fn a_unit_that_is_not_there_may_be_meant_otherwise() {
    let bench = Bench::new(scene);
    for verb in ["cat", "why", "stop", "unload", "destroy", "status", "journal"] {
        for (name, full, hint) in [
            ("helo", "helo.service", "did you mean hello.service?"),
            ("everywhere.timer", "everywhere.timer", "did you mean everywhere.service?"),
            ("nope", "nope.service", "`fleetctl list-unit-files` shows what there is"),
        ] {
            let told = format!("error: there is no unit {full} in the cluster\nhint: {hint}\n");
            bench.run(&format!("{verb} {name}")).is(1, "", &told);
        }
    }
    assert!(bench.script.lock().writes().is_empty());
}

#[test]
fn why_shows_every_refusal() {
    let refusals = vec![Refusal {
        machine_id: machine(M2),
        primary_ip: "172.17.8.102".to_owned(),
        reason: "conflicts with hello@1.service".to_owned(),
    }];
    let why = |status, machine_ids, refusals| Why {
        name: name("hello.service"),
        status,
        reason: "the reason".to_owned(),
        machine_ids,
        refusals,
    };
    for (why, expected) in [
        (
            why(WhyStatus::Placed, vec![machine(M1)], Vec::new()),
            "hello.service is placed on 113f16a7.../172.17.8.101: the reason\n",
        ),
        (
            why(WhyStatus::Pending, Vec::new(), refusals),
            "hello.service is pending: the reason\n  \
             2a3b4c5d.../172.17.8.102: conflicts with hello@1.service\n",
        ),
        (
            why(WhyStatus::Inactive, Vec::new(), Vec::new()),
            "hello.service is inactive: the reason\n",
        ),
    ] {
        let bench = Bench::new(|cluster| {
            cluster.whys.insert(name("hello.service"), why);
        });
        bench.run("why hello").is(0, expected, "");
    }
}

#[test]
fn status_and_journal_of_this_machine_pass_the_exit_status_on() {
    let Ok(local) = fs::read_to_string("/etc/machine-id") else {
        return;
    };
    let local = local.trim().to_owned();
    if local.is_empty() {
        return; // systemd never ran here, so nothing can be on this machine.
    }
    let bench = Bench::new(|cluster| {
        cluster.has("hello.service", HELLO, Launched);
        cluster.change("hello.service", |unit| unit.machine_id = Some(machine(&local)));
    });
    for program in ["systemctl", "journalctl"] {
        let path = bench.file(&format!("bin/{program}"), "#!/bin/sh\necho \"$0 $*\"\nexit 3\n");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = bench.folder().join("bin").display().to_string();
    let endpoint = bench.endpoint();
    let variables = [("FLEETCTL_ENDPOINT", &*endpoint), ("PATH", &*path)];
    let expected = format!("{path}/systemctl status -l hello.service\n");
    bench.run_with("status hello", &variables).is(3, &expected, "");
    let ended = bench.run_with("journal hello --output=cat", &variables);
    let options = "--no-pager --unit hello.service --lines=10 --output=cat";
    ended.is(3, &format!("{path}/journalctl {options}\n"), "");
}
