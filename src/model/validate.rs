//! What submission refuses, and what it only warns of. Must not know what else is in the cluster.

use std::collections::BTreeSet;

use super::Glob;
use super::keys::{Key, SECTION, nearest_spelling};
use super::requirements::{Declared, Requirements, RequirementsError};
use crate::unitfile::{UnitFile, UnitName, expand, shown};

/// Keys that contradict each other, as fleet has always refused them.
const EXCLUSIVE: [(Key, Key); 7] = [
    (Key::MachineId, Key::MachineOf),
    (Key::MachineId, Key::Conflicts),
    (Key::MachineId, Key::Global),
    (Key::MachineId, Key::Replaces),
    (Key::Global, Key::MachineOf),
    (Key::Global, Key::Replaces),
    (Key::Conflicts, Key::Replaces),
];

/// Checks all that can be said of a unit before it is in the cluster.
///
/// A template is checked as far as its values are the same for every instance (see
/// [`Requirements::of`]); contradictions between its keys are found all the same.
pub fn validate(name: &UnitName, file: &UnitFile) -> Result<Requirements, InvalidUnit> {
    if file.options().is_empty() {
        return Err(InvalidUnit::Empty);
    }
    match contradictions(name, file)?.into_iter().next() {
        Some(contradiction) => Err(contradiction),
        None => Ok(Requirements::of(name, file)?),
    }
}

/// Everything in `[X-Fleet]` that cannot hold at once.
pub(super) fn contradictions(
    name: &UnitName,
    file: &UnitFile,
) -> Result<Vec<InvalidUnit>, RequirementsError> {
    let requirements = Requirements::of(name, file)?;
    let declared = Declared::read(file)?;
    let said = |key| declared.has(key) && (key != Key::Global || requirements.global);
    let exclusive = EXCLUSIVE.into_iter().filter(|(first, second)| said(*first) && said(*second));
    let mut found: Vec<InvalidUnit> =
        exclusive.map(|(first, second)| InvalidUnit::Exclusive { first, second }).collect();
    for (key, globs) in
        [(Key::Conflicts, &requirements.conflicts), (Key::Replaces, &requirements.replaces)]
    {
        for peer in &requirements.machine_of {
            if let Some(glob) = globs.iter().find(|glob| glob.matches(peer.as_str())) {
                found.push(InvalidUnit::Peer { peer: peer.clone(), key, glob: glob.clone() });
            }
        }
    }
    Ok(found)
}

/// Why a unit cannot be submitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUnit {
    /// No options; systemd takes an empty file as one that must never be started (masked).
    #[error("the unit file has no options; write at least a section and an option in it")]
    Empty,
    /// A value in `[X-Fleet]` cannot be understood.
    #[error(transparent)]
    Requirements(#[from] RequirementsError),
    /// Two keys that contradict each other.
    #[error("[{SECTION}] {first} cannot be used with {second}; leave one of them out")]
    Exclusive {
        /// One.
        first: Key,
        /// The other.
        second: Key,
    },
    /// A unit to run with that must not be on the same machine.
    #[error(
        "[{SECTION}] MachineOf={peer} can never hold, for {key}={glob} matches that unit; \
         leave one of them out"
    )]
    Peer {
        /// The unit to run with.
        peer: UnitName,
        /// The key that forbids it.
        key: Key,
        /// The pattern that matches it.
        glob: Glob,
    },
}

/// What is accepted but may not be what was meant. Each key once, in alphabetical order.
pub fn warnings(name: &UnitName, file: &UnitFile) -> Vec<Warning> {
    let keys: BTreeSet<&str> = file.section(SECTION).map(|(key, _)| key).collect();
    let mut warnings: Vec<Warning> = keys
        .into_iter()
        .filter(|key| Key::spelled(key).is_none())
        .map(|key| Warning::UnknownKey { key: shown(key), nearest: nearest_spelling(key) })
        .collect();
    if let Ok(declared) = Declared::read(file) {
        let mut ids = declared.values(Key::MachineId).map(|id| shown(&expand(id, name)));
        if let Some(used) = ids.next() {
            let others = ids.filter(|other| *other != used);
            warnings
                .extend(others.map(|other| Warning::SecondMachine { used: used.clone(), other }));
        }
    }
    warnings
}

/// Something accepted that may not be what was meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// A key that fleet does not know.
    #[error("[{SECTION}] {key} is not known and has no effect; did you mean {nearest}?")]
    UnknownKey {
        /// The key.
        key: String,
        /// The known key most like it.
        nearest: &'static str,
    },
    /// A second machine to run on only.
    #[error("[{SECTION}] MachineID={other} has no effect, for MachineID={used} is given too")]
    SecondMachine {
        /// The machine that counts.
        used: String,
        /// The one that does not.
        other: String,
    },
}
