//! The v1 wire: JSON types, errors, events and the typed client.
//!
//! This room knows the model and JSON. It must not know how the daemon stores things nor how the
//! client prints them. Field names are fleet 1.0's; what is newer is optional, so that a client
//! written for the original keeps working.

pub mod client;
mod error;
mod event;
mod plan;
mod schema;

pub use error::{ErrorBody, ErrorDetail, STORE_AWAY};
pub use event::{Event, MachineEvent, Ready, StateEvent, UnitEvent};
pub use plan::{Changes, Move, Outlook};
pub use schema::{
    Live, Machine, MachinePage, MachineStatus, Refusal, State, StatePage, Unit, UnitLive, UnitPage,
    Waiting, Why, WhyStatus,
};

/// Where version 1 of the API lives.
pub const BASE: &str = "/fleet/v1";

/// The alias under which fleet's first clients look for it.
pub const OLD_BASE: &str = "/v1-alpha";

/// The header with which a successful `PUT` or `DELETE` names the store's revision that made the
/// change; events of that revision and later tell what became of it.
pub const REVISION_HEADER: &str = "fleet-revision";
