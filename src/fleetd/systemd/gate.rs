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

/// How long to wait for jobs to end before it is said that they do not: these are units that take
/// long to start or stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often to look whether jobs have ended; only done while there are too many.
const PAUSE: Duration = Duration::from_millis(10);

/// Lets jobs through.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// How many jobs may be queued before systemd is asked again how many there are.
    budget: Mutex<u32>,
}

impl Gate {
    /// Waits until one more job may be queued; `false` when that takes too long.
    pub(super) async fn pass(&self, manager: &ManagerProxy<'_>) -> zbus::Result<bool> {
        // The wait for those before us counts, too: they wait for the same jobs.
        let deadline = Instant::now() + PATIENCE;
        let mut budget = self.budget.lock().await;
        while *budget == 0 {
            *budget = JOBS_MAX.saturating_sub(manager.n_jobs().await?);
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
}
