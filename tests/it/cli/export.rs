//! export: the cluster's files in a folder, and back again.

use std::fs;

use fleet::model::TargetState::{Inactive, Launched, Loaded};

use super::bench::Bench;

const SERVICE: &str = "# why\n\n[Service]\nExecStart = /bin/a \\\n  b\n; more";

/// A cluster with a unit in every state.
fn bench() -> Bench {
    Bench::new(|cluster| {
        cluster.has("idle.service", SERVICE, Inactive);
        cluster.has("loaded.service", &format!("# fleet: state=launched\n{SERVICE}"), Loaded);
        cluster.has("runs.service", SERVICE, Launched);
        cluster.has("said.service", &format!("{SERVICE}\n# fleet: state=loaded"), Loaded);
        cluster.has("t@.service", SERVICE, Inactive);
        cluster.has("t@1.service", SERVICE, Launched);
    })
}

#[test]
fn an_export_is_what_was_submitted_and_what_is_wanted() {
    let bench = bench();
    bench.run("export units").is(0, "6 written, 0 unchanged\n", "");
    let read = |name: &str| fs::read_to_string(bench.folder().join("units").join(name)).unwrap();
    for name in ["runs.service", "t@.service", "t@1.service"] {
        assert_eq!(read(name), SERVICE, "{name}");
    }
    assert_eq!(read("said.service"), format!("{SERVICE}\n# fleet: state=loaded"));
    assert_eq!(read("idle.service"), format!("# fleet: state=inactive\n{SERVICE}"));
    assert_eq!(read("loaded.service"), format!("# fleet: state=loaded\n{SERVICE}"));

    bench.run("apply units --prune --dry-run").is(0, "6 unchanged\n", "");
    bench.run("diff units").is(0, "", "");
    bench.run("export units").is(0, "0 written, 6 unchanged\n", "");
    assert_eq!(fs::read_dir(bench.folder().join("units")).unwrap().count(), 6, "no file besides");
}

#[test]
fn only_force_overwrites() {
    let bench = bench();
    let mine = bench.file("units/runs.service", "mine");
    bench.file("elsewhere", "not mine");
    let link = bench.folder().join("units/said.service");
    std::os::unix::fs::symlink("../elsewhere", &link).unwrap();
    let refused = "error: units/runs.service, units/said.service would be overwritten; nothing was \
                   written\nhint: --force overwrites them\n";
    bench.run("export units").is(1, "", refused);
    assert!(!bench.folder().join("units/idle.service").exists());
    bench.run("export units --force").is(0, "6 written, 0 unchanged\n", "");
    assert_eq!(fs::read_to_string(mine).unwrap(), SERVICE);
    assert!(!link.is_symlink(), "a link is replaced");
    assert_eq!(fs::read_to_string(bench.folder().join("elsewhere")).unwrap(), "not mine");
}

#[test]
fn a_link_to_what_is_overwritten_reads_as_the_cluster_has_it() {
    let (old, new) = ("[Service]\nExecStart=/bin/old\n", "[Service]\nExecStart=/bin/new\n");
    let bench = Bench::new(|cluster| {
        cluster.has("t@.service", new, Inactive);
        cluster.has("t@1.service", old, Launched);
    });
    bench.file("units/t@.service", old);
    let link = bench.folder().join("units/t@1.service");
    std::os::unix::fs::symlink("t@.service", &link).unwrap();
    bench.run("export units --force").is(0, "2 written, 0 unchanged\n", "");
    assert_eq!(fs::read_to_string(&link).unwrap(), old);
    bench.run("apply units --dry-run").is(0, "2 unchanged\n", "");
}

#[test]
fn hidden_names_and_folders_that_cannot_be() {
    let bench = Bench::new(|cluster| {
        cluster.has(".hidden.service", SERVICE, Inactive);
        cluster.has("runs.service", SERVICE, Launched);
    });
    let warning = "warning: .hidden.service is left out: as a file it would be hidden\n";
    bench.run("export units").is(0, "1 written, 0 unchanged\n", warning);
    bench.run("apply units --prune --dry-run").is(0, "1 unchanged\n", "");
    bench.file("file", "");
    for folder in ["no/such/folder", "file"] {
        let ended = bench.run(&format!("export {folder}"));
        assert_eq!(ended.code, Some(1), "{ended}");
        assert!(ended.stderr.contains(&format!("cannot write {folder}")), "{ended}");
    }
}
