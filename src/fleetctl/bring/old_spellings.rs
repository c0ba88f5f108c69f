//! Tells once in a command that files are written in old spellings. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Found, Origin};
use crate::model::{Key, fix};

/// How many files are named; of more, people know which.
const FILES_NAMED: usize = 3;

/// Old spellings in files on disk.
#[derive(Debug, Default)]
pub struct OldSpellings {
    spellings: BTreeMap<String, Key>,
    files: BTreeSet<String>,
}

impl OldSpellings {
    /// Looks at a file. What is not on disk cannot be rewritten there.
    pub fn add(&mut self, found: &Found) {
        let Found { file, origin: Origin::Disk(path) } = found else {
            return;
        };
        let spellings = fix::old_spellings(file);
        if !spellings.is_empty() {
            self.files.insert(path.display().to_string());
            self.spellings.extend(spellings);
        }
    }

    /// What to say of them, if there are any.
    pub fn warning(&self) -> Option<String> {
        let spellings = self.spellings.iter().map(|(old, key)| format!("{old}= is now {key}="));
        let spellings = spellings.collect::<Vec<_>>().join(", ");
        let files = if self.files.len() > FILES_NAMED {
            "FILE…".to_owned()
        } else {
            self.files.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
        };
        let them = if self.spellings.len() > 1 { "them" } else { "it" };
        (!self.spellings.is_empty())
            .then(|| format!("{spellings}: `fleetctl verify --fix {files}` rewrites {them}"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::unitfile::{UnitFile, UnitName};

    fn found(path: &str, x_fleet: &str) -> Found {
        let file = UnitFile::parse(&format!("[X-Fleet]\n{x_fleet}")).unwrap();
        Found { file, origin: Origin::Disk(PathBuf::from(path)) }
    }

    fn warning(found: &[Found]) -> Option<String> {
        let mut old = OldSpellings::default();
        found.iter().for_each(|found| old.add(found));
        old.warning()
    }

    #[test]
    fn one_sentence_names_them_all() {
        let conflicts = found("a.service", "X-Conflicts=x\nX-Conflicts=y");
        assert_eq!(
            warning(&[conflicts.clone(), found("new.service", "Conflicts=x")]).unwrap(),
            "X-Conflicts= is now Conflicts=: `fleetctl verify --fix a.service` rewrites it"
        );
        let of = found("b.service", "X-ConditionMachineOf=a.service\nX-Conflicts=x");
        assert_eq!(
            warning(&[conflicts.clone(), of]).unwrap(),
            "X-ConditionMachineOf= is now MachineOf=, X-Conflicts= is now Conflicts=: \
             `fleetctl verify --fix a.service b.service` rewrites them"
        );
        let many: Vec<Found> = (0..9).map(|n| found(&n.to_string(), "X-Conflicts=x")).collect();
        assert!(warning(&many).unwrap().contains("--fix FILE…` rewrites it"));
    }

    #[test]
    fn what_is_not_on_disk_is_not_named() {
        let template = UnitName::parse("a@.service").unwrap();
        let stored = Found { origin: Origin::Cluster(template), ..found("", "X-Conflicts=x") };
        assert_eq!(warning(&[stored, found("a", "[X-Fleet]\nGlobal=true")]), None);
    }
}
