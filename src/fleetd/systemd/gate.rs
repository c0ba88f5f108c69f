//! How many jobs may be under way in systemd at once.
//!
//! While a job lasts, systemd holds a match rule on the bus for the client that asked for it, and a
//! dbus-daemon allows 512 of them to a connection as it comes. systemd 252 gives up its connection
//! when it is refused one more, and is gone from the bus for seconds, whoever talks to it.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::proxy::ManagerProxy;

/// Half of what the bus allows: systemd needs some for itself, and is kept busy by far fewer.
pub(super) const JOBS_MAX: u32 = 256;

/// Stops may be more than that, and so get through when every job is a start that hangs: often it
/// is those that are to be stopped, and then the stop takes the place of the start.
const STOPS_MAX: u32 = 384;

/// How long to wait for jobs to end before it is said that they do not: these are units that take
/// long to start or stop, and who asks has other units to look after meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many jobs to let through before systemd is asked again how many there are.
const BUDGET_MAX: u32 = 32;

/// How often to look whether jobs have ended; only done while there are too many.
const PAUSE: Duration = Duration::from_millis(10);

/// Lets jobs through.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// How many starts may be queued before systemd is asked again how many jobs there are.
    starts: Mutex<u32>,
    /// How many stops.
    stops: Mutex<u32>,
}

impl Gate {
    /// Waits until one more start may be queued; `false` when that takes too long.
    pub(super) async fn pass(&self, manager: &ManagerProxy<'_>) -> zbus::Result<bool> {
        pass(&self.starts, JOBS_MAX, manager).await
    }

    /// The same for a stop.
    pub(super) async fn pass_stop(&self, manager: &ManagerProxy<'_>) -> zbus::Result<bool> {
        pass(&self.stops, STOPS_MAX, manager).await
    }
}

/// Waits for a job's turn, with a budget of jobs that may go on without asking systemd.
async fn pass(budget: &Mutex<u32>, max: u32, manager: &ManagerProxy<'_>) -> zbus::Result<bool> {
    // The wait for those before us counts, too: they wait for the same jobs.
    let deadline = Instant::now() + PATIENCE;
    let mut budget = budget.lock().await;
    while *budget == 0 {
        *budget = max.saturating_sub(manager.n_jobs().await?).min(BUDGET_MAX);
        if *budget > 0 {
            break;
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        tokio::time::sleep(PAUSE).await;
    }
    *budget -= 1;
    Ok(true)
}
