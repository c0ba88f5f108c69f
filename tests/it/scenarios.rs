//! Every script in `tests/scenarios` against the pure engine, on a cluster that is a value. The
//! decisions it takes, with their reasons, are kept in the `.out` file beside each script.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fleet::fleetd::engine::{Change, Plan};
use fleet::fleetd::registry::UnitRecord;
use fleet::model::TargetState;
use fleet::unitfile::UnitName;

use crate::support::scenario::{self, Place, Step};
use crate::support::world::World;

/// Long enough that a machine which vanishes then has nothing to do with one that did before.
const LATER_SECS: u64 = 60;

/// A cluster under a script, and the transcript of what was decided.
#[derive(Default)]
struct Play {
    world: World,
    files: BTreeMap<UnitName, String>,
    transcript: String,
}

impl Play {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Machines(names) => names.iter().for_each(|name| self.boot(name)),
            Step::Boot(name) => self.boot(name),
            Step::Kill(names) => {
                self.world.pass_secs(LATER_SECS);
                names.iter().for_each(|name| self.world.kill(&World::machine(name)));
            }
            Step::Leave(name) => self.world.leave(&World::machine(name)),
            Step::Fail(unit) => self.world.fail(unit),
            Step::Later => self.world.pass_secs(LATER_SECS),
            Step::Wait(time) => self.world.pass_secs(time.as_secs()),
            Step::Unit(name, contents) => drop(self.files.insert(name.clone(), contents.clone())),
            Step::Command(verb, units) => units.iter().for_each(|unit| self.command(verb, unit)),
            Step::Expect(unit, place) => self.expect(unit, place),
            Step::Why(unit, words) => self.why(unit, words),
        }
        self.settle();
    }

    fn boot(&mut self, name: &str) {
        let metadata = BTreeMap::from([("machine".to_owned(), name.to_owned())]);
        self.world.boot(&World::machine(name), metadata);
    }

    fn command(&mut self, verb: &str, name: &UnitName) {
        let desired = match verb {
            "start" => TargetState::Launched,
            "load" | "stop" => TargetState::Loaded,
            "submit" | "unload" => TargetState::Inactive,
            _ => return self.world.destroy(name),
        };
        let stored = self.world.cluster.units.get(name).map(|unit| unit.contents.to_string());
        let contents = stored.unwrap_or_else(|| self.file_of(name).to_owned());
        let launch = self.world.revision().unsigned_abs();
        self.world.store(name, &UnitRecord { contents, desired, launch });
    }

    /// The file of a unit: its own, or its template's.
    fn file_of(&self, name: &UnitName) -> &str {
        let template = name.template().and_then(|template| self.files.get(&template));
        let file = self.files.get(name).or(template);
        file.unwrap_or_else(|| panic!("the script has no file for {name}"))
    }

    /// Lets the engine decide until there is nothing left to decide.
    fn settle(&mut self) {
        for _ in 0..10 {
            let (plan, departures) = (self.world.plan(), self.world.departures());
            self.world.check(&plan);
            let troubles = self.world.troubles();
            let nothing = plan.decisions.is_empty() && departures.all.is_empty();
            if nothing && troubles.all.is_empty() {
                return;
            }
            for decision in &plan.decisions {
                if !matches!(decision.change, Change::Complete { .. }) {
                    writeln!(self.transcript, "  {decision}").unwrap();
                }
            }
            for departure in &departures.all {
                writeln!(self.transcript, "  {departure}").unwrap();
            }
            self.world.carry_out(&plan);
            self.world.note(&departures);
            self.world.note_troubles(&troubles);
        }
        panic!("the engine does not come to rest:\n{}", self.transcript);
    }

    fn places(&self, name: &UnitName) -> BTreeSet<String> {
        let machines = self.world.cluster.machines_of(name);
        machines.map(|(id, _)| id.to_string()).collect()
    }

    fn expect(&self, name: &UnitName, place: &Place) {
        let found = self.places(name);
        let one = |machine: &str| BTreeSet::from([machine.to_owned()]);
        let holds = match place {
            Place::Somewhere => found.len() == 1,
            Place::Nowhere => found.is_empty(),
            Place::On(machine) => found == one(machine),
            Place::Beside(other) => found.len() == 1 && found == self.places(other),
            Place::ApartFrom(other) => found.is_disjoint(&self.places(other)) && !found.is_empty(),
            Place::Everywhere => found.len() == self.world.cluster.machines.len(),
        };
        assert!(holds, "{name} should be {place:?}, it is on {found:?}\n{}", self.transcript);
    }

    fn why(&self, name: &UnitName, words: &str) {
        let Plan { refused, paused, .. } = self.world.plan();
        let refused = refused.get(name).into_iter().flatten();
        let refused = refused.map(|(id, why)| format!("{id}: {why}"));
        let paused = paused.get(name).map(ToString::to_string);
        let reasons: Vec<String> = refused.chain(paused).collect();
        let said = reasons.iter().any(|reason| reason.contains(words));
        assert!(said && self.places(name).is_empty(), "{name}: no {words:?} in {reasons:?}");
    }
}

/// Plays a script; the transcript names each step and what was decided after it.
fn play(script: &Path) -> String {
    let text = std::fs::read_to_string(script).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut play = Play::default();
    for (number, step) in scenario::parse(&text) {
        writeln!(play.transcript, "{}", lines[number - 1].trim_end()).unwrap();
        play.take(&step);
    }
    play.transcript
}

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut scripts: Vec<_> =
        entries.filter(|path| path.extension() == Some("txt".as_ref())).collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    scripts
}

#[test]
fn every_script_plays_as_it_is_written_down() {
    let renew = std::env::var_os("RENEW").is_some();
    for script in scripts() {
        let golden = script.with_extension("out");
        let transcript = play(&script);
        if renew {
            std::fs::write(&golden, &transcript).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert!(
            transcript == expected,
            "{} plays otherwise; if that is right, run the test with RENEW=1\n{transcript}",
            script.display()
        );
    }
}
