//! Sizes and times as people read them in a table: short, without spaces. Pure.

use std::time::Duration;

const UNITS: [&str; 7] = ["B", "K", "M", "G", "T", "P", "E"];

/// Bytes as systemctl writes them: `0B`, `1.5K`, `3.9G`; each unit is 1024 of the one before.
pub fn bytes(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = 0;
    while tenths >= 10 * 1024 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{}{}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A span of time in its two largest units: `42s`, `5m10s`, `3h20m`, `12d4h`.
pub fn span(time: Duration) -> String {
    let secs = time.as_secs();
    let (minutes, hours, days) = (secs / 60, secs / 3600, secs / 86_400);
    let [large, small] = if days > 0 {
        [(days, "d"), (hours % 24, "h")]
    } else if hours > 0 {
        [(hours, "h"), (minutes % 60, "m")]
    } else if minutes > 0 {
        [(minutes, "m"), (secs % 60, "s")]
    } else {
        return format!("{secs}s");
    };
    match small {
        (0, _) => format!("{}{}", large.0, large.1),
        (rest, unit) => format!("{}{}{rest}{unit}", large.0, large.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (size, expected) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.0K"),
            (1536, "1.5K"),
            (1024 * 1024 - 1, "1023.9K"),
            (1024 * 1024, "1.0M"),
            (4_190_109_696, "3.9G"),
            (u64::MAX, "15.9E"),
        ] {
            assert_eq!(bytes(size), expected);
        }
    }

    #[test]
    fn spans_have_two_units_at_most() {
        for (secs, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (310, "5m10s"),
            (3600, "1h"),
            (3659, "1h"),
            (12_000, "3h20m"),
            (86_400, "1d"),
            (1_051_200, "12d4h"),
        ] {
            assert_eq!(span(Duration::from_secs(secs)), expected);
        }
    }
}
