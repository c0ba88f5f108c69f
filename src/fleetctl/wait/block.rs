//! The flags that say whether, and for how long, a command waits for the units it changed.

use std::time::Duration;

use clap::Args;

/// The original looked every half second and called each look an attempt. Waiting is driven by
/// events here, so that attempts only measure time: N of them are N half seconds.
const ATTEMPT: Duration = Duration::from_millis(500);

/// Whether and how long to wait
#[derive(Debug, Clone, Args)]
pub struct BlockArgs {
    /// Do not wait until the units are where they shall be
    #[arg(long)]
    pub no_block: bool,
    /// Give up waiting after N attempts, each of half a second; 0 never gives up
    ///
    /// Global units are never waited for.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub block_attempts: u32,
}

impl BlockArgs {
    /// How long to wait; `None` for as long as it takes.
    pub fn limit(&self) -> Option<Duration> {
        (self.block_attempts > 0).then(|| ATTEMPT * self.block_attempts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_half_a_second_and_0_is_for_ever() {
        for (block_attempts, limit) in [(0, None), (5, Some(Duration::from_millis(2500)))] {
            assert_eq!(BlockArgs { no_block: false, block_attempts }.limit(), limit);
        }
    }
}
