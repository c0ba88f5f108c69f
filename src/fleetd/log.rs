//! The log: lines to stderr, which the journal gives times and names. How much is said can change
//! while fleetd runs.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

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
        let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
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

fn filter(verbosity: u8) -> EnvFilter {
    let default = if verbosity == 0 { "fleet=info" } else { "fleet=debug" };
    fixed().unwrap_or_else(|| EnvFilter::new(default))
}

fn fixed() -> Option<EnvFilter> {
    EnvFilter::try_from_default_env().ok()
}
