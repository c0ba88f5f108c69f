//! The nouns both programs share. Pure; knows `unitfile` only.
//!
//! - *Unit*: a named unit file that the cluster knows, with a [`TargetState`] wanted of it.
//! - *Requirements*: where it may run, by its `[X-Fleet]` section.
//! - *Machine*: a computer that runs fleetd, named by its [`MachineId`].
//! - *Target state*: how far a unit shall be brought up: inactive, loaded, launched.
//! - *systemd state*: what systemd says of it, in systemd's words.
//! - *Timestamp*: a moment, to the second.

pub mod fix;
mod glob;
mod keys;
pub mod lint;
mod machine;
mod partition;
mod relations;
mod requirements;
mod state;
mod time;
mod validate;
mod words;

pub use glob::{Glob, GlobError, GlobFault};
pub use keys::Key;
pub use machine::{MachineId, MachineIdError};
pub use partition::{OnPartition, STOP_TTL_MIN};
pub use relations::{needs, relations};
pub use requirements::{RequirementFault, Requirements, RequirementsError};
pub use state::{SystemdState, TargetState, TargetStateError};
pub use time::{Timestamp, TimestampError};
pub use validate::{InvalidUnit, Warning, validate, warnings};
pub use words::OpenQuote;

pub use crate::unitfile::similar;
