//! Waiting for a condition, with a deadline and the last thing seen.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How often a condition is looked at that nobody tells us about.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks until `condition` holds, and returns what it found; panics at the deadline, saying what it
/// saw last. For things that cannot be watched; what can be watched is watched.
pub async fn wait_for<T, E: Debug>(
    deadline: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        match condition().await {
            Ok(found) => return found,
            Err(seen) if Instant::now() >= end => {
                panic!("waited {deadline:?} for {what}; last seen: {seen:?}")
            }
            Err(_) => sleep(LOOK_EVERY).await,
        }
    }
}
