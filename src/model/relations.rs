//! Which other units a unit leans on. Must not know whether they exist.

use std::collections::BTreeSet;

use super::Requirements;
use crate::unitfile::{NAME_BYTES_MAX, UnitFile, UnitName, expand, unit_names};

/// The options of `[Unit]` by which a start looks for another unit (systemd.unit(5)): all that
/// pull it in or wait for it, and Requisite, which fails at once where it is not running.
const NAMING: [&str; 5] = ["Requires", "Requisite", "BindsTo", "Wants", "After"];

/// Those of them without which a start fails.
pub(super) const NEEDING: [&str; 3] = ["Requires", "Requisite", "BindsTo"];

/// The units that should be on a machine before this one starts there, if they go there at all:
/// those its `[Unit]` section names, and those of `MachineOf`.
///
/// Specifiers are expanded as far as fleet knows them. What is then not the name of a unit is
/// skipped, as systemd does, and so are templates, which never run, and the unit itself.
pub fn relations(name: &UnitName, file: &UnitFile) -> BTreeSet<UnitName> {
    named(name, file, &NAMING)
}

/// Those of its [`relations`] that a unit cannot be without.
pub fn needs(name: &UnitName, file: &UnitFile) -> BTreeSet<UnitName> {
    named(name, file, &NEEDING)
}

/// The units that these options of `[Unit]` and `MachineOf` name.
fn named(name: &UnitName, file: &UnitFile, options: &[&str]) -> BTreeSet<UnitName> {
    let named = options
        .iter()
        .flat_map(|option| file.get_all("Unit", option))
        .flat_map(|value| unit_names(value).unwrap_or_default())
        .map(|word| word.text)
        // Before specifiers make even more of what is too long for a name.
        .filter(|word| word.len() <= NAME_BYTES_MAX)
        .filter_map(|word| UnitName::parse(&expand(&word, name)).ok());
    // A section that cannot be understood is refused at submission; here it names nobody.
    let peers = Requirements::of(name, file).unwrap_or_default().machine_of;
    named.chain(peers).filter(|other| other != name && !other.is_template()).collect()
}
