//! The fingerprint of a unit file. Knows bytes, not what they mean.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

/// How many hexadecimal digits are shown where space is dear (`fleetctl list-unit-files`).
const SHORT_DIGITS: usize = 7;

/// SHA-1 over a file's options, written as text: the hash fleet 1.0 gives the same options.
///
/// It tells files apart; it is no protection against someone who builds two files with one hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitHash([u8; 20]);

impl UnitHash {
    /// The hash of options that have been written as text.
    pub(super) fn of(written: &str) -> UnitHash {
        UnitHash(Sha1::digest(written.as_bytes()).into())
    }

    /// The first 7 digits.
    pub fn short(&self) -> String {
        let mut digits = self.to_string();
        digits.truncate(SHORT_DIGITS);
        digits
    }
}

impl fmt::Display for UnitHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for UnitHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for UnitHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<UnitHash, HashError> {
        let mut bytes = [0; 20];
        if text.len() != 2 * bytes.len() {
            return Err(HashError);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = 16 * digit(pair[0])? + digit(pair[1])?;
        }
        Ok(UnitHash(bytes))
    }
}

fn digit(character: u8) -> Result<u8, HashError> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        b'A'..=b'F' => Ok(character - b'A' + 10),
        _ => Err(HashError),
    }
}

impl TryFrom<String> for UnitHash {
    type Error = HashError;

    fn try_from(text: String) -> Result<UnitHash, HashError> {
        text.parse()
    }
}

impl From<UnitHash> for String {
    fn from(hash: UnitHash) -> String {
        hash.to_string()
    }
}

/// A text is not a unit's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a unit's hash has 40 hexadecimal digits")]
pub struct HashError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_hash_fleet_1_0_gives() {
        let hash = UnitHash::of("[Service]\nExecStart=/bin/sleep 100\n");
        assert_eq!(hash.to_string(), "1c6fb6f3684bafb0c173d8b8b957ceff031180c1");
        assert_eq!(hash.short(), "1c6fb6f");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(hash.to_string().to_uppercase().parse(), Ok(hash));
    }

    #[test]
    fn refuses_what_is_no_hash() {
        for text in
            ["", "1c6fb6f", "1c6fb6f3684bafb0c173d8b8b957ceff031180cg", "é".repeat(20).as_str()]
        {
            assert_eq!(text.parse::<UnitHash>(), Err(HashError), "{text}");
        }
    }
}
