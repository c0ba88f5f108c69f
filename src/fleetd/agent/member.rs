//! Being a machine of the cluster: joining, taking a session up again, leaving.
//!
//! The order of joining is what makes it safe: grant a lease; win the holder of everything that
//! runs here; stop what another one holds; only then create `machine/<id>`. So a live session never
//! contains a unit that another one holds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::diff::Hold;
use super::heart::Heart;
use super::token::Token;
use super::{Agent, AgentError, Wake};
use crate::fleetd::backoff::Backoff;
use crate::fleetd::chain::chain;
use crate::fleetd::clock;
use crate::fleetd::registry::{
    Disturbance, FIRST_FORMAT, LeaseId, MachineRecord, Present, Revision, StoreError, Whose, reads,
};
use crate::model::Requirements;
use crate::unitfile::UnitName;

/// How much longer than its time to live another bearer of this machine's id is waited for: etcd
/// ends leases on half-second ticks, and a new leader extends them once.
const OTHER_GRACE: Duration = Duration::from_secs(2);

/// How this machine stands with the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// On its way in.
    Joining,
    /// A machine of the cluster.
    Member,
    /// Another live machine claims the same id.
    Refused,
    /// The store is another cluster's than that of the units here, or in a form that this fleetd
    /// would misread.
    Apart,
}

/// How far this machine got.
#[derive(Debug)]
pub enum Membership {
    /// No session.
    Out,
    /// Another bearer of this id is waited for.
    Behind,
    /// A lease, but not yet a machine: what runs here is being won, or stopped where another one
    /// holds it. Global units need no holder.
    Settling(Session, BTreeSet<UnitName>),
    /// A machine of the cluster, and the revision that names this life.
    In(Session, Revision),
}

/// A lease that is being renewed.
#[derive(Debug)]
pub struct Session {
    lease: LeaseId,
    heart: Heart,
}

/// What became of another bearer of this machine's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// It is gone.
    Gone,
    /// It outlived its lease, so it is alive.
    Alive,
    /// The store was away before it was known.
    Unknown,
}

/// What a settling machine has that it does not hold.
enum Contested {
    /// These may still be won.
    Free(Vec<UnitName>),
    /// Others hold it; it is being stopped.
    Elsewhere,
    /// Nothing.
    Nothing,
}

impl Membership {
    /// The session's lease.
    pub fn lease(&self) -> Option<LeaseId> {
        match self {
            Membership::Out | Membership::Behind => None,
            Membership::Settling(session, _) | Membership::In(session, _) => Some(session.lease),
        }
    }

    /// The revision that names this life of the machine, once it has one.
    pub fn life(&self) -> Option<Revision> {
        match self {
            Membership::In(_, life) => Some(*life),
            _ => None,
        }
    }

    /// Returns once the session is lost; never without one.
    pub async fn lost(&self) {
        match self {
            Membership::Out | Membership::Behind => std::future::pending().await,
            Membership::Settling(session, _) | Membership::In(session, _) => {
                session.heart.lost().await
            }
        }
    }
}

impl Agent {
    /// The session is gone, and others may start what hung on it.
    pub(super) fn lose_session(&mut self) {
        self.membership = Membership::Out;
        self.fence.lost();
    }

    /// One step towards being a machine of the cluster; whether there was one to take.
    pub(super) async fn attend(&mut self) -> Result<bool, AgentError> {
        match &self.membership {
            _ if self.leaving => return Ok(false),
            Membership::Out => self.arrive().await?,
            Membership::Settling(_, globals) => match self.contested(globals) {
                Contested::Free(names) => self.win(names).await?,
                Contested::Elsewhere => return Ok(false),
                Contested::Nothing => self.join().await?,
            },
            Membership::Behind | Membership::In(..) => return Ok(false),
        }
        Ok(true)
    }

    /// This machine says something else of itself from now on.
    pub(super) fn describe(&mut self) {
        let record = self.settings.record.borrow_and_update().clone();
        let MachineRecord { session, agent_ttl_millis, joined, ref facts, .. } = self.record;
        let facts = record.facts.or_else(|| facts.clone());
        self.record = MachineRecord { session, agent_ttl_millis, joined, facts, ..record };
    }

    /// Writes down what this machine says of itself, if that is something new. Where its key is
    /// gone meanwhile, it is about to join again, which writes the same.
    pub(super) async fn tell(&mut self) -> Result<(), AgentError> {
        let Membership::In(session, life) = &self.membership else { return Ok(()) };
        if self.leaving || self.told == self.record && !self.overwritten {
            return Ok(());
        }
        let (machine, record, life) = (&self.settings.machine, &self.record, *life);
        if self.registry.update_machine(machine, life, record, session.lease).await? {
            tracing::info!(%machine, ip = record.ip, metadata = ?record.metadata, "told the cluster anew");
        }
        self.told = self.record.clone();
        if std::mem::take(&mut self.overwritten) {
            self.watch_over_key(life);
        }
        Ok(())
    }

    /// What stands between a settling machine and the cluster.
    fn contested(&self, globals: &BTreeSet<UnitName>) -> Contested {
        let here = self.observed.iter().filter(|(_, here)| here.status.is_some());
        let exclusive: Vec<_> = here.filter(|(name, _)| !globals.contains(*name)).collect();
        let free = exclusive.iter().filter(|(_, here)| here.hold.is_open());
        let free: Vec<UnitName> = free.map(|(name, _)| (*name).clone()).collect();
        if !free.is_empty() {
            Contested::Free(free)
        } else if exclusive.iter().any(|(_, here)| here.hold != Hold::Ours) {
            Contested::Elsewhere
        } else {
            Contested::Nothing
        }
    }

    /// Takes the session up again, or begins a new one.
    async fn arrive(&mut self) -> Result<(), AgentError> {
        self.is_no_longer(Standing::Member);
        let token = Token::read_or_make(&self.settings.run_folder)?;
        let token =
            self.of_this_cluster(token).await.inspect_err(|error| self.stay_apart(error))?;
        self.is_no_longer(Standing::Apart);
        self.record.session = token.session;
        match self.registry.present(&self.settings.machine).await? {
            None => self.begin(token).await,
            Some(present) if present.record.session == token.session => {
                self.resume(token, present).await
            }
            Some(present) => {
                self.wait_behind(&present);
                Ok(())
            }
        }
    }

    /// Tells who asks this machine that the store is none of its business.
    fn stay_apart(&self, error: &AgentError) {
        if matches!(error, AgentError::OtherCluster { .. } | AgentError::OtherFormat { .. }) {
            self.standing.send_replace(Standing::Apart);
        }
    }

    /// Is on its way in again, if it stood so before.
    fn is_no_longer(&self, before: Standing) {
        self.standing.send_if_modified(|standing| {
            let stood_so = *standing == before;
            if stood_so {
                *standing = Standing::Joining;
            }
            stood_so
        });
    }

    /// A store that was wiped or exchanged, or another prefix, wants none of the units that run
    /// here. That is no reason to stop them: a person has to say so, by stopping fleet.service.
    ///
    /// Nor does a store in a form that this fleetd would misread.
    async fn of_this_cluster(&self, token: Token) -> Result<Token, AgentError> {
        let Whose { cluster: found, format } = self.registry.whose(token.cluster).await?;
        let own = self.record.format.unwrap_or(FIRST_FORMAT);
        if !reads(own, format) {
            return Err(AgentError::OtherFormat { stored: format, own });
        }
        match token.cluster {
            Some(known) if known == found => Ok(token),
            Some(known) if self.observed.values().any(|here| here.status.is_some()) => {
                Err(AgentError::OtherCluster { known, found })
            }
            _ => token.of_cluster(&self.settings.run_folder, found),
        }
    }

    /// Under the lease of an earlier fleetd that did not get to join, if it lives; else a new one.
    async fn begin(&mut self, token: Token) -> Result<(), AgentError> {
        let files = self.units.files().await?;
        let global = |name: &UnitName, file| Requirements::of(name, file).is_ok_and(|r| r.global);
        let globals = files.iter().filter(|(name, file)| global(name, file));
        let globals = globals.map(|(name, _)| name.clone()).collect();
        for here in self.observed.values_mut() {
            here.hold = Hold::Free;
        }
        let session = match token.lease() {
            Some((lease, ttl)) if self.renewed(lease).await? => {
                self.hold_what_hangs_on(lease).await?;
                self.session(lease, ttl)
            }
            _ => {
                // What is known of the session before says nothing of this one.
                self.fence.lost();
                let lease = self.registry.grant(self.settings.ttl).await?;
                token.keep(&self.settings.run_folder, lease, self.settings.ttl)?;
                self.session(lease, self.settings.ttl)
            }
        };
        self.membership = Membership::Settling(session, globals);
        Ok(())
    }

    async fn resume(&mut self, token: Token, present: Present) -> Result<(), AgentError> {
        let ttl = token.lease().filter(|(lease, _)| present.lease == Some(*lease));
        let (lease, ttl) = ttl.ok_or_else(|| AgentError::Taken(self.settings.machine.clone()))?;
        if !self.renewed(lease).await? {
            // It ended between our looking and our asking: look again.
            return Ok(());
        }
        if ttl != self.settings.ttl {
            tracing::warn!(?ttl, "agent_ttl changes when fleet.service is stopped, not restarted");
        }
        let machine = &self.settings.machine;
        tracing::info!(%machine, life = %present.created, "taken the session up again");
        self.hold_what_hangs_on(lease).await?;
        let reported = self.registry.reported(lease).await?;
        for (name, record) in &reported {
            self.heard_before(name, record);
        }
        self.publisher.resume(lease, reported);
        // What is still being found out is no reason to forget what was.
        self.record.joined = present.record.joined;
        self.record.facts = self.record.facts.take().or_else(|| present.record.facts.clone());
        self.told = present.record;
        let session = self.session(lease, ttl);
        self.enter(session, present.created);
        Ok(())
    }

    /// Whether a lease is still there; its time begins anew.
    async fn renewed(&self, lease: LeaseId) -> Result<bool, AgentError> {
        match self.registry.keep_alive(lease).await {
            Ok(()) => Ok(true),
            Err(StoreError::LeaseGone { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn hold_what_hangs_on(&mut self, lease: LeaseId) -> Result<(), AgentError> {
        for name in self.registry.held(lease).await? {
            self.observed.entry(name).or_default().hold = Hold::Ours;
        }
        Ok(())
    }

    async fn join(&mut self) -> Result<(), AgentError> {
        let membership = std::mem::replace(&mut self.membership, Membership::Out);
        let Membership::Settling(session, globals) = membership else { return Ok(()) };
        self.record.joined = Some(clock::now());
        let (machine, record) = (&self.settings.machine, &self.record);
        match self.registry.join(machine, record, session.lease).await {
            Ok(Some(life)) => {
                tracing::info!(%machine, %life, "joined the cluster");
                self.told = self.record.clone();
                self.enter(session, life);
                Ok(())
            }
            // It may be our own doing, if the answer to an earlier attempt was lost: arriving anew
            // tells. If not, the lease lapses by itself.
            Ok(None) => Err(AgentError::Taken(machine.clone())),
            Err(error) => {
                self.membership = Membership::Settling(session, globals);
                Err(error.into())
            }
        }
    }

    /// Is a machine of the cluster from now on, until its key is gone. That goes with the lease as a
    /// rule; where somebody removed it, nobody else would notice.
    fn enter(&mut self, session: Session, life: Revision) {
        self.membership = Membership::In(session, life);
        self.standing.send_replace(Standing::Member);
        self.overwritten = false;
        self.watch_over_key(life);
    }

    /// Hears of what another hand does to this machine's key.
    fn watch_over_key(&mut self, life: Revision) {
        let Some(lease) = self.membership.lease() else { return };
        let (registry, machine) = (self.registry.clone(), self.settings.machine.clone());
        let mut backoff = Backoff::up_to(self.settings.ttl / 6);
        self.waits.spawn(async move {
            loop {
                if let Ok(Some(disturbance)) = registry.disturbance(&machine, life, lease).await {
                    return Wake::Disturbed(life, disturbance);
                }
                tokio::time::sleep(backoff.next()).await;
            }
        });
    }

    /// Another hand changed the key of this life: one that is gone ends it, another text is
    /// corrected.
    pub(super) fn disturbed(&mut self, life: Revision, disturbance: Disturbance) {
        if self.membership.life() != Some(life) || self.leaving {
            return;
        }
        match disturbance {
            Disturbance::Removed => self.membership = Membership::Out,
            Disturbance::Overwritten => self.overwritten = true,
        }
    }

    fn session(&mut self, lease: LeaseId, ttl: Duration) -> Session {
        // Of the session, not of the configuration, which may have changed since.
        self.record.agent_ttl_millis = u64::try_from(ttl.as_millis()).ok();
        let (fence, metrics) = (Arc::clone(&self.fence), self.settings.metrics.clone());
        let heart = Heart::start(self.registry.clone(), lease, ttl, fence, metrics);
        Session { lease, heart }
    }

    /// Another bearer of this machine's id is there. If it is this machine's own life before a
    /// reboot it lapses by itself; if it is alive, it stays.
    fn wait_behind(&mut self, present: &Present) {
        self.membership = Membership::Behind;
        let (registry, machine) = (self.registry.clone(), self.settings.machine.clone());
        let (seen, patience) = (present.seen, self.settings.ttl + OTHER_GRACE);
        let known = *self.standing.borrow() == Standing::Refused;
        self.waits.spawn(async move {
            let departure = registry.departure(&machine, seen);
            let waited = match known {
                true => Ok(departure.await),
                false => tokio::time::timeout(patience, departure).await,
            };
            Wake::Other(match waited {
                Ok(Ok(())) => Other::Gone,
                // The watch broke, which says nothing of the other one.
                Ok(Err(_)) => Other::Unknown,
                Err(_) => Other::Alive,
            })
        });
    }

    pub(super) fn other_bearer(&mut self, other: Other) {
        if other == Other::Alive {
            tracing::error!(
                machine = %self.settings.machine,
                "another live machine has the same /etc/machine-id; this one stays out of the \
                 cluster until it is gone. Give one of them a new id (systemd-machine-id-setup)"
            );
            self.standing.send_replace(Standing::Refused);
        }
        self.membership = Membership::Out;
    }

    /// Is no machine of the cluster any more, so that the engine moves its units; they are
    /// released one by one as they stop. Said once, it is not said again.
    pub(super) async fn step_down(&mut self) -> Result<(), StoreError> {
        let Some(life) = self.membership.life().filter(|_| !self.parted) else { return Ok(()) };
        let machine = &self.settings.machine;
        self.registry.leave(machine, life, &self.told, clock::now()).await?;
        self.parted = true;
        Ok(())
    }

    /// Ends the session. Nothing runs any more.
    pub(super) async fn end_session(&mut self) {
        if let Err(error) = self.step_down().await {
            tracing::warn!(error = %chain(&error), "cannot say good-bye");
        }
        if let Some(lease) = self.membership.lease()
            && let Err(error) = self.registry.revoke(lease).await
        {
            tracing::warn!(error = %chain(&error), "the session lapses by itself");
        }
        self.fence.lost();
        Token::forget(&self.settings.run_folder);
    }
}
