//! From what systemd wrote into a machine's journal to the runs of units there. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::records::{At, Harm, Outage, Run};

/// What systemd says of a unit that becomes active, and of one that was: `man systemd.journal-fields`
/// names the field, systemd's `sd-messages.h` the values.
const BEGINS: [&str; 2] = [
    "7d4958e842da4a758f6c1cdc7b36dcc5", // Starting
    "39f53479d3a045ac8e11786248231fbf", // Started, Finished
];
const ENDS: [&str; 3] = [
    "7ad2d189f7e94e70a38c781354912448", // Deactivated successfully
    "d9b373ed55a64feb8242e02dbe79a49c", // Failed with result
    "9d1aaa27d60140bd96365438aad20286", // Stopped
];

/// One line of `journalctl -o json`; only what is of use here.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "UNIT")]
    unit: Option<String>,
    #[serde(rename = "MESSAGE_ID")]
    message: Option<String>,
    /// One for each life of a unit.
    #[serde(rename = "INVOCATION_ID")]
    invocation: Option<String>,
    /// When systemd said it; the journal may have heard it later.
    #[serde(rename = "_SOURCE_REALTIME_TIMESTAMP")]
    said: Option<String>,
}

/// The runs on `machine` of units whose name begins with `prefix`. Where the machine died, what ran
/// there ended although systemd could not say so.
pub fn runs(machine: &str, prefix: &str, journal: &str, outages: &[Outage]) -> Vec<Run> {
    let mut lives: BTreeMap<String, (String, Option<At>, Option<At>)> = BTreeMap::new();
    for line in journal.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
        let Line { unit: Some(unit), message: Some(message), invocation: Some(id), said } = line
        else {
            continue;
        };
        let said = said.and_then(|said| said.parse().ok()).map(At);
        let (Some(said), true) = (said, unit.starts_with(prefix)) else { continue };
        let (_, began, ended) = lives.entry(id).or_insert((unit, None, None));
        let moment = match message.as_str() {
            id if BEGINS.contains(&id) => began,
            id if ENDS.contains(&id) => ended,
            _ => continue,
        };
        *moment = Some(moment.map_or(said, |first| first.min(said)));
    }
    let runs = lives.into_values().filter_map(|(unit, began, ended)| {
        let began = began?;
        let ended = ended.or_else(|| death(machine, began, outages));
        Some(Run { unit, machine: machine.to_owned(), began, ended })
    });
    let mut runs: Vec<Run> = runs.collect();
    runs.sort_by_key(|run| run.began);
    runs
}

/// When the machine died first after that.
fn death(machine: &str, began: At, outages: &[Outage]) -> Option<At> {
    let deaths = outages.iter().filter(|o| o.harm == Harm::Dead && o.hits(machine));
    // What began while it died, died with it; what began while it booted lives.
    deaths.filter(|outage| began < outage.undo).map(|outage| outage.from.max(began)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = BEGINS[1];

    fn line(said: u64, unit: &str, message: &str, invocation: &str) -> String {
        format!(
            r#"{{"UNIT":"{unit}","MESSAGE_ID":"{message}","INVOCATION_ID":"{invocation}","_SOURCE_REALTIME_TIMESTAMP":"{said}"}}"#
        )
    }

    fn ran(unit: &str, began: u64, ended: Option<u64>) -> Run {
        Run { unit: unit.into(), machine: "m1".into(), began: At(began), ended: ended.map(At) }
    }

    #[test]
    fn a_run_is_from_the_first_word_of_its_start_to_the_first_of_its_end() {
        let journal = [
            line(10, "x-a.service", BEGINS[0], "1"),
            line(12, "x-a.service", ENDS[0], "1"),
            line(13, "x-a.service", START, "1"), // a oneshot has finished
            line(20, "x-b.service", START, "2"),
            line(30, "x-b.service", ENDS[1], "2"),
            line(31, "x-b.service", ENDS[2], "2"),
            line(32, "x-b.service", START, "3"),
            line(33, "other.service", START, "4"),
            "not JSON".to_owned(),
        ];
        let expected = [
            ran("x-a.service", 10, Some(12)),
            ran("x-b.service", 20, Some(30)),
            ran("x-b.service", 32, None),
        ];
        assert_eq!(runs("m1", "x-", &journal.join("\n"), &[]), expected);
    }

    #[test]
    fn what_ran_on_a_machine_that_died_has_ended() {
        let dead = |victim: &str, from: u64, till: u64| Outage {
            fault: "power cut",
            victim: victim.into(),
            harm: Harm::Dead,
            from: At(from),
            undo: At(till - 5),
            till: At(till),
        };
        let journal = [line(10, "x-a.service", START, "1"), line(66, "x-a.service", START, "2")];
        let outages = [dead("m2", 20, 30), dead("m1", 40, 50), dead("m1", 60, 70)];
        let expected = [ran("x-a.service", 10, Some(40)), ran("x-a.service", 66, None)];
        assert_eq!(runs("m1", "x-", &journal.join("\n"), &outages), expected);
    }
}
