//! Options of `[X-Fleet]`: misspelt, in the wrong section, in an old spelling.

use super::Subject;
use crate::model::Glob;
use crate::model::keys::{Key, SECTION, nearest_spelling};
use crate::unitfile::lint::{Finding, Rule};
use crate::unitfile::{Entry, similar};

const MISPLACED: Rule = Rule::warning("misplaced-option");
const OLD: Rule = Rule::warning("old-spelling");
const UNKNOWN: Rule = Rule::warning("unknown-option");

pub(super) const RULES: &[Rule] = &[MISPLACED, OLD, UNKNOWN];

pub(super) fn lint(subject: &Subject, findings: &mut Vec<Finding>) {
    for section in subject.draft.sections() {
        let own = section.name == SECTION;
        // A misspelt section is told of itself.
        if !own && similar(&section.name, [SECTION], |name| name).is_some() {
            continue;
        }
        findings.extend(section.entries.iter().filter_map(|entry| {
            let (rule, reason, advice) = if own { spelling(entry)? } else { misplaced(entry)? };
            Some(Finding::new(rule, subject.draft.place(&entry.key), reason, advice))
        }));
    }
}

fn spelling(entry: &Entry) -> Option<(Rule, String, String)> {
    let name = entry.option.name.as_str();
    if Key::spelled(name).is_none() {
        let reason = format!("[{SECTION}] {name} is not known and has no effect");
        return Some((UNKNOWN, reason, format!("did you mean {}?", nearest_spelling(name))));
    }
    let key = Key::renamed(name)?;
    let reason = format!("{name}= is now {key}=");
    Some((OLD, reason, "`fleetctl verify --fix` rewrites it".to_owned()))
}

/// An option that only fleet has, in a section that is not fleet's. systemd's own `Conflicts=` means
/// something else, unless it has a pattern, which no unit's name is.
fn misplaced(entry: &Entry) -> Option<(Rule, String, String)> {
    let name = entry.option.name.as_str();
    let (key, _) = Key::spelled(name)?;
    if name == "Conflicts" && !Glob::is_meant(&entry.value) {
        return None;
    }
    let (section, value) = (&entry.option.section, &entry.value);
    let reason = match name {
        "Conflicts" => format!("systemd knows no patterns, and ignores {value} in [{section}]"),
        _ => format!("{name}= has no effect in [{section}]"),
    };
    Some((MISPLACED, reason, format!("put {key}= into [{SECTION}]")))
}
