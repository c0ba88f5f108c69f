//! The API's operations on machines: metadata that overrides what a machine says of itself.

use super::Registry;
use super::keys::Key;
use super::store::{Op, StoreError, Txn};
use crate::model::MachineId;

/// One change of one piece of metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataChange {
    /// The machine, present or not.
    pub machine: MachineId,
    /// The key.
    pub key: String,
    /// Its new value; `None` to take the override away.
    pub value: Option<String>,
}

impl Registry {
    /// Makes all changes, or none.
    pub async fn set_metadata(&self, changes: &[MetadataChange]) -> Result<(), StoreError> {
        let write = |change: &MetadataChange| {
            let key = Key::Metadata(change.machine.clone(), change.key.clone()).to_string();
            match &change.value {
                Some(value) => Op::Put { key, value: value.clone().into_bytes(), lease: None },
                None => Op::Delete(key),
            }
        };
        let then = changes.iter().map(write).collect();
        self.store.commit(Txn { then, ..Txn::default() }).await.map(drop)
    }
}
