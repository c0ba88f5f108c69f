//! The only place that prints: data on standard output, talk on standard error.
//!
//! Colour and live progress are decided once, here. What to say is the commands' business.

mod ask;
mod line;
mod printable;
mod progress;
mod screen;
mod tint;

use std::error::Error as _;
use std::io::{self, IsTerminal, Write};

pub use line::{Line, Sign};
pub use printable::{printable, printable_lines};
use progress::Progress;
pub use screen::{Screen, Shown};
pub use tint::{Tint, Tone};

use super::error::Error;

const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const CYAN: &str = "1;36";

/// The terminal, or whatever is in its place.
#[derive(Debug)]
pub struct Ui {
    colour: bool,
    /// How data are painted.
    tint: Tint,
    /// Whether data can be taken back to be shown anew.
    in_place: bool,
    progress: Progress,
}

impl Ui {
    /// Looks at the terminal. Live progress would tear `--debug`'s log lines apart.
    pub fn new(debug: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        let data_terminal = io::stdout().is_terminal();
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            colour: terminal && !no_colour && !dumb,
            tint: Tint::new(data_terminal && !no_colour && !dumb),
            in_place: data_terminal && !dumb,
            progress: Progress::new(terminal && !dumb && !debug),
        }
    }

    /// A line of data, without what would steer the terminal.
    pub fn line(&self, text: &str) -> Result<(), Error> {
        self.data(&format!("{}\n", printable_lines(text)))
    }

    /// Data as it is; of others' text in it the caller makes what is [`printable()`].
    pub fn data(&self, text: &str) -> Result<(), Error> {
        self.progress.aside(|| {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::Output)
        })
    }

    /// How words among the data are painted.
    pub fn tint(&self) -> Tint {
        self.tint
    }

    /// Whether people read the data as they come, on a terminal.
    pub fn is_read(&self) -> bool {
        self.in_place
    }

    /// A text that will change: on a terminal `anew` shows it in place of what it was. Elsewhere
    /// `between` stands between one and the next.
    pub fn screen(&self, anew: bool, between: &'static str) -> Screen<'_> {
        Screen::new(self, anew && self.in_place, between)
    }

    /// Lines of data, in colour where somebody sees it.
    pub fn lines(&self, lines: &[Line]) -> Result<(), Error> {
        let shown = |line: &Line| match self.in_place {
            true => format!("{}\n", line.shown(self.tint)),
            false => format!("{}\n", line.text()),
        };
        self.data(&lines.iter().map(shown).collect::<String>())
    }

    /// Something the user should know while the work goes on.
    pub fn note(&self, text: &str) {
        self.talk(&printable_lines(text));
    }

    /// Asks something, and waits for a line of standard input; from who is no person only for a
    /// while.
    pub async fn ask(&self, question: &str) -> io::Result<String> {
        self.progress.aside(|| {
            let mut talk = io::stderr().lock();
            write!(talk, "{}", printable_lines(question)).and_then(|()| talk.flush())
        })?;
        let terminal = io::stdin().is_terminal();
        let limit = (!terminal).then_some(ask::ANSWER_MAX);
        let answer = ask::within(limit, || ask::line(ask::input()?)).await;
        // On a terminal, Enter has ended the line.
        if answer.is_err() || !terminal {
            self.talk("");
        }
        answer
    }

    /// Asks whether to go on. Only a clear yes is one: not silence, nor the end of the input.
    pub async fn confirm(&self, question: &str) -> Result<bool, Error> {
        if !io::stdin().is_terminal() {
            return Err(Error::NobodyToAsk);
        }
        let answer = self.ask(&format!("{question} [y/N] ")).await;
        Ok(answer.is_ok_and(|answer| ask::is_yes(&answer)))
    }

    /// Something that may not be what the user meant.
    pub fn warn(&self, text: &str) {
        self.talk(&self.warning(text));
    }

    fn warning(&self, text: &str) -> String {
        self.marked(YELLOW, "warning:", text)
    }

    /// What could be done about the last error.
    pub fn hint(&self, text: &str) {
        self.talk(&self.marked(CYAN, "hint:", text));
    }

    /// Something that failed.
    pub fn fail(&self, text: &str) {
        self.talk(&self.marked(RED, "error:", text));
    }

    /// An error with its causes and what to do about it.
    pub fn error(&self, error: &Error) {
        if error.is_silent() {
            return;
        }
        self.fail(&error.to_string());
        let mut cause = error.source();
        while let Some(error) = cause {
            self.note(&format!("  because: {error}"));
            cause = error.source();
        }
        if let Some(hint) = error.hint() {
            self.hint(&hint);
        }
    }

    /// Whether there is a terminal to show what is being waited for.
    pub fn is_live(&self) -> bool {
        self.progress.is_live()
    }

    /// Shows on a terminal what is being waited for, in place of what was shown before; elsewhere
    /// nothing. No lines: nothing is being waited for.
    pub fn progress(&self, lines: impl FnOnce() -> Vec<String>) {
        self.progress.show(|| lines().iter().map(|line| printable(line)).collect());
    }

    fn talk(&self, text: &str) {
        // Nobody is left to be told that standard error is closed.
        self.progress.aside(|| drop(writeln!(io::stderr().lock(), "{text}")));
    }

    /// A text with a coloured word before it.
    fn marked(&self, colour: &str, word: &str, text: &str) -> String {
        let text = printable_lines(text);
        match self.colour {
            true => format!("\x1b[{colour}m{word}\x1b[0m {text}"),
            false => format!("{word} {text}"),
        }
    }
}
