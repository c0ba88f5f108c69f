//! A machine dies as by a power cut: when its units are active elsewhere. Counted from the end of
//! its lease, that is from its last heartbeat and `agent_ttl`, as etcd itself tells it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::cluster::{Cluster, wait_for};
use crate::etcd::Etcd;
use crate::journal::What;
use crate::machines::Machines;
use crate::orders::between;
use crate::report::{Samples, Table};
use crate::units;

/// `agent_ttl` in seconds, how many units the machine has, and how often that is measured.
const CASES: [(u32, usize, usize); 3] = [(3, 1, 5), (3, 50, 5), (30, 50, 2)];

/// For the rest to take over, or for a machine to be back.
const PATIENCE: Duration = Duration::from_secs(60);

/// When the units of the dead machine were active elsewhere.
struct Moved {
    after_kill: Duration,
    after_lapse: Duration,
}

/// Prints the table.
pub fn measure(machines: &mut Machines) {
    let etcd = Etcd::reach();
    let columns = [
        "`agent_ttl`",
        "units there",
        "all active elsewhere, after the lease ended",
        "after the kill",
        "goal after the lease",
    ];
    let mut table = Table::new("failover", &columns);
    for (ttl_secs, count, samples) in CASES {
        set_ttl(machines, ttl_secs);
        let moved: Vec<Moved> = (0..samples).map(|_| lose(machines, &etcd, count)).collect();
        let of = |what: fn(&Moved) -> Duration| Samples::of(moved.iter().map(what)).spread();
        table.row([
            format!("{ttl_secs} s"),
            count.to_string(),
            of(|moved| moved.after_lapse),
            of(|moved| moved.after_kill),
            "+ 0.5 s median, + 1 s worst".to_owned(),
        ]);
    }
    table.tell();
}

/// Kills the last machine under its units, and brings it back.
fn lose(machines: &mut Machines, etcd: &Etcd, count: usize) -> Moved {
    let victim = machines.names().pop().expect("there is a machine");
    let id = machines.run(&victim, &["cat", "/etc/machine-id"]).output.trim().to_owned();
    // A machine that was lost before gets fewer units for an hour: this one is to be as any other.
    etcd.remove("trouble/machine/");
    let before = SystemTime::now();
    units::start(machines, "lost", count * machines.names().len());
    let words = machines.journals(before).remove(&victim).unwrap_or_default();
    let there: Vec<String> = words
        .into_iter()
        .filter(|word| word.what == What::Started && word.unit.starts_with("lost-"))
        .map(|word| word.unit)
        .collect();
    assert_eq!(there.len(), count, "units are spread evenly over {:?}", machines.names());

    let killed = SystemTime::now();
    Cluster.does("kill", &victim);
    machines.lose(&victim);
    let lapse = etcd.end_of_lease(&format!("machine/{id}"));
    let active = wait_for(lapse_and_patience(lapse), "units elsewhere", || {
        let active = machines.moments(What::Started, killed);
        let moved: BTreeMap<_, _> =
            active.into_iter().filter(|(unit, _)| there.contains(unit)).collect();
        if moved.len() == count { Ok(moved) } else { Err(format!("{} moved", moved.len())) }
    });
    let last = active.into_values().max().expect("units moved");

    Cluster.does("start", &victim);
    machines.find(&victim);
    until_all_are_there(machines, etcd);
    machines.run(&machines.first(), &["fleetctl", "destroy", "lost-*"]);
    Moved { after_kill: between(killed, last), after_lapse: between(lapse, last) }
}

fn lapse_and_patience(lapse: SystemTime) -> Duration {
    between(SystemTime::now(), lapse) + PATIENCE
}

/// Gives all machines this `agent_ttl`, which a session that is taken up again would not have.
fn set_ttl(machines: &mut Machines, secs: u32) {
    machines.everywhere(&format!(
        "systemctl stop fleet; sed -i 's/^agent_ttl=.*/agent_ttl={secs}s/' /etc/fleet/fleet.conf; \
         systemctl start fleet"
    ));
    until_all_are_there(machines, &Etcd::reach());
}

fn until_all_are_there(machines: &Machines, etcd: &Etcd) {
    let wanted = machines.names().len();
    wait_for(PATIENCE, "all machines in the cluster", || {
        let seen = etcd.count("machine/");
        if usize::try_from(seen) == Ok(wanted) { Ok(()) } else { Err(format!("{seen} are")) }
    });
}
