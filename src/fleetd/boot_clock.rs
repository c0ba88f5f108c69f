//! The clock that goes on while the machine sleeps, as the leases of the cluster do: the time since
//! boot, CLOCK_BOOTTIME in clock_gettime(2). It must not know what is timed by it.

use std::fmt;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The time since boot.
#[async_trait]
pub trait BootClock: fmt::Debug + Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Duration;

    /// Returns at `moment`, and at once where it has passed; where the machine sleeps then, as soon as
    /// it wakes.
    async fn until(&self, moment: Duration);
}

/// The kernel's.
#[derive(Debug)]
pub struct Kernel;

#[async_trait]
impl BootClock for Kernel {
    fn now(&self) -> Duration {
        let now = clock_gettime(ClockId::Boottime);
        let (secs, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
        Duration::new(secs.unwrap_or_default(), nanos.unwrap_or_default())
    }

    async fn until(&self, moment: Duration) {
        while self.now() < moment {
            if let Err(error) = alarm(moment).await {
                // Tokio's clock stands still while the machine sleeps: late then, but never early.
                tracing::warn!(%error, "no timer from the kernel; going by another clock");
                tokio::time::sleep(moment.saturating_sub(self.now())).await;
            }
        }
    }
}

/// Waits for a timer of the kernel (timerfd_create(2)).
#[expect(
    deprecated,
    reason = "unsound for what may close its file early, which an OwnedFd never does"
)]
async fn alarm(moment: Duration) -> io::Result<()> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
    let it_value = Timespec::try_from(moment).map_err(io::Error::other)?;
    let once = Itimerspec { it_interval: Timespec::default(), it_value };
    timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &once)?;
    AsyncFd::with_interest(timer, Interest::READABLE)?.readable().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_moment_is_waited_for_and_one_that_passed_is_not() {
        let clock = Kernel;
        clock.until(Duration::ZERO).await;
        let moment = clock.now() + Duration::from_millis(20);
        alarm(moment).await.unwrap();
        assert!(clock.now() >= moment);
    }
}
