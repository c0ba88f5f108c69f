//! What the documentation says exists: links lead somewhere, commands are there. That commands on
//! machines print what the pages show is for the live tests, which play them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::page;

/// The folders that hold pages.
const FOLDERS: [&str; 3] = ["", "docs/", "docs/decisions/"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every page, by its path from the root.
fn pages() -> Vec<String> {
    let pages_in = |folder: &str| {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let pages = names.filter(|name| name.ends_with(".md"));
        pages.map(|name| format!("{folder}{name}")).collect::<Vec<_>>()
    };
    FOLDERS.into_iter().flat_map(pages_in).collect()
}

fn text(name: &str) -> String {
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
    let all: Vec<String> = pages().iter().flat_map(|name| shown(&text(name), program)).collect();
    assert!(!all.is_empty(), "no page shows {program}");
    all
}

#[test]
fn links_lead_somewhere() {
    for name in &pages() {
        let text = text(name);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            let path = root().join(name).parent().unwrap().join(file);
            assert!(target.starts_with("https://") || path.exists(), "{name}: {target}");
        }
    }
}

#[test]
fn make_s_targets_exist() {
    let makefile = text("Makefile");
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
    let reference = text("docs/fleetctl.md");
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

/// What a page says of fleetctl within its sentences, such as `fleetctl apply --dry-run`.
fn said(page: &str) -> Vec<String> {
    let prose = page.split("```").step_by(2);
    let code = prose.flat_map(|text| text.split('`').skip(1).step_by(2));
    code.filter_map(|code| code.strip_prefix("fleetctl ").map(str::to_owned)).collect()
}

#[test]
fn what_is_said_of_fleetctl_s_flags_is_true() {
    let mut flags = 0;
    for name in pages() {
        for line in said(&text(&name)) {
            let verb = line.split(' ').find(|word| !word.starts_with('-')).unwrap_or_default();
            if verb == "help" {
                continue; // it is what is asked here
            }
            let help = Command::new(env!("CARGO_BIN_EXE_fleetctl")).args([verb, "--help"]).output();
            let help = help.unwrap();
            assert!(help.status.success(), "{name}: fleetctl {line}");
            let help = String::from_utf8(help.stdout).unwrap();
            for flag in line.split([' ', '=', '[']).filter(|word| word.starts_with("--")) {
                flags += 1;
                assert!(help.contains(flag), "{name}: fleetctl {line}: no {flag}");
            }
        }
    }
    assert!(flags > 0, "no page says anything of a flag");
}

#[test]
fn verbs_of_the_cluster_script_exist() {
    let script = text("scripts/cluster");
    for verb in all_shown("cluster") {
        assert!(script.contains(&format!("cmd_{verb}()")), "scripts/cluster {verb}");
    }
}

/// The promises of a page: what each says, and the tests beside it.
fn promises(page: &str) -> Vec<(String, Vec<String>)> {
    let page = text(page);
    let tables = page.split("| what | test |").skip(1);
    let rows =
        tables.flat_map(|table| table.trim_start().lines().take_while(|l| l.starts_with('|')));
    let rows = rows.filter(|line| line.starts_with("| "));
    let promise = |row: &str| {
        let cells = row.trim_matches(['|', ' ']).split_once(" | ");
        let (what, tests) = cells.unwrap_or_else(|| panic!("no test proves {row}"));
        (what.to_owned(), tests.split('`').skip(1).step_by(2).map(str::to_owned).collect())
    };
    rows.map(promise).collect()
}

/// Whether a text has a test function of this name.
fn has_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_it = |line: &&str| line.contains(&format!("fn {name}("));
    let at = lines.iter().position(is_it).unwrap_or(0);
    let mut attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
    attributes.any(|line| line.starts_with("#[test") || line.starts_with("#[tokio::test"))
}

#[test]
fn every_promise_has_tests_which_exist() {
    let pages = ["docs/compatibility.md", "docs/reliability.md"];
    for (what, tests) in pages.into_iter().flat_map(promises) {
        assert!(!tests.is_empty(), "no test proves: {what}");
        for test in tests {
            let Some((file, name)) = test.split_once("::") else {
                let script = test.starts_with("scenarios/") && test.ends_with(".txt");
                assert!(script && root().join("tests").join(&test).exists(), "{what}: {test}");
                continue;
            };
            let folder = if file.starts_with("src/") { "" } else { "tests/" };
            let source = std::fs::read_to_string(root().join(folder).join(file));
            let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(has_test(&source, name), "there is no test {test}, which shall prove: {what}");
        }
    }
}

/// What fleetctl says, wherever it says it.
fn fleetctl(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fleetctl")).args(arguments).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// The global flags of fleetctl, and its commands.
fn flags_and_commands() -> Vec<String> {
    let help = fleetctl(&["--help"]);
    let flags = help.lines().map(str::trim).filter(|line| line.starts_with('-'));
    let flags = flags.flat_map(str::split_whitespace).filter(|word| word.starts_with("--"));
    let flags = flags.filter_map(|word| word.split('[').next());
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.map_while(|line| line.split_whitespace().next());
    flags.chain(commands).map(str::to_owned).collect()
}

/// A list of fleetctl with all its columns.
fn with_columns(list: &str) -> String {
    let refused = fleetctl(&[list, "--fields=none"]);
    let columns = refused.split("choose from ").nth(1).and_then(|rest| rest.lines().next());
    format!("{list} --fields={}", columns.unwrap().replace(", ", ","))
}

/// The options of fleetd's configuration.
fn options() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("../../dist/fleet.conf").lines();
    let options = lines.filter_map(|line| line.strip_prefix("# ")?.split_once('='));
    options.map(|(name, _)| name).filter(|name| !name.contains(' '))
}

#[test]
fn everything_that_can_be_said_is_promised() {
    let promises = promises("docs/compatibility.md");
    let lists = ["list-units", "list-unit-files", "list-machines"].map(with_columns);
    let options = options().map(str::to_owned);
    for words in flags_and_commands().into_iter().chain(lists).chain(options) {
        let start = format!("`{words}");
        let ends = |rest: &str| rest.starts_with(['`', ' ', '=']);
        let promised = promises.iter().any(|(what, _)| what.split(&start).skip(1).any(ends));
        assert!(promised, "docs/compatibility.md does not have {start}`");
    }
}

#[test]
fn pages_are_played_as_they_read() {
    let shown = page::parse(concat!(
        "```ini\n# web.service: a web server\n[Service]\n```\n",
        "```ini\n# etcd, wherever it is\netcd_servers=x\n```\n",
        "```console\n$ make demo\nm1 $ fleetctl diff web  # exit status 2\nweb differs\n\nm2 $ true\n```\n",
    ));
    let command = |machine: &str, line: &str, prints: &[&str], status| {
        let prints = prints.iter().map(ToString::to_string).collect();
        let (machine, line) = (machine.to_owned(), line.to_owned());
        page::Shown::Command(page::Command { machine, line, prints, status })
    };
    let file = "# web.service: a web server\n[Service]\n";
    let expected = [
        page::Shown::File("web.service".to_owned(), file.to_owned()),
        command("m1", "fleetctl diff web", &["web differs"], 2),
        command("m2", "true", &[], 0),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn what_is_shown_is_what_is_printed() {
    for (shown, printed, same) in [
        ("a\tb", "a   b\n", true),
        ("a\nb", "b\na\n", true),
        ("a", "a\nb\n", false),
        ("a\n…", "b\na\nc\n", true),
        ("a\n…", "b\n", false),
        ("took … ms in …", "took 5 ms in all", true),
        ("took … ms", "took 5 s", false),
        ("on 3b256bfe.../10.77.0.103", "on 00000000.../10.77.9.1", true),
        ("on 3b256bfe.../10.77.0.103", "on nothing", false),
        ("ip=10.0.0.1,", "ip=10.9.9.9,", true),
    ] {
        let shown: Vec<String> = shown.lines().map(str::to_owned).collect();
        assert_eq!(page::compare(&shown, printed).is_ok(), same, "{shown:?} {printed:?}");
    }
}
