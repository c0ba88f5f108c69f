//! What stands under fleet's keys and was not written by fleet: how it is told from the rest, and
//! that it is said once. It must not know what is done about it: that is the engine's and the
//! agent's.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Mutex, PoisonError};

use super::keys::Key;
use super::store::{KeyValue, Revision};
use crate::fleetd::chain::chain;

/// How much of a problem is told. Parsers quote what they did not understand, which can be as large
/// as the store takes (1.5 MiB).
const WORDS_MAX: usize = 300;

/// How many values are remembered as told, at eight bytes each. One who writes more garbage than
/// that hears of it again.
const TOLD_MAX: usize = 10_000;

/// A key that another hand wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// When; what is decided on it is void after that.
    pub modified: Revision,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Why a stored key cannot be fleet's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Its value does not read; why.
    Unreadable(String),
    /// It says that somebody is alive, and hangs on no session that could end.
    NoSession,
    /// This version of fleet has no such key.
    UnknownKey,
}

impl Fault {
    /// A value that does not read, because of `error`.
    pub(super) fn unreadable(error: &(dyn std::error::Error + 'static)) -> Fault {
        let words = chain(error).to_string();
        Fault::Unreadable(match words.char_indices().nth(WORDS_MAX) {
            Some((end, _)) => format!("{}…", &words[..end]),
            None => words,
        })
    }

    /// What is wrong with an entry that reads, if anything is.
    pub(super) fn of(key: &Key, entry: &KeyValue) -> Result<(), Fault> {
        match key {
            Key::Leader | Key::Machine(_) | Key::Holder(_) | Key::State(..) | Key::Figures(_)
                if entry.lease.is_none() =>
            {
                Err(Fault::NoSession)
            }
            _ => Ok(()),
        }
    }

    /// Says it in the log, unless it was said of this very value.
    pub(super) fn report(&self, entry: &KeyValue) {
        if !is_news(entry) {
            return;
        }
        // A key can have any characters, also ends of lines.
        match self {
            // A newer fleet's, perhaps.
            Fault::UnknownKey => tracing::info!(key = ?entry.key, "in the store: {self}"),
            _ => tracing::error!(key = ?entry.key, "skipping what fleet did not write: {self}"),
        }
    }
}

/// Whether this is heard of for the first time: many read the same value, again and again.
fn is_news(entry: &KeyValue) -> bool {
    static TOLD: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let value = hasher.hash_one((&entry.key, &entry.value, entry.modified));
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.len() == TOLD_MAX {
        told.clear();
    }
    told.insert(value)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Unreadable(why) => write!(f, "it does not read: {}", why.escape_debug()),
            Fault::NoSession => f.write_str("it hangs on no session"),
            Fault::UnknownKey => f.write_str("this version of fleet has no such key; left alone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleetd::registry::{UnitRecord, decode};

    #[test]
    fn each_value_is_news_once() {
        let at = |revision, value: &[u8]| KeyValue {
            key: "unit/news.service".into(),
            value: value.into(),
            created: Revision(1),
            modified: Revision(revision),
            lease: None,
        };
        let heard = [at(1, b"{"), at(1, b"{"), at(2, b"{"), at(2, b"["), at(1, b"{")];
        assert_eq!(heard.map(|entry| is_news(&entry)), [true, false, true, true, false]);
    }

    #[test]
    fn a_long_problem_is_cut_and_shows_no_control_characters() {
        let word = "\u{1b}é\n".repeat(100_000);
        let value = serde_json::json!({"contents": "", "desired": word, "launch": 1}).to_string();
        let error = decode::<UnitRecord>("unit/a.service", value.as_bytes()).unwrap_err();
        let shown = Fault::unreadable(&error.source).to_string();
        assert!(shown.len() < 10 * WORDS_MAX && shown.contains("unknown variant"), "{shown}");
        assert!(!shown.contains(char::is_control), "{shown}");
    }
}
