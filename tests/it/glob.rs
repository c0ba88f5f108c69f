//! Globs against a matcher that tries everything, and against patterns made to be slow.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use fleet::model::Glob;
use proptest::prelude::*;

/// One piece of a pattern, for a matcher that tries everything.
#[derive(Debug, Clone)]
enum Piece {
    Literal(char),
    One,
    Run,
    Class(bool, Vec<(char, char)>),
}

fn piece() -> impl Strategy<Value = Piece> {
    let any_char = || {
        prop_oneof![
            "[a-d]".prop_map(|s| s.chars().next().unwrap()),
            Just('-'),
            Just(']'),
            Just('\\'),
            Just('*')
        ]
    };
    prop_oneof![
        any_char().prop_map(Piece::Literal),
        Just(Piece::One),
        Just(Piece::Run),
        (any::<bool>(), proptest::collection::vec((any_char(), any_char()), 1..3))
            .prop_map(|(negated, ranges)| Piece::Class(negated, ranges)),
    ]
}

fn escaped(c: char) -> String {
    if c.is_ascii_alphabetic() { c.to_string() } else { format!("\\{c}") }
}

fn pattern(pieces: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Literal(c) => escaped(*c),
        Piece::One => "?".to_owned(),
        Piece::Run => "*".to_owned(),
        Piece::Class(negated, ranges) => {
            let ranges = ranges.iter().map(|(a, b)| format!("{}-{}", escaped(*a), escaped(*b)));
            format!("[{}{}]", if *negated { "^" } else { "" }, ranges.collect::<String>())
        }
    };
    pieces.iter().map(text).collect()
}

fn naive(pieces: &[Piece], name: &[char]) -> bool {
    let Some((first, rest)) = pieces.split_first() else {
        return name.is_empty();
    };
    if let Piece::Run = first {
        return (0..=name.len()).any(|taken| naive(rest, &name[taken..]));
    }
    let Some((c, after)) = name.split_first() else {
        return false;
    };
    let fits = match first {
        Piece::Literal(literal) => literal == c,
        Piece::One | Piece::Run => true,
        Piece::Class(negated, ranges) => {
            ranges.iter().any(|(low, high)| low <= c && c <= high) != *negated
        }
    };
    fits && naive(rest, after)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn globs_match_as_the_naive_matcher_does(
        pieces in proptest::collection::vec(piece(), 0..8),
        name in "[a-d*\\]\\\\-]{0,8}",
    ) {
        let glob = Glob::parse(&pattern(&pieces)).unwrap();
        let chars: Vec<char> = name.chars().collect();
        prop_assert_eq!(glob.matches(&name), naive(&pieces, &chars), "{} {}", glob, name);
    }

    #[test]
    fn no_pattern_panics(pattern in "[\\[\\]\\\\^a*?é-]{0,10}", name in "[aé\\]^-]{0,6}") {
        if let Ok(glob) = Glob::parse(&pattern) {
            glob.matches(&name);
        }
    }
}

#[test]
fn many_stars_do_not_blow_up() {
    let glob = Glob::parse(&format!("{}b", "a*".repeat(200))).unwrap();
    assert!(!glob.matches(&"a".repeat(100_000)));
}
