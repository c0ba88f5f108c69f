//! Values that hold several words, some of them quoted. Must not know what the words mean.

/// A quote that is opened and not closed where a word ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a quote is opened and not closed at the end of a word; write \"one\" \"two\"")]
pub struct OpenQuote;

/// A word, and where it begins in its value, in bytes; inside the quote, if it has one.
pub(super) type At<'a> = (usize, &'a str);

/// The words of a value, separated by white space. A word that begins with `"` or `'` goes to the
/// next such quote and may hold white space; there are no escapes, as in fleet 1.0.
pub(super) fn split(value: &str) -> Result<Vec<At<'_>>, OpenQuote> {
    let mut words = Vec::new();
    let mut rest = value.trim_start();
    while let Some(first) = rest.chars().next() {
        let start = value.len() - rest.len();
        let (at, (word, after)) = match first {
            '"' | '\'' => (start + 1, rest[1..].split_once(first).ok_or(OpenQuote)?),
            _ => (start, rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()))),
        };
        if !after.is_empty() && !after.starts_with(char::is_whitespace) {
            return Err(OpenQuote);
        }
        words.push((at, word));
        rest = after.trim_start();
    }
    Ok(words)
}

/// The words of a value that is one word unless it begins with a quote.
pub(super) fn split_quoted(value: &str) -> Result<Vec<At<'_>>, OpenQuote> {
    if value.starts_with(['"', '\'']) { split(value) } else { Ok(vec![(0, value)]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: Result<Vec<At<'_>>, OpenQuote>) -> Result<Vec<&str>, OpenQuote> {
        Ok(words?.into_iter().map(|(_, word)| word).collect())
    }

    #[test]
    fn splits_at_white_space_outside_quotes() {
        let cases = [
            ("", vec![]),
            ("a", vec!["a"]),
            (" a\t b ", vec!["a", "b"]),
            (r#""a b" 'c "d'"#, vec!["a b", r#"c "d"#]),
            (r#""""#, vec![""]),
            (r#"a"b c"#, vec![r#"a"b"#, "c"]),
        ];
        for (value, words) in cases {
            assert_eq!(texts(split(value)), Ok(words), "{value}");
        }
        assert_eq!(split(r#" a "b""#), Ok(vec![(1, "a"), (4, "b")]));
        for value in [r#""a"#, r#""a"b"#, r#""a" ""#] {
            assert_eq!(split(value), Err(OpenQuote), "{value}");
        }
    }

    #[test]
    fn keeps_an_unquoted_value_whole() {
        assert_eq!(texts(split_quoted("region=us east")), Ok(vec!["region=us east"]));
        assert_eq!(texts(split_quoted(r#""a=b" "c=d e""#)), Ok(vec!["a=b", "c=d e"]));
    }
}
