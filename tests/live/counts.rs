//! What a start, a stop and a destruction cost on real machines: calls of systemd, counted on the bus,
//! and revisions of etcd; and what rest costs.

use std::collections::BTreeMap;

use crate::cluster::Cluster;
use crate::fleet::Fleet;

/// Runs a command, and prints what fleetd asked systemd meanwhile and for a moment after: a line each.
const LISTEN: &str = r#"
pid=$(systemctl show --property=MainPID --value fleet.service)
name=$(busctl list --no-legend | awk -v pid="$pid" '$2 == pid { print $1; exit }')
rule="type='method_call',sender='$name',destination='org.freedesktop.systemd1'"
busctl monitor --json=short --match "$rule" >/run/asked 2>/run/listens &
timeout 10 sh -c 'until grep -q Monitoring /run/listens; do sleep 0.05; done'
"$@" >&2 || exit
sleep 1
kill $!
grep -o '"member":"[A-Za-z]*"' /run/asked | cut -d '"' -f 4
true
"#;

/// How often what was asked of systemd.
type Calls = BTreeMap<String, usize>;

/// What m1 asks its systemd while a command runs there, and how many revisions etcd makes of it.
fn cost(command: &[&str]) -> (Calls, i64) {
    let before = revision();
    let printed =
        Cluster.exec("m1", &[&["sh", "-c", LISTEN, "listen"], command].concat()).success();
    let mut calls = Calls::new();
    for member in printed.lines() {
        *calls.entry(member.to_owned()).or_default() += 1;
    }
    let revisions = revision() - before;
    println!("{}: {revisions} revisions, {calls:?}", command[..2].join(" "));
    (calls, revisions)
}

/// etcd's.
fn revision() -> i64 {
    let fields = ["etcdctl", "get", "nothing", "--write-out=fields"];
    let said = Cluster.exec("etcd1", &fields).success();
    let revision = said.lines().find_map(|line| line.strip_prefix("\"Revision\" : "));
    revision.and_then(|revision| revision.parse().ok()).expect("etcd says its revision")
}

/// Units of m1's.
fn units(fleet: &Fleet, count: usize) -> Vec<String> {
    let machine = fleet.id_of("m1");
    let file =
        format!("[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nMachineID={machine}\n");
    (0..count).map(|number| fleet.file(&format!("count{number}.service"), &file)).collect()
}

#[test]
#[ignore = "needs machines"]
fn a_unit_s_life_is_few_calls_and_each_key_once() {
    let fleet = Fleet::fresh();
    let unit = &units(&fleet, 1)[0];
    // On a busy computer a job may last so long that what it passes through is told, too; and
    // systemd may say in several messages what it says in one as a rule.
    for (verb, calls_max, revisions_max) in [("start", 9, 5), ("stop", 7, 4), ("destroy", 7, 4)] {
        let (calls, revisions) = cost(&["fleetctl", verb, unit]);
        assert!(calls.values().sum::<usize>() <= calls_max, "{verb}: {calls:?}");
        assert!(revisions <= revisions_max, "{verb}: {revisions} revisions");
        assert!(!calls.contains_key("Reload"), "{verb}: {calls:?}");
    }
}

#[test]
#[ignore = "needs machines"]
fn a_hundred_units_are_started_without_a_reload_and_cost_nothing_at_rest() {
    let fleet = Fleet::fresh();
    let units = units(&fleet, 100);
    let start: Vec<&str> =
        ["fleetctl", "start"].into_iter().chain(units.iter().map(|u| &**u)).collect();
    let (calls, revisions) = cost(&start);
    assert!(calls["StartUnit"] == 100 && !calls.contains_key("Reload"), "{calls:?}");
    let others = calls.values().sum::<usize>() - 100;
    assert!(others <= 100, "one call for each unit, and few for all of them: {calls:?}");
    // Each unit is written for itself; schedules, holders and reports in batches.
    assert!(revisions <= 150, "{revisions}");
    assert_eq!(cost(&["sleep", "20"]), (Calls::new(), 0));
}
