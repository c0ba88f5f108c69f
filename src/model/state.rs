//! What is wanted of a unit, and what systemd says of it. Must not know who wants it or where.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::unitfile::shown;

/// How far a unit is, or shall be, brought up in the cluster; each state contains the one before.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum TargetState {
    /// Known to the cluster, on no machine.
    #[default]
    Inactive,
    /// On a machine, in its systemd, not started by fleet.
    Loaded,
    /// Started.
    Launched,
}

impl TargetState {
    /// The word users and the API know it by.
    pub fn as_str(self) -> &'static str {
        match self {
            TargetState::Inactive => "inactive",
            TargetState::Loaded => "loaded",
            TargetState::Launched => "launched",
        }
    }
}

impl fmt::Display for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TargetState {
    type Err = TargetStateError;

    fn from_str(text: &str) -> Result<TargetState, TargetStateError> {
        [TargetState::Inactive, TargetState::Loaded, TargetState::Launched]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| TargetStateError { text: shown(text) })
    }
}

/// A text is none of the states.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown state {text:?}: use inactive, loaded or launched")]
pub struct TargetStateError {
    /// The text, shortened if it is long.
    pub text: String,
}

/// systemd's own words for a unit (org.freedesktop.systemd1(5), `LoadState`, `ActiveState`,
/// `SubState`), passed on untouched: a newer systemd may have words we do not know.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SystemdState {
    /// Whether the file was found and read: `loaded`, `not-found`, `masked` …
    pub load: String,
    /// `active`, `inactive`, `failed`, `activating` …
    pub active: String,
    /// The same in the words of the unit's type: `running`, `exited`, `dead` …
    pub sub: String,
}

impl SystemdState {
    /// Whether the unit is up.
    pub fn is_active(&self) -> bool {
        matches!(self.active.as_str(), "active" | "reloading")
    }

    /// Whether the unit is down and stays so: nothing of it runs, nothing is changing.
    pub fn is_inactive(&self) -> bool {
        matches!(self.active.as_str(), "inactive" | "failed")
    }
}

impl fmt::Display for SystemdState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.active, self.sub)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_words_in_order() {
        assert!(TargetState::Inactive < TargetState::Loaded);
        assert!(TargetState::Loaded < TargetState::Launched);
        for state in [TargetState::Inactive, TargetState::Loaded, TargetState::Launched] {
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("{:?}", state.as_str()));
        }
        assert!("Launched".parse::<TargetState>().is_err());
    }
}
