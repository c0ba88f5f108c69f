//! Every way in, for a moment: the seeds of `fuzz/`, what comes of changing them a little, and
//! bytes of no meaning; the same each time. `make fuzz` does it at length.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::support::inputs::{ALL, Entry};

/// Random inputs for each way in.
const CASES: u32 = 100;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// A seed in which some bytes are replaced by others, or nothing but bytes.
fn input(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    let place = (any::<prop::sample::Index>(), 0..20usize, bytes());
    let changed = (prop::sample::select(seeds), prop::collection::vec(place, 1..4));
    let changed = changed.prop_map(|(mut seed, places)| {
        for (at, length, bytes) in places {
            let at = at.index(seed.len() + 1);
            let end = (at + length).min(seed.len());
            seed.splice(at..end, bytes);
        }
        seed
    });
    prop_oneof![4 => changed, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

fn drive(target: &str, entry: Entry) {
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| entry(seed));
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    let driven = runner.run(&input(seeds), |bytes| {
        entry(&bytes);
        Ok(())
    });
    driven.unwrap_or_else(|failed| panic!("{target}: {failed}"));
}

#[test]
fn nothing_that_comes_in_does_harm() {
    ALL.iter().for_each(|(target, entry)| drive(target, *entry));
}

#[test]
fn every_way_in_is_a_fuzz_target() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    for (target, _) in ALL {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), ALL.len());
}
