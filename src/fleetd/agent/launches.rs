//! Which start of each unit was carried out last, kept in `/run/fleet/launched/` so that a fleetd
//! that was restarted starts nothing twice. A reboot empties it, with everything that ran.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::diff::Launched;
use crate::fleetd::durable;
use crate::fleetd::systemd::JobResult;
use crate::unitfile::UnitName;

/// The folder of launch records, one file for each unit.
#[derive(Debug)]
pub struct Launches {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Record {
    launch: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl Launches {
    /// The records in `folder`, which is made if it is not there.
    pub fn in_folder(folder: PathBuf) -> io::Result<Launches> {
        std::fs::create_dir_all(&folder)?;
        Ok(Launches { folder })
    }

    /// Every record. One that does not read is as good as none: its unit, if it runs, is started
    /// once more, which changes nothing.
    pub fn read(&self) -> io::Result<BTreeMap<UnitName, Launched>> {
        let mut all = BTreeMap::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_str().and_then(|name| UnitName::parse(name).ok());
            let text = std::fs::read(entry.path())?;
            if let (Some(name), Ok(record)) = (name, serde_json::from_slice::<Record>(&text)) {
                all.insert(name, record.into());
            }
        }
        Ok(all)
    }

    /// Notes that a start was carried out.
    pub fn record(&self, name: &UnitName, launched: &Launched) -> io::Result<()> {
        let record = Record {
            launch: launched.launch,
            result: launched.result.map(|result| result.to_string()),
            message: launched.message.clone(),
        };
        durable::write(&self.folder.join(name.as_str()), &serde_json::to_vec(&record)?)
    }

    /// Notes that a unit was stopped by wish, or is gone.
    pub fn forget(&self, name: &UnitName) -> io::Result<()> {
        match std::fs::remove_file(self.folder.join(name.as_str())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl From<Record> for Launched {
    fn from(record: Record) -> Launched {
        let result = record.result.as_deref().and_then(JobResult::parse);
        Launched { launch: record.launch, job: None, result, message: record.message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_fleetd_before_this_one_left_is_read_and_written_alike() {
        let left = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let left = left.join("tests/data/stored/1/run/launched");
        let here = tempfile::tempdir().unwrap();
        let launches = Launches::in_folder(here.path().to_owned()).unwrap();
        let read = Launches::in_folder(left.clone()).unwrap().read().unwrap();
        assert_eq!(read.len(), 2);
        for (name, launched) in read {
            launches.record(&name, &launched).unwrap();
            let text =
                |folder: &std::path::Path| std::fs::read(folder.join(name.as_str())).unwrap();
            assert_eq!(text(&left), text(here.path()), "{name}");
        }
    }
}
