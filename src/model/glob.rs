//! Shell patterns over unit names. Knows text only.

use std::fmt;
use std::iter::Peekable;
use std::str::{Chars, FromStr};
use std::sync::Arc;

use crate::unitfile::{NAME_BYTES_MAX, shown};

/// The longest pattern, in bytes: room for a class or two, since it matches at most a name.
const PATTERN_BYTES_MAX: usize = 2 * NAME_BYTES_MAX;

/// A shell pattern, by the rules fleet 1.0 matched with (Go's `path.Match`):
/// `*` any characters but `/`, `?` one such, `[a-z]` one in the class, `[^a-z]` one not in it,
/// `\x` the character `x`. It must match the whole name.
///
/// Cheap to clone. Sorts as text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Glob {
    pattern: Arc<str>,
    tokens: Arc<[Token]>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Token {
    Literal(char),
    AnyOne,
    AnyRun,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Token {
    fn matches(&self, c: char) -> bool {
        match self {
            Token::Literal(literal) => *literal == c,
            Token::AnyOne | Token::AnyRun => c != '/',
            Token::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

impl Glob {
    /// Reads a pattern.
    pub fn parse(pattern: &str) -> Result<Glob, GlobError> {
        let refuse = |fault| GlobError { pattern: shown(pattern), fault };
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(refuse(GlobFault::TooLong { bytes: pattern.len() }));
        }
        let mut tokens = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                '*' => Token::AnyRun,
                '?' => Token::AnyOne,
                '[' => class(&mut chars).map_err(refuse)?,
                '\\' => Token::Literal(chars.next().ok_or_else(|| refuse(GlobFault::Backslash))?),
                literal => Token::Literal(literal),
            });
        }
        Ok(Glob { pattern: pattern.into(), tokens: tokens.into() })
    }

    /// Whether a text is meant as a pattern: no unit's name has one of these characters.
    pub fn is_meant(text: &str) -> bool {
        text.contains(['*', '?', '['])
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether the whole of `name` matches.
    ///
    /// A mismatch lets the last `*` take one more character and tries again; earlier ones need no
    /// second try, so the time is at most length of pattern × length of name.
    pub fn matches(&self, name: &str) -> bool {
        let mut tokens = &self.tokens[..];
        let mut rest = name.chars();
        let mut retry: Option<(&[Token], Chars)> = None;
        loop {
            if let [Token::AnyRun, after @ ..] = tokens {
                tokens = after;
                retry = Some((after, rest.clone()));
                continue;
            }
            let mut ahead = rest.clone();
            match (tokens, ahead.next()) {
                ([], None) => return true,
                ([token, after @ ..], Some(c)) if token.matches(c) => {
                    tokens = after;
                    rest = ahead;
                }
                _ => {
                    let Some((after, mut taken)) = retry else {
                        return false;
                    };
                    if taken.next().is_none_or(|c| c == '/') {
                        return false;
                    }
                    tokens = after;
                    rest = taken.clone();
                    retry = Some((after, taken));
                }
            }
        }
    }
}

/// Reads a class after its `[`.
fn class(chars: &mut Peekable<Chars>) -> Result<Token, GlobFault> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    while ranges.is_empty() || chars.next_if_eq(&']').is_none() {
        let low = class_end(chars)?;
        let high = match chars.next_if_eq(&'-') {
            Some(_) => class_end(chars)?,
            None => low,
        };
        ranges.push((low, high));
    }
    Ok(Token::Class { negated, ranges })
}

/// One end of a range in a class.
fn class_end(chars: &mut Peekable<Chars>) -> Result<char, GlobFault> {
    match chars.next() {
        None => Err(GlobFault::OpenClass),
        Some('-' | ']') => Err(GlobFault::BadClass),
        Some('\\') => chars.next().ok_or(GlobFault::Backslash),
        Some(c) => Ok(c),
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.pattern, f)
    }
}

impl FromStr for Glob {
    type Err = GlobError;

    fn from_str(pattern: &str) -> Result<Glob, GlobError> {
        Glob::parse(pattern)
    }
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid pattern {pattern:?}: {fault}")]
pub struct GlobError {
    /// The text, shortened if it is long.
    pub pattern: String,
    /// What is wrong with it.
    pub fault: GlobFault,
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GlobFault {
    /// Too long.
    #[error("it has {bytes} bytes; at most {PATTERN_BYTES_MAX} are allowed")]
    TooLong {
        /// How long.
        bytes: usize,
    },
    /// A class that does not end.
    #[error("a \"[\" is never closed; add \"]\", or write \"\\[\" for the character itself")]
    OpenClass,
    /// `-` or `]` where a character of the class must stand.
    #[error("a \"-\" or \"]\" in \"[…]\" has no character before it; write \"\\-\" or \"\\]\"")]
    BadClass,
    /// Nothing after a backslash.
    #[error("nothing follows the backslash; write \"\\\\\" for the character itself")]
    Backslash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_path_match_does() {
        let cases = [
            ("abc", "abc", true),
            ("*", "", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "ab/c", false),
            ("a*b*c*d*e*", "axbxcxdxe", true),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "aéb", true),
            ("a[^a]b", "aéb", true),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("a?b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[\\-x]", "-", true),
            ("[x\\-]", "z", false),
            ("[!a]", "!", true),
            ("hello@*.service", "hello@1.service", true),
            ("hello.*.service", "hello@1.service", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Glob::parse(pattern).unwrap().matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn refuses_malformed_patterns() {
        let cases = [
            ("[]a]", GlobFault::BadClass),
            ("[-]", GlobFault::BadClass),
            ("[x-]", GlobFault::BadClass),
            ("[-x]", GlobFault::BadClass),
            ("[a-b-c]", GlobFault::BadClass),
            ("[^]", GlobFault::BadClass),
            ("[", GlobFault::OpenClass),
            ("[a", GlobFault::OpenClass),
            ("[a-", GlobFault::OpenClass),
            ("a\\", GlobFault::Backslash),
            ("[\\", GlobFault::Backslash),
        ];
        for (pattern, fault) in cases {
            assert_eq!(Glob::parse(pattern).map_err(|e| e.fault), Err(fault), "{pattern}");
        }
    }
}
