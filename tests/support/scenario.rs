//! Scripts of a cluster's life, played against the pure engine and against real machines alike.
//!
//! One step a line; `#` begins a comment; a unit's file is the indented lines below it:
//!
//! ```text
//! machines m1 m2 m3            # these are there; each has the metadata machine=<name>
//! unit web@.service            # the file that the next steps submit, start … by this name
//!     [X-Fleet]
//!     Conflicts=web@*.service
//! start web@1.service          # submit load start stop unload destroy; instances use their template
//! kill m1 m2                   # power off, all of them at once
//! later                        # so much time goes by that what is waited for comes or is over
//! boot m1                      # power on, or a machine that joins for the first time
//! leave m1                     # fleetd is stopped
//! wait 10s                     # only for the pure engine
//! fail web@1.service           # its start fails where it is; only for the pure engine
//! expect web@1.service on m2   # somewhere | nowhere | on M | beside UNIT | apart from UNIT | everywhere
//! why web@1.service Conflicts  # it waits, and a reason says this
//! ```

use std::time::Duration;

use fleet::unitfile::UnitName;

/// One step of a script.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// These machines are there from the start.
    Machines(Vec<String>),
    /// The file that a unit of this name has from now on.
    Unit(UnitName, String),
    /// A command of fleetctl, by its name there.
    Command(String, Vec<UnitName>),
    /// The machines lose power, all at once.
    Kill(Vec<String>),
    /// Time goes by.
    Later,
    /// The machine has power.
    Boot(String),
    /// The machine leaves the cluster.
    Leave(String),
    /// Time passes.
    Wait(Duration),
    /// The start of a unit fails.
    Fail(UnitName),
    /// Where a unit is to be found.
    Expect(UnitName, Place),
    /// The unit is nowhere, and this is said about it.
    Why(UnitName, String),
}

/// Where a unit is to be found.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// On some machine.
    Somewhere,
    /// On none.
    Nowhere,
    /// On this one.
    On(String),
    /// On the machine of another unit.
    Beside(UnitName),
    /// On another machine than that unit.
    ApartFrom(UnitName),
    /// On every machine that is up.
    Everywhere,
}

/// Reads a script. Scripts are the tests' own: one that does not read is a bug, told with its line.
pub fn parse(script: &str) -> Vec<(usize, Step)> {
    let mut steps: Vec<(usize, Step)> = Vec::new();
    for (index, line) in script.lines().enumerate() {
        let number = index + 1;
        if let Some(text) = line.strip_prefix("    ") {
            let Some((_, Step::Unit(_, contents))) = steps.last_mut() else {
                panic!("line {number}: an indented line belongs to no unit");
            };
            contents.push_str(text);
            contents.push('\n');
            continue;
        }
        let words: Vec<&str> = line.split('#').next().unwrap_or("").split_whitespace().collect();
        if let Some((verb, rest)) = words.split_first() {
            let step =
                step(verb, rest).unwrap_or_else(|| panic!("line {number}: what is {line:?}?"));
            steps.push((number, step));
        }
    }
    steps
}

fn step(verb: &str, rest: &[&str]) -> Option<Step> {
    let name = |word: &&str| UnitName::parse(word).ok();
    Some(match (verb, rest) {
        ("machines", names) => Step::Machines(names.iter().map(ToString::to_string).collect()),
        ("unit", [unit]) => Step::Unit(name(unit)?, String::new()),
        ("kill", [_, ..]) => Step::Kill(rest.iter().map(ToString::to_string).collect()),
        ("later", []) => Step::Later,
        ("boot", [machine]) => Step::Boot(machine.to_string()),
        ("leave", [machine]) => Step::Leave(machine.to_string()),
        ("wait", [time]) => Step::Wait(humantime::parse_duration(time).ok()?),
        ("fail", [unit]) => Step::Fail(name(unit)?),
        ("expect", [unit, place @ ..]) => Step::Expect(name(unit)?, place_of(place)?),
        ("why", [unit, words @ ..]) => Step::Why(name(unit)?, words.join(" ")),
        ("submit" | "load" | "start" | "stop" | "unload" | "destroy", units) => {
            let units: Option<Vec<_>> = units.iter().map(name).collect();
            Step::Command(verb.to_owned(), units?)
        }
        _ => return None,
    })
}

fn place_of(words: &[&str]) -> Option<Place> {
    let name = |word: &str| UnitName::parse(word).ok();
    Some(match words {
        ["somewhere"] => Place::Somewhere,
        ["nowhere"] => Place::Nowhere,
        ["everywhere"] => Place::Everywhere,
        ["on", machine] => Place::On(machine.to_string()),
        ["beside", unit] => Place::Beside(name(unit)?),
        ["apart", "from", unit] => Place::ApartFrom(name(unit)?),
        _ => return None,
    })
}
