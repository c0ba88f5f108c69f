//! What a run of chaos found, as a table and in words.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::double;
use crate::records::{At, Records, Run};

/// How a fault was got over.
#[derive(Debug, Clone)]
pub struct Recovery {
    pub fault: &'static str,
    /// When there was nothing left to get over but its consequences.
    pub from: At,
    /// When all was seen to be as it shall be.
    pub quiet: At,
}

impl Recovery {
    /// Until the last unit that was started because of the fault ran. What was wished for meanwhile does
    /// not count.
    fn took(&self, records: &Records) -> Duration {
        let wished = |run: &Run| {
            let mut wishes = records.wishes.iter().filter(|wish| wish.unit == run.unit);
            wishes.any(|wish| (self.from..self.quiet).contains(&wish.asked))
        };
        let running = records.runs.iter().filter(|run| run.is_on(self.quiet) && !wished(run));
        let last = running.map(|run| run.began).max();
        last.map_or(Duration::ZERO, |last| last.since(self.from))
    }
}

/// The table, and what it counts.
pub fn table(records: &Records, recoveries: &[Recovery]) -> String {
    let mut by_fault: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for recovery in recoveries {
        by_fault.entry(recovery.fault).or_default().push(recovery.took(records));
    }
    let mut text = format!("{:<30} {:>5} {:>10} {:>10}\n", "FAULT", "TIMES", "MEDIAN", "WORST");
    for (fault, mut took) in by_fault {
        took.sort();
        let (median, worst) = (seconds(took[took.len() / 2]), seconds(took[took.len() - 1]));
        let _ = writeln!(text, "{fault:<30} {:>5} {median:>10} {worst:>10}", took.len());
    }
    let (starts, wishes) = (records.runs.len(), records.wishes.len());
    let stops = records.runs.iter().filter(|run| run.ended.is_some()).count();
    let _ = writeln!(text, "{starts} starts and {stops} stops checked, after {wishes} wishes");
    let waking = seconds(double::worst_waking(records));
    let _ = writeln!(text, "longest double run of a fenced unit on a machine that wakes: {waking}");
    text
}

fn seconds(span: Duration) -> String {
    format!("{:.2} s", span.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Verb, Wish};

    #[test]
    fn only_what_the_fault_had_started_counts() {
        let run = |unit: &str, began| Run {
            unit: unit.into(),
            machine: "m1".into(),
            began: At(began),
            ended: None,
        };
        let wish =
            |unit: &str, asked| Wish { unit: unit.into(), verb: Verb::Start, asked: At(asked) };
        let records = Records {
            runs: vec![run("a", 10), run("b", 25), run("c", 28), run("d", 90)],
            wishes: vec![wish("a", 9), wish("b", 9), wish("c", 27), wish("b", 80)],
            ..Records::default()
        };
        let recovery = Recovery { fault: "a fault", from: At(20), quiet: At(30) };
        assert_eq!(recovery.took(&records), Duration::from_micros(5));
        let later = Recovery { from: At(26), ..recovery };
        assert_eq!(later.took(&records), Duration::ZERO);
    }
}
