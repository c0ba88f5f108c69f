//! A cluster's life, simulated: real agents and engines in one process, on one thread and a clock that jumps; around
//! them a store, a network and a systemd that fail in every way that real ones do, by dice.
//!
//! A seed is a life: the same seed throws the same dice. `SEEDS=17 cargo test --test simulate` replays the 17th,
//! `SEEDS=1..500` plays many; `TRACE=1` tells all that happens.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod bugs;
mod host;
mod laws;
mod life;
mod link;
mod quiet;
mod script;
mod sky;
mod systemd;
mod units;
mod world;

#[path = "../support/fleetd.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod fleetd;

use std::sync::Mutex;

use life::{Ended, play};

/// As many lives as `make test` has time for.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=60;

/// `A..B` (with B), or one number.
fn seeds() -> Vec<u64> {
    let Ok(asked) = std::env::var("SEEDS") else { return SEEDS.collect() };
    let number = |text: &str| text.trim().parse::<u64>().expect("SEEDS is a number, or A..B");
    match asked.split_once("..") {
        Some((first, last)) => (number(first)..=number(last)).collect(),
        None => vec![number(&asked)],
    }
}

/// Plays each seed, two at a time, and returns how those ended that broke a law.
fn play_all(seeds: &[u64]) -> Vec<Ended> {
    let (next, broken) = (Mutex::new(seeds.iter()), Mutex::new(Vec::new()));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let Some(seed) = next.lock().unwrap().next() else { return };
                    let ended = play(*seed, None);
                    println!("{ended}");
                    if ended.broken.is_some() {
                        broken.lock().unwrap().push(ended);
                    }
                }
            });
        }
    });
    broken.into_inner().unwrap()
}

#[test]
fn no_life_breaks_a_law() {
    let broken = play_all(&seeds());
    for ended in &broken {
        println!("\n{}", ended.story());
    }
    let seeds: Vec<u64> = broken.iter().map(|ended| ended.seed).collect();
    assert!(broken.is_empty(), "replay with SEEDS=n, n one of {seeds:?}");
}

#[test]
fn the_same_seed_is_the_same_life() {
    let [first, second] = [play(7, None), play(7, None)];
    let differs = first.trace.iter().zip(&second.trace).find(|(a, b)| a != b);
    assert_eq!(differs, None, "the first line that differs");
    assert_eq!(first.trace.len(), second.trace.len());
}
