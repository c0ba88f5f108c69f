//! What is measured of a cluster of one size, in the order in which it is.

use std::time::{Duration, Instant};

use super::cluster::{Cluster, names};
use super::etcd::Load;
use super::report::{Samples, time};
use super::{AGENT_TTL, Size};

/// For how long nothing happens: each machine renews its lease twice.
const REST: Duration = Duration::from_secs(20);

/// How long the leader has to have been there before machines are lost: one that came lately gives
/// them time to come back.
const SETTLED: Duration = AGENT_TTL.saturating_add(Duration::from_secs(2));

/// Starts that are measured one by one.
const STARTS: usize = 20;

/// What was measured.
pub struct Measured {
    pub size: Size,
    /// Until all machines were of the cluster.
    pub joined: Duration,
    /// Until all units were stored.
    pub written: Duration,
    /// Until all were reported as running, from the first that was stored on.
    pub placed: Duration,
    /// What etcd did for that.
    pub load: Load,
    /// Processor time of the leader's process, and of those with the other machines.
    pub cpu: [f64; 2],
    /// Bytes of memory: the leader, a machine that does not lead, etcd.
    pub memory: [u64; 3],
    /// Bytes of etcd's database.
    pub database: f64,
    /// What etcd does in a second in which nothing happens.
    pub rest: Load,
    pub rest_secs: f64,
    /// Of one more unit.
    pub start: Samples,
    /// Until all units ran again without 1 % and 20 % of the machines.
    pub lost: [Duration; 2],
    /// Until there was another leader, and until a start went through.
    pub led: [Duration; 2],
}

/// Measures everything.
pub async fn measure(size: Size) -> Measured {
    println!("{} machines, {} units", size.machines, size.units);
    let begun = Instant::now();
    let mut cluster = Cluster::start(size).await;
    let joined = tell("all joined", begun);
    cluster.quiet().await;

    let (before, cpu_before) = (cluster.etcd.load().await, cpu(&cluster));
    let (units, began) = (names("unit", size.units), Instant::now());
    let writing = async {
        cluster.want(&units).await;
        tell("written", began)
    };
    let placing = async {
        cluster.until("all units", |running| running.count() == size.units).await;
        tell("all reported", began)
    };
    let (written, placed) = tokio::join!(writing, placing);
    cluster.quiet().await;
    let load = cluster.etcd.load().await - before;
    let cpu_after = cpu(&cluster);
    let cpu = [cpu_after[0] - cpu_before[0], cpu_after[1] - cpu_before[1]];
    println!("  {load:.0?}\n  cpu of leader and machines {cpu:.1?} s");
    let memory = [cluster.leader.memory(), cluster.alone.memory(), cluster.etcd.memory()];
    let database = cluster.etcd.size().await;
    println!("  memory {memory:?}, database {database}");

    let before = cluster.etcd.load().await;
    tokio::time::sleep(REST).await;
    let (rest, rest_secs) = (cluster.etcd.load().await - before, REST.as_secs_f64());
    println!("  at rest {rest:.0?}");

    let start = starts(&cluster).await;
    println!("  one more start {}, {} in 99 of 100", start.spread(), time(start.quantile(0.99)));
    tokio::time::sleep(SETTLED.saturating_sub(begun.elapsed())).await;
    let all = size.units + STARTS;
    let lost = [
        lose(&mut cluster, size.machines.div_ceil(100), all).await,
        lose(&mut cluster, size.machines / 5, all).await,
    ];
    let led = change_leader(cluster).await;
    Measured {
        size,
        joined,
        written,
        placed,
        load,
        cpu,
        memory,
        database,
        rest,
        rest_secs,
        start,
        lost,
        led,
    }
}

fn cpu(cluster: &Cluster) -> [f64; 2] {
    let others = cluster.others.iter().map(|process| process.cpu());
    [cluster.leader.cpu(), others.sum()]
}

async fn starts(cluster: &Cluster) -> Samples {
    let mut samples = Vec::new();
    for name in names("one-more", STARTS) {
        let began = Instant::now();
        cluster.want(std::slice::from_ref(&name)).await;
        cluster.until("one more", |running| running.has(&name)).await;
        samples.push(began.elapsed());
    }
    Samples::of(samples)
}

async fn lose(cluster: &mut Cluster, machines: usize, units: usize) -> Duration {
    let mut began = Instant::now();
    cluster.lose(machines, || began = Instant::now()).await;
    let ended = began.elapsed();
    cluster.until("all units again", |running| running.count() == units).await;
    println!("  {machines} leases ended: {}", time(ended));
    let recovered = tell("all recovered", began);
    cluster.quiet().await;
    recovered
}

async fn change_leader(mut cluster: Cluster) -> [Duration; 2] {
    let mut began = Instant::now();
    cluster.change_leader(|| began = Instant::now()).await;
    let led = tell("another one leads", began);
    let name = &names("afterwards", 1)[0];
    cluster.want(std::slice::from_ref(name)).await;
    cluster.until("a start afterwards", |running| running.has(name)).await;
    [led, tell("a start went through", began)]
}

fn tell(what: &str, began: Instant) -> Duration {
    let took = began.elapsed();
    println!("  {what}: {}", time(took));
    took
}
