//! The real `fleetctl` against a scripted server: what it prints where, its exit status, and what
//! it asks for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod apply;
pub mod bench;
mod bring_down;
mod bring_up;
mod cluster;
mod command_line;
mod complete;
mod diff;
mod events;
mod export;
mod fd_forward;
mod fields;
mod look;
mod output;
mod restart;
pub mod road;
mod server;
mod ssh;
mod tls;
mod verify;
mod watch;
