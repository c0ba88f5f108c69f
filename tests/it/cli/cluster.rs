//! A cluster that plays a script: it keeps what it is given, tells of every change, and does what
//! a test said it shall do after a request.

use std::collections::BTreeMap;
use std::sync::Arc;

use fleet::api::{
    Event, Machine, MachineEvent, Ready, State, StateEvent, Unit, UnitEvent, Waiting, Why,
};
use fleet::model::{MachineId, SystemdState, TargetState};
use fleet::unitfile::{UnitFile, UnitName};
use tokio::sync::{Notify, broadcast};

pub const M1: &str = "113f16a7000000000000000000000001";
pub const M2: &str = "2a3b4c5d000000000000000000000002";

/// What happens after a request.
type Reaction = Box<dyn Fn(&mut Cluster) + Send>;

pub struct Cluster {
    pub units: BTreeMap<UnitName, Unit>,
    pub states: BTreeMap<(UnitName, MachineId), State>,
    pub machines: Vec<Machine>,
    /// Those that left or were lost.
    pub gone: Vec<Machine>,
    pub whys: BTreeMap<UnitName, Why>,
    /// Units that wait, and so have no state.
    pub waiting: Vec<Waiting>,
    /// Every request that was made: method and what follows the version.
    pub asked: Vec<String>,
    /// Refuse each request that begins with this, with this status and message.
    pub refuse: Option<(String, u16, String)>,
    /// The answer to each request that begins with this is held back until the word is given.
    pub hold: Option<(String, Arc<Notify>)>,
    pub page_size: usize,
    pub revision: i64,
    pub events: broadcast::Sender<Event>,
    /// Tell nobody of what happens.
    pub mute: bool,
    reactions: BTreeMap<String, Reaction>,
}

pub fn name(text: &str) -> UnitName {
    text.parse().unwrap()
}

pub fn machine(id: &str) -> MachineId {
    MachineId::parse(id).unwrap()
}

impl Default for Cluster {
    fn default() -> Self {
        let machine = |id, ip: &str, zone: &str| Machine {
            metadata: BTreeMap::from([("zone".to_owned(), zone.to_owned())]),
            ..Machine::new(machine(id), ip.to_owned())
        };
        Self {
            units: BTreeMap::new(),
            states: BTreeMap::new(),
            machines: vec![machine(M1, "172.17.8.101", "a"), machine(M2, "172.17.8.102", "b")],
            gone: Vec::new(),
            whys: BTreeMap::new(),
            waiting: Vec::new(),
            asked: Vec::new(),
            refuse: None,
            hold: None,
            page_size: 2,
            revision: 10,
            events: broadcast::channel(1024).0,
            mute: false,
            reactions: BTreeMap::new(),
        }
    }
}

impl Cluster {
    /// Has something happen after a request, such as `PUT units/hello.service`.
    pub fn after(&mut self, request: &str, reaction: impl Fn(&mut Self) + Send + 'static) {
        self.reactions.insert(request.to_owned(), Box::new(reaction));
    }

    /// Plays what follows a request.
    pub fn react(&mut self, request: &str) {
        if let Some(reaction) = self.reactions.remove(request) {
            reaction(self);
            self.reactions.insert(request.to_owned(), reaction);
        }
    }

    /// A unit is in the cluster, wanted and having come as far as said.
    pub fn has(&mut self, unit: &str, contents: &str, state: TargetState) {
        let on = (state != TargetState::Inactive).then(|| machine(M1));
        let stored = Unit {
            name: Some(name(unit)),
            options: UnitFile::parse(contents).unwrap().options().to_vec(),
            contents: Some(contents.to_owned()),
            desired_state: Some(state),
            current_state: Some(state),
            machine_id: on,
            launch: Some(1),
        };
        self.units.insert(name(unit), stored);
    }

    /// Changes a unit and tells of it.
    pub fn change(&mut self, unit: &str, change: impl FnOnce(&mut Unit)) {
        let unit = name(unit);
        change(self.units.get_mut(&unit).unwrap());
        self.tell_unit(&unit);
    }

    pub fn tell_unit(&mut self, unit: &UnitName) {
        self.revision += 1;
        let stored = self.units.get(unit).cloned();
        let stored = stored.map(|unit| Unit { options: Vec::new(), contents: None, ..unit });
        let event = UnitEvent { revision: self.revision, name: unit.clone(), unit: stored };
        self.tell(Event::Unit(event));
    }

    /// A machine takes a unit.
    pub fn place(&mut self, unit: &str, id: &str) {
        self.change(unit, |unit| {
            unit.machine_id = Some(machine(id));
            unit.current_state = Some(TargetState::Loaded);
        });
    }

    /// A machine reports `active sub` of a unit, and how its last start ended.
    pub fn report(&mut self, unit: &str, id: &str, words: &str, job: Option<&str>) {
        let unit = name(unit);
        let stored = &self.units[&unit];
        let (active, sub) = words.split_once(' ').unwrap();
        let failed = active == "failed";
        let hash = UnitFile::from_options(stored.options.clone()).unwrap().hash();
        let [load, active, sub] = ["loaded", active, sub].map(str::to_owned);
        let systemd = SystemdState { load, active, sub };
        let state = State {
            launch: stored.launch.filter(|_| stored.desired_state == Some(TargetState::Launched)),
            job: job.map(str::to_owned),
            result: failed.then(|| "exit-code".to_owned()),
            exit_status: failed.then_some(3),
            log: failed.then(Vec::new),
            ..State::new(unit.clone(), hash, machine(id), systemd)
        };
        self.states.insert((unit.clone(), machine(id)), state.clone());
        self.tell_state(unit, id, Some(state));
    }

    /// A machine reports something else of a unit that it reported before.
    pub fn correct(&mut self, unit: &str, id: &str, correct: impl FnOnce(&mut State)) {
        let state = self.states.get_mut(&(name(unit), machine(id))).unwrap();
        correct(state);
        let state = state.clone();
        self.tell_state(name(unit), id, Some(state));
    }

    /// A machine no longer has a unit.
    pub fn drop_state(&mut self, unit: &str, id: &str) {
        self.states.remove(&(name(unit), machine(id)));
        self.tell_state(name(unit), id, None);
    }

    fn tell_state(&mut self, name: UnitName, id: &str, state: Option<State>) {
        self.revision += 1;
        let (revision, machine_id) = (self.revision, machine(id));
        self.tell(Event::State(StateEvent { revision, name, machine_id, state }));
    }

    /// A machine joins.
    pub fn join(&mut self, id: &str, ip: &str) {
        self.revision += 1;
        let id = machine(id);
        let machine = Machine::new(id.clone(), ip.to_owned());
        let revision = self.revision;
        self.tell(Event::Machine(MachineEvent {
            revision,
            id,
            machine: Some(machine),
            status: None,
        }));
    }

    /// The stream was interrupted as far as its readers can tell.
    pub fn reset(&self) {
        self.tell(Event::Reset(Ready { revision: self.revision }));
    }

    /// Every stream ends.
    pub fn hang_up(&mut self) {
        self.events = broadcast::channel(1024).0;
    }

    fn tell(&self, event: Event) {
        if !self.mute {
            // It is no error that nobody listens.
            let _ = self.events.send(event);
        }
    }

    /// Requests other than GET, without the reads around them.
    pub fn writes(&self) -> Vec<String> {
        self.asked.iter().filter(|asked| !asked.starts_with("GET")).cloned().collect()
    }
}
