//! Tells how this machine is when somebody asks, in a task of its own: it looks at nothing and
//! writes nothing until then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::fleetd::chain::chain;
use crate::fleetd::facts;
use crate::fleetd::registry::{FiguresRecord, LeaseId, Registry};
use crate::fleetd::systemd::UnitManager;
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// How long systemd may take to say what units use. Who asks waits for a second: the answer shall
/// be in the store by then, with what systemd has said so far.
const MEMORY_TIMEOUT: Duration = Duration::from_millis(700);

/// Answers for one machine. Dropping it ends that.
#[derive(Debug)]
pub struct Surveyor {
    session: watch::Sender<Option<LeaseId>>,
    task: JoinHandle<()>,
}

impl Surveyor {
    /// Answers as `machine`, whenever it is of the cluster.
    pub fn start(registry: Registry, machine: MachineId, units: Arc<dyn UnitManager>) -> Surveyor {
        let (session, lease) = watch::channel(None);
        let task = tokio::spawn(answer(registry, machine, units, lease));
        Surveyor { session, task }
    }

    /// The session that answers hang on; none while the machine is not of the cluster.
    pub fn under(&self, lease: Option<LeaseId>) {
        self.session.send_if_modified(|session| std::mem::replace(session, lease) != lease);
    }
}

impl Drop for Surveyor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    registry: Registry,
    machine: MachineId,
    units: Arc<dyn UnitManager>,
    session: watch::Receiver<Option<LeaseId>>,
) {
    let question = registry.question();
    let mut news = question.reached();
    // Who asked before this fleetd began does not wait any more.
    let mut seen = match news.wait_for(Option::is_some).await {
        Ok(_) => question.read().asked,
        Err(_) => return,
    };
    while news.changed().await.is_ok() {
        let question = *question.read();
        // The store was restored: numbers begin before those that were seen.
        seen = seen.filter(|seen| question.asked >= Some(*seen));
        let lease = *session.borrow();
        let (Some(revision), Some(lease)) = (question.asked.filter(|it| Some(*it) > seen), lease)
        else {
            continue;
        };
        let units = match question.about_units > seen {
            true => Some(memory(&*units).await),
            false => None,
        };
        seen = Some(revision);
        let Some(facts::Load { averages, memory_used }) = facts::load() else { continue };
        let figures = FiguresRecord { answers: revision.0, load: averages, memory_used, units };
        if let Err(error) = registry.answer(&machine, lease, &figures).await {
            tracing::debug!(error = %chain(&error), "saying how this machine is");
        }
    }
}

/// What each unit uses, as far as systemd says it in time.
async fn memory(units: &dyn UnitManager) -> BTreeMap<UnitName, u64> {
    let mut memory = BTreeMap::new();
    match tokio::time::timeout(MEMORY_TIMEOUT, units.memory(&mut memory)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error = %chain(&error), "units' memory"),
        Err(_) => tracing::debug!(heard_of = memory.len(), "systemd takes long for units' memory"),
    }
    memory
}
