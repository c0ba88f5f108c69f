//! A text that is shown again whenever it changes: on a terminal in place of what it was, elsewhere
//! one after the other. It must not know why it changes.

use std::io;

use terminal_size::{Height, terminal_size_of};

use super::{Ui, printable};
use crate::fleetctl::error::Error;

/// What a terminal has that does not tell.
const USUAL_HEIGHT: u16 = 24;

/// What is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Data as it is.
    pub text: String,
    /// What is said beside it, a line each.
    pub notes: Vec<String>,
}

impl Shown {
    /// All of it, for one place.
    fn whole(&self) -> String {
        let notes = self.notes.iter().map(|note| printable(note) + "\n");
        self.text.clone() + &notes.collect::<String>()
    }
}

/// Where the text is shown.
#[derive(Debug)]
pub struct Screen<'u> {
    ui: &'u Ui,
    in_place: bool,
    /// What stands between one text and the next where they are not in place.
    between: &'static str,
    shown: Option<Shown>,
    notice: Option<String>,
}

impl<'u> Screen<'u> {
    pub(super) fn new(ui: &'u Ui, in_place: bool, between: &'static str) -> Self {
        Self { ui, in_place, between, shown: None, notice: None }
    }

    /// Whether nothing has been shown yet.
    pub fn is_blank(&self) -> bool {
        self.shown.is_none()
    }

    /// Shows the text, unless it stands there already; where it is not in place, its notes are talk.
    pub fn show(&mut self, shown: Shown) -> Result<(), Error> {
        let noticed = self.notice.take().is_some();
        if noticed && !self.in_place {
            self.ui.note("up to date again");
        }
        let before = self.shown.replace(shown.clone());
        if self.in_place {
            let is_news = noticed || before.as_ref() != Some(&shown);
            return if is_news { self.draw() } else { Ok(()) };
        }
        if before.as_ref().is_none_or(|before| before.text != shown.text) {
            let between = if before.is_some() { self.between } else { "" };
            self.ui.data(&format!("{between}{}", shown.text))?;
        }
        if before.is_none_or(|before| before.notes != shown.notes) {
            shown.notes.iter().for_each(|note| self.ui.note(note));
        }
        Ok(())
    }

    /// Says why the text may no longer be true; until the next text, and only once.
    pub fn notice(&mut self, notice: String) -> Result<(), Error> {
        if self.notice.as_ref() == Some(&notice) {
            return Ok(());
        }
        if !self.in_place {
            self.ui.warn(&notice);
        }
        self.notice = Some(notice);
        if self.in_place { self.draw() } else { Ok(()) }
    }

    fn draw(&self) -> Result<(), Error> {
        let size = terminal_size_of(io::stdout());
        let height = size.map_or(USUAL_HEIGHT, |(_, Height(height))| height);
        let text = self.shown.as_ref().map(Shown::whole).unwrap_or_default();
        let notice = self.notice.as_ref().map(|notice| self.ui.warning(notice));
        self.ui.data(&frame(&text, notice.as_deref(), height.into()))
    }
}

/// What makes a terminal of this height show the text from its top, and the notice below; what
/// does not fit is counted. Long lines are cut by the terminal, for wrapped ones would push the
/// others out. Lines are cleared before they are written: a tab only moves over what was there.
fn frame(text: &str, notice: Option<&str>, height: usize) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // The cursor has a line of its own.
    let room = height.saturating_sub(1 + usize::from(notice.is_some())).max(1);
    if lines.len() > room {
        let hidden = lines.len() - (room - 1);
        lines.truncate(room - 1);
        lines.push(format!("… {hidden} more"));
    }
    lines.extend(notice.map(str::to_owned));
    let lines: String = lines.iter().map(|line| format!("\x1b[K{line}\n")).collect();
    format!("\x1b[H\x1b[?7l{lines}\x1b[J\x1b[?7h")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a frame shows, without what steers the terminal.
    fn shown(text: &str, notice: Option<&str>, height: usize) -> Vec<String> {
        let frame = frame(text, notice, height);
        let steering = ["\x1b[H\x1b[?7l", "\x1b[K", "\x1b[J\x1b[?7h"];
        let plain = steering.iter().fold(frame, |text, code| text.replace(code, ""));
        plain.lines().map(str::to_owned).collect()
    }

    #[test]
    fn nothing_of_the_frame_before_is_left() {
        let frame = frame("A\tB\nc\td\n", None, 9);
        assert_eq!(frame, "\x1b[H\x1b[?7l\x1b[KA\tB\n\x1b[Kc\td\n\x1b[J\x1b[?7h");
    }

    #[test]
    fn notes_stand_below_the_text_and_steer_nothing() {
        let shown = Shown { text: "A\nb\n".to_owned(), notes: vec!["c\x1b[2J".to_owned()] };
        assert_eq!(shown.whole(), "A\nb\nc\u{fffd}[2J\n");
    }

    #[test]
    fn a_frame_is_never_higher_than_the_terminal() {
        for (text, notice, height, expected) in [
            ("A\nb\nc\n", None, 4, vec!["A", "b", "c"]),
            ("A\nb\nc\n", None, 3, vec!["A", "… 2 more"]),
            ("A\nb\nc\n", Some("away"), 4, vec!["A", "… 2 more", "away"]),
            ("A\nb\n", Some("away"), 9, vec!["A", "b", "away"]),
            ("A\nb\n", None, 0, vec!["… 2 more"]),
            ("", None, 9, vec![]),
        ] {
            assert_eq!(shown(text, notice, height), expected, "{text:?} in {height}");
        }
    }
}
