//! fleet: a cluster-wide init system.
//!
//! The rooms, and the one direction in which they may use each other:
//! `unitfile → model → api → {fleetd, fleetctl}`; `fleetctl` never imports `fleetd`.
//!
//! - [`unitfile`]: text to unit file and back, names, specifiers, hash. Pure; knows nobody.
//! - [`model`]: the nouns both programs share. Pure; knows `unitfile` only.
//! - [`api`]: the v1 wire: JSON types, errors, events, typed client.
//! - [`fleetctl`]: the client program.
//! - [`fleetd`]: the daemon.

pub mod api;
pub mod fleetctl;
pub mod fleetd;
pub mod model;
pub mod unitfile;
