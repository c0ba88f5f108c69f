//! What another hand writes into the store hurts nobody: it is skipped, it is repaired by who owns
//! the key, and everything else goes on.

use fleet::fleetd::agent::{Farewell, Standing};
use fleet::fleetd::registry::Cluster;
use fleet::fleetd::systemd::Call;
use fleet::model::TargetState::{Inactive, Launched};
use fleet::unitfile::UnitName;

use crate::support::asked::Asked;
use crate::support::machines::{Machine, Machines};

const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// Under every kind of key; `m1` lives and leads, `ghost` never was.
const KEYS: &[&str] = &[
    "cluster",
    "unit/a.service",
    "unit/other.service",
    "machine-metadata/m1/rack",
    "machine-metadata/ghost/rack",
    "schedule/m1/a.service",
    "schedule/m1/other.service",
    "schedule/ghost/a.service",
    "schedule/m1/@planned",
    "engine/leader",
    "machine/m1",
    "machine/ghost",
    "known/m1",
    "known/ghost",
    "lost/m1",
    "lost/ghost",
    "holder/a.service",
    "holder/other.service",
    "state/a.service/m1",
    "state/a.service/ghost",
    "survey",
    "figures/m1",
    "unit/no unit name",
    "nobody/knows/this",
    "",
];

/// Not JSON, of another type, of another age, huge, deep, and well-formed lies.
fn values() -> Vec<Vec<u8>> {
    let lies = [
        "",
        "{",
        "null",
        "[]",
        "-1",
        "1e999",
        "18446744073709551616",
        r#""x""#,
        r#"{"machine":"ghost"}"#,
        r#"{"machine":"ghost","version":"9"}"#,
        r#"{"contents":"[Service]","desired":"sideways","launch":1}"#,
        r#"{"contents":"no unit file","desired":"launched","launch":1}"#,
        r#"{"contents":"[X-Fleet]\nGlobal=true\nMachineOf=a.service","desired":"launched","launch":1}"#,
        r#"{"hash":"0000000000000000000000000000000000000000","desired":"launched","launch":18446744073709551615}"#,
        r#"{"ip":"10.9.9.9","version":"9","session":"00000000-0000-0000-0000-000000000000"}"#,
        r#"{"hash":"0000000000000000000000000000000000000000","load":"loaded","active":"active","sub":"running"}"#,
        r#"{"answers":9223372036854775807,"load":[1e308,0,0],"memory_used":18446744073709551615}"#,
    ];
    let large = [b"\xff\xfe\x00".to_vec(), vec![b'['; 200_000], vec![b'x'; 1_400_000]];
    lies.iter().map(|lie| lie.as_bytes().to_vec()).chain(large).collect()
}

/// Two machines, and `a.service` runs on the one that leads.
async fn running() -> (Machines, Machine, Machine) {
    let cluster = Machines::new();
    let mut m1 = cluster.boot("m1").await;
    m1.until_standing(Standing::Member).await;
    cluster.until("led", |c| c.leader.is_some()).await;
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    let mut m2 = cluster.boot("m2").await;
    m2.until_standing(Standing::Member).await;
    (cluster, m1, m2)
}

/// Another unit is submitted, runs, and goes again: nothing is held up.
async fn all_is_well(cluster: &Machines) {
    cluster.put("fresh.service", Some(SERVICE), Launched).await;
    let runs = |name: &str| {
        let name = UnitName::parse(name).unwrap();
        move |c: &Cluster| {
            let on = c.states.get(&name);
            on.is_some_and(|on| on.values().any(|state| state.active == "active"))
        }
    };
    cluster.until("fresh.service runs", runs("fresh.service")).await;
    cluster.put("fresh.service", None, Inactive).await;
    let fresh = UnitName::parse("fresh.service").unwrap();
    cluster.until("fresh.service gone", |c| !c.holders.contains_key(&fresh)).await;
}

/// What the machine was told to do with a.service.
fn touched(machine: &Machine) -> Vec<Call> {
    let a = UnitName::parse("a.service").unwrap();
    let of_a = |call: &Call| match call {
        Call::Link(names) | Call::Unlink(names) => names.contains(&a),
        Call::Start(name) | Call::Restart(name) | Call::Stop(name) | Call::Kill(name) => *name == a,
        Call::Reload => false,
    };
    machine.units.take_calls().into_iter().filter(of_a).collect()
}

#[tokio::test(start_paused = true)]
async fn no_value_under_any_key_holds_anything_up() {
    for key in KEYS {
        let (cluster, m1, _m2) = running().await;
        m1.units.take_calls();
        for value in values() {
            cluster.write(key, value).await;
        }
        all_is_well(&cluster).await;
        assert_eq!(touched(&m1), [], "{key}");
        // Submitting it again repairs it, whatever it was.
        cluster.put("a.service", Some("[Service]\nExecStart=/bin/b\n"), Launched).await;
        cluster.until_reported("a.service", &m1, "active").await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_an_owner_is_repaired() {
    let (cluster, m1, _m2) = running().await;
    let read =
        async |key: &str| cluster.read(key).await.map(|value| String::from_utf8(value).unwrap());
    let owned = ["machine/m1", "schedule/m1/a.service", "schedule/m1/@planned", "known/m1"];
    for key in owned {
        let before = read(key).await;
        cluster.write(key, "garbage").await;
        all_is_well(&cluster).await;
        if key != "known/m1" {
            assert_eq!(read(key).await, before, "{key}");
        }
    }
    // Nobody's: a machine that never was, and what hangs on no session of one.
    let ghosts = [
        (
            "machine/ghost",
            r#"{"ip":"10.9.9.9","version":"9","session":"00000000-0000-0000-0000-000000000000"}"#,
        ),
        ("holder/other.service", r#"{"machine":"ghost"}"#),
        ("state/other.service/ghost", "{}"),
        ("figures/ghost", "{}"),
        ("known/ghost", "{}"),
        ("lost/ghost", "{}"),
        ("schedule/ghost/other.service", "{}"),
    ];
    for (key, value) in ghosts {
        cluster.write(key, value).await;
    }
    all_is_well(&cluster).await;
    for (key, _) in ghosts {
        assert_eq!(read(key).await, None, "{key}");
    }
    assert_eq!(touched(&m1).len(), 2, "linked and started, once");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_nobody_is_leads_no_more_than_its_successor() {
    let (cluster, m1, mut m2) = running().await;
    m1.may_lead(false);
    let leader = |id: &'static str| {
        move |c: &Cluster| c.leader.as_ref().is_some_and(|it| it.machine.as_str() == id)
    };
    cluster.until("led by m2", leader("m2")).await;
    // On no session: when m2 goes, this stays.
    cluster.write("engine/leader", r#"{"machine":"ghost","version":"9"}"#).await;
    m1.may_lead(true);
    m2.kill_fleetd().await;
    cluster.until("led by m1", leader("m1")).await;
    all_is_well(&cluster).await;
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_does_not_read_stays_where_it_is_and_says_why() {
    let (cluster, m1, m2) = running().await;
    let follower = "[Service]\nExecStart=/bin/b\n[X-Fleet]\nMachineOf=a.service\n";
    cluster.put("b.service", Some(follower), Launched).await;
    cluster.until_reported("b.service", &m1, "active").await;
    m1.units.take_calls();
    cluster.write("unit/a.service", r#"{"desired":"launched"}"#).await;
    // The next leader never knew another text.
    m1.may_lead(false);
    cluster.until("led by m2", |c| c.leader.as_ref().is_some_and(|it| it.machine == m2.id)).await;
    all_is_well(&cluster).await;
    assert_eq!(
        m1.units.take_calls().iter().filter(|call| matches!(call, Call::Stop(_))).count(),
        0
    );
    let api = Asked::over(&cluster.registry);
    let (status, body) = api.ask("GET", "/fleet/v1/units/a.service", None).await;
    assert!(status == 404 && body.to_string().contains("does not read"), "{body}");
    let why = api.get("/fleet/v1/units/a.service/why").await;
    assert!(why["status"] == "placed" && why["machineIDs"][0] == "m1", "{why}");
    assert!(why["reason"].as_str().unwrap().contains("missing field"), "{why}");
    // As every client does it.
    cluster.put("a.service", Some(SERVICE), Launched).await;
    cluster.until_reported("a.service", &m1, "active").await;
    assert_eq!(cluster.home("a.service"), Some(m1.id.clone()));
}

#[tokio::test(start_paused = true)]
async fn a_machine_comes_back_through_garbage() {
    let schedule = ["schedule/m1/a.service", "schedule/m1/@planned"];
    for key in ["cluster", "machine/m1", "holder/a.service"].into_iter().chain(schedule) {
        let (cluster, mut m1, _m2) = running().await;
        m1.units.take_calls();
        m1.end_fleetd(Farewell::Keep).await;
        cluster.write(key, "{").await;
        cluster.start_fleetd(&mut m1).await;
        m1.until_standing(Standing::Member).await;
        all_is_well(&cluster).await;
        assert_eq!(touched(&m1), [], "{key}");
        cluster.put("a.service", Some("[Service]\nExecStart=/bin/b\n"), Launched).await;
        cluster.until_reported("a.service", &m1, "active").await;
    }
}
