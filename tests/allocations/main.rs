//! How often the engine's pass asks for memory: counted, in a program of its own whose allocator
//! counts. It tells how much a pass copies, whatever the computer.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../support/world.rs"]
#[allow(dead_code, reason = "other tests do more with a world")]
mod world;

use std::collections::BTreeMap;

use allocation_counter::measure;
use fleet::fleetd::engine::{Plan, Planner, schedule};
use fleet::fleetd::registry::UnitRecord;
use fleet::model::TargetState::Launched;
use fleet::unitfile::UnitName;
use world::World;

const MACHINES: usize = 100;
const UNITS: usize = 1000;

fn store(world: &mut World, name: &str) {
    let contents = "[Service]\nExecStart=/bin/sleep infinity\n".to_owned();
    let record = UnitRecord { contents, desired: Launched, launch: 1 };
    world.store(&UnitName::parse(name).unwrap(), &record);
}

/// Every unit has its place, and every place is planned.
fn placed() -> World {
    let mut world = World::default();
    for number in 0..MACHINES {
        world.boot(&World::machine(&format!("m{number:03}")), BTreeMap::new());
    }
    (0..UNITS).for_each(|number| store(&mut world, &format!("u{number:04}.service")));
    world.carry_out(&world.plan());
    world
}

/// The allocations of one pass, which decides about so many units.
fn count(what: &str, decides: usize, pass: impl FnOnce() -> Plan) -> u64 {
    let mut decided = 0;
    let counted = measure(|| decided = pass().decisions.len());
    assert_eq!(decided, decides, "{what}");
    println!(
        "{what}, {MACHINES} machines, {UNITS} units: {} allocations, {} KiB",
        counted.count_total,
        counted.bytes_total / 1024
    );
    counted.count_total
}

#[test]
fn a_pass_copies_little() {
    let mut world = placed();
    let moment = world.moment();
    let first = count("from scratch", 0, || schedule(&world.cluster, &moment));
    let mut planner = Planner::default();
    planner.plan(&world.cluster, &moment);
    let unchanged = count("nothing changed", 0, || planner.plan(&world.cluster, &moment));
    store(&mut world, "new.service");
    let changed = count("one new unit", 1, || planner.plan(&world.cluster, &moment));
    assert!(first <= FIRST_MAX, "{first} allocations from scratch");
    assert!(unchanged <= UNCHANGED_MAX, "{unchanged} allocations where nothing changed");
    assert!(changed <= CHANGED_MAX, "{changed} allocations for one unit");
}

/// Lists of who is where; no unit's file.
const FIRST_MAX: u64 = 2500;

/// Nothing that grows with the cluster.
const UNCHANGED_MAX: u64 = 20;

/// A look at the machines that might take it, and what is decided.
const CHANGED_MAX: u64 = 40;
