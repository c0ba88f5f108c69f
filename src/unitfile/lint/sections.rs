//! Sections: misspelt, of another type of unit, empty.

use super::{Finding, Rule};
use crate::unitfile::draft::Section;
use crate::unitfile::{Draft, UnitName, UnitType, similar};

const EMPTY: Rule = Rule::warning("empty-section");
const FOREIGN: Rule = Rule::warning("foreign-section");
const UNKNOWN: Rule = Rule::warning("unknown-section");

pub(super) const RULES: &[Rule] = &[EMPTY, FOREIGN, UNKNOWN];

/// Sections that a unit of any type may have; the last is fleet's.
const COMMON: [&str; 3] = ["Unit", "Install", "X-Fleet"];

/// Sections of one type (systemd.unit(5)).
const OF_TYPE: [(&str, UnitType); 9] = [
    ("Automount", UnitType::Automount),
    ("Mount", UnitType::Mount),
    ("Path", UnitType::Path),
    ("Scope", UnitType::Scope),
    ("Service", UnitType::Service),
    ("Slice", UnitType::Slice),
    ("Socket", UnitType::Socket),
    ("Swap", UnitType::Swap),
    ("Timer", UnitType::Timer),
];

pub(super) fn lint(name: &UnitName, draft: &Draft, findings: &mut Vec<Finding>) {
    for section in draft.sections() {
        let place = draft.place(&section.header);
        let mut find = |rule, reason: String, advice: String| {
            findings.push(Finding::new(rule, place, reason, advice));
        };
        match verdict(name, section) {
            // Lines that could not be read may be under it.
            Verdict::Known if section.entries.is_empty() && draft.faults().next().is_none() => {
                let reason = format!("[{}] has no options, and so no effect", section.name);
                find(EMPTY, reason, "write options under it, or remove it".to_owned());
            }
            Verdict::Known => {}
            Verdict::Foreign(its_type) => {
                let own = name.unit_type();
                let reason = format!("[{}] has no effect in a {own}", section.name);
                find(FOREIGN, reason, format!("put it in a unit whose name ends in .{its_type}"));
            }
            Verdict::Misspelt(meant) => {
                let reason =
                    format!("[{}] is no section, and what is in it has no effect", section.name);
                find(UNKNOWN, reason, format!("did you mean [{meant}]?"));
            }
            Verdict::Unknown => {
                let reason =
                    format!("systemd does not know [{}], and passes over it", section.name);
                find(UNKNOWN, reason, format!("a section of your own is [X-{}]", section.name));
            }
        }
    }
}

enum Verdict {
    Known,
    Foreign(UnitType),
    Misspelt(&'static str),
    Unknown,
}

fn verdict(name: &UnitName, section: &Section) -> Verdict {
    let section = section.name.as_str();
    if COMMON.contains(&section) {
        return Verdict::Known;
    }
    if let Some((_, its_type)) = OF_TYPE.iter().find(|(known, _)| *known == section) {
        let own = *its_type == name.unit_type();
        return if own { Verdict::Known } else { Verdict::Foreign(*its_type) };
    }
    let known = COMMON.into_iter().chain(OF_TYPE.map(|(known, _)| known));
    match similar(section, known, |known| known) {
        Some(meant) => Verdict::Misspelt(meant),
        // systemd leaves these to whoever made them.
        None if section.starts_with("X-") => Verdict::Known,
        None => Verdict::Unknown,
    }
}
