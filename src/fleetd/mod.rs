//! The daemon: agent, engine and API of one machine, around the registry and systemd.

pub mod agent;
mod backoff;
mod chain;
mod durable;
pub mod engine;
pub mod registry;
pub mod systemd;
