//! What the agent does next, as a table: what it shall have, what it has, and the one step.

use std::collections::{BTreeMap, BTreeSet};

use fleet::fleetd::agent::{Ask, Desired, Here, Hold, KnownFile, Launched, Observed, Touch, diff};
use fleet::fleetd::registry::Assignment;
use fleet::fleetd::systemd::{JobResult, Status};
use fleet::model::{MachineId, OnPartition, SystemdState, TargetState};
use fleet::unitfile::{UnitFile, UnitHash, UnitName};

fn name(text: &str) -> UnitName {
    UnitName::parse(text).unwrap()
}

fn file(version: u8) -> UnitFile {
    UnitFile::parse(&format!("[Service]\nExecStart=/bin/sleep {version}\n")).unwrap()
}

fn hash(version: u8) -> UnitHash {
    file(version).hash()
}

/// Version 1 of the unit, launched by start number 10.
fn launched() -> Assignment {
    Assignment { hash: hash(1), desired: TargetState::Launched, launch: 10, global: false }
}

fn loaded() -> Assignment {
    Assignment { desired: TargetState::Loaded, ..launched() }
}

/// A linked unit of that version, in that active state.
fn here(version: u8, active: &str) -> Here {
    Here {
        status: Some(Status {
            linked: Some(hash(version)),
            state: SystemdState { load: "loaded".into(), active: active.into(), sub: "any".into() },
            ..Status::not_found()
        }),
        hold: Hold::Ours,
        file: Some(known(&launched(), version)),
        ..Here::default()
    }
}

fn known(read_for: &Assignment, version: u8) -> KnownFile {
    KnownFile {
        read_for: read_for.clone(),
        file: Some(file(version)),
        relations: BTreeSet::new(),
        on_partition: OnPartition::Keep,
    }
}

fn carried_out(here: Here, launch: u64) -> Here {
    let done = Launched { launch, job: None, result: Some(JobResult::Done), message: None };
    Here { launched: Some(done), ..here }
}

fn pending(mut here: Here, asked: Option<Ask>) -> Here {
    here.status.as_mut().unwrap().job_pending = true;
    Here { asked, ..here }
}

fn theirs(here: Here) -> Here {
    Here { hold: Hold::Theirs(Some(MachineId::parse("other").unwrap())), ..here }
}

fn nothing() -> Here {
    Here::default()
}

fn held() -> Here {
    Here { hold: Hold::Ours, ..Here::default() }
}

/// The steps of all units, as the log would show them.
fn steps(desired: &Desired, observed: &Observed) -> Vec<String> {
    diff(desired, observed).iter().map(ToString::to_string).collect()
}

fn desired(units: &[(&str, Assignment)]) -> Desired {
    let units = units.iter().map(|(unit, wanted)| (name(unit), wanted.clone())).collect();
    Desired { complete: true, units, leaving: false, touch: Touch::Kept }
}

#[test]
fn each_situation_has_its_one_step() {
    let newer = Assignment { launch: 20, ..launched() };
    let other_file = Assignment { hash: hash(2), launch: 20, ..launched() };
    let known_for = |assignment: &Assignment, version| Here {
        file: Some(known(assignment, version)),
        ..held()
    };
    let fresh = |here: Here, assignment: &Assignment, version| Here {
        file: Some(known(assignment, version)),
        ..here
    };
    let table: Vec<(&str, Option<Assignment>, Here, &str)> = vec![
        // On its way in.
        ("new", Some(launched()), nothing(), "win u.service: scheduled here"),
        ("held by another", Some(launched()), theirs(nothing()), ""),
        ("won, file unknown", Some(launched()), held(), "fetch u.service: scheduled here"),
        ("won", Some(launched()), known_for(&launched(), 1), "link u.service: scheduled here"),
        ("the store has another file", Some(launched()), known_for(&launched(), 2), ""),
        (
            "read for an older schedule",
            Some(newer.clone()),
            known_for(&launched(), 2),
            "fetch u.service: scheduled here",
        ),
        ("linked", Some(launched()), here(1, "inactive"), "start u.service: launch 10 is new"),
        ("only to be loaded", Some(loaded()), here(1, "inactive"), ""),
        ("started by a timer or a unit that wants it", Some(loaded()), here(1, "active"), ""),
        // As it shall be, whatever systemd made of it.
        ("runs", Some(launched()), carried_out(here(1, "active"), 10), ""),
        (
            "the store was restored",
            Some(launched()),
            carried_out(here(1, "active"), 99),
            "renumber u.service: the store is older than its last start",
        ),
        (
            "restored to another file: it is stopped first",
            Some(launched()),
            carried_out(here(2, "active"), 99),
            "stop u.service: its file differs from the scheduled one",
        ),
        (
            "restored to another file: it is to be started from that",
            Some(launched()),
            carried_out(here(2, "inactive"), 99),
            "forget u.service: the store is older than its last start",
        ),
        ("a oneshot that finished", Some(launched()), carried_out(here(1, "inactive"), 10), ""),
        ("failed", Some(launched()), carried_out(here(1, "failed"), 10), ""),
        // Started anew.
        (
            "runs, started anew",
            Some(newer.clone()),
            fresh(carried_out(here(1, "active"), 10), &newer, 1),
            "restart u.service: launch 20 is new",
        ),
        (
            "failed, started anew",
            Some(newer.clone()),
            fresh(carried_out(here(1, "failed"), 10), &newer, 1),
            "start u.service: launch 20 is new",
        ),
        (
            "adopted without a record",
            Some(launched()),
            here(1, "active"),
            "start u.service: launch 10 is new",
        ),
        (
            "being stopped",
            Some(newer.clone()),
            pending(carried_out(here(1, "deactivating"), 10), Some(Ask::Stop)),
            "",
        ),
        (
            "still starting",
            Some(newer.clone()),
            fresh(pending(carried_out(here(1, "activating"), 10), Some(Ask::Start)), &newer, 1),
            "restart u.service: launch 20 is new",
        ),
        // Stopped by wish.
        (
            "to be stopped",
            Some(loaded()),
            carried_out(here(1, "active"), 10),
            "stop u.service: it shall be loaded",
        ),
        (
            "to be stopped while it starts",
            Some(loaded()),
            pending(carried_out(here(1, "activating"), 10), Some(Ask::Start)),
            "stop u.service: it shall be loaded",
        ),
        (
            "asked to stop",
            Some(loaded()),
            pending(carried_out(here(1, "deactivating"), 10), Some(Ask::Stop)),
            "",
        ),
        (
            "stopped",
            Some(loaded()),
            carried_out(here(1, "inactive"), 10),
            "forget u.service: it shall be loaded",
        ),
        // Another file.
        (
            "runs an old file",
            Some(other_file.clone()),
            carried_out(here(1, "active"), 10),
            "stop u.service: its file differs from the scheduled one",
        ),
        (
            "has an old file",
            Some(other_file.clone()),
            carried_out(here(1, "inactive"), 10),
            "fetch u.service: its file differs from the scheduled one",
        ),
        (
            "has read the new file",
            Some(other_file.clone()),
            fresh(carried_out(here(1, "inactive"), 10), &other_file, 2),
            "link u.service: its file differs from the scheduled one",
        ),
        // On its way out.
        (
            "runs and is not wanted",
            None,
            carried_out(here(1, "active"), 10),
            "stop u.service: not scheduled here",
        ),
        (
            "stopped and is not wanted",
            None,
            here(1, "inactive"),
            "unlink u.service: not scheduled here",
        ),
        (
            "failed and is not wanted",
            None,
            here(1, "failed"),
            "unlink u.service: not scheduled here",
        ),
        (
            "inactive, but a start is queued",
            None,
            pending(here(1, "inactive"), None),
            "stop u.service: not scheduled here",
        ),
        ("unlinked", None, held(), "release u.service: not scheduled here"),
        (
            "released or not",
            None,
            Here { hold: Hold::Unsure, ..nothing() },
            "release u.service: not scheduled here",
        ),
        ("gone", None, nothing(), ""),
        // Whatever the schedule says.
        (
            "runs, and another holds it",
            Some(launched()),
            theirs(here(1, "active")),
            "stop u.service: other holds it",
        ),
        (
            "stopped, and another holds it",
            Some(launched()),
            theirs(here(1, "inactive")),
            "unlink u.service: other holds it",
        ),
        (
            "linked, and won or not",
            Some(launched()),
            Here { hold: Hold::Unsure, ..here(1, "active") },
            "win u.service: scheduled here",
        ),
        (
            "held by an earlier session of this machine",
            Some(launched()),
            Here { hold: Hold::Theirs(None), ..carried_out(here(1, "active"), 10) },
            "",
        ),
        (
            "written, but systemd did not link it",
            Some(launched()),
            Here { broken: true, ..here(1, "inactive") },
            "link u.service: its file differs from the scheduled one",
        ),
        ("left alone", None, Here { held_back: true, ..here(1, "active") }, ""),
    ];
    for (case, wanted, here, expected) in table {
        let wanted: Vec<_> = wanted.into_iter().map(|wanted| ("u.service", wanted)).collect();
        let observed = Observed::from([(name("u.service"), here)]);
        assert_eq!(steps(&desired(&wanted), &observed).join("; "), expected, "{case}");
    }
}

#[test]
fn the_schedule_of_another_life_means_nothing() {
    let mut desired = desired(&[("new.service", launched())]);
    desired.complete = false;
    let observed = Observed::from([
        (name("runs.service"), here(1, "active")),
        (name("foreign.service"), theirs(here(1, "active"))),
    ]);
    assert_eq!(steps(&desired, &observed), ["stop foreign.service: other holds it"]);
}

/// The last word of the reason.
const CUT_OFF: &str = ": this machine is cut off, and OnPartition=stop";

#[test]
fn a_unit_that_must_not_run_twice_is_given_up() {
    let stops = |here| Here { on_partition: OnPartition::Stop, ..here };
    let runs = || stops(carried_out(here(1, "active"), 10));
    let asked = |ask| pending(stops(here(1, "deactivating")), Some(ask));
    let held_back = |here| Here { held_back: true, ..here };
    let cleans_up = || {
        let mut here = asked(Ask::Stop);
        here.status.as_mut().unwrap().state.sub = "stop-post".into();
        here
    };
    let known = known(&launched(), 1);
    let read =
        Here { file: Some(KnownFile { on_partition: OnPartition::Stop, ..known }), ..held() };
    let table = [
        // What it is, and the step in touch, out of touch, and when the time is over.
        ("runs", runs(), ["", "stop", "stop"]),
        ("starts", pending(runs(), Some(Ask::Start)), ["", "stop", "stop"]),
        ("asked to stop", asked(Ask::Stop), ["", "", "kill"]),
        ("killed", asked(Ask::Kill), ["", "", ""]),
        ("cleans up", cleans_up(), ["", "", ""]),
        ("systemd refused to stop it", held_back(runs()), ["", "", "kill"]),
        ("ended", stops(carried_out(here(1, "inactive"), 10)), ["", "unlink", "unlink"]),
        ("failed", stops(carried_out(here(1, "failed"), 10)), ["", "unlink", "unlink"]),
        ("linked", stops(here(1, "inactive")), ["start", "unlink", "unlink"]),
        ("cannot be unlinked", held_back(stops(here(1, "inactive"))), ["", "", ""]),
        ("to be linked", read, ["link", "", ""]),
        ("runs, and is to be kept", carried_out(here(1, "active"), 10), ["", "", ""]),
    ];
    for (case, here, steps_in) in table {
        for (touch, expected) in [Touch::Kept, Touch::Lost, Touch::Over].into_iter().zip(steps_in) {
            let wanted = desired(&[("u.service", launched())]);
            let observed = Observed::from([(name("u.service"), here.clone())]);
            let first = |leaving| {
                let desired = Desired { touch, leaving, ..wanted.clone() };
                steps(&desired, &observed).join("; ")
            };
            let step = first(false);
            assert_eq!(step.split(' ').next(), Some(expected), "{case}, {touch:?}: {step}");
            if step.ends_with(CUT_OFF) {
                assert_eq!(first(true), step, "{case}, {touch:?}: also when the machine leaves");
            }
        }
    }
}

#[test]
fn a_machine_that_leaves_keeps_nothing() {
    let mut desired = desired(&[("u.service", launched())]);
    desired.leaving = true;
    let observed = Observed::from([(name("u.service"), carried_out(here(1, "active"), 10))]);
    assert_eq!(steps(&desired, &observed), ["stop u.service: this machine leaves the cluster"]);
}

#[test]
fn a_global_unit_needs_no_holder() {
    let everywhere = Assignment { global: true, ..launched() };
    let desired = desired(&[("u.service", everywhere)]);
    assert_eq!(steps(&desired, &Observed::new()), ["fetch u.service: scheduled here"]);
}

#[test]
fn a_start_waits_until_its_peers_are_linked() {
    let app = |relations: &[&str]| {
        let mut app = here(1, "inactive");
        let file = app.file.as_mut().unwrap();
        file.relations = relations.iter().map(|peer| name(peer)).collect();
        app
    };
    let wanted = desired(&[("app.service", launched()), ("db.service", launched())]);
    let cases = [
        ("not linked yet", known(&launched(), 1), vec!["link db.service: scheduled here"], held()),
        (
            "linked",
            known(&launched(), 1),
            vec!["start app.service: launch 10 is new"],
            carried_out(here(1, "activating"), 10),
        ),
        (
            "cannot be linked",
            known(&launched(), 1),
            vec!["start app.service: launch 10 is new"],
            Here { broken: true, held_back: true, ..held() },
        ),
    ];
    for (case, file, expected, db) in cases {
        let db = Here { file: Some(file), ..db };
        let observed = BTreeMap::from([
            (name("app.service"), app(&["db.service", "elsewhere.service"])),
            (name("db.service"), db),
        ]);
        assert_eq!(steps(&wanted, &observed), expected, "{case}");
    }
}

#[test]
fn taking_away_comes_before_adding() {
    let wanted = desired(&[("a.service", launched())]);
    let observed = Observed::from([
        (name("z.service"), carried_out(here(1, "active"), 3)),
        (name("y.service"), here(1, "inactive")),
    ]);
    let expected = [
        "stop z.service: not scheduled here",
        "unlink y.service: not scheduled here",
        "win a.service: scheduled here",
    ];
    assert_eq!(steps(&wanted, &observed), expected);
}
