//! The JSON documents of version 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{MachineId, TargetState};
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
    /// systemd's words, where it refused the unit. Newer than fleet 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A machine of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
