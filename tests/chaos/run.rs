//! One run of chaos, from a fresh cluster to its verdict.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::faults::{self, Fault};
use crate::load::Load;
use crate::machines::Journal;
use crate::records::{At, Outage, Quiet, Records, Run};
use crate::report::{self, Recovery};
use crate::strike::strike;
use crate::{double, journal, machines, quiet, stops, witness};

/// Load alone, before each fault.
const CALM: Duration = Duration::from_secs(3);

/// All must be as it shall be so long after a fault is undone. A TTL, the boot of a machine and a start
/// are far below it, also on two busy cores; a machine or a unit that was lost four times waits longest.
const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks at all machines.
const POLL: Duration = Duration::from_millis(500);

/// What is left of a run.
pub struct Ended {
    pub table: String,
    /// In words; none is a good run.
    pub violations: Vec<String>,
    /// By machine.
    journals: BTreeMap<String, String>,
    records: Records,
}

impl Ended {
    /// Writes down everything that the verdict is based on.
    pub fn keep(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        for (machine, journal) in &self.journals {
            std::fs::write(folder.join(format!("{machine}.journal")), journal)?;
        }
        std::fs::write(folder.join("records"), format!("{:#?}", self.records))?;
        std::fs::write(folder.join("verdict"), format!("{}\n{:#?}\n", self.table, self.violations))
    }
}

struct Chaos {
    load: Load,
    turn: usize,
    recoveries: Vec<Recovery>,
    outages: Vec<Outage>,
    quiets: Vec<Quiet>,
    /// The runs on machines that are no more.
    runs: Vec<Run>,
    journals: BTreeMap<String, String>,
}

/// Deals faults until the time is over, or until one is not got over.
pub fn run(seed: u64, span: Duration) -> Ended {
    let began = Instant::now();
    let mut chaos = Chaos {
        load: Load::new(seed).expect("the load has a folder"),
        turn: 0,
        recoveries: Vec::new(),
        outages: Vec::new(),
        quiets: Vec::new(),
        runs: Vec::new(),
        journals: BTreeMap::new(),
    };
    let mut trouble = chaos.begin();
    for fault in faults::deck(Rng::with_seed(seed)) {
        if trouble.is_err() || began.elapsed() > span {
            break;
        }
        trouble = chaos.round(fault);
    }
    chaos.end(trouble.err())
}

impl Chaos {
    fn begin(&mut self) -> Result<(), String> {
        let endpoints = machines::all("machine")?;
        machines::prepare(&endpoints.keys().cloned().collect::<Vec<_>>())?;
        self.load.begin(&endpoints)?;
        self.until_quiet().map(drop)
    }

    /// One fault, with everything around it.
    fn round(&mut self, fault: Fault) -> Result<(), String> {
        let endpoints = machines::all("machine")?;
        let names: Vec<&String> = endpoints.keys().collect();
        // In turn: a machine that is lost again and again is spared by fleet, and so would be the rest.
        let victim = names[self.turn % names.len()].clone();
        self.turn += 1;
        let (stop, load) = (AtomicBool::new(false), &mut self.load);
        let (struck, loaded) = thread::scope(|scope| {
            let loading = scope.spawn(|| load.run(&endpoints, &stop));
            machines::rest(CALM);
            let struck = strike(fault, &victim);
            stop.store(true, Ordering::Relaxed);
            (struck, loading.join().expect("the load does not fall over"))
        });
        let (outage, gone) = struck?;
        println!("{outage}");
        let from = outage.undo;
        if let Some(gone) = gone {
            let dead = std::slice::from_ref(&outage);
            self.runs.extend(journal::runs(&outage.victim, machines::PREFIX, &gone.systemd, dead));
            self.journals.insert(outage.victim.clone(), gone.text);
        }
        self.outages.push(outage);
        loaded?;
        let quiet = self.until_quiet().map_err(|seen| format!("after {}: {seen}", fault.name))?;
        self.recoveries.push(Recovery { fault: fault.name, from, quiet: quiet.at });
        self.quiets.push(quiet);
        Ok(())
    }

    /// Looks until all is as it shall be.
    fn until_quiet(&self) -> Result<Quiet, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = machines::look().and_then(|look| {
                let wrong = quiet::check(&self.load.wanted, &look);
                let quiet = Quiet { at: At::now(), active: look.active() };
                if wrong.is_empty() { Ok(quiet) } else { Err(wrong.join("\n  ")) }
            });
            match seen {
                Err(wrong) if Instant::now() > deadline => {
                    return Err(format!("not as it shall be within {PATIENCE:?}:\n  {wrong}"));
                }
                Err(_) => machines::rest(POLL),
                Ok(quiet) => return Ok(quiet),
            }
        }
    }

    /// Reads what is left to read, and judges.
    fn end(self, trouble: Option<String>) -> Ended {
        let Chaos { load, recoveries, outages, quiets, mut runs, mut journals, .. } = self;
        let mut violations: Vec<String> = trouble.into_iter().collect();
        let there = machines::all("machine").expect("the cluster is there");
        for machine in there.keys() {
            match machines::journal(machine) {
                Ok(Journal { systemd, text }) => {
                    runs.extend(journal::runs(machine, machines::PREFIX, &systemd, &outages));
                    journals.insert(machine.clone(), text);
                }
                Err(error) => violations.push(error),
            }
        }
        let units = load.wanted.iter().map(|wanted| wanted.unit.clone()).collect();
        let records = Records { units, runs, wishes: load.wishes, outages, quiets };
        violations.extend(double::check(&records));
        violations.extend(stops::check(&records));
        violations.extend(witness::check(&records));
        let table = report::table(&records, &recoveries);
        Ended { table, violations, journals, records }
    }
}
