//! What a hand is told, and what it answers: a line of JSON each.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Something to do on a machine.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// Run commands, so many at a time.
    Run { commands: Vec<Vec<String>>, at_once: usize },
    /// Start units by a client of systemd that hears of the end of its jobs.
    Start { units: Vec<String> },
    /// Write files: path and contents.
    Write { files: BTreeMap<String, String> },
}

/// What one command came to.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ran {
    pub began: SystemTime,
    pub ended: SystemTime,
    pub failed: bool,
    pub output: String,
}

impl Ran {
    /// How long it took.
    pub fn took(&self) -> Duration {
        between(self.began, self.ended)
    }
}

/// From one moment to a later one.
pub fn between(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}
