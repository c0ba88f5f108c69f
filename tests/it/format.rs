//! Two versions of fleet in one cluster: twins of real fleetds that write different formats.

use fleet::fleetd::agent::{Farewell, Standing};
use fleet::fleetd::engine::{Raise, raise};
use fleet::fleetd::registry::{
    Cluster, Event, Key, KeyValue, LeaseId, MachineRecord, Revision, View, encode,
};
use fleet::model::MachineId;
use fleet::model::TargetState::Launched;

use crate::support::lines::Lines;
use crate::support::machines::{Machine, Machines, TTL};

const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// A store of a format with machines that read up to these.
fn cluster(stored: Option<u32>, machines: &[Option<u32>]) -> Cluster {
    let mut cluster = Cluster::default();
    let mut put = |key: Key, value: Vec<u8>| {
        let (key, at) = (key.to_string(), Revision(1));
        let entry = KeyValue { key, value, created: at, modified: at, lease: Some(LeaseId(1)) };
        cluster.apply(at, Event::Put(entry));
    };
    for (index, format) in machines.iter().enumerate() {
        let id = MachineId::parse(&format!("m{index}")).unwrap();
        let record = MachineRecord { format: *format, ..MachineRecord::default() };
        put(Key::Machine(id), encode(&record));
    }
    if let Some(stored) = stored {
        put(Key::Format, encode(&stored));
    }
    cluster
}

#[test]
fn the_format_is_what_every_machine_reads_and_never_shrinks() {
    let table = [
        ("nobody is there", None, &[][..], 2, None),
        ("the first leader", None, &[Some(1)], 1, Some(1)),
        ("who does not tell reads the first", None, &[None, Some(3)], 3, Some(1)),
        ("stored already", Some(1), &[Some(1), Some(2)], 2, None),
        ("the last machine is new", Some(1), &[Some(2), Some(2)], 2, Some(2)),
        ("no further than this leader", Some(1), &[Some(3), Some(3)], 2, Some(2)),
        ("an old machine in a new store", Some(2), &[Some(1), Some(2)], 2, None),
    ];
    for (case, stored, machines, own, to) in table {
        let expected = to.map(|to| Raise { to });
        assert_eq!(raise(&cluster(stored, machines), own), expected, "{case}");
    }
}

async fn until_format(cluster: &Machines, format: u32) {
    cluster.until(&format!("format {format}"), |c| c.format == Some(format)).await;
}

fn leads(cluster: &Cluster, machine: &Machine) -> bool {
    cluster.leader.as_ref().is_some_and(|leader| leader.machine == machine.id)
}

#[tokio::test(start_paused = true)]
async fn a_newer_format_begins_with_the_last_old_machine_s_upgrade() {
    let cluster = Machines::new();
    let mut old = cluster.boot("m1").await;
    old.until_standing(Standing::Member).await;
    until_format(&cluster, 1).await;
    let mut new = cluster.boot_with("m2", Some(2)).await;
    new.until_standing(Standing::Member).await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &old, "active").await;
    old.units.take_calls();
    // The new one leads an old store, and leaves it as it is while an old machine reads it.
    old.may_lead(false);
    cluster.until("the new one leads", |c| leads(c, &new)).await;
    cluster.put("b.service", Some(SERVICE), Launched).await;
    cluster.until_reported("b.service", &new, "active").await;
    until_format(&cluster, 1).await;

    old.end_fleetd(Farewell::Keep).await;
    old.format = Some(2);
    cluster.start_fleetd(&mut old).await;
    until_format(&cluster, 2).await;
    assert_eq!(old.units.take_calls(), []);
}

#[tokio::test(start_paused = true)]
async fn an_older_fleetd_leaves_a_newer_store_and_its_own_units_alone() {
    let lines = Lines::default();
    let log = tracing_subscriber::fmt().with_writer(lines.clone()).finish();
    let _logging = tracing::subscriber::set_default(log);
    let cluster = Machines::new();
    let mut old = cluster.boot_with("m1", Some(2)).await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &old, "active").await;
    until_format(&cluster, 2).await;
    old.units.take_calls();
    old.kill_fleetd().await;
    cluster.until("m1 is gone", |c| c.machines.is_empty()).await;

    // Somebody went back to the version before.
    old.format = Some(1);
    cluster.start_fleetd(&mut old).await;
    tokio::time::sleep(TTL * 5).await;
    assert_eq!(lines.count("it does not lead until that changes"), 1);
    assert_eq!(lines.count("the store has format 2, and this fleetd reads format 1"), 1);
    old.until_standing(Standing::Apart).await;
    cluster.until("nobody leads, and nobody joined", |c| c.leader.is_none()).await;
    let before = cluster.registry.revision().await.unwrap();
    tokio::time::sleep(TTL * 10).await;
    assert_eq!(cluster.changed_since(before), [""; 0], "it waits without a word");
    assert_eq!(old.units.take_calls(), []);

    let new = cluster.boot_with("m2", Some(2)).await;
    cluster.until("m2 leads", |c| leads(c, &new)).await;
}
