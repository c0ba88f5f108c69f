//! Lists that are shown again whenever the cluster changes.

use fleet::api::{Machine, State, Waiting};
use fleet::model::TargetState::Launched;

use super::bench::Bench;
use super::cluster::{Cluster, M1, name};

const FILE: &str = "[Service]\nExecStart=/bin/true\n";

fn scene(cluster: &mut Cluster) {
    cluster.has("hello.service", FILE, Launched);
    cluster.report("hello.service", M1, "activating start", None);
}

#[test]
fn a_table_follows_each_change() {
    let bench = Bench::new(scene);
    let running = bench.start("list-units --watch --fields=unit,active");
    running.until("hello.service\tactivating\n");
    bench.script.lock().change("hello.service", |_| {}); // nothing that the table shows
    bench.script.lock().report("hello.service", M1, "active running", Some("done"));
    running.until("hello.service\tactive\n");
    running.signal("INT");
    let tables = "UNIT\t\tACTIVE\nhello.service\tactivating\n\n\
                  UNIT\t\tACTIVE\nhello.service\tactive\n";
    running.end().is(0, tables, "");
}

#[test]
fn units_that_wait_are_told_when_that_changes() {
    let bench = Bench::new(scene);
    let running = bench.start("list-units --watch --no-legend --fields=active");
    running.until("activating\n");
    {
        let mut cluster = bench.script.lock();
        let reason = "its machine was lost 3 times".to_owned();
        cluster.waiting = vec![Waiting { name: name("bomb.service"), reason }];
        cluster.report("hello.service", M1, "active running", Some("done"));
    }
    running.until("activating\n\nactive\n");
    bench.script.lock().report("hello.service", M1, "inactive dead", Some("done"));
    running.until("\ninactive\n");
    running.signal("INT");
    let tables = "activating\n\nactive\n\ninactive\n";
    running.end().is(0, tables, "waiting: bomb.service: its machine was lost 3 times\n");
}

#[test]
fn a_burst_of_changes_costs_few_looks() {
    let bench = Bench::new(scene);
    let running = bench.start("list-units -w --no-legend --fields=active");
    running.until("activating\n");
    for _ in 0..100 {
        bench.script.lock().change("hello.service", |_| {});
    }
    bench.script.lock().report("hello.service", M1, "active running", Some("done"));
    running.until("activating\n\nactive\n");
    running.signal("INT");
    let looks = bench.script.lock().asked.iter().filter(|asked| *asked == "GET state").count();
    assert!(looks < 50, "{looks} looks for 101 changes");
}

#[test]
fn documents_follow_each_other() {
    let bench = Bench::new(scene);
    let running = bench.start("list-units --watch --output=json");
    running.until("}]\n");
    bench.script.lock().drop_state("hello.service", M1);
    running.until("}]\n[]\n");
    running.signal("INT");
    let ended = running.end();
    let mut lines = ended.stdout.lines();
    let first: Vec<State> = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(first[0].systemd_active_state, "activating");
    assert_eq!((ended.code, lines.collect::<Vec<_>>()), (Some(0), vec!["[]"]));
    let running = bench.start("list-machines --watch --output=yaml");
    running.until("zone: b\n");
    running.signal("INT");
    let ended = running.end();
    assert!(ended.stdout.starts_with("---\n- id: "), "{ended}");
    assert_eq!(serde_saphyr::from_str::<Vec<Machine>>(&ended.stdout).unwrap().len(), 2);
}

#[test]
fn a_broken_connection_is_told_and_made_again() {
    let bench = Bench::new(scene);
    let running = bench.start("list-units --watch --no-legend --fields=active");
    running.until("activating\n");
    {
        let mut cluster = bench.script.lock();
        cluster.hang_up();
        cluster.mute = true; // the look after the connection is back has to notice
        cluster.report("hello.service", M1, "active running", Some("done"));
    }
    running.until("activating\n\nactive\n");
    running.signal("INT");
    let request = format!("GET /fleet/v1/events to {}", bench.endpoint());
    let told = format!(
        "warning: {request} broke off; this may be out of date until it is back\n\
         up to date again\n"
    );
    running.end().is(0, "activating\n\nactive\n", &told);
}

#[test]
fn what_cannot_be_shown_at_all_is_an_error() {
    let bench = Bench::new(|cluster| {
        cluster.refuse = Some(("GET state".to_owned(), 500, "no".to_owned()));
    });
    bench.run("list-units --watch").is(1, "", "error: no (GET /fleet/v1/state: 500)\n");
    bench.script.lock().refuse = Some(("GET events".to_owned(), 404, "no".to_owned()));
    let old =
        "error: no (GET /fleet/v1/events: 404)\nhint: that fleetd is too old to tell of changes\n";
    bench.run("list-units --watch").is(1, "", old);
    bench.run("events").is(1, "", old);
}
