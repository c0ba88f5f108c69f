//! What time it is, as people have it. Must not be used to measure how long something takes.

use std::time::SystemTime;

use tokio::time::Instant;

use crate::model::Timestamp;

/// The time now. Where tokio's clock is paused, as in tests, this one goes with it.
pub fn now() -> Timestamp {
    let (paused, real) = (Instant::now().into_std(), std::time::Instant::now());
    let ahead = paused.saturating_duration_since(real);
    let behind = real.saturating_duration_since(paused);
    (SystemTime::now() + ahead - behind).into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_with_tokios_clock() {
        let before = now();
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let passed = now().since(before);
        assert!((3600..3660).contains(&passed.as_secs()), "{passed:?}");
    }
}
