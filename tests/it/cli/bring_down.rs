//! stop, unload and destroy.

use fleet::model::TargetState::{self, Inactive, Launched, Loaded};

use super::bench::Bench;
use super::cluster::{Cluster, M1, machine, name};

const HELLO: &str = "[Service]\nExecStart=/bin/sleep 1000\n";
const GLOBAL: &str = "[Service]\nExecStart=/bin/true\n[X-Fleet]\nGlobal=true\n";

/// A unit runs on the first machine.
fn runs(cluster: &mut Cluster, unit: &str) {
    cluster.has(unit, HELLO, Launched);
    cluster.report(unit, M1, "active running", Some("done"));
}

/// What the cluster does once the unit is wanted less.
fn goes_down(cluster: &mut Cluster, unit: &'static str, to: TargetState) {
    cluster.after(&format!("PUT units/{unit}"), move |cluster| {
        cluster.report(unit, M1, "deactivating stop-sigterm", None);
        cluster.report(unit, M1, "inactive dead", None);
        if to == Inactive {
            cluster.drop_state(unit, M1);
        }
        cluster.change(unit, |unit| {
            unit.current_state = Some(to);
            unit.machine_id = (to != Inactive).then(|| machine(M1));
        });
    });
}

#[test]
fn stop_waits_until_nothing_runs() {
    let bench = Bench::new(|cluster| {
        runs(cluster, "hello.service");
        goes_down(cluster, "hello.service", Loaded);
    });
    let expected = "Unit hello.service loaded on 113f16a7.../172.17.8.101\n";
    bench.run("stop hello").is(0, expected, "");
    assert_eq!(bench.script.lock().writes(), ["PUT units/hello.service"]);
    bench.run("stop hello").is(0, expected, "");
    assert_eq!(bench.script.lock().writes().len(), 1, "it is stopped already");
}

#[test]
fn stop_does_not_load_what_was_never_loaded() {
    let bench = Bench::new(|cluster| cluster.has("hello.service", HELLO, Inactive));
    bench.run("stop hello").is(0, "Unit hello.service inactive\n", "");
    assert!(bench.script.lock().writes().is_empty());
}

#[test]
fn unload_waits_until_no_machine_has_it() {
    let bench = Bench::new(|cluster| {
        runs(cluster, "hello.service");
        goes_down(cluster, "hello.service", Inactive);
    });
    bench.run("unload hello.service").is(0, "Unit hello.service inactive\n", "");
    let wanted = bench.script.lock().units[&name("hello.service")].desired_state;
    assert_eq!(wanted, Some(Inactive));
}

#[test]
fn destroy_waits_until_it_is_gone_everywhere() {
    let bench = Bench::new(|cluster| {
        runs(cluster, "hello.service");
        cluster.after("DELETE units/hello.service", |c| c.drop_state("hello.service", M1));
    });
    bench.run("destroy hello.service").is(0, "Destroyed hello.service\n", "");
    assert!(bench.script.lock().units.is_empty());
}

#[test]
fn destroy_goes_on_when_somebody_was_faster() {
    let bench = Bench::new(|cluster| {
        cluster.has("hello.service", HELLO, Inactive);
        cluster.refuse = Some(("DELETE".to_owned(), 404, "unit does not exist".to_owned()));
        cluster.after("GET units/hello.service", |cluster| cluster.units.clear());
    });
    bench.run("destroy hello.service").is(0, "Destroyed hello.service\n", "");
}

#[test]
fn a_stop_that_systemd_refuses_is_told() {
    let bench = Bench::new(|cluster| {
        runs(cluster, "hello.service");
        for request in ["PUT units/hello.service", "DELETE units/hello.service"] {
            cluster.after(request, |cluster| {
                let refusal = "Operation refused, unit may be requested by dependency only";
                cluster.correct("hello.service", M1, |state| {
                    state.message = Some(refusal.to_owned());
                });
            });
        }
    });
    for verb in ["stop", "unload", "destroy"] {
        let told = bench.run(&format!("{verb} hello"));
        let expected = "error: hello.service on 113f16a7.../172.17.8.101: systemd refuses to stop \
                        it: Operation refused, unit may be requested by dependency only\nhint: ";
        assert!(told.stderr.starts_with(expected), "{verb}: {told}");
        assert_eq!((told.code, told.stdout.as_str()), (Some(1), ""), "{verb}");
    }
}

#[test]
fn globs_choose_among_the_units_of_the_cluster() {
    let bench = Bench::new(|cluster| {
        for unit in ["a@1.service", "a@2.service", "a@3.service", "b.service"] {
            cluster.has(unit, HELLO, Inactive);
        }
    });
    let ended = bench.run("destroy --no-block a@[12].service b*");
    let mut lines: Vec<&str> = ended.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["Destroyed a@1.service", "Destroyed a@2.service", "Destroyed b.service"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    bench.run("destroy z*").is(0, "", "warning: no unit matches z*\n");
    let left: Vec<String> = bench.script.lock().units.keys().map(ToString::to_string).collect();
    assert_eq!(left, ["a@3.service"]);
}

#[test]
fn globs_stop_and_unload_too() {
    let bench = Bench::new(|cluster| {
        for unit in ["a@1.service", "a@2.service", "b.service"] {
            runs(cluster, unit);
        }
    });
    for verb in ["stop", "unload"] {
        let ended = bench.run(&format!("{verb} --no-block a@*"));
        let mut lines: Vec<&str> = ended.stdout.lines().collect();
        lines.sort_unstable();
        let expected = ["a@1", "a@2"].map(|unit| format!("Triggered unit {unit}.service {verb}"));
        assert_eq!((ended.code, lines), (Some(0), expected.each_ref().map(|s| &**s).to_vec()));
    }
    let b = &bench.script.lock().units[&name("b.service")];
    assert_eq!(b.desired_state, Some(Launched));
}

#[test]
fn global_units_are_not_waited_for() {
    let bench = Bench::new(|cluster| cluster.has("everywhere.service", GLOBAL, Launched));
    for verb in ["stop", "unload"] {
        let told = format!("Triggered global unit everywhere.service {verb}\n");
        bench.run(&format!("{verb} everywhere")).is(0, &told, "");
    }
}

#[test]
fn a_name_that_is_not_there_changes_nothing() {
    let bench = Bench::new(|cluster| runs(cluster, "hello.service"));
    for command in ["stop", "unload", "destroy"] {
        bench.run(&format!("{command} hello nope")).is(
            1,
            "",
            "error: there is no unit nope.service in the cluster\n\
             hint: `fleetctl list-unit-files` shows what there is\n",
        );
    }
    assert!(bench.script.lock().writes().is_empty());
}

#[test]
fn no_block_says_what_was_triggered() {
    let bench = Bench::new(|cluster| runs(cluster, "hello.service"));
    bench.run("stop --no-block hello").is(0, "Triggered unit hello.service stop\n", "");
    bench.run("unload --no-block hello").is(0, "Triggered unit hello.service unload\n", "");
    bench.run("destroy --no-block hello").is(0, "Destroyed hello.service\n", "");
}
