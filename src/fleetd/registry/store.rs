//! The one trait to the cluster's memory, in the verbs fleet needs: read a prefix, commit a
//! transaction, watch from a revision, hold a lease.
//!
//! Keys here are relative to the cluster's prefix and values are bytes; what they mean is the
//! business of `keys` and `records`. Two implementations pass one suite of laws: [`super::etcd`]
//! for clusters and [`super::embedded`] for one machine.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::fleetd::chain::chain;

/// A point in the store's history. Grows by one with every committed change; every key carries
/// the revisions at which it was created and last changed (etcd's MVCC guarantee).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub i64);

impl Revision {
    /// The revision just after this one, from which a watch continues a read made at this one.
    pub fn next(self) -> Revision {
        Revision(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The store's name for a lease. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub i64);

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// One key as it stands at some revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    /// Relative to the cluster's prefix, without a leading slash.
    pub key: String,
    /// What was put.
    pub value: Vec<u8>,
    /// When the key came into being; a key that is deleted and put again gets a new one.
    pub created: Revision,
    /// When the key was last put.
    pub modified: Revision,
    /// The lease the key dies with, if any.
    pub lease: Option<LeaseId>,
}

/// All keys under a prefix at one revision, sorted by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The store's revision when it answered: at least that of every commit acknowledged before
    /// the read began (the read is linearizable).
    pub revision: Revision,
    /// The keys found.
    pub entries: Vec<KeyValue>,
}

/// A condition on one key. All conditions of a transaction are checked at the same revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// The key does not exist.
    Absent(String),
    /// The key exists and was created at this revision.
    Created(String, Revision),
    /// The key exists and was last changed at this revision.
    Modified(String, Revision),
    /// The key exists and hangs on this lease.
    Leased(String, LeaseId),
}

/// One step of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Write a key, bound to a lease or (with `None`) to none.
    Put {
        /// The key.
        key: String,
        /// Its new value.
        value: Vec<u8>,
        /// The lease the key shall die with. An unknown lease fails the whole transaction with
        /// [`StoreError::LeaseGone`].
        lease: Option<LeaseId>,
    },
    /// Remove a key; nothing happens when it is absent.
    Delete(String),
    /// Read all keys under a prefix.
    Read(String),
    /// Read one key.
    Get(String),
    /// A transaction within the transaction, with its own conditions: when those fail, only its
    /// own steps are skipped.
    Nested(Txn),
}

/// The most conditions or steps that one transaction may have (etcd's default `--max-txn-ops`).
///
/// A nested transaction has only what the one around it left: inside one with 100 steps, each
/// nested one may have 28 conditions and 28 steps. A transaction that is wider is refused.
pub const MAX_TXN_OPS: usize = 128;

/// `when` all conditions hold, do `then`, else do `otherwise`; in one atomic step, at one revision.
///
/// Conditions, those of nested transactions included, are checked on the state before the first
/// step; reads see the writes of the steps before them. A key may be written at most once on each
/// road through a transaction (an etcd rule); a transaction that could write one twice is refused.
/// So is one of more than [`MAX_TXN_OPS`], or (by etcd's default) of more than 1.5 MiB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Txn {
    /// Conditions; none means "always".
    pub when: Vec<Compare>,
    /// Steps taken if all hold.
    pub then: Vec<Op>,
    /// Steps taken if one does not.
    pub otherwise: Vec<Op>,
}

impl Txn {
    /// The first key the transaction names, to say in an error which one it was.
    pub(super) fn subject(&self) -> &str {
        let condition = self.when.first().map(|compare| match compare {
            Compare::Absent(key)
            | Compare::Created(key, _)
            | Compare::Modified(key, _)
            | Compare::Leased(key, _) => key.as_str(),
        });
        let step = self.then.first().map(|op| match op {
            Op::Put { key, .. } | Op::Delete(key) | Op::Read(key) | Op::Get(key) => key.as_str(),
            Op::Nested(txn) => txn.subject(),
        });
        step.or(condition).unwrap_or_default()
    }
}

/// What a transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Whether `then` was taken.
    pub succeeded: bool,
    /// The store's revision after the whole transaction, in a nested one too.
    pub revision: Revision,
    /// One entry for each step taken, in order.
    pub results: Vec<OpResult>,
}

/// What one step of a transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpResult {
    /// The key was written.
    Put,
    /// Whether there was something to remove.
    Deleted(bool),
    /// What `Read` or `Get` found, sorted by key.
    Found(Vec<KeyValue>),
    /// What the nested transaction did.
    Nested(Committed),
}

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The key was written; this is how it stands now.
    Put(KeyValue),
    /// The key was removed, by hand or because its lease ended.
    Deleted(String),
}

impl Event {
    /// The key that changed.
    pub fn key(&self) -> &str {
        match self {
            Event::Put(entry) => &entry.key,
            Event::Deleted(key) => key,
        }
    }
}

/// All changes that one revision made under the watched prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The revision that made them.
    pub revision: Revision,
    /// In the order of the transaction; never empty.
    pub events: Vec<Event>,
}

/// Changes in order of revision, each delivered once and whole. An error is the last item; the
/// stream also ends when the store goes away. Dropping the receiver cancels the watch.
pub type Watch = mpsc::Receiver<Result<Changes, StoreError>>;

/// How much of a lease's time is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLeft {
    /// Until it ends, if nobody renews it. etcd rounds down to seconds.
    pub left: Duration,
    /// Of this much, which each renewal gives it again.
    pub of: Duration,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store did not answer, or not in time. A transaction may or may not have taken effect.
    #[error("{operation}: the store cannot be reached")]
    Unavailable {
        /// What was asked, with the key or prefix.
        operation: String,
        /// What the client library said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The lease has ended, was revoked, or never was.
    #[error("lease {lease} has ended")]
    LeaseGone {
        /// The lease; of a transaction that names several, one of them.
        lease: LeaseId,
    },
    /// History before `oldest` is gone: read the range again and watch from there.
    #[error("the store's history before revision {oldest} has been compacted")]
    Compacted {
        /// The oldest revision that can still be watched from.
        oldest: Revision,
    },
    /// The store answered that it will not (no permission, too large, out of space).
    #[error("{operation}: the store refused")]
    Refused {
        /// What was asked, with the key or prefix.
        operation: String,
        /// The store's words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// The same, for one more who waited for it.
    pub(super) fn again(&self) -> StoreError {
        let words = |source: &(dyn std::error::Error + 'static)| chain(source).to_string();
        match self {
            StoreError::Unavailable { operation, source } => {
                StoreError::unavailable(operation, words(&**source))
            }
            StoreError::LeaseGone { lease } => StoreError::LeaseGone { lease: *lease },
            StoreError::Compacted { oldest } => StoreError::Compacted { oldest: *oldest },
            StoreError::Refused { operation, source } => {
                StoreError::refused(operation, words(&**source))
            }
        }
    }

    /// `operation` was not answered, because of `source`.
    pub(super) fn unavailable(
        operation: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError::Unavailable { operation: operation.into(), source: source.into() }
    }

    /// `operation` was answered with a no, in the words of `source`.
    pub(super) fn refused(
        operation: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError::Refused { operation: operation.into(), source: source.into() }
    }
}

/// A cluster's memory. Every call is bounded in time by the implementation's request timeout.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Every key that starts with `prefix`, at one revision, linearizable.
    async fn range(&self, prefix: &str) -> Result<Range, StoreError>;

    /// The store's revision now, linearizable: at least that of every acknowledged commit.
    async fn revision(&self) -> Result<Revision, StoreError>;

    /// Commits a transaction.
    async fn commit(&self, txn: Txn) -> Result<Committed, StoreError>;

    /// Every change to keys that start with `prefix`, from revision `from` on (inclusive): first
    /// what has happened since, then what happens. When this returns, the store is watching.
    ///
    /// History that is gone is no error of this call: the watch's first and last item is
    /// [`StoreError::Compacted`], so a reader meets it in one place.
    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError>;

    /// A new lease that ends `ttl` after its last renewal. The store may make it longer: etcd
    /// rounds up to seconds and, by default, to two at least.
    async fn grant(&self, ttl: Duration) -> Result<LeaseId, StoreError>;

    /// Renews a lease for its full time.
    async fn keep_alive(&self, lease: LeaseId) -> Result<(), StoreError>;

    /// How much time a lease has left; asking does not renew it. `None`: it has ended.
    async fn time_left(&self, lease: LeaseId) -> Result<Option<TimeLeft>, StoreError>;

    /// The keys that hang on a lease, sorted; none when it has ended.
    async fn keys_of(&self, lease: LeaseId) -> Result<Vec<String>, StoreError>;

    /// Ends a lease and removes its keys at once. Success when it is already gone.
    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError>;

    /// Drops history older than `revision`; what stands now is not touched. Success when it is
    /// dropped already; refused when `revision` has not been reached.
    async fn compact(&self, revision: Revision) -> Result<(), StoreError>;
}
