//! Live lines at the bottom of a terminal, each with a spinner.
//!
//! It knows `indicatif` and lines of text. It must not know what is being waited for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often spinners turn.
const TICK: Duration = Duration::from_millis(120);

/// The live lines, or nothing where there is no terminal.
#[derive(Debug)]
pub(super) struct Progress(Option<Live>);

#[derive(Debug)]
struct Live {
    area: MultiProgress,
    spinners: Mutex<Vec<ProgressBar>>,
}

impl Progress {
    pub(super) fn new(live: bool) -> Self {
        Self(live.then(|| Live {
            area: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            spinners: Mutex::default(),
        }))
    }

    pub(super) fn is_live(&self) -> bool {
        self.0.is_some()
    }

    /// Replaces the lines.
    pub(super) fn show(&self, lines: impl FnOnce() -> Vec<String>) {
        let Some(live) = &self.0 else { return };
        let lines = lines();
        let mut spinners = live.spinners.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = lines.len().min(spinners.len());
        for spinner in spinners.drain(kept..) {
            spinner.finish_and_clear();
            live.area.remove(&spinner);
        }
        for (at, line) in lines.into_iter().enumerate() {
            if spinners.len() == at {
                let spinner = live.area.add(ProgressBar::new_spinner());
                // A line that does not fit is cut, for a wrapped one could not be taken back.
                if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                    spinner.set_style(style);
                }
                spinner.enable_steady_tick(TICK);
                spinners.push(spinner);
            }
            spinners[at].set_message(line);
        }
    }

    /// Runs something that prints, with the lines out of its way.
    pub(super) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(live) => live.area.suspend(print),
            None => print(),
        }
    }
}
