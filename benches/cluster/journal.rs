//! When systemd said that a unit had started or stopped, from what `journalctl` prints. Pure.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

/// What systemd says of a unit: `man systemd.journal-fields` names the field, systemd's
/// `sd-messages.h` the values.
const STARTED: &str = "39f53479d3a045ac8e11786248231fbf";
const STOPPED: &str = "9d1aaa27d60140bd96365438aad20286";

/// What happened to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Its start job is over; it is active.
    Started,
    /// Its stop job is over; it is inactive.
    Stopped,
}

/// One word of systemd about a unit.
#[derive(Debug, Clone)]
pub struct Word {
    pub unit: String,
    pub what: What,
    pub at: SystemTime,
}

/// One line of `journalctl --output=json`; only what is of use here.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "UNIT")]
    unit: Option<String>,
    #[serde(rename = "MESSAGE_ID")]
    message: Option<String>,
    /// When systemd said it, in microseconds; the journal may have heard it later.
    #[serde(rename = "_SOURCE_REALTIME_TIMESTAMP")]
    said: Option<String>,
}

/// What is asked of `journalctl`.
pub fn command(since: SystemTime) -> String {
    let since = since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    format!(
        "journalctl --sync; journalctl --quiet --no-pager --since=@{since} --output=json \
         --output-fields=UNIT,MESSAGE_ID,_SOURCE_REALTIME_TIMESTAMP _PID=1 \
         MESSAGE_ID={STARTED} MESSAGE_ID={STOPPED}"
    )
}

/// What its answer says of units, from that moment on.
pub fn words(journal: &str, since: SystemTime) -> Vec<Word> {
    let words = journal.lines().filter_map(|line| {
        let line: Line = serde_json::from_str(line).ok()?;
        let what = match line.message?.as_str() {
            STARTED => What::Started,
            STOPPED => What::Stopped,
            _ => return None,
        };
        let said = Duration::from_micros(line.said?.parse().ok()?);
        Some(Word { unit: line.unit?, what, at: SystemTime::UNIX_EPOCH + said })
    });
    words.filter(|word| word.at >= since).collect()
}
