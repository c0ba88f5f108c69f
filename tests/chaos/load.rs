//! The steady load: units of every kind that are started, stopped, replaced and destroyed through
//! fleetctl, in an order that a seed fixes. Writes down what it wished for.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::machines::{self, PREFIX};
use crate::quiet::{Target, Wanted};
use crate::records::{At, Kind, Unit, Verb, Wish};

/// Between two wishes: low enough for five machines on two cores.
const PAUSE: Duration = Duration::from_millis(700);

/// Between two tries of one wish.
const RETRY: Duration = Duration::from_secs(1);

/// A wish that fleet does not take for so long although nothing is the matter is a fault of fleet's.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Load {
    rng: Rng,
    /// Of its own, so that a try more or less does not change what is wished for next.
    endpoint_rng: Rng,
    folder: tempfile::TempDir,
    pub wanted: Vec<Wanted>,
    pub wishes: Vec<Wish>,
}

impl Load {
    pub fn new(seed: u64) -> Result<Load, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let wanted =
            units().into_iter().map(|unit| Wanted { unit, target: Target::Absent, revision: 0 });
        let mut rng = Rng::with_seed(seed);
        let endpoint_rng = rng.fork();
        Ok(Load { rng, endpoint_rng, folder, wanted: wanted.collect(), wishes: Vec::new() })
    }

    /// Starts every unit once.
    pub fn begin(&mut self, endpoints: &BTreeMap<String, String>) -> Result<(), String> {
        (0..self.wanted.len())
            .try_for_each(|index| self.wish(index, Verb::Start, endpoints, &|| true))
    }

    /// Wishes and wishes, until told to stop. The last wish is a certain one: fleet has it.
    pub fn run(
        &mut self,
        endpoints: &BTreeMap<String, String>,
        stop: &AtomicBool,
    ) -> Result<(), String> {
        let stopped = || stop.load(Ordering::Relaxed);
        while !stopped() {
            let index = self.rng.usize(..self.wanted.len());
            let verb = match self.wanted[index].target {
                Target::Absent | Target::Loaded => Verb::Start,
                Target::Launched => match self.rng.u8(..10) {
                    0..4 => Verb::Replace,
                    4..7 => Verb::Stop,
                    _ => Verb::Destroy,
                },
            };
            self.wish(index, verb, endpoints, &stopped)?;
            machines::rest(PAUSE);
        }
        Ok(())
    }

    /// Asks one machine after the other until one says that it is done. That may last as long as the
    /// fault does.
    fn wish(
        &mut self,
        index: usize,
        verb: Verb,
        endpoints: &BTreeMap<String, String>,
        undone: &dyn Fn() -> bool,
    ) -> Result<(), String> {
        let wanted = &mut self.wanted[index];
        wanted.target = match verb {
            Verb::Start | Verb::Replace => Target::Launched,
            Verb::Stop => Target::Loaded,
            Verb::Destroy => Target::Absent,
        };
        if verb == Verb::Replace || wanted.revision == 0 {
            wanted.revision += 1;
        }
        let name = wanted.unit.name.clone();
        let file = self.folder.path().join(&name);
        std::fs::write(&file, contents(&wanted.unit.kind, wanted.revision))
            .map_err(|e| e.to_string())?;
        self.wishes.push(Wish { unit: name.clone(), verb, asked: At::now() });
        let endpoints: Vec<&String> = endpoints.values().collect();
        let mut undone_since = None;
        loop {
            let endpoint = endpoints[self.endpoint_rng.usize(..endpoints.len())];
            let Err(said) = fleetctl(endpoint, verb, &name, &file) else { return Ok(()) };
            if undone() && undone_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                return Err(format!("{verb:?} {name} was not taken: {said}"));
            }
            machines::rest(RETRY);
        }
    }
}

/// One of every kind that lives in its own way, and a few more of the most usual.
fn units() -> Vec<Unit> {
    let unit = |name: &str, kind| Unit { name: format!("{PREFIX}{name}.service"), kind };
    let numbered = |name: &str, count: u32, kind: Kind| -> Vec<Unit> {
        (1..=count).map(|n| unit(&format!("{name}{n}"), kind.clone())).collect()
    };
    let mut units = numbered("plain-", 6, Kind::Plain);
    units.extend(numbered("fenced-", 4, Kind::Fenced));
    units.extend(numbered("apart@", 4, Kind::Apart));
    units.extend(numbered("base-", 2, Kind::Plain));
    for n in 1..=2 {
        let base = format!("{PREFIX}base-{n}.service");
        units.push(unit(&format!("beside-{n}"), Kind::Beside(base)));
    }
    units.extend(numbered("once-", 2, Kind::Once));
    units.extend(numbered("global-", 2, Kind::Global));
    units
}

fn contents(kind: &Kind, revision: u64) -> String {
    let (service, fleet) = match kind {
        Kind::Plain => ("ExecStart=/bin/sleep infinity", String::new()),
        Kind::Fenced => ("ExecStart=/bin/sleep infinity", "OnPartition=stop".to_owned()),
        Kind::Apart => {
            ("ExecStart=/bin/sleep infinity", format!("Conflicts={PREFIX}apart@*.service"))
        }
        Kind::Beside(base) => ("ExecStart=/bin/sleep infinity", format!("MachineOf={base}")),
        Kind::Once => ("Type=oneshot\nExecStart=/bin/sleep 0.1", String::new()),
        Kind::Global => ("ExecStart=/bin/sleep infinity", "Global=true".to_owned()),
    };
    format!("[Service]\nEnvironment=REVISION={revision}\n{service}\n[X-Fleet]\n{fleet}\n")
}

fn fleetctl(address: &str, verb: Verb, name: &str, file: &Path) -> Result<(), String> {
    let bin = std::env::var("FLEET_BIN").unwrap_or_else(|_| "target/release".to_owned());
    let mut command =
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(bin).join("fleetctl"));
    command.arg(format!("--endpoint=http://{address}:49153"));
    match verb {
        Verb::Start | Verb::Replace => command.args(["start", "--replace", "--no-block"]).arg(file),
        Verb::Stop => command.args(["stop", "--no-block", name]),
        Verb::Destroy => command.args(["destroy", "--no-block", name]),
    };
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    // It was destroyed, and only the answer was lost.
    let gone = verb == Verb::Destroy && said.contains("there is no unit");
    if output.status.success() || gone { Ok(()) } else { Err(said.into_owned()) }
}
