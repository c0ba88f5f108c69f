//! Lines that make a text no unit file.

use super::{Finding, Rule};
use crate::unitfile::{Draft, OptionFault, ParseErrorKind};

const LINE_TOO_LONG: Rule = Rule::error("line-too-long");
const SYNTAX: Rule = Rule::error("syntax");

pub(super) const RULES: &[Rule] = &[LINE_TOO_LONG, SYNTAX];

pub(super) fn lint(draft: &Draft, findings: &mut Vec<Finding>) {
    findings.extend(draft.faults().map(|(place, kind)| {
        let rule = match kind {
            ParseErrorKind::Option(OptionFault::LineTooLong { .. }) => LINE_TOO_LONG,
            _ => SYNTAX,
        };
        Finding::of_error(rule, place, kind)
    }));
}
