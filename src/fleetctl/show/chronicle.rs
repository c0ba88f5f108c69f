//! The cluster's life in sentences.
//!
//! Pure: events in, sentences out. An event says how a thing stands, so it is news only if the
//! thing stood differently before, as far as people care.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{Event, Machine, MachineEvent, MachineStatus, State, StateEvent, Unit, UnitEvent};
use crate::fleetctl::machines::{Machines, metadata_legend};
use crate::model::{MachineId, TargetState, Timestamp};
use crate::unitfile::UnitName;

/// What was told so far.
#[derive(Debug, Default)]
pub struct Chronicle {
    machines: Machines,
    /// How each thing stood when it was last told of.
    told: BTreeMap<Thing, String>,
    /// Show ids whole.
    full: bool,
}

/// What an event can be about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Machine(MachineId),
    Unit(UnitName),
    State(UnitName, MachineId),
}

/// How everything stands, as the events that tell of it.
pub fn standing(
    revision: i64,
    machines: Vec<Machine>,
    units: Vec<Unit>,
    states: Vec<State>,
) -> Vec<Event> {
    let machines = machines.into_iter().map(|machine| {
        let (id, machine) = (machine.id.clone(), Some(machine));
        Event::Machine(MachineEvent { revision, id, machine, status: None })
    });
    let units = units.into_iter().filter_map(|unit| {
        let name = unit.name.clone()?;
        let unit = Unit { options: Vec::new(), contents: None, ..unit };
        Some(Event::Unit(UnitEvent { revision, name, unit: Some(unit) }))
    });
    let states = states.into_iter().map(|state| {
        let (name, machine_id) = (state.name.clone(), state.machine_id.clone());
        Event::State(StateEvent { revision, name, machine_id, state: Some(state) })
    });
    machines.chain(units).chain(states).collect()
}

/// Since when a thing stands as an event says, where that is known.
pub fn since(event: &Event) -> Option<Timestamp> {
    match event {
        Event::Machine(event) => event.machine.as_ref()?.since,
        Event::State(event) => event.state.as_ref()?.since,
        Event::Unit(_) | Event::Ready(_) | Event::Reset(_) => None,
    }
}

impl Chronicle {
    /// Nothing told yet. `full` shows ids whole.
    pub fn new(full: bool) -> Self {
        Self { full, ..Self::default() }
    }

    /// What is new, as a sentence; `None` if nothing is.
    pub fn tell(&mut self, event: &Event) -> Option<String> {
        if let Event::Machine(event) = event {
            self.machines.note(event);
        }
        let thing = thing(event)?;
        let sentence = match event {
            Event::Machine(event) => self.machine(event, self.told.contains_key(&thing)),
            Event::Unit(event) => self.unit(event),
            Event::State(event) => self.state(event),
            Event::Ready(_) | Event::Reset(_) => return None,
        };
        let stood = standpoint(event);
        let before = match &stood {
            Some(stood) => self.told.insert(thing, stood.clone()),
            None => self.told.remove(&thing),
        };
        (before != stood).then_some(sentence)
    }

    /// The events of what went unnoticed: of all that was told of and is not standing.
    pub fn gone(&self, revision: i64, standing: &[Event]) -> Vec<Event> {
        let there: BTreeSet<Thing> = standing.iter().filter_map(thing).collect();
        let gone = self.told.keys().filter(|thing| !there.contains(thing)).cloned();
        let event = |thing| match thing {
            Thing::Machine(id) => {
                Event::Machine(MachineEvent { revision, id, machine: None, status: None })
            }
            Thing::Unit(name) => Event::Unit(UnitEvent { revision, name, unit: None }),
            Thing::State(name, machine_id) => {
                Event::State(StateEvent { revision, name, machine_id, state: None })
            }
        };
        gone.map(event).collect()
    }

    fn machine(&self, event: &MachineEvent, known: bool) -> String {
        let machine = format!("machine {}", self.machines.legend(&event.id, self.full));
        match event.machine.as_ref().map(metadata_legend) {
            None => match event.status {
                Some(MachineStatus::Left) => format!("{machine} left"),
                Some(MachineStatus::Lost) => format!("{machine} lost"),
                Some(MachineStatus::Alive | MachineStatus::Unknown) | None => {
                    format!("{machine} left or was lost")
                }
            },
            Some(pairs) if known && pairs.is_empty() => format!("{machine} has no metadata"),
            Some(pairs) if known => format!("{machine} has metadata {pairs}"),
            Some(pairs) if pairs.is_empty() => format!("{machine} joined"),
            Some(pairs) => format!("{machine} joined with metadata {pairs}"),
        }
    }

    fn unit(&self, event: &UnitEvent) -> String {
        let name = &event.name;
        let Some(unit) = &event.unit else {
            return format!("{name} destroyed");
        };
        let wanted = unit.desired_state.unwrap_or_default();
        match (&unit.machine_id, unit.current_state) {
            (None, _) if wanted == TargetState::Inactive => format!("{name} inactive"),
            // A global unit has no machine and no state of its own.
            (None, None) => format!("{name} wanted {wanted} on every machine that takes it"),
            (None, Some(_)) => format!("{name} wanted {wanted}, waits for a machine"),
            (Some(id), current) => {
                let machine = self.machines.legend(id, self.full);
                match current.unwrap_or_default() {
                    TargetState::Inactive => format!("{name} scheduled to {machine}"),
                    current if current == wanted => format!("{name} {current} on {machine}"),
                    current => format!("{name} {current} on {machine}, wanted {wanted}"),
                }
            }
        }
    }

    fn state(&self, event: &StateEvent) -> String {
        let (name, on) = (&event.name, self.machines.legend(&event.machine_id, self.full));
        match &event.state {
            None => format!("{name} no longer on {on}"),
            Some(state) => format!("{name} {} on {on}", words(state)),
        }
    }
}

fn thing(event: &Event) -> Option<Thing> {
    match event {
        Event::Machine(event) => Some(Thing::Machine(event.id.clone())),
        Event::Unit(event) => Some(Thing::Unit(event.name.clone())),
        Event::State(event) => Some(Thing::State(event.name.clone(), event.machine_id.clone())),
        Event::Ready(_) | Event::Reset(_) => None,
    }
}

/// How a thing stands, as far as people care; `None` if it is gone.
fn standpoint(event: &Event) -> Option<String> {
    match event {
        Event::Machine(event) => event.machine.as_ref().map(metadata_legend),
        Event::Unit(event) => event.unit.as_ref().map(|unit| {
            format!("{:?} {:?} {:?}", unit.desired_state, unit.current_state, unit.machine_id)
        }),
        Event::State(event) => event.state.as_ref().map(words),
        Event::Ready(_) | Event::Reset(_) => None,
    }
}

/// systemd's words: `active (running)`, `failed (exit-code, status 3)`.
fn words(state: &State) -> String {
    let active = &state.systemd_active_state;
    let why = match (&state.result, state.exit_status) {
        (Some(result), Some(status)) => format!("{result}, status {status}"),
        (Some(result), None) => result.clone(),
        (None, _) => state.systemd_sub_state.clone(),
    };
    let detail = if active == "failed" { &why } else { &state.systemd_sub_state };
    format!("{active} ({detail})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemdState;
    use crate::unitfile::UnitFile;

    fn name() -> UnitName {
        UnitName::parse("web.service").unwrap()
    }

    fn id() -> MachineId {
        MachineId::parse("m1").unwrap()
    }

    fn machine(zone: &str) -> Event {
        let mut machine = Machine::new(id(), "10.0.0.1".to_owned());
        machine.metadata.insert("zone".to_owned(), zone.to_owned());
        let (id, machine) = (id(), Some(machine));
        Event::Machine(MachineEvent { revision: 1, id, machine, status: None })
    }

    fn unit(
        wanted: TargetState,
        current: Option<TargetState>,
        on: Option<MachineId>,
        launch: u64,
    ) -> Event {
        let unit = Unit {
            name: Some(name()),
            options: Vec::new(),
            contents: None,
            desired_state: Some(wanted),
            current_state: current,
            machine_id: on,
            launch: Some(launch),
        };
        Event::Unit(UnitEvent { revision: 1, name: name(), unit: Some(unit) })
    }

    fn state(active: &str, sub: &str) -> Event {
        let hash = UnitFile::parse("[Service]\nExecStart=/bin/true\n").unwrap().hash();
        let [load, active, sub] = ["loaded", active, sub].map(str::to_owned);
        let state = State::new(name(), hash, id(), SystemdState { load, active, sub });
        let result = Some("exit-code".to_owned());
        let state = State { result, exit_status: Some(3), ..state };
        Event::State(StateEvent { revision: 1, name: name(), machine_id: id(), state: Some(state) })
    }

    /// Everything told of is gone.
    fn all_gone(chronicle: &mut Chronicle) -> Vec<String> {
        let gone = chronicle.gone(2, &[]);
        gone.iter().filter_map(|event| chronicle.tell(event)).collect()
    }

    #[test]
    fn a_life_is_told_and_nothing_twice() {
        use TargetState::{Inactive, Launched, Loaded};
        let mut chronicle = Chronicle::default();
        for (event, expected) in [
            (machine("a"), Some("machine m1.../10.0.0.1 joined with metadata zone=a")),
            (machine("a"), None),
            (machine("b"), Some("machine m1.../10.0.0.1 has metadata zone=b")),
            (unit(Inactive, Some(Inactive), None, 0), Some("web.service inactive")),
            (
                unit(Launched, Some(Inactive), None, 1),
                Some("web.service wanted launched, waits for a machine"),
            ),
            (
                unit(Launched, Some(Inactive), Some(id()), 1),
                Some("web.service scheduled to m1.../10.0.0.1"),
            ),
            (
                unit(Launched, Some(Loaded), Some(id()), 1),
                Some("web.service loaded on m1.../10.0.0.1, wanted launched"),
            ),
            (
                state("activating", "start"),
                Some("web.service activating (start) on m1.../10.0.0.1"),
            ),
            (
                unit(Launched, Some(Launched), Some(id()), 1),
                Some("web.service launched on m1.../10.0.0.1"),
            ),
            (unit(Launched, Some(Launched), Some(id()), 2), None),
            (
                state("failed", "failed"),
                Some("web.service failed (exit-code, status 3) on m1.../10.0.0.1"),
            ),
            (
                unit(Launched, None, None, 2),
                Some("web.service wanted launched on every machine that takes it"),
            ),
            (Event::Reset(crate::api::Ready { revision: 1 }), None),
        ] {
            assert_eq!(chronicle.tell(&event).as_deref(), expected);
        }
        let gone = [
            "machine m1.../10.0.0.1 left or was lost",
            "web.service destroyed",
            "web.service no longer on m1.../10.0.0.1",
        ];
        assert_eq!(all_gone(&mut chronicle), gone);
        assert!(all_gone(&mut chronicle).is_empty());
    }

    #[test]
    fn how_a_machine_went_is_told_where_it_is_known() {
        for (status, expected) in [
            (Some(MachineStatus::Left), "machine m1.../10.0.0.1 left"),
            (Some(MachineStatus::Lost), "machine m1.../10.0.0.1 lost"),
            (None, "machine m1.../10.0.0.1 left or was lost"),
        ] {
            let mut chronicle = Chronicle::default();
            chronicle.tell(&machine("a"));
            let event = MachineEvent { revision: 2, id: id(), machine: None, status };
            let event = Event::Machine(event);
            assert_eq!(chronicle.tell(&event).as_deref(), Some(expected));
            // As when metadata of a machine that is gone changes.
            assert_eq!(chronicle.tell(&event), None);
        }
    }

    #[test]
    fn what_still_stands_is_not_gone() {
        let mut chronicle = Chronicle::default();
        let events = [machine("a"), state("active", "running")];
        events.iter().for_each(|event| drop(chronicle.tell(event)));
        assert!(chronicle.gone(2, &events).is_empty());
    }
}
