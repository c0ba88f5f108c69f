//! What fleet costs on real machines: `make bench-cluster` makes three, runs this, and removes them.
//! One file a question; `PART=latency` asks only that one.
//!
//! This program is put on each machine, too, and works there as a hand ([`hand`]): it runs what it
//! is told to and says when that began and ended. All machines share one kernel, so their clocks
//! agree. When a unit became active or stopped is read from systemd's journal afterwards
//! ([`journal`]): to look meanwhile would disturb what is measured.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

mod budget;
mod bus;
#[allow(dead_code, reason = "the tests on machines need more of it")]
#[path = "../../tests/live/cluster.rs"]
mod cluster;
mod containers;
mod etcd;
mod failover;
mod hand;
mod journal;
mod latency;
mod lists;
mod machines;
mod orders;
#[allow(dead_code, unused_imports, reason = "other benchmarks need more of it")]
#[path = "../report/mod.rs"]
mod report;
mod rest;
mod throughput;
mod units;

use machines::Machines;

/// Asks one question, and prints its table.
type Measure = fn(&mut Machines);

/// The questions, in the order in which they are asked.
const PARTS: &[(&str, Measure)] = &[
    ("latency", latency::measure),
    ("budget", budget::measure),
    ("throughput", throughput::measure),
    ("containers", containers::measure),
    ("rest", rest::measure),
    ("lists", lists::measure),
    ("failover", failover::measure),
];

fn main() {
    if std::env::args().nth(1).as_deref() == Some(hand::MODE) {
        return hand::work();
    }
    let chosen = std::env::var("PART").unwrap_or_default();
    let parts = PARTS.iter().filter(|(name, _)| chosen.is_empty() || chosen == *name);
    let mut machines = Machines::ready();
    for (_, measure) in parts {
        measure(&mut machines);
    }
}
