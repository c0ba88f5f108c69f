//! Chaos: real faults on real machines under a steady load, checked against what every machine's
//! systemd really ran. `make chaos` makes the cluster that `FLEET_CLUSTER` names, runs this, and
//! removes it.
//!
//! One round: some load; a fault, with load going on; its undoing; quiet. At quiet all that is wanted
//! must run, and nothing else be anywhere ([`quiet`]). At the end the journals of all machines, the
//! wishes and the faults tell whether a unit ever ran twice ([`double`]) or was stopped for nothing
//! ([`stops`]).

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "the other tests on machines need more of it")]
#[path = "../live/cluster.rs"]
mod cluster;
mod double;
mod faults;
mod journal;
mod load;
mod machines;
mod quiet;
mod records;
mod report;
mod run;
mod stops;
mod strike;
mod witness;

use std::path::Path;
use std::time::Duration;

/// A number that the caller may have set.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

#[test]
#[ignore = "needs machines"]
fn chaos() {
    let minutes = setting("CHAOS_MINUTES").unwrap_or(10);
    let seed = setting("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("chaos: {minutes} minutes, SEED={seed}");
    let ended = run::run(seed, Duration::from_secs(60 * minutes));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/chaos/{seed}"));
    ended.keep(&folder).expect("the journals can be kept");
    println!("\n{}seed {seed}, journals in {}", ended.table, folder.display());
    assert!(ended.violations.is_empty(), "\n{}\n", ended.violations.join("\n"));
}
