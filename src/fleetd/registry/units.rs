//! The API's operations on units: submit, change what is wanted, destroy. Each a read, a decision
//! and a compare-and-swap, so that two clients at once never lose one's change.

use super::Registry;
use super::keys::Key;
use super::records::{UnitRecord, decode, encode};
use super::store::{Compare, Op, OpResult, Revision, StoreError};
use crate::model::TargetState;
use crate::unitfile::{UnitFile, UnitName};

/// How often a change is tried again when other clients change the same unit meanwhile. Each
/// failure means that another one succeeded, so this many in a row is a storm, not a race.
const ATTEMPTS_MAX: usize = 32;

/// The largest record of a unit: etcd takes requests of 1.5 MiB, and this leaves room for what is
/// around it. JSON writes a control character with six, so that a file of 512 KiB can exceed it.
const RECORD_BYTES_MAX: usize = 1280 * 1024;

/// What a client asks to be stored of a unit.
#[derive(Debug, Clone, Default)]
pub struct Put {
    /// Its file; `None` to keep the stored one.
    pub file: Option<UnitFile>,
    /// What is wanted of it; `None` is inactive for a new unit.
    pub desired: Option<TargetState>,
}

/// What became of a [`Put`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutOutcome {
    /// Whether the unit is new or has a new file.
    pub created: bool,
    /// The revision at which what was asked for stands.
    pub revision: Revision,
}

/// Why a [`Put`] or a removal was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// There is no such unit, and no file to make it from.
    #[error("unit {0} does not exist; send its options to create it")]
    NoFile(UnitName),
    /// The unit exists and nothing was asked of it.
    #[error("unit {0} exists already; say which desiredState it shall have")]
    NoDesiredState(UnitName),
    /// Other clients keep changing the unit.
    #[error("unit {0} is being changed by too many others at once; try again")]
    Contended(UnitName),
    /// The store does not take it.
    #[error("unit {name} takes {bytes} bytes in the store; {RECORD_BYTES_MAX} is the most")]
    TooLarge {
        /// The unit.
        name: UnitName,
        /// Its record's size.
        bytes: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Registry {
    /// Stores what is asked of a unit. The caller has validated the file.
    pub async fn put_unit(&self, name: &UnitName, put: &Put) -> Result<PutOutcome, PutError> {
        let key = Key::Unit(name.clone());
        for _ in 0..ATTEMPTS_MAX {
            let (entry, revision) = self.get(&key).await?;
            // What another hand wrote and nobody can read is replaced like any other file.
            let stored = entry.as_ref().and_then(|e| decode::<UnitRecord>(&e.key, &e.value).ok());
            let next = next_record(name, stored, put, revision)?;
            let Some((record, created)) = next else {
                return Ok(PutOutcome { created: false, revision });
            };
            let value = encode(&record);
            if value.len() > RECORD_BYTES_MAX {
                return Err(PutError::TooLarge { name: name.clone(), bytes: value.len() });
            }
            let put = Op::Put { key: key.to_string(), value, lease: None };
            let unchanged = unchanged(&key, entry.map(|entry| entry.modified));
            if let Some(committed) = self.commit_if(vec![unchanged], vec![put]).await? {
                return Ok(PutOutcome { created, revision: committed.revision });
            }
        }
        Err(PutError::Contended(name.clone()))
    }

    /// Removes a unit. `None`: there was none.
    pub async fn destroy_unit(&self, name: &UnitName) -> Result<Option<Revision>, StoreError> {
        let delete = Op::Delete(Key::Unit(name.clone()).to_string());
        let committed = self.always(vec![delete]).await?;
        let existed = committed.results.contains(&OpResult::Deleted(true));
        Ok(existed.then_some(committed.revision))
    }
}

/// What a [`Put`] would store, were it made now; `None` when it is stored already. Its launch number
/// means nothing.
pub fn after_put(
    name: &UnitName,
    stored: Option<UnitRecord>,
    put: &Put,
) -> Result<Option<UnitRecord>, PutError> {
    let next = next_record(name, stored, put, Revision::default())?;
    Ok(next.map(|(record, _)| record))
}

fn unchanged(key: &Key, modified: Option<Revision>) -> Compare {
    match modified {
        Some(modified) => Compare::Modified(key.to_string(), modified),
        None => Compare::Absent(key.to_string()),
    }
}

/// What shall be stored, and whether that is a new unit or a new file; `None` when it is so already.
///
/// `now` is the store's revision at the read that found `stored`: greater than any launch number
/// given before, because each of those is the revision of a read before its commit.
fn next_record(
    name: &UnitName,
    stored: Option<UnitRecord>,
    put: &Put,
    now: Revision,
) -> Result<Option<(UnitRecord, bool)>, PutError> {
    let launch = now.0.unsigned_abs();
    let Some(stored) = stored else {
        let file = put.file.as_ref().ok_or_else(|| PutError::NoFile(name.clone()))?;
        let desired = put.desired.unwrap_or(TargetState::Inactive);
        let contents = file.contents().to_owned();
        return Ok(Some((UnitRecord { contents, desired, launch }, true)));
    };
    let replacement = put.file.as_ref().filter(|file| !same_file(file, &stored.contents));
    let desired = match (put.desired, replacement) {
        (Some(desired), _) => desired,
        (None, Some(_)) => TargetState::Inactive,
        (None, None) => return Err(PutError::NoDesiredState(name.clone())),
    };
    let moved_to_launched = desired == TargetState::Launched && stored.desired != desired;
    let next = UnitRecord {
        contents: replacement.map_or(&stored.contents[..], UnitFile::contents).to_owned(),
        desired,
        launch: if replacement.is_some() || moved_to_launched { launch } else { stored.launch },
    };
    Ok((next != stored).then_some((next, replacement.is_some())))
}

/// "The same file" means the same options: a comment makes no difference.
fn same_file(file: &UnitFile, contents: &str) -> bool {
    UnitFile::parse(contents).is_ok_and(|stored| stored.hash() == file.hash())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(command: &str) -> UnitFile {
        UnitFile::parse(&format!("[Service]\nExecStart={command}\n")).unwrap()
    }

    fn stored(desired: TargetState) -> UnitRecord {
        UnitRecord { contents: file("/bin/a").contents().to_owned(), desired, launch: 5 }
    }

    /// What is stored after a put at revision 9: desired state, launch, whether it is the file of
    /// the put, and whether the API says "created".
    fn put(
        before: Option<UnitRecord>,
        file: Option<UnitFile>,
        desired: Option<TargetState>,
    ) -> Result<Option<(TargetState, u64, bool)>, String> {
        let name = UnitName::parse("u.service").unwrap();
        let put = Put { file, desired };
        next_record(&name, before, &put, Revision(9))
            .map(|next| next.map(|(record, created)| (record.desired, record.launch, created)))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_new_unit_needs_a_file() {
        use TargetState::{Inactive, Launched};
        assert!(put(None, None, Some(Launched)).unwrap_err().contains("does not exist"));
        assert_eq!(put(None, Some(file("/bin/a")), None), Ok(Some((Inactive, 9, true))));
        assert_eq!(put(None, Some(file("/bin/a")), Some(Launched)), Ok(Some((Launched, 9, true))));
    }

    #[test]
    fn only_a_move_to_launched_or_another_file_is_a_new_launch() {
        use TargetState::{Inactive, Launched, Loaded};
        let same = || Some(file("/bin/a"));
        let other = || Some(file("/bin/b"));
        let table = [
            (Loaded, None, Some(Launched), Some((Launched, 9, false))),
            (Launched, None, Some(Launched), None),
            (Launched, same(), Some(Launched), None),
            (Launched, None, Some(Loaded), Some((Loaded, 5, false))),
            (Launched, None, Some(Inactive), Some((Inactive, 5, false))),
            (Launched, other(), Some(Launched), Some((Launched, 9, true))),
            (Loaded, other(), Some(Loaded), Some((Loaded, 9, true))),
            (Launched, other(), None, Some((Inactive, 9, true))),
        ];
        for (before, file, desired, after) in table {
            assert_eq!(put(Some(stored(before)), file, desired), Ok(after), "{before} {desired:?}");
        }
    }

    #[test]
    fn an_existing_unit_needs_a_wish() {
        let refused = put(Some(stored(TargetState::Loaded)), Some(file("/bin/a")), None);
        assert!(refused.unwrap_err().contains("desiredState"));
    }
}
