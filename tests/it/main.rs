//! Tests that run anywhere: no root, no network, no cluster.

mod glob;
mod names;
mod requirements;
mod unitfile;
