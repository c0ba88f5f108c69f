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
