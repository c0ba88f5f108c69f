//! What is known of a run of chaos: what machines ran, what was wished for, what was done to them.
//! Values only; how they came to be known is not known here.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment on the kernel's clock, which all machines share: microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At(pub u64);

impl At {
    pub fn now() -> At {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        At(since.as_micros().try_into().unwrap_or(u64::MAX))
    }

    pub fn plus(self, span: Duration) -> At {
        At(self.0.saturating_add(span.as_micros().try_into().unwrap_or(u64::MAX)))
    }

    pub fn minus(self, span: Duration) -> At {
        At(self.0.saturating_sub(span.as_micros().try_into().unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; nothing if it is before.
    pub fn since(self, earlier: At) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// The time of the day in UTC, as `journalctl --utc -o short-precise` has it.
impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{hour:02}:{minute:02}:{second:02}.{micros:06}")
    }
}

/// One life of a unit on a machine, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub unit: String,
    pub machine: String,
    pub began: At,
    /// `None`: it runs on.
    pub ended: Option<At>,
}

impl Run {
    /// Whether it is under way at that moment.
    pub fn is_on(&self, at: At) -> bool {
        self.began <= at && self.ended.is_none_or(|ended| at < ended)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} from {}", self.unit, self.machine, self.began)?;
        self.ended.map_or(Ok(()), |ended| write!(f, " to {ended}"))
    }
}

/// What a unit of the load is, as far as its life depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// On one machine, and kept running there when the machine is cut off.
    Plain,
    /// `OnPartition=stop`.
    Fenced,
    /// In conflict with all others of its template.
    Apart,
    /// `MachineOf=` that unit.
    Beside(String),
    /// A oneshot.
    Once,
    /// On every machine.
    Global,
}

/// A unit of the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    pub name: String,
    pub kind: Kind,
}

/// What was asked of fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Start,
    Replace,
    Stop,
    Destroy,
}

/// One wish for one unit. It may come true at any time after it was first asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub unit: String,
    pub verb: Verb,
    pub asked: At,
}

/// What a fault may do to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Nothing that a unit notices.
    None,
    /// It is cut off, and its session lives on.
    Brief,
    /// It is cut off for longer than its session lives.
    Apart,
    /// It is cut off together with most others: fleet waits before it moves anything.
    Together,
    /// It may lose its session, and more than once.
    Flaky,
    /// It stands still for longer than its session lives.
    Frozen,
    /// All that runs there ends.
    Dead,
    /// Every machine is cut off: the store is away.
    Storeless,
}

/// A fault, as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    pub fault: &'static str,
    /// The machine or the member of etcd; several with a space between them.
    pub victim: String,
    pub harm: Harm,
    /// Just before it was done.
    pub from: At,
    /// Just before it was undone; where nothing is to be undone, as `from`.
    pub undo: At,
    /// Just after it was undone.
    pub till: At,
}

impl Outage {
    /// Whether the machine suffers from it.
    pub fn hits(&self, machine: &str) -> bool {
        self.harm == Harm::Storeless || self.victim.split(' ').any(|victim| victim == machine)
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) from {} to {}", self.fault, self.victim, self.from, self.till)
    }
}

/// A moment at which all was as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    pub at: At,
    /// Units that were active, and where.
    pub active: BTreeSet<(String, String)>,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Records {
    pub units: Vec<Unit>,
    pub runs: Vec<Run>,
    pub wishes: Vec<Wish>,
    pub outages: Vec<Outage>,
    pub quiets: Vec<Quiet>,
}
