//! When to do something that is not due yet, or not at all.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The pause after a request that failed while the event stream was well: etcd is away, most likely.
pub const RETRY: Duration = Duration::from_secs(1);

/// Returns at that time; never without one.
pub async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
