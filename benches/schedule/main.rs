//! How long one look of the engine at the cluster takes, with nothing of the store or of systemd: at
//! all of it, and after one change.
//!
//! `cargo bench --bench schedule`; criterion keeps its own reports in `target/criterion`.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

mod cluster;
#[allow(dead_code, unused_imports, reason = "the other benchmarks need more of it")]
#[path = "../report/mod.rs"]
mod report;

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use fleet::fleetd::engine::{Moment, Planner, schedule};
use fleet::fleetd::registry::Key;
use fleet::model::Timestamp;

use cluster::{Stored, machine_id, unit};
use report::{Table, time};

/// Machines, and units.
const SIZES: [(usize, usize); 3] = [(100, 2_000), (1_000, 10_000), (5_000, 100_000)];

/// The goals for the largest: from scratch, and after one change.
const GOALS: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(5)];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .configure_from_args();
    for (machines, units) in SIZES {
        let mut group = criterion.benchmark_group(group(machines, units));
        let mut stored = Stored::of(machines, units);
        group.bench_function(LOOKS[0].0, |b| b.iter(|| schedule(&stored.cluster, &moment())));
        stored.carry_out(&schedule(&stored.cluster, &moment()));
        group.bench_function(LOOKS[1].0, |b| b.iter(|| schedule(&stored.cluster, &moment())));
        let mut planner = Planner::default();
        planner.plan(&stored.cluster, &moment());
        one_start(LOOKS[2].0, &mut group, &mut stored, &mut planner, units);
        one_loss(&mut group, &mut stored, &mut planner);
        stored.add_homeless(1_000);
        settle(&mut stored, &mut planner);
        one_start(LOOKS[4].0, &mut group, &mut stored, &mut planner, units);
    }
    tell();
}

/// Decides until there is nothing left to decide.
fn settle(stored: &mut Stored, planner: &mut Planner) {
    loop {
        let plan = planner.plan(&stored.cluster, &moment());
        if plan.decisions.is_empty() {
            return;
        }
        stored.carry_out(&plan);
    }
}

/// What is looked at, as benchmarks are named, and in words.
const LOOKS: [(&str, &str); 5] = [
    ("nothing-placed", "all units, none placed yet"),
    ("nothing-changed", "all units, all where they shall be"),
    ("one-start", "after one new unit"),
    ("one-loss", "after the loss of one machine"),
    ("one-start-homeless", "after one new unit, where no machine takes 1,000 others"),
];

fn group(machines: usize, units: usize) -> String {
    format!("{machines}x{units}")
}

fn moment() -> Moment {
    Moment::at(Timestamp::from_unix_secs(1_000_000_000))
}

/// One unit is new; the look at it is measured, not those that come after it is scheduled and
/// destroyed again.
fn one_start(
    look: &str,
    group: &mut BenchmarkGroup<'_, WallTime>,
    stored: &mut Stored,
    planner: &mut Planner,
    units: usize,
) {
    let (name, record) = unit(units + 8);
    group.bench_function(look, |b| {
        b.iter_custom(|times| {
            let mut measured = Duration::ZERO;
            for _ in 0..times {
                stored.put(&Key::Unit(name.clone()), record.clone());
                let begun = Instant::now();
                let plan = planner.plan(&stored.cluster, &moment());
                measured += begun.elapsed();
                assert_eq!(plan.decisions.len(), 1, "it is placed");
                stored.carry_out(&plan);
                stored.delete(&Key::Unit(name.clone()));
                let plan = planner.plan(&stored.cluster, &moment());
                stored.carry_out(&plan);
                assert!(planner.plan(&stored.cluster, &moment()).decisions.is_empty());
            }
            measured
        });
    });
}

/// One machine is gone, and its units are placed anew; it comes back for the next time.
fn one_loss(group: &mut BenchmarkGroup<'_, WallTime>, stored: &mut Stored, planner: &mut Planner) {
    let machine = machine_id(7);
    group.bench_function(LOOKS[3].0, |b| {
        b.iter_custom(|times| {
            let mut measured = Duration::ZERO;
            for _ in 0..times {
                let session = stored.lose(&machine);
                let begun = Instant::now();
                let plan = planner.plan(&stored.cluster, &moment());
                measured += begun.elapsed();
                assert!(plan.decisions.len() > 2, "its units are moved");
                stored.put(&Key::Machine(machine.clone()), session);
                assert!(planner.plan(&stored.cluster, &moment()).decisions.len() <= 2);
            }
            measured
        });
    });
}

/// The table, from what criterion noted.
fn tell() {
    let mut table = Table::new("schedule", &["one look", "machines × units", "time", "goal"]);
    for (at, (look, words)) in LOOKS.iter().enumerate() {
        for (machines, units) in SIZES {
            let Some(median) = median(&format!("{}/{look}", group(machines, units))) else {
                continue;
            };
            let largest = (machines, units) == SIZES[2];
            let goal = [Some(GOALS[0]), None, Some(GOALS[1]), None, None][at].filter(|_| largest);
            let size = format!("{machines} × {units}");
            let goal = goal.map(time).unwrap_or_default();
            table.row([(*words).to_owned(), size, time(median), goal]);
        }
    }
    table.tell();
}

/// The median that criterion estimated last.
fn median(id: &str) -> Option<Duration> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/criterion");
    let text = std::fs::read_to_string(folder.join(id).join("new/estimates.json")).ok()?;
    let estimates: serde_json::Value = serde_json::from_str(&text).ok()?;
    let nanos = estimates["median"]["point_estimate"].as_f64()?;
    Some(Duration::from_secs_f64(nanos / 1e9))
}
