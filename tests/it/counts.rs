//! What work costs, counted: requests of etcd, what is written there, calls of systemd, passes of
//! the engine, requests of the API. Three machines in this process, real agents and engines over
//! twins, on a paused clock: the same numbers each time.
//!
//! `cargo test --test it counts -- --nocapture` shows the tables; they are those of
//! `docs/performance.md`, and `RECORD=1` writes them there anew.

mod clients;
mod page;
mod scene;
mod work;

#[path = "../../benches/report/table.rs"]
mod table;
