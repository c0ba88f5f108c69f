//! The machines of the cluster, by id, and how they are written in tables and messages.

use std::collections::BTreeMap;
use std::fs;

use super::error::Error;
use crate::api::client::{Client, ClientError};
use crate::api::{Machine, MachineEvent};
use crate::fleetctl::show::tell;
use crate::model::MachineId;

/// Where systemd keeps the id of the machine it runs on (machine-id(5)).
const MACHINE_ID_FILE: &str = "/etc/machine-id";

/// So many machines at most are named in a message.
const NAMED_MAX: usize = 8;

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

    /// The one machine whose id begins like this.
    pub fn find(&self, given: &str) -> Result<&Machine, Error> {
        let matching = self.matching(given);
        match matching[..] {
            [machine] => Ok(machine),
            [] => Err(Error::NoMachine { given: given.to_owned(), known: self.all() }),
            _ => {
                let matching = self.named(matching.iter().map(|machine| &machine.id));
                Err(Error::ManyMachines { given: given.to_owned(), matching })
            }
        }
    }

    /// Those whose ids begin like this; a whole id is one machine's, whatever others begin with.
    pub fn matching(&self, given: &str) -> Vec<&Machine> {
        let whole = self.0.values().find(|machine| machine.id.as_str() == given);
        let begins =
            |machine: &&Machine| !given.is_empty() && machine.id.as_str().starts_with(given);
        whole.map_or_else(|| self.0.values().filter(begins).collect(), |machine| vec![machine])
    }

    /// One machine by its whole id.
    pub fn get(&self, id: &MachineId) -> Option<&Machine> {
        self.0.get(id)
    }

    /// All of them in a message, or as many as can be read at a glance.
    pub fn all(&self) -> String {
        self.named(self.0.keys())
    }

    fn named<'i>(&self, ids: impl Iterator<Item = &'i MachineId>) -> String {
        let names = tell::first(ids.map(|id| self.legend(id, false)), NAMED_MAX);
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
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

/// A machine's metadata as `key=value,key=value`; empty for none.
pub fn metadata_legend(machine: &Machine) -> String {
    let pairs = machine.metadata.iter().map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join(",")
}

/// The machine this program runs on; `None` where systemd never ran.
pub fn local_machine() -> Option<MachineId> {
    let id = fs::read_to_string(MACHINE_ID_FILE).ok()?;
    MachineId::parse(id.trim()).ok()
}
