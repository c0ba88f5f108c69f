//! How findings are written: a line each for programs, with the source on a terminal. Pure.

use serde::Serialize;

use crate::fleetctl::ui::{Tint, Tone, printable};
use crate::unitfile::lint::{Finding, Severity};
use crate::unitfile::{Draft, Place};

/// A finding as a document.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    severity: &'static str,
    rule: &'static str,
    reason: &'a str,
    advice: &'a str,
}

/// A finding in a file.
#[derive(Debug)]
pub struct Shown<'a> {
    /// What to call the file.
    pub file: &'a str,
    /// What it says.
    pub draft: &'a Draft,
    /// What is found.
    pub finding: &'a Finding,
}

impl<'a> Shown<'a> {
    /// For programs.
    pub fn document(&self) -> Document<'a> {
        let Finding { place, rule, reason, advice } = self.finding;
        Document {
            file: self.file,
            line: place.line,
            column: place.column,
            severity: rule.severity.as_str(),
            rule: rule.name,
            reason,
            advice,
        }
    }

    /// One line: `file:line:column: severity: reason; advice [rule]`.
    pub fn line(&self) -> String {
        let advice = &self.finding.advice;
        let advice = if advice.is_empty() { String::new() } else { format!("; {advice}") };
        let severity = self.finding.rule.severity;
        format!("{}\n", printable(&self.headline(severity.as_str(), &advice)))
    }

    /// The same over three lines, with the line of the file and the advice below the place.
    pub fn block(&self, tint: Tint) -> String {
        let Finding { place, rule, advice, .. } = self.finding;
        let number = place.line.to_string();
        let source = printable(self.draft.line(place.line));
        let pad = " ".repeat(number.len());
        let tone = match rule.severity {
            Severity::Error => Tone::Bad,
            Severity::Warning => Tone::Busy,
        };
        format!(
            "{}\n {number} | {source}\n {pad} | {} {}\n",
            self.headline(&tint.paint(tone, rule.severity.as_str()), ""),
            carets(&source, place),
            printable(advice),
        )
    }

    fn headline(&self, severity: &str, advice: &str) -> String {
        let Finding { place, rule, reason, .. } = self.finding;
        let (file, reason) = (printable(self.file), printable(reason));
        let Place { line, column, .. } = place;
        format!("{file}:{line}:{column}: {severity}: {reason}{advice} [{}]", rule.name)
    }
}

/// The place, underlined. Tabs stay, so that both lines are aligned.
fn carets(source: &str, place: &Place) -> String {
    let before = source.chars().take(place.column - 1);
    let before: String = before.map(|c| if c == '\t' { c } else { ' ' }).collect();
    let length = source.chars().count().saturating_sub(place.column - 1);
    before + &"^".repeat(place.width.min(length).max(1))
}

/// How many findings there are, in words.
pub fn summary(files: usize, findings: &[Shown]) -> String {
    let count = |severity: Severity| {
        let found = findings.iter().filter(|shown| shown.finding.rule.severity == severity).count();
        (found > 0).then(|| counted(found, severity.as_str()))
    };
    let counts = [Severity::Error, Severity::Warning].into_iter().filter_map(count);
    let counts = counts.collect::<Vec<_>>().join(", ");
    let found = if counts.is_empty() { "nothing found".to_owned() } else { counts };
    format!("{found} in {}", counted(files, "file"))
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unitfile::lint::Rule;

    fn shown(text: &str, place: (usize, usize, usize)) -> (Draft, Finding) {
        let (line, column, width) = place;
        let place = Place { line, column, width };
        let reason = format!("odd {}", char::from(7));
        (Draft::read(text), Finding::new(Rule::warning("odd"), place, reason, "undo it"))
    }

    #[test]
    fn a_terminal_shows_the_place_in_its_line() {
        for (text, place, expected) in [
            ("[S]\n\ta=bé d", (2, 5, 1), " 2 | \ta=bé d\n   | \t   ^ undo it\n"),
            ("a\x1b[1mb", (1, 1, 99), " 1 | a\u{fffd}[1mb\n   | ^^^^^^ undo it\n"),
            ("", (1, 1, 1), " 1 | \n   | ^ undo it\n"),
        ] {
            let (draft, finding) = shown(text, place);
            let block = Shown { file: "a", draft: &draft, finding: &finding };
            let (line, column, _) = place;
            let warning = "\x1b[33mwarning\x1b[0m";
            let head = format!("a:{line}:{column}: {warning}: odd \u{fffd} [odd]\n");
            assert_eq!(block.block(Tint::new(true)), head + expected);
        }
    }

    #[test]
    fn a_program_gets_one_line() {
        let (draft, finding) = shown("a", (1, 1, 1));
        let shown = Shown { file: "a", draft: &draft, finding: &finding };
        assert_eq!(shown.line(), "a:1:1: warning: odd \u{fffd}; undo it [odd]\n");
        assert_eq!(summary(1, &[shown]), "1 warning in 1 file");
        assert_eq!(summary(2, &[]), "nothing found in 2 files");
    }
}
