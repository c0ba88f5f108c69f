//! Data as documents: what `--output json` and `--output yaml` print is what the API has.

use fleet::api::{Machine, State, Unit, Why, WhyStatus};
use fleet::model::TargetState::{Inactive, Launched};
use serde::de::DeserializeOwned;

use super::bench::Bench;
use super::cluster::{Cluster, M1, machine, name};

const HELLO: &str = "# greets\n[Unit]\nDescription=Hello\n\n[Service]\nExecStart=/bin/true\n";

fn scene(cluster: &mut Cluster) {
    cluster.has("hello.service", HELLO, Launched);
    cluster.report("hello.service", M1, "active running", Some("done"));
    cluster.has("hello@.service", HELLO, Inactive);
    let why = Why {
        name: name("hello.service"),
        status: WhyStatus::Placed,
        reason: "it takes the unit".to_owned(),
        machine_ids: vec![machine(M1)],
        refusals: Vec::new(),
    };
    cluster.whys.insert(name("hello.service"), why);
}

/// What a command prints as JSON, and the same from its YAML.
fn documents<T: DeserializeOwned + PartialEq + std::fmt::Debug>(bench: &Bench, command: &str) -> T {
    let json = bench.run(&format!("{command} --output json"));
    let yaml = bench.run(&format!("{command} --output=yaml"));
    assert_eq!((json.code, yaml.code), (Some(0), Some(0)), "{json}{yaml}");
    let read = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(serde_saphyr::from_str::<T>(&yaml.stdout).unwrap(), read, "{yaml}");
    read
}

#[test]
fn documents_are_those_of_the_api() {
    let bench = Bench::new(scene);
    let states: Vec<State> = documents(&bench, "list-units");
    let units: Vec<Unit> = documents(&bench, "list-unit-files");
    let machines: Vec<Machine> = documents(&bench, "list-machines");
    let unit: Unit = documents(&bench, "cat hello");
    let whys: Vec<Why> = documents(&bench, "why hello");
    let cluster = bench.script.lock();
    assert_eq!(states, cluster.states.values().cloned().collect::<Vec<_>>());
    assert_eq!(units, cluster.units.values().cloned().collect::<Vec<_>>());
    assert_eq!(machines, cluster.machines);
    assert_eq!(&unit, &cluster.units[&name("hello.service")]);
    assert_eq!(whys, cluster.whys.values().cloned().collect::<Vec<_>>());
}

#[test]
fn an_empty_list_is_a_list() {
    let bench = Bench::new(|cluster| cluster.machines.clear());
    for command in ["list-units", "list-unit-files", "list-machines"] {
        bench.run(&format!("{command} -o json")).is(0, "[]\n", "");
        bench.run(&format!("{command} -o yaml --no-legend")).is(0, "[]\n", "");
    }
}

#[test]
fn the_version_is_a_document_too() {
    let version = concat!("{\n  \"version\": \"", env!("CARGO_PKG_VERSION"), "\"\n}\n");
    Bench::new(|_| {}).run_with("version --output json", &[]).is(0, version, "");
}

#[test]
fn columns_are_of_tables_only() {
    let bench = Bench::new(scene);
    bench.run("list-units --fields=unit --output=json").is(
        1,
        "",
        "error: --fields chooses the columns of a table; json and yaml have every field\n",
    );
    assert_eq!(bench.run("list-units --output xml").code, Some(2));
}
