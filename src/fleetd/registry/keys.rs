//! The key layout: what is stored under which name, and who may write it. Pure.
//!
//! | key | writer | lives |
//! |---|---|---|
//! | `cluster` | the first agent, create-only | for ever |
//! | `format` | engine, under its leader key | for ever |
//! | `unit/<name>` | API | until destroyed |
//! | `machine-metadata/<machine>/<key>` | API | until removed |
//! | `schedule/<machine>/<name>` | engine, under its leader key | until moved |
//! | `schedule/<machine>/@planned` | engine, under its leader key | with the schedule |
//! | `engine/leader` | engine | its own lease |
//! | `machine/<machine>` | agent | session lease |
//! | `known/<machine>` | agent; removed by the engine | until gone for seven days |
//! | `lost/<machine>` | engine, under its leader key | until back, or gone for seven days |
//! | `holder/<name>` | agent, create-only | session lease |
//! | `survey` | API | for ever |
//! | `figures/<machine>` | agent, when `survey` changes | session lease |
//! | `state/<name>/<machine>` | agent | session lease |
//! | `trouble/unit/<name>` | engine, under its leader key | until quiet for an hour |
//! | `trouble/machine/<machine>` | engine, under its leader key | until quiet for an hour |

use std::fmt;

use crate::model::MachineId;
use crate::unitfile::UnitName;

/// Every key fleet writes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Which cluster this is.
    Cluster,
    /// In which form all of this is stored.
    Format,
    /// A unit's file and what is wanted of it.
    Unit(UnitName),
    /// One piece of metadata set through the API; overrides the machine's own.
    Metadata(MachineId, String),
    /// That a machine shall have a unit.
    Schedule(MachineId, UnitName),
    /// For which life of the machine its schedule was planned.
    Planned(MachineId),
    /// Who leads.
    Leader,
    /// A live machine.
    Machine(MachineId),
    /// A machine that is or was of the cluster.
    Known(MachineId),
    /// That a machine went without a word.
    Lost(MachineId),
    /// Which machine may run a unit.
    Holder(UnitName),
    /// What a machine's systemd says of a unit.
    State(UnitName, MachineId),
    /// The question how the machines are.
    Survey,
    /// A machine's answer to it.
    Figures(MachineId),
    /// What went wrong with a unit lately.
    UnitTrouble(UnitName),
    /// What went wrong with a machine lately.
    MachineTrouble(MachineId),
}

const CLUSTER: &str = "cluster";

const FORMAT: &str = "format";

const SURVEY: &str = "survey";

/// The name of [`Key::Planned`] beside unit names. No unit name starts with `@`.
const PLANNED: &str = "@planned";

impl Key {
    /// Reads a key. `None`: not one of fleet's.
    pub fn parse(key: &str) -> Option<Key> {
        match key {
            CLUSTER => return Some(Key::Cluster),
            FORMAT => return Some(Key::Format),
            SURVEY => return Some(Key::Survey),
            _ => {}
        }
        let (kind, rest) = key.split_once('/')?;
        let two = || rest.split_once('/');
        Some(match kind {
            "unit" => Key::Unit(UnitName::parse(rest).ok()?),
            "machine-metadata" => {
                let (machine, name) = two()?;
                Key::Metadata(MachineId::parse(machine).ok()?, name.to_owned())
            }
            "schedule" => {
                let (machine, name) = two()?;
                let machine = MachineId::parse(machine).ok()?;
                match name {
                    PLANNED => Key::Planned(machine),
                    _ => Key::Schedule(machine, UnitName::parse(name).ok()?),
                }
            }
            "engine" if rest == "leader" => Key::Leader,
            "machine" => Key::Machine(MachineId::parse(rest).ok()?),
            "known" => Key::Known(MachineId::parse(rest).ok()?),
            "lost" => Key::Lost(MachineId::parse(rest).ok()?),
            "holder" => Key::Holder(UnitName::parse(rest).ok()?),
            "state" => {
                let (name, machine) = two()?;
                Key::State(UnitName::parse(name).ok()?, MachineId::parse(machine).ok()?)
            }
            "figures" => Key::Figures(MachineId::parse(rest).ok()?),
            "trouble" => match two()? {
                ("unit", name) => Key::UnitTrouble(UnitName::parse(name).ok()?),
                ("machine", machine) => Key::MachineTrouble(MachineId::parse(machine).ok()?),
                _ => return None,
            },
            _ => return None,
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Cluster => f.write_str(CLUSTER),
            Key::Format => f.write_str(FORMAT),
            Key::Unit(name) => write!(f, "unit/{name}"),
            Key::Metadata(machine, key) => write!(f, "machine-metadata/{machine}/{key}"),
            Key::Schedule(machine, name) => write!(f, "schedule/{machine}/{name}"),
            Key::Planned(machine) => write!(f, "schedule/{machine}/{PLANNED}"),
            Key::Leader => f.write_str("engine/leader"),
            Key::Machine(machine) => write!(f, "machine/{machine}"),
            Key::Known(machine) => write!(f, "known/{machine}"),
            Key::Lost(machine) => write!(f, "lost/{machine}"),
            Key::Holder(name) => write!(f, "holder/{name}"),
            Key::State(name, machine) => write!(f, "state/{name}/{machine}"),
            Key::Survey => f.write_str(SURVEY),
            Key::Figures(machine) => write!(f, "figures/{machine}"),
            Key::UnitTrouble(name) => write!(f, "trouble/unit/{name}"),
            Key::MachineTrouble(machine) => write!(f, "trouble/machine/{machine}"),
        }
    }
}

/// The prefix of everything one machine shall have.
pub fn schedule_of(machine: &MachineId) -> String {
    format!("schedule/{machine}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_reads_back() {
        let unit = UnitName::parse("web@1.service").unwrap();
        let machine = MachineId::parse("113f16a7b2c94ad09a1ea1c36e2bfa6b").unwrap();
        let keys = [
            Key::Cluster,
            Key::Format,
            Key::Unit(unit.clone()),
            Key::Metadata(machine.clone(), "rack/row".into()),
            Key::Schedule(machine.clone(), unit.clone()),
            Key::Planned(machine.clone()),
            Key::Leader,
            Key::Machine(machine.clone()),
            Key::Known(machine.clone()),
            Key::Lost(machine.clone()),
            Key::Holder(unit.clone()),
            Key::State(unit.clone(), machine.clone()),
            Key::Survey,
            Key::Figures(machine.clone()),
            Key::UnitTrouble(unit),
            Key::MachineTrouble(machine),
        ];
        for key in keys {
            assert_eq!(Key::parse(&key.to_string()), Some(key));
        }
    }

    #[test]
    fn what_is_not_fleets_is_no_key() {
        for key in [
            "",
            "unit",
            "unit/",
            "unit/a b.service",
            "engine/other",
            "machine/",
            "x/y",
            "trouble/unit",
        ] {
            assert_eq!(Key::parse(key), None, "{key:?}");
        }
    }
}
