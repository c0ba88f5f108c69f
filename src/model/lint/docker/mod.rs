//! Units that run containers by `docker run` or `docker-run.sh`: as services, and among others.

mod others;
mod run;

use std::collections::BTreeSet;
use std::ops::Range;

use self::run::{Run, is_docker, removal};
use super::{Peers, Subject};
use crate::model::relations::NEEDING;
use crate::unitfile::lint::{Finding, Rule};
use crate::unitfile::{Command, Entry, UnitName, commands};

const CLEANUP: Rule = Rule::warning("docker-cleanup");
const DETACHED: Rule = Rule::warning("docker-detached");
const NAME: Rule = Rule::error("docker-name");
const ORDER: Rule = Rule::warning("docker-order");

pub(super) const RULES: &[Rule] =
    &[CLEANUP, DETACHED, NAME, ORDER, others::ELSEWHERE, others::SAME, others::START];

const SECTION: &str = "Service";

/// The options whose commands may remove a container that was left behind.
const CLEANING: [&str; 3] = ["ExecStartPre", "ExecStop", "ExecStopPost"];

/// The names of the containers that a unit's `ExecStart=` lines run.
pub(super) fn containers(name: &UnitName, starts: &[&str]) -> BTreeSet<String> {
    let commands = starts.iter().flat_map(|line| commands(line).unwrap_or_default());
    let names = commands.filter_map(|command| run::run(&command, name)?.name);
    // What systemd alone can expand is not known here.
    names.filter(|name| !name.contains(['%', '$'])).collect()
}

/// A container that the unit starts, with its place.
struct Container<'a> {
    entry: &'a Entry,
    /// The program, in bytes of the value.
    at: Range<usize>,
    run: Run,
}

pub(super) fn lint(subject: &Subject, peers: &Peers, findings: &mut Vec<Finding>) {
    let Subject { name, draft, .. } = subject;
    let commands_of = |option| {
        let entries = draft.all(SECTION, option).into_iter();
        entries.flat_map(|entry| {
            commands(&entry.value).unwrap_or_default().into_iter().map(move |c| (entry, c))
        })
    };
    let starts: Vec<(&Entry, Command)> = commands_of("ExecStart").collect();
    let removed: BTreeSet<String> = CLEANING
        .into_iter()
        .flat_map(|option| commands_of(option).filter_map(|(_, c)| removal(&c, name)))
        .collect();
    let after: BTreeSet<String> =
        commands_of("ExecStopPost").filter_map(|(_, c)| removal(&c, name)).collect();
    if let Some((entry, command)) = starts.iter().find(|(_, command)| is_docker(command)) {
        findings.extend(order(subject, entry, command));
    }
    for (entry, command) in &starts {
        let Some(run) = run::run(command, name) else {
            continue;
        };
        let container = Container { entry, at: command.program.at.clone(), run };
        findings.extend(alone(subject, &container, &removed, &after));
        others::lint(subject, peers, &container, findings);
    }
}

/// Whether the unit waits for Docker and goes down with it.
fn order(subject: &Subject, entry: &Entry, command: &Command) -> Option<Finding> {
    let named = |options: &[&str]| {
        let mut words = options.iter().flat_map(|option| subject.draft.unit_names("Unit", option));
        words.any(|(_, word)| word.text.starts_with("docker."))
    };
    let after = named(&["After"]);
    let requires = named(&NEEDING);
    let missing = match (after, requires) {
        (true, true) => return None,
        (false, true) => "After=docker.service",
        (true, false) => "Requires=docker.service",
        (false, false) => "After=docker.service and Requires=docker.service",
    };
    let place = subject.draft.place_in(entry, &command.program.at);
    let reason = "the unit may be started before Docker, or outlive it";
    Some(Finding::new(ORDER, place, reason, format!("add {missing} to [Unit]")))
}

/// What is wrong with a container by itself.
fn alone(
    subject: &Subject,
    container: &Container,
    removed: &BTreeSet<String>,
    after: &BTreeSet<String>,
) -> Option<Finding> {
    let Container { entry, at, run } = container;
    let place = subject.draft.place_in(entry, at);
    let find = |rule, reason: &str, advice: String| Some(Finding::new(rule, place, reason, advice));
    match (&run.name, run.by_script) {
        (None, true) => {
            let reason = "docker-run.sh needs --name, to find the container again";
            find(NAME, reason, format!("add --name {}", subject.name.stem()))
        }
        (Some(name), true) if !after.contains(name) => {
            let reason = "when systemd has to kill this, its container goes on";
            let advice = format!("add ExecStopPost=/opt/bin/docker-run.sh --cleanup {name}");
            find(CLEANUP, reason, advice)
        }
        (_, true) => None,
        (name, false) => {
            let oneshot = subject.draft.all(SECTION, "Type").pop();
            let oneshot = oneshot.is_some_and(|entry| entry.value == "oneshot");
            if let Some(at) = run.detached.as_ref().filter(|_| !oneshot) {
                let place = subject.draft.place_in(entry, at);
                let reason = "the client leaves the container at once, and systemd takes the \
                              service for ended";
                let advice = "leave it out, or use docker-run.sh";
                return Some(Finding::new(DETACHED, place, reason, advice));
            }
            if run.removed || name.as_ref().is_some_and(|name| removed.contains(name)) {
                return None;
            }
            let reason = "nothing removes the container, so the next start fails or leaves \
                          another one behind";
            let advice = match name {
                Some(name) => format!("add --rm, or ExecStopPost=-/usr/bin/docker rm -f {name}"),
                None => "add --rm".to_owned(),
            };
            find(CLEANUP, reason, advice)
        }
    }
}
