//! The main job: an app beside its database, both in containers, and what becomes of them.

use std::time::Duration;

use crate::cluster::{Cluster, wait_for};
use crate::fleet::{Fleet, PATIENCE};

/// The page of the app on a machine, after adding a row to it.
fn page_with_row(fleet: &Fleet, machine: &str, row: &str) -> String {
    let page = "http://127.0.0.1:8080/";
    let add = format!(
        "curl --fail --silent --show-error --max-time 5 --data 'row={row}' {page}; curl --fail --silent --show-error --max-time 5 {page}"
    );
    wait_for(PATIENCE, "the app to answer with its row", || {
        let output = Cluster.sh(machine, &add);
        if output.stdout.contains(row) {
            Ok(output.stdout)
        } else {
            Err(format!("{output}\n{:#?}", fleet.units()))
        }
    })
}

#[test]
#[ignore = "needs machines"]
fn an_app_and_its_database_move_together() {
    let mut fleet = Fleet::fresh();
    Cluster.build_guestbook();
    let db = fleet.file("guestbook-db.service", include_str!("../../units/guestbook-db.service"));
    let web =
        fleet.file("guestbook-web.service", include_str!("../../units/guestbook-web.service"));
    fleet.ctl(&["start", &db, &web]).success();
    let home = fleet.until_active("guestbook-web.service");
    assert_eq!(fleet.until_active("guestbook-db.service"), home);
    page_with_row(&fleet, &home, "first");

    fleet.kill(&home);
    fleet.until_machines(2);
    let elsewhere = fleet.until_active("guestbook-web.service");
    assert_ne!(elsewhere, home);
    assert_eq!(fleet.until_active("guestbook-db.service"), elsewhere);
    page_with_row(&fleet, &elsewhere, "second");

    fleet.ctl(&["destroy", "guestbook-db.service"]).success();
    fleet.until("the app stops", |units| units.is_empty());
    let why = fleet.ctl(&["why", "guestbook-web.service"]).success();
    assert!(why.contains("guestbook-db.service, which is not in the cluster"), "{why}");
    let left = Cluster.exec(&elsewhere, &["docker", "ps", "--all", "--quiet"]);
    wait_for(Duration::from_secs(10), "no container left", || {
        let left = &left.stdout;
        if left.is_empty() { Ok(()) } else { Err(left.clone()) }
    });
    fleet.boot(&home);
}
