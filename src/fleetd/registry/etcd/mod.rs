//! The store of a cluster: etcd v3, through the `etcd-client` crate, which is named in this folder
//! and nowhere else.
//!
//! Nothing here waits for etcd longer than the request timeout, and nothing needs it to be there
//! before the first call. It must not know what the keys mean, nor retry what may have been done:
//! that is for callers who can look again.

mod advice;
mod convert;
mod errors;
mod members;
mod renewals;
mod settings;
mod watch;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{GetOptions, LeaseTimeToLiveOptions};

pub use self::settings::{EtcdSettings, SettingsError, TlsFiles};

use self::convert::Prefix;
use self::members::Members;
use self::renewals::Renewals;
use super::store::{
    Committed, LeaseId, Op, Range, Revision, Store, StoreError, TimeLeft, Txn, Watch,
};

/// A cluster's memory, in etcd.
pub struct EtcdStore {
    settings: EtcdSettings,
    prefix: Prefix,
    members: Members,
    renewals: Renewals,
}

impl EtcdStore {
    /// A store that connects when it is first asked. Fails only on settings that cannot work.
    pub fn connect(settings: EtcdSettings) -> Result<EtcdStore, SettingsError> {
        Ok(EtcdStore {
            prefix: Prefix::new(&settings.prefix),
            members: Members::new(&settings)?,
            renewals: Renewals::default(),
            settings,
        })
    }
}

impl fmt::Debug for EtcdStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EtcdStore").field(&self.settings).finish()
    }
}

#[async_trait]
impl Store for EtcdStore {
    async fn range(&self, prefix: &str) -> Result<Range, StoreError> {
        let key = &self.prefix.full(prefix);
        let asked = self.members.ask(|client| async move {
            // The whole cluster's units can come in one answer.
            let mut keys = client.kv_client().max_decoding_message_size(usize::MAX);
            keys.get(key.as_str(), Some(GetOptions::new().with_prefix())).await
        });
        let mut response = asked.await.map_err(|error| error.of(format!("read {prefix}")))?;
        let revision = revision_of(response.header());
        Ok(Range { revision, entries: self.prefix.entries(response.take_kvs()) })
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        // Any linearizable read tells it; counting one key is the smallest.
        let key = &self.prefix.full("revision");
        let asked = self.members.ask(|mut client| async move {
            client.get(key.as_str(), Some(GetOptions::new().with_count_only())).await
        });
        let response = asked.await.map_err(|error| error.of("read the revision"))?;
        Ok(revision_of(response.header()))
    }

    async fn commit(&self, txn: Txn) -> Result<Committed, StoreError> {
        let request = &self.prefix.txn(&txn);
        let asked = self.members.ask(|client| async move {
            let mut keys = client.kv_client().max_decoding_message_size(usize::MAX);
            keys.txn(request.clone()).await
        });
        match asked.await {
            Ok(response) => Ok(self.prefix.committed(&response, revision_of(response.header()))),
            Err(error) => Err(match first_lease(&txn) {
                Some(lease) if error.is_lease_gone() => StoreError::LeaseGone { lease },
                _ => error.of(format!("commit {}", txn.subject())),
            }),
        }
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError> {
        if self.settings.user.is_some() {
            // etcd refuses a watch whose token has expired in words that do not say so. Any other
            // request renews the token.
            self.revision().await?;
        }
        watch::open(&self.members, &self.prefix, prefix, from).await
    }

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, StoreError> {
        let whole = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        let ttl_secs = i64::try_from(whole).unwrap_or(i64::MAX);
        let asked = self
            .members
            .ask(|client| async move { client.lease_client().grant(ttl_secs, None).await });
        let response = asked.await.map_err(|error| error.of("grant a lease"))?;
        Ok(LeaseId(response.id()))
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.renewals.renew(&self.members, lease).await
    }

    async fn time_left(&self, lease: LeaseId) -> Result<Option<TimeLeft>, StoreError> {
        let asked = self
            .members
            .ask(|client| async move { client.lease_client().time_to_live(lease.0, None).await });
        match asked.await {
            // etcd says -1 of a lease that has ended.
            Ok(answer) => Ok(u64::try_from(answer.ttl()).ok().map(|left| TimeLeft {
                left: Duration::from_secs(left),
                of: Duration::from_secs(answer.granted_ttl().unsigned_abs()),
            })),
            Err(error) if error.is_lease_gone() => Ok(None),
            Err(error) => Err(error.of(format!("ask for the time of lease {lease}"))),
        }
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.renewals.forget(lease);
        let asked =
            self.members.ask(|client| async move { client.lease_client().revoke(lease.0).await });
        match asked.await {
            Ok(_) => Ok(()),
            Err(error) if error.is_lease_gone() => Ok(()),
            Err(error) => Err(error.of(format!("revoke lease {lease}"))),
        }
    }

    async fn keys_of(&self, lease: LeaseId) -> Result<Vec<String>, StoreError> {
        let asked = self.members.ask(|client| async move {
            let options = LeaseTimeToLiveOptions::new().with_keys();
            client.lease_client().time_to_live(lease.0, Some(options)).await
        });
        let answer = match asked.await {
            Ok(answer) => answer,
            Err(error) if error.is_lease_gone() => return Ok(Vec::new()),
            Err(error) => return Err(error.of(format!("ask for the keys of lease {lease}"))),
        };
        let keys = answer.keys().iter().filter_map(|key| self.prefix.relative(key));
        let mut keys: Vec<String> = keys.collect();
        keys.sort();
        Ok(keys)
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        let asked =
            self.members.ask(|mut client| async move { client.compact(revision.0, None).await });
        match asked.await {
            Ok(_) => Ok(()),
            Err(error) if error.is_compacted() => Ok(()),
            Err(error) => Err(error.of(format!("compact to {revision}"))),
        }
    }
}

/// Every answer of etcd carries a header.
fn revision_of(header: Option<&etcd_client::ResponseHeader>) -> Revision {
    Revision(header.map_or(0, etcd_client::ResponseHeader::revision))
}

/// A lease named in the transaction; etcd does not say which one it missed.
fn first_lease(txn: &Txn) -> Option<LeaseId> {
    txn.then.iter().chain(&txn.otherwise).find_map(|op| match op {
        Op::Put { lease, .. } => *lease,
        Op::Nested(nested) => first_lease(nested),
        _ => None,
    })
}
