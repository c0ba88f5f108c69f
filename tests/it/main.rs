//! Tests that run anywhere: no root, no network, no cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod api;
mod away;
mod cli;
mod client;
mod config;
mod connections;
mod counts;
mod departed;
mod diff;
mod discovery;
mod docs;
mod format;
mod garbage;
mod glob;
mod http;
mod inputs;
mod lint;
mod live_figures;
mod metrics;
mod mirrors;
mod names;
mod partition;
mod plan;
mod reload;
mod requirements;
mod revision;
mod road;
mod scenarios;
mod schedule;
mod secure;
mod store_laws;
mod stored;
mod storm;
mod systemd_laws;
mod tidy;
mod trouble;
mod unitfile;
mod vanished;

mod support {
    pub mod asked;
    pub mod certificates;
    pub mod cut;
    pub mod etcd;
    pub mod lines;
    pub mod machines;
    pub mod tally;
    pub mod wait;

    #[path = "../../support/etcd_counts.rs"]
    pub mod etcd_counts;
    #[path = "../../support/fleetd.rs"]
    pub mod fleetd;
    #[path = "../../support/inputs/mod.rs"]
    pub mod inputs;
    #[path = "../../support/page.rs"]
    pub mod page;
    #[path = "../../support/scenario.rs"]
    pub mod scenario;
    #[path = "../../support/world.rs"]
    pub mod world;
}
