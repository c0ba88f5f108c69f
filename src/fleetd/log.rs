//! The log: lines to stderr, which the journal gives times and names. How much is said can change
//! while fleetd runs.

use std::io::{self, IsTerminal, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

/// Set where the journal reads stderr (systemd.exec(5)).
const JOURNAL: &str = "JOURNAL_STREAM";

/// The running log.
#[derive(Debug)]
pub struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    fixed: bool,
}

impl Log {
    /// Logs to stderr from now on: with `verbosity` 0 what happens, with more also what is tried.
    /// `RUST_LOG` says otherwise where it is set.
    pub fn to_stderr(verbosity: u8) -> Log {
        let terminal = std::io::stderr().is_terminal();
        let journal = !terminal && std::env::var_os(JOURNAL).is_some();
        let lines = fmt::layer().with_writer(Lines { journal }).with_target(false);
        let lines = lines.with_ansi(terminal);
        let lines = if terminal { lines.boxed() } else { lines.without_time().boxed() };
        let (filtered, filter) = reload::Layer::new(filter(verbosity));
        tracing_subscriber::registry().with(filtered).with(lines).init();
        Log { filter, fixed: fixed().is_some() }
    }

    /// Whether `RUST_LOG` says how much is logged, whatever the verbosity.
    pub fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// One that nobody reads.
    #[cfg(test)]
    pub fn unheard() -> Log {
        Log { filter: reload::Layer::new(filter(0)).1, fixed: false }
    }

    /// Says more or less from now on.
    pub fn set(&self, verbosity: u8) {
        if let Err(error) = self.filter.reload(filter(verbosity)) {
            tracing::warn!(%error, "cannot change how much is logged");
        }
    }
}

/// Where lines go. Those for the journal begin with their priority (sd-daemon(3)), so that
/// `journalctl --priority` finds them.
#[derive(Debug)]
struct Lines {
    journal: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { priority: "" }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line {
        Line { priority: if self.journal { priority(*event.level()) } else { "" } }
    }
}

fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}

/// One line, written at once.
#[derive(Debug)]
struct Line {
    priority: &'static str,
}

impl Write for Line {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(&[self.priority.as_bytes(), text].concat())?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn filter(verbosity: u8) -> EnvFilter {
    let default = if verbosity == 0 { "fleet=info" } else { "fleet=debug" };
    fixed().unwrap_or_else(|| EnvFilter::new(default))
}

fn fixed() -> Option<EnvFilter> {
    EnvFilter::try_from_default_env().ok()
}
