//! Tells systemd how fleetd does (sd_notify(3)): that it is ready, that it lives, and one line for
//! `systemctl status`. Without systemd around it, all of this does nothing.

use std::pin::pin;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::time::{Interval, interval};
use tokio_util::sync::CancellationToken;

use super::agent::Standing;

/// While units stop, systemd is asked every so often for a while more: several times as long, so
/// that a busy moment does not matter.
const EXTEND_EVERY: Duration = Duration::from_secs(5);
const EXTEND_BY_USEC: u32 = 30_000_000;

/// fleetd serves. It says so before the store answers: an etcd that runs as a unit of its own may
/// wait for it.
pub fn ready() {
    say(&[NotifyState::Ready]);
}

/// fleetd is about to end.
pub fn stopping() {
    say(&[NotifyState::Stopping]);
}

/// Waits for the agent to part. Units may take their time to stop, longer than systemd gives a
/// service of its own: each has its own limit there. A fleetd that was killed meanwhile would no
/// longer keep others from starting what still runs here.
pub async fn until_parted<T>(parting: impl Future<Output = T>) -> T {
    let mut parting = pin!(parting);
    let mut still = interval(EXTEND_EVERY);
    loop {
        tokio::select! {
            parted = &mut parting => return parted,
            _ = still.tick() => say(&[
                NotifyState::ExtendTimeoutUsec(EXTEND_BY_USEC),
                NotifyState::Status("stopping the units of this machine"),
                NotifyState::Watchdog,
            ]),
        }
    }
}

/// Keeps the status line true and the watchdog quiet, until `stop`.
pub async fn keep_told(
    mut standing: watch::Receiver<Standing>,
    mut leading: watch::Receiver<bool>,
    stop: CancellationToken,
) {
    // Half the time systemd waits, as sd_watchdog_enabled(3) advises.
    let mut watchdog = sd_notify::watchdog_enabled().map(|timeout| interval(timeout / 2));
    loop {
        let line = status(*standing.borrow_and_update(), *leading.borrow_and_update());
        say(&[NotifyState::Status(line)]);
        tokio::select! {
            Ok(()) = standing.changed() => {}
            Ok(()) = leading.changed() => {}
            () = tick(&mut watchdog) => say(&[NotifyState::Watchdog]),
            () = stop.cancelled() => return,
        }
    }
}

fn status(standing: Standing, leading: bool) -> &'static str {
    match (standing, leading) {
        (Standing::Joining, _) => "joining the cluster",
        (Standing::Apart, _) => "stays out: the store is another cluster's or of another version",
        (Standing::Refused, _) => "refused: another live machine has the same machine id",
        (Standing::Member, false) => "a machine of the cluster",
        (Standing::Member, true) => "a machine of the cluster; leads it",
    }
}

async fn tick(watchdog: &mut Option<Interval>) {
    match watchdog {
        Some(watchdog) => drop(watchdog.tick().await),
        None => std::future::pending().await,
    }
}

fn say(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "cannot notify systemd");
    }
}
