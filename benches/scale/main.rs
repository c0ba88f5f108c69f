//! How fleet grows: thousands of simulated machines, which are fleetd's own code around a twin of
//! systemd, over a real etcd. `SIZES=100x1000,…` (machines × units) instead of those that are recorded.
//!
//! This program starts itself again for the machines: one process for the one that leads and one for
//! a single one that does not, so that their memory can be told, and some for all the others.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failure ends the measurement")]

mod cluster;
mod etcd;
#[path = "../../tests/support/etcd_counts.rs"]
mod etcd_counts;
#[allow(dead_code, reason = "tests have more uses for a fleetd")]
#[path = "../../tests/support/fleetd.rs"]
mod fleetd;
mod host;
mod measure;
mod process;
#[allow(dead_code, reason = "shared by all benchmarks")]
#[path = "../report/mod.rs"]
mod report;
mod results;
mod running;

use std::path::Path;
use std::time::Duration;

use fleet::model::MachineId;
use tokio::runtime::{Builder, Runtime};

/// How long a machine lives without a heartbeat: as fleetd has it by default.
const AGENT_TTL: Duration = Duration::from_secs(30);

/// How long a leader does, of machines that live so long.
const LEADER_TTL: Duration = Duration::from_secs(5);

/// As many threads as fleetd has.
const THREADS: usize = 2;

/// The sizes that are recorded.
const SIZES: &str = "100x1000,1000x10000,5000x50000";

/// How large a cluster is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Its machines.
    pub machines: usize,
    /// Its units.
    pub units: usize,
}

fn main() {
    let runtime = runtime();
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, rest @ ..] = &args[..]
        && word == "host"
    {
        let [run, port, first, count] = rest else { panic!("host RUN PORT FIRST COUNT") };
        let number = |text: &String| text.parse::<usize>().expect("a number");
        let port = port.parse().expect("a port");
        return host::host(&runtime, port, Path::new(run), number(first), number(count));
    }
    let sizes = std::env::var("SIZES").unwrap_or_else(|_| SIZES.to_owned());
    let measured = |size| runtime.block_on(measure::measure(size));
    results::tell(&sizes.split(',').map(Size::parse).map(measured).collect::<Vec<_>>());
}

fn runtime() -> Runtime {
    let mut threads = Builder::new_multi_thread();
    threads.worker_threads(THREADS).enable_all().build().expect("threads")
}

impl Size {
    fn parse(text: &str) -> Size {
        let size = text.split_once('x').and_then(|(machines, units)| {
            Some(Size { machines: machines.parse().ok()?, units: units.parse().ok()? })
        });
        size.expect("SIZES=MACHINESxUNITS,…")
    }
}

/// The id of a machine: spread over all there are, as real ones.
fn id(number: usize) -> MachineId {
    const GOLDEN: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
    let id = GOLDEN.wrapping_mul(number as u128 + 1);
    MachineId::parse(&format!("{id:032x}")).expect("an id")
}
