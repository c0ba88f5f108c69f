//! What this machine must do next, as a function of what it shall have and what it has.
//!
//! No async, no clock, no I/O. Each call names at most one step for each unit, the first that can
//! be taken now; the next follows from what is observed after it. A unit without a step is as it
//! shall be, or waits for something that wakes the agent: a job that ends, a holder that lets go,
//! the engine.

use std::collections::{BTreeMap, BTreeSet};

use super::held::Hindrance;
use super::task::{Action, Reason, Task};
use super::words::Words;
use crate::fleetd::registry::Assignment;
use crate::fleetd::systemd::{JobId, JobResult, Status};
use crate::model::{MachineId, OnPartition, TargetState};
use crate::unitfile::{UnitFile, UnitHash, UnitName};

/// What this machine shall have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// Whether the schedule was planned for this life of the machine. If not, it is of another
    /// life: nothing is started for it, and absence from it means nothing.
    pub complete: bool,
    /// The units.
    pub units: BTreeMap<UnitName, Assignment>,
    /// Whether the machine leaves: then nothing is to stay, whatever the schedule says.
    pub leaving: bool,
    /// Whether the machine is in touch with the cluster.
    pub touch: Touch,
}

/// How certain it is that no other machine may start what runs here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touch {
    /// It is.
    #[default]
    Kept,
    /// It will not be for long: units with `OnPartition=stop` stop now.
    Lost,
    /// It is not: whatever is left of them is killed.
    Over,
}

/// What this machine has: every unit it has linked, holds or knows the file of.
pub type Observed = BTreeMap<UnitName, Here>;

/// One unit on this machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Here {
    /// What systemd says; `None` when fleet has no file of it there.
    pub status: Option<Status>,
    /// Who may run it.
    pub hold: Hold,
    /// The last start that was carried out, and not stopped by wish since.
    pub launched: Option<Launched>,
    /// What systemd was asked last and has not finished.
    pub asked: Option<Ask>,
    /// Its file, as read from the store for some assignment.
    pub file: Option<KnownFile>,
    /// What the file that is linked says of a machine that is cut off.
    pub on_partition: OnPartition,
    /// Whether its last step failed a moment ago: leave it alone for now.
    pub held_back: bool,
    /// What failed then, until a step succeeds.
    pub hindrance: Option<Hindrance>,
    /// Whether linking it failed: nobody needs to wait for it.
    pub broken: bool,
    /// systemd's words, where it refused to stop it.
    pub stop_refused: Option<String>,
    /// What it said last, where it failed.
    pub words: Words,
}

/// Who may run a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Hold {
    /// Nobody that we know of.
    #[default]
    Free,
    /// This session, or not: it was asked for or let go of, and the answer is not there.
    Unsure,
    /// This session.
    Ours,
    /// Another machine, or an earlier session of this one.
    Theirs(Option<MachineId>),
}

impl Hold {
    /// Whether the unit may have to be won.
    pub fn is_open(&self) -> bool {
        matches!(self, Hold::Free | Hold::Unsure)
    }
}

/// A start that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launched {
    /// Its number.
    pub launch: u64,
    /// systemd's job for it; `None` when a fleetd before this one asked for it.
    pub job: Option<JobId>,
    /// How the job ended; `None` while it runs.
    pub result: Option<JobResult>,
    /// systemd's words, where it refused.
    pub message: Option<String>,
}

/// The number of a start that was undone: the unit was stopped, or is about to be, though nobody
/// wished it. Any start that is wanted is newer, since those are revisions of a store.
pub const UNDONE: u64 = 0;

impl Launched {
    /// Whether the end of this job is what the start waits for.
    pub fn awaits(&self, job: JobId) -> bool {
        self.result.is_none() && self.job.is_none_or(|awaited| awaited == job)
    }
}

/// What systemd was asked to do with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// To start or restart it.
    Start,
    /// To stop it.
    Stop,
    /// To kill what did not stop.
    Kill,
}

/// What is known of a unit's file.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownFile {
    /// For which assignment it was read. One that differs from what was read then waits for the
    /// engine, which is about to write again; it is not read over and over.
    pub read_for: Assignment,
    /// What was read; `None` when there was no such unit.
    pub file: Option<UnitFile>,
    /// The units it wants linked before it starts, as far as they are here.
    pub relations: BTreeSet<UnitName>,
    /// What it says of a machine that is cut off.
    pub on_partition: OnPartition,
}

impl KnownFile {
    /// Of what was read.
    pub fn hash(&self) -> Option<UnitHash> {
        self.file.as_ref().map(UnitFile::hash)
    }
}

/// The next step for each unit, removals first.
pub fn diff(desired: &Desired, observed: &Observed) -> Vec<Task> {
    let nothing = Here::default();
    let mut tasks = Vec::new();
    let only_desired = desired.units.keys().filter(|name| !observed.contains_key(*name));
    for name in observed.keys().chain(only_desired) {
        let here = observed.get(name).unwrap_or(&nothing);
        if let Some((action, reason)) = step(desired, observed, name, here) {
            tasks.push(Task { unit: name.clone(), action, reason });
        }
    }
    tasks.sort_by(|a, b| (a.action, &a.unit).cmp(&(b.action, &b.unit)));
    tasks
}

fn step(
    desired: &Desired,
    observed: &Observed,
    name: &UnitName,
    here: &Here,
) -> Option<(Action, Reason)> {
    if let (Some(status), OnPartition::Stop) = (&here.status, here.on_partition)
        && desired.touch != Touch::Kept
    {
        return give_up(desired.touch, here, status);
    }
    if here.held_back {
        return None;
    }
    if desired.leaving {
        return leave(here, Reason::Leaving);
    }
    // A holder of an earlier session of this machine is nobody to make way for: it lapses.
    if let (Some(_), Hold::Theirs(Some(machine))) = (&here.status, &here.hold) {
        return leave(here, Reason::HeldElsewhere(machine.clone()));
    }
    if !desired.complete {
        return None;
    }
    match desired.units.get(name) {
        None => leave(here, Reason::NotScheduled),
        Some(wanted) => arrive(desired, observed, wanted, here),
    }
}

/// Stop and unlink, or kill: soon another machine may start it. There is no time to leave it alone
/// where systemd would not stop it.
fn give_up(touch: Touch, here: &Here, status: &Status) -> Option<(Action, Reason)> {
    let told = here.held_back || here.asked == Some(Ask::Stop);
    // Then its processes are gone, and what it has for cleaning up after them is at work.
    let cleans_up = status.state.sub == "stop-post";
    let action = match here.asked {
        _ if settled(status) => (!here.held_back).then_some(Action::Unlink),
        Some(Ask::Kill) => None,
        _ if !told => Some(Action::Stop),
        _ => (touch == Touch::Over && !cleans_up).then_some(Action::Kill),
    };
    action.map(|action| (action, Reason::CutOff))
}

/// Stop, unlink, release.
fn leave(here: &Here, reason: Reason) -> Option<(Action, Reason)> {
    match &here.status {
        Some(status) if !settled(status) => stop(here, reason),
        Some(_) => Some((Action::Unlink, reason)),
        None if matches!(here.hold, Hold::Ours | Hold::Unsure) => Some((Action::Release, reason)),
        None => None,
    }
}

/// Win, read, link, start.
fn arrive(
    desired: &Desired,
    observed: &Observed,
    wanted: &Assignment,
    here: &Here,
) -> Option<(Action, Reason)> {
    match here.hold {
        Hold::Free | Hold::Unsure if !wanted.global => {
            return Some((Action::Win, Reason::Scheduled));
        }
        Hold::Theirs(_) if !wanted.global => return None,
        _ => {}
    }
    match &here.status {
        Some(status) if status.linked == Some(wanted.hash) && !here.broken => {
            run(desired, observed, wanted, here, status)
        }
        Some(status) if !settled(status) => stop(here, Reason::FileDiffers),
        // Another file always comes with a newer start, but from a store that was restored.
        Some(status) if status.linked != Some(wanted.hash) && was_launched(here, wanted) => {
            Some((Action::Forget, Reason::StoreIsOlder))
        }
        Some(_) => link(desired, wanted, here, Reason::FileDiffers),
        None => link(desired, wanted, here, Reason::Scheduled),
    }
}

/// Whether this start or a later one was carried out.
fn was_launched(here: &Here, wanted: &Assignment) -> bool {
    here.launched.as_ref().is_some_and(|launched| launched.launch >= wanted.launch)
}

/// Linking, which is no time for what would have to stop at once.
fn link(
    desired: &Desired,
    wanted: &Assignment,
    here: &Here,
    reason: Reason,
) -> Option<(Action, Reason)> {
    let step = with_file(wanted, here, (Action::Link, reason))?;
    let stops = here.file.as_ref().is_some_and(|file| file.on_partition == OnPartition::Stop);
    (step.0 != Action::Link || !stops || desired.touch == Touch::Kept).then_some(step)
}

/// A linked unit: as started or as stopped as it shall be.
fn run(
    desired: &Desired,
    observed: &Observed,
    wanted: &Assignment,
    here: &Here,
    status: &Status,
) -> Option<(Action, Reason)> {
    if wanted.desired < TargetState::Launched {
        let reason = Reason::Desired(wanted.desired);
        // One that fleet did not start, but a timer or a unit it is `WantedBy=`, is none of ours.
        return match here.launched {
            None => None,
            Some(_) if settled(status) => Some((Action::Forget, reason)),
            Some(_) => stop(here, reason),
        };
    }
    let carried_out = here.launched.as_ref().map(|launched| launched.launch);
    let stops = matches!(here.asked, Some(Ask::Stop | Ask::Kill));
    if carried_out == Some(wanted.launch) || stops {
        return None;
    }
    // Numbers only grow, but in a store that was restored. What runs stays; the next start is newer.
    if carried_out > Some(wanted.launch) {
        return Some((Action::Renumber(wanted.launch), Reason::StoreIsOlder));
    }
    let restart = carried_out > Some(UNDONE) && !settled(status);
    let action =
        if restart { Action::Restart(wanted.launch) } else { Action::Start(wanted.launch) };
    let (action, reason) = with_file(wanted, here, (action, Reason::NewLaunch(wanted.launch)))?;
    let waits = matches!(action, Action::Start(_) | Action::Restart(_))
        && here.file.iter().flat_map(|file| &file.relations).any(|peer| {
            desired.units.get(peer).is_some_and(|wanted| !ready(wanted, observed.get(peer)))
        });
    (!waits).then_some((action, reason))
}

/// Whether a unit that others start after, or with, is linked as it shall be.
fn ready(wanted: &Assignment, here: Option<&Here>) -> bool {
    here.is_some_and(|here| {
        let linked = here.status.as_ref().and_then(|status| status.linked);
        here.broken || linked == Some(wanted.hash)
    })
}

/// The step, if the file it needs is known; else reading it.
fn with_file(wanted: &Assignment, here: &Here, step: (Action, Reason)) -> Option<(Action, Reason)> {
    match &here.file {
        Some(known) if known.hash() == Some(wanted.hash) => Some(step),
        Some(known) if known.read_for == *wanted => None,
        _ => Some((Action::Fetch, step.1)),
    }
}

fn stop(here: &Here, reason: Reason) -> Option<(Action, Reason)> {
    (here.asked != Some(Ask::Stop)).then_some((Action::Stop, reason))
}

/// Whether nothing of the unit runs and nothing is about to.
fn settled(status: &Status) -> bool {
    status.state.is_inactive() && !status.job_pending
}
