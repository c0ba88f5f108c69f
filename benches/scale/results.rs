//! What was measured, as tables and plots.

use std::time::Duration;

use super::etcd::Load;
use super::measure::Measured;
use super::report::{Plot, Table, time};

const MIB: f64 = 1024.0 * 1024.0;

/// Prints everything, and keeps it if that is asked for.
pub fn tell(all: &[Measured]) {
    placing(all);
    afterwards(all);
    load(all);
    memory(all);
    plots(all);
}

fn size(measured: &Measured) -> String {
    format!("{} × {}", thousands(measured.size.machines), thousands(measured.size.units))
}

fn placing(all: &[Measured]) {
    let columns =
        ["machines × units", "all joined", "all stored", "all placed and reported", "goal"];
    let mut table = Table::new("scale-placing", &columns);
    for it in all {
        let goal = if it.size.machines == 1000 { "≤ 8 s" } else { "" };
        let [joined, written, placed] = [it.joined, it.written, it.placed].map(time);
        table.row([size(it), joined, written, placed, goal.into()]);
    }
    table.tell();
}

fn afterwards(all: &[Measured]) {
    let columns = [
        "machines × units",
        "one more start (≤ 100 ms)",
        "1 % of the machines lost",
        "20 % lost",
        "another leader",
        "a start by that",
    ];
    let mut table = Table::new("scale-afterwards", &columns);
    for it in all {
        let [[few, many], [leads, starts]] = [it.lost, it.led].map(|times| times.map(time));
        table.row([size(it), it.start.spread(), few, many, leads, starts]);
    }
    table.tell();
}

fn load(all: &[Measured]) {
    let columns = [
        "machines × units",
        "transactions",
        "reads",
        "keys written",
        "answers to watches",
        "MiB",
        "seconds of CPU: etcd, leader, machines",
        "at rest: requests/s, KiB/s",
    ];
    let mut table = Table::new("scale-load", &columns);
    for it in all {
        let Load { txns, ranges, puts, watched, bytes, cpu, .. } = it.load;
        let [leader, machines] = it.cpu;
        let Load { renewals, txns: txns_at_rest, ranges: ranges_at_rest, others, .. } = it.rest;
        let requests = (renewals + txns_at_rest + ranges_at_rest + others) / it.rest_secs;
        let kib = it.rest.bytes / it.rest_secs / 1024.0;
        table.row([
            size(it),
            whole(txns),
            whole(ranges),
            whole(puts),
            whole(watched),
            format!("{:.1}", bytes / MIB),
            format!("{cpu:.1}, {leader:.1}, {machines:.1}"),
            format!("{requests:.1}, {kib:.1}"),
        ]);
    }
    table.tell();
}

fn memory(all: &[Measured]) {
    let columns = [
        "machines × units",
        "leader (≤ 25 MiB at 1,000 units)",
        "a machine (≤ 15 MiB)",
        "etcd",
        "its database",
    ];
    let mut table = Table::new("scale-memory", &columns);
    for it in all {
        let [leader, machine, etcd] = it.memory.map(|bytes| mib(bytes as f64));
        table.row([size(it), leader, machine, etcd, mib(it.database)]);
    }
    table.tell();
}

fn plots(all: &[Measured]) {
    let places = || all.iter().map(|it| (it.size.machines as f64, size(it))).collect::<Vec<_>>();
    let over = |of: fn(&Measured) -> Duration| all.iter().map(move |it| of(it).as_secs_f64());
    let plot = |name, title| Plot::new(name, title, places(), secs);
    plot("placing", "Until all units are placed, and until all machines have joined before")
        .line("placed", over(|it| it.placed))
        .line("joined", over(|it| it.joined))
        .goal(8.0)
        .keep();
    plot("start", "One more start")
        .line("longest", over(|it| it.start.quantile(1.0)))
        .line("median", over(|it| it.start.median()))
        .goal(0.1)
        .keep();
    plot("recovery", "Until all runs again")
        .line("20 % lost", over(|it| it.lost[1]))
        .line("leader lost", over(|it| it.led[1]))
        .line("1 % lost", over(|it| it.lost[0]))
        .keep();
    let of = |at: usize| all.iter().map(move |it| it.memory[at] as f64 / MIB);
    Plot::new("memory", "Resident memory", places(), |mib| format!("{mib:.0} MiB"))
        .line("etcd", of(2))
        .line("leader", of(0))
        .line("a machine", of(1))
        .keep();
}

fn secs(secs: f64) -> String {
    time(Duration::from_secs_f64(secs))
}

fn mib(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / MIB)
}

fn whole(number: f64) -> String {
    thousands(number as usize)
}

/// A number with a comma after each three digits.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
