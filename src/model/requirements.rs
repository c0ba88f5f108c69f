//! Where a unit may run, and for how long: what its `[X-Fleet]` section asks for.
//! Must not know which machines there are; that they suit is for the engine to judge.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::{Key, SECTION};
use super::words::OpenQuote;
use super::{Glob, GlobError, MachineId, MachineIdError, OnPartition};
use crate::unitfile::{NameError, UnitFile, UnitName, depends_on_instance, expand, shown};

/// How many values one key may have. The patterns of each unit are matched against the names of many
/// others, so a long list would slow down everybody; real units have a handful.
const VALUES_MAX: usize = 100;

/// The longest value, in bytes, specifiers not yet expanded: each of them can make a whole name of
/// two characters.
const VALUE_BYTES_MAX: usize = 512;

/// Where a unit may run, and for how long, by its `[X-Fleet]` section. All that is said must hold.
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
    /// What becomes of it on a machine that is cut off.
    pub on_partition: OnPartition,
}

impl Requirements {
    /// Reads `[X-Fleet]`, old spellings and all, with specifiers expanded. Keys it does not know are
    /// passed over: [`super::warnings`] names them.
    ///
    /// For a template, values that each instance makes another of (`%i`, `%n`, `%N`) are left out;
    /// they are judged when an instance is made.
    pub fn of(name: &UnitName, file: &UnitFile) -> Result<Requirements, RequirementsError> {
        let declared = Declared::read(file)?;
        let mut metadata: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (key, value) in declared.each(Key::MachineMetadata, name, pair)? {
            metadata.entry(key).or_default().insert(value);
        }
        Ok(Requirements {
            machine_id: declared.each(Key::MachineId, name, MachineId::parse)?.into_iter().next(),
            machine_of: sorted(declared.each(Key::MachineOf, name, UnitName::parse)?),
            metadata,
            conflicts: sorted(declared.each(Key::Conflicts, name, Glob::parse)?),
            global: declared.each(Key::Global, name, boolean)?.pop().unwrap_or_default(),
            replaces: sorted(declared.each(Key::Replaces, name, Glob::parse)?),
            on_partition: declared.each(Key::OnPartition, name, fate)?.pop().unwrap_or_default(),
        })
    }
}

/// The values in `[X-Fleet]`, by key, specifiers not yet expanded.
///
/// In order, but values of a better spelling come first: files of 2014 carry several, for old
/// and new fleets, and where only one value can count it is that of the best (as in fleet 1.0).
#[derive(Default)]
pub(super) struct Declared<'a>(BTreeMap<Key, Vec<(usize, &'a str)>>);

impl<'a> Declared<'a> {
    /// Reads the section. An empty value takes back what was said before with any spelling.
    pub fn read(file: &'a UnitFile) -> Result<Declared<'a>, RequirementsError> {
        let mut all: BTreeMap<Key, Vec<(usize, &str)>> = BTreeMap::new();
        for (name, line) in file.section(SECTION) {
            let Some((key, rank)) = Key::spelled(name) else {
                continue;
            };
            if line.is_empty() {
                all.remove(&key);
                continue;
            }
            let refuse = |fault| RequirementsError { key, value: shown(line), fault };
            let values = all.entry(key).or_default();
            for (_, value) in key.split(line).map_err(|e| refuse(e.into()))? {
                if value.len() > VALUE_BYTES_MAX {
                    return Err(refuse(RequirementFault::TooLong));
                }
                values.push((rank, value));
            }
            if values.len() > VALUES_MAX {
                return Err(refuse(RequirementFault::TooMany));
            }
        }
        all.values_mut().for_each(|values| values.sort_by_key(|(rank, _)| *rank));
        Ok(Declared(all))
    }

    /// Whether anything is said of this key.
    pub fn has(&self, key: Key) -> bool {
        self.0.contains_key(&key)
    }

    /// The values of a key.
    pub fn values(&self, key: Key) -> impl Iterator<Item = &'a str> {
        self.0.get(&key).into_iter().flatten().map(|(_, value)| *value)
    }

    /// What the values of a key mean for this unit.
    fn each<T, E: Into<RequirementFault>>(
        &self,
        key: Key,
        name: &UnitName,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, RequirementsError> {
        self.values(key)
            .filter(|value| !(name.is_template() && depends_on_instance(value)))
            .map(|value| {
                let refuse = |e: E| RequirementsError { key, value: shown(value), fault: e.into() };
                parse(&expand(value, name)).map_err(refuse)
            })
            .collect()
    }
}

/// Whether a value of a key can be understood, its specifiers being expanded already.
pub(super) fn check(key: Key, value: &str) -> Result<(), RequirementFault> {
    match key {
        Key::MachineId => drop(MachineId::parse(value)?),
        Key::MachineOf => drop(UnitName::parse(value)?),
        Key::MachineMetadata => drop(pair(value)?),
        Key::Conflicts | Key::Replaces => drop(Glob::parse(value)?),
        Key::Global => drop(boolean(value)?),
        Key::OnPartition => drop(fate(value)?),
    }
    Ok(())
}

fn sorted<T: Ord>(values: Vec<T>) -> Vec<T> {
    BTreeSet::from_iter(values).into_iter().collect()
}

/// Exactly one `=`, something on either side. fleet 1.0 silently passed over anything else, and the
/// unit ran where it should not.
fn pair(text: &str) -> Result<(String, String), RequirementFault> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() && !value.contains('=') => {
            Ok((key.to_owned(), value.to_owned()))
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

fn fate(text: &str) -> Result<OnPartition, RequirementFault> {
    OnPartition::parse(text).ok_or(RequirementFault::Fate)
}

/// Why a value in `[X-Fleet]` cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[{SECTION}] {key}={value}: {fault}")]
pub struct RequirementsError {
    /// The option.
    pub key: Key,
    /// Its value, before specifiers are expanded; shortened if it is long.
    pub value: String,
    /// What is wrong with it.
    pub fault: RequirementFault,
}

/// What is wrong with a value in `[X-Fleet]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequirementFault {
    /// More values than a key may have.
    #[error("the key has more than {VALUES_MAX} values; say the same with fewer")]
    TooMany,
    /// A value that is too long.
    #[error("a value has more than {VALUE_BYTES_MAX} bytes; shorten it")]
    TooLong,
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
    /// Neither keep nor stop.
    #[error("it is neither keep nor stop; write one of these")]
    Fate,
}
