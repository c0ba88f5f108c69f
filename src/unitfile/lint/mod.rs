//! What is wrong or doubtful in one unit file by systemd's rules alone, each with its place.
//!
//! Pure. Must not know `[X-Fleet]`, containers, or other units: that is for `model::lint`.

mod options;
mod sections;
mod service;
mod syntax;

use std::fmt;

use super::{Draft, Place, UnitName};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// fleet or systemd refuses it.
    Error,
    /// It is accepted, but probably does not do what was meant.
    Warning,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// What it is known by, for ever.
    pub name: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
}

impl Rule {
    /// A rule whose breach is refused.
    pub const fn error(name: &'static str) -> Rule {
        Rule { name, severity: Severity::Error }
    }

    /// A rule whose breach is accepted.
    pub const fn warning(name: &'static str) -> Rule {
        Rule { name, severity: Severity::Warning }
    }
}

/// A place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// Which rule.
    pub rule: Rule,
    /// What is wrong and why.
    pub reason: String,
    /// What to do.
    pub advice: String,
}

impl Finding {
    /// A finding.
    pub fn new(
        rule: Rule,
        place: Place,
        reason: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        Finding { place, rule, reason: reason.into(), advice: advice.into() }
    }

    /// A finding in the words of an error. Ours end in what to do, after a semicolon.
    pub fn of_error(rule: Rule, place: Place, error: &dyn fmt::Display) -> Finding {
        let text = error.to_string();
        let (reason, advice) = text.rsplit_once("; ").unwrap_or((&text, ""));
        Finding::new(rule, place, reason, advice)
    }
}

/// Every rule there is here.
pub fn rules() -> impl Iterator<Item = Rule> {
    [syntax::RULES, sections::RULES, options::RULES, service::RULES].concat().into_iter()
}

/// Looks at the file of a unit.
pub fn lint(name: &UnitName, draft: &Draft) -> Vec<Finding> {
    let mut findings = Vec::new();
    syntax::lint(draft, &mut findings);
    sections::lint(name, draft, &mut findings);
    options::lint(name, draft, &mut findings);
    service::lint(name, draft, &mut findings);
    findings
}
