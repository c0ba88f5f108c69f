//! What the documentation says exists: links lead somewhere, commands are there. That the commands
//! of the README work is shown by the live tests, which play the same ones.

use std::path::{Path, PathBuf};
use std::process::Command;

const PAGES: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/decisions/README.md",
    "docs/metrics.md",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// What follows a program's name in the commands that a page shows (`$ …` and `m1 $ …`).
fn shown(page: &str, program: &str) -> Vec<String> {
    let commands = page.lines().filter_map(|line| line.split_once("$ ").map(|(_, rest)| rest));
    let words: Vec<Vec<&str>> = commands.map(|line| line.split_whitespace().collect()).collect();
    let follows = |line: &Vec<&str>| {
        let at = line.iter().position(|word| word.rsplit('/').next() == Some(program))?;
        line.get(at + 1).map(ToString::to_string)
    };
    words.iter().filter_map(follows).collect()
}

/// All that every page shows of a program; the test that asks must have something to look at.
fn all_shown(program: &str) -> Vec<String> {
    let all: Vec<String> = PAGES.iter().flat_map(|name| shown(&page(name), program)).collect();
    assert!(!all.is_empty(), "no page shows {program}");
    all
}

#[test]
fn links_lead_somewhere() {
    for name in PAGES {
        let text = page(name);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = root().join(name).parent().unwrap().join(target);
            assert!(target.starts_with("https://") || path.exists(), "{name}: {target}");
        }
    }
}

#[test]
fn make_s_targets_exist() {
    let makefile = page("Makefile");
    for target in all_shown("make") {
        let defined = makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
        assert!(defined, "make {target}");
    }
}

#[test]
fn commands_of_fleetctl_exist() {
    let help = Command::new(env!("CARGO_BIN_EXE_fleetctl")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for verb in all_shown("fleetctl") {
        let known = help.lines().any(|line| line.split_whitespace().next() == Some(&verb));
        assert!(known, "fleetctl {verb}");
    }
}

/// The reference is what the program says; `RENEW=1` writes it anew.
#[test]
fn the_reference_is_what_fleetctl_says() {
    let says = Command::new(env!("CARGO_BIN_EXE_fleetctl")).args(["man", "--markdown"]).output();
    let says = String::from_utf8(says.unwrap().stdout).unwrap();
    let path = root().join("docs/fleetctl.md");
    if std::env::var_os("RENEW").is_some() {
        std::fs::write(&path, &says).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let renew = "RENEW=1 cargo test --test it docs, then look at the difference";
    assert!(says == written, "docs/fleetctl.md is not what fleetctl says: {renew}");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let wrote =
        Command::new(env!("CARGO_BIN_EXE_fleetctl")).arg("man").arg(&pages).status().unwrap();
    assert!(wrote.success());
    let reference = page("docs/fleetctl.md");
    let commands = reference.lines().filter_map(|line| line.strip_prefix("## fleetctl "));
    for name in commands.map(|command| format!("fleetctl-{command}")).chain(["fleetctl".into()]) {
        let page = std::fs::read_to_string(pages.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")), "{name}: {page}");
    }
}

#[test]
fn fleetd_has_a_manual_page() {
    let page = Command::new(env!("CARGO_BIN_EXE_fleetd")).arg("--man").output().unwrap();
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.contains(".TH fleetd 8") && page.contains("standalone"), "{page}");
}

#[test]
fn verbs_of_the_cluster_script_exist() {
    let script = page("scripts/cluster");
    for verb in all_shown("cluster") {
        assert!(script.contains(&format!("cmd_{verb}()")), "scripts/cluster {verb}");
    }
}
