//! What the cluster remembers, and the only road to it.

pub mod embedded;
pub mod etcd;
mod store;

pub use store::{
    Changes, Committed, Compare, Event, KeyValue, LeaseId, MAX_TXN_OPS, Op, OpResult, Range,
    Revision, Store, StoreError, Txn, Watch,
};
