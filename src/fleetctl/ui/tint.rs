//! What a word in a table means to its reader, as a colour. Pure; where colours are wanted is
//! decided by [`Ui`](super::Ui).

/// How good or bad a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Neither.
    Plain,
    /// As it shall be.
    Good,
    /// On its way.
    Busy,
    /// Somebody has to look at it.
    Bad,
}

/// Paints words, or leaves them as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tint {
    colour: bool,
}

impl Tint {
    /// With colours or without.
    pub fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// The word in the colour of its tone.
    pub fn paint(self, tone: Tone, word: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Busy => "33",
            Tone::Bad => "31",
            Tone::Plain => return word.to_owned(),
        };
        self.paint_as(code, word)
    }

    /// The text in a colour of ECMA-48 (SGR).
    pub(super) fn paint_as(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
