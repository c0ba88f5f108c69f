//! Tests that run anywhere: no root, no network, no cluster.

mod cli;
mod client;
mod glob;
mod names;
mod requirements;
mod store_laws;
mod unitfile;

mod support {
    pub mod etcd;
    pub mod wait;
}
