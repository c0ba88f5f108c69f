//! What has to be true when nothing happens any more: all that is wanted runs, and nothing else is
//! anywhere. Pure.

use std::collections::{BTreeMap, BTreeSet};

use fleet::fleetd::registry::Key;
use fleet::model::MachineId;

use crate::records::{Kind, Unit};

/// What is wanted of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    #[default]
    Absent,
    Loaded,
    Launched,
}

/// A unit of the load and what is wanted of it.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub unit: Unit,
    pub target: Target,
    /// Which of its files.
    pub revision: u64,
}

/// A unit on a machine, as systemd shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    pub active: String,
    pub revision: Option<u64>,
}

/// What was seen on one machine.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    pub id: String,
    /// What systemd knows.
    pub units: BTreeMap<String, Shown>,
    /// The files in `/run/fleet/units`.
    pub files: BTreeSet<String>,
    /// The files in `/run/fleet/launched`.
    pub launched: BTreeSet<String>,
}

/// What was seen everywhere, at one time.
#[derive(Debug, Clone, Default)]
pub struct Look {
    pub machines: BTreeMap<String, Machine>,
    /// What etcd has, without fleet's prefix.
    pub keys: Vec<String>,
}

impl Look {
    /// Units that are active, and where.
    pub fn active(&self) -> BTreeSet<(String, String)> {
        let all = self.machines.iter().flat_map(|(machine, there)| {
            let active = there.units.iter().filter(|(_, shown)| shown.active == "active");
            active.map(|(unit, _)| (unit.clone(), machine.clone()))
        });
        all.collect()
    }
}

/// All that is not as it shall be, in words.
pub fn check(wanted: &[Wanted], look: &Look) -> Vec<String> {
    let units =
        wanted.iter().flat_map(|wanted| placed(wanted, look).chain(as_wanted(wanted, look)));
    let mut told: Vec<String> = units.collect();
    told.extend(wanted.iter().filter_map(|one| together(one, wanted, look)));
    told.extend(strangers(wanted, look));
    told.extend(look.keys.iter().filter_map(|key| stale(key, wanted, look)));
    told.extend(missing(wanted, look));
    told
}

/// Where a unit has to be.
fn count(wanted: &Wanted, look: &Look) -> usize {
    match (wanted.target, &wanted.unit.kind) {
        (Target::Absent, _) => 0,
        (_, Kind::Global) => look.machines.len(),
        (_, Kind::Beside(base)) => on(base, look).len().min(1),
        _ => 1,
    }
}

/// The machines that have a unit's file.
fn on<'a>(unit: &str, look: &'a Look) -> Vec<&'a str> {
    let having = look.machines.iter().filter(|(_, machine)| machine.files.contains(unit));
    having.map(|(name, _)| name.as_str()).collect()
}

fn placed(wanted: &Wanted, look: &Look) -> impl Iterator<Item = String> {
    let (name, target) = (&wanted.unit.name, wanted.target);
    let (machines, count) = (on(name, look), count(wanted, look));
    let wrong = machines.len() != count;
    wrong.then(|| format!("{name} ({target:?}) is on {machines:?}, not on {count}")).into_iter()
}

/// On each machine that has it, a unit is as it is wanted.
fn as_wanted<'a>(wanted: &'a Wanted, look: &'a Look) -> impl Iterator<Item = String> + 'a {
    let name = &wanted.unit.name;
    on(name, look).into_iter().filter_map(move |machine| {
        let there = &look.machines[machine];
        let shown = there.units.get(name).cloned().unwrap_or_default();
        let running = shown.active == "active";
        let good = match (wanted.target, &wanted.unit.kind) {
            (Target::Launched, Kind::Once) => there.launched.contains(name) && !running,
            (Target::Launched, _) => running && shown.revision == Some(wanted.revision),
            _ => !running,
        };
        let Wanted { target, revision, .. } = wanted;
        (!good).then(|| format!("{name} ({target:?}, {revision}) on {machine} is {shown:?}"))
    })
}

/// A unit is where its `MachineOf` is, and not where its `Conflicts` is.
fn together(one: &Wanted, all: &[Wanted], look: &Look) -> Option<String> {
    let name = &one.unit.name;
    match &one.unit.kind {
        Kind::Beside(base) => {
            let (here, there) = (on(name, look), on(base, look));
            (!here.is_empty() && here != there)
                .then(|| format!("{name} is on {here:?}, its {base} on {there:?}"))
        }
        Kind::Apart => {
            let others = all.iter().filter(|o| o.unit.kind == Kind::Apart && o.unit.name > *name);
            let here = on(name, look);
            let clash = others
                .map(|other| &other.unit.name)
                .find(|other| on(other, look).iter().any(|machine| here.contains(machine)))?;
            Some(format!("{name} and {clash} are both on {here:?}"))
        }
        _ => None,
    }
}

/// Units that systemd has and fleet should have taken away.
fn strangers(wanted: &[Wanted], look: &Look) -> Vec<String> {
    let known = |name: &str| wanted.iter().any(|one| one.unit.name == name);
    let mut told = Vec::new();
    for (machine, there) in &look.machines {
        let loaded = there.units.keys().chain(&there.launched);
        let left = loaded.filter(|name| !there.files.contains(*name));
        told.extend(left.map(|name| format!("{name} is left over on {machine}")));
        let unknown = there.files.iter().filter(|name| !known(name));
        told.extend(unknown.map(|name| format!("{name} on {machine} was never wanted")));
    }
    told
}

/// Why a key should not be in the store.
fn stale(key: &str, wanted: &[Wanted], look: &Look) -> Option<String> {
    let live = |id: &MachineId| look.machines.values().find(|there| there.id == id.as_str());
    let has = |id: &MachineId, name: &str| live(id).is_some_and(|there| there.files.contains(name));
    let wants =
        |name: &str| wanted.iter().any(|one| one.unit.name == name && one.target != Target::Absent);
    let right = match Key::parse(key) {
        None => false,
        Some(Key::Unit(name)) => wants(name.as_str()),
        Some(Key::Schedule(id, name) | Key::State(name, id)) => has(&id, name.as_str()),
        Some(Key::Holder(name)) => on(name.as_str(), look).len() == 1,
        Some(Key::Machine(id) | Key::Planned(id) | Key::Figures(id)) => live(&id).is_some(),
        Some(Key::Lost(id)) => live(&id).is_none(),
        Some(_) => true,
    };
    (!right).then(|| format!("the store has {key}, which nothing stands for"))
}

/// Keys that the store should have.
fn missing(wanted: &[Wanted], look: &Look) -> Vec<String> {
    let mut needed: Vec<String> = Vec::new();
    for there in look.machines.values() {
        needed.push(format!("machine/{}", there.id));
        needed.push(format!("known/{}", there.id));
    }
    for one in wanted.iter().filter(|one| one.target != Target::Absent) {
        needed.push(format!("unit/{}", one.unit.name));
        if one.unit.kind != Kind::Global && !on(&one.unit.name, look).is_empty() {
            needed.push(format!("holder/{}", one.unit.name));
        }
    }
    let missing = needed.into_iter().filter(|key| !look.keys.contains(key));
    missing.map(|key| format!("the store has no {key}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [(&str, &str); 2] = [("m1", "aaaa"), ("m2", "bbbb")];

    /// Units, and machines where they are.
    type On<'a> = &'a [(&'a str, &'a str)];

    fn wanted(name: &str, kind: Kind, target: Target) -> Wanted {
        Wanted { unit: Unit { name: name.into(), kind }, target, revision: 1 }
    }

    /// What there is when the units are where they are said to be, and run.
    fn look(on: On) -> Look {
        let mut look = Look::default();
        for (machine, id) in IDS {
            let there = Machine { id: id.into(), ..Machine::default() };
            look.machines.insert(machine.into(), there);
            look.keys.extend([format!("machine/{id}"), format!("known/{id}")]);
        }
        for (unit, machine) in on {
            let there = look.machines.get_mut(*machine).expect("it is one of the two");
            let shown = Shown { active: "active".into(), revision: Some(1) };
            there.units.insert(unit.to_string(), shown);
            there.files.insert(unit.to_string());
            there.launched.insert(unit.to_string());
            let id = &there.id;
            look.keys.extend([format!("schedule/{id}/{unit}"), format!("state/{unit}/{id}")]);
            look.keys.extend([format!("unit/{unit}"), format!("holder/{unit}")]);
        }
        look
    }

    fn launched(name: &str) -> Wanted {
        wanted(name, Kind::Plain, Target::Launched)
    }

    #[test]
    fn all_is_as_it_shall_be() {
        let all = [launched("a.service"), wanted("b.service", Kind::Plain, Target::Absent)];
        assert_eq!(check(&all, &look(&[("a.service", "m1")])), [""; 0]);
    }

    /// Each of these is one thing gone wrong with a unit that is to run.
    #[test]
    fn each_violation_is_told() {
        type Break = fn(&mut Look);
        let cases: [(&str, Break); 9] = [
            (
                "a.service (Launched, 1) on m1 is Shown { active: \"failed\", revision: Some(1) }",
                |l| {
                    there(l).units.get_mut("a.service").expect("it is").active = "failed".into();
                },
            ),
            (
                "a.service (Launched, 1) on m1 is Shown { active: \"active\", revision: Some(0) }",
                |l| {
                    there(l).units.get_mut("a.service").expect("it is").revision = Some(0);
                },
            ),
            ("b.service is left over on m1", |l| {
                there(l).units.insert("b.service".into(), Shown::default());
            }),
            ("b.service is left over on m1", |l| {
                there(l).launched.insert("b.service".into());
            }),
            ("b.service on m1 was never wanted", |l| {
                there(l).files.insert("b.service".into());
            }),
            ("the store has unit/b.service, which nothing stands for", |l| {
                l.keys.push("unit/b.service".into());
            }),
            ("the store has holder/b.service, which nothing stands for", |l| {
                l.keys.push("holder/b.service".into());
            }),
            ("the store has state/a.service/cccc, which nothing stands for", |l| {
                l.keys.push("state/a.service/cccc".into());
            }),
            ("the store has no holder/a.service", |l| {
                l.keys.retain(|key| key != "holder/a.service");
            }),
        ];
        for (told, breaks) in cases {
            let mut look = look(&[("a.service", "m1")]);
            breaks(&mut look);
            assert_eq!(check(&[launched("a.service")], &look), [told]);
        }
    }

    fn there(look: &mut Look) -> &mut Machine {
        look.machines.get_mut("m1").expect("it is there")
    }

    /// Only what is said of places: most of these break more than one rule.
    #[test]
    fn a_unit_in_the_wrong_place_is_told() {
        let beside = || wanted("b.service", Kind::Beside("a.service".into()), Target::Launched);
        let apart = |name| wanted(name, Kind::Apart, Target::Launched);
        let both_on_m1: On = &[("a.service", "m1"), ("b.service", "m1")];
        let both_machines: On = &[("a.service", "m1"), ("a.service", "m2")];
        let cases: [(&[Wanted], On, &str); 6] = [
            (&[launched("a.service")], &[], "a.service (Launched) is on [], not on 1"),
            (&[launched("a.service")], both_machines, "is on [\"m1\", \"m2\"], not on 1"),
            (
                &[wanted("a.service", Kind::Global, Target::Launched)],
                &[("a.service", "m1")],
                "not on 2",
            ),
            (&[beside()], &[("b.service", "m1")], "b.service (Launched) is on [\"m1\"], not on 0"),
            (
                &[launched("a.service"), beside()],
                &[("a.service", "m1"), ("b.service", "m2")],
                "b.service is on [\"m2\"], its a.service on [\"m1\"]",
            ),
            (
                &[apart("a.service"), apart("b.service")],
                both_on_m1,
                "a.service and b.service are both on [\"m1\"]",
            ),
        ];
        for (wanted, on, expected) in cases {
            let told = check(wanted, &look(on));
            assert!(told.iter().any(|told| told.contains(expected)), "{expected}: {told:#?}");
        }
        assert_eq!(check(&[launched("a.service"), beside()], &look(both_on_m1)), [""; 0]);
    }
}
