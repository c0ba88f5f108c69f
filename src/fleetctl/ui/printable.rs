//! Text of others as a terminal may have it. Pure.

/// Stands for each character that is left out.
const LEFT_OUT: char = '\u{fffd}';

/// A line without what would steer the terminal or show its letters in another order.
pub fn printable(line: &str) -> String {
    line.chars().map(|c| if steers(c) || turns(c) { LEFT_OUT } else { c }).collect()
}

/// The same of several lines.
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

fn steers(c: char) -> bool {
    c.is_control() && c != '\t'
}

/// Unicode's explicit directional formatting characters (UAX #9, "Directional Formatting
/// Characters").
fn turns(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_steers_the_terminal() {
        for (text, expected) in [
            ("a\tbé…", "a\tbé…"),
            ("a\x1b[2K\r", "a\u{fffd}[2K\u{fffd}"),
            ("a\u{9b}2K", "a\u{fffd}2K"),
            ("a\u{202e}b\u{2069}", "a\u{fffd}b\u{fffd}"),
        ] {
            assert_eq!(printable(text), expected);
        }
        assert_eq!(printable("a\nb"), "a\u{fffd}b");
        assert_eq!(printable_lines("a\r\nb\n"), "a\u{fffd}\nb\n");
    }
}
