//! What is wrong or doubtful in unit files by fleet's rules, and between units.
//!
//! Pure: one unit and what is known of others in, findings out. Must not know where files come
//! from or how findings are shown.

mod contradictions;
mod docker;
mod keys;
mod known;
mod peers;
mod references;
mod values;

use std::collections::BTreeSet;

pub use peers::{Peer, Peers};

use crate::unitfile::lint::{Finding, Rule};
use crate::unitfile::{Draft, NameError, UnitFile, UnitName, lint as syntax};

/// A unit file that is looked at.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The unit's name.
    pub name: UnitName,
    /// Its text.
    pub draft: Draft,
    /// What of it is good, if there is anything.
    file: Option<UnitFile>,
}

impl Subject {
    /// Reads a file.
    pub fn read(name: UnitName, text: &str) -> Subject {
        let draft = Draft::read(text);
        let file = draft.file();
        Subject { name, draft, file }
    }

    /// What other units can know of it, or of its instance `name`.
    pub fn peer(&self, name: &UnitName) -> Peer {
        self.file.as_ref().map(|file| Peer::of(name, file)).unwrap_or_default()
    }

    /// The units that it refers to.
    pub fn references(&self) -> BTreeSet<UnitName> {
        references::all(self).into_iter().map(|reference| reference.name).collect()
    }
}

const BAD_NAME: Rule = Rule::error("bad-name");
const NOT_TEXT: Rule = Rule::error("not-text");

/// A file whose name is no unit's.
pub fn bad_name(draft: &Draft, error: &NameError) -> Finding {
    Finding::of_error(BAD_NAME, draft.place(&(0..0)), error)
}

/// A file that is text up to the end of a draft, and then not.
pub fn not_text(draft: &Draft) -> Finding {
    let end = draft.text().len();
    let (reason, advice) = ("this is not UTF-8 text", "write it in UTF-8");
    Finding::new(NOT_TEXT, draft.place(&(end..end)), reason, advice)
}

/// Every rule there is.
pub fn rules() -> impl Iterator<Item = Rule> {
    let here =
        [keys::RULES, values::RULES, contradictions::RULES, references::RULES, docker::RULES];
    syntax::rules().chain([BAD_NAME, NOT_TEXT]).chain(here.concat())
}

/// Looks at a unit among others, in order of the places.
pub fn lint(subject: &Subject, peers: &Peers) -> Vec<Finding> {
    let mut findings = syntax::lint(&subject.name, &subject.draft);
    keys::lint(subject, &mut findings);
    values::lint(subject, &mut findings);
    contradictions::lint(subject, peers, &mut findings);
    references::lint(subject, peers, &mut findings);
    docker::lint(subject, peers, &mut findings);
    findings.sort_by_key(|Finding { place, rule, .. }| {
        (place.line, place.column, rule.severity, rule.name)
    });
    findings
}
