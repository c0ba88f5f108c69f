//! Clusters as large as one wants, of units that ask for various things.

use fleet::fleetd::engine::{Change, Decision, Plan};
use fleet::fleetd::registry::{
    Cluster, Event, HolderRecord, Key, KeyValue, KnownRecord, LeaseId, MachineRecord, Range,
    Revision, UnitRecord, View, encode,
};
use fleet::model::{MachineId, TargetState};
use fleet::unitfile::UnitName;

/// Machines stand in so many racks.
const RACKS: usize = 20;

/// A cluster as a store would tell it, and what it is changed by.
pub struct Stored {
    pub cluster: Cluster,
    revision: i64,
}

impl Stored {
    /// So many machines, and so many units that are wanted and nowhere yet.
    pub fn of(machines: usize, units: usize) -> Stored {
        let machines = (0..machines).flat_map(|n| {
            let record = machine(n);
            let known = KnownRecord { machine: record.clone(), left: None };
            let id = machine_id(n);
            [(Key::Machine(id.clone()), encode(&record)), (Key::Known(id), encode(&known))]
        });
        let units = (0..units).map(|n| {
            let (name, record) = unit(n);
            (Key::Unit(name), record)
        });
        let mut entries = machines.chain(units).map(|(key, value)| entry(&key, value, 1));
        let mut cluster = Cluster::default();
        cluster.replace(Range { revision: Revision(1), entries: entries.by_ref().collect() });
        Stored { cluster, revision: 1 }
    }

    /// Writes a value under a key.
    pub fn put(&mut self, key: &Key, value: Vec<u8>) {
        self.revision += 1;
        let entry = entry(key, value, self.revision);
        self.cluster.apply(Revision(self.revision), Event::Put(entry));
    }

    /// Writes a plan as the engine would, and holders as agents would.
    pub fn carry_out(&mut self, plan: &Plan) {
        for Decision { machine, change } in &plan.decisions {
            let at = |unit: &UnitName| Key::Schedule(machine.clone(), unit.clone());
            match change {
                Change::Unassign { unit, .. } => {
                    self.delete(&at(unit));
                    self.delete(&Key::Holder(unit.clone()));
                }
                Change::Update { unit, to, .. } => self.put(&at(unit), encode(to)),
                Change::Assign { unit, to, .. } => {
                    self.put(&at(unit), encode(to));
                    let holder = HolderRecord { machine: machine.clone() };
                    self.put(&Key::Holder(unit.clone()), encode(&holder));
                }
                Change::Complete { life } => {
                    self.put(&Key::Planned(machine.clone()), encode(&life.0));
                }
                Change::Expire => self.delete(&Key::Planned(machine.clone())),
            }
        }
    }

    /// So many more units, of a rack that is nowhere.
    pub fn add_homeless(&mut self, units: usize) {
        for n in 0..units {
            let name = UnitName::parse(&format!("homeless{n}.service")).expect("it is one");
            self.put(&Key::Unit(name), record(n, "MachineMetadata=rack=none"));
        }
    }

    /// A machine's session lapses; returns what it said of itself.
    pub fn lose(&mut self, machine: &MachineId) -> Vec<u8> {
        let said = encode(&self.cluster.machines[machine].record);
        self.delete(&Key::Machine(machine.clone()));
        said
    }

    /// Removes a key.
    pub fn delete(&mut self, key: &Key) {
        self.revision += 1;
        self.cluster.apply(Revision(self.revision), Event::Deleted(key.to_string()));
    }
}

fn entry(key: &Key, value: Vec<u8>, revision: i64) -> KeyValue {
    let at = Revision(revision);
    KeyValue { key: key.to_string(), value, created: at, modified: at, lease: Some(LeaseId(1)) }
}

/// The id of a machine.
pub fn machine_id(n: usize) -> MachineId {
    MachineId::parse(&format!("{n:032x}")).expect("it is one")
}

fn machine(n: usize) -> MachineRecord {
    let metadata = [("rack", (n % RACKS).to_string()), ("disk", ["ssd", "hdd"][n % 2].to_owned())];
    MachineRecord {
        ip: format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255),
        metadata: metadata.map(|(key, value)| (key.to_owned(), value)).into(),
        version: "1.0.0".to_owned(),
        agent_ttl_millis: Some(30_000),
        ..MachineRecord::default()
    }
}

/// A unit that is wanted, as stored. Of 25 units one is beside another one, two want a rack, two a kind of disk, two are instances that
/// stay apart, and the rest ask for nothing.
pub fn unit(n: usize) -> (UnitName, Vec<u8>) {
    let (name, wants) = match n % 25 {
        1 => (format!("u{n}.service"), format!("MachineOf=u{}.service", n - 1)),
        2 | 3 => (format!("u{n}.service"), format!("MachineMetadata=rack={}", n % RACKS)),
        4 | 5 => (format!("u{n}.service"), "MachineMetadata=disk=ssd".to_owned()),
        6 | 7 => {
            let app = n / 250;
            (format!("app{app}@{n}.service"), format!("Conflicts=app{app}@*.service"))
        }
        _ => (format!("u{n}.service"), String::new()),
    };
    let name = UnitName::parse(&name).expect("it is one");
    (name, record(n, &wants))
}

fn record(n: usize, wants: &str) -> Vec<u8> {
    let contents = format!("[Service]\nExecStart=/usr/bin/u {n}\n[X-Fleet]\n{wants}\n");
    encode(&UnitRecord { contents, desired: TargetState::Launched, launch: 1 })
}
