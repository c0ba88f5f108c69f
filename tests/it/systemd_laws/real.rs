//! The laws on the real systemd of the machine on which this test runs, as root.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fleet::fleetd::systemd::{Signal, SystemdManager};
use fleet::unitfile::{UnitFile, UnitName};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::UnboundedReceiver;

use super::laws;
use super::room::{Room, World, all_done, name, service};

const FOLDER: &str = "/run/fleet-laws/units";

#[derive(Debug)]
struct Machine;

impl World for Machine {
    fn exit(&self, name: &UnitName, status: i32) {
        std::fs::write(format!("/run/fleet-laws/{name}"), format!("{status}\n")).unwrap();
    }

    fn unlinkable(&self) -> UnitName {
        // A type that systemd had once, and fleet 1.0 knew.
        name("law-bad.busname")
    }

    fn daemon_reload(&self) {
        run("systemctl", &["daemon-reload"]);
    }

    fn lose_contact(&self) {
        run("systemctl", &["restart", "dbus.service"]);
    }
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

async fn room() -> Room {
    let _ = std::fs::remove_dir_all("/run/fleet-laws");
    let manager = SystemdManager::connect(PathBuf::from(FOLDER))
        .await
        .unwrap();
    Room::new(Arc::new(manager), Box::new(Machine)).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a machine that booted systemd, and root"]
async fn systemd_laws_real() {
    let mut room = room().await;
    laws::all(&mut room).await;
    systemctl_calls_it_linked(&room).await;
    a_file_that_was_never_linked_is_linked_at_start(&mut room).await;
    an_edit_by_hand_is_seen_when_linked_again(&mut room).await;
    many_units_at_once(&mut room, 1).await;
    many_units_at_once(&mut room, 100).await;
    many_units_at_once(&mut room, 1000).await;
}

async fn systemctl_calls_it_linked(room: &Room) {
    let (plain, installed) = (name("law@en.service"), name("law-install.service"));
    let batch = [
        (plain.clone(), service("")),
        (
            installed.clone(),
            service("[Install]\nWantedBy=multi-user.target\n"),
        ),
    ];
    all_done(&room.manager.link(&batch).await);
    let enabled = |unit: &UnitName| run("systemctl", &["is-enabled", unit.as_str()]);
    assert_eq!(enabled(&plain), "linked-runtime");
    assert_eq!(enabled(&installed), "enabled-runtime");
    all_done(&room.manager.unlink(&[plain, installed.clone()]).await);
    assert_eq!(enabled(&installed), "");
    let left = run("find", &["/run/systemd/system", "-name", "law*"]);
    assert_eq!(left, "", "links are left");
}

/// As after a crash between writing and linking.
async fn a_file_that_was_never_linked_is_linked_at_start(room: &mut Room) {
    let unit = name("law-orphan.service");
    std::fs::create_dir_all(FOLDER).unwrap();
    std::fs::write(format!("{FOLDER}/{unit}"), service("").contents()).unwrap();
    assert_eq!(room.status(&unit).await.state.load, "not-found");
    room.start(&unit).await;
    room.until(&unit, "active").await;
    room.stop(&unit).await;
    room.unlink(&unit).await;
}

async fn an_edit_by_hand_is_seen_when_linked_again(room: &mut Room) {
    let (unit, old, new) = (name("law-edit.service"), service(""), service("Nice=5\n"));
    room.link(&unit, &old).await;
    room.start(&unit).await;
    std::fs::write(format!("{FOLDER}/{unit}"), new.contents()).unwrap();
    let needs = || {
        run(
            "systemctl",
            &["show", "-P", "NeedDaemonReload", unit.as_str()],
        )
    };
    assert_eq!(needs(), "yes");
    room.link(&unit, &new).await;
    assert_eq!(needs(), "no");
    room.stop(&unit).await;
    room.unlink(&unit).await;
}

/// Links, starts, observes, stops and unlinks many, and says how long systemd and we took.
async fn many_units_at_once(room: &mut Room, count: usize) {
    let units: Vec<(UnitName, UnitFile)> = (0..count)
        .map(|i| (name(&format!("law-many-{i}.service")), service("")))
        .collect();
    let names: Vec<UnitName> = units.iter().map(|(unit, _)| unit.clone()).collect();
    let mut signals = room.manager.signals().await.unwrap();

    let begin = Instant::now();
    all_done(&room.manager.link(&units).await);
    let linked = begin.elapsed();
    let manager = &*room.manager;
    let starts = names
        .iter()
        .map(|unit| async { manager.start(unit).await.unwrap() });
    stream::iter(starts.collect::<Vec<_>>())
        .buffer_unordered(32)
        .collect::<Vec<_>>()
        .await;
    let accepted = begin.elapsed();
    let heard = jobs_ended(&mut signals, count).await;
    let started = begin.elapsed();

    let begin = Instant::now();
    let all = manager.observe().await.unwrap();
    let observed = begin.elapsed();
    assert_eq!(all.len(), count);
    assert!(all.values().all(|status| status.state.active == "active"));

    let begin = Instant::now();
    let stops = names
        .iter()
        .map(|unit| async { manager.stop(unit).await.unwrap() });
    stream::iter(stops.collect::<Vec<_>>())
        .buffer_unordered(32)
        .collect::<Vec<_>>()
        .await;
    jobs_ended(&mut signals, count).await;
    let stopped = begin.elapsed();

    let begin = Instant::now();
    all_done(&manager.unlink(&names).await);
    let unlinked = begin.elapsed();
    println!(
        "{count}: linked {linked:?}, accepted {accepted:?}, started {started:?} ({heard:?}), \
         observed {observed:?}; stopped {stopped:?}, unlinked {unlinked:?}"
    );
}

/// Waits for so many jobs to end; counts the signals by kind.
async fn jobs_ended(
    signals: &mut UnboundedReceiver<Signal>,
    count: usize,
) -> BTreeMap<&'static str, usize> {
    let mut heard: BTreeMap<&'static str, usize> = BTreeMap::new();
    while heard.get("job ended").is_none_or(|ended| *ended < count) {
        let signal = tokio::time::timeout(Duration::from_secs(60), signals.recv()).await;
        let kind = match signal.expect("no signal").expect("the stream ended") {
            Signal::Changed(_) => "changed",
            Signal::JobEnded(..) => "job ended",
            Signal::LookAgain => "look again",
        };
        *heard.entry(kind).or_default() += 1;
    }
    heard
}
