//! The differences between two texts, in the form that patch(1) and people read. Pure.

use similar::TextDiff;

use crate::fleetctl::files::Wish;
use crate::fleetctl::ui::{Line, Sign};

/// The lines of a unified diff from a text of this name to a file, with three lines of context.
pub fn unified(before: &str, wish: &Wish, name: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(before, wish.file.contents());
    let text = diff.unified_diff().header(name, &wish.origin).to_string();
    let sign = |(number, line): (usize, &str)| match line.as_bytes().first() {
        _ if number < HEADER_LINES => Sign::Plain,
        Some(b'+') => Sign::Added,
        Some(b'-') => Sign::Removed,
        Some(b'@') => Sign::Place,
        _ => Sign::Plain,
    };
    let lines = text.split_terminator('\n').enumerate();
    lines.map(|(number, line)| Line::new(sign((number, line)), line.to_owned())).collect()
}

/// `---` and `+++`, with the names.
const HEADER_LINES: usize = 2;
