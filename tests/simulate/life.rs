//! Plays a life: does what the script says, mends everything, waits until the cluster has settled.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fleet::fleetd::agent::Farewell;
use fleet::fleetd::registry::{EmbeddedStore, Key, Op, Put, Registry, Revision, Store, Txn};
use fleet::model::TargetState;
use tokio::time::{Instant, sleep, sleep_until};

use super::bugs::Bug;
use super::host::{Host, Site, TTL};
use super::quiet;
use super::script::{self, Deed, MACHINES, TWIN};
use super::sky::Sky;
use super::units;
use super::world::World;

/// How long the cluster gets to settle: longer than the longest that a unit waits which lost its machine again and again.
const SETTLES_WITHIN: Duration = Duration::from_secs(20 * 60);

/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A fleetd that could not start is started again, as systemd does.
const RESTARTS_AFTER: Duration = Duration::from_secs(1);

/// So much of the end of a life is told when a law is broken.
const STORY_LINES: usize = 120;

/// How a life ended.
pub struct Ended {
    pub seed: u64,
    /// The law that was broken first.
    pub broken: Option<String>,
    pub trace: Vec<String>,
    settled: Duration,
}

impl Ended {
    /// What came before.
    pub fn story(&self) -> String {
        let end = self.trace.iter().position(|line| line.contains("BROKEN"));
        let end = end.map_or(self.trace.len(), |at| at + 1);
        let story = &self.trace[end.saturating_sub(STORY_LINES)..end];
        format!("seed {}: {:?}\n{}", self.seed, self.broken, story.join("\n"))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.broken {
            Some(law) => write!(f, "seed {}: BROKEN: {law}", self.seed),
            None => write!(
                f,
                "seed {}: kept every law for {} steps, settled {:.1} s after the last trouble",
                self.seed,
                self.trace.len(),
                self.settled.as_secs_f64()
            ),
        }
    }
}

/// Plays the life of a seed, with a bug or as fleetd is.
pub fn play(seed: u64, bug: Option<Bug>) -> Ended {
    // fleetd throws dice for its pauses.
    fastrand::seed(seed);
    let mut dice = fastrand::Rng::with_seed(seed);
    let script = script::write(&mut dice);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        from_the_same_moment().await;
        let mut life = Life::begin(seed, bug).await;
        let settled = life.live(script).await;
        let mut truth = life.site.world.truth();
        let (broken, trace) = (truth.broken.take(), std::mem::take(&mut truth.trace));
        Ended { seed, broken, trace, settled }
    })
}

/// Whole seconds of the day begin at the same moment in each life, and between two ticks of its clock.
async fn from_the_same_moment() {
    let of_second = loop {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        if (300_000..600_000).contains(&(now.subsec_nanos() % 1_000_000)) {
            break now.subsec_millis();
        }
    };
    tokio::time::advance(Duration::from_millis(1000 - u64::from(of_second))).await;
}

struct Life {
    site: Site,
    registry: Registry,
    hosts: Vec<Host>,
    agenda: BTreeMap<(Instant, u64), Step>,
    planned: u64,
}

/// What is next.
#[derive(Debug, Clone)]
enum Step {
    Does(Deed),
    /// fleetd starts, unless it runs or the machine is off.
    Start(usize),
    Boot(usize),
    Clear(usize),
    SystemdBack(usize),
    TwinGoes,
}

impl Life {
    async fn begin(seed: u64, bug: Option<Bug>) -> Life {
        let store = Arc::new(EmbeddedStore::in_memory());
        let feed = store.watch("", Revision(1)).await.unwrap();
        let site = Site { store: store.clone(), world: Arc::new(World::new(feed)), bug };
        let host = |index: usize| {
            let id = format!("m{}", index + 1);
            Host::new(index, &id, seed.wrapping_mul(31) + index as u64)
        };
        let hosts = (0..=MACHINES).map(host).collect();
        let registry = Registry::over(store, TTL);
        Life { site, registry, hosts, agenda: BTreeMap::new(), planned: 0 }
    }

    fn plan(&mut self, after: Duration, step: Step) {
        self.planned += 1;
        self.agenda.insert((Instant::now() + after, self.planned), step);
    }

    /// Returns how long it took to settle.
    async fn live(&mut self, script: Vec<(Duration, Deed)>) -> Duration {
        for host in 0..MACHINES {
            self.plan(Duration::ZERO, Step::Boot(host));
        }
        for (at, deed) in script {
            self.plan(at, Step::Does(deed));
        }
        while let Some(((at, _), step)) = self.agenda.pop_first() {
            sleep_until(at).await;
            if self.is_broken() {
                return Duration::ZERO;
            }
            self.take(step).await;
            self.site.world.look();
        }
        self.settle().await
    }

    fn is_broken(&self) -> bool {
        self.site.world.truth().broken.is_some()
    }

    /// Nothing fails any more.
    async fn settle(&mut self) -> Duration {
        let begun = Instant::now();
        while !self.has_settled(begun) {
            sleep(LOOK_EVERY).await;
        }
        begun.elapsed()
    }

    /// Whether all is as it should be, or never will be.
    fn has_settled(&self, since: Instant) -> bool {
        self.site.world.look();
        let mut truth = self.site.world.truth();
        let troubles = quiet::troubles(&truth);
        if since.elapsed() > SETTLES_WITHIN && !troubles.is_empty() && truth.broken.is_none() {
            let broken = format!("not settled: {}", troubles.join("; "));
            truth.say(format!("BROKEN: {broken}"));
            truth.broken = Some(broken);
        }
        truth.broken.is_some() || troubles.is_empty()
    }

    async fn take(&mut self, step: Step) {
        if !matches!(step, Step::Start(_)) {
            self.site.world.truth().say(format!("{step:?}"));
        }
        match step {
            Step::Does(deed) => self.does(deed).await,
            Step::Start(host) => {
                let ready = self.hosts[host].may_start();
                if !ready || self.hosts[host].start_fleetd(&self.site).await.is_err() {
                    self.plan(RESTARTS_AFTER, Step::Start(host));
                }
            }
            Step::Boot(host) => {
                if !self.hosts[host].is_on() {
                    self.hosts[host].boot(&self.site);
                    self.plan(Duration::from_millis(100), Step::Start(host));
                }
            }
            Step::Clear(host) => {
                self.hosts[host].weather.set(Sky::default());
                self.site.world.looked_after(host, true);
            }
            Step::SystemdBack(host) => {
                if let Some(units) = self.hosts[host].units() {
                    units.reconnect();
                    self.site.world.looked_after(host, true);
                }
            }
            Step::TwinGoes => self.hosts[TWIN].cut_power(&self.site).await,
        }
    }

    async fn does(&mut self, deed: Deed) {
        match deed {
            Deed::Wish { unit, version, state } => {
                let desired = [TargetState::Inactive, TargetState::Loaded, TargetState::Launched];
                let desired = Some(desired[usize::from(state)]);
                let file = version.map(|version| units::file(unit, version));
                // A unit that is not there cannot be wanted without a file.
                let _ = self.registry.put_unit(&units::name(unit), &Put { file, desired }).await;
            }
            Deed::Destroy { unit } => {
                self.registry.destroy_unit(&units::name(unit)).await.unwrap();
            }
            Deed::Metadata { machine, disk } => {
                let key = Key::Metadata(self.hosts[machine].id.clone(), "disk".into()).to_string();
                self.write(match disk {
                    Some(disk) => Op::Put { key, value: disk.into(), lease: None },
                    None => Op::Delete(key),
                })
                .await;
            }
            Deed::Expel { machine } => {
                let key = Key::Machine(self.hosts[machine].id.clone());
                self.write(Op::Delete(key.to_string())).await;
            }
            Deed::Exit { host, unit, status } => {
                let name = units::name(unit);
                if let Some(units) = self.hosts[host].units() {
                    units.exit(&name, status);
                    self.site.world.ended(host, &name);
                }
            }
            Deed::Compact => {
                let now = self.site.store.revision().await.unwrap();
                self.site.store.compact(now).await.unwrap();
            }
            Deed::LoseLeases { host } => {
                self.site.world.looked_after(host, true);
                for lease in self.site.world.leases(host) {
                    self.site.store.revoke(lease).await.unwrap();
                }
            }
            Deed::StoreAway { lasts } => {
                for host in 0..self.hosts.len() {
                    self.weather(host, Sky::CUT, lasts);
                }
            }
            deed => self.does_to_a_host(deed).await,
        }
    }

    async fn does_to_a_host(&mut self, deed: Deed) {
        match deed {
            Deed::Crash { host, lasts } => {
                self.site.world.crashed(host);
                self.site.world.looked_after(host, false);
                self.hosts[host].kill_fleetd().await;
                self.plan(lasts, Step::Start(host));
            }
            Deed::Restart { host } => {
                self.site.world.looked_after(host, false);
                self.hosts[host].end_fleetd(Farewell::Keep);
                self.plan(RESTARTS_AFTER, Step::Start(host));
            }
            Deed::Leave { host, lasts } => {
                self.site.world.leaves(host);
                self.hosts[host].end_fleetd(Farewell::Leave);
                self.plan(lasts, Step::Start(host));
            }
            Deed::PowerCut { host, lasts } => {
                self.hosts[host].cut_power(&self.site).await;
                self.plan(lasts, Step::Boot(host));
            }
            Deed::Weather { host, sky, lasts } => self.weather(host, sky, lasts),
            Deed::SystemdAway { host, lasts } => {
                if let Some(units) = self.hosts[host].units() {
                    units.disconnect();
                    self.site.world.looked_after(host, false);
                    self.plan(lasts, Step::SystemdBack(host));
                }
            }
            Deed::DaemonReload { host } => {
                if let Some(units) = self.hosts[host].units() {
                    units.daemon_reload();
                }
            }
            Deed::Twin { of, lasts } if !self.hosts[TWIN].is_on() => {
                self.hosts[TWIN].id = self.hosts[of].id.clone();
                self.plan(Duration::ZERO, Step::Boot(TWIN));
                self.plan(lasts, Step::TwinGoes);
            }
            _ => {}
        }
    }

    fn weather(&mut self, host: usize, sky: Sky, lasts: Duration) {
        self.hosts[host].weather.set(sky);
        if sky.paused {
            self.site.world.looked_after(host, false);
        }
        self.plan(lasts, Step::Clear(host));
        if self.site.bug == Some(Bug::StopsWhenCutOff) && sky == Sky::CUT && lasts > TTL {
            self.hosts[host].end_fleetd(Farewell::Leave);
            self.plan(lasts, Step::Start(host));
        }
    }

    async fn write(&self, op: Op) {
        self.site.store.commit(Txn { then: vec![op], ..Txn::default() }).await.unwrap();
    }
}
