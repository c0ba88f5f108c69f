//! No running unit is stopped without a reason. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::records::{At, Harm, Kind, Outage, Records, Run, Verb};

/// How long after a wish, an end of a related unit or the end of a fault what follows of it may come.
const GRACE: Duration = Duration::from_secs(15);

/// A fenced unit is stopped when two thirds of the TTL of 10 s went by since a renewal; a cut that takes
/// longer than the third that is left between two renewals may be such a time.
const UNNOTICED: Duration = Duration::from_millis(3_333);

/// Every stop that nothing explains, and every oneshot that ran too often, in words.
pub fn check(records: &Records) -> Vec<String> {
    let mut used = BTreeSet::new();
    let mut told = Vec::new();
    for unit in &records.units {
        let runs: Vec<&Run> = records.runs.iter().filter(|run| run.unit == unit.name).collect();
        if unit.kind == Kind::Once {
            told.extend(too_often(&unit.name, runs.len(), records));
            continue;
        }
        for run in runs {
            let Some(ended) = run.ended else { continue };
            let explained = wished(run, ended, records, &mut used)
                || suffered(run, ended, &unit.kind, &records.outages)
                || followed(run, ended, &unit.kind, records);
            if !explained {
                told.push(format!("needless stop: {run}"));
            }
        }
    }
    told
}

/// A oneshot runs once for each wish, and once more for each machine that may have had to give it
/// up or to forget that it ran.
fn too_often(unit: &str, runs: usize, records: &Records) -> Option<String> {
    let wishes = records.wishes.iter().filter(|wish| wish.unit == unit);
    let starts = wishes.filter(|wish| matches!(wish.verb, Verb::Start | Verb::Replace)).count();
    let moves = records.outages.iter().filter(|o| !matches!(o.harm, Harm::None | Harm::Storeless));
    let may = starts + moves.count();
    (runs > may).then(|| format!("needless start: {unit} ran {runs} times where {may} may be"))
}

/// Somebody wanted it stopped or replaced. A wish ends one run on each machine.
fn wished<'a>(
    run: &'a Run,
    ended: At,
    records: &Records,
    used: &mut BTreeSet<(usize, &'a str)>,
) -> bool {
    let wishes = records.wishes.iter().enumerate();
    let mut ending = wishes.filter(|(_, wish)| {
        wish.unit == run.unit
            && wish.verb != Verb::Start
            && wish.asked <= ended
            && run.began.minus(GRACE) <= wish.asked
    });
    ending.any(|(number, _)| used.insert((number, &run.machine)))
}

/// Its machine was not able to go on with it, or was not known to be.
fn suffered(run: &Run, ended: At, kind: &Kind, outages: &[Outage]) -> bool {
    let fenced = *kind == Kind::Fenced;
    outages.iter().filter(|outage| outage.hits(&run.machine)).any(|outage| {
        let back = outage.undo <= ended && ended <= outage.till.plus(GRACE);
        let during = outage.from <= ended && ended <= outage.till.plus(GRACE);
        match outage.harm {
            Harm::None => false,
            Harm::Brief => fenced && during && outage.till.since(outage.from) > UNNOTICED,
            Harm::Dead => outage.from <= ended && ended <= outage.till,
            // Cut off, a machine keeps what it has; what was moved meanwhile is stopped when it is back.
            Harm::Apart => {
                if fenced {
                    during
                } else {
                    back
                }
            }
            Harm::Frozen => back,
            Harm::Flaky => during,
            Harm::Together | Harm::Storeless => fenced && during,
        }
    })
}

/// It goes where its unit goes.
fn followed(run: &Run, ended: At, kind: &Kind, records: &Records) -> bool {
    let Kind::Beside(base) = kind else { return false };
    let near = |at: At| ended.minus(GRACE) <= at && at <= ended.plus(GRACE);
    let destroyed = records
        .wishes
        .iter()
        .any(|wish| wish.unit == *base && wish.verb == Verb::Destroy && near(wish.asked));
    let mut bases = records.runs.iter().filter(|other| other.unit == *base);
    destroyed || bases.any(|other| other.machine != run.machine && near(other.began))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Unit, Wish};

    fn at(seconds: u64) -> At {
        At(seconds * 1_000_000)
    }

    fn run(unit: &str, machine: &str, began: u64, ended: u64) -> Run {
        let (unit, machine) = (unit.to_owned(), machine.to_owned());
        Run { unit, machine, began: at(began), ended: Some(at(ended)) }
    }

    fn wish(unit: &str, verb: Verb, asked: u64) -> Wish {
        Wish { unit: unit.into(), verb, asked: at(asked) }
    }

    fn outage(harm: Harm) -> Outage {
        let (fault, victim) = ("a fault", "m1".to_owned());
        Outage { fault, victim, harm, from: at(40), undo: at(60), till: at(61) }
    }

    fn told(kind: Kind, runs: &[Run], wishes: &[Wish], outages: &[Outage]) -> Vec<String> {
        check(&Records {
            units: vec![Unit { name: "x".into(), kind }],
            runs: runs.to_vec(),
            wishes: wishes.to_vec(),
            outages: outages.to_vec(),
            quiets: Vec::new(),
        })
    }

    #[test]
    fn a_stop_without_a_reason_is_told() {
        let told = told(Kind::Plain, &[run("x", "m1", 1, 50)], &[], &[]);
        assert_eq!(told, ["needless stop: x on m1 from 00:00:01.000000 to 00:00:50.000000"]);
    }

    #[test]
    fn a_wish_explains_one_stop() {
        let twice = [run("x", "m1", 1, 50), run("x", "m1", 51, 52)];
        let wishes = [wish("x", Verb::Stop, 49)];
        assert_eq!(told(Kind::Plain, &twice[..1], &wishes, &[]).len(), 0);
        assert_eq!(told(Kind::Plain, &twice, &wishes, &[]).len(), 1);
        assert_eq!(told(Kind::Plain, &twice[..1], &[wish("x", Verb::Start, 49)], &[]).len(), 1);
        assert_eq!(told(Kind::Plain, &twice[..1], &[wish("y", Verb::Stop, 49)], &[]).len(), 1);
        assert_eq!(told(Kind::Plain, &twice[..1], &[wish("x", Verb::Stop, 51)], &[]).len(), 1);
        let everywhere = [run("x", "m1", 1, 50), run("x", "m2", 1, 50)];
        assert_eq!(told(Kind::Global, &everywhere, &wishes, &[]).len(), 0);
    }

    #[test]
    fn what_a_fault_may_end() {
        // A unit on m1 that ends before, while, just after and long after the fault.
        let ends = [39, 50, 63, 90];
        let cases = [
            (Kind::Plain, Harm::None, [1, 1, 1, 1]),
            (Kind::Plain, Harm::Apart, [1, 1, 0, 1]),
            (Kind::Plain, Harm::Frozen, [1, 1, 0, 1]),
            (Kind::Plain, Harm::Flaky, [1, 0, 0, 1]),
            (Kind::Plain, Harm::Dead, [1, 0, 1, 1]),
            (Kind::Plain, Harm::Storeless, [1, 1, 1, 1]),
            (Kind::Fenced, Harm::Apart, [1, 0, 0, 1]),
            (Kind::Fenced, Harm::Storeless, [1, 0, 0, 1]),
            (Kind::Plain, Harm::Together, [1, 1, 1, 1]),
            (Kind::Fenced, Harm::Together, [1, 0, 0, 1]),
            (Kind::Plain, Harm::Brief, [1, 1, 1, 1]),
            (Kind::Fenced, Harm::Brief, [1, 0, 0, 1]),
        ];
        for (kind, harm, expected) in cases {
            let told = ends.map(|end| {
                told(kind.clone(), &[run("x", "m1", 1, end)], &[], &[outage(harm)]).len()
            });
            assert_eq!(told, expected, "{kind:?} {harm:?}");
        }
        let elsewhere = [run("x", "m2", 1, 63)];
        assert_eq!(told(Kind::Plain, &elsewhere, &[], &[outage(Harm::Apart)]).len(), 1);
    }

    #[test]
    fn a_unit_beside_another_follows_it() {
        let kind = Kind::Beside("base".into());
        let left = [run("x", "m1", 1, 50), run("base", "m2", 51, 99)];
        assert_eq!(told(kind.clone(), &left, &[], &[]).len(), 0);
        assert_eq!(
            told(kind.clone(), &left[..1], &[wish("base", Verb::Destroy, 49)], &[]).len(),
            0
        );
        assert_eq!(told(kind.clone(), &left[..1], &[wish("base", Verb::Stop, 49)], &[]).len(), 1);
        assert_eq!(told(kind, &left[..1], &[], &[]).len(), 1);
    }

    #[test]
    fn a_oneshot_runs_once_for_a_wish() {
        let runs = [run("x", "m1", 1, 2), run("x", "m1", 5, 6)];
        let wishes = [wish("x", Verb::Start, 1)];
        assert_eq!(told(Kind::Once, &runs[..1], &wishes, &[]).len(), 0);
        let told = told(Kind::Once, &runs, &wishes, &[]);
        assert_eq!(told, ["needless start: x ran 2 times where 1 may be"]);
    }
}
