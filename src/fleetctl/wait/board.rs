//! What is known of the units that a command waits for, and from when on it may be judged.
//!
//! Pure: answers and events in, verdicts out. A unit is not judged by what was known before the
//! command's own change of it: only an event of that change's revision or a later one, or a look
//! taken after the change, makes it [fresh](Entry::is_fresh). Otherwise a unit that was active
//! before it was restarted would count as restarted at once.

use std::collections::BTreeMap;

use super::goal::{Goal, Progress, Stage, States, progress};
use crate::api::{Event, State, Unit};
use crate::unitfile::UnitName;

/// The units that are waited for.
#[derive(Debug, Default)]
pub struct Board(BTreeMap<UnitName, Entry>);

#[derive(Debug)]
struct Entry {
    goal: Goal,
    unit: Option<Unit>,
    states: States,
    /// The revision of the last event about the unit.
    told: Option<i64>,
    /// The revision that has this command's change; `None` until it is made.
    changed: Option<i64>,
    /// A look was taken after the change.
    looked: bool,
}

impl Entry {
    fn is_fresh(&self) -> bool {
        self.looked || self.changed.is_some_and(|changed| self.told >= Some(changed))
    }
}

impl Board {
    /// Waits for one more unit. `states` matter for goals at which they must have ended.
    pub fn expect(&mut self, name: UnitName, goal: Goal, states: Vec<State>) {
        let states = by_machine(states);
        let (told, changed, looked) = (None, None, false);
        self.0.insert(name, Entry { goal, unit: None, states, told, changed, looked });
    }

    /// This command's change of a unit is made, in this revision.
    pub fn changed(&mut self, name: &UnitName, revision: i64) {
        if let Some(entry) = self.0.get_mut(name) {
            entry.changed = Some(revision);
        }
    }

    /// A unit as it was seen after this command's change.
    pub fn looked(&mut self, name: &UnitName, unit: Option<Unit>, states: Vec<State>) {
        if let Some(entry) = self.0.get_mut(name) {
            entry.unit = unit;
            entry.states = by_machine(states);
            entry.looked = true;
        }
    }

    /// Takes note of an event; returns the unit it is about, if that is waited for.
    pub fn note(&mut self, event: &Event) -> Option<UnitName> {
        match event {
            Event::Unit(event) => {
                let entry = self.0.get_mut(&event.name)?;
                entry.unit.clone_from(&event.unit);
                entry.told = Some(event.revision);
                Some(event.name.clone())
            }
            Event::State(event) => {
                let entry = self.0.get_mut(&event.name)?;
                match &event.state {
                    Some(state) => entry.states.insert(event.machine_id.clone(), state.clone()),
                    None => entry.states.remove(&event.machine_id),
                };
                Some(event.name.clone())
            }
            Event::Ready(_) | Event::Reset(_) | Event::Machine(_) => None,
        }
    }

    /// How far a unit is; `None` when it is not waited for or what is known of it is not fresh.
    pub fn verdict(&self, name: &UnitName) -> Option<Progress> {
        let entry = self.0.get(name).filter(|entry| entry.is_fresh())?;
        Some(progress(entry.goal, entry.unit.as_ref(), &entry.states))
    }

    /// No longer waits for a unit.
    pub fn settle(&mut self, name: &UnitName) {
        self.0.remove(name);
    }

    /// The units waited for.
    pub fn names(&self) -> impl Iterator<Item = &UnitName> {
        self.0.keys()
    }

    /// Whether nothing is waited for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The units that were changed, and yet nothing told of it.
    pub fn unheard(&self) -> Vec<UnitName> {
        let unheard = self.0.iter().filter(|(_, e)| e.changed.is_some() && !e.is_fresh());
        unheard.map(|(name, _)| name.clone()).collect()
    }

    /// Events may have been missed: nothing counts as told. Returns the units that a look will
    /// tell of; the others' change is not made yet, and will be told or end up
    /// [unheard](Self::unheard).
    pub fn missed(&mut self) -> Vec<UnitName> {
        let mut look = Vec::new();
        for (name, entry) in &mut self.0 {
            if entry.changed.is_some() || entry.looked {
                look.push(name.clone());
            }
            (entry.looked, entry.told) = (false, None);
        }
        look
    }

    /// The units that wait for a machine.
    pub fn homeless(&self) -> Vec<UnitName> {
        let homeless = |name: &&UnitName| {
            matches!(self.verdict(name), Some(Progress::Waiting(Stage::Machine)))
        };
        self.0.keys().filter(homeless).cloned().collect()
    }
}

fn by_machine(states: Vec<State>) -> States {
    states.into_iter().map(|state| (state.machine_id.clone(), state)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Ready, StateEvent, UnitEvent};
    use crate::fleetctl::wait::goal::Arrival;
    use crate::model::{MachineId, SystemdState, TargetState};
    use crate::unitfile::UnitFile;

    fn name() -> UnitName {
        UnitName::parse("a.service").unwrap()
    }

    fn machine() -> MachineId {
        MachineId::parse("m1").unwrap()
    }

    fn unit(launch: u64) -> Unit {
        Unit {
            name: Some(name()),
            options: Vec::new(),
            contents: None,
            desired_state: Some(TargetState::Launched),
            current_state: None,
            machine_id: Some(machine()),
            launch: Some(launch),
        }
    }

    fn active(launch: u64) -> State {
        let hash = UnitFile::parse("[Service]\nExecStart=/bin/true\n").unwrap().hash();
        let [load, active, sub] = ["loaded", "active", "running"].map(str::to_owned);
        State {
            launch: Some(launch),
            job: Some("done".to_owned()),
            ..State::new(name(), hash, machine(), SystemdState { load, active, sub })
        }
    }

    fn unit_event(revision: i64, launch: u64) -> Event {
        Event::Unit(UnitEvent { revision, name: name(), unit: Some(unit(launch)) })
    }

    fn state_event(revision: i64, launch: u64) -> Event {
        let state = Some(active(launch));
        Event::State(StateEvent { revision, name: name(), machine_id: machine(), state })
    }

    fn board() -> Board {
        let mut board = Board::default();
        board.expect(name(), Goal::Started, Vec::new());
        board
    }

    fn launched() -> Option<Progress> {
        Some(Progress::Done(Arrival::Launched(machine())))
    }

    #[test]
    fn what_was_before_the_change_does_not_count() {
        let mut board = board();
        assert_eq!(board.note(&unit_event(5, 1)), Some(name()));
        board.note(&state_event(6, 1));
        assert_eq!(board.verdict(&name()), None, "the change is not made");
        board.changed(&name(), 7);
        assert_eq!(board.verdict(&name()), None, "nothing is known since the change");
        assert_eq!(board.unheard(), [name()]);
        board.note(&unit_event(7, 2));
        assert_eq!(
            board.verdict(&name()),
            Some(Progress::Waiting(Stage::Starting(machine()))),
            "the state is of the start before"
        );
        board.note(&state_event(8, 2));
        assert_eq!(board.verdict(&name()), launched());
    }

    #[test]
    fn events_may_come_before_the_answer() {
        let mut board = board();
        board.note(&unit_event(7, 2));
        board.note(&state_event(8, 2));
        assert_eq!(board.verdict(&name()), None);
        board.changed(&name(), 7);
        assert_eq!(board.verdict(&name()), launched());
    }

    #[test]
    fn a_look_after_the_change_counts() {
        let mut board = board();
        board.changed(&name(), 7);
        board.looked(&name(), Some(unit(2)), vec![active(2)]);
        assert_eq!(board.verdict(&name()), launched());
        assert!(board.unheard().is_empty());
    }

    #[test]
    fn what_was_missed_is_looked_at_again() {
        let mut board = board();
        board.note(&unit_event(7, 2));
        assert!(board.missed().is_empty(), "its change is not made");
        board.changed(&name(), 7);
        assert_eq!(board.unheard(), [name()], "what was told before is not enough");
        board.changed(&name(), 7);
        board.note(&unit_event(7, 2));
        assert!(board.note(&Event::Reset(Ready { revision: 9 })).is_none());
        assert_eq!(board.missed(), [name()]);
        assert_eq!(board.verdict(&name()), None);
        board.looked(&name(), None, Vec::new());
        assert!(matches!(board.verdict(&name()), Some(Progress::Failed(_))));
    }

    #[test]
    fn the_homeless_are_those_without_a_machine() {
        let mut board = board();
        assert!(board.homeless().is_empty());
        let nowhere = Unit { machine_id: None, ..unit(2) };
        board.looked(&name(), Some(nowhere), Vec::new());
        assert_eq!(board.homeless(), [name()]);
        board.settle(&name());
        assert!(board.is_empty());
    }
}
