//! Other units that a unit refers to: unknown, on another machine, templates.

use std::collections::BTreeSet;

use super::known::{SPELLED, is_of_machines};
use super::values::values;
use super::{Peers, Subject};
use crate::model::keys::{Key, SECTION};
use crate::model::relations::NEEDING;
use crate::unitfile::lint::{Finding, Rule};
use crate::unitfile::{Place, UnitName, depends_on_instance, expand, similar};

const BAD_NAME: Rule = Rule::warning("bad-reference");
const ELSEWHERE: Rule = Rule::warning("other-machine");
const ITSELF: Rule = Rule::warning("refers-to-itself");
const NEVER: Rule = Rule::error("never-together");
const TEMPLATE: Rule = Rule::warning("refers-to-template");
const UNKNOWN: Rule = Rule::warning("unknown-unit");

pub(super) const RULES: &[Rule] = &[BAD_NAME, ELSEWHERE, ITSELF, NEVER, TEMPLATE, UNKNOWN];

/// The options of `[Unit]` that are looked at, those first without whose units a start fails.
const OPTIONS: [&str; 6] = ["Requires", "Requisite", "BindsTo", "PartOf", "After", "Wants"];
pub(super) const MACHINE_OF: &str = "MachineOf";

/// A name of another unit, with its place.
pub(super) struct Reference {
    /// The option, as `Requires`.
    pub option: &'static str,
    pub name: UnitName,
    pub place: Place,
    /// Whether it is another unit for each instance.
    varies: bool,
}

/// Every reference, `MachineOf=` first.
pub(super) fn all(subject: &Subject) -> Vec<Reference> {
    let Subject { name, draft, .. } = subject;
    let peers = values(draft).into_iter().filter(|value| value.key == Key::MachineOf);
    let peers = peers.map(|v| (MACHINE_OF, v.text.to_owned(), draft.place_in(v.entry, &v.at)));
    let named = OPTIONS.into_iter().flat_map(|option| {
        let words = draft.unit_names("Unit", option).into_iter();
        words.map(move |(entry, w)| (option, w.text, draft.place_in(entry, &w.at)))
    });
    let reference = |(option, text, place): (&'static str, String, Place)| {
        let varies = depends_on_instance(&text);
        let name = UnitName::parse(&expand(&text, name)).ok()?;
        Some(Reference { option, name, place, varies })
    };
    peers.chain(named).filter_map(reference).collect()
}

pub(super) fn lint(subject: &Subject, peers: &Peers, findings: &mut Vec<Finding>) {
    bad_names(subject, findings);
    let mut seen: BTreeSet<UnitName> = BTreeSet::new();
    for reference in all(subject) {
        // Once is enough, by the option that asks most of it.
        if !seen.insert(reference.name.clone()) {
            continue;
        }
        if let Some((rule, reason, advice)) = judge(subject, peers, &reference) {
            findings.push(Finding::new(rule, reference.place, reason, advice));
        }
    }
}

fn judge(subject: &Subject, peers: &Peers, to: &Reference) -> Option<(Rule, String, String)> {
    let Reference { option, name, .. } = to;
    let with = *option == MACHINE_OF;
    if *name == subject.name {
        // A circle of one, if it is by `MachineOf=`.
        let reason = format!("{option}= names the unit itself, and has no effect");
        let of_instances = to.varies && subject.name.is_template();
        return (!with && !of_instances).then(|| (ITSELF, reason, "remove it".to_owned()));
    }
    if name.is_template() && !(to.varies && subject.name.is_template()) {
        let reason = format!("{name} is a template, which runs nowhere");
        let example = name.instance_of("1").map(|instance| format!(", as {instance}"));
        let advice = format!("name an instance{}", example.unwrap_or_default());
        return Some((TEMPLATE, reason, advice));
    }
    if !peers.knows(name) {
        return unknown(subject, peers, to, with);
    }
    if let Some(why) = peers.never_together(&subject.name, name).filter(|_| with) {
        let reason = format!("no machine takes both this unit and {name}: {why}");
        return Some((NEVER, reason, "change one of the two units".to_owned()));
    }
    if with || peers.together(&subject.name, name) {
        return None;
    }
    let reason =
        format!("nothing keeps {name} on this unit's machine, and {option}= reaches no other");
    let advice = if peers.get(&subject.name).is_some_and(|peer| peer.global) {
        format!("make {name} Global=true as well")
    } else {
        format!("add MachineOf={name} to [{SECTION}]")
    };
    Some((ELSEWHERE, reason, advice))
}

/// A unit that nobody has seen. Where it may be the machines' own, it is only spoken of if it looks
/// like a slip of the pen.
fn unknown(
    subject: &Subject,
    peers: &Peers,
    to: &Reference,
    with: bool,
) -> Option<(Rule, String, String)> {
    let Reference { option, name, .. } = to;
    let others = peers.iter().map(|(name, _)| name).filter(|other| **other != subject.name);
    let others = others.map(UnitName::as_str).chain(SPELLED.into_iter().filter(|_| !with));
    // Instances differ in little: web@1 is no slip of web@2.
    let others = others.filter(|other| !name.is_instance() || !other.contains('@'));
    let meant = similar(name.stem(), others, |other| stem(other));
    let needed = with || (NEEDING.contains(option) && !is_of_machines(name));
    if !needed && (meant.is_none() || is_of_machines(name)) {
        return None;
    }
    let places = match peers.cluster_asked {
        true => "among the files, in their folder or in the cluster",
        false => "among the files or in their folder",
    };
    let reason = format!("there is no {name} {places}");
    let consequence = match *option {
        _ if with => "so this unit waits for a machine",
        _ if needed => "so a start fails where the machine has none of its own",
        _ => "so it has no effect where the machine has none of its own",
    };
    let advice = match meant {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("add {name}, or remove it from {option}="),
    };
    Some((UNKNOWN, format!("{reason}, {consequence}"), advice))
}

/// A name without its type.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// What systemd passes over, since it cannot be a unit's name.
fn bad_names(subject: &Subject, findings: &mut Vec<Finding>) {
    let Subject { name, draft, .. } = subject;
    for option in OPTIONS {
        for (entry, word) in draft.unit_names("Unit", option) {
            // Specifiers that only systemd knows may make a name of it.
            if expand(&word.text, name).contains('%') {
                continue;
            }
            if let Err(error) = UnitName::parse(&expand(&word.text, name)) {
                let place = draft.place_in(entry, &word.at);
                let sentence = format!("systemd ignores {option}={}: {}", word.text, error.kind);
                findings.push(Finding::of_error(BAD_NAME, place, &sentence));
            }
        }
    }
}
