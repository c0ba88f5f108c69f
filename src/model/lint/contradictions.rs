//! What can never hold, and what says nothing, in one unit's `[X-Fleet]`.

use super::values::{Value, values};
use super::{Peers, Subject};
use crate::model::keys::{Key, SECTION};
use crate::model::validate::{InvalidUnit, Warning, contradictions, validate, warnings};
use crate::unitfile::lint::{Finding, Rule, Severity};
use crate::unitfile::{Place, UnitFile, UnitName, expand};

const CIRCLE: Rule = Rule::error("circle");
const CONTRADICTION: Rule = Rule::error("contradiction");
const EMPTY: Rule = Rule::error("empty-file");
const NO_EFFECT: Rule = Rule::warning("no-effect");
const REFUSED: Rule = Rule::error("refused");

pub(super) const RULES: &[Rule] = &[CIRCLE, CONTRADICTION, EMPTY, NO_EFFECT, REFUSED];

pub(super) fn lint(subject: &Subject, peers: &Peers, findings: &mut Vec<Finding>) {
    let Subject { name, draft, file } = subject;
    let values = values(draft);
    if let Some(file) = file {
        refusals(subject, file, &values, findings);
    }
    for value in &values {
        let place = draft.place_in(value.entry, &value.at);
        let expanded = expand(value.text, name);
        match value.key {
            Key::MachineOf => {
                let peer = UnitName::parse(&expanded).ok();
                if let Some(circle) = peer.and_then(|peer| peers.circle(name, &peer)) {
                    let reason =
                        format!("MachineOf= goes round in a circle, so none can run: {circle}");
                    findings.push(Finding::new(CIRCLE, place, reason, "remove one MachineOf="));
                }
            }
            Key::Conflicts | Key::Replaces if expanded == name.as_str() && !name.is_template() => {
                let reason = format!("{}= never counts for the unit itself", value.key);
                findings.push(Finding::new(NO_EFFECT, place, reason, "name another unit"));
            }
            _ => {}
        }
    }
    let warnings = file.as_ref().map(|file| warnings(name, file)).unwrap_or_default();
    for warning in warnings {
        if let Warning::SecondMachine { used, other } = &warning {
            let is_it = |value: &&Value| expand(value.text, name) == *other;
            let value = of(&values, Key::MachineId).find(is_it);
            let place = value.map_or_else(|| section(subject), |v| draft.place_in(v.entry, &v.at));
            let reason = format!("MachineID={other} has no effect, for MachineID={used} counts");
            findings.push(Finding::new(NO_EFFECT, place, reason, "keep one of them"));
        }
    }
}

fn of<'a>(values: &'a [Value<'a>], key: Key) -> impl Iterator<Item = &'a Value<'a>> {
    values.iter().filter(move |value| value.key == key)
}

/// The header of fleet's section.
fn section(subject: &Subject) -> Place {
    let header = subject.draft.sections().iter().find(|section| section.name == SECTION);
    subject.draft.place(&header.map_or(0..0, |section| section.header.clone()))
}

/// All that submission refuses, as far as it is not found already.
fn refusals(subject: &Subject, file: &UnitFile, values: &[Value], findings: &mut Vec<Finding>) {
    let Subject { name, draft, .. } = subject;
    let found = findings.iter().any(|finding| finding.rule.severity == Severity::Error);
    match validate(name, file) {
        Ok(_) => {}
        Err(InvalidUnit::Empty) if found => {}
        Err(empty @ InvalidUnit::Empty) => {
            findings.push(Finding::of_error(EMPTY, draft.place(&(0..0)), &empty));
        }
        Err(InvalidUnit::Requirements(_)) if found => {}
        Err(InvalidUnit::Requirements(error)) => {
            let value = of(values, error.key).last();
            let place = value.map_or_else(|| section(subject), |v| draft.place_of_value(v.entry));
            findings.push(Finding::of_error(REFUSED, place, &error));
        }
        Err(InvalidUnit::Exclusive { .. } | InvalidUnit::Peer { .. }) => {
            for invalid in contradictions(name, file).unwrap_or_default() {
                let place = later(subject, values, &invalid);
                findings.push(Finding::of_error(CONTRADICTION, place, &invalid));
            }
        }
    }
}

/// The later of the two that contradict each other.
fn later(subject: &Subject, values: &[Value], invalid: &InvalidUnit) -> Place {
    let keys = match invalid {
        InvalidUnit::Exclusive { first, second } => [*first, *second],
        InvalidUnit::Peer { key, .. } => [Key::MachineOf, *key],
        InvalidUnit::Empty | InvalidUnit::Requirements(_) => return section(subject),
    };
    let firsts = keys.iter().filter_map(|key| of(values, *key).next());
    let places = firsts.map(|value| subject.draft.place(&value.entry.key));
    places.max().unwrap_or_else(|| section(subject))
}
