//! The etcd of one run: Debian's package as it comes, one member, on loopback, on a data folder of
//! its own. And what it counts of itself, which is how its load is measured.

use std::net::TcpListener;
use std::ops::Sub;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::registry::{EtcdSettings, EtcdStore, Store};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::etcd_counts;

/// How long one request may take, as in a configuration that says nothing of it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is asked whether it is up.
const ATTEMPTS: usize = 200;

/// A running etcd; gone when dropped.
pub struct Etcd {
    process: Child,
    port: u16,
    _data: TempDir,
}

/// What etcd has done so far, or between two looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Load {
    /// Requests that read.
    pub ranges: f64,
    /// Requests that change something, or read several keys.
    pub txns: f64,
    /// Renewals of leases.
    pub renewals: f64,
    /// Answers to watches.
    pub watched: f64,
    /// Every other request: leases granted and asked for.
    pub others: f64,
    /// Keys written.
    pub puts: f64,
    /// Bytes from and to clients.
    pub bytes: f64,
    /// Seconds of processor time.
    pub cpu: f64,
}

/// A store on the etcd at a port.
pub fn store(port: u16) -> Arc<dyn Store> {
    let settings = EtcdSettings {
        endpoints: vec![format!("http://127.0.0.1:{port}")],
        prefix: "/fleet/".into(),
        request_timeout: REQUEST_TIMEOUT,
        tls: None,
        user: None,
    };
    Arc::new(EtcdStore::connect(settings).expect("settings that work"))
}

impl Etcd {
    /// Starts it, and returns when it answers.
    pub async fn start() -> Etcd {
        let data = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        // It ends with us, whatever becomes of us.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "etcd", "--name", "scale", "--data-dir"])
            .arg(data.path())
            .args(["--listen-client-urls", &url, "--advertise-client-urls", &url])
            .args(["--listen-peer-urls", "http://127.0.0.1:0"])
            .args(["--initial-advertise-peer-urls", "http://127.0.0.1:0"])
            .args(["--initial-cluster", "scale=http://127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("etcd, from Debian's etcd-server");
        let etcd = Etcd { process, port, _data: data };
        let store = etcd.store();
        for _ in 0..ATTEMPTS {
            if store.revision().await.is_ok() {
                return etcd;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("etcd does not answer");
    }

    /// A store on it.
    pub fn store(&self) -> Arc<dyn Store> {
        store(self.port)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        super::process::memory(self.process.id().expect("it runs"))
    }

    /// The size of its database, in bytes.
    pub async fn size(&self) -> f64 {
        etcd_counts::sum(
            &etcd_counts::page(self.port).await,
            &["etcd_mvcc_db_total_size_in_bytes "],
        )
    }

    /// What it has done so far.
    pub async fn load(&self) -> Load {
        let all = etcd_counts::page(self.port).await;
        let of =
            |counter, method: &str| etcd_counts::sum(&all, &[counter, &format!("\"{method}\"")]);
        let started = |method| of("grpc_server_started_total", method);
        let lease = ["LeaseGrant", "LeaseRevoke", "LeaseTimeToLive"];
        Load {
            ranges: started("Range"),
            txns: started("Txn"),
            renewals: of("grpc_server_msg_received_total", "LeaseKeepAlive"),
            watched: of("grpc_server_msg_sent_total", "Watch"),
            others: lease.map(started).iter().sum(),
            puts: etcd_counts::sum(&all, &["etcd_debugging_mvcc_put_total "]),
            bytes: etcd_counts::sum(&all, &["etcd_network_client_grpc_"]),
            cpu: etcd_counts::sum(&all, &["process_cpu_seconds_total "]),
        }
    }
}

impl Sub for Load {
    type Output = Load;

    fn sub(self, before: Load) -> Load {
        Load {
            ranges: self.ranges - before.ranges,
            txns: self.txns - before.txns,
            renewals: self.renewals - before.renewals,
            watched: self.watched - before.watched,
            others: self.others - before.others,
            puts: self.puts - before.puts,
            bytes: self.bytes - before.bytes,
            cpu: self.cpu - before.cpu,
        }
    }
}

/// A port of loopback that nobody listens on, at this moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
