//! How far a unit is on its way to where a command wants it.
//!
//! Pure: the unit and its states in, a verdict out. It must not know how either was learnt, nor
//! wait, nor print.

use std::collections::BTreeMap;

use super::failure::StartFailure;
use crate::api::{State, Unit};
use crate::model::{MachineId, TargetState};
use crate::unitfile::UnitHash;

/// What a machine's systemd says of one unit, for every machine that has it.
pub type States = BTreeMap<MachineId, State>;

/// Where a command wants a unit to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Its last start was carried out, and it came up.
    Started,
    /// It is on a machine, with this file.
    Loaded(UnitHash),
    /// It no longer runs.
    Stopped,
    /// It is on no machine.
    Unloaded,
    /// It no longer exists.
    Destroyed,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Not there; it may still come.
    Waiting(Stage),
    /// There.
    Done(Arrival),
    /// It will not come there.
    Failed(Failure),
}

/// What is being waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// A machine that takes it.
    Machine,
    /// Its machine links it.
    Loading(MachineId),
    /// Its machine's systemd starts it.
    Starting(MachineId),
    /// A machine's systemd stops it.
    Stopping(MachineId),
    /// The cluster takes notice.
    Cluster,
}

/// Where it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// Started on this machine.
    Launched(MachineId),
    /// On this machine, not started by fleet.
    Loaded(MachineId),
    /// On no machine.
    Inactive,
    /// Gone.
    Destroyed,
}

/// Why it will not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Somebody destroyed it meanwhile.
    Gone,
    /// Somebody wants something else of it meanwhile.
    Overruled(TargetState),
    /// systemd could not start it.
    Start(StartFailure),
    /// systemd refuses to stop it.
    Stop {
        /// Where.
        machine: MachineId,
        /// Its words.
        message: String,
    },
}

/// How far a unit is; `None` when there is no such unit.
pub fn progress(goal: Goal, unit: Option<&Unit>, states: &States) -> Progress {
    let Some(unit) = unit else {
        return match goal {
            Goal::Destroyed => emptied(states, Arrival::Destroyed),
            _ => Progress::Failed(Failure::Gone),
        };
    };
    let wanted = match goal {
        // Whatever has that name now is another unit.
        Goal::Destroyed => return Progress::Done(Arrival::Destroyed),
        Goal::Started => TargetState::Launched,
        Goal::Loaded(_) | Goal::Stopped => TargetState::Loaded,
        Goal::Unloaded => TargetState::Inactive,
    };
    match unit.desired_state {
        Some(other) if other != wanted => return Progress::Failed(Failure::Overruled(other)),
        _ => {}
    }
    match goal {
        Goal::Started => started(unit, states),
        Goal::Loaded(file) => loaded(unit, file, states),
        Goal::Stopped => stopped(unit, states),
        Goal::Unloaded | Goal::Destroyed => unloaded(unit, states),
    }
}

fn started(unit: &Unit, states: &States) -> Progress {
    let Some(machine) = unit.machine_id.clone() else {
        return Progress::Waiting(Stage::Machine);
    };
    let Some(state) = states.get(&machine) else {
        return Progress::Waiting(Stage::Loading(machine));
    };
    let carried_out = state.launch.is_some() && state.launch >= unit.launch;
    let (true, Some(job)) = (carried_out, state.job.as_deref()) else {
        return Progress::Waiting(Stage::Starting(machine));
    };
    let well = matches!(job, "done" | "skipped");
    match state.systemd_active_state.as_str() {
        "failed" => {}
        _ if !well => {}
        // Inactive after a start that went well: a oneshot that finished, or a condition that
        // does not hold.
        "active" | "reloading" | "inactive" => {
            return Progress::Done(Arrival::Launched(machine));
        }
        // On its way between two of these, for example to be restarted.
        _ => return Progress::Waiting(Stage::Starting(machine)),
    }
    Progress::Failed(Failure::Start(StartFailure {
        machine,
        job: job.to_owned(),
        result: state.result.clone(),
        exit_status: state.exit_status,
        message: state.message.clone(),
        log: state.log.clone(),
    }))
}

fn loaded(unit: &Unit, file: UnitHash, states: &States) -> Progress {
    let has_other =
        |machine: &MachineId| states.get(machine).is_some_and(|state| state.hash != file);
    match (unit.machine_id.clone(), unit.current_state) {
        (None, _) => Progress::Waiting(Stage::Machine),
        (Some(machine), Some(TargetState::Loaded)) if has_other(&machine) => {
            Progress::Waiting(Stage::Loading(machine))
        }
        (Some(machine), Some(TargetState::Loaded)) => Progress::Done(Arrival::Loaded(machine)),
        (Some(machine), Some(TargetState::Launched)) => stopping(machine, states),
        (Some(machine), _) => Progress::Waiting(Stage::Loading(machine)),
    }
}

fn stopped(unit: &Unit, states: &States) -> Progress {
    if let Some((machine, _)) = states.iter().find(|(_, state)| runs(state)) {
        return stopping(machine.clone(), states);
    }
    match (unit.machine_id.clone(), unit.current_state) {
        (None, _) => Progress::Done(Arrival::Inactive),
        (Some(machine), Some(TargetState::Loaded)) => Progress::Done(Arrival::Loaded(machine)),
        (Some(machine), _) => stopping(machine, states),
    }
}

fn unloaded(unit: &Unit, states: &States) -> Progress {
    match unit.current_state {
        None | Some(TargetState::Inactive) => emptied(states, Arrival::Inactive),
        _ => match unit.machine_id.clone() {
            Some(machine) => stopping(machine, states),
            None => Progress::Waiting(Stage::Cluster),
        },
    }
}

/// There once no machine has it.
fn emptied(states: &States, arrival: Arrival) -> Progress {
    match states.keys().next() {
        Some(machine) => stopping(machine.clone(), states),
        None => Progress::Done(arrival),
    }
}

/// The machine stops it, unless its systemd refuses to.
fn stopping(machine: MachineId, states: &States) -> Progress {
    match states.get(&machine).and_then(refusal_to_stop) {
        Some(message) => Progress::Failed(Failure::Stop { machine, message }),
        None => Progress::Waiting(Stage::Stopping(machine)),
    }
}

/// Whether the start that is wanted of a unit was carried out there and is over: it finished, failed
/// or was stopped.
pub fn is_over(unit: &Unit, state: &State) -> bool {
    let here = unit.machine_id.as_ref() == Some(&state.machine_id);
    let carried_out = state.launch.is_some() && state.launch >= unit.launch && state.job.is_some();
    here && carried_out && !runs(state)
}

fn runs(state: &State) -> bool {
    !matches!(state.systemd_active_state.as_str(), "inactive" | "failed")
}

/// systemd's words about what runs and whose last start went well: they are of its stop.
fn refusal_to_stop(state: &State) -> Option<String> {
    let of_its_start = state.job.as_deref() == Some("failed");
    state.message.clone().filter(|_| runs(state) && !of_its_start)
}

#[cfg(test)]
mod tests {
    use super::Goal::{Destroyed, Started, Stopped, Unloaded};
    use super::*;
    use crate::model::{SystemdState, TargetState as Target};
    use crate::unitfile::{UnitFile, UnitName};

    fn hash(command: &str) -> UnitHash {
        UnitFile::parse(&format!("[Service]\nExecStart={command}\n")).unwrap().hash()
    }

    fn loaded() -> Goal {
        Goal::Loaded(hash("/bin/true"))
    }

    fn machine(id: &str) -> MachineId {
        MachineId::parse(id).unwrap()
    }

    fn unit(desired: Target, current: Target, on: Option<&str>) -> Unit {
        Unit {
            name: None,
            options: Vec::new(),
            contents: None,
            desired_state: Some(desired),
            current_state: Some(current),
            machine_id: on.map(machine),
            launch: Some(2),
        }
    }

    /// `report` is `active [job [launch]]`; the launch is the wanted one unless given.
    fn state(on: &str, report: &str) -> State {
        let mut words = report.split(' ');
        let active = words.next().unwrap().to_owned();
        let name = UnitName::parse("a.service").unwrap();
        let hash = hash("/bin/true");
        let systemd = SystemdState { load: "loaded".to_owned(), active, sub: String::new() };
        State {
            job: words.next().filter(|job| *job != "-").map(str::to_owned),
            launch: words.next().map_or(Some(2), |launch| launch.parse().ok()),
            result: Some("exit-code".to_owned()),
            exit_status: Some(3),
            ..State::new(name, hash, machine(on), systemd)
        }
    }

    fn states(reports: &[(&str, &str)]) -> States {
        reports.iter().map(|(on, report)| (machine(on), state(on, report))).collect()
    }

    fn waiting(stage: Stage) -> Progress {
        Progress::Waiting(stage)
    }

    fn failed(job: &str) -> Progress {
        let (result, exit_status) = (Some("exit-code".to_owned()), Some(3));
        let start = StartFailure {
            machine: machine("m1"),
            job: job.to_owned(),
            result,
            exit_status,
            message: None,
            log: None,
        };
        Progress::Failed(Failure::Start(start))
    }

    #[test]
    fn a_start_is_over_when_its_own_job_is() {
        let launched = Progress::Done(Arrival::Launched(machine("m1")));
        let starting = waiting(Stage::Starting(machine("m1")));
        for (report, expected) in [
            ("active done", &launched),
            ("active done 3", &launched),
            ("reloading done", &launched),
            ("inactive done", &launched),
            ("inactive skipped", &launched),
            ("activating -", &starting),
            ("active -", &starting),
            ("activating done", &starting),
            ("deactivating done", &starting),
            // What it says is of an earlier start.
            ("active done 1", &starting),
            ("failed failed 1", &starting),
            ("inactive - none", &starting),
            ("failed done", &failed("done")),
            ("failed failed", &failed("failed")),
            ("inactive dependency", &failed("dependency")),
            ("inactive canceled", &failed("canceled")),
            ("activating timeout", &failed("timeout")),
            ("inactive assert", &failed("assert")),
        ] {
            let unit = unit(Target::Launched, Target::Loaded, Some("m1"));
            let states = states(&[("m1", report), ("m2", "active done")]);
            assert_eq!(&progress(Started, Some(&unit), &states), expected, "{report}");
        }
    }

    #[test]
    fn a_start_waits_for_its_machine() {
        let nowhere = unit(Target::Launched, Target::Inactive, None);
        let elsewhere = states(&[("m2", "active done")]);
        assert_eq!(progress(Started, Some(&nowhere), &elsewhere), waiting(Stage::Machine));
        let placed = unit(Target::Launched, Target::Inactive, Some("m1"));
        let expected = waiting(Stage::Loading(machine("m1")));
        assert_eq!(progress(Started, Some(&placed), &elsewhere), expected);
    }

    #[test]
    fn the_other_goals() {
        let m1 = || machine("m1");
        let stopping = || waiting(Stage::Stopping(m1()));
        let there = || Progress::Done(Arrival::Loaded(m1()));
        let inactive = || Progress::Done(Arrival::Inactive);
        let (none, idle, runs) = (&[][..], &[("m1", "inactive")][..], &[("m1", "active")][..]);
        let on = Some("m1");
        use Target::{Inactive as I, Launched as S, Loaded as L};
        for (goal, (desired, current, on), reports, expected) in [
            (loaded(), (L, I, None), none, waiting(Stage::Machine)),
            (loaded(), (L, I, on), none, waiting(Stage::Loading(m1()))),
            (loaded(), (L, S, on), runs, stopping()),
            (loaded(), (L, L, on), idle, there()),
            // A timer or a WantedBy= of its own may run what is merely loaded.
            (loaded(), (L, L, on), runs, there()),
            (Goal::Loaded(hash("/bin/false")), (L, L, on), idle, waiting(Stage::Loading(m1()))),
            (Stopped, (L, S, on), runs, stopping()),
            (Stopped, (L, L, on), runs, stopping()),
            (Stopped, (L, L, on), &[("m1", "deactivating")], stopping()),
            (Stopped, (L, S, on), idle, stopping()),
            (Stopped, (L, L, on), idle, there()),
            (Stopped, (L, L, on), &[("m1", "failed")], there()),
            (Stopped, (L, I, None), none, inactive()),
            (Stopped, (L, I, None), runs, stopping()),
            (Unloaded, (I, L, on), idle, stopping()),
            (Unloaded, (I, L, None), none, waiting(Stage::Cluster)),
            (Unloaded, (I, I, None), idle, stopping()),
            (Unloaded, (I, I, None), none, inactive()),
        ] {
            let unit = unit(desired, current, on);
            let got = progress(goal, Some(&unit), &states(reports));
            assert_eq!(got, expected, "{goal:?} {desired} {current} {on:?} {reports:?}");
        }
    }

    #[test]
    fn a_stop_that_systemd_refuses_is_over() {
        let message = || "Operation refused".to_owned();
        let refused =
            Progress::Failed(Failure::Stop { machine: machine("m1"), message: message() });
        let stopping = waiting(Stage::Stopping(machine("m1")));
        for (report, expected) in [
            ("active done", &refused),
            ("active", &refused),
            // It is of the last start, or what was refused has happened all the same.
            ("active failed", &stopping),
            ("inactive done", &stopping),
        ] {
            let states = States::from([(
                machine("m1"),
                State { message: Some(message()), ..state("m1", report) },
            )]);
            for (goal, desired) in [
                (Stopped, Target::Loaded),
                (loaded(), Target::Loaded),
                (Unloaded, Target::Inactive),
            ] {
                let unit = unit(desired, Target::Launched, Some("m1"));
                assert_eq!(&progress(goal, Some(&unit), &states), expected, "{goal:?} {report}");
            }
            assert_eq!(&progress(Destroyed, None, &states), expected, "{report}");
        }
    }

    #[test]
    fn destroyed_is_gone_from_every_machine() {
        let gone = Progress::Done(Arrival::Destroyed);
        assert_eq!(progress(Destroyed, None, &states(&[])), gone);
        let left = states(&[("m2", "deactivating")]);
        assert_eq!(progress(Destroyed, None, &left), waiting(Stage::Stopping(machine("m2"))));
        let again = unit(Target::Launched, Target::Inactive, None);
        assert_eq!(progress(Destroyed, Some(&again), &left), gone, "another unit of that name");
    }

    #[test]
    fn others_may_want_something_else() {
        for goal in [Started, loaded(), Stopped, Unloaded] {
            let got = progress(goal, None, &states(&[]));
            assert_eq!(got, Progress::Failed(Failure::Gone), "{goal:?}");
        }
        for (goal, desired) in [
            (Started, Target::Loaded),
            (loaded(), Target::Launched),
            (Stopped, Target::Launched),
            (Unloaded, Target::Loaded),
        ] {
            let unit = unit(desired, Target::Inactive, None);
            let expected = Progress::Failed(Failure::Overruled(desired));
            assert_eq!(progress(goal, Some(&unit), &states(&[])), expected, "{goal:?}");
        }
    }
}
