//! Make this machine match its schedule: one loop that looks at everything, decides with
//! [`diff`](diff::diff), acts, and looks again.
//!
//! This room knows the registry's session operations and the [`UnitManager`]. It must not know
//! why a unit is scheduled here, nor any other machine's schedule.

mod diff;
mod execute;
mod fence;
mod heart;
mod held;
mod launches;
mod member;
mod observe;
mod patience;
mod publish;
mod report;
mod surveyor;
mod task;
mod token;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

pub use diff::{Ask, Desired, Here, Hold, KnownFile, Launched, Observed, Touch, diff};
pub use member::Standing;
pub use task::{Action, Reason, Task};
pub use words::Words;

use crate::fleetd::backoff::Backoff;
use crate::fleetd::boot_clock::BootClock;
use crate::fleetd::chain::chain;
use crate::fleetd::metrics::Metrics;
use crate::fleetd::registry::{
    Disturbance, MachineRecord, Mirror, Registry, Revision, Schedule, StoreError, schedule_of,
};
use crate::fleetd::systemd::{Signal, SystemdError, UnitManager};
use crate::model::{MachineId, OnPartition};
use crate::unitfile::UnitName;
use fence::Fence;
use launches::Launches;
use member::{Membership, Other};
use observe::Dirty;
use patience::Patience;
use publish::Publisher;
use surveyor::Surveyor;

/// How long the units get to stop when the machine leaves. systemd bounds each of them by its own
/// `TimeoutStopSec=`, which is to come first: by default it is 90 s, and some databases ask for
/// minutes. This is for those that have no limit at all.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// How many times in a row a pass may take the very same steps: after that, taking them changes
/// nothing, and the pass goes round in circles.
const REPEATS_MAX: usize = 5;

/// What the agent must be told.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// This machine.
    pub machine: MachineId,
    /// What it says of itself, as that changes; `session` is filled in by the agent.
    pub record: watch::Receiver<MachineRecord>,
    /// How long the machine counts as alive after its last heartbeat.
    pub ttl: Duration,
    /// Where it keeps what must survive a restart of fleetd, but no reboot.
    pub run_folder: PathBuf,
    /// Who counts its steps and heartbeats.
    pub metrics: Metrics,
    /// By which it knows how long a session lives.
    pub clock: Arc<dyn BootClock>,
}

/// What to do with the units when the agent ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// fleetd comes back at once: keep units and session.
    Keep,
    /// Stop the units and leave the cluster, so that others take over at once.
    Leave,
}

/// Why the agent could not do a pass. It tries again.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// systemd failed as a whole, not for one unit.
    #[error(transparent)]
    Systemd(#[from] SystemdError),
    /// The store is not the one this machine's units came from.
    #[error(
        "the units here are of cluster {known}, and the store is now that of {found}: they run on, \
         and this machine stays out. Bring the store back, or give the units up by stopping and \
         starting fleet.service"
    )]
    OtherCluster {
        /// The cluster whose units run here.
        known: Uuid,
        /// The cluster that the store has.
        found: Uuid,
    },
    /// The store is in a form that this fleetd would misread.
    #[error(
        "the store has format {stored}, and this fleetd reads format {own} and the one before: its \
         units run on, and this machine stays out. Install the version of fleetd that the other \
         machines have"
    )]
    OtherFormat {
        /// The format of the store.
        stored: u32,
        /// The newest format that this fleetd reads.
        own: u32,
    },
    /// Another one took this machine's key at the same time, or something unreadable is there.
    #[error("cannot join the cluster: the key of machine {0} is taken")]
    Taken(MachineId),
    /// The store did not answer before something else was due.
    #[error("the store did not answer in time: this machine is cut off")]
    CutOff,
    /// What was done changed nothing, again and again.
    #[error("taking the same steps {REPEATS_MAX} times changed nothing")]
    Restless,
    /// The agent's own records could not be read or written.
    #[error("{operation} {path}")]
    Records {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Something the agent waits for, beside signals and its schedule.
#[derive(Debug)]
enum Wake {
    /// Another holder let go of a unit.
    Released(UnitName),
    /// The other bearer of this machine's id was waited for.
    Other(Other),
    /// Another hand changed the key of this life of the machine.
    Disturbed(Revision, Disturbance),
    /// A unit that was left alone may be tried again.
    Retry(UnitName),
    /// What a unit said last whose start of this number failed.
    Words(UnitName, Option<u64>, Vec<String>),
    /// That takes too long for the report of the failure to wait for it.
    WordsLate(UnitName, Option<u64>),
}

/// The agent of one machine.
#[derive(Debug)]
pub struct Agent {
    settings: AgentSettings,
    /// What this machine says of itself now, and what the store has of that.
    record: MachineRecord,
    told: MachineRecord,
    registry: Registry,
    units: Arc<dyn UnitManager>,
    launches: Launches,
    schedule: Mirror<Schedule>,
    membership: Membership,
    standing: watch::Sender<Standing>,
    fence: Arc<Fence>,
    observed: Observed,
    dirty: Dirty,
    signals: mpsc::UnboundedReceiver<Signal>,
    waits: JoinSet<Wake>,
    publisher: Publisher,
    surveyor: Surveyor,
    leaving: bool,
    /// Whether the store has heard that it leaves.
    parted: bool,
    /// Whether another hand wrote over what this machine says of itself.
    overwritten: bool,
}

impl Agent {
    /// Looks at what is there: units that run are adopted, not started again.
    pub async fn start(
        settings: AgentSettings,
        registry: Registry,
        units: Arc<dyn UnitManager>,
    ) -> Result<Agent, AgentError> {
        let folder = |name| settings.run_folder.join(name);
        let unread = |name| {
            let (operation, path) = ("cannot read the records in", folder(name));
            move |source| AgentError::Records { operation, path, source }
        };
        let launches = Launches::in_folder(folder("launched")).map_err(unread("launched"))?;
        let launched = launches.read().map_err(unread("launched"))?;
        let fence = Fence::start(folder("heartbeat"), Arc::clone(&settings.clock))
            .map_err(unread("heartbeat"))?;
        let signals = units.signals().await?;
        let record = settings.record.borrow().clone();
        let mut agent = Agent {
            schedule: registry.mirror(schedule_of(&settings.machine)),
            membership: Membership::Out,
            standing: watch::Sender::new(Standing::Joining),
            fence: Arc::new(fence),
            observed: Observed::new(),
            dirty: Dirty::All { signals_missed: true },
            signals,
            waits: JoinSet::new(),
            publisher: Publisher::start(
                registry.clone(),
                settings.machine.clone(),
                settings.ttl / 6,
            ),
            surveyor: Surveyor::start(
                registry.clone(),
                settings.machine.clone(),
                Arc::clone(&units),
            ),
            leaving: false,
            parted: false,
            overwritten: false,
            told: record.clone(),
            record,
            launches,
            settings,
            registry,
            units,
        };
        agent.adopt(launched).await?;
        Ok(agent)
    }

    /// How this machine stands with the cluster, as it changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Keeps the machine as scheduled until `stop` is told, then says farewell.
    pub async fn run(mut self, stop: watch::Receiver<Option<Farewell>>) {
        let mut stop = stop;
        let (mut scheduled, mut touch) = (self.schedule.reached(), self.fence.turns());
        let mut backoff = Backoff::up_to(self.settings.ttl / 6);
        let mut warned = false;
        loop {
            let retry = match self.pass().await {
                Ok(()) => {
                    backoff.reset();
                    warned = false;
                    None
                }
                Err(error) => {
                    // Once for each time of trouble, which can be long.
                    if !std::mem::replace(&mut warned, true) {
                        tracing::warn!(error = %chain(&error), "agent: trying again");
                    }
                    Some(Instant::now() + backoff.next())
                }
            };
            tokio::select! {
                // The same events make the same life. None starves: what comes often comes last,
                // and each pass looks at all of it.
                biased;
                farewell = told(&mut stop) => return self.part(farewell).await,
                () = self.membership.lost() => self.lose_session(),
                Ok(()) = touch.changed() => {}
                Some(Ok(wake)) = self.waits.join_next() => self.woken(wake),
                Ok(()) = self.settings.record.changed() => self.describe(),
                () = at(retry) => {}
                _ = scheduled.changed() => {}
                Some(signal) = self.signals.recv() => self.heed(signal),
            }
        }
    }

    /// Looks, decides and acts until there is nothing more to do now.
    async fn pass(&mut self) -> Result<(), AgentError> {
        let (mut before, mut repeats) = (Vec::new(), 0);
        while repeats < REPEATS_MAX {
            while let Ok(signal) = self.signals.try_recv() {
                self.heed(signal);
            }
            self.refresh().await?;
            self.try_what_is_wanted_anew();
            let desired = self.desired();
            let tasks = diff(&desired, &self.observed);
            let patience = self.patience(desired.touch);
            self.listen_to_the_failed();
            self.report(&tasks);
            // What can be done without the store does not wait for it.
            if tasks.is_empty() && !patience.with_store(self.attend()).await? {
                self.forget_the_gone();
                return patience.with_store(self.tell()).await;
            }
            repeats = if tasks == before { repeats + 1 } else { 0 };
            self.execute(&tasks, &patience).await?;
            before = tasks;
        }
        Err(AgentError::Restless)
    }

    /// What the schedule wants here, as far as it was planned for this life of the machine.
    fn desired(&self) -> Desired {
        let schedule = self.schedule.read();
        let life = self.membership.life();
        Desired {
            complete: schedule.is_complete_for(life),
            units: schedule.units.clone(),
            leaving: self.leaving,
            touch: self.fence.touch(),
        }
    }

    /// For what is decided on in this touch with the cluster.
    fn patience(&self, touch: Touch) -> Patience {
        let stops = |here: &Here| here.status.is_some() && here.on_partition == OnPartition::Stop;
        let units_stop = touch != Touch::Kept && self.observed.values().any(stops);
        Patience::new(Arc::clone(&self.fence), touch, units_stop)
    }

    fn woken(&mut self, wake: Wake) {
        match wake {
            Wake::Released(name) => {
                // Someone else's, or our own of a moment ago: winning it tells.
                if let Some(here) = self.observed.get_mut(&name) {
                    here.hold = Hold::Unsure;
                }
            }
            Wake::Other(other) => self.other_bearer(other),
            Wake::Disturbed(life, disturbance) => self.disturbed(life, disturbance),
            Wake::Retry(name) => {
                if let Some(here) = self.observed.get_mut(&name) {
                    here.held_back = false;
                }
            }
            Wake::Words(name, launch, lines) => self.heard(&name, launch, lines),
            Wake::WordsLate(name, launch) => self.tell_without_words(&name, launch),
        }
    }

    /// Ends as it is told. Every wait here is bounded: the store may be away.
    async fn part(mut self, farewell: Farewell) {
        if farewell == Farewell::Keep {
            tracing::info!("keeping units and session for the fleetd that follows");
            return;
        }
        tracing::info!("leaving the cluster");
        self.leaving = true;
        let emptied = tokio::time::timeout(LEAVE_TIMEOUT, self.empty()).await;
        if emptied.is_err() {
            tracing::error!("some units did not stop in time; keeping the session until it lapses");
            return;
        }
        self.end_session().await;
    }

    /// Says good-bye, then stops and unlinks everything. A store that is away holds nothing up: it
    /// hears of it as soon as it is back.
    async fn empty(&mut self) {
        let mut touch = self.fence.turns();
        let mut backoff = Backoff::up_to(self.settings.ttl / 6);
        let mut warned = false;
        loop {
            let patience = self.patience(self.fence.touch());
            let parted = patience.with_store(self.step_down()).await;
            let retry = self.pass().await.and(parted).err().map(|error| {
                if !std::mem::replace(&mut warned, true) {
                    tracing::warn!(error = %chain(&error), "while leaving: trying again");
                }
                Instant::now() + backoff.next()
            });
            if self.observed.values().all(|here| here.status.is_none()) {
                return;
            }
            tokio::select! {
                biased;
                Some(Ok(wake)) = self.waits.join_next() => self.woken(wake),
                Ok(()) = touch.changed() => {}
                () = at(retry) => {}
                Some(signal) = self.signals.recv() => self.heed(signal),
            }
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Waits for the word to stop. A sender that is gone without a word means the daemon fell over:
/// keep everything.
async fn told(stop: &mut watch::Receiver<Option<Farewell>>) -> Farewell {
    match stop.wait_for(Option::is_some).await {
        Ok(farewell) => farewell.unwrap_or(Farewell::Keep),
        Err(_) => Farewell::Keep,
    }
}
