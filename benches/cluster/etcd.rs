//! etcd as it shows itself to a bystander: what it counts, when keys change, when leases end.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use etcd_client::{Client, DeleteOptions, GetOptions, WatchOptions};
use tokio::runtime::Runtime;

use crate::cluster::Cluster;

/// fleet's keys, as `fleet.conf` has them by default.
const KEYS: &str = "/_coreos.com/fleet/";

/// How often a lease is looked at that is about to end: often beside the milliseconds it is for.
const LOOK: Duration = Duration::from_millis(5);

/// The only member.
pub struct Etcd {
    address: String,
    client: Client,
    runtime: Runtime,
}

/// One change of a key, without fleet's prefix, when it was heard of.
#[derive(Debug, Clone)]
pub struct Change {
    pub key: String,
    /// Empty: removed.
    pub value: String,
    pub at: SystemTime,
}

/// All changes since it was opened.
pub struct Watch {
    heard: Arc<Mutex<Vec<Change>>>,
    listener: tokio::task::JoinHandle<()>,
}

impl Etcd {
    /// Reaches the cluster's etcd.
    pub fn reach() -> Etcd {
        let endpoint = Cluster.verb(&["endpoint", "etcd"]).success().trim().to_owned();
        let runtime = Runtime::new().expect("a runtime starts");
        let client = runtime.block_on(Client::connect([&endpoint], None)).expect("etcd answers");
        let address = endpoint.trim_start_matches("http://").to_owned();
        Etcd { address, client, runtime }
    }

    /// Everything it counts, by name with labels.
    pub fn counters(&self) -> BTreeMap<String, f64> {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(&self.address)?;
            write!(stream, "GET /metrics HTTP/1.0\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        let text = ask().expect("etcd shows what it counts");
        let pairs = text.lines().filter_map(|line| line.rsplit_once(' '));
        pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
    }

    /// The value of one of fleet's keys.
    pub fn value(&self, key: &str) -> Option<String> {
        let mut client = self.client.clone();
        let got = self.runtime.block_on(client.get(format!("{KEYS}{key}"), None));
        let got = got.expect("etcd answers");
        got.kvs().first().map(|entry| String::from_utf8_lossy(entry.value()).into_owned())
    }

    /// How many of fleet's keys begin so.
    pub fn count(&self, prefix: &str) -> i64 {
        let mut client = self.client.clone();
        let options = GetOptions::new().with_prefix().with_count_only();
        let got = self.runtime.block_on(client.get(format!("{KEYS}{prefix}"), Some(options)));
        got.expect("etcd answers").count()
    }

    /// Removes those of fleet's keys that begin so.
    pub fn remove(&self, prefix: &str) {
        let mut client = self.client.clone();
        let options = DeleteOptions::new().with_prefix();
        let removed = client.delete(format!("{KEYS}{prefix}"), Some(options));
        self.runtime.block_on(removed).expect("etcd answers");
    }

    /// One write, and how long it takes: what each step of fleet costs at least.
    pub fn write(&self) -> Duration {
        let began = SystemTime::now();
        let mut client = self.client.clone();
        self.runtime.block_on(client.put("/bench", "", None)).expect("etcd answers");
        began.elapsed().unwrap_or_default()
    }

    /// When the lease on which a key hangs will have ended, as etcd itself counts: it tells whole
    /// seconds, so it is asked until they change.
    pub fn end_of_lease(&self, key: &str) -> SystemTime {
        let mut client = self.client.clone();
        self.runtime.block_on(async {
            let got = client.get(format!("{KEYS}{key}"), None).await.expect("etcd answers");
            let lease = got.kvs().first().expect("the key is there").lease();
            let mut first = None;
            loop {
                let left =
                    client.lease_time_to_live(lease, None).await.expect("etcd answers").ttl();
                let whole = Duration::from_secs(left.try_into().unwrap_or_default());
                if *first.get_or_insert(left) != left {
                    return SystemTime::now() + whole + Duration::from_secs(1);
                }
                tokio::time::sleep(LOOK).await;
            }
        })
    }

    /// Hears of every change from now on.
    pub fn watch(&self) -> Watch {
        let mut client = self.client.clone();
        let heard = Arc::<Mutex<Vec<Change>>>::default();
        let told = heard.clone();
        let options = WatchOptions::new().with_prefix();
        let stream = self.runtime.block_on(client.watch(KEYS, Some(options)));
        let mut stream = stream.expect("etcd watches");
        let listener = self.runtime.spawn(async move {
            while let Ok(Some(news)) = stream.message().await {
                let at = SystemTime::now();
                let entries = news.events().iter().filter_map(|event| event.kv());
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let changes = entries.map(|entry| {
                    let key = text(entry.key()).trim_start_matches(KEYS).to_owned();
                    Change { key, value: text(entry.value()), at }
                });
                told.lock().unwrap_or_else(PoisonError::into_inner).extend(changes);
            }
        });
        Watch { heard, listener }
    }
}

impl Watch {
    /// What was heard so far, in order.
    pub fn heard(&self) -> Vec<Change> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
