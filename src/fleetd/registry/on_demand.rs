//! The mirror of the whole cluster, opened when somebody reads it and closed when nobody has for
//! a while: a machine that is asked nothing watches nothing but its own schedule.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::cluster::Cluster;
use super::mirror::Mirror;

/// How long the mirror outlives its last use. Longer than the pause between two commands of a
/// person at work, so that only the first of them pays for reading everything.
const LINGER: Duration = Duration::from_secs(60);

/// A mirror that is there while it is used.
#[derive(Debug, Default)]
pub struct OnDemand {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: Weak<Mirror<Cluster>>,
    lingering: Option<JoinHandle<()>>,
}

impl OnDemand {
    /// The mirror that is open, or a new one. Call within a tokio runtime.
    pub fn get(&self, open: impl FnOnce() -> Mirror<Cluster>) -> Arc<Mirror<Cluster>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mirror = state.open.upgrade().unwrap_or_else(|| Arc::new(open()));
        state.open = Arc::downgrade(&mirror);
        let keep = Arc::clone(&mirror);
        let lingering = tokio::spawn(async move {
            tokio::time::sleep(LINGER).await;
            drop(keep);
        });
        if let Some(earlier) = state.lingering.replace(lingering) {
            earlier.abort();
        }
        mirror
    }
}
