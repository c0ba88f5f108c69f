//! A real etcd for one test: on loopback, in a folder of its own, gone with the test whatever
//! becomes of it.

#![allow(clippy::expect_used)] // a helper that cannot go on is a failed test

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, Permission, PermissionType};
use fleet::fleetd::registry::{EtcdSettings, EtcdStore, TlsFiles};
use fleet::fleetd::registry::{Store, StoreError};
use tempfile::TempDir;

use super::certificates::Certificates;
use super::etcd_counts;
use super::wait::wait_for;

/// How long etcd may take to come up on a busy machine; it takes 50 ms on an idle one.
const START: Duration = Duration::from_secs(20);

/// The password of every user. No word of it is in any log for another reason.
pub const SECRET: &str = "a-password-nobody-guesses";

/// A running etcd. Killed when dropped, and also when the test process is killed or aborts.
pub struct Etcd {
    process: Option<Guarded>,
    port: u16,
    data: TempDir,
    /// With these it talks TLS only, and only to clients with a certificate.
    certificates: Option<Certificates>,
}

impl Etcd {
    /// Starts etcd on a free port, and returns when it answers.
    ///
    /// Elections are fast, so that it starts fast and grants leases of one second (etcd's minimum
    /// is one and a half election timeouts).
    pub async fn start() -> Etcd {
        Etcd::start_with(|| None).await
    }

    /// Starts an etcd that talks TLS only, and only to clients with a certificate.
    pub async fn start_with_tls() -> Etcd {
        Etcd::start_with(|| Some(Certificates::new())).await
    }

    async fn start_with(certificates: impl Fn() -> Option<Certificates>) -> Etcd {
        // Another process may take the port between our look and etcd's; then look again.
        for _ in 0..5 {
            let data = tempfile::tempdir().expect("a temporary folder");
            let (port, certificates) = (free_port(), certificates());
            let mut etcd = Etcd { process: None, port, data, certificates };
            if etcd.run().await {
                return etcd;
            }
        }
        panic!("etcd did not start five times in a row");
    }

    /// Kills etcd and starts it again on what it has written.
    pub async fn restart(&mut self) {
        self.process = None;
        assert!(self.run().await, "etcd did not start again");
    }

    /// Kills etcd and leaves it dead.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// The URL for clients.
    pub fn url(&self) -> String {
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Settings that reach it.
    pub fn settings(&self, prefix: &str) -> EtcdSettings {
        EtcdSettings {
            endpoints: vec![self.url()],
            prefix: prefix.into(),
            request_timeout: Duration::from_secs(5),
            tls: self.certificates.as_ref().map(|certificates| TlsFiles {
                ca: Some(certificates.pair("authority").0),
                identity: Some(certificates.pair("client")),
            }),
            user: None,
        }
    }

    /// From now on there is a user `fleet`, with the password [`SECRET`], who may do everything under
    /// `/fleet/`, and nothing else may be done by anyone.
    pub async fn demand_passwords(&self) {
        let mut client = Client::connect([self.url()], None).await.expect("a client");
        for user in ["root", "fleet"] {
            client.user_add(user, SECRET, None).await.expect("a user");
            client.role_add(user).await.expect("a role");
            client.user_grant_role(user, user).await.expect("the role's user");
        }
        let everything = Permission::new(PermissionType::Readwrite, "/fleet/");
        client.role_grant_permission("fleet", everything.with_prefix()).await.expect("permission");
        client.auth_enable().await.expect("passwords to be asked for");
    }

    /// A store on it.
    pub fn store(&self, prefix: &str) -> Arc<dyn Store> {
        Arc::new(EtcdStore::connect(self.settings(prefix)).expect("settings that work"))
    }

    /// The sum of one of etcd's own counters over all lines that contain all of `words`.
    pub async fn metric(&self, words: &[&str]) -> f64 {
        etcd_counts::sum(&etcd_counts::page(self.port).await, words)
    }

    /// Whether it came up; false when it ended at once, as it does when its port is taken.
    async fn run(&mut self) -> bool {
        let mut process = Guarded::spawn(self.command());
        let store = self.store("/start/");
        let up = wait_for(START, "etcd to answer", async || {
            if process.has_ended() {
                return Ok(false);
            }
            match store.revision().await {
                Err(away @ StoreError::Unavailable { .. }) => Err(away),
                // Even a refusal is an answer, for example to one without a password.
                _ => Ok(true),
            }
        });
        let up = up.await;
        self.process = Some(process);
        up
    }

    fn command(&self) -> Command {
        let url = self.url();
        // Nobody will ever connect to the peer port, so the kernel may choose it.
        let peer = "http://127.0.0.1:0";
        let mut command = Command::new("etcd");
        command
            .arg("--data-dir")
            .arg(self.data.path())
            .args(["--name", "law", "--initial-cluster", &format!("law={peer}")])
            .args(["--listen-client-urls", &url, "--advertise-client-urls", &url])
            .args(["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer])
            .args(["--heartbeat-interval", "10", "--election-timeout", "100"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(certificates) = &self.certificates {
            let (certificate, key) = certificates.pair("server");
            command.arg("--cert-file").arg(certificate).arg("--key-file").arg(key);
            command.arg("--trusted-ca-file").arg(certificates.pair("authority").0);
            command.arg("--client-cert-auth");
        }
        command
    }
}

/// A port of loopback that nobody listens on, at this moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A process and its guard: a shell that waits for our end of a pipe to close, which the kernel
/// does however we end, and then kills the process.
struct Guarded {
    process: Child,
    guard: Child,
}

impl Guarded {
    fn spawn(mut command: Command) -> Guarded {
        let process = match command.spawn() {
            Ok(process) => process,
            Err(error) if error.kind() == ErrorKind::NotFound => panic!(
                "{} is not installed. On Debian: apt-get install etcd-server",
                Path::new(command.get_program()).display()
            ),
            Err(error) => panic!("{command:?}: {error}"),
        };
        let guard = Command::new("sh")
            .args(["-c", "read _; kill -9 \"$0\"", &process.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        Guarded { process, guard }
    }

    fn has_ended(&mut self) -> bool {
        self.process.try_wait().expect("to ask after our own child").is_some()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // The guard first: once the process is gone, its number may be another's. Errors mean that
        // it has ended already.
        for child in [&mut self.guard, &mut self.process] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
