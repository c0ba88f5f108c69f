//! How long one unit takes on an idle cluster: until systemd says that it is active or has stopped,
//! and until the command returns. Beside it, in the same run, systemd alone with the same file.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::journal::What;
use crate::machines::Machines;
use crate::orders::{Order, Ran, between};
use crate::report::{Samples, Table, time};
use crate::units::{self, SHELF, SYSTEMD};

/// How often each is measured.
const SAMPLES: usize = 100;

/// How long systemd took, and how long the caller waited.
struct Measured {
    systemd: Samples,
    caller: Samples,
}

/// Prints the table.
pub fn measure(machines: &mut Machines) {
    let mut table = Table::new(
        "latency",
        &["work", "systemd says so: median", "p99", "the caller knows: median", "p99", "goal"],
    );
    let mut row = |work: &str, measured: &Measured, goal: &str| {
        let Measured { systemd, caller } = measured;
        let cells =
            [systemd.median(), systemd.quantile(0.99), caller.median(), caller.quantile(0.99)];
        let [a, b, c, d] = cells.map(time);
        table.row([work.to_owned(), a, b, c, d, goal.to_owned()]);
    };
    let units = units::names("one", SAMPLES);
    let goal = "≤ 50 / ≤ 60 ms median, ≤ 150 ms p99";
    row("`fleetctl start`, one unit", &fleet(machines, "start", &units), goal);
    row("`fleetctl stop`", &fleet(machines, "stop", &units), goal);
    row("`systemctl start` of the same file", &systemctl(machines), "(floor)");
    row("a subscribed D-Bus client", &client(machines), "(floor)");
    table.tell();
    machines.run(&machines.first(), &["fleetctl", "destroy", "one-*"]);
}

fn fleet(machines: &mut Machines, verb: &str, units: &[String]) -> Measured {
    let first = machines.first();
    machines.does(&first, Order::Write { files: units::sleepers(SHELF, units) });
    let since = SystemTime::now();
    let call = |unit: &String| ["fleetctl", verb, &units::path(SHELF, unit)].map(str::to_owned);
    let commands = units.iter().map(|unit| call(unit).to_vec()).collect();
    let ran = machines.does(&first, Order::Run { commands, at_once: 1 });
    let what = if verb == "stop" { What::Stopped } else { What::Started };
    measured(&machines.moments(what, since), units, &ran)
}

fn systemctl(machines: &mut Machines) -> Measured {
    let units = units::names("alone", SAMPLES);
    let first = shelve(machines, &units);
    let since = SystemTime::now();
    let call = |unit: &String| ["systemctl", "start", unit].map(str::to_owned).to_vec();
    let commands = units.iter().map(call).collect();
    let ran = machines.does(&first, Order::Run { commands, at_once: 1 });
    let measured = measured(&machines.moments(What::Started, since), &units, &ran);
    units::forget(machines, "alone");
    measured
}

fn client(machines: &mut Machines) -> Measured {
    let units = units::names("bare", SAMPLES);
    let first = shelve(machines, &units);
    let since = SystemTime::now();
    let start = |unit: &String| {
        let order = Order::Start { units: vec![unit.clone()] };
        machines.does(&first, order).remove(0)
    };
    let ran: Vec<Ran> = units.iter().map(start).collect();
    let measured = measured(&machines.moments(What::Started, since), &units, &ran);
    units::forget(machines, "bare");
    measured
}

/// Puts the files where systemd finds them; returns on which machine.
fn shelve(machines: &mut Machines, units: &[String]) -> String {
    let first = machines.first();
    machines.does(&first, Order::Write { files: units::sleepers(SYSTEMD, units) });
    first
}

fn measured(moments: &BTreeMap<String, SystemTime>, units: &[String], ran: &[Ran]) -> Measured {
    let systemd = units.iter().zip(ran).map(|(unit, ran)| {
        between(ran.began, *moments.get(unit).unwrap_or_else(|| panic!("{unit}: no word of it")))
    });
    Measured { systemd: Samples::of(systemd), caller: Samples::of(ran.iter().map(Ran::took)) }
}
