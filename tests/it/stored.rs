//! What this version and those before it stored, byte for byte, is read today: every kind of key,
//! with all that may be absent and without.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fleet::fleetd::registry::{
    Assignment, FORMAT, FiguresRecord, HolderRecord, Key, KnownRecord, LeaderRecord, LostRecord,
    MachineRecord, MachineTrouble, StateRecord, SurveyRecord, UnitRecord, UnitTrouble, decode,
    encode,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// How many kinds of keys there are; [`read`] has an arm for each.
const KINDS: usize = 16;

/// A number for the kind of a key, and its value as it is written today after it was read.
fn read(key: &Key, value: &[u8]) -> (usize, Vec<u8>) {
    fn again<T: DeserializeOwned + Serialize>(key: &Key, value: &[u8]) -> Vec<u8> {
        let read: T =
            decode(&key.to_string(), value).unwrap_or_else(|e| panic!("{e}: {}", e.source));
        encode(&read)
    }
    match key {
        Key::Cluster => (0, again::<Uuid>(key, value)),
        Key::Format => (1, again::<u32>(key, value)),
        Key::Unit(_) => (2, again::<UnitRecord>(key, value)),
        Key::Metadata(..) => (3, String::from_utf8(value.to_vec()).unwrap().into_bytes()),
        Key::Schedule(..) => (4, again::<Assignment>(key, value)),
        Key::Planned(_) => (5, again::<i64>(key, value)),
        Key::Leader => (6, again::<LeaderRecord>(key, value)),
        Key::Machine(_) => (7, again::<MachineRecord>(key, value)),
        Key::Known(_) => (8, again::<KnownRecord>(key, value)),
        Key::Lost(_) => (9, again::<LostRecord>(key, value)),
        Key::Holder(_) => (10, again::<HolderRecord>(key, value)),
        Key::State(..) => (11, again::<StateRecord>(key, value)),
        Key::Survey => (12, again::<SurveyRecord>(key, value)),
        Key::Figures(_) => (13, again::<FiguresRecord>(key, value)),
        Key::UnitTrouble(_) => (14, again::<UnitTrouble>(key, value)),
        Key::MachineTrouble(_) => (15, again::<MachineTrouble>(key, value)),
    }
}

fn folder(format: u32, set: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/stored/{format}/{set}"))
}

/// Every file below a folder; its path from there is the key.
fn entries(top: &Path) -> Vec<(Key, Vec<u8>)> {
    let (mut entries, mut folders) = (Vec::new(), vec![top.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(top).unwrap().to_str().unwrap();
            let key = Key::parse(name).unwrap_or_else(|| panic!("{name} is no key"));
            entries.push((key, std::fs::read(path).unwrap()));
        }
    }
    entries
}

#[test]
fn what_was_stored_is_read_and_what_is_stored_today_is_written_down() {
    for format in FORMAT.saturating_sub(1).max(1)..=FORMAT {
        for set in ["full", "bare"] {
            let mut kinds = BTreeSet::new();
            for (key, value) in entries(&folder(format, set)) {
                let (kind, written) = read(&key, &value);
                kinds.insert(kind);
                if format == FORMAT {
                    let (written, stored) =
                        (String::from_utf8_lossy(&written), String::from_utf8_lossy(&value));
                    assert_eq!(written, stored, "{key} ({set}) is written otherwise");
                }
            }
            if format == FORMAT {
                let all: BTreeSet<usize> = (0..KINDS).collect();
                assert_eq!(kinds, all, "a kind of key is not in {set}");
            }
        }
    }
}
