//! The engine's laws, on clusters that nobody would think of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fleet::fleetd::engine::{Change, Planner, Waiting, schedule, waiting};
use fleet::fleetd::registry::{StoredTrouble, UnitRecord};
use fleet::model::{MachineId, TargetState};
use fleet::unitfile::UnitName;
use proptest::prelude::*;

use crate::support::world::{TTL_SECS, World};

/// What becomes of a random cluster.
#[derive(Debug, Clone)]
enum Deed {
    Boot(u8, u8),
    Kill(u8),
    Leave(u8),
    Pass(u64),
    Store(u8, u8, TargetState),
    Destroy(u8),
    Fail(u8),
    /// Takes down three machines in a row, each of which comes back.
    Bomb(u8),
    /// A machine that was lost, or comes back, wins a unit before anybody else has.
    Win(u8, u8),
    Plan,
}

fn deed() -> impl Strategy<Value = Deed> {
    let target = prop_oneof![
        1 => Just(TargetState::Inactive),
        1 => Just(TargetState::Loaded),
        4 => Just(TargetState::Launched),
    ];
    prop_oneof![
        3 => (0..5u8, 0..3u8).prop_map(|(machine, rack)| Deed::Boot(machine, rack)),
        1 => (0..5u8).prop_map(Deed::Kill),
        1 => (0..5u8).prop_map(Deed::Leave),
        1 => (0..2 * TTL_SECS).prop_map(Deed::Pass),
        6 => (0..8u8, 0..10u8, target).prop_map(|(unit, kind, to)| Deed::Store(unit, kind, to)),
        1 => (0..8u8).prop_map(Deed::Destroy),
        1 => (0..8u8).prop_map(Deed::Fail),
        1 => (0..4000u64).prop_map(Deed::Pass),
        1 => (0..8u8, 0..5u8).prop_map(|(unit, machine)| Deed::Win(unit, machine)),
        1 => (0..8u8).prop_map(Deed::Bomb),
        2 => Just(Deed::Plan),
    ]
}

fn unit(number: u8) -> UnitName {
    UnitName::parse(&format!("u{number}.service")).unwrap()
}

fn machine(number: u8) -> MachineId {
    World::machine(&format!("m{number}"))
}

/// A file that asks something of its machine, and mostly of other units of the same cluster.
fn contents(number: u8, kind: u8) -> String {
    let (next, other) = ((number + 1) % 8, (number + 3) % 8);
    let fleet = match kind {
        0 | 1 => String::new(),
        2 => format!("MachineOf=u{next}.service"),
        3 => format!("Conflicts=u{next}.service u{other}.service"),
        4 => "Global=true".to_owned(),
        5 => "MachineMetadata=rack=0\nMachineMetadata=rack=1".to_owned(),
        6 => format!("Replaces=u{next}.service"),
        7 => format!("MachineID=m{}", number % 5),
        // As no API takes it.
        9 => "Global=sideways".to_owned(),
        _ => format!("MachineOf=u{next}.service\nConflicts=u{other}.service"),
    };
    format!("[Service]\nExecStart=/bin/true\n[X-Fleet]\n{fleet}\n")
}

fn play(deeds: &[Deed]) -> World {
    let mut world = World::default();
    play_on(&mut world, deeds);
    world
}

fn play_on(world: &mut World, deeds: &[Deed]) {
    for deed in deeds {
        match deed {
            Deed::Boot(id, rack) => {
                let metadata = BTreeMap::from([("rack".to_owned(), rack.to_string())]);
                world.boot(&machine(*id), metadata);
            }
            Deed::Kill(id) => world.kill(&machine(*id)),
            Deed::Leave(id) => world.leave(&machine(*id)),
            Deed::Pass(secs) => world.pass_secs(*secs),
            Deed::Store(name, kind, desired) => {
                let contents = contents(*name, *kind);
                let launch = world.revision().unsigned_abs();
                world.store(&unit(*name), &UnitRecord { contents, desired: *desired, launch });
            }
            Deed::Destroy(name) => world.destroy(&unit(*name)),
            Deed::Win(name, id) => {
                let stored = world.cluster.units.get(&unit(*name));
                if stored.is_some_and(|stored| !stored.requirements.global) {
                    world.hold(&unit(*name), &machine(*id));
                }
            }
            Deed::Fail(name) => world.fail(&unit(*name)),
            Deed::Bomb(name) => (0..3).for_each(|_| bomb(world, &unit(*name))),
            Deed::Plan => drop(decide(world)),
        }
    }
}

/// A unit takes its machine down, if it is on one; others take over before that is back.
fn bomb(world: &mut World, name: &UnitName) {
    settle(world);
    let Some(home) = homes(world).get(name).and_then(|homes| homes.first().cloned()) else {
        return;
    };
    world.kill(&home);
    settle(world);
    world.pass_secs(TTL_SECS + 1);
    settle(world);
    world.boot(&home, BTreeMap::new());
}

/// Decides once, as the engine would, and carries it out; whether there was anything to do.
fn decide(world: &mut World) -> bool {
    let (plan, departures, troubles) = (world.plan(), world.departures(), world.troubles());
    world.check(&plan);
    world.carry_out(&plan);
    world.note(&departures);
    world.note_troubles(&troubles);
    let nothing = plan.decisions.is_empty() && departures.all.is_empty();
    !(nothing && troubles.all.is_empty())
}

/// Plans until there is nothing left; how often that took.
fn settle(world: &mut World) -> usize {
    for round in 0..6 {
        if !decide(world) {
            return round;
        }
    }
    panic!("no rest: {:?}", world.plan().decisions);
}

fn homes(world: &World) -> BTreeMap<UnitName, BTreeSet<MachineId>> {
    let mut homes: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (machine, schedule) in &world.cluster.schedule {
        for name in schedule.units.keys() {
            homes.entry(name.clone()).or_default().insert(machine.clone());
        }
    }
    homes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Every plan keeps the rules, and plans that are carried out leave nothing to decide: at most
    /// one pass for the units and one to tell newcomers that their schedule is complete.
    #[test]
    fn plans_keep_the_rules_and_come_to_rest(deeds in prop::collection::vec(deed(), 0..60)) {
        let mut world = play(&deeds);
        prop_assert!(settle(&mut world) <= 3);
    }

    /// Who looks only at what changed decides as one who looks at everything. Some of its plans come
    /// to nothing, as stale ones do, or are carried out in part.
    #[test]
    fn looking_at_changes_is_looking_at_everything(
        deeds in prop::collection::vec((deed(), 0..4u8), 0..60),
    ) {
        let (mut world, mut planner) = (World::default(), Planner::default());
        for (deed, luck) in &deeds {
            play_on(&mut world, std::slice::from_ref(deed));
            let mut plan = planner.plan(&world.cluster, &world.moment());
            let all = schedule(&world.cluster, &world.moment());
            prop_assert_eq!(&plan, &all, "after {:?}", deed);
            match luck {
                0 => {}
                1 => plan.decisions.truncate(1),
                _ => {
                    world.note(&world.departures());
                    world.note_troubles(&world.troubles());
                }
            }
            if *luck > 0 {
                world.carry_out(&plan);
            }
        }
    }

    /// Whatever waits for a time is looked at when that has come; after an hour and ten minutes
    /// nobody waits, and nothing is remembered but starts that are still said to have failed.
    #[test]
    fn every_wait_ends(deeds in prop::collection::vec(deed(), 0..60)) {
        let mut world = play(&deeds);
        settle(&mut world);
        let begun = world.now;
        let end = begun.after(Duration::from_secs(70 * 60));
        while let Some(due) = world.due().filter(|due| *due <= end) {
            prop_assert!(due > world.now, "{due} is over at {}", world.now);
            world.now = due;
            settle(&mut world);
        }
        prop_assert!(world.plan().paused.is_empty());
        prop_assert!(world.cluster.machine_troubles.is_empty());
        let moved = |trouble: &StoredTrouble| trouble.record.moves.is_some();
        prop_assert!(!world.cluster.unit_troubles.values().any(moved));
    }

    /// A unit that waits is refused by every machine, and no machine that would take it is idle.
    #[test]
    fn who_waits_is_refused_by_everyone(deeds in prop::collection::vec(deed(), 0..60)) {
        let mut world = play(&deeds);
        settle(&mut world);
        let plan = world.plan();
        let homes = homes(&world);
        for (name, stored) in &world.cluster.units {
            let waits = stored.desired > TargetState::Inactive && !homes.contains_key(name);
            let rests = plan.paused.contains_key(name);
            if waits && !rests && !world.cluster.machines.is_empty() {
                let refusals = &plan.refused[name];
                prop_assert_eq!(refusals.len(), world.cluster.machines.len(), "{}", name);
            }
        }
    }

    /// A unit that has no live machine either waits, and that is told, or is refused by everyone.
    #[test]
    fn who_waits_is_told(deeds in prop::collection::vec(deed(), 0..60)) {
        let mut world = play(&deeds);
        settle(&mut world);
        let (plan, cluster) = (world.plan(), &world.cluster);
        let waiting = waiting(cluster, &world.moment());
        let placeable = cluster.units.iter().filter(|(_, unit)| !unit.requirements.global);
        for (name, stored) in placeable {
            let runs = cluster.machines_of(name).any(|(id, _)| cluster.machines.contains_key(id));
            let wanted = stored.desired > TargetState::Inactive && !name.is_template();
            let waits = wanted && !runs && !plan.refused.contains_key(name);
            prop_assert_eq!(waiting.contains_key(name), waits, "{}", name);
            let pause = plan.paused.get(name).map(|pause| Waiting::Pause(*pause));
            prop_assert!(pause.is_none_or(|pause| waiting[name] == pause), "{}", name);
        }
    }

    /// Losing a machine moves its units, and only those that must follow them or make way.
    #[test]
    fn losing_a_machine_moves_only_its_units(
        deeds in prop::collection::vec(deed(), 0..60),
        lost in 0..5u8,
    ) {
        let mut world = play(&deeds);
        settle(&mut world);
        let before = homes(&world);
        let lost = machine(lost);
        world.kill(&lost);
        let plan = world.plan();
        for decision in &plan.decisions {
            if let Change::Unassign { unit, .. } = &decision.change {
                let replaced = world.cluster.units.values().any(|stored| {
                    stored.requirements.replaces.iter().any(|glob| glob.matches(unit.as_str()))
                });
                let stored = world.cluster.units.get(unit);
                let follows = stored.is_some_and(|it| !it.requirements.machine_of.is_empty());
                let was_there = before[unit].contains(&lost);
                prop_assert!(was_there || replaced || follows, "{}", decision);
            }
        }
    }
}
