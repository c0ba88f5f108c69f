//! The laws on the real systemd of the machine on which this test runs, as root.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fleet::fleetd::systemd::{JobResult, Signal, SystemdManager, UnitManager};
use fleet::unitfile::{UnitFile, UnitName};
use futures_util::{StreamExt, stream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;

use super::laws;
use super::room::{Room, World, all_done, file, name, service};

const FOLDER: &str = "/run/fleet-laws/units";

/// Where the service of these laws writes why it ends.
const SAID: &str = "/run/fleet-laws/said";

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

    fn fails_saying(&self, _: &UnitName, words: &str) -> UnitFile {
        let program = format!("/bin/sh -c 'echo {words}; exit 3'");
        file(&format!("[Service]\nType=oneshot\nExecStart={program}\n"))
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
    let manager = SystemdManager::connect(PathBuf::from(FOLDER)).await.unwrap();
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
    a_running_unit_that_lost_its_file_gets_it_back(&mut room).await;
    a_service_knows_why_it_ends();
    a_restart_by_systemd_is_counted(&mut room).await;
    one_who_comes_later_knows_the_same(&mut room).await;
    systemd_tells_of_itself().await;
    an_unmet_condition_is_done(&mut room).await;
    systemd_may_execute_itself_anew(&mut room).await;
    many_units_at_once(&mut room, 1).await;
    many_units_at_once(&mut room, 100).await;
    many_units_at_once(&mut room, 1000).await;
}

async fn a_restart_by_systemd_is_counted(room: &mut Room) {
    let unit = name("law-again.service");
    room.link(&unit, &service("Restart=always\nRestartSec=0\n")).await;
    room.start(&unit).await;
    let before = room.status(&unit).await.run;
    let pid = before.main_pid.unwrap().to_string();
    assert_eq!((before.restarts, before.since.is_some()), (Some(0), true));
    run("kill", &["-9", &pid]);
    while room.status(&unit).await.run.restarts != Some(1) {
        room.signal().await;
    }
    let after = room.until(&unit, "active").await.run;
    assert!(after.main_pid.is_some_and(|pid| Some(pid) != before.main_pid), "{after:?}");
    assert!(after.since >= before.since, "{after:?}");
    room.stop(&unit).await;
    room.unlink(&unit).await;
}

/// What signals told to the one, systemd answers to the other.
async fn one_who_comes_later_knows_the_same(room: &mut Room) {
    let (unit, fails) = (name("law-known.service"), name("law-failed.service"));
    room.link(&unit, &service("")).await;
    room.link(&fails, &file("[Service]\nType=oneshot\nExecStart=/bin/false\n")).await;
    room.start(&unit).await;
    room.start(&fails).await;
    let later = SystemdManager::connect(PathBuf::from(FOLDER)).await.unwrap();
    assert_eq!(later.observe().await.unwrap(), room.all().await);
    room.stop(&unit).await;
    all_done(&room.manager.unlink(&[unit, fails]).await);
}

async fn systemd_tells_of_itself() {
    let manager = SystemdManager::connect(PathBuf::from(FOLDER)).await.unwrap();
    let system = manager.system().await.unwrap();
    let first_line = run("systemctl", &["--version"]);
    assert!(first_line.contains(&system.version), "{system:?}: {first_line}");
    assert!(system.booted < std::time::SystemTime::now().into(), "{system:?}");
}

async fn systemctl_calls_it_linked(room: &Room) {
    let (plain, installed) = (name("law@en.service"), name("law-install.service"));
    let batch = [
        (plain.clone(), service("")),
        (installed.clone(), service("[Install]\nWantedBy=multi-user.target\n")),
    ];
    all_done(&room.manager.link(&batch).await);
    let enabled = |unit: &UnitName| run("systemctl", &["is-enabled", unit.as_str()]);
    assert_eq!(enabled(&plain), "linked-runtime");
    assert_eq!(enabled(&installed), "enabled-runtime");
    all_done(&room.manager.unlink(&[plain, installed.clone()]).await);
    assert!(["", "not-found"].contains(&enabled(&installed).as_str()));
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
    let needs = || run("systemctl", &["show", "-P", "NeedDaemonReload", unit.as_str()]);
    assert_eq!(needs(), "yes");
    room.link(&unit, &new).await;
    assert_eq!(needs(), "no");
    room.stop(&unit).await;
    room.unlink(&unit).await;
}

/// As when somebody removed the file of a running unit and reloaded. systemd 252 reads that of a
/// running instance again only in a reload.
async fn a_running_unit_that_lost_its_file_gets_it_back(room: &mut Room) {
    let unit = name("law@lost.service");
    room.link(&unit, &service("")).await;
    room.start(&unit).await;
    run("systemctl", &["disable", "--runtime", unit.as_str()]);
    std::fs::remove_dir_all(FOLDER).unwrap();
    room.world.daemon_reload();
    room.link(&unit, &service("")).await;
    let status = room.status(&unit).await;
    assert_eq!((&*status.state.load, &*status.state.active), ("loaded", "active"));
    assert_eq!(room.start(&unit).await, JobResult::Done);
    room.stop(&unit).await;
    room.unlink(&unit).await;
}

/// What a service finds out when it is told to end: [`systemd_laws_service`] is that service.
fn a_service_knows_why_it_ends() {
    let me = std::env::current_exe().unwrap();
    let name = "law-service.service";
    let unit = format!("--unit={name}");
    let me = [me.to_str().unwrap(), "--ignored", "systemd_laws_service"];
    run("systemd-run", &[&["--collect", "--service-type=notify", &unit], &me[..]].concat());
    let said = || std::fs::read_to_string(SAID).unwrap();
    run("systemctl", &["restart", name]);
    assert_eq!(said(), "Restart");
    run("systemctl", &["stop", name]);
    assert_eq!(said(), "Stop");
}

#[tokio::test]
#[ignore = "the laws run it as a service"]
async fn systemd_laws_service() {
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    let manager = SystemdManager::connect(PathBuf::from(FOLDER)).await.unwrap();
    sd_notify::notify(&[sd_notify::NotifyState::Ready]).unwrap();
    terminate.recv().await.unwrap();
    std::fs::write(SAID, format!("{:?}", manager.stop_kind().await.unwrap())).unwrap();
}

async fn an_unmet_condition_is_done(room: &mut Room) {
    let unit = name("law-condition.service");
    room.link(&unit, &service("[Unit]\nConditionPathExists=/nowhere\n")).await;
    assert_eq!(room.start(&unit).await, JobResult::Done);
    assert_eq!(room.status(&unit).await.state.active, "inactive");
    room.unlink(&unit).await;
}

async fn systemd_may_execute_itself_anew(room: &mut Room) {
    let unit = name("law-anew.service");
    room.link(&unit, &service("")).await;
    room.start(&unit).await;
    room.forget_signals();
    run("systemctl", &["daemon-reexec"]);
    while !matches!(room.signal().await, Signal::LookAgain | Signal::Reconnected) {}
    assert_eq!(room.status(&unit).await.state.active, "active");
    assert_eq!(room.stop(&unit).await, JobResult::Done);
    room.unlink(&unit).await;
}

/// Links, starts, observes, stops and unlinks many, and says how long systemd and we took.
async fn many_units_at_once(room: &mut Room, count: usize) {
    let units: Vec<(UnitName, UnitFile)> =
        (0..count).map(|i| (name(&format!("law-many-{i}.service")), service(""))).collect();
    let names: Vec<UnitName> = units.iter().map(|(unit, _)| unit.clone()).collect();
    let mut signals = room.manager.signals().await.unwrap();

    let begin = Instant::now();
    all_done(&room.manager.link(&units).await);
    let linked = begin.elapsed();
    let manager = &*room.manager;
    let starts = names.iter().map(|unit| async {
        manager.start(unit).await.unwrap();
    });
    stream::iter(starts.collect::<Vec<_>>()).buffer_unordered(32).collect::<Vec<_>>().await;
    let accepted = begin.elapsed();
    let changes = jobs_ended(&mut signals, count).await;
    let started = begin.elapsed();

    let begin = Instant::now();
    let all = manager.observe().await.unwrap();
    let observed = begin.elapsed();
    assert_eq!(all.len(), count);
    assert!(all.values().all(|status| status.state.active == "active"));

    let begin = Instant::now();
    let stops = names.iter().map(|unit| async { manager.stop(unit).await.unwrap() });
    stream::iter(stops.collect::<Vec<_>>()).buffer_unordered(32).collect::<Vec<_>>().await;
    jobs_ended(&mut signals, count).await;
    let stopped = begin.elapsed();

    let begin = Instant::now();
    all_done(&manager.unlink(&names).await);
    let unlinked = begin.elapsed();
    println!(
        "{count}: linked {linked:?}, accepted {accepted:?}, started {started:?} ({changes} changes), \
         observed {observed:?}; stopped {stopped:?}, unlinked {unlinked:?}"
    );
}

/// Waits for so many jobs to end, and says how many other signals came. None of them may say that
/// systemd was reloaded.
async fn jobs_ended(signals: &mut UnboundedReceiver<Signal>, count: usize) -> usize {
    let (mut ended, mut changed) = (0, 0);
    while ended < count {
        let signal = tokio::time::timeout(Duration::from_secs(60), signals.recv()).await;
        match signal.expect("no signal").expect("the stream ended") {
            Signal::Changed(_) => changed += 1,
            Signal::JobEnded { .. } => ended += 1,
            Signal::LookAgain | Signal::Reconnected => panic!("systemd was reloaded"),
        }
    }
    changed
}
