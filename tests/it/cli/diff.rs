//! diff: what differs between files and the cluster, and its exit status.

use fleet::model::TargetState::{Inactive, Launched};
use serde_json::{Value, json};

use super::bench::Bench;

const OLD: &str = "[Service]\nExecStart=/bin/old\n";
const NEW: &str = "[Service]\nExecStart=/bin/new\n";

/// A folder and a cluster that have one unit alike.
fn bench() -> Bench {
    let bench = Bench::new(|cluster| {
        cluster.has("changed.service", OLD, Launched);
        cluster.has("idle.service", OLD, Inactive);
        cluster.has("same.service", OLD, Launched);
        cluster.has("there.service", OLD, Inactive);
    });
    bench.file("units/changed.service", NEW);
    bench.file("units/here.service", NEW);
    bench.file("units/idle.service", OLD);
    bench.file("units/same.service", format!("# with a comment\n\n{OLD}"));
    bench
}

const CHANGED: &str = "--- cluster/changed.service\n\
                       +++ units/changed.service\n\
                       @@ -1,2 +1,2 @@\n \
                       [Service]\n\
                       -ExecStart=/bin/old\n\
                       +ExecStart=/bin/new\n";

#[test]
fn a_folder_is_compared_both_ways() {
    let bench = bench();
    let all = format!(
        "{CHANGED}Only on disk: units/here.service\n\
         idle.service: inactive in the cluster, launched by units/idle.service\n\
         Only in the cluster: there.service\n"
    );
    bench.run("diff units").is(1, &all, "");
    assert!(bench.script.lock().writes().is_empty());
    let here = bench.shell("cd units && \"$0\" diff");
    assert_eq!((here.code, &here.stdout), (Some(1), &all.replace("units/", "./")), "{here}");
}

#[test]
fn files_are_compared_alone() {
    let bench = bench();
    bench.run("diff units/same.service").is(0, "", "");
    bench.run("diff units/changed.service units/same.service").is(1, CHANGED, "");
    bench.run("diff units/idle.service --state=inactive").is(0, "", "");
}

#[test]
fn trouble_is_not_a_difference() {
    let bench = bench();
    bench.file("units/bad.service", "bad");
    for arguments in
        ["diff units", "diff nowhere.service", "diff units/same.service --endpoint unix:///none"]
    {
        let ended = bench.run(arguments);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{arguments}: {ended}");
        assert!(ended.stderr.starts_with("error: "), "{arguments}: {ended}");
    }
}

#[test]
fn differences_are_data() {
    let bench = bench();
    let ended = bench.run("diff units --output json");
    assert_eq!(ended.code, Some(1), "{ended}");
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let expected = json!([
        {"name": "changed.service", "file": "units/changed.service", "diff": CHANGED},
        {"name": "here.service", "only": "disk", "file": "units/here.service"},
        {"name": "idle.service", "file": "units/idle.service",
         "states": {"cluster": "inactive", "disk": "launched"}},
        {"name": "there.service", "only": "cluster"},
    ]);
    assert_eq!(document, expected);
    bench.run("diff units/same.service --output json").is(0, "[]\n", "");
}
