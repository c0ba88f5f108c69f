//! The way for servers that allow sessions and forbid forwarding: each connection to a socket here is
//! a session there that runs `fleetctl fd-forward`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, copy};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::Command;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::command::SSH;
use super::program::Words;

/// As many requests at once: sshd allows 10 sessions on a connection (sshd_config(5), MaxSessions),
/// one of which the event stream takes.
pub const WIDTH: usize = 8;

/// Who cannot accept has too many files open, most likely; some will close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The socket here. Its sessions end when it is dropped.
#[derive(Debug)]
pub struct Bridge {
    near: PathBuf,
    /// What its sessions said.
    words: Words,
    task: JoinHandle<()>,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Bridge {
    /// Listens, and runs ssh with these arguments for each connection.
    pub fn open(near: PathBuf, arguments: Vec<String>) -> io::Result<Self> {
        let listener = UnixListener::bind(&near)?;
        let words = Words::default();
        let task = tokio::spawn(serve(listener, arguments, words.clone()));
        Ok(Self { near, words, task })
    }

    pub fn near(&self) -> &Path {
        &self.near
    }

    pub fn words(&self) -> &Words {
        &self.words
    }
}

async fn serve(listener: UnixListener, arguments: Vec<String>, words: Words) {
    let mut sessions = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!("bridge: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (arguments, words) = (arguments.clone(), words.clone());
        sessions.spawn(async move { drop(session(stream, &arguments, &words).await) });
        while sessions.try_join_next().is_some() {}
    }
}

/// Ends when the session does; what failed is among its words, and the client sees its connection
/// close.
async fn session(stream: UnixStream, arguments: &[String], words: &Words) -> io::Result<()> {
    let mut ssh = Command::new(SSH)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (stdin, stdout, stderr) = (ssh.stdin.take(), ssh.stdout.take(), ssh.stderr.take());
    let (mut from_client, mut to_client) = stream.into_split();
    let up = async {
        if let Some(mut stdin) = stdin {
            // A session that takes no more may still have something to say.
            let _ = copy(&mut from_client, &mut stdin).await;
        }
    };
    let down = async {
        if let (Some(mut stdout), Some(stderr)) = (stdout, stderr) {
            let (copied, ()) =
                tokio::join!(copy(&mut stdout, &mut to_client), words.listen(stderr));
            copied?;
        }
        to_client.shutdown().await
    };
    tokio::pin!(down);
    tokio::select! {
        done = &mut down => done,
        () = up => down.await,
    }
}
