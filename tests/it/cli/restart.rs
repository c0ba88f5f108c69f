//! restart.

use fleet::model::TargetState::{Inactive, Launched, Loaded};

use super::bench::Bench;
use super::cluster::{Cluster, M1};

const HELLO: &str = "[Service]\nExecStart=/bin/sleep 1000\n";
const GLOBAL: &str = "[Service]\nExecStart=/bin/true\n[X-Fleet]\nGlobal=true\n";

/// The unit runs, and comes up, or does not, each time it is wanted.
fn runs(cluster: &mut Cluster, unit: &'static str, comes_up: bool) {
    cluster.has(unit, HELLO, Launched);
    cluster.report(unit, M1, "active running", Some("done"));
    cluster.after(&format!("PUT units/{unit}"), move |cluster| {
        if cluster.units[&super::cluster::name(unit)].desired_state == Some(Launched) {
            let (active, job) =
                if comes_up { ("active running", "done") } else { ("failed failed", "failed") };
            cluster.report(unit, M1, active, Some(job));
        }
    });
}

#[test]
fn units_are_restarted_one_after_another_as_they_are_named() {
    let bench = Bench::new(|cluster| {
        runs(cluster, "web@1.service", true);
        runs(cluster, "web@2.service", true);
        runs(cluster, "db.service", true);
    });
    bench.run("restart db web@* db.service").is(
        0,
        "Unit db.service launched on 113f16a7.../172.17.8.101\n\
         Unit web@1.service launched on 113f16a7.../172.17.8.101\n\
         Unit web@2.service launched on 113f16a7.../172.17.8.101\n",
        "",
    );
    let each = |unit| [format!("PUT units/{unit}.service"), format!("PUT units/{unit}.service")];
    let expected = [each("db"), each("web@1"), each("web@2")].concat();
    let cluster = bench.script.lock();
    assert_eq!(cluster.writes(), expected);
    let streams = cluster.asked.iter().filter(|asked| *asked == "GET events").count();
    assert_eq!(streams, 1, "one for all: {:?}", cluster.asked);
    assert!(cluster.units.values().all(|unit| unit.launch == Some(2)), "started once more");
}

#[test]
fn the_first_that_fails_ends_the_row() {
    let bench = Bench::new(|cluster| {
        runs(cluster, "a.service", false);
        runs(cluster, "b.service", true);
        runs(cluster, "c.service", true);
    });
    bench.run("restart a b c").is(
        1,
        "",
        "error: a.service on 113f16a7.../172.17.8.101: it failed (result exit-code, status 3)\n\
         hint: `fleetctl status a.service` and `fleetctl journal a.service` show more\n\
         not restarted: b.service, c.service\n",
    );
    assert_eq!(bench.script.lock().writes().len(), 2, "the others were left alone");
}

#[test]
fn what_is_loaded_is_started() {
    let bench = Bench::new(|cluster| {
        runs(cluster, "a.service", true);
        cluster.change("a.service", |unit| unit.desired_state = Some(Loaded));
    });
    bench.run("restart a").is(0, "Unit a.service launched on 113f16a7.../172.17.8.101\n", "");
    assert_eq!(bench.script.lock().writes().len(), 1);
}

#[test]
fn what_is_on_no_machine_is_refused_and_globs_pass_it_over() {
    let bench = Bench::new(|cluster| {
        runs(cluster, "web@1.service", true);
        cluster.has("web@.service", HELLO, Inactive);
        cluster.has("web@2.service", HELLO, Inactive);
    });
    bench.run("restart web@1 web@2").is(
        1,
        "",
        "error: web@2.service: it is inactive, so there is nothing to restart: \
         `fleetctl start web@2.service`\n",
    );
    bench.run("restart web@1 web@.service").is(
        1,
        "",
        "error: web@.service: a template runs nowhere: restart its instances, as \
         'web@*.service'\n",
    );
    assert!(bench.script.lock().writes().is_empty());
    let launched = "Unit web@1.service launched on 113f16a7.../172.17.8.101\n";
    bench.run("restart web@*").is(0, launched, "");
    let warning = "warning: there is nothing to restart: none of these units is on a machine\n";
    bench.run("restart web@[2.]*").is(0, "", warning);
}

#[test]
fn no_block_and_global_units_are_triggered() {
    let bench = Bench::new(|cluster| {
        runs(cluster, "a.service", true);
        cluster.has("everywhere.service", GLOBAL, Launched);
    });
    bench.run("restart --no-block a everywhere").is(
        0,
        "Triggered unit a.service stop\nTriggered unit a.service start\n\
         Triggered global unit everywhere.service stop\n\
         Triggered global unit everywhere.service start\n",
        "",
    );
    let cluster = bench.script.lock();
    assert_eq!(cluster.writes().len(), 4);
    assert!(cluster.units.values().all(|unit| unit.desired_state == Some(Launched)));
}

#[test]
fn a_unit_that_is_left_stopped_is_told() {
    let bench = Bench::new(|cluster| {
        cluster.has("a.service", HELLO, Launched);
        cluster.report("a.service", M1, "active running", Some("done"));
        cluster.after("PUT units/a.service", |cluster| {
            cluster.refuse = Some(("PUT".to_owned(), 503, "no leader".to_owned()));
        });
    });
    let ended = bench.run("restart a");
    let (first, rest) = ended.stderr.split_once('\n').unwrap();
    assert_eq!(first, "error: a.service is stopped, and cannot be started again");
    assert!(rest.contains("no leader"), "{ended}");
    assert!(rest.ends_with("hint: `fleetctl start a.service` starts it\n"), "{ended}");
    assert_eq!(ended.code, Some(1));
}

#[test]
fn each_unit_is_taken_as_it_is_at_its_turn() {
    let bench = Bench::new(|cluster| {
        runs(cluster, "b.service", true);
        cluster.has("a.service", HELLO, Launched);
        cluster.after("PUT units/a.service", |cluster| {
            cluster.report("a.service", M1, "active running", Some("done"));
            cluster.change("b.service", |unit| unit.desired_state = Some(Inactive));
        });
    });
    bench.run("restart a b").is(
        1,
        "Unit a.service launched on 113f16a7.../172.17.8.101\n",
        "error: b.service: it is inactive, so there is nothing to restart: \
         `fleetctl start b.service`\n",
    );
}
