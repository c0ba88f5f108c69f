//! The laws. Each leaves no unit behind.

use std::collections::BTreeMap;

use fleet::fleetd::systemd::{JobResult, Run, Signal, Status, SystemdError};
use fleet::unitfile::UnitName;

use super::room::{Room, all_done, file, name, service, told};

/// Every law, on one room, one after the other.
pub async fn all(room: &mut Room) {
    a_linked_unit_is_loaded_and_an_unlinked_one_is_gone(room).await;
    a_service_runs_from_start_to_stop(room).await;
    stopping_what_is_not_there_is_a_success(room).await;
    a_oneshot_is_starting_until_it_ends(room).await;
    a_oneshot_that_is_stopped_has_failed(room).await;
    a_unit_that_does_not_heed_its_stop_is_killed(room).await;
    a_failure_says_why(room).await;
    a_failed_unit_leaves_nothing_behind(room).await;
    a_run_is_known_by_its_process(room).await;
    what_failed_is_heard_once_more(room).await;
    a_changed_file_counts_from_the_next_start(room).await;
    a_changed_file_counts_after_unlink_and_link(room).await;
    a_sidekick_starts_with_the_unit_that_wants_it(room).await;
    an_old_install_section_does_not_outlive_its_file(room).await;
    an_instance_has_its_own_file(room).await;
    a_template_disturbs_nobody(room).await;
    a_bad_unit_does_not_fail_its_neighbours(room).await;
    observing_causes_no_signals(room).await;
    a_reload_says_look_again(room).await;
    lost_contact_comes_back(room).await;
    assert!(room.all().await.is_empty(), "a law left units behind");
}

async fn a_linked_unit_is_loaded_and_an_unlinked_one_is_gone(room: &mut Room) {
    let (unit, contents) = (name("law-link.service"), service("# byte for byte\n"));
    assert_eq!(room.status(&unit).await, Status::not_found());
    room.link(&unit, &contents).await;
    room.link(&unit, &contents).await;
    let status = room.status(&unit).await;
    assert_eq!(status.linked, Some(contents.hash()));
    assert_eq!(words(&status), "loaded inactive dead");
    assert!(!status.job_pending);
    assert_eq!(room.all().await.get(&unit), Some(&status));
    assert_eq!(room.manager.files().await.unwrap(), [(unit.clone(), contents)].into());
    room.unlink(&unit).await;
    assert_eq!(room.status(&unit).await, Status::not_found());
    assert!(room.all().await.is_empty());
    room.unlink(&unit).await;
}

async fn a_service_runs_from_start_to_stop(room: &mut Room) {
    let unit = name("law-run.service");
    room.link(&unit, &service("")).await;
    assert_eq!(room.start(&unit).await, JobResult::Done);
    assert_eq!(words(&room.status(&unit).await), "loaded active running");
    assert_eq!(room.start(&unit).await, JobResult::Done, "starting it again is no error");
    assert_eq!(room.stop(&unit).await, JobResult::Done);
    let status = room.until(&unit, "inactive").await;
    assert_eq!((status.result, status.exit_status), (None, None));
    room.unlink(&unit).await;
}

async fn stopping_what_is_not_there_is_a_success(room: &mut Room) {
    let unit = name("law-absent.service");
    room.manager.stop(&unit).await.unwrap();
    let error = room.manager.start(&unit).await.unwrap_err();
    assert!(error.is_no_such_unit(), "{error:?}");
    assert_eq!(
        error.to_string(),
        "start law-absent.service: systemd refused: Unit law-absent.service not found."
    );
}

async fn a_oneshot_is_starting_until_it_ends(room: &mut Room) {
    let unit = name("law-oneshot.service");
    room.link(&unit, &told("Type=oneshot\n")).await;
    let job = room.manager.start(&unit).await.unwrap();
    let status = room.until(&unit, "activating").await;
    assert_eq!(words(&status), "loaded activating start");
    assert!(status.job_pending);
    assert_eq!(room.manager.start(&unit).await.unwrap(), job, "it is starting already");
    room.world.exit(&unit, 0);
    assert_eq!(room.end_of(job).await, JobResult::Done);
    assert!(!room.until(&unit, "inactive").await.job_pending);
    room.unlink(&unit).await;

    room.link(&unit, &file("[Service]\nType=oneshot\nExecStart=/bin/true\nRemainAfterExit=yes\n"))
        .await;
    assert_eq!(room.start(&unit).await, JobResult::Done);
    assert_eq!(words(&room.status(&unit).await), "loaded active exited");
    assert_eq!(room.stop(&unit).await, JobResult::Done);
    room.unlink(&unit).await;
}

async fn a_oneshot_that_is_stopped_has_failed(room: &mut Room) {
    let unit = name("law-stopped.service");
    room.link(&unit, &told("Type=oneshot\n")).await;
    let start = room.manager.start(&unit).await.unwrap();
    room.until(&unit, "activating").await;
    room.manager.stop(&unit).await.unwrap();
    assert_eq!(room.end_of(start).await, JobResult::Canceled);
    assert_eq!(room.job_end(&unit).await, JobResult::Done, "the stop");
    let status = room.until(&unit, "failed").await;
    assert_eq!((status.result.as_deref(), status.exit_status), (Some("signal"), None));
    room.unlink(&unit).await;
}

async fn a_unit_that_does_not_heed_its_stop_is_killed(room: &mut Room) {
    let (unit, point) = (name("law-deaf.service"), name("law-point.target"));
    room.manager.kill(&unit).await.unwrap();
    room.link(&unit, &service("KillSignal=SIGCONT\n")).await;
    room.start(&unit).await;
    room.forget_signals();
    room.manager.stop(&unit).await.unwrap();
    let status = room.until(&unit, "deactivating").await;
    assert!(status.job_pending, "{status:?}");
    room.manager.kill(&unit).await.unwrap();
    assert_eq!(room.job_end(&unit).await, JobResult::Done, "the stop");
    assert_eq!(room.until(&unit, "failed").await.result.as_deref(), Some("signal"));
    room.link(&point, &file("[Unit]\nDescription=A point\n")).await;
    room.start(&point).await;
    room.manager.kill(&point).await.unwrap();
    assert_eq!(room.status(&point).await.state.active, "active", "it has no processes");
    room.stop(&point).await;
    all_done(&room.manager.unlink(&[unit, point]).await);
}

async fn a_failure_says_why(room: &mut Room) {
    let oneshot = name("law-fails.service");
    room.link(&oneshot, &file("[Service]\nType=oneshot\nExecStart=/bin/false\n")).await;
    assert_eq!(room.start(&oneshot).await, JobResult::Failed);
    let status = room.until(&oneshot, "failed").await;
    assert_eq!((status.result.as_deref(), status.exit_status), (Some("exit-code"), Some(1)));
    assert_eq!(room.stop(&oneshot).await, JobResult::Done);
    assert_eq!(room.status(&oneshot).await.state.active, "failed", "a stop forgets nothing");
    let crashes = name("law-crashes.service");
    room.link(&crashes, &told("")).await;
    assert_eq!(room.start(&crashes).await, JobResult::Done);
    room.world.exit(&crashes, 7);
    assert_eq!(room.until(&crashes, "failed").await.exit_status, Some(7));
    assert_eq!(room.manager.observe().await.unwrap()[&crashes].exit_status, Some(7));
    all_done(&room.manager.unlink(&[oneshot, crashes]).await);
}

async fn a_failed_unit_leaves_nothing_behind(room: &mut Room) {
    let unit = name("law-again.service");
    room.link(&unit, &file("[Service]\nType=oneshot\nExecStart=/bin/false\n")).await;
    assert_eq!(room.start(&unit).await, JobResult::Failed);
    room.unlink(&unit).await;
    room.link(&unit, &service("")).await;
    assert_eq!(words(&room.status(&unit).await), "loaded inactive dead");
    assert_eq!(room.start(&unit).await, JobResult::Done);
    assert_eq!(room.status(&unit).await.state.active, "active");
    room.stop(&unit).await;
    room.unlink(&unit).await;
}

async fn a_run_is_known_by_its_process(room: &mut Room) {
    let unit = name("law-process.service");
    room.link(&unit, &service("")).await;
    assert_eq!(room.status(&unit).await.run, Run::default());
    room.start(&unit).await;
    let first = room.status(&unit).await.run;
    assert!(first.main_pid.is_some() && first.restarts == Some(0), "{first:?}");
    assert!(memory(room, &unit).await.is_some_and(|bytes| bytes > 0));
    room.restart(&unit).await;
    let second = room.until(&unit, "active").await.run;
    assert!(second.main_pid.is_some_and(|pid| Some(pid) != first.main_pid), "{second:?}");
    room.stop(&unit).await;
    assert_eq!(room.until(&unit, "inactive").await.run, Run::default());
    assert_eq!(memory(room, &unit).await, None);
    room.unlink(&unit).await;
}

async fn memory(room: &Room, unit: &UnitName) -> Option<u64> {
    let mut found = BTreeMap::new();
    room.manager.memory(&mut found).await.unwrap();
    found.remove(unit)
}

async fn what_failed_is_heard_once_more(room: &mut Room) {
    let unit = name("law-words.service");
    assert_eq!(room.manager.last_words(&unit).await, [""; 0]);
    let contents = room.world.fails_saying(&unit, "adieu");
    room.link(&unit, &contents).await;
    assert_eq!(room.start(&unit).await, JobResult::Failed);
    let words = room.manager.last_words(&unit).await;
    assert!(words.iter().any(|line| line == "adieu"), "{words:?}");
    room.unlink(&unit).await;
}

async fn a_changed_file_counts_from_the_next_start(room: &mut Room) {
    let unit = name("law-change.service");
    let fails = file("[Service]\nType=oneshot\nExecStart=/bin/false\n");
    room.link(&unit, &service("")).await;
    room.start(&unit).await;
    room.link(&unit, &fails).await;
    let status = room.status(&unit).await;
    assert_eq!(status.state.active, "active", "linking touches no running unit");
    assert_eq!(status.linked, Some(fails.hash()));
    assert_eq!(room.restart(&unit).await, JobResult::Failed, "it still runs the old file");
    room.unlink(&unit).await;
}

async fn a_changed_file_counts_after_unlink_and_link(room: &mut Room) {
    let unit = name("law-replace.service");
    let fails = file("[Service]\nType=oneshot\nExecStart=/bin/false\n");
    for _ in 0..5 {
        room.link(&unit, &service("")).await;
        assert_eq!(room.start(&unit).await, JobResult::Done);
        assert_eq!(room.stop(&unit).await, JobResult::Done);
        room.unlink(&unit).await;
        room.link(&unit, &fails).await;
        assert_eq!(room.start(&unit).await, JobResult::Failed, "it runs the old file");
        room.unlink(&unit).await;
    }
}

async fn a_sidekick_starts_with_the_unit_that_wants_it(room: &mut Room) {
    let (app, side) = (name("law-app.service"), name("law-side@1.service"));
    let wanted = service("[Install]\nWantedBy=law-app.service\n");
    all_done(
        &room.manager.link(&[(app.clone(), service("")), (side.clone(), wanted.clone())]).await,
    );
    room.start(&app).await;
    room.until(&side, "active").await;
    room.stop(&side).await;
    room.unlink(&side).await;

    // Also when the one that wants it runs already, and reads its wishes from systemd's memory.
    room.link(&side, &wanted).await;
    room.restart(&app).await;
    room.until(&side, "active").await;
    room.stop(&side).await;
    room.stop(&app).await;
    all_done(&room.manager.unlink(&[app, side]).await);
}

async fn an_old_install_section_does_not_outlive_its_file(room: &mut Room) {
    let (app, side) = (name("law-app.service"), name("law-side@2.service"));
    let wanted = service("[Install]\nWantedBy=law-app.service\n");
    all_done(&room.manager.link(&[(app.clone(), service("")), (side.clone(), wanted)]).await);
    room.link(&side, &service("")).await;
    assert_eq!(room.start(&app).await, JobResult::Done);
    assert_eq!(room.status(&side).await.state.active, "inactive");
    room.stop(&app).await;
    all_done(&room.manager.unlink(&[app, side]).await);
}

async fn an_instance_has_its_own_file(room: &mut Room) {
    let units =
        [(name("law@1.service"), service("")), (name("law@2.service"), told("Type=oneshot\n"))];
    all_done(&room.manager.link(&units).await);
    assert_eq!(room.start(&units[0].0).await, JobResult::Done);
    room.manager.start(&units[1].0).await.unwrap();
    room.until(&units[1].0, "activating").await;
    assert_eq!(room.status(&units[0].0).await.state.active, "active");
    let [one, two] = units.map(|(unit, _)| unit);
    room.world.exit(&two, 0);
    assert_eq!(room.job_end(&two).await, JobResult::Done);
    assert_eq!(room.stop(&one).await, JobResult::Done);
    all_done(&room.manager.unlink(&[one, two]).await);
}

async fn a_template_disturbs_nobody(room: &mut Room) {
    let (unit, template) = (name("law-plain.service"), name("law-tpl@.service"));
    all_done(
        &room.manager.link(&[(template.clone(), service("")), (unit.clone(), service(""))]).await,
    );
    let all = room.all().await;
    assert_eq!(words(&all[&unit]), "loaded inactive dead");
    assert_eq!(all[&template].linked, Some(service("").hash()));
    all_done(&room.manager.unlink(&[template, unit]).await);
}

async fn a_bad_unit_does_not_fail_its_neighbours(room: &mut Room) {
    let (good, bad) = (name("law-good.service"), room.world.unlinkable());
    let batch = [(bad.clone(), service("")), (good.clone(), service(""))];
    let results = room.manager.link(&batch).await;
    assert_eq!(results.len(), 2);
    assert!(matches!(&results[0], (unit, Err(SystemdError::Refused { .. })) if *unit == bad));
    assert!(matches!(&results[1], (unit, Ok(())) if *unit == good));
    assert_eq!(room.start(&good).await, JobResult::Done);
    room.stop(&good).await;
    all_done(&room.manager.unlink(&[bad, good]).await);
}

async fn observing_causes_no_signals(room: &mut Room) {
    let unit = name("law-quiet.service");
    room.link(&unit, &service("")).await;
    room.is_quiet().await;
    room.forget_signals();
    for _ in 0..3 {
        room.all().await;
        room.status(&unit).await;
    }
    assert!(room.is_quiet().await, "who looks at every signal would look for ever");
    room.unlink(&unit).await;
}

async fn a_reload_says_look_again(room: &mut Room) {
    room.forget_signals();
    room.world.daemon_reload();
    while room.signal().await != Signal::LookAgain {}
}

async fn lost_contact_comes_back(room: &mut Room) {
    let unit = name("law-contact.service");
    room.link(&unit, &service("")).await;
    room.start(&unit).await;
    room.forget_signals();
    room.world.lose_contact();
    while room.signal().await != Signal::Reconnected {}
    assert_eq!(room.status(&unit).await.state.active, "active", "units go on");
    assert_eq!(room.stop(&unit).await, JobResult::Done);
    room.unlink(&unit).await;
}

fn words(status: &Status) -> String {
    let state = &status.state;
    format!("{} {} {}", state.load, state.active, state.sub)
}
