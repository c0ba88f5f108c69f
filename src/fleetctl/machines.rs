//! The machines of the cluster, by id, and how they are written in tables and messages.

use std::collections::BTreeMap;
use std::fs;

use crate::api::client::{Client, ClientError};
use crate::api::{Machine, MachineEvent};
use crate::model::MachineId;

/// Where systemd keeps the id of the machine it runs on (machine-id(5)).
const MACHINE_ID_FILE: &str = "/etc/machine-id";

/// The machines that are known.
#[derive(Debug, Default)]
pub struct Machines(BTreeMap<MachineId, Machine>);

impl Machines {
    /// Asks the cluster for all of them.
    pub async fn fetch(client: &Client) -> Result<Self, ClientError> {
        Ok(client.machines().await?.into_iter().collect())
    }

    /// Takes note of one that came, changed or left. One that left keeps its address here, for
    /// there may still be something to say about it.
    pub fn note(&mut self, event: &MachineEvent) {
        if let Some(machine) = &event.machine {
            self.0.insert(event.id.clone(), machine.clone());
        }
    }

    /// `113f16a7.../172.17.8.103`, or with the whole id; without the address if it is not known.
    pub fn legend(&self, id: &MachineId, full: bool) -> String {
        match self.0.get(id).map(|machine| machine.primary_ip.as_str()) {
            None | Some("") => id_legend(id, full),
            Some(address) => format!("{}/{address}", id_legend(id, full)),
        }
    }
}

impl FromIterator<Machine> for Machines {
    fn from_iter<I: IntoIterator<Item = Machine>>(machines: I) -> Self {
        Self(machines.into_iter().map(|machine| (machine.id.clone(), machine)).collect())
    }
}

/// `113f16a7...`, or the whole id.
pub fn id_legend(id: &MachineId, full: bool) -> String {
    if full { id.to_string() } else { format!("{}...", id.short()) }
}

/// The machine this program runs on; `None` where systemd never ran.
pub fn local_machine() -> Option<MachineId> {
    let id = fs::read_to_string(MACHINE_ID_FILE).ok()?;
    MachineId::parse(id.trim()).ok()
}
