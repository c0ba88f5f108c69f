//! Tests on real machines: systemd, etcd and Docker, in the cluster that `FLEET_CLUSTER` names.
//! `make test-live` makes one, runs these one after another, and removes it.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod apply;
mod bad_input;
mod cluster;
mod counts;
mod daemon;
mod docker_run;
mod docs;
mod facts;
mod fleet;
mod garbage;
mod lifecycle;
mod move_order;
mod package;
mod partition;
mod scenarios;
mod security;
mod ssh;
mod stack;
mod standalone;
mod store;
mod survival;
mod systemd_laws;
