//! Tests that run anywhere: no root, no network, no cluster.

mod glob;
mod names;
mod requirements;
mod scenarios;
mod schedule;
mod store_laws;
mod systemd_laws;
mod unitfile;

mod support {
    pub mod etcd;
    pub mod wait;

    #[path = "../../support/scenario.rs"]
    pub mod scenario;
    #[path = "../../support/world.rs"]
    pub mod world;
}
