//! Every test that runs anywhere, in one binary: no root, no network.

mod store_laws;
mod support {
    pub mod certificates;
    pub mod etcd;
    pub mod wait;
}
