//! The JSON documents of version 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{MachineId, SystemdState, TargetState, Timestamp};
use crate::unitfile::{UnitHash, UnitName, UnitOption};

/// A unit: its file, what is wanted of it, and where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// Its name. In a `PUT` it may be left out, the path has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<UnitName>,
    /// The file as options, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<UnitOption>,
    /// The file byte for byte. Where both are sent they must agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<String>,
    /// What is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_state: Option<TargetState>,
    /// How far the cluster has come. Absent for global units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_state: Option<TargetState>,
    /// The machine it is scheduled to. Absent for global units.
    #[serde(default, rename = "machineID", skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<MachineId>,
    /// The number of the start that is wanted last. A state with this `launch`, or a greater one,
    /// speaks of that start. Newer than fleet 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<u64>,
}

/// What one machine's systemd says of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The unit.
    pub name: UnitName,
    /// The hash of the file that is linked there.
    pub hash: UnitHash,
    /// The machine.
    #[serde(rename = "machineID")]
    pub machine_id: MachineId,
    /// systemd's LOAD.
    pub systemd_load_state: String,
    /// systemd's ACTIVE.
    pub systemd_active_state: String,
    /// systemd's SUB.
    pub systemd_sub_state: String,
    /// The last start that was carried out there. Newer than fleet 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<u64>,
    /// How that start's job ended (`done`, `failed`, `timeout`, `canceled`, `dependency`,
    /// `skipped`); absent while it runs. Newer than fleet 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// systemd's `Result` of the last run (`success`, `exit-code`, `signal` …). Newer than fleet 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The main process's exit status, where the result has one. Newer than fleet 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<i32>,
    /// systemd's words, where it refused the unit's file, its start or its stop. Newer than fleet
    /// 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the active state last changed; absent while the unit is inactive. Newer than fleet 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The main process, while there is one. Newer than fleet 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_pid: Option<u32>,
    /// How often systemd restarted it by itself since it was started (`NRestarts`). Newer than
    /// fleet 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u32>,
    /// How it is now; only with `?live=true`, and only if systemd counts it and its machine
    /// answered. Newer than fleet 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<UnitLive>,
    /// What the journal has of a run that failed: its last lines, ten at most, none if it said
    /// nothing. Absent until they were looked up, which takes two seconds at most, and again from
    /// the next start on. Newer than fleet 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Vec<String>>,
}

impl State {
    /// What systemd says in its three words, and nothing more.
    pub fn new(
        name: UnitName,
        hash: UnitHash,
        machine_id: MachineId,
        systemd: SystemdState,
    ) -> State {
        State {
            name,
            hash,
            machine_id,
            systemd_load_state: systemd.load,
            systemd_active_state: systemd.active,
            systemd_sub_state: systemd.sub,
            launch: None,
            job: None,
            result: None,
            exit_status: None,
            message: None,
            since: None,
            main_pid: None,
            restarts: None,
            live: None,
            log: None,
        }
    }
}

/// A machine of the cluster, or one that was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Its id, from `/etc/machine-id`.
    pub id: MachineId,
    /// The address others reach it by.
    #[serde(rename = "primaryIP")]
    pub primary_ip: String,
    /// From its configuration, overridden by what was set through the API.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The version of its fleetd. Newer than fleet 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its name. Newer than fleet 1.0, as is all that follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Its operating system, as that calls itself (`PRETTY_NAME`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// How many processors it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// How much memory it has, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// The version of its systemd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub systemd_version: Option<String>,
    /// The version of its Docker engine, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker_version: Option<String>,
    /// When it booted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booted: Option<Timestamp>,
    /// When `status` began to be true. Of a machine that is alive: when it joined the cluster. Of
    /// one that left or was lost: when it was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Absent for a machine that is alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<MachineStatus>,
    /// How many units are scheduled to it; absent for a machine that is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<u32>,
    /// How it is now; only with `?live=true`, and only if it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
}

impl Machine {
    /// A machine of which no more is known.
    pub fn new(id: MachineId, primary_ip: String) -> Machine {
        Machine {
            id,
            primary_ip,
            metadata: BTreeMap::new(),
            version: None,
            hostname: None,
            os: None,
            cpus: None,
            memory: None,
            systemd_version: None,
            docker_version: None,
            booted: None,
            since: None,
            status: None,
            units: None,
            live: None,
        }
    }
}

/// How a machine stands with the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MachineStatus {
    /// It is of the cluster.
    Alive,
    /// It left: its fleetd was stopped.
    Left,
    /// It was lost: its heartbeat ended without a word.
    Lost,
    /// A word of a newer fleetd, which never comes from this one.
    #[serde(other)]
    Unknown,
}

/// What a machine says of itself when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// The load averages of the last 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// How much of its memory is in use, in bytes.
    pub memory_used: u64,
}

/// What a machine says of one of its units when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitLive {
    /// How much memory it uses, in bytes.
    pub memory: u64,
}

/// Some units, and where the next ones are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitPage {
    /// In order of name.
    #[serde(default)]
    pub units: Vec<Unit>,
    /// Opaque; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Some states, and where the next ones are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatePage {
    /// In order of name, then of machine.
    #[serde(default)]
    pub states: Vec<State>,
    /// Opaque; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
    /// All units that wait and so have no state anywhere, in order of name; only on the first page.
    /// Newer than fleet 1.0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
}

/// That a unit waits before it is placed: its machine was lost again and again, or vanished with
/// most others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// The unit.
    pub name: UnitName,
    /// What for and until when, in one sentence.
    pub reason: String,
}

/// Some machines, and where the next ones are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachinePage {
    /// In order of id.
    #[serde(default)]
    pub machines: Vec<Machine>,
    /// Opaque; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Why a unit is where it is, or nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// The unit.
    pub name: UnitName,
    /// In one word.
    pub status: WhyStatus,
    /// In one sentence.
    pub reason: String,
    /// The machines it is scheduled to; several for a global unit.
    #[serde(default, rename = "machineIDs", skip_serializing_if = "Vec::is_empty")]
    pub machine_ids: Vec<MachineId>,
    /// Every machine that does not take it, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
}

/// How a unit stands with the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhyStatus {
    /// Nobody asked for it to be on a machine.
    Inactive,
    /// It is on a machine (a global unit: on every machine that takes it).
    Placed,
    /// It waits for a machine that takes it.
    Pending,
    /// A word of a newer fleetd, which never comes from this one.
    #[serde(other)]
    Unknown,
}

/// One machine's refusal of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The machine.
    #[serde(rename = "machineID")]
    pub machine_id: MachineId,
    /// The address others reach it by.
    #[serde(rename = "primaryIP")]
    pub primary_ip: String,
    /// In words.
    pub reason: String,
}
