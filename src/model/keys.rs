//! The options of `[X-Fleet]`: their spellings, old and new. Must not know what their values mean.

use std::fmt;

/// fleet's own section. systemd passes over sections that begin with `X-`.
pub(super) const SECTION: &str = "X-Fleet";

/// An option of `[X-Fleet]`, however it is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// `MachineID=`
    MachineId,
    /// `MachineOf=`
    MachineOf,
    /// `MachineMetadata=`
    MachineMetadata,
    /// `Conflicts=`
    Conflicts,
    /// `Global=`
    Global,
    /// `Replaces=`
    Replaces,
}

/// Every spelling, the better ones first.
const SPELLINGS: [(&str, Key); 11] = [
    ("MachineID", Key::MachineId),
    ("MachineOf", Key::MachineOf),
    ("MachineMetadata", Key::MachineMetadata),
    ("Conflicts", Key::Conflicts),
    ("Global", Key::Global),
    ("Replaces", Key::Replaces),
    // fleet's of 2014, accepted for ever; in this section only, for fleet read them nowhere else.
    ("X-ConditionMachineID", Key::MachineId),
    ("X-ConditionMachineBootID", Key::MachineId),
    ("X-ConditionMachineOf", Key::MachineOf),
    ("X-ConditionMachineMetadata", Key::MachineMetadata),
    ("X-Conflicts", Key::Conflicts),
];

impl Key {
    /// The option with this spelling, and how far down the list of spellings it is.
    pub(super) fn spelled(name: &str) -> Option<(Key, usize)> {
        let rank = SPELLINGS.iter().position(|(spelling, _)| *spelling == name)?;
        Some((SPELLINGS[rank].1, rank))
    }

    /// Whether several values may stand on one line without quotes.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Key::MachineOf | Key::Conflicts | Key::Replaces)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spelling = SPELLINGS.iter().find(|(_, key)| key == self);
        f.write_str(spelling.map_or("", |(name, _)| name))
    }
}

/// The spelling that takes the fewest keystrokes to make of `name`, upper and lower case being
/// alike; of several, the better one.
pub(super) fn nearest(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    let distance = |spelling: &str| edits(&name, &spelling.to_ascii_lowercase());
    SPELLINGS.iter().map(|(spelling, _)| *spelling).min_by_key(|s| distance(s)).unwrap_or_default()
}

/// How many characters must be added, removed or replaced to make one text of the other
/// (Levenshtein's distance, one row at a time).
pub fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, c) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, d) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(c != *d);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let cases = [
            ("MachineId", "MachineID"),
            ("machine-of", "MachineOf"),
            ("Metadata", "MachineMetadata"),
            ("Conflict", "Conflicts"),
            ("X-Conflict", "X-Conflicts"),
            ("ConditionMachineOf", "X-ConditionMachineOf"),
            ("Replace", "Replaces"),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest(name), expected, "{name}");
        }
    }

    #[test]
    fn counts_edits() {
        assert_eq!(edits("", ""), 0);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
