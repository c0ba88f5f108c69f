//! Where a unit may run: what its `[X-Fleet]` section asks for.
//! Must not know which machines there are; that they suit is for the engine to judge.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::{Key, SECTION};
use super::words::{self, OpenQuote};
use super::{Glob, GlobError, MachineId, MachineIdError};
use crate::unitfile::{NameError, UnitFile, UnitName, depends_on_instance, expand};

/// Where a unit may run, by its `[X-Fleet]` section. All that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    /// Only on this machine.
    pub machine_id: Option<MachineId>,
    /// Only where each of these units runs. Sorted, each once.
    pub machine_of: Vec<UnitName>,
    /// For each key, only on machines whose metadata has one of these values.
    pub metadata: BTreeMap<String, BTreeSet<String>>,
    /// Never with a unit that one of these matches, itself excepted. Sorted, each once.
    pub conflicts: Vec<Glob>,
    /// On every machine that suits.
    pub global: bool,
    /// Takes the machine of a unit that one of these matches, itself excepted. Sorted, each once.
    pub replaces: Vec<Glob>,
}

impl Requirements {
    /// Reads `[X-Fleet]`, old spellings and all, with specifiers expanded. Keys it does not know are
    /// passed over: [`super::warnings`] names them.
    ///
    /// For a template, values that each instance makes another of (`%i`, `%n`, `%N`) are left out;
    /// they are judged when an instance is made.
    pub fn of(name: &UnitName, file: &UnitFile) -> Result<Requirements, RequirementsError> {
        let mut requirements = Requirements::default();
        let mut machine_id_rank = usize::MAX;
        for Declared { key, rank, value } in declared(file)? {
            if name.is_template() && depends_on_instance(value) {
                continue;
            }
            let expanded = expand(value, name);
            let refuse = |fault| RequirementsError {
                key,
                value: value.to_owned(),
                fault,
            };
            match key {
                // Files of 2014 carry several spellings, for old and new fleets: the best one
                // counts, the first of its kind (as in fleet 1.0).
                Key::MachineId => {
                    let id = MachineId::parse(&expanded).map_err(|e| refuse(e.into()))?;
                    if rank < machine_id_rank {
                        machine_id_rank = rank;
                        requirements.machine_id = Some(id);
                    }
                }
                Key::MachineOf => {
                    let unit = UnitName::parse(&expanded).map_err(|e| refuse(e.into()))?;
                    requirements.machine_of.push(unit);
                }
                Key::MachineMetadata => {
                    let (key, value) = pair(&expanded).map_err(refuse)?;
                    requirements
                        .metadata
                        .entry(key.into())
                        .or_default()
                        .insert(value.into());
                }
                Key::Conflicts => {
                    let glob = Glob::parse(&expanded).map_err(|e| refuse(e.into()))?;
                    requirements.conflicts.push(glob);
                }
                Key::Global => requirements.global = boolean(&expanded).map_err(refuse)?,
                Key::Replaces => {
                    let glob = Glob::parse(&expanded).map_err(|e| refuse(e.into()))?;
                    requirements.replaces.push(glob);
                }
            }
        }
        sort(&mut requirements.machine_of);
        sort(&mut requirements.conflicts);
        sort(&mut requirements.replaces);
        Ok(requirements)
    }
}

/// One value of a key of `[X-Fleet]`, specifiers not yet expanded.
pub(super) struct Declared<'a> {
    pub key: Key,
    /// How far down the list of spellings the one used is.
    pub rank: usize,
    pub value: &'a str,
}

/// Every value in `[X-Fleet]`, in order. An empty value takes back what was said before with any
/// spelling of its key.
pub(super) fn declared(file: &UnitFile) -> Result<Vec<Declared<'_>>, RequirementsError> {
    let mut all: Vec<Declared> = Vec::new();
    for (name, line) in file.section(SECTION) {
        let Some((key, rank)) = Key::spelled(name) else {
            continue;
        };
        if line.is_empty() {
            all.retain(|earlier| earlier.key != key);
            continue;
        }
        let split = if key.is_list() {
            words::split
        } else {
            words::split_quoted
        };
        let values = split(line).map_err(|quote| RequirementsError {
            key,
            value: line.to_owned(),
            fault: quote.into(),
        })?;
        all.extend(
            values
                .into_iter()
                .map(|value| Declared { key, rank, value }),
        );
    }
    Ok(all)
}

fn sort<T: Ord>(values: &mut Vec<T>) {
    values.sort();
    values.dedup();
}

/// Exactly one `=`, something on either side. fleet 1.0 silently passed over anything else, and the
/// unit ran where it should not.
fn pair(text: &str) -> Result<(&str, &str), RequirementFault> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() && !value.contains('=') => {
            Ok((key, value))
        }
        _ => Err(RequirementFault::Pair),
    }
}

/// systemd's booleans (systemd.syntax(7)), in upper or lower case; fleet 1.0 took the true ones, and
/// anything else as false.
fn boolean(text: &str) -> Result<bool, RequirementFault> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Ok(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Ok(false),
        _ => Err(RequirementFault::Boolean),
    }
}

/// Why a value in `[X-Fleet]` cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[{SECTION}] {key}={value}: {fault}")]
pub struct RequirementsError {
    /// The option.
    pub key: Key,
    /// Its value, before specifiers are expanded.
    pub value: String,
    /// What is wrong with it.
    pub fault: RequirementFault,
}

/// What is wrong with a value in `[X-Fleet]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequirementFault {
    /// Quotes that do not match.
    #[error(transparent)]
    Quote(#[from] OpenQuote),
    /// Not a machine's id.
    #[error(transparent)]
    MachineId(#[from] MachineIdError),
    /// Not a unit's name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Not a pattern.
    #[error(transparent)]
    Glob(#[from] GlobError),
    /// Not `key=value`.
    #[error(
        "it is not one key=value; write several as \"key=value\" \"key=value\", each in quotes"
    )]
    Pair,
    /// Neither true nor false.
    #[error("it is neither true nor false; write one of these")]
    Boolean,
}
