//! What `fleetctl events` tells, once and for as long as it follows.

use fleet::api::Event;
use fleet::model::TargetState::Launched;

use super::bench::{Bench, Ended, Running};
use super::cluster::{Cluster, M1, M2, machine, name};

const FILE: &str = "[Service]\nExecStart=/bin/true\n";

const STANDING: [&str; 4] = [
    "machine 113f16a7.../172.17.8.101 joined with metadata zone=a",
    "machine 2a3b4c5d.../172.17.8.102 joined with metadata zone=b",
    "hello.service launched on 113f16a7.../172.17.8.101",
    "hello.service active (running) on 113f16a7.../172.17.8.101",
];

fn scene(cluster: &mut Cluster) {
    cluster.has("hello.service", FILE, Launched);
    cluster.report("hello.service", M1, "active running", Some("done"));
    let since = "2026-01-02T03:04:05Z".parse().ok();
    cluster.states.get_mut(&(name("hello.service"), machine(M1))).unwrap().since = since;
}

/// The lines without their times.
fn said(ended: &Ended) -> Vec<&str> {
    ended.stdout.lines().map(|line| &line[22..]).collect()
}

fn following(bench: &Bench, arguments: &str) -> Running {
    let running = bench.start(arguments);
    running.until("hello.service active (running) on 113f16a7.../172.17.8.101\n");
    running
}

#[test]
fn how_everything_stands() {
    let bench = Bench::new(scene);
    let ended = bench.run("events");
    assert_eq!((ended.code, said(&ended)), (Some(0), STANDING.to_vec()));
    let times: Vec<&str> = ended.stdout.lines().map(|line| line[..20].trim_end()).collect();
    assert_eq!(times, ["-", "-", "-", "2026-01-02T03:04:05Z"]);
    let ended = bench.run("events --full");
    assert!(ended.stdout.contains(&format!("hello.service launched on {M1}/172.17.8.101\n")));
}

#[test]
fn what_happens_is_told_as_it_happens() {
    let bench = Bench::new(scene);
    let running = following(&bench, "events -f");
    bench.script.lock().join("3c4d5e6f000000000000000000000003", "172.17.8.103");
    bench.script.lock().change("hello.service", |_| {}); // nothing that people care about
    bench.script.lock().report("hello.service", M1, "failed failed", Some("failed"));
    running.until("hello.service failed (exit-code, status 3) on 113f16a7.../172.17.8.101\n");
    running.signal("INT");
    let ended = running.end();
    let mut expected = STANDING.to_vec();
    expected.push("machine 3c4d5e6f.../172.17.8.103 joined");
    expected.push("hello.service failed (exit-code, status 3) on 113f16a7.../172.17.8.101");
    assert_eq!((ended.code, said(&ended)), (Some(0), expected));
    assert!(ended.stdout.lines().skip(4).all(|line| line.as_bytes()[19] == b'Z'), "{ended}");
}

#[test]
fn a_broken_connection_goes_on_where_it_broke() {
    let bench = Bench::new(scene);
    let running = following(&bench, "events -f");
    bench.script.lock().report("hello.service", M1, "deactivating stop", None);
    running.until("hello.service deactivating (stop) on 113f16a7.../172.17.8.101\n");
    let seen = bench.script.lock().revision;
    bench.script.lock().after("GET events", |cluster| {
        cluster.report("hello.service", M1, "inactive dead", None);
    });
    bench.script.lock().hang_up();
    running.until("hello.service inactive (dead) on 113f16a7.../172.17.8.101\n");
    running.signal("INT");
    let ended = running.end();
    let request = format!("GET /fleet/v1/events to {}", bench.endpoint());
    let told = format!("warning: {request} broke off; trying to connect again\nconnected again\n");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), told.as_str()));
    let asked = bench.script.lock().asked.clone();
    assert!(asked.contains(&format!("GET events after {seen}")), "{asked:?}");
}

#[test]
fn what_was_missed_is_made_up_for() {
    let bench = Bench::new(scene);
    let running = following(&bench, "events -f");
    {
        let mut cluster = bench.script.lock();
        cluster.mute = true;
        cluster.drop_state("hello.service", M1);
        cluster.report("hello.service", M2, "active running", Some("done"));
        cluster.mute = false;
        cluster.reset();
    }
    running.until("hello.service active (running) on 2a3b4c5d.../172.17.8.102\n");
    running.signal("INT");
    let ended = running.end();
    let missed = [
        "hello.service no longer on 113f16a7.../172.17.8.101",
        "hello.service active (running) on 2a3b4c5d.../172.17.8.102",
    ];
    assert_eq!(said(&ended)[4..], missed);
}

#[test]
fn documents_are_the_events_of_the_api() {
    let bench = Bench::new(scene);
    let ended = bench.run("events --output=json");
    let events = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    let events: Vec<Event> = events.collect();
    let cluster = bench.script.lock();
    assert!(
        matches!(&events[..], [
        Event::Machine(_), Event::Machine(_), Event::Unit(unit), Event::State(state), Event::Ready(ready),
    ] if unit.name == name("hello.service")
        && state.state.as_ref() == cluster.states.values().next()
        && ready.revision == cluster.revision),
        "{ended}"
    );
}
