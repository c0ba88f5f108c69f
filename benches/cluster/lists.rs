//! How long those commands take that only look, in a cluster with many units.

use crate::machines::Machines;
use crate::orders::{Order, Ran};
use crate::report::{Samples, Table};
use crate::units::{self, SHELF};

/// How often each is called, after a first call that has fleetd open its mirror.
const SAMPLES: usize = 20;

/// Units that run.
const RUNNING: usize = 1000;

/// Units besides that are stored only, and how many one command submits.
const STORED: usize = 9000;
const AT_ONCE: usize = 3000;

/// What is called.
const COMMANDS: [&[&str]; 5] = [
    &["fleetctl", "list-units"],
    &["fleetctl", "list-unit-files"],
    &["fleetctl", "list-machines"],
    &["fleetctl", "why", "list-0500.service"],
    &["fleetctl", "version"],
];

/// Prints the table.
pub fn measure(machines: &mut Machines) {
    let first = machines.first();
    units::start(machines, "list", RUNNING);
    let few = calls(machines);
    for part in units::names("stored", STORED).chunks(AT_ONCE) {
        machines.does(&first, Order::Write { files: units::sleepers(SHELF, part) });
        let paths = part.iter().map(|unit| units::path(SHELF, unit));
        let submit = ["fleetctl", "submit"].map(str::to_owned).into_iter().chain(paths).collect();
        machines.does(&first, Order::Run { commands: vec![submit], at_once: 1 });
    }
    let many = calls(machines);
    machines.run(&first, &["fleetctl", "destroy", "list-*"]);
    machines.run(&first, &["fleetctl", "destroy", "stored-*"]);

    let columns = ["command", "1,000 units run", "and 9,000 more are stored", "goal"];
    let mut table = Table::new("lists", &columns);
    for ((command, few), many) in COMMANDS.iter().zip(few).zip(many) {
        let goal = match command[1] {
            "list-units" => "≤ 20 ms for 1,000",
            "version" => "(asks nobody)",
            _ => "",
        };
        let name = format!("`{}`", command.join(" "));
        table.row([name, few.spread(), many.spread(), goal.to_owned()]);
    }
    table.tell();
}

/// How long each command takes.
fn calls(machines: &mut Machines) -> Vec<Samples> {
    let first = machines.first();
    let call = |command: &&[&str]| {
        machines.run(&first, command);
        let words: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        let order = Order::Run { commands: vec![words; SAMPLES], at_once: 1 };
        Samples::of(machines.does(&first, order).iter().map(Ran::took))
    };
    COMMANDS.iter().map(call).collect()
}
