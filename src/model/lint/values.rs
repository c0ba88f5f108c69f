//! Values in `[X-Fleet]`, one by one.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Subject;
use crate::model::keys::{Key, SECTION};
use crate::model::requirements::check;
use crate::unitfile::lint::{Finding, Rule};
use crate::unitfile::{Draft, Entry, UnitName, depends_on_instance, expand};

const BAD: Rule = Rule::error("bad-value");
const ID: Rule = Rule::warning("odd-machine-id");
const SPECIFIER: Rule = Rule::warning("unknown-specifier");

pub(super) const RULES: &[Rule] = &[BAD, ID, SPECIFIER];

/// How many digits `/etc/machine-id` has (machine-id(5)).
const ID_DIGITS: usize = 32;

/// A value that counts, with its place.
pub(super) struct Value<'a> {
    pub key: Key,
    pub entry: &'a Entry,
    /// Where in the entry's value, without quotes.
    pub at: Range<usize>,
    pub text: &'a str,
}

/// The values of `[X-Fleet]` that count, those of each key in order: an empty one takes back what was said before
/// with any spelling. Lines with an open quote are left out.
pub(super) fn values(draft: &Draft) -> Vec<Value<'_>> {
    let mut all: BTreeMap<Key, Vec<Value>> = BTreeMap::new();
    for entry in draft.entries(SECTION) {
        let Some((key, _)) = Key::spelled(&entry.option.name) else {
            continue;
        };
        let values = all.entry(key).or_default();
        if entry.value.is_empty() {
            values.clear();
        }
        let words = key.split(&entry.value).unwrap_or_default();
        values.extend(words.into_iter().map(|(at, text)| {
            let at = at..at + text.len();
            Value { key, entry, at, text }
        }));
    }
    all.into_values().flatten().collect()
}

pub(super) fn lint(subject: &Subject, findings: &mut Vec<Finding>) {
    let Subject { name, draft, .. } = subject;
    for entry in draft.entries(SECTION) {
        let Some((key, _)) = Key::spelled(&entry.option.name) else {
            continue;
        };
        if let Err(open) = key.split(&entry.value) {
            findings.push(Finding::of_error(BAD, draft.place_of_value(entry), &open));
        }
    }
    for value in values(draft) {
        let place = draft.place_in(value.entry, &value.at);
        match odd(name, &value) {
            Some((rule, sentence)) => findings.push(Finding::of_error(rule, place, &sentence)),
            None => findings.extend(unknown_specifiers(draft, &value)),
        }
    }
}

fn odd(name: &UnitName, value: &Value) -> Option<(Rule, String)> {
    let Value { key, text, .. } = value;
    if name.is_template() && depends_on_instance(text) {
        return None;
    }
    let expanded = expand(text, name);
    if let Err(fault) = check(*key, &expanded) {
        return Some((BAD, format!("{key}={text}: {fault}")));
    }
    let is_id = expanded.len() == ID_DIGITS && expanded.chars().all(|c| c.is_ascii_hexdigit());
    (*key == Key::MachineId && !is_id).then(|| {
        let reason = format!("{key}={text} is no machine's id, which has {ID_DIGITS} hex digits");
        (ID, format!("{reason}; `fleetctl list-machines --full` shows them"))
    })
}

/// Specifiers that systemd may know, but fleet leaves as they are.
fn unknown_specifiers(draft: &Draft, value: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut rest = value.text.match_indices('%').map(|(at, _)| at);
    while let Some(at) = rest.next() {
        let specifier = &value.text[at..];
        let specifier = &specifier[..specifier.chars().take(2).map(char::len_utf8).sum()];
        match specifier {
            "%%" => drop(rest.next()),
            "%n" | "%N" | "%p" | "%i" => {}
            _ => {
                let from = value.at.start + at;
                let place = draft.place_in(value.entry, &(from..from + specifier.len()));
                let reason = format!("fleet does not know {specifier}, and leaves it as it is");
                let advice = "use %n, %N, %p or %i, or write %% for a percent sign";
                found.push(Finding::new(SPECIFIER, place, reason, advice));
            }
        }
    }
    found
}
