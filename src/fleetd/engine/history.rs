//! Keeps the store's history short: every value ever written would else stay in etcd for ever.

use std::time::Duration;

use super::Engine;
use crate::fleetd::chain::chain;
use crate::fleetd::registry::Revision;

/// How much history is kept, at least: longer than any reader is away from a watch without having
/// to read everything anew, and short beside etcd's default quota of 2 GiB.
const KEPT: Duration = Duration::from_secs(300);

impl Engine {
    /// Compacts, each so many minutes, to where the store stood the time before. Costs two requests
    /// each time something was written, one when nothing was. Never returns.
    pub(super) async fn keep_history_short(&self) {
        let mut before = Revision::default();
        loop {
            tokio::time::sleep(KEPT).await;
            let now = match self.registry.revision().await {
                Ok(now) if now > before => now,
                _ => continue,
            };
            if before > Revision::default()
                && let Err(error) = self.registry.compact(before).await
            {
                tracing::debug!(error = %chain(&error), "compacting history");
            }
            before = now;
        }
    }
}
