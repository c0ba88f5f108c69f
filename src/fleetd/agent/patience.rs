//! How long a step of the agent may wait for others: not beyond the moment at which units have to
//! stop, and hardly at all while some of them are about to. It must not know what is waited for.

use std::sync::Arc;
use std::time::Duration;

use super::AgentError;
use super::diff::Touch;
use super::fence::Fence;

/// How long the store may take to answer while units stop: more than it needs, and little beside the
/// reserve that there is at the end of their time.
const WHILE_UNITS_STOP: Duration = Duration::from_millis(500);

/// The patience that steps have which were decided on together.
#[derive(Debug)]
pub struct Patience {
    fence: Arc<Fence>,
    touch: Touch,
    longest: Option<Duration>,
}

impl Patience {
    /// Of steps that were decided on in this touch with the cluster, and whether units are to stop for
    /// it that have not yet.
    pub fn new(fence: Arc<Fence>, touch: Touch, units_stop: bool) -> Patience {
        Patience { fence, touch, longest: units_stop.then_some(WHILE_UNITS_STOP) }
    }

    /// Whether the steps were decided on too long ago: touch is worse now.
    pub fn is_over(&self) -> bool {
        self.fence.touch() > self.touch
    }

    /// Waits for systemd; `None` where that took too long, and it may have been asked or not.
    pub async fn with_systemd<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        self.fence.in_time(self.touch, answer).await
    }

    /// Waits for the store.
    pub async fn with_store<T, E: Into<AgentError>>(
        &self,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, AgentError> {
        let step = async {
            match self.longest {
                Some(longest) => tokio::time::timeout(longest, step).await.ok(),
                None => Some(step.await),
            }
        };
        let taken = self.fence.in_time(self.touch, step).await.flatten();
        taken.map_or(Err(AgentError::CutOff), |taken| taken.map_err(Into::into))
    }
}
