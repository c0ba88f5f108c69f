//! What goes wrong again and again, and how long who is troubled waits: units whose machines are
//! lost under them, machines that are lost and return, starts that fail. Pure; what time it is comes
//! in as a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::order;
use crate::fleetd::registry::{
    Cluster, Failures, MachineTrouble, Moves, StateRecord, StoredUnit, UnitTrouble,
};
use crate::model::{MachineId, Timestamp};
use crate::unitfile::UnitName;

/// Trouble that has been over for so long is forgotten: a bad cable has been found by then, or it
/// comes back and is counted anew.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// So often it can be chance, and nobody waits.
const CHANCE: u32 = 2;

/// The first pause: longer than a unit takes to bring its machine down, short for who watches.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest: a unit that takes down one machine in ten minutes leaves a cluster that works.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// A pause before something is placed, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// How often it happened …
    pub times: u32,
    /// … since when.
    pub since: Timestamp,
    /// When the pause is over.
    pub until: Timestamp,
}

impl Pause {
    /// The pause at `now` after something happened so often, last at `last`. A clock that
    /// was set back makes nobody wait longer than the longest pause.
    fn at(now: Timestamp, times: u32, since: Timestamp, last: Timestamp) -> Option<Pause> {
        let doublings = times.checked_sub(CHANCE + 1)?;
        let time = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_PAUSE);
        let until = last.after(time);
        (now < until && until.since(now) <= LONGEST_PAUSE).then_some(Pause { times, since, until })
    }

    /// The pause of a unit that had to move so often.
    pub fn after(moves: Moves, now: Timestamp) -> Option<Pause> {
        Pause::at(now, moves.times, moves.since, moves.last)
    }

    /// The pause of a live machine that was lost so often. One that just returned begins it.
    pub fn of_machine(cluster: &Cluster, machine: &MachineId, now: Timestamp) -> Option<Pause> {
        let MachineTrouble { times, since, last } = *cluster.machine_troubles.get(machine)?;
        let last = if cluster.lost.contains_key(machine) { now } else { last };
        Pause::at(now, times, since, last)
    }
}

/// So many times, in words.
pub fn often(times: u32) -> String {
    match times {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        times => format!("{times} times"),
    }
}

/// What is said of a unit that waits.
impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pause { times, since, until } = self;
        write!(f, "its machine was lost {} since {since}: it waits until {until}", often(*times))
    }
}

/// Whether a machine went without a word; one that left in order did not.
pub fn is_lost(cluster: &Cluster, machine: &MachineId) -> bool {
    let left = cluster.known.get(machine).is_some_and(|known| known.record.left.is_some());
    !cluster.machines.contains_key(machine) && !left
}

/// How often a unit had to move, as far as that counts: a start or a file of since then is a new
/// beginning, and so is an hour without a move.
pub fn moves(
    cluster: &Cluster,
    name: &UnitName,
    unit: &StoredUnit,
    now: Timestamp,
) -> Option<Moves> {
    let moves = cluster.unit_troubles.get(name)?.record.moves?;
    (moves.launch == unit.launch && is_recent(moves.last, now)).then_some(moves)
}

/// One more move of a unit, because its machine is lost.
pub fn one_more_move(before: Option<Moves>, unit: &StoredUnit, now: Timestamp) -> Moves {
    let first = Moves { times: 0, since: now, last: now, launch: unit.launch };
    let before = before.unwrap_or(first);
    Moves { times: before.times.saturating_add(1), last: now, ..before }
}

/// How often a unit failed to start on each machine, lately.
pub fn failures<'a>(
    cluster: &'a Cluster,
    name: &UnitName,
    now: Timestamp,
) -> BTreeMap<&'a MachineId, u32> {
    let all = cluster.unit_troubles.get(name).map(|trouble| &trouble.record.failures);
    let recent = all.into_iter().flatten().filter(|(_, failures)| is_recent(failures.last, now));
    recent.map(|(machine, failures)| (machine, failures.times)).collect()
}

/// A machine's trouble once it is lost.
pub fn one_more_loss(before: Option<&MachineTrouble>, now: Timestamp) -> MachineTrouble {
    let recent = before.filter(|trouble| is_recent(trouble.last, now));
    let first = MachineTrouble { times: 0, since: now, last: now };
    let before = recent.copied().unwrap_or(first);
    MachineTrouble { times: before.times.saturating_add(1), last: now, ..before }
}

fn is_recent(last: Timestamp, now: Timestamp) -> bool {
    now.since(last) < REMEMBERED
}

/// What to note of troubles, and when to look again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Troubles {
    /// In order of subject.
    pub all: Vec<Trouble>,
    /// When the next of them will have been over for long enough.
    pub next: Option<Timestamp>,
}

/// What to note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// That this is now known of a unit; nothing, if that is nothing.
    Unit(UnitName, UnitTrouble),
    /// That nothing is known of a machine any more.
    Over(MachineId),
}

/// Compares what is known of troubles with what is reported, and with the time.
pub fn troubles(cluster: &Cluster, now: Timestamp) -> Troubles {
    let mut troubles = Troubles::default();
    let failed = cluster.failed_starts().filter(|name| {
        let on = cluster.states.get(*name).into_iter().flatten();
        on.into_iter().any(|(machine, state)| is_news(cluster, name, machine, state))
    });
    let names: BTreeSet<&UnitName> = cluster.unit_troubles.keys().chain(failed).collect();
    let mut dues = Vec::new();
    for name in names {
        let (after, due) = of_unit(cluster, name, now);
        dues.extend(due);
        let before = cluster.unit_troubles.get(name).map(|trouble| &trouble.record);
        if before != Some(&after) {
            troubles.all.push(Trouble::Unit(name.clone(), after));
        }
    }
    for (machine, trouble) in &cluster.machine_troubles {
        match is_recent(trouble.last, now) {
            true => dues.push(trouble.last.after(REMEMBERED)),
            false => troubles.all.push(Trouble::Over(machine.clone())),
        }
    }
    troubles.next = dues.into_iter().min();
    troubles
}

/// Whether a report says of a start that failed that nobody has noted yet. Global units are not
/// placed, so it makes no difference where they fail.
pub fn is_news(
    cluster: &Cluster,
    name: &UnitName,
    machine: &MachineId,
    state: &StateRecord,
) -> bool {
    let Some(launch) = state.failed_start() else { return false };
    let placed = cluster.units.get(name).is_some_and(|unit| !unit.requirements.global);
    let trouble = cluster.unit_troubles.get(name).map(|trouble| &trouble.record);
    let noted = trouble.and_then(|trouble| trouble.failures.get(machine));
    placed && noted.is_none_or(|noted| noted.launch != launch)
}

/// What is to be known of a unit from now on, and when that will change by itself.
fn of_unit(cluster: &Cluster, name: &UnitName, now: Timestamp) -> (UnitTrouble, Option<Timestamp>) {
    let unit = cluster.units.get(name).filter(|unit| !unit.requirements.global);
    let Some(unit) = unit else { return (UnitTrouble::default(), None) };
    let known = cluster.unit_troubles.get(name).map(|trouble| &trouble.record.failures);
    let reports = cluster.states.get(name);
    let failed = |machine| reports.and_then(|on| on.get(machine)?.failed_start());
    let known_on = known.into_iter().flat_map(BTreeMap::keys);
    let reported_on = reports.into_iter().flat_map(BTreeMap::keys);
    let machines: BTreeSet<&MachineId> = known_on.chain(reported_on).collect();
    let failures = machines.into_iter().filter_map(|machine| {
        let before = known.and_then(|known| known.get(machine)).copied();
        Some((machine.clone(), failures_on(before, failed(machine), now)?))
    });
    let failures: BTreeMap<MachineId, Failures> = failures.collect();
    let moves = moves(cluster, name, unit, now).filter(|_| order::wanted(name, unit));
    let quiet = failures.iter().filter(|(machine, it)| failed(machine) != Some(it.launch));
    let last = quiet.map(|(_, it)| it.last).chain(moves.map(|it| it.last)).min();
    (UnitTrouble { moves, failures }, last.map(|last| last.after(REMEMBERED)))
}

/// What is to be known of a unit's starts on one machine, where this one is said to have failed.
fn failures_on(before: Option<Failures>, failed: Option<u64>, now: Timestamp) -> Option<Failures> {
    let recent = before.filter(|before| is_recent(before.last, now));
    match failed {
        None => recent,
        // What is still said must stay known, else it would be news again.
        Some(launch) if before.is_some_and(|before| before.launch == launch) => before,
        Some(launch) => {
            let times = recent.map_or(0, |recent| recent.times).saturating_add(1);
            Some(Failures { times, last: now, launch })
        }
    }
}

/// What went wrong with a unit, with one more move of it.
pub fn with_moves(cluster: &Cluster, name: &UnitName, moves: Moves) -> UnitTrouble {
    let known = cluster.unit_troubles.get(name).map(|trouble| &trouble.record.failures);
    UnitTrouble { moves: Some(moves), failures: known.cloned().unwrap_or_default() }
}

impl Trouble {
    /// Its kind, in one word.
    pub fn word(&self) -> &'static str {
        match self {
            Trouble::Unit(_, trouble) if *trouble != UnitTrouble::default() => "troubled",
            Trouble::Unit(..) | Trouble::Over(_) => "untroubled",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Over(machine) => {
                write!(f, "! {}: its losses are forgotten", machine.short())
            }
            Trouble::Unit(name, trouble) if trouble.failures.is_empty() => {
                write!(f, "! {name}: its troubles are forgotten")
            }
            Trouble::Unit(name, trouble) => {
                let failures = trouble.failures.iter();
                let failures =
                    failures.map(|(on, it)| format!("on {} {}", on.short(), often(it.times)));
                let failures: Vec<String> = failures.collect();
                write!(f, "! {name}: failed to start {}", failures.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_the_third_time_on() {
        let at = Timestamp::from_unix_secs;
        let table = [
            (1, 0),
            (2, 0),
            (3, 10),
            (4, 20),
            (5, 40),
            (6, 80),
            (7, 160),
            (8, 320),
            (9, 600),
            (10, 600),
            (u32::MAX, 600),
        ];
        for (times, secs) in table {
            let until = |now| Pause::at(at(now), times, at(0), at(1000)).map(|pause| pause.until);
            let pause = (secs > 0).then(|| at(1000 + secs));
            assert_eq!(until(1000), pause, "{times} times");
            assert_eq!(until(1000 + secs), None, "{times} times, later");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_make_it_longer() {
        let at = Timestamp::from_unix_secs;
        let until = |now| Pause::at(at(now), 3, at(0), at(100_000)).map(|pause| pause.until);
        assert_eq!(until(99_999), Some(at(100_010)));
        assert_eq!(until(50_000), None);
    }
}
