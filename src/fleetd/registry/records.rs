//! What stands under each key, as JSON. Pure.
//!
//! A value that does not read is somebody else's hand in the store: it is reported and skipped,
//! never a reason to stop ([`Garbage`]).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::foreign::Fault;
use super::store::KeyValue;
use crate::model::{MachineId, TargetState, Timestamp};
use crate::unitfile::{UnitHash, UnitName};

/// `unit/<name>`: a unit's file and what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitRecord {
    /// The file, byte for byte.
    pub contents: String,
    /// How far the unit shall get.
    pub desired: TargetState,
    /// The last start that is wanted: grows at creation and at every move to launched, also over
    /// a destruction, because it is a revision of the store.
    pub launch: u64,
}

/// `schedule/<machine>/<name>`: that a machine shall have a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Of the file the machine shall have.
    pub hash: UnitHash,
    /// Loaded or launched.
    pub desired: TargetState,
    /// The start that is wanted, as in the unit's record.
    pub launch: u64,
    /// Whether the unit runs everywhere, and so needs no holder.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub global: bool,
}

/// `machine/<machine>`: a live machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineRecord {
    /// The address others reach it by.
    pub ip: String,
    /// From its configuration.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// The version of its fleetd.
    pub version: String,
    /// The newest format of the store that its fleetd reads; absent from older fleetds, which read
    /// the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<u32>,
    /// Tells this machine's life from another one that claims the same id.
    pub session: Uuid,
    /// When it became a machine of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<Timestamp>,
    /// How long its session outlives its last heartbeat, in milliseconds; absent from older fleetds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_ttl_millis: Option<u64>,
    /// What it is, as far as it found out; absent until it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
}

impl MachineRecord {
    /// How long its session outlives its last heartbeat, if it said so.
    pub fn agent_ttl(&self) -> Option<Duration> {
        self.agent_ttl_millis.map(Duration::from_millis)
    }
}

/// What a machine is, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Its operating system, as that calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// How many processors it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// How much memory it has, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// The version of its systemd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub systemd_version: Option<String>,
    /// The version of its Docker engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker_version: Option<String>,
    /// When it booted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booted: Option<Timestamp>,
}

/// `known/<machine>`: a machine that is or was of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRecord {
    /// What it said of itself last.
    pub machine: MachineRecord,
    /// When it left, if it did so in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Timestamp>,
}

/// `lost/<machine>`: that a machine went without a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostRecord {
    /// When that was noticed.
    pub since: Timestamp,
    /// Until when nothing of it is moved, where it did not go alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// `engine/leader`: who leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderRecord {
    /// The leading machine.
    pub machine: MachineId,
    /// The version of its fleetd.
    pub version: String,
    /// The newest format of the store that it writes; absent likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<u32>,
}

/// `holder/<name>`: which machine may run a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderRecord {
    /// The machine.
    pub machine: MachineId,
}

/// `state/<name>/<machine>`: what a machine's systemd says of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRecord {
    /// Of the file that is linked.
    pub hash: UnitHash,
    /// systemd's LOAD.
    pub load: String,
    /// systemd's ACTIVE.
    pub active: String,
    /// systemd's SUB.
    pub sub: String,
    /// The last start that was carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<u64>,
    /// How that start's job ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// systemd's `Result` of the last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The main process's exit status, where the result has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<i32>,
    /// systemd's words, where it refused the unit, or to stop it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the active state last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The main process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_pid: Option<u32>,
    /// How often systemd restarted it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u32>,
    /// Its last lines in the journal, of a run that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Vec<String>>,
}

impl StateRecord {
    /// The start that failed, if the last one did.
    pub fn failed_start(&self) -> Option<u64> {
        let job = self.job.as_deref();
        self.launch.filter(|_| matches!(job, Some("failed" | "timeout" | "dependency")))
    }
}

/// `survey`: that somebody asks how the machines are. The question is the revision of this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyRecord {
    /// What is asked.
    pub about: About,
}

/// What somebody wants to know of every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// How it is.
    Machine,
    /// That, and how each of its units is: systemd has to be asked about each.
    Units,
}

/// `figures/<machine>`: how a machine is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FiguresRecord {
    /// The revision of the question.
    pub answers: i64,
    /// The load averages of the last 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// How much memory is in use, in bytes.
    pub memory_used: u64,
    /// What each unit uses of it, as far as systemd counts it; absent when that was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<BTreeMap<UnitName, u64>>,
}

/// A stored value that does not read.
#[derive(Debug, thiserror::Error)]
#[error("the store holds something unreadable under {key}")]
pub struct Garbage {
    /// Where.
    pub key: String,
    /// What is wrong with it.
    #[source]
    pub source: serde_json::Error,
}

/// Reads a stored value.
pub fn decode<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T, Garbage> {
    serde_json::from_slice(value).map_err(|source| Garbage { key: key.to_owned(), source })
}

/// Reads a stored value; one that does not read is reported and skipped.
pub(super) fn readable<T: DeserializeOwned>(entry: &KeyValue) -> Option<T> {
    decode(&entry.key, &entry.value)
        .inspect_err(|garbage| Fault::unreadable(&garbage.source).report(entry))
        .ok()
}

/// Writes a value for the store.
#[expect(clippy::expect_used, reason = "our own records: string keys only, no failing Serialize")]
pub fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    serde_json::to_vec(record).expect("a record is always JSON")
}
