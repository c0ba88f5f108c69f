//! What may not be what was meant, in files that the cluster is about to get from here. Pure.

use super::old_spellings::OldSpellings;
use super::source::Found;
use crate::model::warnings;
use crate::unitfile::UnitName;

/// What to warn of, a sentence each: that of each file, and once the old spellings of all.
pub fn doubts(files: &[(UnitName, Found)]) -> Vec<String> {
    let mut doubts = Vec::new();
    let mut old = OldSpellings::default();
    for (name, found) in files {
        let of_file = warnings(name, &found.file).into_iter();
        doubts.extend(of_file.map(|warning| format!("{name}: {warning}")));
        old.add(found);
    }
    doubts.extend(old.warning());
    doubts
}
