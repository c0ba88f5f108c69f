//! Old spellings of `[X-Fleet]` and their rewriting. Must not know where a file is.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::{Key, SECTION};
use super::requirements::Declared;
use crate::unitfile::{Draft, UnitFile};

/// The old spellings in a file, each with what it is now.
pub fn old_spellings(file: &UnitFile) -> BTreeMap<String, Key> {
    let renamed = |(name, _): (&str, &str)| Some((name.to_owned(), Key::renamed(name)?));
    file.section(SECTION).filter_map(renamed).collect()
}

/// A file with its old spellings rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The whole text; nothing but the spellings is another.
    pub text: String,
    /// What was rewritten: line, old spelling, and what it is now.
    pub changes: Vec<(usize, String, Key)>,
}

/// Rewrites old spellings where that changes nothing of what the file means.
///
/// Of several machines that a unit is to run on, the one in the best spelling counts, so that one in
/// an old spelling cannot always be given a new one: then these stay as they are.
pub fn fix(text: &str) -> Fixed {
    let draft = Draft::read(text);
    let all: BTreeSet<Key> =
        draft.entries(SECTION).filter_map(|entry| Key::renamed(&entry.option.name)).collect();
    let fixed = rewrite(&draft, text, &all);
    if first_machine(text) == first_machine(&fixed.text) {
        return fixed;
    }
    let others = all.into_iter().filter(|key| *key != Key::MachineId).collect();
    rewrite(&draft, text, &others)
}

fn rewrite(draft: &Draft, text: &str, keys: &BTreeSet<Key>) -> Fixed {
    let mut fixed = Fixed { text: String::with_capacity(text.len()), changes: Vec::new() };
    let mut copied = 0;
    for entry in draft.entries(SECTION) {
        let name = entry.option.name.as_str();
        let Some(key) = Key::renamed(name).filter(|key| keys.contains(key)) else {
            continue;
        };
        fixed.text.push_str(&text[copied..entry.key.start]);
        fixed.text.push_str(&key.to_string());
        copied = entry.key.end;
        fixed.changes.push((draft.place(&entry.key).line, name.to_owned(), key));
    }
    fixed.text.push_str(&text[copied..]);
    fixed
}

/// The machine that counts, by its value as it stands there.
fn first_machine(text: &str) -> Option<String> {
    let file = Draft::read(text).file()?;
    let declared = Declared::read(&file).ok()?;
    declared.values(Key::MachineId).next().map(str::to_owned)
}
