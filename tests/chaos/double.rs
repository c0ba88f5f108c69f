//! No unit runs on two machines at once. Pure.

use std::time::Duration;

use crate::records::{At, Harm, Kind, Outage, Records, Run, Unit};

/// How long a machine that is back may need to see that a unit is another's by now, and to stop it.
const BACK: Duration = Duration::from_secs(15);

/// How long a frozen machine that goes on may need to stop what must not run any more.
const WAKING: Duration = Duration::from_secs(5);

/// Two runs of a unit on two machines, and the time that they had in common.
#[derive(Debug, Clone, Copy)]
pub struct Overlap<'a> {
    pub one: &'a Run,
    pub other: &'a Run,
    pub from: At,
    pub till: At,
}

/// Every double run that nothing excuses, in words.
pub fn check(records: &Records) -> Vec<String> {
    let exclusive = records.units.iter().filter(|unit| unit.kind != Kind::Global);
    let doubles = exclusive.flat_map(|unit| {
        let unexcused = overlaps(unit, records).into_iter();
        unexcused.filter(|overlap| !excused(&unit.kind, overlap, &records.outages))
    });
    let words = |overlap: Overlap| {
        let for_so_long = overlap.till.since(overlap.from);
        format!("double run for {for_so_long:?}: {} and {}", overlap.one, overlap.other)
    };
    doubles.map(words).collect()
}

/// The longest double run of a fenced unit after its machine woke: excused, but worth knowing.
pub fn worst_waking(records: &Records) -> Duration {
    let fenced = records.units.iter().filter(|unit| unit.kind == Kind::Fenced);
    let overlaps = fenced.flat_map(|unit| overlaps(unit, records));
    overlaps.map(|overlap| overlap.till.since(overlap.from)).max().unwrap_or_default()
}

fn overlaps<'a>(unit: &Unit, records: &'a Records) -> Vec<Overlap<'a>> {
    let runs: Vec<&Run> = records.runs.iter().filter(|run| run.unit == unit.name).collect();
    let pairs = runs.iter().enumerate().flat_map(|(i, one)| {
        let others = runs[i + 1..].iter().filter(|other| other.machine != one.machine);
        others.map(|other| common(one, other))
    });
    let awake = pairs.map(|overlap| awake(overlap, &records.outages));
    awake.filter(|overlap| overlap.from < overlap.till).collect()
}

fn common<'a>(one: &'a Run, other: &'a Run) -> Overlap<'a> {
    let end = |run: &Run| run.ended.unwrap_or(At(u64::MAX));
    Overlap { one, other, from: one.began.max(other.began), till: end(one).min(end(other)) }
}

/// Nothing runs on a machine that stands still: what is left of the overlap after that.
fn awake<'a>(mut overlap: Overlap<'a>, outages: &[Outage]) -> Overlap<'a> {
    let frozen = outages.iter().filter(|outage| {
        outage.harm == Harm::Frozen
            && [overlap.one, overlap.other].iter().any(|run| outage.hits(&run.machine))
    });
    for outage in frozen {
        if outage.from <= overlap.from && overlap.from < outage.undo {
            overlap.from = outage.undo;
        }
    }
    overlap
}

fn excused(kind: &Kind, overlap: &Overlap, outages: &[Outage]) -> bool {
    let (harms, grace): (&[Harm], _) = match kind {
        Kind::Fenced => (&[Harm::Frozen], WAKING),
        _ => (&[Harm::Apart, Harm::Frozen, Harm::Flaky], BACK),
    };
    let machines = [&overlap.one.machine, &overlap.other.machine];
    outages.iter().any(|outage| {
        harms.contains(&outage.harm)
            && machines.iter().any(|machine| outage.hits(machine))
            && outage.from <= overlap.from
            && overlap.till <= outage.till.plus(grace)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    /// A unit that ran on m1 and on m2, while something was the matter with m1 from 10 s to 30 s.
    fn ran(kind: Kind, harm: Harm, m1: (u64, u64), m2: (u64, u64)) -> Vec<String> {
        let run = |machine: &str, (began, ended): (u64, u64)| Run {
            unit: "x.service".into(),
            machine: machine.into(),
            began: At(began * SECOND),
            ended: Some(At(ended * SECOND)),
        };
        check(&Records {
            units: vec![Unit { name: "x.service".into(), kind }],
            runs: vec![run("m1", m1), run("m2", m2)],
            wishes: Vec::new(),
            outages: vec![Outage {
                fault: "a fault",
                victim: "m1".into(),
                harm,
                from: At(10 * SECOND),
                undo: At(30 * SECOND),
                till: At(31 * SECOND),
            }],
            quiets: Vec::new(),
        })
    }

    #[test]
    fn one_after_the_other_is_no_double_run() {
        assert!(ran(Kind::Plain, Harm::None, (1, 20), (20, 40)).is_empty());
    }

    #[test]
    fn a_double_run_is_told() {
        let told = ran(Kind::Plain, Harm::None, (1, 21), (20, 40));
        assert_eq!(
            told,
            ["double run for 1s: x.service on m1 from 00:00:01.000000 to 00:00:21.000000 and \
              x.service on m2 from 00:00:20.000000 to 00:00:40.000000"]
        );
    }

    #[test]
    fn a_global_unit_runs_everywhere() {
        assert!(ran(Kind::Global, Harm::None, (1, 21), (1, 21)).is_empty());
    }

    #[test]
    fn a_machine_that_was_cut_off_keeps_its_unit_until_it_is_back() {
        assert!(ran(Kind::Plain, Harm::Apart, (1, 32), (20, 40)).is_empty());
        assert_eq!(ran(Kind::Plain, Harm::Apart, (1, 90), (20, 99)).len(), 1, "it never stopped");
        assert_eq!(ran(Kind::Plain, Harm::Apart, (1, 25), (5, 40)).len(), 1, "it began before");
    }

    #[test]
    fn a_fenced_unit_never_runs_twice_but_for_the_moment_of_waking() {
        assert_eq!(ran(Kind::Fenced, Harm::Apart, (1, 21), (20, 40)).len(), 1);
        assert!(ran(Kind::Fenced, Harm::Frozen, (1, 32), (20, 40)).is_empty());
        assert_eq!(ran(Kind::Fenced, Harm::Frozen, (1, 39), (20, 40)).len(), 1, "much too long");
    }
}
