//! The process that simulated machines live in. Each is a whole fleetd without its API: agent,
//! engine, registry and a connection to etcd of its own. Only systemd is the twin in memory.

use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;

use fleet::fleetd::agent::Standing;
use fleet::fleetd::boot_clock::Kernel;
use fleet::fleetd::metrics::{Metered, Metrics};
use fleet::fleetd::registry::{FORMAT, MachineRecord, Registry};
use fleet::fleetd::systemd::MemoryUnits;
use fleet::model::MachineId;
use futures_util::{StreamExt, stream};
use tokio::runtime::Runtime;

use super::fleetd::{Around, Fleetd};
use super::{AGENT_TTL, LEADER_TTL, etcd, id};

/// Machines that boot side by side.
const JOINING_AT_ONCE: usize = 100;

/// One machine.
struct Machine {
    id: MachineId,
    fleetd: Fleetd,
}

/// Lives until its input ends; what is `/run/fleet` to others is below `run`. Says `joined` once all
/// of its machines have; to `kill N` it kills so many of them, and says which.
pub fn host(runtime: &Runtime, port: u16, run: &Path, first: usize, count: usize) {
    let numbers = stream::iter(first..first + count);
    let joining = numbers.map(|number| join(port, run, number)).buffer_unordered(JOINING_AT_ONCE);
    let mut machines: Vec<Machine> = runtime.block_on(joining.collect());
    say("joined");
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let count = line.strip_prefix("kill ").and_then(|count| count.parse::<usize>().ok());
        let count = count.expect("kill N").min(machines.len());
        let killed: Vec<_> = machines.drain(..count).collect();
        let ids: Vec<String> = killed.iter().map(|machine| machine.id.to_string()).collect();
        runtime.block_on(async {
            for machine in killed {
                machine.fleetd.kill().await;
            }
        });
        say(&ids.join(" "));
    }
}

async fn join(port: u16, run: &Path, number: usize) -> Machine {
    let metrics = Metrics::default();
    let store = Metered::new(etcd::store(port), metrics.clone());
    let id = id(number);
    let [.., b, c] = number.to_be_bytes();
    let registry = Registry::over(Arc::new(store), AGENT_TTL / 6);
    let around = Around {
        machine: &id,
        ttl: AGENT_TTL,
        leader_ttl: LEADER_TTL,
        clock: Arc::new(Kernel),
        record: MachineRecord {
            ip: format!("10.0.{b}.{c}"),
            version: env!("CARGO_PKG_VERSION").into(),
            format: Some(FORMAT),
            ..MachineRecord::default()
        },
        engine_registry: registry.clone(),
        registry,
        units: Arc::new(MemoryUnits::new()),
        run_folder: &run.join(id.as_str()),
        metrics,
    };
    let mut fleetd = Fleetd::start(around).await.expect("a fleetd that starts");
    let joined = fleetd.standing.wait_for(|is| *is == Standing::Member).await;
    joined.expect("an agent that goes on");
    Machine { id, fleetd }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody listens");
}
