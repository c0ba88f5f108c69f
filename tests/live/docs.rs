//! The pages of the documentation, played: what a page says that a command prints, it prints.

use std::path::Path;

use crate::cluster::Cluster;
use crate::fleet::Fleet;
use page::{Command, Shown};

#[path = "../support/page.rs"]
mod page;

/// Where a reader would have the unit files; commands are run in it.
const FOLDER: &str = "/root/units";

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every page that shows a machine's prompt, in order of name.
fn pages() -> Vec<(String, Vec<Shown>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).expect("docs/ is there");
    let docs = docs.map(|entry| format!("docs/{}", entry.expect("it reads").file_name().display()));
    let mut names: Vec<String> = docs.filter(|name| name.ends_with(".md")).collect();
    names.push("README.md".to_owned());
    names.sort();
    let shown = |name: String| {
        let shown = page::parse(&read(&root.join(&name)));
        let plays = shown.iter().any(|shown| matches!(shown, Shown::Command(_)));
        plays.then_some((name, shown))
    };
    names.into_iter().filter_map(shown).collect()
}

/// A folder with the units that the project comes with, on every machine.
fn lay_out_units(fleet: &Fleet) {
    let units = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("units"));
    for machine in fleet.up() {
        Cluster.sh(machine, &format!("rm -rf {FOLDER}")).success();
    }
    for entry in units.expect("units/ is there") {
        let path = entry.expect("it reads").path();
        if path.is_file() {
            let name = path.file_name().expect("a file has a name").to_string_lossy();
            write(fleet, &name, &read(&path));
        }
    }
}

/// The first machine gets the key that every machine lets in.
fn lay_out_key() {
    let key = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".cluster/ssh_key"));
    Cluster.write("m1", "/root/.ssh/id_ed25519", &key);
    Cluster.sh("m1", "chmod 700 /root/.ssh && chmod 600 /root/.ssh/id_ed25519").success();
}

fn write(fleet: &Fleet, name: &str, contents: &str) {
    for machine in fleet.up() {
        Cluster.write(machine, &format!("{FOLDER}/{name}"), contents);
    }
}

fn play(page: &str, command: &Command) {
    let Command { machine, line, prints, status } = command;
    let output = Cluster.sh(machine, &format!("cd {FOLDER}; exec 2>&1; {line}"));
    assert_eq!(output.code, Some(*status), "{page}: {output}");
    if let Err(difference) = page::compare(prints, &output.stdout) {
        panic!("{page}: {difference}\n{output}");
    }
}

#[test]
#[ignore = "needs machines"]
fn pages_show_what_happens() {
    let pages = pages();
    assert!(!pages.is_empty(), "no page shows a command on a machine");
    drop(Fleet::fresh());
    Cluster.build_guestbook();
    lay_out_key();
    for (name, shown) in pages {
        let fleet = Fleet::fresh();
        lay_out_units(&fleet);
        for shown in &shown {
            match shown {
                Shown::File(file, contents) => write(&fleet, file, contents),
                Shown::Command(command) => play(&name, command),
            }
        }
    }
}
