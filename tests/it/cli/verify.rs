//! `verify`: what it asks the cluster, what it rewrites, how it ends.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use fleet::model::TargetState::Inactive;

use super::bench::Bench;

const APP: &str = "[Service]\nExecStart=/bin/true\n[X-Fleet]\nMachineOf=db@1.service\n";
const OLD: &str = "# kept\r\n[Service]\r\nExecStart=/bin/true \\\r\n  a\r\n[X-Fleet]\r\n \
                   X-Conflicts = x* \\\r\n y*\r\n# X-Conflicts\r\nX-Conflicts=z*";
const NEW: &str = "# kept\r\n[Service]\r\nExecStart=/bin/true \\\r\n  a\r\n[X-Fleet]\r\n \
                   Conflicts = x* \\\r\n y*\r\n# X-Conflicts\r\nConflicts=z*";

const UNKNOWN: &str = "app.service:4:11: warning: there is no db@1.service among the files";

#[test]
fn the_cluster_is_asked_for_what_is_not_at_hand() {
    let bench = Bench::new(|cluster| {
        cluster.has("db@.service", "[Service]\nExecStart=/bin/true\n", Inactive);
    });
    bench.file("app.service", APP);
    bench.run("verify app.service").is(0, "", "nothing found in 1 file\n");
    let asked = ["GET units/db@1.service", "GET units/db@.service"];
    assert_eq!(bench.script.lock().asked, asked);

    bench.script.lock().units.clear();
    let ended = bench.run("verify app.service");
    assert!(ended.stdout.starts_with(&format!("{UNKNOWN}, in their folder or in the")), "{ended}");
    let ended = bench.run("verify --offline app.service");
    assert!(ended.stdout.starts_with(&format!("{UNKNOWN} or in their folder,")), "{ended}");
    assert_eq!(bench.script.lock().asked.len(), 4);
}

#[test]
fn without_a_daemon_files_are_checked_all_the_same() {
    let bench = Bench::new(|_| {});
    bench.file("app.service", APP);
    bench.file("db@.service", "[Service]\nExecStart=/bin/true\n");
    let endpoint = "--endpoint unix:///nowhere";
    let ended = bench.run_with(&format!("{endpoint} verify app.service"), &[]);
    ended.is(0, "", "nothing found in 1 file\n");
    bench.file("alone/app.service", APP);
    let ended = bench.run_with(&format!("{endpoint} verify alone"), &[]);
    assert!(ended.stdout.starts_with(&format!("alone/{UNKNOWN} or in their folder,")), "{ended}");
    assert_eq!(ended.code, Some(0));
}

#[test]
fn a_unit_of_the_cluster_can_be_checked() {
    let bench = Bench::new(|cluster| cluster.has("old.service", OLD, Inactive));
    let ended = bench.run("verify --fix old");
    assert!(ended.stdout.starts_with("old.service:6:2: warning: X-Conflicts= is now"), "{ended}");
    let ended = bench.run("verify nobody");
    assert!(ended.stderr.starts_with("error: there is no unit nobody.service in the"), "{ended}");
    let ended = bench.run("verify --offline nobody");
    assert!(ended.stderr.starts_with("error: cannot read nobody\n"), "{ended}");
}

#[test]
fn folders_are_looked_through() {
    let bench = Bench::new(|_| {});
    bench.file("units/b.service", "[Service]\n");
    bench.file("units/a.service", "[Service]\nExecStart=/bin/true\n[Install]\n");
    bench.file("units/README.md", "no unit");
    bench.file("units/deeper/c.service", "no unit");
    let ended = bench.run("verify units units/b.service");
    let lines: Vec<&str> =
        ended.stdout.lines().map(|line| &line[.."units/a.service:3:1: warning".len()]).collect();
    let b = ["units/b.service:1:1: error: ", "units/b.service:1:1: warning"];
    assert_eq!(lines, ["units/a.service:3:1: warning", b[0], b[1]], "{ended}");
    assert_eq!(ended.stderr, "1 error, 2 warnings in 2 files\n");
    assert_eq!(ended.code, Some(1));
    bench.file("empty/README.md", "");
    bench.run("verify empty").is(1, "", "error: there is no unit file in empty\n");
}

#[test]
fn warnings_fail_when_they_shall() {
    let bench = Bench::new(|_| {});
    bench.file("a.service", "[Service]\nExecStart=/bin/true\n[Install]\n");
    for (arguments, code, lines) in [
        ("verify a.service", 0, 1),
        ("verify a", 0, 1),
        ("verify --strict a.service", 1, 1),
        ("verify --strict --allow empty-section a.service", 0, 0),
        ("verify --strict --allow syntax a.service", 1, 1),
    ] {
        let ended = bench.run(arguments);
        assert_eq!((ended.code, ended.stdout.lines().count()), (Some(code), lines), "{ended}");
    }
    let ended = bench.run("verify --allow emtpy-section a.service");
    assert!(ended.stderr.contains("a similar value exists: 'empty-section'"), "{ended}");
    assert_eq!(ended.code, Some(2));
}

#[test]
fn findings_are_documents() {
    let bench = Bench::new(|_| {});
    bench.file("a.service", "[Service]\nExecStart=/bin/true\n[Install]\n");
    bench.run("verify --output json a.service").is(
        0,
        r#"[
  {
    "file": "a.service",
    "line": 3,
    "column": 1,
    "severity": "warning",
    "rule": "empty-section",
    "reason": "[Install] has no options, and so no effect",
    "advice": "write options under it, or remove it"
  }
]
"#,
        "1 warning in 1 file\n",
    );
}

#[test]
fn old_spellings_are_rewritten_and_nothing_else() {
    let bench = Bench::new(|_| {});
    let path = bench.file("real/old.service", OLD);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real/old.service", bench.folder().join("old.service")).unwrap();
    bench.run("verify --fix old.service").is(
        0,
        "",
        "old.service:6: X-Conflicts= is now Conflicts=\n\
         old.service:9: X-Conflicts= is now Conflicts=\nnothing found in 1 file\n",
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), NEW);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    assert!(fs::symlink_metadata(bench.folder().join("old.service")).unwrap().is_symlink());
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left over");
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    bench.run("verify --fix old.service").is(0, "", "nothing found in 1 file\n");
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
}

#[test]
fn which_machine_counts_is_not_changed() {
    let (one, two) = ("1".repeat(32), "2".repeat(32));
    let bench = Bench::new(|_| {});
    let machines = format!("[X-Fleet]\nX-ConditionMachineID={one}\nMachineID={two}\n");
    let path = bench.file("a.timer", &machines);
    let ended = bench.run("verify --fix a.timer");
    assert_eq!(fs::read_to_string(path).unwrap(), machines, "{ended}");
}

#[test]
fn old_spellings_are_told_once_in_a_command() {
    let bench = Bench::new(|_| {});
    bench.file("a.service", OLD);
    bench.file("b.service", OLD);
    bench.file("c.service", NEW);
    let ended = bench.run("submit a.service b.service c.service");
    let warning = "warning: X-Conflicts= is now Conflicts=: `fleetctl verify --fix a.service \
                   b.service` rewrites it\n";
    assert_eq!((ended.code, &*ended.stderr), (Some(0), warning), "{ended}");
    let ended = bench.run("submit a.service");
    assert_eq!(ended.stderr, "", "what is stored already is not told of again: {ended}");
}
