//! The API's operations on machines: metadata that overrides what a machine says of itself.

use std::collections::BTreeMap;

use super::Registry;
use super::keys::Key;
use super::store::{Op, StoreError};
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
    /// Makes all changes, or none; of several for one key the last counts. At most
    /// [`MAX_TXN_OPS`](super::MAX_TXN_OPS) keys.
    pub async fn set_metadata(&self, changes: Vec<MetadataChange>) -> Result<(), StoreError> {
        let by_key: BTreeMap<_, _> = changes
            .into_iter()
            .map(|change| (Key::Metadata(change.machine, change.key).to_string(), change.value))
            .collect();
        let write = |(key, value): (String, Option<String>)| match value {
            Some(value) => Op::Put { key, value: value.into_bytes(), lease: None },
            None => Op::Delete(key),
        };
        self.always(by_key.into_iter().map(write).collect()).await.map(drop)
    }
}
