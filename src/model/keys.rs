//! The options of `[X-Fleet]`: their spellings, old and new. Must not know what their values mean.

use std::fmt;

use super::words::{self, OpenQuote};
use crate::unitfile::nearest;

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
    /// `OnPartition=`
    OnPartition,
}

/// Every spelling, the better ones first.
const SPELLINGS: [(&str, Key); 12] = [
    ("MachineID", Key::MachineId),
    ("MachineOf", Key::MachineOf),
    ("MachineMetadata", Key::MachineMetadata),
    ("Conflicts", Key::Conflicts),
    ("Global", Key::Global),
    ("Replaces", Key::Replaces),
    ("OnPartition", Key::OnPartition),
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

    /// The spelling that this one is an older one of, if it is.
    pub(super) fn renamed(name: &str) -> Option<Key> {
        let (key, _) = Key::spelled(name)?;
        (key.to_string() != name).then_some(key)
    }

    /// The values in a line of this option. Patterns and names of units need no quotes to be several.
    pub(super) fn split(self, line: &str) -> Result<Vec<words::At<'_>>, OpenQuote> {
        match self {
            Key::MachineOf | Key::Conflicts | Key::Replaces => words::split(line),
            Key::MachineId | Key::MachineMetadata | Key::Global | Key::OnPartition => {
                words::split_quoted(line)
            }
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spelling = SPELLINGS.iter().find(|(_, key)| key == self);
        f.write_str(spelling.map_or("", |(name, _)| name))
    }
}

/// The spelling that is nearest to `name`; of several, the better one.
pub(super) fn nearest_spelling(name: &str) -> &'static str {
    let spellings = SPELLINGS.iter().map(|(spelling, _)| *spelling);
    nearest(name, spellings, |spelling| spelling).map_or("", |(spelling, _)| spelling)
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
            ("Partition", "OnPartition"),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest_spelling(name), expected, "{name}");
        }
    }
}
