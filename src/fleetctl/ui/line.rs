//! Lines of data that mean something, and how they are coloured. Pure.

use super::printable::printable;
use super::tint::Tint;

/// What a line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Nothing special.
    Plain,
    /// Something new.
    Added,
    /// Something that goes.
    Removed,
    /// Something that becomes another.
    Changed,
    /// Where in a file the next lines are.
    Place,
}

/// One line, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    sign: Sign,
    text: String,
}

impl Line {
    /// A line that means something.
    pub fn new(sign: Sign, text: String) -> Self {
        Self { sign, text }
    }

    /// A line that means nothing special.
    pub fn plain(text: String) -> Self {
        Self::new(Sign::Plain, text)
    }

    /// The same further to the right.
    pub fn indented(self, by: &str) -> Self {
        Self { text: format!("{by}{}", self.text), ..self }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// For a terminal: in colour, and without what would steer it.
    pub(super) fn shown(&self, tint: Tint) -> String {
        let text = printable(&self.text);
        match self.sign {
            Sign::Plain => text,
            Sign::Added => tint.paint_as("32", &text),
            Sign::Removed => tint.paint_as("31", &text),
            Sign::Changed => tint.paint_as("33", &text),
            Sign::Place => tint.paint_as("36", &text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_steers_the_terminal() {
        let line = Line::plain("a\x1b[2K\tb\r".to_owned()).indented("  ");
        assert_eq!(line.shown(Tint::new(false)), "  a\u{fffd}[2K\tb\u{fffd}");
        let line = Line::new(Sign::Added, "+a".to_owned());
        assert_eq!(line.shown(Tint::new(true)), "\x1b[32m+a\x1b[0m");
        assert_eq!(line.shown(Tint::new(false)), "+a");
    }
}
