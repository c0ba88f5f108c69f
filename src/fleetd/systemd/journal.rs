//! What a unit said last: its lines in the journal, and systemd's about it, read by `journalctl`,
//! which knows every format a journal ever had.
//!
//! This file knows journalctl(1). It must not know when somebody wants to read what.

use std::process::Stdio;
use std::time::{Duration, Instant};

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
        let invocation = invocation(bus, name).await?;
        flushed_since(asked, &FLUSHED, async || drop(journalctl(&["--sync"]).await)).await;
        let own = format!("_SYSTEMD_INVOCATION_ID={invocation}");
        let about = format!("INVOCATION_ID={invocation}");
        let lines = format!("--lines={LINES_MAX}");
        journalctl(&["--quiet", "--output=cat", &lines, &own, "+", &about]).await
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

/// The number of the unit's last run, as the journal has it: 32 hexadecimal digits.
async fn invocation(bus: &Bus, name: &UnitName) -> Option<String> {
    let ask = async {
        let manager = bus.manager().await?;
        let path = manager.get_unit(name.as_str()).await?;
        proxy::unit(&manager, &path).await?.invocation_id().await
    };
    let id = ask.await.inspect_err(|error| tracing::debug!(%name, %error, "its last run")).ok()?;
    (!id.is_empty()).then(|| hex::encode(id))
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
