//! The house's own rules, checked by machine: small files, imports in one direction, libraries
//! named in one place, decisions that stay pure, and a word about every room.

use std::path::{Path, PathBuf};

/// Lines of a file: above this it holds more than one thing.
const LINES_MAX: usize = 500;

/// Which room must not name what. A room is a folder below `src`.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("unitfile", &["crate::model", "crate::api", "crate::fleetd", "crate::fleetctl", "tokio"]),
    ("model", &["crate::api", "crate::fleetd", "crate::fleetctl", "tokio"]),
    ("api", &["crate::fleetd", "crate::fleetctl"]),
    ("fleetctl", &["crate::fleetd", "etcd_client", "zbus"]),
    (
        "fleetctl/ssh",
        &["crate::unitfile", "crate::model", "fleetctl::commands", "crate::fleetctl::error"],
    ),
    ("fleetd/engine", &["fleetd::agent", "fleetd::systemd", "fleetd::api", "zbus"]),
    ("fleetd/agent", &["fleetd::engine", "fleetd::api", "zbus"]),
    ("fleetd/api", &["fleetd::systemd", "zbus"]),
    (
        "fleetd/config",
        &["fleetd::engine", "fleetd::agent", "fleetd::systemd", "fleetd::api", "fleetd::facts"],
    ),
    (
        "fleetd/facts",
        &["fleetd::engine", "fleetd::agent", "fleetd::api", "fleetd::config", "Registry"],
    ),
    ("fleetd/metrics", &["fleetd::engine", "fleetd::agent", "fleetd::systemd", "fleetd::api"]),
    ("fleetd/registry", &["fleetd::engine", "fleetd::agent", "fleetd::systemd", "fleetd::api"]),
    ("fleetd/systemd", &["fleetd::engine", "fleetd::agent", "fleetd::registry", "fleetd::api"]),
];

/// Libraries that one room alone may name.
const ONLY_IN: &[(&str, &str)] = &[
    ("etcd_client::", "fleetd/registry/etcd"),
    ("prometheus_client", "fleetd/metrics"),
    ("redb::", "fleetd/registry/embedded"),
    ("zbus", "fleetd/systemd"),
];

/// Files that decide, and what they may not do.
const PURE: &[&str] = &[
    "fleetd/engine/schedule.rs",
    "fleetd/engine/filter.rs",
    "fleetd/engine/board.rs",
    "fleetd/engine/ledger.rs",
    "fleetd/engine/planner.rs",
    "fleetd/engine/scope.rs",
    "fleetd/engine/order.rs",
    "fleetd/engine/compare.rs",
    "fleetd/engine/courtesy.rs",
    "fleetd/engine/plan.rs",
    "fleetd/engine/departed.rs",
    "fleetd/engine/format.rs",
    "fleetd/engine/litter.rs",
    "fleetd/engine/trouble.rs",
    "fleetd/engine/vanished.rs",
    "fleetd/agent/diff.rs",
    "fleetd/agent/task.rs",
    "fleetd/api/entity.rs",
    "fleetd/config/options.rs",
    "fleetd/config/shown.rs",
    "fleetd/facts/os_release.rs",
    "fleetd/facts/proc.rs",
    "fleetd/registry/change_log.rs",
    "fleetd/registry/index.rs",
    "fleetd/registry/trouble.rs",
    "fleetctl/apply/document.rs",
    "fleetctl/apply/order.rs",
    "fleetctl/apply/plan.rs",
    "fleetctl/apply/show.rs",
    "fleetctl/apply/unified.rs",
    "fleetctl/wait/board.rs",
    "fleetctl/show/chronicle.rs",
    "fleetctl/bring/doubts.rs",
    "fleetctl/wait/failure.rs",
    "fleetctl/files/word.rs",
    "fleetctl/wait/goal.rs",
    "fleetctl/bring/old_spellings.rs",
    "fleetctl/show/output.rs",
    "fleetctl/wait/queue.rs",
    "fleetctl/ssh/command.rs",
    "fleetctl/ssh/quote.rs",
    "fleetctl/show/table.rs",
    "fleetctl/wait/task.rs",
    "fleetctl/show/tell.rs",
    "fleetctl/bring/transition.rs",
    "fleetctl/ui/printable.rs",
    "fleetctl/verify/show.rs",
];
const IMPURE: &[&str] =
    &["async ", ".await", "Instant", "SystemTime", "tracing", "std::fs", "std::env"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every Rust file below a folder of the project, with its path from there and its text.
fn rust_files(folder: &str) -> Vec<(String, String)> {
    let top = root().join(folder);
    let mut files = Vec::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&top).unwrap().display().to_string();
                files.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// The lines that are code: not comments, and not the tests at the end of a file.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines().map(str::trim).filter(|line| !line.starts_with("//"))
}

/// Whether a line names a path: as a whole word, not as part of another.
fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let before = line[..at].chars().next_back();
        let after = line[at + path.len()..].chars().next();
        let part_of_a_longer_name =
            path.ends_with(char::is_alphanumeric) && after.is_some_and(word);
        !(before.is_some_and(word) || part_of_a_longer_name)
    })
}

/// A line of a room's `mod.rs` with what it names beside the room named from the root.
fn from_the_root(file: &str, room: &str, line: &str) -> String {
    let beside = room.rsplit_once('/').map(|(parent, _)| parent.replace('/', "::") + "::");
    match beside.filter(|_| file == format!("{room}/mod.rs")) {
        Some(beside) => line.replace("super::", &format!("crate::{beside}")),
        None => line.to_owned(),
    }
}

#[test]
fn files_are_small_and_say_what_they_hold() {
    for folder in ["src", "tests"] {
        for (name, text) in rust_files(folder) {
            let lines = text.lines().count();
            assert!(lines <= LINES_MAX, "{folder}/{name} has {lines} lines");
            assert!(text.starts_with("//! "), "{folder}/{name} does not say what it holds");
        }
    }
}

#[test]
fn imports_point_one_way() {
    for (name, text) in rust_files("src") {
        for (room, forbidden) in
            FORBIDDEN.iter().filter(|(room, _)| name.starts_with(&format!("{room}/")))
        {
            for line in code(&text) {
                let line = &from_the_root(&name, room, line);
                let found = forbidden.iter().find(|path| names(line, path));
                assert!(found.is_none(), "{name}: {room} must not know {}: {line}", found.unwrap());
            }
        }
    }
}

#[test]
fn a_library_is_named_in_one_room() {
    for (name, text) in rust_files("src") {
        for (library, room) in ONLY_IN.iter().filter(|(_, room)| !name.starts_with(room)) {
            let found = code(&text).find(|line| names(line, library));
            assert!(found.is_none(), "{name} names {library}, which is for {room}: {found:?}");
        }
    }
}

#[test]
fn decisions_are_pure() {
    for file in PURE {
        let text = std::fs::read_to_string(root().join("src").join(file)).unwrap();
        for line in code(&text) {
            let found = IMPURE.iter().find(|word| line.contains(**word));
            assert!(found.is_none(), "{file} is to decide only: {line}");
        }
    }
}
