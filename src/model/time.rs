//! A moment, as the store and the wire carry it. Must not know what time it is now.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::unitfile::shown;

/// The last second that RFC 3339 can write: the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// A moment to the second, written in UTC as RFC 3339 has it: `2026-01-02T03:04:05Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp {
    unix_secs: u64,
}

impl Timestamp {
    /// So many seconds after 1970 began; the year 9999 does not end.
    pub fn from_unix_secs(unix_secs: u64) -> Timestamp {
        Timestamp { unix_secs: unix_secs.min(LAST_SECOND) }
    }

    /// How much later this is; nothing when it is earlier.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_secs(self.unix_secs.saturating_sub(earlier.unix_secs))
    }

    /// The moment so much later.
    pub fn after(self, time: Duration) -> Timestamp {
        Timestamp::from_unix_secs(self.unix_secs.saturating_add(time.as_secs()))
    }
}

/// To the second below; what is before 1970 is its beginning.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix_secs(since_1970.as_secs())
    }
}

impl From<Timestamp> for SystemTime {
    fn from(moment: Timestamp) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(moment.unix_secs)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&humantime::format_rfc3339_seconds((*self).into()).to_string())
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Timestamp, TimestampError> {
        let time = humantime::parse_rfc3339(text);
        time.map(Timestamp::from).map_err(|_| TimestampError { text: shown(text) })
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimestampError;

    fn try_from(text: String) -> Result<Timestamp, TimestampError> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(moment: Timestamp) -> String {
        moment.to_string()
    }
}

/// A text is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no time of the form 2026-01-02T03:04:05Z")]
pub struct TimestampError {
    /// The text, shortened if it is long.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_back() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_767_323_045, "2026-01-02T03:04:05Z"),
            (LAST_SECOND, "9999-12-31T23:59:59Z"),
        ] {
            let moment = Timestamp::from_unix_secs(secs);
            assert_eq!(moment.to_string(), text);
            assert_eq!(text.parse(), Ok(moment));
            assert_eq!(serde_json::to_string(&moment).unwrap(), format!("{text:?}"));
        }
        assert_eq!(Timestamp::from_unix_secs(u64::MAX), Timestamp::from_unix_secs(LAST_SECOND));
        for bad in ["", "now", "2026-01-02", "2026-13-02T03:04:05Z", "2026-01-02T03:04:05+01:00"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn time_between_is_never_less_than_nothing() {
        let (early, late) = (Timestamp::from_unix_secs(10), Timestamp::from_unix_secs(70));
        assert_eq!(late.since(early), Duration::from_secs(60));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(early.after(Duration::from_secs(60)), late);
    }
}
