//! Who runs where: one machine of the cluster leads, looks at everything that is stored, and
//! writes each machine's schedule.
//!
//! `schedule` decides and is pure, as are `departed`, `format`, `litter`, `trouble` and `vanished`;
//! `apply` writes their decisions, under the leader's key; `waiting` tells of them. This room must
//! not know systemd, nor how a machine carries its schedule out.

mod apply;
mod board;
mod compare;
mod courtesy;
mod departed;
mod filter;
mod format;
mod history;
mod lead;
mod ledger;
mod litter;
mod order;
mod plan;
mod planner;
mod schedule;
mod scope;
mod trouble;
mod vanished;
mod waiting;

pub use departed::{Departure, Departures, Fate, departures};
pub use filter::Refusal;
pub use format::{Raise, raise};
pub use lead::{Engine, EngineSettings};
pub use litter::{Litter, litter};
pub use plan::{AssignReason, Change, Decision, Plan, UnassignReason, UpdateReason};
pub use planner::Planner;
pub use schedule::{explain, schedule};
pub use trouble::{Pause, Trouble, Troubles, troubles};
pub use vanished::{Moment, Wait, waits};
pub use waiting::{Waiting, waiting};
