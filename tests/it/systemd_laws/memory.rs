//! The laws on the twin, and what only the twin can do.

use std::sync::Arc;

use fleet::fleetd::systemd::{Call, JobResult, MemoryUnits, Refusal, Signal};
use fleet::unitfile::{UnitFile, UnitName};

use super::laws;
use super::room::{Room, World, file, name, service};

#[derive(Debug)]
struct Memory(Arc<MemoryUnits>);

impl World for Memory {
    fn exit(&self, name: &UnitName, status: i32) {
        self.0.exit(name, status);
    }

    fn unlinkable(&self) -> UnitName {
        let unit = name("law-bad.service");
        self.0.refuse(Refusal::Link, &unit);
        unit
    }

    fn fails_saying(&self, name: &UnitName, words: &str) -> UnitFile {
        self.0.says(name, words);
        file("[Service]\nType=oneshot\nExecStart=/bin/false\n")
    }

    fn daemon_reload(&self) {
        self.0.daemon_reload();
    }

    fn lose_contact(&self) {
        self.0.disconnect();
        self.0.reconnect();
    }
}

async fn room() -> (Arc<MemoryUnits>, Room) {
    let units = Arc::new(MemoryUnits::new());
    let room = Room::new(units.clone(), Box::new(Memory(units.clone()))).await;
    (units, room)
}

#[tokio::test]
async fn systemd_laws_memory() {
    let (_, mut room) = room().await;
    laws::all(&mut room).await;
}

#[tokio::test]
async fn the_twin_logs_what_it_was_asked() {
    let (units, mut room) = room().await;
    let unit = name("a.service");
    room.link(&unit, &service("")).await;
    room.start(&unit).await;
    room.link(&unit, &service("Nice=1\n")).await;
    room.stop(&unit).await;
    room.unlink(&unit).await;
    let batch = vec![unit.clone()];
    assert_eq!(
        units.take_calls(),
        [
            Call::Link(batch.clone()),
            Call::Start(unit.clone()),
            Call::Link(batch.clone()),
            Call::Reload,
            Call::Stop(unit),
            Call::Unlink(batch),
        ]
    );
    assert!(units.take_calls().is_empty());
}

#[tokio::test]
async fn the_twin_holds_jobs_until_told() {
    let (units, mut room) = room().await;
    let unit = name("slow.service");
    room.link(&unit, &service("")).await;
    units.hold(&unit);
    room.manager.start(&unit).await.unwrap();
    let status = room.status(&unit).await;
    assert!(status.job_pending && status.state.active == "inactive", "{status:?}");
    room.manager.stop(&unit).await.unwrap();
    assert_eq!(room.job_end(&unit).await, JobResult::Canceled, "the stop replaces the start");
    units.release(&unit);
    assert_eq!(room.job_end(&unit).await, JobResult::Done);
    assert!(!room.status(&unit).await.job_pending);
}

#[tokio::test]
async fn the_twin_is_away_until_told() {
    let (units, mut room) = room().await;
    let unit = name("a.service");
    room.link(&unit, &service("")).await;
    room.start(&unit).await;
    room.forget_signals();
    units.disconnect();
    let error = room.manager.stop(&unit).await.unwrap_err();
    assert_eq!(error.to_string(), "stop a.service: systemd cannot be reached over D-Bus");
    assert!(room.manager.observe().await.is_err());
    assert!(room.manager.signals().await.is_err());
    units.reconnect();
    assert_eq!(room.signal().await, Signal::Reconnected);
    assert_eq!(room.status(&unit).await.state.active, "active");
}
