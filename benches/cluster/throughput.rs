//! How long many units at once take until all are active, submitting included; beside it, in the
//! same run, each systemd starting by itself the same files, as many as fleet gave it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::journal::What;
use crate::machines::Machines;
use crate::orders::{Order, between};
use crate::report::{Samples, Table};
use crate::units::{self, SYSTEMD};

/// How many units, and how often that is measured.
const SIZES: [(usize, usize); 3] = [(100, 5), (300, 3), (1000, 3)];

/// One round: how long each of them took.
struct Round {
    active: Duration,
    returned: Duration,
    client: Duration,
    systemctl: Duration,
    destroyed: Duration,
}

/// Prints the table.
pub fn measure(machines: &mut Machines) {
    let columns = [
        "units",
        "fleet: all active",
        "`fleetctl start` returns",
        "subscribed D-Bus clients",
        "`systemctl start`",
        "fleet to clients (goal ≤ 1.25)",
        "`fleetctl destroy`, all gone (goal for 100: ≤ 1 s)",
    ];
    let mut table = Table::new("throughput", &columns);
    for (size, rounds) in SIZES {
        let rounds: Vec<Round> = (0..rounds).map(|_| round(machines, size)).collect();
        let of = |what: fn(&Round) -> Duration| Samples::of(rounds.iter().map(what));
        let (active, client) = (of(|round| round.active), of(|round| round.client));
        let ratio = active.median().as_secs_f64() / client.median().as_secs_f64();
        table.row([
            size.to_string(),
            active.spread(),
            of(|round| round.returned).spread(),
            client.spread(),
            of(|round| round.systemctl).spread(),
            format!("{ratio:.2}"),
            of(|round| round.destroyed).spread(),
        ]);
    }
    table.tell();
}

fn round(machines: &mut Machines, size: usize) -> Round {
    let first = machines.first();
    let since = SystemTime::now();
    let ran = units::start(machines, "many", size);
    let places = machines.journals(since);
    let started = places.values().flatten().filter(|word| word.what == What::Started);
    let started: Vec<SystemTime> =
        started.filter(|word| word.unit.starts_with("many-")).map(|word| word.at).collect();
    assert_eq!(started.len(), size, "each unit starts once");
    let last = started.into_iter().max().expect("units started");
    let destroyed = machines.run(&first, &["fleetctl", "destroy", "many-*"]).took();
    let shares = places.into_iter().map(|(machine, words)| {
        let of_fleet = words.into_iter().filter(|word| word.unit.starts_with("many-"));
        (machine, of_fleet.count())
    });
    let shares: BTreeMap<String, usize> = shares.collect();
    let by_client = |units: Vec<String>| Order::Start { units };
    let by_systemctl = |units: Vec<String>| {
        let command = [&["systemctl", "start"].map(str::to_owned)[..], &units].concat();
        Order::Run { commands: vec![command], at_once: 1 }
    };
    Round {
        active: between(ran.began, last),
        returned: ran.took(),
        client: alone(machines, &shares, by_client),
        systemctl: alone(machines, &shares, by_systemctl),
        destroyed,
    }
}

/// Every systemd starts its share by itself, all at once: from the first call to the last unit.
fn alone(
    machines: &mut Machines,
    shares: &BTreeMap<String, usize>,
    start: impl Fn(Vec<String>) -> Order,
) -> Duration {
    let files = |share: &usize| units::sleepers(SYSTEMD, &units::names("alone", *share));
    let write = |share| Order::Write { files: files(share) };
    machines.all(shares.iter().map(|(machine, share)| (machine.clone(), write(share))).collect());
    let since = SystemTime::now();
    let order = |share: &usize| start(units::names("alone", *share));
    let orders = shares.iter().map(|(machine, share)| (machine.clone(), order(share)));
    let ran = machines.all(orders.collect());
    let began = ran.values().flatten().map(|ran| ran.began).min().expect("somebody began");
    let words = machines.journals(since).into_values().flatten();
    let last = words.filter(|word| word.what == What::Started).map(|word| word.at).max();
    units::forget(machines, "alone");
    between(began, last.expect("units started"))
}
