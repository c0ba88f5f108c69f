//! Tests that run anywhere: no root, no network, no cluster.

mod requirements;
mod unitfile;
