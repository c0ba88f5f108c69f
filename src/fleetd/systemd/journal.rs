//! What a unit said last: its lines in the journal, and systemd's about it, read by `journalctl`,
//! which knows every format a journal ever had.
//!
//! This file knows journalctl(1). It must not know when somebody wants to read what.

use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::process::Command;
use tokio::sync::{Mutex, Semaphore};

use super::bus::Bus;
use super::proxy;
use crate::unitfile::UnitName;

/// The most lines that are read: what a person takes in at a glance.
pub const LINES_MAX: usize = 10;

/// The most bytes of a line: two rows of a wide terminal. They travel through the cluster's store,
/// which is no place for logs.
pub const LINE_BYTES_MAX: usize = 300;

/// How long reading may take. A journal of many files on a slow disk takes longer; then there are no
/// lines, and `fleetctl journal` has them.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How long ago systemd refused a start whose reason is read now, at most: the agent looks at once.
const REFUSED_WITHIN: Duration = Duration::from_secs(5);

/// How many units' lines are read at once, so that a hundred units that fail together do not take
/// the machine from those that run.
static READERS: Semaphore = Semaphore::const_new(4);

/// When the last flush of the journal began that has ended.
static FLUSHED: Mutex<Option<Instant>> = Mutex::const_new(None);

/// See [`super::UnitManager::last_words`].
pub(super) async fn last_words(bus: &Bus, name: &UnitName) -> Vec<String> {
    let asked = Instant::now();
    // It is never closed.
    let _turn = READERS.acquire().await;
    let read = tokio::time::timeout(TIMEOUT, async {
        let began = began(bus, name).await.or_else(a_while_ago)?;
        flushed_since(asked, &FLUSHED, async || drop(journalctl(&["--sync"]).await)).await;
        // Not by the run's number: lines of a process that was gone when journald looked at it, and
        // of a start that systemd refused, do not have it.
        let since = format!("--since=@{}.{:06}", began.as_secs(), began.subsec_micros());
        let lines = format!("--lines={LINES_MAX}");
        journalctl(&["--quiet", "--output=cat", &lines, &since, "--unit", name.as_str()]).await
    });
    read.await.ok().flatten().map(|text| last_lines(&text)).unwrap_or_default()
}

/// What was written by then is in the journal, and no longer on its way there. Journald stops for
/// each flush, so one serves everybody who asked before it began.
async fn flushed_since(
    moment: Instant,
    last: &Mutex<Option<Instant>>,
    flush: impl AsyncFnOnce() -> (),
) {
    let mut last = last.lock().await;
    if last.is_some_and(|began| began >= moment) {
        return;
    }
    let began = Instant::now();
    flush().await;
    *last = Some(began);
}

/// When the unit last began to run, since 1970; `None` if it never did.
async fn began(bus: &Bus, name: &UnitName) -> Option<Duration> {
    let ask = async {
        let manager = bus.manager().await?;
        let path = manager.get_unit(name.as_str()).await?;
        proxy::unit(&manager, &path).await?.inactive_exit_timestamp().await
    };
    let began =
        ask.await.inspect_err(|error| tracing::debug!(%name, %error, "its last run")).ok()?;
    (began > 0).then(|| Duration::from_micros(began))
}

/// Since when systemd spoke of a start that it refused just now.
fn a_while_ago() -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    now.checked_sub(REFUSED_WITHIN)
}

/// What journalctl printed; `None` when it failed.
async fn journalctl(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("journalctl");
    command.args(arguments).arg("--no-pager").stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await;
    let output = output.inspect_err(|error| tracing::debug!(%error, "running journalctl")).ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The last lines, each cut to its length. What would move a terminal's cursor or change its
/// colours is left out: these lines are printed on other machines.
fn last_lines(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let first = lines.len().saturating_sub(LINES_MAX);
    lines[first..].iter().map(|line| shown(line)).collect()
}

fn shown(line: &str) -> String {
    let mut shown: String =
        line.chars().filter(|c| !c.is_control() || *c == '\t').take(LINE_BYTES_MAX).collect();
    while shown.len() > LINE_BYTES_MAX {
        shown.pop();
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn one_flush_serves_all_who_asked_before_it() {
        let (last, flushes) = (Mutex::new(None), AtomicUsize::new(0));
        let flush = async || {
            flushes.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        };
        let [early, also_early] = [Instant::now(), Instant::now()];
        tokio::join!(
            flushed_since(early, &last, flush),
            flushed_since(also_early, &last, flush),
            flushed_since(early, &last, flush),
        );
        assert_eq!(flushes.load(Ordering::Relaxed), 1);
        let began = last.lock().await.unwrap();
        flushed_since(began + Duration::from_nanos(1), &last, flush).await;
        assert_eq!(flushes.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn few_short_lines_without_commands_for_a_terminal() {
        let many: String = (1..=12).map(|n| format!("line {n}\n\n")).collect();
        let lines = last_lines(&many);
        assert_eq!((lines.len(), &lines[0][..], &lines[9][..]), (LINES_MAX, "line 3", "line 12"));
        assert_eq!(last_lines("\u{1b}[31mred\u{7}\ta\r\n"), ["[31mred\ta"]);
        assert_eq!(last_lines(&"é".repeat(200)), ["é".repeat(150)]);
        assert_eq!(last_lines(&"€".repeat(200)), ["€".repeat(100)]);
        assert_eq!(last_lines("\n \n"), [""; 0]);
    }
}
