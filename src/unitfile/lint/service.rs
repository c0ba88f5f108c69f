//! Services that systemd refuses to start (systemd.service(5); `service_verify` in its source).

use super::{Finding, Rule};
use crate::unitfile::{Draft, Entry, UnitName, UnitType, commands};

const MANY: Rule = Rule::error("exec-many");
const MISSING: Rule = Rule::error("exec-missing");
const PATH: Rule = Rule::error("exec-path");
const QUOTE: Rule = Rule::error("exec-quote");
const RESTART: Rule = Rule::error("oneshot-restart");

pub(super) const RULES: &[Rule] = &[MANY, MISSING, PATH, QUOTE, RESTART];

const SECTION: &str = "Service";

/// Options that hold command lines.
pub(crate) const EXEC: [&str; 7] = [
    "ExecCondition",
    "ExecStartPre",
    "ExecStart",
    "ExecStartPost",
    "ExecReload",
    "ExecStop",
    "ExecStopPost",
];

pub(super) fn lint(name: &UnitName, draft: &Draft, findings: &mut Vec<Finding>) {
    if name.unit_type() != UnitType::Service {
        return;
    }
    for option in EXEC {
        draft.all(SECTION, option).iter().for_each(|entry| exec(draft, entry, findings));
    }
    let last = |option| draft.all(SECTION, option).pop();
    let oneshot = last("Type").is_some_and(|entry| entry.value == "oneshot");
    findings.extend(missing(draft));
    if !oneshot {
        findings.extend(many(draft));
    }
    let restart = last("Restart").filter(|_| oneshot);
    if let Some(restart) = restart.filter(|entry| ["always", "on-success"].contains(&&*entry.value))
    {
        let reason = format!("Type=oneshot cannot be used with Restart={}", restart.value);
        let advice = "leave out Type=oneshot, or use Restart=on-failure";
        findings.push(Finding::new(RESTART, draft.place_of_value(restart), reason, advice));
    }
}

/// A service that would do nothing.
fn missing(draft: &Draft) -> Option<Finding> {
    let has = |option| !draft.all(SECTION, option).is_empty();
    let remains = draft.all(SECTION, "RemainAfterExit").pop();
    let remains = remains.is_some_and(|entry| is_true(&entry.value)) && has("ExecStop");
    // Lines that could not be read may hold it.
    if has("ExecStart") || has("SuccessAction") || remains || draft.faults().next().is_some() {
        return None;
    }
    let header = draft.sections().iter().find(|section| section.name == SECTION);
    let place = draft.place(&header.map_or(0..0, |section| section.header.clone()));
    let reason = "the service has no ExecStart=, so systemd refuses it";
    let advice = "write ExecStart= with the program's path in [Service]";
    Some(Finding::new(MISSING, place, reason, advice))
}

/// What systemd takes for true, in upper or lower case (systemd.syntax(7)).
fn is_true(value: &str) -> bool {
    ["1", "yes", "y", "true", "t", "on"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// A second command to start.
fn many(draft: &Draft) -> Option<Finding> {
    let starts = draft.all(SECTION, "ExecStart");
    let mut programs = starts.iter().flat_map(|entry| {
        let commands = commands(&entry.value).unwrap_or_default();
        commands.into_iter().map(move |command| (entry, command.program))
    });
    let (entry, program) = programs.nth(1)?;
    let reason = "only a service of Type=oneshot may have several commands in ExecStart=";
    let advice = "keep one, and put what comes before it into ExecStartPre=";
    Some(Finding::new(MANY, draft.place_in(entry, &program.at), reason, advice))
}

/// One command line.
fn exec(draft: &Draft, entry: &Entry, findings: &mut Vec<Finding>) {
    let commands = match commands(&entry.value) {
        Ok(commands) => commands,
        Err(open) => {
            let place = draft.place_in(entry, &(open.at..open.at + 1));
            let reason = "a quote is opened and never closed, so systemd refuses the service";
            findings.push(Finding::new(QUOTE, place, reason, "close it"));
            return;
        }
    };
    for command in commands {
        let path = &command.program.text;
        // A specifier may begin with anything.
        if path.starts_with(['/', '%']) || (!path.is_empty() && !path.contains('/')) {
            continue;
        }
        let place = draft.place_in(entry, &command.program.at);
        let reason = format!("{path:?} is neither an absolute path nor a program's name");
        findings.push(Finding::new(PATH, place, reason, "write the whole path, from / on"));
    }
}
