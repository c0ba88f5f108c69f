//! Units that run containers by `docker-run.sh`: until the container runs, as Docker's engine notes
//! it. Beside it, in the same run: `docker run` by hand, and Docker's Swarm mode of the same engines.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::cluster::{Cluster, wait_for};
use crate::machines::Machines;
use crate::orders::{Order, between};
use crate::report::{Samples, Table, time};
use crate::units::{self, SHELF};

/// How often the start of one container is measured.
const SAMPLES: usize = 10;

/// How many are started at once.
const MANY: usize = 100;

/// For all of them to run.
const PATIENCE: Duration = Duration::from_secs(120);

/// A container that ends when it is told to.
const COMMAND: &str = "sh -c 'trap exit TERM; sleep 1d & wait'";

/// Name and beginning of every container that runs.
const SHOW: &str = "docker ps --quiet --filter name=bench- | xargs --no-run-if-empty \
                    docker container inspect --format '{{.Name}} {{.State.StartedAt}}'";

/// Prints the table.
pub fn measure(machines: &mut Machines) {
    let image = Cluster.base_image();
    Cluster.load(&[&image]);
    let hand = one_each(machines, |machines, name| by_hand(machines, name, &image));
    let fleet = one_each(machines, |machines, name| by_fleet(machines, &[name], &image));
    let hands = many_by_hand(machines, &image);
    let names: Vec<String> = (0..MANY).map(|number| format!("bench-fleet-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let fleets = by_fleet(machines, &names, &image);
    forget(machines);
    join_swarm(machines);
    let swarm = one_each(machines, |machines, name| by_swarm(machines, name, 1, &image));
    let swarms = by_swarm(machines, "bench-swarm", MANY, &image);
    machines.run(&machines.first(), &["docker", "service", "rm", "bench-swarm"]);
    machines.everywhere("docker swarm leave --force");

    let columns =
        ["until all containers run", "1", "goal", "100 at once", "to `docker run`", "goal"];
    let mut table = Table::new("containers", &columns);
    let mut row = |who: &str, one: &Samples, many: Duration, goals: [&str; 2]| {
        let ratio = format!("{:.2}", many.as_secs_f64() / hands.as_secs_f64());
        let [one_goal, many_goal] = goals.map(str::to_owned);
        table.row([who.to_owned(), one.spread(), one_goal, time(many), ratio, many_goal]);
    };
    row("`fleetctl start`", &fleet, fleets, ["≤ 0.26 s", "≤ 1.15"]);
    row("`docker run` by hand", &hand, hands, ["(floor)", "(floor)"]);
    row("`docker service create`", &swarm, swarms, ["", ""]);
    table.tell();
}

/// Several times one container, which is gone before the next.
fn one_each(
    machines: &mut Machines,
    mut start: impl FnMut(&mut Machines, &str) -> Duration,
) -> Samples {
    let samples: Vec<Duration> = (0..SAMPLES)
        .map(|number| {
            let took = start(machines, &format!("bench-one-{number}"));
            forget(machines);
            took
        })
        .collect();
    Samples::of(samples)
}

fn by_hand(machines: &mut Machines, name: &str, image: &str) -> Duration {
    let began = SystemTime::now();
    let script = format!("docker run --detach --name {name} {image} {COMMAND}");
    machines.sh(&machines.first(), &script);
    between(began, all_run(machines, 1))
}

fn many_by_hand(machines: &mut Machines, image: &str) -> Duration {
    let names = machines.names();
    let call = |number: usize| {
        let script = format!("docker run --detach --name bench-hand-{number} {image} {COMMAND}");
        ["sh".to_owned(), "-ec".to_owned(), script].to_vec()
    };
    let orders = names.iter().enumerate().map(|(first, machine)| {
        let commands = (first..MANY).step_by(names.len()).map(call).collect();
        (machine.clone(), Order::Run { commands, at_once: MANY })
    });
    let orders = orders.collect();
    let began = SystemTime::now();
    machines.all(orders);
    let took = between(began, all_run(machines, MANY));
    forget(machines);
    took
}

fn by_fleet(machines: &mut Machines, names: &[&str], image: &str) -> Duration {
    let first = machines.first();
    let file = |name: &str| {
        let text = format!(
            "[Unit]\nAfter=docker.service\nRequires=docker.service\n[Service]\n\
             ExecStart=/opt/bin/docker-run.sh --name {name} {image} {COMMAND}\n\
             ExecStopPost=-/opt/bin/docker-run.sh --cleanup {name}\n"
        );
        (units::path(SHELF, &format!("{name}.service")), text)
    };
    let files: BTreeMap<String, String> = names.iter().map(|name| file(name)).collect();
    let paths = files.keys().cloned();
    let command: Vec<String> =
        ["fleetctl", "start"].map(str::to_owned).into_iter().chain(paths).collect();
    machines.does(&first, Order::Write { files });
    let ran = machines.does(&first, Order::Run { commands: vec![command], at_once: 1 }).remove(0);
    between(ran.began, all_run(machines, names.len()))
}

fn by_swarm(machines: &mut Machines, name: &str, replicas: usize, image: &str) -> Duration {
    let began = SystemTime::now();
    let script = format!(
        "docker service create --quiet --detach --no-resolve-image --name {name} --replicas {replicas} {image} {COMMAND}"
    );
    machines.sh(&machines.first(), &script);
    between(began, all_run(machines, replicas))
}

/// Every engine joins the Swarm of the first.
fn join_swarm(machines: &mut Machines) {
    let first = machines.first();
    machines.sh(&first, "docker swarm init --advertise-addr eth0");
    let token = machines.run(&first, &["docker", "swarm", "join-token", "--quiet", "worker"]);
    let address = machines.sh(&first, "hostname --ip-address").output;
    let join = format!("docker swarm join --token {} {}:2377", token.output.trim(), address.trim());
    for machine in machines.names().into_iter().skip(1) {
        machines.sh(&machine, &join);
    }
}

/// When the last of so many containers began to run.
fn all_run(machines: &mut Machines, count: usize) -> SystemTime {
    wait_for(PATIENCE, "containers", || {
        let shown: String = machines.everywhere(SHOW).into_values().collect();
        let begun: Vec<SystemTime> = shown.lines().filter_map(begun).collect();
        let last = begun.iter().max().filter(|_| begun.len() == count);
        last.copied().ok_or_else(|| format!("{} run", begun.len()))
    })
}

fn begun(line: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(line.split_once(' ')?.1).ok()
}

/// Removes all that was started.
fn forget(machines: &mut Machines) {
    let first = machines.first();
    machines.sh(&first, "fleetctl destroy 'bench-*'");
    machines.sh(&first, "if docker info | grep -q 'Swarm: active'; then docker service ls --quiet | xargs --no-run-if-empty docker service rm; fi");
    let remove =
        "docker ps --all --quiet --filter name=bench- | xargs --no-run-if-empty docker rm --force";
    machines.everywhere(remove);
}
