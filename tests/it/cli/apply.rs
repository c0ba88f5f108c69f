//! apply: what it shows, what it does, and what it refuses; over real engines and agents, where no
//! unit has to fail.

use fleet::model::TargetState::{self, Inactive, Launched};

use super::bench::{Bench, Ended};
use super::cluster::{Cluster, M1, name};
use super::road::Road;

const DB: &str = "[Service]\nExecStart=/bin/db\n";
const APP: &str = "[Unit]\nRequires=db.service\nAfter=db.service\n[Service]\nExecStart=/bin/app\n\
                   [X-Fleet]\nMachineOf=db.service\n";
const PINNED: &str = "[Service]\nExecStart=/bin/true\n[X-Fleet]\nMachineMetadata=machine=m3\n";

/// A folder with an app and its database.
fn stack(bench: &Bench) {
    bench.file("units/app.service", APP);
    bench.file("units/db.service", DB);
    bench.file("units/README.md", "no unit");
    bench.file("units/.app.service", "no unit either");
    bench.file("units/old/db.service", "nor this");
}

/// The lines that a run printed, in order of text: units come up when they do.
fn sorted(ended: &Ended) -> Vec<&str> {
    let mut lines: Vec<&str> = ended.stdout.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_folder_is_shown_made_and_then_found_as_it_is() {
    let road = Road::new();
    stack(&road.bench);
    let plan = "+ db.service: create, launched, on m1.../10.0.0.1\n\
                + app.service: create, launched, on m1.../10.0.0.1\n\
                2 to create\n";
    road.run("apply units --dry-run").is(2, plan, "");
    road.run("list-unit-files --no-legend").is(0, "", "");
    let done = "Unit db.service launched on m1.../10.0.0.1\n\
                Unit app.service launched on m1.../10.0.0.1\n";
    road.run("apply units --yes").is(0, &format!("{plan}{done}"), "");
    road.run("apply units").is(0, "2 unchanged\n", "");
    road.run("apply --dry-run --prune units").is(0, "2 unchanged\n", "");
    road.bench.file("units/db.service", format!("# another comment\n{DB}"));
    road.run("apply units").is(0, "2 unchanged\n", "");
}

#[test]
fn a_change_is_shown_line_by_line() {
    let road = Road::new();
    stack(&road.bench);
    road.run("apply units --yes").code(0);
    road.bench.file("units/db.service", "# fleet: state=loaded\n[Service]\nExecStart=/bin/db2\n");
    road.bench.file("units/app.service", format!("# fleet: state=inactive\n{APP}"));
    road.bench.file("units/far.service", PINNED);
    let plan = "~ app.service: unload\n\
                ~ db.service: replace, loaded, on m1.../10.0.0.1\n    \
                --- cluster/db.service\n    \
                +++ units/db.service\n    \
                @@ -1,2 +1,3 @@\n    \
                +# fleet: state=loaded\n     \
                [Service]\n    \
                -ExecStart=/bin/db\n    \
                +ExecStart=/bin/db2\n\
                + far.service: create, launched, would wait: none of 1 machines takes it\n    \
                m1.../10.0.0.1: MachineMetadata wants machine=m3, the machine has machine=m1\n\
                1 to unload, 1 to create, 1 to replace\n";
    road.run("apply units --dry-run").is(2, plan, "");
    let nobody = "error: there is no terminal to ask on; nothing was changed\n\
                  hint: --yes does not ask; --dry-run only shows what would change\n";
    road.run("apply units").is(1, plan, nobody);
    let ended = road.run("apply units/app.service units/db.service --yes");
    assert_eq!(ended.code, Some(0), "{ended}");
    for line in ["Unit app.service inactive", "Unit db.service loaded on m1.../10.0.0.1"] {
        assert!(ended.stdout.lines().any(|said| said == line), "{ended}");
    }
}

#[test]
fn a_plan_is_a_document_too() {
    let road = Road::new();
    road.bench.file("units/db.service", DB);
    road.bench.file("units/far.service", PINNED);
    let ended = road.run("apply units --dry-run --output=json");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), ""), "{ended}");
    let plan: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let [db, far] = [&plan["steps"][0], &plan["steps"][1]];
    assert_eq!((&db["name"], &db["action"]), (&"db.service".into(), &"create".into()), "{ended}");
    assert_eq!(db["state"], "launched");
    assert_eq!(db["machineIDs"], serde_json::json!(["m1"]));
    assert_eq!(far["refusals"][0]["machineID"], "m1", "{ended}");
    assert_eq!(far["reason"], "none of 1 machines takes it");
    assert_eq!(plan["summary"], serde_json::json!({"create": 2, "unchanged": 0}));
    assert_eq!(plan["moves"], serde_json::json!([]));

    std::fs::remove_file(road.bench.folder().join("units/far.service")).unwrap();
    let refused = "error: --output gives a plan as data, and needs --dry-run\n";
    road.run("apply units --yes -o json").is(1, "", refused);
    road.run("apply units --yes").code(0);
    let nothing = "moves: []\nsteps: []\nsummary:\n  unchanged: 1\n";
    let ended = road.run("apply units --dry-run --output=yaml");
    let lines =
        |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert_eq!((ended.code, lines(&ended.stdout)), (Some(0), lines(nothing)), "{ended}");
    road.bench.file("units/db.service", "[Service]\nExecStart=/bin/db2\n");
    let ended = road.run("apply units --dry-run -o json");
    assert!(ended.stdout.contains("+ExecStart=/bin/db2\\n"), "{ended}");
}

#[test]
fn apply_warns_as_start_does() {
    let road = Road::new();
    road.bench.file("units/a.service", format!("{DB}[X-Fleet]\nX-Conflicts=b.service\n"));
    let warning = "warning: X-Conflicts= is now Conflicts=: \
                   `fleetctl verify --fix units/a.service` rewrites it\n";
    let ended = road.run("apply units --dry-run --prune=b*");
    let unmatched = "warning: no unit matches b*\n";
    assert_eq!(ended.stderr, format!("{unmatched}{warning}"), "{ended}");
}

#[test]
fn files_say_which_state_they_want() {
    let road = Road::new();
    for (file, contents) in [
        ("units/t@.service", format!("# fleet: state=loaded\n{DB}")),
        ("units/said.service", format!("{DB}; fleet: state=inactive\n")),
        ("units/left.service", DB.to_owned()),
    ] {
        road.bench.file(file, contents);
    }
    let link = road.bench.folder().join("units/t@1.service");
    std::os::unix::fs::symlink("t@.service", link).unwrap();
    let plan = "+ left.service: create, loaded, on m1.../10.0.0.1\n\
                + said.service: create, inactive\n\
                + t@.service: create, inactive\n\
                + t@1.service: create, loaded, on m1.../10.0.0.1\n\
                4 to create\n";
    road.run("apply units --dry-run --state=loaded").is(2, plan, "");
    road.run("apply units --yes --state=loaded").code(0);
    let listed = "left.service\tloaded\nsaid.service\tinactive\nt@.service\tinactive\n\
                  t@1.service\tloaded\n";
    road.run("list-unit-files --no-legend --fields=unit,dstate").is(0, listed, "");
    let start = "~ left.service: start, on m1.../10.0.0.1\n1 to start, 3 unchanged\n";
    road.run("apply units --dry-run").is(2, start, "");
}

#[test]
fn what_is_named_as_a_unit_and_is_no_file_is_not_passed_over() {
    let road = Road::new();
    road.bench.file("units/left.service", DB);
    std::fs::create_dir(road.bench.folder().join("units/web.service")).unwrap();
    let refused = "error: cannot read units/web.service\n  because: it is not a file\n";
    road.run("apply units --prune --yes").is(1, "", refused);
    road.run("list-unit-files --no-legend").is(0, "", "");
}

#[test]
fn prune_destroys_what_no_file_names() {
    let road = Road::new();
    stack(&road.bench);
    for unit in ["other.service", "web@1.service", ".hidden.service"] {
        road.bench.file(unit, DB);
        road.run(&format!("submit {unit}")).code(0);
    }
    road.run("apply units --yes").code(0);
    road.run("apply units").is(0, "2 unchanged\n", "");
    let web = "- web@1.service: destroy\n1 to destroy, 2 unchanged\n";
    road.run("apply units --prune=w* --dry-run").is(2, web, "");
    let all = "- other.service: destroy\n- web@1.service: destroy\n1 to destroy, 2 unchanged\n";
    let all = all.replace("1 to destroy", "2 to destroy");
    road.run("apply units --prune=w* --prune=o* --dry-run").is(2, &all, "");
    let ended = road.run("apply units --prune --yes");
    let mut expected: Vec<&str> = all.lines().collect();
    expected.extend(["Destroyed other.service", "Destroyed web@1.service"]);
    expected.sort_unstable();
    assert_eq!((ended.code, sorted(&ended)), (Some(0), expected), "{ended}");
    let left = ".hidden.service\napp.service\ndb.service\n";
    road.run("list-unit-files --no-legend --fields=unit").is(0, left, "");
    let refused =
        "error: --prune needs a folder: only that can say which units there shall not be\n";
    road.run("apply units/db.service --prune --yes").is(1, "", refused);
}

#[test]
fn nothing_is_changed_unless_every_file_is_good() {
    let bench = Bench::new(|_| {});
    stack(&bench);
    bench.file("bad/app.service", "ExecStart=/bin/app\n");
    bench.file("bad/b ad.service", DB);
    bench.file("bad/db.service", DB);
    bench.file("bad/word.service", format!("# fleet: state=running\n{DB}"));
    bench.file("bad/x.service", "[X-Fleet]\nGlobal=true\nMachineOf=db.service\n");
    bench.file("none/README", "");
    for (arguments, words) in [
        (
            "apply bad --yes",
            &["bad/app.service is not a unit file", "b ad.service", "running", "MachineOf"][..],
        ),
        (
            "apply units bad/db.service --yes",
            &["units/db.service and bad/db.service are both db.service"],
        ),
        ("apply none --yes", &["there is no unit file in none"]),
        ("apply units nowhere.service --yes", &["cannot read nowhere.service", "no such file"]),
        ("apply units none/README --yes", &["README"]),
        ("apply units --prune=[ --yes", &["["]),
    ] {
        let ended = bench.run(arguments);
        assert_eq!((ended.code, &*ended.stdout), (Some(1), ""), "{arguments}: {ended}");
        for word in words {
            assert!(ended.stderr.contains(word), "{arguments}: no {word:?} in {ended}");
        }
    }
    assert_eq!(bench.run("apply units --state=up").code, Some(2));
    assert_eq!(bench.run("apply").code, Some(2));
    assert!(bench.script.lock().writes().is_empty());
}

/// The unit fails, or comes up, on the first machine as soon as it is wanted.
fn ends(cluster: &mut Cluster, unit: &'static str, words: &'static str) {
    cluster.after(&format!("PUT units/{unit}"), move |cluster| {
        cluster.place(unit, M1);
        cluster.report(unit, M1, words, Some("done"));
    });
}

#[test]
fn a_unit_that_fails_keeps_those_away_that_need_it() {
    let bench = Bench::new(|cluster| {
        ends(cluster, "db.service", "failed failed");
        ends(cluster, "other.service", "active running");
        ends(cluster, "later.service", "active running");
    });
    stack(&bench);
    bench.file("units/later.service", format!("[Unit]\nAfter=db.service\n{DB}"));
    bench.file("units/other.service", DB);
    bench.file("units/proxy.service", format!("[Unit]\nBindsTo=app.service\n{DB}"));
    let ended = bench.run("apply units --yes");
    assert_eq!(ended.code, Some(1), "{ended}");
    for unit in ["other.service", "later.service"] {
        assert!(ended.stdout.contains(&format!("Unit {unit} launched on")), "{ended}");
    }
    for words in [
        "where units would be is not known",
        "db.service on 113f16a7.../172.17.8.101: it failed (result exit-code, status 3)",
        "app.service is left out: it cannot be without db.service",
        "proxy.service is left out: it cannot be without app.service",
    ] {
        assert!(ended.stderr.contains(words), "no {words:?} in {ended}");
    }
    let mut writes = bench.script.lock().writes();
    writes.retain(|write| write.starts_with("PUT"));
    writes.sort_unstable();
    assert_eq!(
        writes,
        ["PUT units/db.service", "PUT units/later.service", "PUT units/other.service"]
    );
}

#[test]
fn a_failed_unit_that_is_as_its_file_says_is_told_of() {
    let bench = Bench::new(|cluster| {
        for unit in ["db.service", "other.service"] {
            cluster.has(unit, DB, Launched);
            cluster.report(unit, M1, "failed failed", Some("done"));
        }
    });
    bench.file("units/db.service", DB);
    let warning = "warning: db.service is as its file says, and failed: `fleetctl restart \
                   db.service` starts it again\n";
    bench.run("apply units").is(0, "1 unchanged\n", warning);
    assert!(bench.script.lock().writes().is_empty());
}

#[test]
fn what_was_not_begun_is_told_when_the_wait_ends() {
    let bench = Bench::new(|_| {});
    stack(&bench);
    let ended = bench.run("apply units --yes --block-attempts=1");
    assert_eq!(ended.code, Some(1), "{ended}");
    for words in ["not begun: app.service", "gave up after 1 attempts, waiting for db.service"] {
        assert!(ended.stderr.contains(words), "no {words:?} in {ended}");
    }
    let wanted = |unit: &str| -> Option<TargetState> {
        bench.script.lock().units.get(&name(unit)).and_then(|unit| unit.desired_state)
    };
    assert_eq!((wanted("db.service"), wanted("app.service")), (Some(Launched), None));
}

#[test]
fn what_goes_goes_first() {
    let bench = Bench::new(|cluster| cluster.has("old.service", DB, Inactive));
    stack(&bench);
    bench.run("apply units --prune --yes --no-block").code(0);
    let mut writes = bench.script.lock().writes();
    writes.retain(|write| !write.starts_with("POST"));
    let expected = ["DELETE units/old.service", "PUT units/db.service", "PUT units/app.service"];
    assert_eq!(writes, expected);
}
