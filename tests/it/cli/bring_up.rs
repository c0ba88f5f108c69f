//! submit, load and start.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use fleet::api::{Refusal, Waiting, Why, WhyStatus};
use fleet::model::TargetState;
use tokio::sync::Notify;

use super::bench::Bench;
use super::cluster::{Cluster, M1, M2, machine, name};

const HELLO: &str = "[Unit]\nDescription=Hello\n\n[Service]\nExecStart=/bin/sleep 1000\n";
const OTHER: &str = "[Service]\nExecStart=/bin/sleep 2000\n";
const GLOBAL: &str = "[Service]\nExecStart=/bin/true\n[X-Fleet]\nGlobal=true\n";

/// The unit comes up on the first machine as soon as it is wanted.
fn comes_up(cluster: &mut Cluster, unit: &'static str) {
    cluster.after(&format!("PUT units/{unit}"), move |cluster| {
        cluster.place(unit, M1);
        cluster.report(unit, M1, "activating start", None);
        cluster.report(unit, M1, "active running", Some("done"));
    });
}

#[test]
fn start_submits_and_waits_until_it_runs() {
    let bench = Bench::new(|cluster| comes_up(cluster, "hello.service"));
    bench.file("hello.service", HELLO);
    let expected = "Unit hello.service launched on 113f16a7.../172.17.8.101\n";
    bench.run("start hello").is(0, expected, "");
    let cluster = bench.script.lock();
    assert_eq!(cluster.writes(), ["PUT units/hello.service"]);
    let stored = &cluster.units[&name("hello.service")];
    assert_eq!(stored.contents.as_deref(), Some(HELLO));
    let listened = cluster.asked.iter().position(|asked| asked == "GET events");
    let wrote = cluster.asked.iter().position(|asked| asked.starts_with("PUT"));
    assert!(listened < wrote, "the stream is open before anything changes: {:?}", cluster.asked);
}

#[test]
fn start_of_what_runs_changes_nothing() {
    let bench = Bench::new(|cluster| {
        cluster.has("hello.service", HELLO, TargetState::Launched);
        cluster.report("hello.service", M1, "active running", Some("done"));
    });
    let expected = "Unit hello.service launched on 113f16a7.../172.17.8.101\n";
    bench.run("start hello.service").is(0, expected, "");
    assert!(bench.script.lock().writes().is_empty());
}

#[test]
fn a_failed_start_is_told_and_the_others_go_on() {
    let bench = Bench::new(|cluster| {
        comes_up(cluster, "good.service");
        cluster.after("PUT units/bad.service", |cluster| {
            cluster.place("bad.service", M2);
            cluster.report("bad.service", M2, "failed failed", Some("failed"));
        });
    });
    bench.file("bad.service", HELLO);
    bench.file("good.service", HELLO);
    bench.run("start bad good").is(
        1,
        "Unit good.service launched on 113f16a7.../172.17.8.101\n",
        "error: bad.service on 2a3b4c5d.../172.17.8.102: it failed (result exit-code, status 3)\n\
         hint: `fleetctl status bad.service` and `fleetctl journal bad.service` show more\n",
    );
}

#[test]
fn start_of_what_waits_begins_it_again() {
    let wait = || {
        let reason = "its machine was lost 3 times".to_owned();
        vec![Waiting { name: name("hello.service"), reason }]
    };
    let away = |cluster: &mut Cluster, home: Option<&str>| {
        cluster.has("hello.service", HELLO, TargetState::Launched);
        cluster.change("hello.service", |unit| {
            unit.current_state = Some(TargetState::Inactive);
            unit.machine_id = home.map(machine);
        });
    };
    // Only who has no machine at all: where it vanished, the unit may run on.
    for (waiting, home, writes) in [
        (wait(), None, &["PUT units/hello.service"; 2][..]),
        (Vec::new(), None, &[]),
        (wait(), Some(M2), &[]),
    ] {
        let bench = Bench::new(|cluster| {
            away(cluster, home);
            cluster.waiting = waiting;
        });
        bench.run("start --no-block hello").is(0, "Triggered unit hello.service start\n", "");
        assert_eq!(bench.script.lock().writes(), writes, "{home:?}");
    }
}

/// The unit fails, and its machine reports each of these as what it said last, one after another.
fn fails(cluster: &mut Cluster, unit: &'static str, words: &'static [Option<&[&str]>]) {
    cluster.after(&format!("PUT units/{unit}"), move |cluster| {
        cluster.place(unit, M1);
        cluster.mute = true;
        cluster.report(unit, M1, "failed failed", Some("failed"));
        cluster.mute = false;
        for lines in words {
            let log = lines.map(|lines| lines.iter().map(ToString::to_string).collect());
            cluster.correct(unit, M1, |state| state.log = log);
        }
    });
}

#[test]
fn a_failed_start_shows_what_the_unit_said_last() {
    let bench = Bench::new(|cluster| {
        fails(cluster, "bad.service", &[Some(&["cannot bind\x1b[2J", "bye"])]);
        fails(cluster, "slow.service", &[None, Some(&["bye"])]);
        fails(cluster, "mute.service", &[None]);
    });
    for (unit, words) in
        [("bad", "  cannot bind\u{fffd}[2J\n  bye\n"), ("slow", "  bye\n"), ("mute", "")]
    {
        bench.file(&format!("{unit}.service"), HELLO);
        let told = format!(
            "error: {unit}.service on 113f16a7.../172.17.8.101: it failed (result exit-code, \
             status 3)\n{words}\
             hint: `fleetctl status {unit}.service` and `fleetctl journal {unit}.service` show \
             more\n"
        );
        bench.run(&format!("start {unit}")).is(1, "", &told);
    }
}

#[test]
fn replacing_comments_only_is_told_and_not_done() {
    let bench = Bench::new(|cluster| {
        cluster.has("hello.service", HELLO, TargetState::Launched);
        cluster.report("hello.service", M1, "active running", Some("done"));
    });
    bench.file("hello.service", format!("# a comment\n{HELLO}"));
    let launched = "Unit hello.service launched on 113f16a7.../172.17.8.101\n";
    bench.run("start hello.service").is(0, launched, "");
    bench.run("start --replace hello.service").is(
        0,
        launched,
        "warning: hello.service in the cluster and hello.service differ only in what has no \
         effect, such as comments: it is not replaced\n",
    );
    assert!(bench.script.lock().writes().is_empty());
}

#[test]
fn a_oneshot_that_finished_is_a_success() {
    let bench = Bench::new(|cluster| {
        cluster.after("PUT units/once.service", |cluster| {
            cluster.place("once.service", M1);
            cluster.report("once.service", M1, "inactive dead", Some("done"));
        });
    });
    bench.file("once.service", HELLO);
    let expected = "Unit once.service launched on 113f16a7.../172.17.8.101\n";
    bench.run("start once").is(0, expected, "");
}

/// No machine takes the unit, and the cluster can say why.
fn nobody_takes(cluster: &mut Cluster, unit: &str) {
    let refusals = vec![Refusal {
        machine_id: machine(M1),
        primary_ip: "172.17.8.101".to_owned(),
        reason: "metadata zone is a, not c".to_owned(),
    }];
    let (name, machine_ids) = (name(unit), Vec::new());
    let (status, reason) = (WhyStatus::Pending, "no machine takes it".to_owned());
    cluster.whys.insert(name.clone(), Why { name, status, reason, machine_ids, refusals });
}

#[test]
fn a_unit_without_a_machine_says_why_once() {
    let bench = Bench::new(|cluster| nobody_takes(cluster, "hello.service"));
    bench.file("hello.service", HELLO);
    bench.run("start hello --block-attempts 4").is(
        1,
        "",
        "hello.service waits: no machine takes it\n  \
         113f16a7.../172.17.8.101: metadata zone is a, not c\n\
         error: gave up after 4 attempts, waiting for hello.service\n\
         hint: they are still wanted: `fleetctl why UNIT` tells what a unit waits for\n",
    );
    let asked = bench.script.lock().asked.clone();
    let whys = asked.iter().filter(|asked| asked.ends_with("/why")).count();
    assert_eq!(whys, 1, "nothing changed, so there was nothing to ask again: {asked:?}");
}

#[test]
fn ctrl_c_ends_the_wait_and_leaves_what_is_wanted() {
    let (asked, told) = mpsc::channel();
    let bench = Bench::new(|cluster| {
        nobody_takes(cluster, "hello.service");
        cluster.after("GET units/hello.service/why", move |_| {
            let _ = asked.send(());
        });
    });
    bench.file("hello.service", HELLO);
    let running = bench.start("start hello");
    told.recv_timeout(Duration::from_secs(30)).unwrap();
    running.signal("INT");
    let ended = running.end();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(130), ""), "{ended}");
    let said = "error: interrupted, while waiting for hello.service; what is wanted of them stands";
    assert!(ended.stderr.contains(said), "{ended}");
    let wanted = bench.script.lock().units[&name("hello.service")].desired_state;
    assert_eq!(wanted, Some(TargetState::Launched));
}

#[test]
fn a_machine_that_joins_ends_the_wait() {
    let bench = Bench::new(|cluster| {
        nobody_takes(cluster, "hello.service");
        cluster.after("GET units/hello.service/why", |cluster| {
            let joined = "c0ffee00000000000000000000000003";
            cluster.join(joined, "172.17.8.103");
            cluster.place("hello.service", joined);
            cluster.report("hello.service", joined, "active running", Some("done"));
        });
    });
    bench.file("hello.service", HELLO);
    let ended = bench.run("start hello --block-attempts=0");
    let expected = "Unit hello.service launched on c0ffee00.../172.17.8.103\n";
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), expected), "{ended}");
}

#[test]
fn a_broken_stream_is_opened_again_and_nothing_is_missed() {
    let bench = Bench::new(|cluster| {
        cluster.after("PUT units/hello.service", |cluster| {
            // The one who listens is cut off, and what happens now is told to nobody.
            cluster.events = tokio::sync::broadcast::channel(16).0;
            cluster.place("hello.service", M1);
            cluster.report("hello.service", M1, "active running", Some("done"));
        });
    });
    bench.file("hello.service", HELLO);
    let expected = "Unit hello.service launched on 113f16a7.../172.17.8.101\n";
    bench.run("start hello").is(0, expected, "");
    let asked = bench.script.lock().asked.clone();
    assert_eq!(
        asked.iter().filter(|asked| asked.starts_with("GET events")).count(),
        2,
        "{asked:?}"
    );
}

#[test]
fn a_look_from_before_events_were_missed_does_not_count() {
    let bench = Bench::new(|cluster| {
        cluster.has("hello.service", HELLO, TargetState::Launched);
        cluster.report("hello.service", M1, "activating start", None);
    });
    let look = "GET state?unitName=hello.service";
    let word = Arc::<Notify>::default();
    bench.script.lock().hold = Some((look.to_owned(), Arc::clone(&word)));
    let waiting = bench.start("start hello");
    // Whether it is over already is asked before anything is waited for.
    bench.until_asked(look, 1);
    word.notify_one();
    bench.until_asked(look, 2);
    {
        let mut cluster = bench.script.lock();
        cluster.hold = None;
        cluster.mute = true;
        cluster.report("hello.service", M1, "active running", Some("done"));
        cluster.mute = false;
        cluster.reset();
    }
    bench.until_asked(look, 3);
    word.notify_one();
    waiting.end().is(0, "Unit hello.service launched on 113f16a7.../172.17.8.101\n", "");
}

#[test]
fn what_nobody_told_of_is_looked_at() {
    for reset in [false, true] {
        let bench = Bench::new(|cluster| {
            cluster.mute = !reset;
            cluster.after("PUT units/hello.service", |cluster| {
                cluster.reset();
                cluster.mute = true;
                cluster.place("hello.service", M1);
                cluster.report("hello.service", M1, "active running", Some("done"));
            });
        });
        bench.file("hello.service", HELLO);
        let expected = "Unit hello.service launched on 113f16a7.../172.17.8.101\n";
        bench.run("start hello").is(0, expected, "");
    }
}

#[test]
fn no_block_and_global_units_are_triggered() {
    let bench = Bench::new(|cluster| {
        cluster.has("stored.service", HELLO, TargetState::Inactive);
    });
    bench.file("global.service", GLOBAL);
    bench.run("start --no-block stored").is(0, "Triggered unit stored.service start\n", "");
    bench.run("start global").is(0, "Triggered global unit global.service start\n", "");
    bench.run("load global").is(0, "Triggered global unit global.service load\n", "");
    let started = bench.script.lock().units[&name("stored.service")].desired_state;
    assert_eq!(started, Some(TargetState::Launched));
}

#[test]
fn load_waits_until_a_machine_has_it() {
    let bench = Bench::new(|cluster| {
        cluster.after("PUT units/hello.service", |cluster| cluster.place("hello.service", M2));
    });
    bench.file("units/hello.service", HELLO);
    let expected = "Unit hello.service loaded on 2a3b4c5d.../172.17.8.102\n";
    bench.run("load units/hello.service").is(0, expected, "");
}

#[test]
fn a_file_that_replaces_another_is_waited_for() {
    let bench = Bench::new(|cluster| {
        cluster.has("hello.service", OTHER, TargetState::Loaded);
        cluster.report("hello.service", M1, "inactive dead", None);
    });
    bench.file("hello.service", HELLO);
    let ended = bench.run("load --replace --block-attempts 2 hello.service");
    let said = "error: gave up after 2 attempts, waiting for hello.service\n";
    assert!(ended.code == Some(1) && ended.stderr.starts_with(said), "{ended}");

    bench.script.lock().after("PUT units/hello.service", |cluster| {
        cluster.report("hello.service", M1, "inactive dead", None);
    });
    bench.file("hello.service", format!("{HELLO}Restart=always\n"));
    let loaded = "Unit hello.service loaded on 113f16a7.../172.17.8.101\n";
    bench.run("load --replace hello.service").is(0, loaded, "");
}

#[test]
fn submit_stores_and_does_not_wait() {
    let bench = Bench::new(|cluster| {
        cluster.has("runs.service", HELLO, TargetState::Launched);
    });
    bench.file("hello@.service", HELLO);
    bench.file("runs.service", HELLO);
    bench.run("submit hello@.service runs.service").is(
        0,
        "Unit runs.service launched\nUnit hello@.service inactive\n",
        "",
    );
    assert_eq!(bench.script.lock().writes(), ["PUT units/hello@.service"]);
}

#[test]
fn contents_come_from_the_first_place_that_has_them() {
    let mine = "[Service]\nExecStart=/bin/echo file\n";
    let stored_template = "[Service]\nExecStart=/bin/echo stored template\n";
    let disk_template = "[Service]\nExecStart=/bin/echo template on disk\n";
    for (files, stored, expected) in [
        (&["a@1.service", "a@.service"][..], true, mine),
        (&["a@.service"][..], true, stored_template),
        (&["a@.service"][..], false, disk_template),
        (&[][..], true, stored_template),
    ] {
        let bench = Bench::new(|cluster| {
            if stored {
                cluster.has("a@.service", stored_template, TargetState::Inactive);
            }
        });
        for file in files {
            let contents = if *file == "a@.service" { disk_template } else { mine };
            bench.file(file, contents);
        }
        bench.run("submit a@1").is(0, "Unit a@1.service inactive\n", "");
        let cluster = bench.script.lock();
        let got = cluster.units[&name("a@1.service")].contents.clone();
        assert_eq!(got.as_deref(), Some(expected), "{files:?} {stored}");
    }
}

#[test]
fn a_file_that_differs_needs_replace() {
    let bench = Bench::new(|cluster| {
        cluster.has("hello.service", OTHER, TargetState::Launched);
        comes_up(cluster, "hello.service");
        cluster.report("hello.service", M1, "active running", Some("done"));
    });
    bench.file("hello.service", HELLO);
    let launched = "Unit hello.service launched on 113f16a7.../172.17.8.101\n";
    bench.run("start hello.service").is(
        0,
        launched,
        "warning: hello.service in the cluster differs from hello.service, which is not used: \
         --replace replaces it\n",
    );
    bench.run("submit --replace hello.service").is(
        1,
        "",
        "error: hello.service: submit --replace does not replace a unit that is launched: use \
         start --replace, or unload it first\n",
    );
    assert!(bench.script.lock().writes().is_empty());
    bench.run("start --replace hello.service").is(0, launched, "");
    let cluster = bench.script.lock();
    assert_eq!(cluster.units[&name("hello.service")].contents.as_deref(), Some(HELLO));
}

#[test]
fn bad_input_changes_nothing() {
    let bench = Bench::new(|_| {});
    bench.file("good.service", HELLO);
    bench.file("bad.service", "[Service\nExecStart=/bin/true\n");
    bench.file(
        "odd.service",
        "[Service]\nExecStart=/a\n[X-Fleet]\nGlobal=true\nMachineOf=b.service\n",
    );
    bench.file("t@.service", HELLO);
    bench.file("long.service", format!("[Service]\nExecStart=/a {}\n", "x".repeat(2048)));
    bench.file("huge.service", vec![b'#'; 10 << 20]);
    for (arguments, complaint) in [
        ("start good bad", "bad.service is not a unit file\n  because: line 1: "),
        ("start good odd", "odd.service: [X-Fleet] "),
        ("start good nowhere", "no unit nowhere.service in the cluster, and no file for it"),
        ("start good no@1", "looked for no@1.service, no@.service in the cluster, no@.service"),
        ("start good t@.service", "t@.service: a template runs nowhere"),
        ("start good huge", "huge.service is not a unit file"),
        ("start good long", "long.service is not a unit file\n  because: line 2: "),
        ("start good what!", "invalid unit name \"what!.service\""),
        ("start a/good b/good", "are both good.service: name a unit once"),
    ] {
        let ended = bench.run(arguments);
        assert!(ended.stderr.contains(complaint), "{arguments}: {ended}");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{arguments}");
    }
    assert!(bench.script.lock().writes().is_empty());
}

#[test]
fn what_the_server_refuses_is_told_with_what_was_asked() {
    let bench = Bench::new(|cluster| {
        let prefix = "PUT units/hello".to_owned();
        cluster.refuse = Some((prefix, 400, "option not allowed".to_owned()));
    });
    bench.file("hello.service", HELLO);
    bench.run("start hello").is(
        1,
        "",
        "error: hello.service: option not allowed (PUT /fleet/v1/units/hello.service: 400)\n",
    );
}

#[test]
fn a_server_without_events_changes_nothing() {
    let bench = Bench::new(|cluster| {
        cluster.refuse = Some(("GET events".to_owned(), 404, "no such page".to_owned()));
    });
    bench.file("hello.service", HELLO);
    bench.run("start hello").is(
        1,
        "",
        "error: no such page (GET /fleet/v1/events: 404)\n\
         hint: that fleetd is too old to tell of changes; --no-block does without\n",
    );
    bench.run("start --no-block hello").is(0, "Triggered unit hello.service start\n", "");
}

#[test]
fn an_unknown_fleet_option_is_a_warning() {
    let bench = Bench::new(|_| {});
    bench.file("hello.service", format!("{HELLO}[X-Fleet]\nConflict=a*\n"));
    let ended = bench.run("submit hello.service");
    assert!(ended.stderr.starts_with("warning: hello.service: [X-Fleet] Conflict"), "{ended}");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "Unit hello.service inactive\n"));
}

#[test]
fn many_units_go_at_once() {
    let names: Vec<String> = (0..200).map(|n| format!("hello@{n}.service")).collect();
    let bench = Bench::new(|cluster| {
        for unit in &names {
            let leaked: &'static str = unit.clone().leak();
            comes_up(cluster, leaked);
        }
    });
    bench.file("hello@.service", HELLO);
    let ended = bench.run(&format!("start {}", names.join(" ")));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended}");
    assert_eq!(ended.stdout.lines().count(), names.len());
}
