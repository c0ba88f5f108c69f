//! Options of any section: said twice, or with a specifier that is empty here.

use std::collections::HashMap;
use std::ops::Range;

use super::{Finding, Rule};
use crate::unitfile::{Draft, Entry, Section, UnitName};

const DUPLICATE: Rule = Rule::warning("duplicate-option");
const EMPTY_SPECIFIER: Rule = Rule::warning("empty-specifier");

pub(super) const RULES: &[Rule] = &[DUPLICATE, EMPTY_SPECIFIER];

/// Options that hold one value, so that the last one counts (systemd.unit(5), systemd.service(5),
/// systemd.exec(5), systemd.kill(5); those that people set).
const SINGLE: [&str; 21] = [
    "Description",
    "GuessMainPID",
    "Group",
    "KillMode",
    "KillSignal",
    "NotifyAccess",
    "PIDFile",
    "RemainAfterExit",
    "Restart",
    "RestartSec",
    "StandardError",
    "StandardInput",
    "StandardOutput",
    "SyslogIdentifier",
    "TimeoutSec",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "Type",
    "UMask",
    "User",
    "WorkingDirectory",
];

/// Sections whose lists are sets, where saying the same again says nothing.
const OF_SETS: [&str; 3] = ["Unit", "Install", "X-Fleet"];

pub(super) fn lint(name: &UnitName, draft: &Draft, findings: &mut Vec<Finding>) {
    let mut said: HashMap<(&str, &str), Said> = HashMap::new();
    let plain = name.instance().is_none() && !name.is_template();
    for section in draft.sections() {
        for entry in &section.entries {
            let before = said.entry((&section.name, &entry.option.name)).or_default();
            findings.extend(before.twice(draft, section, entry));
            findings.extend(instance_specifier(&entry.value).filter(|_| plain).map(|at| {
                let specifier = &entry.value[at.clone()];
                let reason = format!("{specifier} is empty, for {name} is not an instance");
                let advice = format!("name it {}@….{}", name.stem(), name.unit_type());
                let place = draft.place_in(entry, &at);
                Finding::new(EMPTY_SPECIFIER, place, reason, advice)
            }));
        }
    }
}

/// Where `%i` or `%I` is.
fn instance_specifier(value: &str) -> Option<Range<usize>> {
    let mut specifiers = value.match_indices('%').map(|(at, _)| at);
    while let Some(at) = specifiers.next() {
        match value[at + 1..].chars().next() {
            Some('i' | 'I') => return Some(at..at + 2),
            // The second half of `%%` begins nothing.
            Some('%') => drop(specifiers.next()),
            _ => {}
        }
    }
    None
}

/// What was said of an option and not taken back.
#[derive(Default)]
struct Said<'a> {
    last: Option<&'a Entry>,
    values: HashMap<&'a str, &'a Entry>,
}

impl<'a> Said<'a> {
    /// Takes note of an assignment; finds the one that it repeats or makes void.
    fn twice(&mut self, draft: &Draft, section: &Section, entry: &'a Entry) -> Option<Finding> {
        let key = entry.option.name.as_str();
        if entry.value.is_empty() {
            *self = Said::default();
            return None;
        }
        let last = self.last.replace(entry);
        let same = self.values.insert(&entry.value, entry);
        let line = |before: &Entry| draft.place(&before.key).line;
        let reason = if SINGLE.contains(&key) {
            format!(
                "{key}= holds one value, and takes the place of the one on line {}",
                line(last?)
            )
        } else if OF_SETS.contains(&section.name.as_str()) {
            format!("the same {key}= is on line {} already", line(same?))
        } else {
            return None;
        };
        Some(Finding::new(DUPLICATE, draft.place(&entry.key), reason, "remove one of them"))
    }
}
