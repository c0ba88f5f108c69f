//! The scripts that the pure engine plays, on real machines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ::fleet::unitfile::UnitName;

use crate::cluster::wait_for;
use crate::fleet::{Fleet, PATIENCE};
use scenario::{Place, Step};

#[path = "../support/scenario.rs"]
mod scenario;

struct Play {
    fleet: Fleet,
    files: BTreeMap<UnitName, String>,
}

impl Play {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Machines(names) => {
                let absent: Vec<String> =
                    self.fleet.up().iter().filter(|name| !names.contains(name)).cloned().collect();
                absent.iter().for_each(|name| self.fleet.kill(name));
                self.fleet.until_machines(names.len());
            }
            Step::Unit(name, contents) => {
                self.fleet.file(name.as_str(), contents);
                self.files.insert(name.clone(), contents.clone());
            }
            Step::Command(verb, units) => self.command(verb, units),
            Step::Kill(machines) => {
                machines.iter().for_each(|machine| self.fleet.kill(machine));
                self.fleet.until_machines(self.fleet.up().len());
                self.files
                    .iter()
                    .for_each(|(name, contents)| drop(self.fleet.file(name.as_str(), contents)));
            }
            // Whatever is expected is waited for.
            Step::Later => {}
            Step::Boot(machine) => self.fleet.boot(machine),
            Step::Leave(_) | Step::Wait(_) | Step::Fail(_) => {
                panic!("{step:?} is for the pure engine")
            }
            Step::Expect(unit, place) => self.expect(unit, place),
            Step::Why(unit, words) => self.why(unit, words),
        }
    }

    fn command(&self, verb: &str, units: &[UnitName]) {
        let paths: Vec<String> = units.iter().map(|unit| format!("/root/units/{unit}")).collect();
        let mut args = vec![verb];
        if verb != "submit" {
            args.push("--no-block");
        }
        args.extend(paths.iter().map(String::as_str));
        self.fleet.ctl(&args).success();
    }

    fn expect(&self, unit: &UnitName, place: &Place) {
        let machines = self.fleet.up().len();
        self.fleet.until(&format!("{unit} {place:?}"), |units| {
            let on = |name: &UnitName| -> BTreeSet<&str> {
                let of_it = units.iter().filter(|listed| listed.unit == name.as_str());
                of_it.map(|listed| listed.machine.as_str()).collect()
            };
            let found = on(unit);
            match place {
                Place::Somewhere => found.len() == 1,
                Place::Nowhere => found.is_empty(),
                Place::On(machine) => found == BTreeSet::from([machine.as_str()]),
                Place::Beside(other) => found.len() == 1 && found == on(other),
                Place::ApartFrom(other) => !found.is_empty() && found.is_disjoint(&on(other)),
                Place::Everywhere => found.len() == machines,
            }
        });
    }

    fn why(&self, unit: &UnitName, words: &str) {
        wait_for(PATIENCE, &format!("{unit}: {words}"), || {
            let why = self.fleet.ctl(&["why", unit.as_str()]);
            if why.stdout.contains(words) { Ok(()) } else { Err(why.to_string()) }
        });
    }
}

fn play(script: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(script);
    let text = std::fs::read_to_string(path).expect("the script is there");
    let mut play = Play { fleet: Fleet::fresh(), files: BTreeMap::new() };
    for (line, step) in scenario::parse(&text) {
        println!("{script}:{line}: {step:?}");
        play.take(&step);
    }
}

#[test]
#[ignore = "needs machines"]
fn an_app_beside_its_database() {
    play("stack.txt");
}

#[test]
#[ignore = "needs machines"]
fn conflicts_spread_a_template() {
    play("conflicts.txt");
}

#[test]
#[ignore = "needs machines"]
fn a_global_unit_is_everywhere() {
    play("global.txt");
}

#[test]
#[ignore = "needs machines"]
fn a_unit_pinned_by_metadata() {
    play("pinned.txt");
}

#[test]
#[ignore = "needs machines"]
fn a_unit_that_must_stop_when_cut_off() {
    play("partition.txt");
}

#[test]
#[ignore = "needs machines"]
fn options_together() {
    play("options.txt");
}

#[test]
#[ignore = "needs machines"]
fn a_unit_that_replaces_another() {
    play("replaces.txt");
}
