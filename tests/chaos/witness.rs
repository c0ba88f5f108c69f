//! The journals are only as good as they are complete: whenever all was quiet, what they say ran is
//! what systemd showed. Pure.

use std::collections::BTreeSet;

use crate::records::{Kind, Records};

/// Everything that only one of the two knows of, in words.
pub fn check(records: &Records) -> Vec<String> {
    let oneshot =
        |name: &str| records.units.iter().any(|unit| unit.name == name && unit.kind == Kind::Once);
    let mut told = Vec::new();
    for quiet in &records.quiets {
        let told_of = records.runs.iter().filter(|run| run.is_on(quiet.at) && !oneshot(&run.unit));
        let told_of: BTreeSet<_> =
            told_of.map(|run| (run.unit.clone(), run.machine.clone())).collect();
        for (unit, machine) in told_of.symmetric_difference(&quiet.active) {
            let at = quiet.at;
            told.push(match told_of.contains(&(unit.clone(), machine.clone())) {
                true => {
                    format!("at {at} {unit} did not run on {machine}: its journal lacks the end")
                }
                false => format!("at {at} {unit} ran on {machine}: its journal lacks the start"),
            });
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{At, Quiet, Run};

    #[test]
    fn what_one_alone_knows_is_told() {
        let run = |unit: &str| Run {
            unit: unit.into(),
            machine: "m1".into(),
            began: At(10),
            ended: None,
        };
        let active = |units: &[&str]| Quiet {
            at: At(20),
            active: units.iter().map(|unit| (unit.to_string(), "m1".to_owned())).collect(),
        };
        let both = [active(&["a", "b"]), active(&["b", "c"])];
        let records =
            Records { runs: vec![run("a"), run("b")], quiets: both.to_vec(), ..Records::default() };
        let expected = [
            "at 00:00:00.000020 a did not run on m1: its journal lacks the end",
            "at 00:00:00.000020 c ran on m1: its journal lacks the start",
        ];
        assert_eq!(check(&records), expected);
    }
}
