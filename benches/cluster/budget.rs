//! Where the time of one start goes: the moments at which etcd had each key, systemd had the unit
//! active and the command was over, seen by a bystander. The means of the steps add up.

use std::time::{Duration, SystemTime};

use crate::etcd::{Change, Etcd};
use crate::journal::What;
use crate::machines::Machines;
use crate::orders::{Order, Ran, between};
use crate::report::{Samples, Table, time};
use crate::units::{self, SHELF};

/// How many starts are looked at.
const SAMPLES: usize = 50;

/// From one moment to the next.
const STEPS: [&str; 6] = [
    "fleetctl starts, asks what there is, and sends the unit; etcd has it",
    "the engine hears of it and places it; etcd has that",
    "the agent hears of it and wins the unit; etcd has that",
    "the agent writes and links the file and asks systemd; the unit is active",
    "the agent hears of that and reports it; etcd has that",
    "the API hears of it and tells fleetctl, which prints it and ends",
];

/// Prints the table.
pub fn measure(machines: &mut Machines) {
    let etcd = Etcd::reach();
    let first = machines.first();
    let units = units::names("step", SAMPLES);
    machines.does(&first, Order::Write { files: units::sleepers(SHELF, &units) });
    let version = vec!["fleetctl".to_owned(), "version".to_owned()];
    let version = Order::Run { commands: vec![version; SAMPLES], at_once: 1 };
    let version = Samples::of(machines.does(&first, version).iter().map(Ran::took));

    let watch = etcd.watch();
    let since = SystemTime::now();
    let call = |unit: &String| ["fleetctl", "start", &units::path(SHELF, unit)].map(str::to_owned);
    let commands = units.iter().map(|unit| call(unit).to_vec()).collect();
    let ran = machines.does(&first, Order::Run { commands, at_once: 1 });
    let active = machines.moments(What::Started, since);
    let heard = watch.heard();
    let steps: Vec<[Duration; 6]> =
        units.iter().zip(&ran).map(|(unit, ran)| steps(ran, active[unit], &heard, unit)).collect();
    machines.run(&first, &["fleetctl", "destroy", "step-*"]);
    // Afterwards: a mirror waits for a revision that is not of fleet's keys in vain, if briefly.
    let write = Samples::of((0..SAMPLES).map(|_| etcd.write()));

    let mut table = Table::new("budget", &["step", "mean", "median", "p99"]);
    let mut row = |step: &str, samples: &[Duration]| {
        let mean = samples.iter().sum::<Duration>() / u32::try_from(samples.len()).unwrap_or(1);
        let of = Samples::of(samples.iter().copied());
        table.row([step.to_owned(), time(mean), time(of.median()), time(of.quantile(0.99))]);
    };
    for (number, step) in STEPS.iter().enumerate() {
        let samples: Vec<Duration> = steps.iter().map(|steps| steps[number]).collect();
        row(step, &samples);
    }
    let whole: Vec<Duration> = steps.iter().map(|steps| steps.iter().sum()).collect();
    row("**the whole command**", &whole);
    table.tell();
    println!("alone: fleetctl version {}, one write to etcd {}", version.spread(), write.spread());
}

/// The steps of one start.
fn steps(ran: &Ran, active: SystemTime, heard: &[Change], unit: &str) -> [Duration; 6] {
    let first = |wanted: &dyn Fn(&Change) -> bool| {
        let change = heard.iter().find(|change| wanted(change));
        change.unwrap_or_else(|| panic!("{unit}: a step is missing")).at
    };
    let schedule = |change: &Change| {
        change.key.starts_with("schedule/") && change.key.ends_with(&format!("/{unit}"))
    };
    let state = |change: &Change| {
        change.key.starts_with(&format!("state/{unit}/")) && change.value.contains("\"active\"")
    };
    let moments = [
        ran.began,
        first(&|change| change.key == format!("unit/{unit}")),
        first(&schedule),
        first(&|change| change.key == format!("holder/{unit}")),
        active,
        first(&state),
        ran.ended,
    ];
    std::array::from_fn(|step| between(moments[step], moments[step + 1]))
}
