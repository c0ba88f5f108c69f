//! Which member of the etcd cluster to talk to, and for how long to wait for it.
//!
//! One client per member and one member at a time: the client library's own balancing over all
//! members keeps sending a share of the requests to a dead one. It must not know what is asked.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Error, Identity, TlsOptions};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::advice::{Link, advice};
use super::errors::{self, AskError};
use super::settings::{EtcdSettings, SettingsError, TlsContents};

/// How often an open connection is probed while a watch or a renewal is open on it. etcd hangs up
/// on clients that probe more often than every 5 s; one second of room for jitter.
const PROBE_EVERY: Duration = Duration::from_secs(6);

/// How long a probe may take. After this the connection counts as broken and its watches end, so
/// a watch is never silent for longer than both together.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// The members of the cluster, and the one in use.
pub(super) struct Members {
    members: Vec<Member>,
    in_use: AtomicUsize,
    request_timeout: Duration,
}

struct Member {
    endpoint: String,
    options: ConnectOptions,
    /// Made on first use: with a user, making it already asks etcd for a token.
    client: OnceCell<Client>,
    encrypted: bool,
    identified: bool,
    /// Whether it ever did what it was asked.
    answered: AtomicBool,
}

impl Members {
    pub(super) fn new(settings: &EtcdSettings) -> Result<Members, SettingsError> {
        if settings.endpoints.is_empty() {
            return Err(SettingsError::NoEndpoint);
        }
        let tls = settings.tls.as_ref().map(|files| files.read()).transpose()?;
        // So that the members behind a dead one get their turn within one request's time.
        let members = u32::try_from(settings.endpoints.len()).unwrap_or(u32::MAX);
        let connect_timeout = settings.request_timeout / members;
        let member = |endpoint: &String| Member {
            endpoint: endpoint.clone(),
            options: options(endpoint, settings, tls.as_ref(), connect_timeout),
            client: OnceCell::new(),
            encrypted: endpoint.starts_with("https://"),
            identified: tls.as_ref().is_some_and(|tls| tls.identity.is_some()),
            answered: AtomicBool::new(false),
        };
        let members: Vec<Member> = settings.endpoints.iter().map(member).collect();
        // Each daemon starts with another member, or all would weigh on the first. The hasher's
        // random seed is all the randomness this needs.
        let start = RandomState::new().build_hasher().finish() % members.len() as u64;
        Ok(Members {
            in_use: AtomicUsize::new(usize::try_from(start).unwrap_or_default()),
            members,
            request_timeout: settings.request_timeout,
        })
    }

    /// Asks the member in use, within the request timeout. When a member did certainly not do what
    /// was asked, the others are asked in turn; whenever one cannot answer, the next one is in use
    /// from then on.
    pub(super) async fn ask<T, Asked>(
        &self,
        request: impl Fn(Client) -> Asked,
    ) -> Result<T, AskError>
    where
        Asked: Future<Output = Result<T, Error>>,
    {
        let mut asked = self.in_use.load(Ordering::Relaxed);
        let asking = async {
            let mut others = self.members.len() - 1;
            loop {
                let member = &self.members[asked];
                let error = match member.ask(&request).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                if errors::is_unavailable(&error) {
                    self.leave(asked);
                }
                if !errors::did_nothing(&error) || others == 0 {
                    let advice = advice(&errors::words(&error), member.link());
                    return Err(AskError::Answered { error, advice });
                }
                others -= 1;
                asked = self.after(asked);
            }
        };
        match timeout(self.request_timeout, asking).await {
            Ok(answer) => answer,
            Err(_elapsed) => {
                self.leave(asked);
                Err(AskError::Late(self.request_timeout))
            }
        }
    }

    fn after(&self, member: usize) -> usize {
        (member + 1) % self.members.len()
    }

    /// Goes on with the next member, unless another request has done so already.
    fn leave(&self, member: usize) {
        let next = self.after(member);
        let _ = self.in_use.compare_exchange(member, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

impl Member {
    async fn ask<T, Asked>(&self, request: &impl Fn(Client) -> Asked) -> Result<T, Error>
    where
        Asked: Future<Output = Result<T, Error>>,
    {
        let connect = || Client::connect([&self.endpoint], Some(self.options.clone()));
        let client = self.client.get_or_try_init(connect).await?;
        let answer = request(client.clone()).await;
        if answer.is_ok() {
            self.answered.store(true, Ordering::Relaxed);
        }
        answer
    }

    fn link(&self) -> Link {
        let Member { encrypted, identified, .. } = *self;
        Link { encrypted, identified, answered: self.answered.load(Ordering::Relaxed) }
    }
}

fn options(
    endpoint: &str,
    settings: &EtcdSettings,
    tls: Option<&TlsContents>,
    connect_timeout: Duration,
) -> ConnectOptions {
    let mut options = ConnectOptions::new()
        // A member cut off from the majority must turn us away rather than stay silent.
        .with_require_leader(true)
        .with_connect_timeout(connect_timeout)
        .with_keep_alive(PROBE_EVERY, PROBE_TIMEOUT)
        // etcd hangs up on clients that probe a connection without anything open on it.
        .with_keep_alive_while_idle(false)
        .with_auto_token_refresh(true);
    if let Some((user, password)) = &settings.user {
        options = options.with_user(user, password);
    }
    if !endpoint.starts_with("http://") && (tls.is_some() || endpoint.starts_with("https://")) {
        options = options.with_tls(tls_options(tls));
    }
    options
}

fn tls_options(tls: Option<&TlsContents>) -> TlsOptions {
    let mut options = TlsOptions::new();
    options = match tls.and_then(|tls| tls.ca.as_ref()) {
        Some(ca) => options.ca_certificate(Certificate::from_pem(ca)),
        None => options.with_native_roots(),
    };
    if let Some((certificate, key)) = tls.and_then(|tls| tls.identity.as_ref()) {
        options = options.identity(Identity::from_pem(certificate, key));
    }
    options
}
