//! The heartbeat: renews the session's lease, in a task of its own so that nothing the agent does
//! can make it late, and tells the fence of each that was acknowledged.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::fence::Fence;
use crate::fleetd::backoff::Backoff;
use crate::fleetd::chain::chain;
use crate::fleetd::metrics::Metrics;
use crate::fleetd::registry::{LeaseId, Registry, StoreError};

/// A beating heart. Dropping it stops it; the lease then lapses by itself.
#[derive(Debug)]
pub struct Heart {
    task: JoinHandle<()>,
    lost: watch::Receiver<bool>,
}

impl Heart {
    /// Renews `lease` each third of `ttl`.
    pub fn start(
        registry: Registry,
        lease: LeaseId,
        ttl: Duration,
        fence: Arc<Fence>,
        metrics: Metrics,
    ) -> Heart {
        let (tell, lost) = watch::channel(false);
        let task = tokio::spawn(async move {
            beat(&registry, lease, ttl, &fence, &metrics).await;
            tell.send_replace(true);
        });
        Heart { task, lost }
    }

    /// Returns once the lease is known to be gone.
    pub async fn lost(&self) {
        // An error means that the task fell over, which is the same for us.
        drop(self.lost.clone().wait_for(|lost| *lost).await);
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Renews until the store says that the lease is gone. A store that cannot be reached says
/// nothing: fleet goes on, and asks again at most a sixth of the time to live apart.
async fn beat(
    registry: &Registry,
    lease: LeaseId,
    ttl: Duration,
    fence: &Fence,
    metrics: &Metrics,
) {
    let mut renewed = Instant::now();
    let mut backoff = Backoff::up_to(ttl / 6);
    let (mut warned, mut unwritten) = (false, false);
    loop {
        let sent = fence.now();
        let pause = match registry.keep_alive(lease).await {
            Ok(()) => {
                renewed = Instant::now();
                metrics.heartbeat(ttl);
                let written = fence.acknowledged(sent, ttl);
                if let Err(error) = &written
                    && !unwritten
                {
                    tracing::error!(%error, "cannot write down the last heartbeat");
                }
                unwritten = written.is_err();
                warned = false;
                backoff.reset();
                ttl / 3
            }
            Err(StoreError::LeaseGone { .. }) => return,
            Err(error) => {
                tracing::debug!(error = %chain(&error), "heartbeat");
                backoff.next()
            }
        };
        if renewed.elapsed() > ttl && !warned {
            tracing::error!(
                "Server monitor triggered: Monitor timed out before successful heartbeat"
            );
            warned = true;
        }
        tokio::time::sleep(pause).await;
    }
}
