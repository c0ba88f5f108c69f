//! One ssh connection to a machine, which serves the API's connections and sessions alike.
//!
//! Behind the near end, a unix socket in a folder of our own, ssh opens a channel to the far end for
//! each connection. A server that forbids this gets a [`bridge`] instead.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::bridge::{self, Bridge};
use super::command::{SSH, Settings};
use super::destination::Destination;
use super::error::SshError;
use super::folder::PrivateFolder;
use super::known_hosts;
use super::program::{LOGIN_MAX, Words};
use crate::api::client::{CONNECTIONS_MAX, Endpoint, Tunnelled};

const SHELL: &str = "sh";

/// Runs ssh so that it ends with this program.
const KEEP: &str = include_str!("keep.sh");

/// An end that was asked for, or has begun, takes no longer unless something is very wrong.
const END_MAX: Duration = Duration::from_secs(2);

/// A question to whoever listens at the far end. Any answer will do.
const ANYBODY: &[u8] = b"HEAD / HTTP/1.1\r\nHost: fleet\r\nConnection: close\r\n\r\n";

/// The connection.
#[derive(Debug)]
pub struct Tunnel {
    to: Destination,
    far: Endpoint,
    /// Its standard input is what keeps it alive.
    keeper: Child,
    /// What ssh said.
    words: Words,
    hearing: JoinHandle<()>,
    ended: watch::Receiver<bool>,
    bridge: Option<Bridge>,
    folder: PrivateFolder,
}

impl Tunnel {
    /// Connects, and makes sure that somebody listens at the far end.
    pub async fn open(
        settings: &Settings,
        to: &Destination,
        far: &Endpoint,
    ) -> Result<Self, SshError> {
        let mut tunnel = Self::connect(settings, to, far).await?;
        let Endpoint::Unix(socket) = far else {
            return Ok(tunnel);
        };
        if tunnel.answers(settings.timeout).await {
            return Ok(tunnel);
        }
        // ssh does not tell a server that forbids forwarding from a socket where nobody listens.
        let arguments = settings.fd_forward(to, &tunnel.control(), &socket.to_string_lossy());
        let near = tunnel.folder.path().join("bridge");
        let bridge = Bridge::open(near.clone(), arguments)
            .map_err(|source| SshError::File { path: near, source })?;
        let said = bridge.words().clone();
        tunnel.bridge = Some(bridge);
        if tunnel.answers(settings.timeout).await {
            return Ok(tunnel);
        }
        let (host, far) = (to.to_string(), far.to_string());
        tunnel.close().await;
        Err(SshError::NoApi { host, far, words: said.to_string() })
    }

    async fn connect(
        settings: &Settings,
        to: &Destination,
        far: &Endpoint,
    ) -> Result<Self, SshError> {
        let folder = PrivateFolder::new()?;
        let ssh = settings.tunnel(to, &control(&folder), &near(&folder), far);
        let mut keeper = Command::new(SHELL)
            .args(["-c", KEEP, "fleetctl-tunnel"])
            .arg(folder.path())
            .arg(SSH)
            .args(ssh)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| SshError::Program { program: SHELL, source })?;
        let words = Words::default();
        let (stdout, stderr) = (keeper.stdout.take(), keeper.stderr.take());
        let heard = words.clone();
        let hearing = tokio::spawn(async move {
            if let Some(stderr) = stderr {
                heard.listen(stderr).await;
            }
        });
        let (end, ended) = watch::channel(false);
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let Some(mut stdout) = stdout else { return };
            let mut byte = [0];
            let first = stdout.read(&mut byte).await;
            // Nobody waits for it any more, or nobody ever will: both are fine.
            let _ = ready.send(matches!(first, Ok(1..)));
            while matches!(stdout.read(&mut byte).await, Ok(1..)) {}
            let _ = end.send(true);
        });
        let mut tunnel = Self {
            to: to.clone(),
            far: far.clone(),
            keeper,
            words,
            hearing,
            ended,
            bridge: None,
            folder,
        };
        match timeout(LOGIN_MAX, is_ready).await {
            Ok(Ok(true)) => Ok(tunnel),
            _ => Err(tunnel.refused(settings).await),
        }
    }

    /// Why the connection never came to be.
    async fn refused(&mut self, settings: &Settings) -> SshError {
        drop(self.keeper.stdin.take());
        let _ = timeout(END_MAX, &mut self.hearing).await;
        let host = self.to.to_string();
        if let (true, super::Trust::Known(file)) = (self.words.key_changed(), &settings.trust) {
            let known_as = known_hosts::name_of(settings, &self.to).await;
            let known_as = known_as.unwrap_or_else(|_| self.to.host().to_owned());
            return SshError::Changed { host, known_as, file: file.clone() };
        }
        SshError::Unreachable { host, words: self.words.to_string() }
    }

    /// Whether somebody at the far end answers, or at least keeps the connection.
    async fn answers(&self, patience: Duration) -> bool {
        let ask = async {
            let mut stream = UnixStream::connect(self.near()).await?;
            stream.write_all(ANYBODY).await?;
            stream.read(&mut [0]).await
        };
        match timeout(patience, ask).await {
            Ok(answer) => matches!(answer, Ok(1..)),
            // The API's own requests will tell of who is silent.
            Err(_) => true,
        }
    }

    /// Where the API is for clients on this machine.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::Tunnelled(Box::new(Tunnelled {
            far: self.far.clone(),
            near: self.near(),
            through: self.to.to_string(),
            connections_max: self.bridge.as_ref().map_or(CONNECTIONS_MAX, |_| bridge::WIDTH),
        }))
    }

    /// The machine, and the socket over which ssh opens sessions and connections from there.
    pub fn jump(&self) -> (&Destination, PathBuf) {
        (&self.to, self.control())
    }

    /// Returns when ssh has ended, which it should not.
    pub async fn lost(&self) -> SshError {
        let mut ended = self.ended.clone();
        // The sender goes only after it said so.
        let _ = ended.wait_for(|ended| *ended).await;
        SshError::Lost { host: self.to.to_string(), words: self.words.to_string() }
    }

    /// What was said of the last connections to the far end, if one failed. Of forwarding that is
    /// forbidden ssh goes on to tell when the bridge is in its place.
    pub fn refusal(&self) -> Option<SshError> {
        let words = match &self.bridge {
            Some(bridge) => Some(bridge.words().to_string()).filter(|words| !words.is_empty()),
            None => self.words.last_with("open failed"),
        }?;
        let (host, far) = (self.to.to_string(), self.far.to_string());
        Some(SshError::NoApi { host, far, words })
    }

    /// Ends the connection, and waits until nothing of it is left.
    pub async fn close(mut self) {
        drop(self.keeper.stdin.take());
        let _ = timeout(END_MAX, self.keeper.wait()).await;
    }

    fn near(&self) -> PathBuf {
        self.bridge.as_ref().map_or_else(|| near(&self.folder), |bridge| bridge.near().to_owned())
    }

    fn control(&self) -> PathBuf {
        control(&self.folder)
    }
}

fn near(folder: &PrivateFolder) -> PathBuf {
    folder.path().join("fleet")
}

fn control(folder: &PrivateFolder) -> PathBuf {
    folder.path().join("ssh")
}
