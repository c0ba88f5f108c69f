//! Machines that are gone: which of them are lost, which are back, and which have been gone for so
//! long that nobody asks for them any more. Pure; what time it is comes in as a value.

use std::fmt;
use std::time::Duration;

use super::trouble::one_more_loss;
use super::vanished::{Moment, Wait, waits};
use crate::fleetd::registry::{Cluster, MachineTrouble};
use crate::model::{MachineId, Timestamp};

/// How long a machine that is gone is remembered: who looks for it on Monday finds what happened on
/// the Monday before.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What to write of machines that are gone, and when to look again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Departures {
    /// In order of machine.
    pub all: Vec<Departure>,
    /// When the next one will have been gone for long enough.
    pub next: Option<Timestamp>,
}

/// What to write of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// The machine.
    pub machine: MachineId,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It went without a word.
    Lost {
        /// When that was noticed.
        since: Timestamp,
        /// Where it did not go alone, that nothing of it is moved yet.
        wait: Option<Wait>,
        /// How often it was lost, with this time. Where it did not go alone, it is not to blame.
        trouble: Option<MachineTrouble>,
    },
    /// It is back; how often it had been lost, if anybody knows.
    Back(Option<MachineTrouble>),
    /// It is not lost: it left in order after all.
    Found,
    /// It has been gone for long.
    Forgotten,
}

/// Compares who was known with who is there.
pub fn departures(cluster: &Cluster, moment: &Moment) -> Departures {
    let now = moment.now;
    let waits = waits(cluster, moment);
    let next = waits.values().map(|wait| wait.until).min();
    let mut departures = Departures { next, ..Departures::default() };
    let mut decide = |machine: &MachineId, fate| {
        departures.all.push(Departure { machine: machine.clone(), fate });
    };
    for machine in cluster.lost.keys() {
        let known = cluster.known.get(machine).filter(|known| known.record.left.is_none());
        if cluster.machines.contains_key(machine) {
            let trouble = cluster.machine_troubles.get(machine);
            decide(machine, Fate::Back(trouble.map(|it| MachineTrouble { last: now, ..*it })));
        } else if known.is_none() {
            decide(machine, Fate::Found);
        }
    }
    for (machine, known) in cluster.away() {
        let (lost, wait) = (cluster.lost.get(machine), waits.get(machine).copied());
        let since = known.record.left.or(lost.map(|lost| lost.since));
        let waited = lost.and_then(|lost| lost.until);
        match since {
            None => {
                let trouble = || one_more_loss(cluster.machine_troubles.get(machine), now);
                let trouble = wait.is_none().then(trouble);
                decide(machine, Fate::Lost { since: now, wait, trouble });
            }
            Some(since) if wait.is_some_and(|wait| Some(wait.until) != waited) => {
                decide(machine, Fate::Lost { since, wait, trouble: None });
            }
            Some(since) if now.since(since) >= REMEMBERED => decide(machine, Fate::Forgotten),
            Some(since) => {
                let due = since.after(REMEMBERED);
                departures.next = Some(departures.next.map_or(due, |next| next.min(due)));
            }
        }
    }
    departures
}

impl Fate {
    /// Its kind, in one word.
    pub fn word(self) -> &'static str {
        match self {
            Fate::Lost { .. } => "lost",
            Fate::Back(_) | Fate::Found => "found",
            Fate::Forgotten => "forgotten",
        }
    }
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = self.machine.short();
        match self.fate {
            Fate::Lost { wait: None, .. } => {
                write!(f, "! {machine}: its heartbeat ended, it is lost")
            }
            Fate::Lost { wait: Some(wait), .. } => {
                write!(f, "! {machine}: its heartbeat ended, it is lost: {wait}")
            }
            Fate::Back(_) => write!(f, "! {machine}: it is back"),
            Fate::Found => write!(f, "! {machine}: no longer lost"),
            Fate::Forgotten => write!(f, "! {machine}: gone for so long that it is forgotten"),
        }
    }
}
