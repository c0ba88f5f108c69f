//! What the cluster remembers, and the only road to it.

mod store;

pub use store::{
    Changes, Committed, Compare, Event, KeyValue, LeaseId, Op, OpResult, Range, Revision, Store,
    StoreError, Txn, Watch,
};
