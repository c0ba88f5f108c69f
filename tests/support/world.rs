//! A cluster that is a value: what is stored, changed as the store would change it, and the rules
//! that every plan must keep, written a second time and plainly.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fleet::fleetd::engine::{
    Change, Departure, Departures, Fate, Moment, Plan, Trouble, Troubles, UnassignReason,
    departures, explain, troubles, waits,
};
use fleet::fleetd::registry::{
    Assignment, Cluster, Event, HolderRecord, Key, KeyValue, KnownRecord, LeaseId, LostRecord,
    MachineRecord, MachineTrouble, Revision, UnitRecord, UnitTrouble, View, encode,
};
use fleet::model::{MachineId, Requirements, Timestamp};
use fleet::unitfile::UnitName;

/// A cluster and its revision.
#[derive(Debug)]
pub struct World {
    pub cluster: Cluster,
    /// What time it is there.
    pub now: Timestamp,
    revision: i64,
}

impl Default for World {
    fn default() -> World {
        let now = Timestamp::from_unix_secs(1_000_000_000);
        World { cluster: Cluster::default(), now, revision: 0 }
    }
}

/// How long machines of scripts live without a heartbeat.
pub const TTL_SECS: u64 = 3;

impl World {
    /// Machines of scripts are named as they are.
    pub fn machine(name: &str) -> MachineId {
        MachineId::parse(name).unwrap()
    }

    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The moment it is, at which everyone who lives is heard.
    pub fn moment(&self) -> Moment {
        Moment::at(self.now)
    }

    /// What the engine decides now.
    pub fn plan(&self) -> Plan {
        explain(&self.cluster, &self.moment(), |_| true)
    }

    /// What it decides of machines that are gone.
    pub fn departures(&self) -> Departures {
        departures(&self.cluster, &self.moment())
    }

    /// What it decides of what goes wrong again and again.
    pub fn troubles(&self) -> Troubles {
        troubles(&self.cluster, self.now)
    }

    /// When time alone changes what it decides.
    pub fn due(&self) -> Option<Timestamp> {
        let dues = [self.plan().due, self.troubles().next, self.departures().next];
        dues.into_iter().flatten().min()
    }

    /// Time goes by.
    pub fn pass_secs(&mut self, secs: u64) {
        self.now = self.now.after(Duration::from_secs(secs));
    }

    pub fn boot(&mut self, id: &MachineId, metadata: BTreeMap<String, String>) {
        let record = MachineRecord {
            ip: format!("ip-of-{id}"),
            metadata,
            version: "test".into(),
            // As the machines have it on which the same scripts are played.
            agent_ttl_millis: Some(TTL_SECS * 1000),
            ..MachineRecord::default()
        };
        self.boot_as(id, record);
    }

    pub fn boot_as(&mut self, id: &MachineId, record: MachineRecord) {
        self.put(Key::Machine(id.clone()), encode(&record));
        let known = KnownRecord { machine: record, left: None };
        self.put(Key::Known(id.clone()), encode(&known));
    }

    /// A unit's last start failed on the machine that has it, if one has.
    pub fn fail(&mut self, name: &UnitName) {
        let Some(unit) = self.cluster.units.get(name) else { return };
        let Some((machine, _)) = self.cluster.machines_of(name).next() else { return };
        let [load, active, sub] = ["loaded", "failed", "failed"];
        let state = serde_json::json!({
            "hash": unit.hash, "load": load, "active": active, "sub": sub,
            "launch": unit.launch, "job": "failed",
        });
        let key = Key::State(name.clone(), machine.clone());
        self.put(key, state.to_string().into_bytes());
    }

    /// The machine's session lapses: its key and its holders go at once.
    pub fn kill(&mut self, id: &MachineId) {
        let held: Vec<UnitName> = self
            .cluster
            .holders
            .iter()
            .filter(|(_, on)| on.machine == *id)
            .map(|(n, _)| n.clone())
            .collect();
        self.delete(Key::Machine(id.clone()));
        held.into_iter().for_each(|name| self.delete(Key::Holder(name)));
    }

    /// The machine says good-bye, and stops everything.
    pub fn leave(&mut self, id: &MachineId) {
        self.kill(id);
        if let Some(known) = self.cluster.known.get(id) {
            let known = KnownRecord { left: Some(self.now), ..known.record.clone() };
            self.put(Key::Known(id.clone()), encode(&known));
        }
    }

    pub fn store(&mut self, name: &UnitName, record: &UnitRecord) {
        self.put(Key::Unit(name.clone()), encode(record));
    }

    pub fn destroy(&mut self, name: &UnitName) {
        self.delete(Key::Unit(name.clone()));
    }

    pub fn hold(&mut self, name: &UnitName, machine: &MachineId) {
        let record = HolderRecord { machine: machine.clone() };
        self.put(Key::Holder(name.clone()), encode(&record));
    }

    /// Writes a plan as the engine would, and moves holders as agents would.
    pub fn carry_out(&mut self, plan: &Plan) {
        for decision in &plan.decisions {
            let machine = decision.machine.clone();
            match &decision.change {
                Change::Unassign { unit, reason } => {
                    self.delete(Key::Schedule(machine.clone(), unit.clone()));
                    self.delete(Key::State(unit.clone(), machine.clone()));
                    if let UnassignReason::MachineLost(moves) = reason {
                        let trouble = self.cluster.unit_troubles.get(unit);
                        let known = trouble.map(|trouble| trouble.record.clone());
                        let trouble =
                            UnitTrouble { moves: Some(*moves), ..known.unwrap_or_default() };
                        self.put(Key::UnitTrouble(unit.clone()), encode(&trouble));
                    }
                    if self.cluster.live_holder(unit) == Some(&machine) {
                        self.delete(Key::Holder(unit.clone()));
                    }
                }
                Change::Update { unit, to, .. } => self.assign(machine, unit, to),
                Change::Assign { unit, to, .. } => {
                    self.assign(machine.clone(), unit, to);
                    if !to.global {
                        self.hold(unit, &machine);
                    }
                }
                Change::Complete { life } => self.put(Key::Planned(machine), encode(&life.0)),
                Change::Expire => self.delete(Key::Planned(machine)),
            }
        }
    }

    /// Writes what is decided of machines that are gone, as the engine would.
    pub fn note(&mut self, departures: &Departures) {
        for Departure { machine, fate } in &departures.all {
            let key = Key::Lost(machine.clone());
            match fate {
                Fate::Lost { since, wait, trouble } => {
                    let until = wait.map(|wait| wait.until);
                    self.put(key, encode(&LostRecord { since: *since, until }));
                    self.put_trouble(machine, trouble.as_ref());
                }
                Fate::Back(trouble) => {
                    self.delete(key);
                    self.put_trouble(machine, trouble.as_ref());
                }
                Fate::Found => self.delete(key),
                Fate::Forgotten => {
                    self.delete(key);
                    self.delete(Key::Known(machine.clone()));
                }
            }
        }
    }

    fn put_trouble(&mut self, machine: &MachineId, trouble: Option<&MachineTrouble>) {
        let key = Key::MachineTrouble(machine.clone());
        trouble.iter().for_each(|trouble| self.put(key.clone(), encode(trouble)));
    }

    /// Writes what is noted of troubles, as the engine would.
    pub fn note_troubles(&mut self, troubles: &Troubles) {
        for trouble in &troubles.all {
            match trouble {
                Trouble::Unit(name, after) if *after == UnitTrouble::default() => {
                    self.delete(Key::UnitTrouble(name.clone()));
                }
                Trouble::Unit(name, after) => {
                    self.put(Key::UnitTrouble(name.clone()), encode(after));
                }
                Trouble::Over(machine) => self.delete(Key::MachineTrouble(machine.clone())),
            }
        }
    }

    fn assign(&mut self, machine: MachineId, unit: &UnitName, to: &Assignment) {
        self.put(Key::Schedule(machine, unit.clone()), encode(to));
    }

    fn put(&mut self, key: Key, value: Vec<u8>) {
        self.revision += 1;
        let at = Revision(self.revision);
        let key = key.to_string();
        self.cluster.apply(
            at,
            Event::Put(KeyValue { key, value, created: at, modified: at, lease: Some(LeaseId(1)) }),
        );
    }

    fn delete(&mut self, key: Key) {
        self.revision += 1;
        self.cluster.apply(Revision(self.revision), Event::Deleted(key.to_string()));
    }

    /// What must hold of the schedule once a plan is carried out, whatever the cluster.
    pub fn check(&self, plan: &Plan) {
        let after = self.after(plan);
        let waits = waits(&self.cluster, &self.moment());
        let mut on: BTreeMap<&UnitName, BTreeSet<&MachineId>> = BTreeMap::new();
        for (machine, units) in &after {
            let there = self.cluster.machines.contains_key(machine);
            // What does not read stays, wherever that is.
            let readable: Vec<_> =
                units.iter().filter(|name| !self.cluster.is_unreadable(name)).collect();
            assert!(
                readable.is_empty() || there || waits.contains_key(machine),
                "{machine} is gone and still has {units:?}"
            );
            for name in readable {
                on.entry(name).or_default().insert(machine);
            }
        }
        for (name, machines) in &on {
            let wants = &self.cluster.units[*name].requirements;
            assert!(wants.global || machines.len() == 1, "{name} is on {machines:?}");
            for machine in machines.iter().filter(|id| !waits.contains_key(**id)) {
                self.check_one(name, wants, machine, &after[*machine]);
            }
        }
    }

    fn check_one(
        &self,
        name: &UnitName,
        wants: &Requirements,
        machine: &MachineId,
        there: &BTreeSet<UnitName>,
    ) {
        assert!(wants.machine_id.as_ref().is_none_or(|id| id == machine), "{name}: MachineID");
        let metadata = self.cluster.metadata_of(machine);
        for (key, values) in &wants.metadata {
            assert!(metadata.get(key).is_some_and(|v| values.contains(v)), "{name}: {key}");
        }
        for target in &wants.machine_of {
            assert!(there.contains(target), "{name} on {machine} without {target}");
        }
        for other in there.iter().filter(|other| *other != name) {
            let globs = &wants.conflicts;
            let quarrel = globs.iter().any(|glob| glob.matches(other.as_str()));
            assert!(!quarrel, "{name} conflicts with {other} on {machine}");
        }
    }

    /// What each machine has once a plan is carried out.
    fn after(&self, plan: &Plan) -> BTreeMap<MachineId, BTreeSet<UnitName>> {
        let schedule = self.cluster.schedule.iter();
        let mut after: BTreeMap<_, BTreeSet<_>> =
            schedule.map(|(id, s)| (id.clone(), s.units.keys().cloned().collect())).collect();
        for decision in &plan.decisions {
            let units = after.entry(decision.machine.clone()).or_default();
            match &decision.change {
                Change::Unassign { unit, .. } => assert!(units.remove(unit), "{decision}"),
                Change::Update { unit, .. } => assert!(units.contains(unit), "{decision}"),
                Change::Assign { unit, .. } => assert!(units.insert(unit.clone()), "{decision}"),
                Change::Complete { .. } | Change::Expire => {}
            }
        }
        after
    }
}
