//! Runs OpenSSH's programs to their end, and keeps what they said last. Nothing here waits for ever.

use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use super::error::SshError;

/// As long as sshd waits for a login by default (sshd_config(5), LoginGraceTime): somebody may be
/// typing a passphrase. Silence of machines is bounded by ssh itself, and shorter.
pub const LOGIN_MAX: Duration = Duration::from_secs(120);

/// So many lines at most say why something failed.
const WORDS_MAX: usize = 4;

/// Runs a program that asks for nothing on standard input.
pub async fn output(program: &'static str, arguments: &[String]) -> Result<Output, SshError> {
    let mut command = Command::new(program);
    let running = command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    tokio::time::timeout(LOGIN_MAX, running)
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .map_err(|source| SshError::Program { program, source })
}

/// The last lines that a program wrote, and all of a line that decides what happened.
#[derive(Debug, Clone, Default)]
pub struct Words(Arc<Mutex<Vec<String>>>);

/// What ssh writes about a machine whose key is not the known one (sshconnect.c).
const CHANGED: &str = "REMOTE HOST IDENTIFICATION HAS CHANGED";

/// What it writes of a key that it takes as it comes, which is what it was told to do.
const ADDED: &str = "Warning: Permanently added";

impl Words {
    /// What a program that has ended wrote.
    pub fn of(text: &[u8]) -> Self {
        let words = Self::default();
        String::from_utf8_lossy(text).lines().for_each(|line| words.hear(line));
        words
    }

    /// Listens until the program closes its end.
    pub async fn listen(&self, to: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(to).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            tracing::debug!("ssh: {line}");
            self.hear(&line);
        }
    }

    fn hear(&self, line: &str) {
        let line = line.trim();
        let line = line.strip_prefix("ssh: ").unwrap_or(line);
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let repeated = lines.last().is_some_and(|last| last == line);
        if line.is_empty() || repeated || line.starts_with(ADDED) {
            return;
        }
        let decided = lines.first().is_some_and(|first| first.contains(CHANGED));
        if line.contains(CHANGED) {
            lines.clear();
        } else if lines.len() == WORDS_MAX {
            lines.remove(usize::from(decided));
        }
        lines.push(line.to_owned());
    }

    /// The last line that has this in it.
    pub fn last_with(&self, what: &str) -> Option<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().rfind(|line| line.contains(what)).cloned()
    }

    /// Whether ssh met another key than the known one.
    pub fn key_changed(&self) -> bool {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.first().is_some_and(|line| line.contains(CHANGED))
    }
}

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.write_str(&lines.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_the_one_that_decides() {
        let words = Words::of(b"1\r\n\n2\nssh: 3\n4\n4\n5\n");
        assert_eq!((words.to_string().as_str(), words.key_changed()), ("2; 3; 4; 5", false));
        let text = format!("@@@\n@ WARNING: {CHANGED}! @\n1\n2\n3\n4\n5\n");
        assert!(Words::of(text.as_bytes()).key_changed());
    }
}
