//! What is true, seen from above: everything that is stored, every process on every machine, and what was done. Looked
//! at after each step; the first broken law is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fleet::fleetd::registry::{
    Assignment, Changes, Cluster, Event, Key, KeyValue, LeaseId, Range, View, Watch, decode,
    encode, schedule_of,
};
use fleet::fleetd::systemd::{MemoryUnits, UnitManager};
use fleet::model::{MachineId, TargetState};
use fleet::unitfile::UnitName;
use futures_util::FutureExt;
use tokio::time::Instant;

use super::{laws, units};

/// The world.
pub struct World(Mutex<Truth>);

/// All that is known of it.
pub struct Truth {
    feed: Watch,
    /// Everything that is stored.
    pub keys: BTreeMap<String, KeyValue>,
    pub cluster: Cluster,
    pub hosts: BTreeMap<usize, Seen>,
    /// Units of which something changed since they were given their place.
    pub restless: BTreeSet<UnitName>,
    metadata_changed: Option<Instant>,
    pub trace: Vec<String>,
    pub broken: Option<String>,
    begun: Instant,
    loud: bool,
}

/// A machine that has power.
pub struct Seen {
    pub id: MachineId,
    pub units: Arc<MemoryUnits>,
    pub leases: BTreeSet<LeaseId>,
    /// Whether its fleetd was told to leave.
    pub leaving: bool,
    /// Since when there is a reason to stop a unit here.
    pub reasons: BTreeMap<UnitName, Instant>,
    /// The launch that each unit was started for last, and when.
    pub launched: BTreeMap<UnitName, (u64, Instant)>,
    /// Since when fleetd and systemd are both there and awake, if they are.
    looked_after: Option<Instant>,
    /// When its fleetd was killed last.
    pub crashed: Option<Instant>,
    /// Units whose programs were made to end.
    pub ended: BTreeSet<UnitName>,
}

impl Seen {
    /// Whether somebody had the time to stop what must not run any more.
    pub fn is_looked_after(&self) -> bool {
        self.looked_after.is_some_and(|since| since.elapsed() > CATCHES_UP)
    }

    /// Whether what is here of a unit is not what is scheduled.
    fn runs_another(&self, name: &UnitName, wanted: &Assignment) -> bool {
        let files = self.units.files().now_or_never().and_then(Result::ok).unwrap_or_default();
        let launched = self.launched.get(name);
        files.get(name).is_some_and(|file| file.hash() != wanted.hash)
            || launched.is_some_and(|(launch, _)| *launch != wanted.launch)
    }
}

/// So long after a host woke, or its fleetd or systemd came back, its units are as they should be: a step that failed
/// meanwhile is tried again after a while.
const CATCHES_UP: Duration = Duration::from_secs(30);

/// A reason to stop a unit outlives a start of it for so long: who starts may not have heard of it yet.
const HEARSAY: Duration = Duration::from_secs(15);

/// fleetd writes down what it started a moment after it did. One that is killed in between starts it once more.
const UNWRITTEN: Duration = Duration::from_secs(5);

impl World {
    /// Begins with an empty store, of which `feed` tells everything.
    pub fn new(feed: Watch) -> World {
        World(Mutex::new(Truth {
            feed,
            keys: BTreeMap::new(),
            cluster: Cluster::default(),
            hosts: BTreeMap::new(),
            restless: BTreeSet::new(),
            metadata_changed: None,
            trace: Vec::new(),
            broken: None,
            begun: Instant::now(),
            loud: std::env::var_os("TRACE").is_some(),
        }))
    }

    pub fn truth(&self) -> MutexGuard<'_, Truth> {
        let mut truth = self.0.lock().unwrap();
        truth.catch_up();
        truth
    }

    /// Looks whether all is right.
    pub fn look(&self) {
        let mut truth = self.truth();
        let looked = laws::always(&truth);
        truth.judge(looked);
    }

    pub fn note(&self, host: usize, what: String) {
        self.truth().say(format!("h{host} {what}"));
    }

    pub fn booted(&self, host: usize, id: MachineId, units: Arc<MemoryUnits>) {
        let mut truth = self.truth();
        truth.say(format!("h{host} boots as {id}"));
        let seen = Seen {
            id,
            units,
            leases: BTreeSet::new(),
            leaving: false,
            reasons: BTreeMap::new(),
            launched: BTreeMap::new(),
            looked_after: None,
            crashed: None,
            ended: BTreeSet::new(),
        };
        truth.hosts.insert(host, seen);
    }

    pub fn died(&self, host: usize) {
        self.truth().hosts.remove(&host);
    }

    fn of(&self, host: usize, change: impl FnOnce(&mut Seen)) {
        if let Some(seen) = self.truth().hosts.get_mut(&host) {
            change(seen);
        }
    }

    pub fn leaves(&self, host: usize) {
        self.of(host, |seen| seen.leaving = true);
    }

    pub fn stays(&self, host: usize) {
        self.of(host, |seen| seen.leaving = false);
    }

    pub fn crashed(&self, host: usize) {
        self.of(host, |seen| seen.crashed = Some(Instant::now()));
    }

    /// A host has, or lacks, somebody who would stop its units in time.
    pub fn looked_after(&self, host: usize, is: bool) {
        self.of(host, |seen| seen.looked_after = is.then(Instant::now));
    }

    pub fn ended(&self, host: usize, unit: &UnitName) {
        self.of(host, |seen| _ = seen.ended.insert(unit.clone()));
    }

    pub fn granted(&self, host: usize, lease: LeaseId) {
        self.of(host, |seen| _ = seen.leases.insert(lease));
    }

    /// The leases a host was ever granted.
    pub fn leases(&self, host: usize) -> BTreeSet<LeaseId> {
        self.truth().hosts.get(&host).map(|seen| seen.leases.clone()).unwrap_or_default()
    }

    /// A host ends a lease by itself.
    pub fn revokes(&self, host: usize, lease: LeaseId) {
        let mut truth = self.truth();
        let law = laws::revoke(&truth, host, lease);
        truth.judge(law);
    }

    /// A host's fleetd has systemd stop a unit.
    pub fn stops(&self, host: usize, unit: &UnitName, verb: &str) {
        let mut truth = self.truth();
        truth.say(format!("h{host} {verb} {unit}"));
        let law = laws::stop(&truth, host, unit);
        truth.judge(law.map_err(|broken| format!("{verb}: {broken}")));
        if let Some(seen) = truth.hosts.get_mut(&host) {
            seen.launched.remove(unit);
        }
    }

    /// A host's fleetd has systemd start a unit.
    pub fn starts(&self, host: usize, unit: &UnitName) {
        let mut truth = self.truth();
        truth.say(format!("h{host} start {unit}"));
        let Some(seen) = truth.hosts.get(&host) else { return };
        let launch = truth.launch(&seen.id, unit);
        let law = laws::start(seen, unit, launch);
        truth.judge(law);
    }

    /// systemd took the start of a unit.
    pub fn started(&self, host: usize, unit: &UnitName) {
        let mut truth = self.truth();
        let Some(seen) = truth.hosts.get(&host) else { return };
        let launch = truth.launch(&seen.id, unit);
        let Some(seen) = truth.hosts.get_mut(&host) else { return };
        seen.launched.insert(unit.clone(), (launch, Instant::now()));
        seen.ended.remove(unit);
        if seen.reasons.get(unit).is_some_and(|since| since.elapsed() > HEARSAY) {
            seen.reasons.remove(unit);
        }
    }

    /// A host's fleetd has systemd forget units: what they were started for is forgotten with them.
    pub fn unlinks(&self, host: usize, names: &[UnitName]) {
        self.of(host, |seen| seen.launched.retain(|name, _| !names.contains(name)));
    }

    /// A machine's schedule as one would take it who does not ask for which life it is.
    pub fn pretend_planned(&self, host: usize, prefix: &str, range: &mut Range) {
        let truth = self.truth();
        let Some(seen) = truth.hosts.get(&host).filter(|seen| schedule_of(&seen.id) == prefix)
        else {
            return;
        };
        let Some(machine) = truth.keys.get(&Key::Machine(seen.id.clone()).to_string()) else {
            return;
        };
        let key = Key::Planned(seen.id.clone()).to_string();
        range.entries.retain(|entry| entry.key != key);
        let value = encode(&machine.created.0);
        range.entries.push(KeyValue { key, value, lease: None, ..machine.clone() });
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

impl Truth {
    pub fn say(&mut self, what: String) {
        let line = format!("{:9.3} {what}", self.begun.elapsed().as_secs_f64());
        if self.loud {
            println!("{line}");
        }
        self.trace.push(line);
    }

    /// Keeps the first law that is broken.
    fn judge(&mut self, law: Result<(), String>) {
        if let (Err(broken), None) = (law, &self.broken) {
            self.say(format!("BROKEN: {broken}"));
            self.broken = Some(broken);
        }
    }

    /// Whether the engine may not have heard yet of what machines' metadata have become.
    pub fn are_metadata_fresh(&self) -> bool {
        self.metadata_changed.is_some_and(|at| at.elapsed() < HEARSAY)
    }

    /// The start that is scheduled.
    fn launch(&self, machine: &MachineId, unit: &UnitName) -> u64 {
        let scheduled = self.cluster.schedule.get(machine).and_then(|it| it.units.get(unit));
        scheduled.map_or(0, |assignment| assignment.launch)
    }

    /// Whether a host is a machine of the cluster now.
    pub fn is_member(&self, seen: &Seen) -> bool {
        let machine = self.keys.get(&Key::Machine(seen.id.clone()).to_string());
        machine.and_then(|entry| entry.lease).is_some_and(|lease| seen.leases.contains(&lease))
    }

    pub fn holds(&self, seen: &Seen, unit: &UnitName) -> bool {
        let holder = self.keys.get(&Key::Holder(unit.clone()).to_string());
        holder.and_then(|entry| entry.lease).is_some_and(|lease| seen.leases.contains(&lease))
    }

    fn catch_up(&mut self) {
        while let Ok(changes) = self.feed.try_recv() {
            let Changes { revision, events } = changes.expect("the feed is never behind");
            let placed: Vec<(MachineId, UnitName)> = events.iter().filter_map(placed).collect();
            for event in events {
                let law = laws::change(self, &event);
                self.judge(law);
                self.reasons(&event);
                let key = match &event {
                    Event::Put(entry) => {
                        self.keys.insert(entry.key.clone(), entry.clone());
                        format!("+ {}", entry.key)
                    }
                    Event::Deleted(key) => {
                        self.keys.remove(key);
                        format!("- {key}")
                    }
                };
                self.say(format!("{revision:>6} {key}"));
                self.cluster.apply(revision, event);
            }
            for (machine, unit) in placed {
                let law = laws::place(self, &machine, &unit);
                self.judge(law);
                self.restless.remove(&unit);
            }
        }
    }

    /// What a change is a reason for, looked at before it is made.
    fn reasons(&mut self, event: &Event) {
        let (key, put) = match event {
            Event::Put(entry) => (Key::parse(&entry.key), Some(entry)),
            Event::Deleted(key) => (Key::parse(key), None),
        };
        match key {
            Some(Key::Unit(name)) => {
                self.restless.extend(
                    (0..units::COUNT)
                        .map(units::name)
                        .filter(|other| units::concerns(&name, other)),
                );
            }
            Some(Key::Metadata(..) | Key::Machine(_)) => {
                self.metadata_changed = Some(Instant::now());
                self.restless
                    .extend((0..units::COUNT).map(units::name).filter(units::minds_metadata));
            }
            Some(Key::Schedule(machine, name)) => {
                let schedule = self.cluster.schedule.get(&machine);
                let known = schedule.is_some_and(|schedule| schedule.units.contains_key(&name));
                match put.and_then(|entry| decode::<Assignment>(&entry.key, &entry.value).ok()) {
                    Some(to) => self.reason(&name, |seen| {
                        seen.id == machine && (known || seen.runs_another(&name, &to))
                    }),
                    None if known && !self.may_come_back(&machine, &name) => {
                        self.reason(&name, |seen| seen.id == machine);
                    }
                    None => {}
                }
            }
            Some(Key::Holder(name)) if put.is_some() => {
                let lease = put.and_then(|entry| entry.lease);
                self.reason(&name, |seen| lease.is_none_or(|lease| !seen.leases.contains(&lease)));
            }
            _ => {}
        }
    }

    /// That a machine which is gone has a unit no longer is no reason to stop it there: until another one has it, it may
    /// come back.
    fn may_come_back(&self, machine: &MachineId, name: &UnitName) -> bool {
        let wanted = self.cluster.units.get(name);
        !self.cluster.machines.contains_key(machine)
            && wanted.is_some_and(|unit| unit.desired > TargetState::Inactive)
    }

    fn reason(&mut self, unit: &UnitName, on: impl Fn(&Seen) -> bool) {
        for seen in self.hosts.values_mut().filter(|seen| on(seen)) {
            seen.reasons.insert(unit.clone(), Instant::now());
            seen.launched.remove(unit);
        }
    }
}

/// What an event puts on which machine.
fn placed(event: &Event) -> Option<(MachineId, UnitName)> {
    match event {
        Event::Put(entry) => match Key::parse(&entry.key)? {
            Key::Schedule(machine, unit) => Some((machine, unit)),
            _ => None,
        },
        Event::Deleted(_) => None,
    }
}

/// Whether a start of the same launch may be one that a killed fleetd did not write down.
pub fn may_be_unwritten(seen: &Seen, started: Instant) -> bool {
    seen.crashed.is_some_and(|crash| crash >= started && crash - started < UNWRITTEN)
}
