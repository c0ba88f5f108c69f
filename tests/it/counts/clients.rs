//! What a command of fleetctl costs: requests of the API, connections, and what the API asks etcd
//! for. The real program, over the real API of one machine.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::page;
use super::scene::{SERVICE, units};
use super::table::Table;
use crate::cli::road::Road;

/// How often each command is run. The least of it counts: where this computer is so busy that the
/// cluster takes long, fleetctl asks why.
const TIMES: usize = 3;

/// What one run of a command cost.
struct Run {
    /// How often what was asked for; names are left out.
    requests: BTreeMap<String, usize>,
    connections: usize,
    etcd: Etcd,
}

/// What the API asked etcd for meanwhile.
struct Etcd {
    reads: usize,
    writes: usize,
}

fn run(road: &Road, command: &str) -> Run {
    road.door.requests.lock().unwrap().clear();
    road.door.connections.store(0, Ordering::Relaxed);
    road.cluster.tally.take();
    road.run(command).code(0);
    let mut requests = BTreeMap::new();
    for request in road.door.requests.lock().unwrap().iter() {
        *requests.entry(nameless(request)).or_default() += 1;
    }
    let asked = road.cluster.tally.take();
    let count = |what| asked.get(&("API", what)).copied().unwrap_or_default();
    let etcd = Etcd { reads: count("read"), writes: count("write") };
    Run { requests, connections: road.door.connections.load(Ordering::Relaxed), etcd }
}

/// A request without the name of its unit.
fn nameless(request: &str) -> String {
    let request = request.replace("/fleet/v1/", "");
    let words =
        request.split('/').map(|word| if word.ends_with(".service") { "NAME" } else { word });
    words.collect::<Vec<_>>().join("/")
}

/// The run with the fewest requests. What undoes the command is run between.
fn least(road: &Road, command: &str, undo: &str) -> Run {
    let mut runs: Vec<Run> = (0..TIMES)
        .map(|time| {
            if time > 0 && !undo.is_empty() {
                road.run(undo).code(0);
            }
            run(road, command)
        })
        .collect();
    runs.sort_by_key(|run| run.requests.values().sum::<usize>());
    runs.swap_remove(0)
}

#[test]
fn commands_cost_what_the_page_says() {
    let road = Road::new();
    let hundred = units(100);
    hundred.iter().for_each(|unit| drop(road.bench.file(unit, SERVICE)));
    road.bench.file("a.service", SERVICE);
    let hundred = hundred.join(" ");
    let (start, stop) = (format!("start {hundred}"), format!("stop {hundred}"));
    let destroy = format!("destroy {hundred}");
    let columns = ["command", "requests of the API", "connections", "etcd: reads", "writes"];
    let mut table = Table::new("counts-commands", &columns);
    for (shown, command, undo, most) in [
        ("start a.service", "start a", "destroy a", None),
        ("stop a.service", "stop a", "start a", None),
        ("start a.service, which it has", "start a", "stop a", None),
        ("list-units", "list-units", "", None),
        ("list-unit-files", "list-unit-files", "", None),
        ("list-machines", "list-machines", "", None),
        ("why a.service", "why a", "", None),
        ("destroy a.service", "destroy a", "start a", None),
        ("start of 100 units", &start, &destroy, Some(202)),
        ("stop of 100 units", &stop, &start, Some(302)),
        ("destroy of 100 units", &destroy, &start, Some(202)),
    ] {
        let Run { requests, connections, etcd } = least(&road, command, undo);
        let times = |(request, times): (&String, &usize)| match times {
            1 => request.clone(),
            _ => format!("{times} {request}"),
        };
        let requests: Vec<String> = requests.iter().map(times).collect();
        let [connections, writes] = [connections, etcd.writes].map(|count| count.to_string());
        let reads = match most {
            // Those that come at the same time are one.
            Some(most) if etcd.reads <= most => format!("at most {most}"),
            _ => etcd.reads.to_string(),
        };
        table.row([shown.to_owned(), requests.join(", "), connections, reads, writes]);
    }
    page::compare(&table);
}
