//! The units that are started, by fleet and by those it is measured against.

use std::collections::BTreeMap;

use crate::machines::Machines;
use crate::orders::{Order, Ran};

/// Where files lie that nobody has seen yet.
pub const SHELF: &str = "/run/bench";

/// Where systemd finds files by itself.
pub const SYSTEMD: &str = "/run/systemd/system";

/// A service that is active as soon as its process is there, and ends when it is told to.
const SLEEPER: &str = "[Unit]\nDescription=Sleeps\n[Service]\nExecStart=/bin/sleep 1d\n";

/// So many names of services.
pub fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{number:04}.service")).collect()
}

/// The path of a unit's file below a folder.
pub fn path(folder: &str, unit: &str) -> String {
    format!("{folder}/{unit}")
}

/// Files of services that sleep, below a folder.
pub fn sleepers(folder: &str, units: &[String]) -> BTreeMap<String, String> {
    units.iter().map(|unit| (path(folder, unit), SLEEPER.to_owned())).collect()
}

/// Has fleet start so many sleepers, and waits until all are active.
pub fn start(machines: &mut Machines, prefix: &str, count: usize) -> Ran {
    let first = machines.first();
    let units = names(prefix, count);
    machines.does(&first, Order::Write { files: sleepers(SHELF, &units) });
    let paths: Vec<String> = units.iter().map(|unit| path(SHELF, unit)).collect();
    let command = [&["fleetctl", "start"].map(str::to_owned)[..], &paths].concat();
    machines.does(&first, Order::Run { commands: vec![command], at_once: 1 }).remove(0)
}

/// Stops what systemd started by itself, and forgets its files.
pub fn forget(machines: &mut Machines, prefix: &str) {
    machines.everywhere(&format!(
        "systemctl stop '{prefix}-*'; rm -f {SYSTEMD}/{prefix}-*; systemctl daemon-reload"
    ));
}
