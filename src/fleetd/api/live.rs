//! How things are now, which the store does not know: every machine is asked, and those that answer
//! in time are shown with it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

use super::Api;
use super::answer::ApiError;
use crate::api::{Live, UnitLive};
use crate::fleetd::registry::{About, Cluster, FiguresRecord, Mirror, Revision};
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// How long an answer is waited for: a machine that is there answers within tens of milliseconds,
/// and one that is cut off shall hold nobody up for longer than a person's patience.
const PATIENCE: Duration = Duration::from_secs(1);

/// So long one question serves everyone: figures older than that are not "now", and more often
/// than that nobody can read them.
const SHARED: Duration = Duration::from_secs(1);

/// The last question this daemon asked, shared by its clients.
#[derive(Debug, Clone, Default)]
pub struct Survey(Arc<Mutex<Option<Asked>>>);

#[derive(Debug, Clone, Copy)]
struct Asked {
    question: Revision,
    about: About,
    at: Instant,
}

impl Api {
    /// Asks the machines, unless they were just asked, and waits until all have answered or it has
    /// been long enough. Figures that answer what this returns, or later, are of now.
    pub(super) async fn survey(
        &self,
        about: About,
        mirror: &Mirror<Cluster>,
    ) -> Result<Revision, ApiError> {
        let asked = timeout(PATIENCE, self.ask(about)).await;
        let Asked { question, at, .. } = asked.map_err(|_| ApiError::away())??;
        let mut reached = mirror.reached();
        let answered = async {
            while !all_answered(&mirror.read(), question, about) {
                if reached.changed().await.is_err() {
                    return;
                }
            }
        };
        // Who has not answered by then is shown without.
        let _ = timeout_at(at + PATIENCE, answered).await;
        Ok(question)
    }

    async fn ask(&self, about: About) -> Result<Asked, ApiError> {
        let mut last = self.survey.0.lock().await;
        let serves = |asked: &Asked| asked.at.elapsed() < SHARED && asked.about >= about;
        if let Some(asked) = last.filter(serves) {
            return Ok(asked);
        }
        let question = self.registry.ask_machines(about).await?;
        Ok(*last.insert(Asked { question, about, at: Instant::now() }))
    }
}

fn all_answered(cluster: &Cluster, question: Revision, about: About) -> bool {
    let answered = |figures: &FiguresRecord| about == About::Machine || figures.units.is_some();
    cluster.machines.keys().all(|id| figures(cluster, id, question).is_some_and(answered))
}

/// What a machine answered to this question, or to a later one.
fn figures<'a>(
    cluster: &'a Cluster,
    id: &MachineId,
    question: Revision,
) -> Option<&'a FiguresRecord> {
    cluster.figures.get(id).filter(|figures| figures.answers >= question.0)
}

/// How a machine is, if it answered.
pub fn live(cluster: &Cluster, id: &MachineId, question: Revision) -> Option<Live> {
    let FiguresRecord { load, memory_used, .. } = *figures(cluster, id, question)?;
    Some(Live { load, memory_used })
}

/// How a unit is on a machine, if that answered.
pub fn unit(
    cluster: &Cluster,
    name: &UnitName,
    id: &MachineId,
    question: Revision,
) -> Option<UnitLive> {
    let memory = *figures(cluster, id, question)?.units.as_ref()?.get(name)?;
    Some(UnitLive { memory })
}
