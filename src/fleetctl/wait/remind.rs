//! When to say what is being waited for, where no live lines show it. It must not know what that is.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// What takes no longer needs no words.
const FIRST: Duration = Duration::from_secs(5);

/// Pauses double up to this one: who reads a log sees that the wait goes on, and little else.
const LONGEST: Duration = Duration::from_secs(320);

/// Rings less and less often.
#[derive(Debug)]
pub struct Reminder {
    next: Instant,
    pause: Duration,
}

impl Reminder {
    /// One that counts from now.
    pub fn new() -> Self {
        Self { next: Instant::now() + FIRST, pause: FIRST }
    }

    /// Waits until it is time. Cancel-safe.
    pub async fn ring(&mut self) {
        sleep_until(self.next).await;
        self.pause = (self.pause * 2).min(LONGEST);
        self.next += self.pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rings_less_and_less_often() {
        let start = Instant::now();
        let mut reminder = Reminder::new();
        for expected in [5, 15, 35, 75, 155, 315, 635, 955, 1275] {
            reminder.ring().await;
            assert_eq!(start.elapsed().as_secs(), expected);
        }
    }
}
