//! How long many units at once take until all are active, submitting included; beside it, in the
//! same run, each systemd starting by itself the same files, as many as fleet gave it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::journal::{What, Word};
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
    let since = SystemTime::now();
    let ran = units::start(machines, "many", size);
    let moments = started(machines, "many", since);
    assert_eq!(moments.values().map(Vec::len).sum::<usize>(), size, "each unit starts once");
    let last = moments.values().flatten().max().expect("units started");
    let shares = moments.iter().map(|(machine, moments)| (machine.clone(), moments.len()));
    let shares: BTreeMap<String, usize> = shares.collect();
    let first = machines.first();
    let destroyed = machines.run(&first, &["fleetctl", "destroy", "many-*"]).took();
    let by_client = |units: Vec<String>| Order::Start { units };
    let by_systemctl = |units: Vec<String>| {
        let command = [&["systemctl", "start"].map(str::to_owned)[..], &units].concat();
        Order::Run { commands: vec![command], at_once: 1 }
    };
    Round {
        active: between(ran.began, *last),
        returned: ran.took(),
        client: alone(machines, &shares, by_client),
        systemctl: alone(machines, &shares, by_systemctl),
        destroyed,
    }
}

/// When units became active since then, by machine.
fn started(
    machines: &mut Machines,
    prefix: &str,
    since: SystemTime,
) -> BTreeMap<String, Vec<SystemTime>> {
    let moments = |words: Vec<Word>| {
        let words = words.into_iter().filter(|word| word.what == What::Started);
        let words = words.filter(|word| word.unit.starts_with(prefix));
        words.map(|word| word.at).collect()
    };
    let journals = machines.journals(since).into_iter();
    journals.map(|(machine, words)| (machine, moments(words))).collect()
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
    let moments = started(machines, "alone", since);
    units::forget(machines, "alone");
    between(began, moments.into_values().flatten().max().expect("units started"))
}
