//! What a cluster costs in which nothing happens: etcd's requests, writes and bytes, and what fleetd
//! takes of processor and memory.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::etcd::Etcd;
use crate::machines::Machines;
use crate::report::Table;
use crate::units;

/// How many units run meanwhile.
const SIZES: [usize; 2] = [300, 1000];

/// How long nothing happens before it is measured: the API's mirror on the machine where units
/// were started stays open for a minute.
const SETTLING: Duration = Duration::from_secs(65);

/// How long it is measured.
const SPAN: Duration = Duration::from_secs(60);

/// A process's clock ticks are hundredths of a second on Linux (`man proc`, `_SC_CLK_TCK`).
const TICKS_PER_SEC: f64 = 100.0;

/// Processor time and memory of fleetd (of etcd: of its first process).
const FLEETD: &str = "pid=$(systemctl show --value --property MainPID fleet); \
                      cat /proc/$pid/stat; grep VmRSS /proc/$pid/status";

/// What one process took.
#[derive(Debug, Clone, Copy)]
struct Taken {
    ticks: f64,
    memory_mib: f64,
}

/// Prints the table.
pub fn measure(machines: &mut Machines) {
    let etcd = Etcd::reach();
    let columns = [
        "at rest with",
        "etcd: requests/s",
        "writes/s",
        "KiB/s",
        "CPU: leader",
        "another fleetd",
        "etcd",
        "memory: leader",
        "where `fleetctl` is used",
        "another fleetd",
    ];
    let mut table = Table::new("rest", &columns);
    for size in SIZES {
        table.row(at_rest(machines, &etcd, size));
    }
    let goal = ["goal", "≤ 1", "0", "≤ 2", "≤ 0.1 %", "", "", "≤ 25 MiB", "", "≤ 15 MiB"];
    table.row(goal.map(str::to_owned));
    table.tell();
}

fn at_rest(machines: &mut Machines, etcd: &Etcd, size: usize) -> [String; 10] {
    let first = machines.first();
    units::start(machines, "rest", size);
    rest(SETTLING);
    let (before, taken_before) = (etcd.counters(), taken(machines));
    rest(SPAN);
    let (after, taken_after) = (etcd.counters(), taken(machines));
    let leader = leader(machines, etcd);
    machines.run(&first, &["fleetctl", "destroy", "rest-*"]);

    let grown = |counter: &str| {
        let sum = |counters: &BTreeMap<String, f64>| -> f64 {
            counters.iter().filter(|(name, _)| name.starts_with(counter)).map(|(_, n)| n).sum()
        };
        (sum(&after) - sum(&before)) / SPAN.as_secs_f64()
    };
    let bytes = grown("etcd_network_client_grpc_received_bytes_total")
        + grown("etcd_network_client_grpc_sent_bytes_total");
    let cpu = |name: &str| {
        let ticks = taken_after[name].ticks - taken_before[name].ticks;
        ticks / TICKS_PER_SEC / SPAN.as_secs_f64() * 100.0
    };
    let memory = |name: &str| format!("{:.1} MiB", taken_after[name].memory_mib);
    let plain = |name: &String| *name != leader && *name != first;
    let other = machines.names().into_iter().find(plain).expect("three machines");
    [
        format!("{size} units"),
        format!("{:.2}", grown("grpc_server_msg_received_total")),
        format!("{:.2}", grown("etcd_mvcc_put_total") + grown("etcd_mvcc_delete_total")),
        format!("{:.2}", bytes / 1024.0),
        format!("{:.2} %", cpu(&leader)),
        format!("{:.2} %", cpu(&other)),
        format!("{:.2} %", cpu("etcd1")),
        memory(&leader),
        memory(&first),
        memory(&other),
    ]
}

/// Lets time pass. Whoever wakes this thread does not make it shorter.
fn rest(span: Duration) {
    let until = Instant::now() + span;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

/// What every fleetd and etcd took so far.
fn taken(machines: &mut Machines) -> BTreeMap<String, Taken> {
    let etcd = Cluster.exec("etcd1", &["sh", "-c", "cat /proc/1/stat; grep VmRSS /proc/1/status"]);
    let etcd = ("etcd1".to_owned(), read(&etcd.success()));
    let fleetds = machines.everywhere(FLEETD).into_iter();
    fleetds.map(|(machine, text)| (machine, read(&text))).chain([etcd]).collect()
}

/// The fields are counted from behind the program's name, which may hold anything.
fn read(text: &str) -> Taken {
    let (_, fields) = text.split_once(") ").expect("a line of /proc/PID/stat");
    let field = |number: usize| fields.split_whitespace().nth(number).and_then(|n| n.parse().ok());
    let (user, system): (Option<f64>, Option<f64>) = (field(11), field(12));
    let memory = text.split("VmRSS:").nth(1).and_then(|rest| rest.split_whitespace().next());
    let memory_kib: Option<f64> = memory.and_then(|kib| kib.parse().ok());
    Taken {
        ticks: user.zip(system).map(|(user, system)| user + system).expect("processor time"),
        memory_mib: memory_kib.expect("memory") / 1024.0,
    }
}

/// The name of the machine that leads.
fn leader(machines: &mut Machines, etcd: &Etcd) -> String {
    let record = etcd.value("engine/leader").expect("somebody leads");
    let ids = machines.everywhere("cat /etc/machine-id").into_iter();
    let mut leads = ids.filter(|(_, id)| record.contains(id.trim())).map(|(machine, _)| machine);
    leads.next().expect("the leader is one of the machines")
}
