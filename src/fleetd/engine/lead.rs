//! The engine's life: wait until nobody leads, win, then keep the schedule right until the
//! leadership is lost or the daemon stops.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::apply::{
    Applied, Decided, Guarded, apply, guard, guard_departure, guard_litter, guard_raise,
    guard_trouble,
};
use super::courtesy::courtesy;
use super::departed::{Departure, Departures, departures};
use super::format::{Raise, raise};
use super::litter::{Litter, litter};
use super::plan::Decision;
use super::planner::Planner;
use super::trouble::{self, Trouble, Troubles, troubles};
use super::vanished::{Moment, is_news};
use crate::fleetd::backoff::Backoff;
use crate::fleetd::chain::chain;
use crate::fleetd::clock;
use crate::fleetd::metrics::Metrics;
use crate::fleetd::registry::{
    Cluster, FIRST_FORMAT, Key, LeaderRecord, Leadership, Mirror, Registry, Revision, StoreError,
    reads,
};
use crate::model::{MachineId, Timestamp};

/// How soon, at the soonest, it is looked again at what time alone changes.
const LOOK_AGAIN_MIN: Duration = Duration::from_secs(1);

/// And at the latest.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(3600);

/// What the engine must be told.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Who would lead.
    pub candidate: LeaderRecord,
    /// How long the leader counts as alive after its last renewal.
    pub leader_ttl: Duration,
    /// The longest pause between two attempts while the store is away.
    pub retry_max: Duration,
    /// Whether it may lead, as that changes.
    pub enabled: watch::Receiver<bool>,
    /// Who counts its passes and decisions.
    pub metrics: Metrics,
}

/// The engine of one machine.
#[derive(Debug)]
pub struct Engine {
    settings: EngineSettings,
    pub(super) registry: Registry,
    leading: watch::Sender<bool>,
}

impl Engine {
    /// An engine that leads nobody yet.
    pub fn new(settings: EngineSettings, registry: Registry) -> Engine {
        Engine { settings, registry, leading: watch::Sender::new(false) }
    }

    /// Whether this machine leads, as it changes.
    pub fn leading(&self) -> watch::Receiver<bool> {
        self.leading.subscribe()
    }

    /// Leads whenever it may and nobody else does, until `stop`; then lets the next one lead at
    /// once.
    pub async fn run(self, stop: CancellationToken) {
        while self.told(true, &stop).await {
            let term = stop.child_token();
            let forbidden = async {
                if self.told(false, &term).await {
                    term.cancel();
                }
            };
            tokio::join!(forbidden, self.run_enabled(&term));
        }
    }

    /// Waits until this engine may lead, or may not. `false`: not before `stop`.
    async fn told(&self, wanted: bool, stop: &CancellationToken) -> bool {
        let mut enabled = self.settings.enabled.clone();
        let told = async { enabled.wait_for(|may| *may == wanted).await.is_ok() };
        stop.run_until_cancelled(told).await == Some(true)
    }

    /// Leads whenever nobody else does, until `stop`.
    async fn run_enabled(&self, stop: &CancellationToken) {
        let mut backoff = Backoff::up_to(self.settings.retry_max);
        let mut warned = false;
        loop {
            let term = self.reign(stop).await;
            // Who watches this is not to be woken by each attempt while the store is away.
            self.leading.send_if_modified(|leading| std::mem::replace(leading, false));
            match term {
                _ if stop.is_cancelled() => return,
                Ok(()) => {
                    backoff.reset();
                    warned = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut warned, true) {
                        tracing::warn!(error = %chain(&error), "engine: trying again");
                    }
                    tokio::time::sleep(backoff.next()).await;
                }
            }
        }
    }

    /// Waits for a vacancy and tries to fill it.
    async fn reign(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let courtesy = |answer| courtesy(fastrand::f64(), answer);
        tokio::select! {
            biased;
            vacant = self.registry.leader_vacancy(courtesy) => vacant?,
            () = stop.cancelled() => return Ok(()),
        }
        let ttl = self.settings.leader_ttl;
        let Some(leadership) = self.registry.campaign(&self.settings.candidate, ttl).await? else {
            return Ok(());
        };
        if !reads(self.own_format(), leadership.format) {
            return self.stand_back(&leadership, stop).await;
        }
        tracing::info!(term = %leadership.term, "leading the cluster");
        self.leading.send_replace(true);
        let led = tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            () = self.renew(&leadership) => Ok(()),
            led = self.lead(&leadership) => led,
            () = self.keep_history_short() => Ok(()),
        };
        // The key goes with the lease, so that the next one need not wait for it to lapse.
        let resigned = self.registry.revoke(leadership.lease).await;
        tracing::info!(term = %leadership.term, "no longer leading");
        led.and(resigned)
    }

    fn own_format(&self) -> u32 {
        self.settings.candidate.format.unwrap_or(FIRST_FORMAT)
    }

    /// Leaves a store in a form that this engine would misread to others, until that changes.
    async fn stand_back(
        &self,
        leadership: &Leadership,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        self.registry.revoke(leadership.lease).await?;
        let (stored, own) = (leadership.format, self.own_format());
        tracing::warn!(
            "the store has format {stored}, and this fleetd writes format {own} and the one before: \
             it does not lead until that changes. Install the version that the other machines have"
        );
        tokio::select! {
            biased;
            changed = self.registry.format_changed(leadership.term) => changed,
            () = stop.cancelled() => Ok(()),
        }
    }

    /// Returns when the lease is gone, or was not renewed in its time.
    async fn renew(&self, leadership: &Leadership) {
        let ttl = self.settings.leader_ttl;
        let mut renewed = Instant::now();
        let mut backoff = Backoff::up_to(ttl / 6);
        while renewed.elapsed() < ttl {
            let sent = Instant::now();
            match self.registry.keep_alive(leadership.lease).await {
                Ok(()) => {
                    renewed = sent;
                    backoff.reset();
                    tokio::time::sleep(ttl / 3).await;
                }
                Err(StoreError::LeaseGone { .. }) => return,
                Err(_) => tokio::time::sleep(backoff.next()).await,
            }
        }
    }

    /// Pass after pass, each on everything the one before has written.
    async fn lead(&self, leadership: &Leadership) -> Result<(), StoreError> {
        let mirror = self.registry.cluster();
        let mut seen = mirror.reached();
        mirror.reach(leadership.term).await?;
        let mut planner = Planner::default();
        loop {
            let looked_at = *seen.borrow_and_update();
            let silent = self.silent(&mirror).await?;
            let Some(decisions) = self.pass(&mirror, silent, &mut planner) else { continue };
            let Decisions { units, departures, raise, troubles, due } = decisions;
            if !self.carry_out(leadership, &mirror, &raise).await?
                || !self.carry_out(leadership, &mirror, &units).await?
                || !self.carry_out(leadership, &mirror, &departures).await?
                || !self.carry_out(leadership, &mirror, &sweep(&mirror)).await?
                || !self.carry_out(leadership, &mirror, &troubles).await?
            {
                return Ok(());
            }
            let mut since = looked_at.unwrap_or_default();
            let matters = |at: &Option<Revision>| {
                let Some(at) = at else { return false };
                let from = std::mem::replace(&mut since, *at);
                // A store that went back was restored: everything is news.
                *at < from || news(&mirror.read(), from)
            };
            tokio::select! {
                biased;
                changed = seen.wait_for(matters) => {
                    if changed.is_err() {
                        return Ok(());
                    }
                }
                () = at(due) => {}
            }
        }
    }

    /// Who else missed a heartbeat. Nobody is asked about unless somebody vanished of whom nothing
    /// is decided yet.
    async fn silent(&self, mirror: &Mirror<Cluster>) -> Result<Silent, StoreError> {
        let sessions = {
            let cluster = mirror.read();
            if !is_news(&cluster) {
                return Ok(None);
            }
            let live = cluster.machines.iter();
            live.filter_map(|(id, machine)| Some((id.clone(), machine.session?))).collect()
        };
        self.registry.silent(sessions).await.map(Some)
    }

    /// One look at the cluster as it stands. `None` when somebody vanished since it was not asked
    /// who is silent.
    fn pass(
        &self,
        mirror: &Mirror<Cluster>,
        silent: Silent,
        planner: &mut Planner,
    ) -> Option<Decisions> {
        let cluster = mirror.read();
        if silent.is_none() && is_news(&cluster) {
            return None;
        }
        let begun = Instant::now();
        let moment = Moment { now: clock::now(), silent: silent.unwrap_or_default() };
        let decisions = decide(&cluster, &moment, self.own_format(), planner);
        self.settings.metrics.pass(begun.elapsed());
        Some(decisions)
    }

    /// Writes decisions, and waits until the mirror shows them; `false`: no longer leading.
    async fn carry_out(
        &self,
        leadership: &Leadership,
        mirror: &Mirror<Cluster>,
        decisions: &[(impl Decided, Guarded)],
    ) -> Result<bool, StoreError> {
        if decisions.is_empty() {
            return Ok(true);
        }
        match apply(&self.registry, leadership, decisions, &self.settings.metrics).await? {
            Applied::UpTo(revision) => mirror.reach(revision).await.map(|()| true),
            Applied::NotLeading => Ok(false),
        }
    }
}

/// Waits until a moment, or for an hour if that is sooner: the machine's clock may be set meanwhile.
async fn at(moment: Option<Timestamp>) {
    match moment {
        Some(moment) => {
            let left = moment.since(clock::now());
            tokio::time::sleep(left.clamp(LOOK_AGAIN_MIN, LOOK_AGAIN_MAX)).await;
        }
        None => std::future::pending().await,
    }
}

/// Whether anything changed that is decided on. How machines are is not among that, nor what systemd
/// reports, but for a start that failed; unless another hand is at work, of which there is more to
/// repair.
fn news(cluster: &Cluster, since: Revision) -> bool {
    let tampered = !cluster.foreign.is_empty();
    let matters = |key: &Key| match key {
        Key::State(name, machine) => {
            let state = cluster.states.get(name).and_then(|on| on.get(machine));
            tampered || state.is_some_and(|state| trouble::is_news(cluster, name, machine, state))
        }
        Key::Planned(_) => tampered,
        Key::Survey | Key::Figures(_) | Key::Leader => false,
        _ => true,
    };
    cluster.changed_since(since).is_none_or(|mut keys| keys.any(matters))
}

/// Machines that missed a heartbeat; `None` when nobody asked.
type Silent = Option<BTreeSet<MachineId>>;

/// What one look at the cluster comes to.
#[derive(Debug)]
struct Decisions {
    /// Of units.
    units: Vec<(Decision, Guarded)>,
    /// Of machines that are gone.
    departures: Vec<(Departure, Guarded)>,
    /// Of the store's format; one at most.
    raise: Vec<(Raise, Guarded)>,
    /// Of what goes wrong again and again.
    troubles: Vec<(Trouble, Guarded)>,
    /// When to look again, whatever happens.
    due: Option<Timestamp>,
}

/// What to take away of what another hand wrote.
fn sweep(mirror: &Mirror<Cluster>) -> Vec<(Litter, Guarded)> {
    let guarded = |litter: Litter| {
        let guarded = guard_litter(&litter);
        (litter, guarded)
    };
    litter(&mirror.read()).into_iter().map(guarded).collect()
}

fn decide(cluster: &Cluster, moment: &Moment, own_format: u32, planner: &mut Planner) -> Decisions {
    let Departures { all, next } = departures(cluster, moment);
    let departures = all.into_iter().map(|departure| {
        let guarded = guard_departure(&departure, cluster);
        (departure, guarded)
    });
    let Troubles { all, next: forgotten } = troubles(cluster, moment.now);
    let troubles = all.into_iter().map(|trouble| {
        let guarded = guard_trouble(&trouble, cluster);
        (trouble, guarded)
    });
    let plan = planner.plan(cluster, moment);
    let units = plan.decisions.into_iter().map(|decision| {
        let guarded = guard(&decision, cluster);
        (decision, guarded)
    });
    let due = [next, forgotten, plan.due].into_iter().flatten().min();
    let raise = raise(cluster, own_format).map(|raise| (raise, guard_raise(raise)));
    Decisions {
        units: units.collect(),
        departures: departures.collect(),
        raise: raise.into_iter().collect(),
        troubles: troubles.collect(),
        due,
    }
}
