//! The daemon: agent, engine and API of one machine, around the registry and systemd.

pub mod registry;
pub mod systemd;
