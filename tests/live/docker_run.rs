//! `docker-run.sh` on a real machine, under its systemd, against its Docker engine. No fleet: what it promises holds
//! for any unit.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Output, wait_for};

const MACHINE: &str = "m1";
const SCRIPT: &str = "/opt/bin/docker-run.sh";
const PATIENCE: Duration = Duration::from_secs(20);

/// The image to run, once it is there.
fn image() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let image = Cluster.base_image();
        Cluster.load(&[&image]);
        image
    })
}

fn docker(arguments: &[&str]) -> Output {
    Cluster.exec(MACHINE, &[&["docker"], arguments].concat())
}

fn inspect(container: &str, field: &str) -> String {
    docker(&["container", "inspect", "--format", field, container]).success().trim().to_owned()
}

fn exists(container: &str) -> bool {
    docker(&["container", "inspect", &format!("/{container}")]).code == Some(0)
}

/// A systemd unit and the container of the same name. Both are gone when this is.
struct Service(&'static str);

impl Service {
    /// `run`: what docker-run.sh gets besides the name. `more`: further lines for [Service].
    fn new(name: &'static str, run: &str, more: &str) -> Self {
        let service = Service(name);
        service.remove();
        service.write(run, more);
        service
    }

    fn write(&self, run: &str, more: &str) {
        let name = self.0;
        let path = format!("/run/systemd/system/{name}.service");
        let text = format!("[Service]\nExecStart={SCRIPT} --name {name} {run}\n{more}\n");
        Cluster.write(MACHINE, &path, &text);
        Cluster.exec(MACHINE, &["systemctl", "daemon-reload"]).success();
    }

    fn systemctl(&self, verb: &str) -> Output {
        Cluster.exec(MACHINE, &["systemctl", verb, self.0])
    }

    fn kill(&self, signal: &str) {
        Cluster.exec(MACHINE, &["systemctl", "kill", "--signal", signal, self.0]).success();
    }

    fn property(&self, name: &str) -> String {
        let show = ["systemctl", "show", "--value", "--property", name, self.0];
        Cluster.exec(MACHINE, &show).success().trim().to_owned()
    }

    /// Start it and wait until its output has reached the journal. Returns the container's id.
    fn start_until(&self, said: &str) -> String {
        self.systemctl("start").success();
        self.wait_to_hear(said);
        inspect(self.0, "{{.Id}}")
    }

    /// Only what it wrote since it was started last counts.
    fn journal(&self) -> String {
        let invocation = format!("_SYSTEMD_INVOCATION_ID={}", self.property("InvocationID"));
        Cluster.exec(MACHINE, &["journalctl", "--output=cat", &invocation]).success()
    }

    fn wait_to_hear(&self, said: &str) {
        wait_for(PATIENCE, &format!("{said:?} in the journal of {}", self.0), || {
            let journal = self.journal();
            if journal.contains(said) { Ok(()) } else { Err(journal) }
        });
    }

    fn wait_until(&self, property: &str, value: &str) {
        wait_for(PATIENCE, &format!("{property}={value} of {}", self.0), || {
            let seen = self.property(property);
            if seen == value { Ok(()) } else { Err(seen) }
        });
    }

    fn remove(&self) {
        let name = self.0;
        let _ = Cluster.sh(
            MACHINE,
            &format!(
                "systemctl kill --signal KILL {name}; systemctl stop {name}; docker rm --force --volumes {name};
                 rm -f /run/systemd/system/{name}.service; systemctl daemon-reload; systemctl reset-failed {name}"
            ),
        );
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Speaks once, then runs on until SIGTERM, which it obeys.
const TALKER: &str = r"sh -c 'trap exit TERM; echo here; while :; do sleep 0.1; done'";

fn cleanup(name: &str) -> String {
    format!("ExecStopPost={SCRIPT} --cleanup {name}")
}

#[test]
#[ignore = "needs scripts/cluster"]
fn every_argument_arrives_as_it_was() {
    let odd = ["two words", "it's", "\"quoted\"", "", "-d", "--name", "$HOME", "*", "a\nb", "ü"];
    let variable = "A=x  \"y\" 'z'";
    let show = r#"printf '%s|' "$A" "$@""#;
    let head = [SCRIPT, "--rm", "-de", variable, "--name=args", image(), "sh", "-c", show, "sh"];
    let output = Cluster.exec(MACHINE, &[&head[..], &odd].concat()).success();
    assert_eq!(output, format!("x  \"y\" 'z'|{}|", odd.join("|")));
}

#[test]
#[ignore = "needs scripts/cluster"]
fn ends_with_the_exit_code_of_the_container() {
    for code in [0, 1, 42] {
        let command = format!("exit {code}");
        let run = [SCRIPT, "--detach", "--rm", "--name", "code", image(), "sh", "-c", &command];
        assert_eq!(Cluster.exec(MACHINE, &run).code, Some(code));
    }
}

#[test]
#[ignore = "needs scripts/cluster"]
fn says_what_is_wrong_with_the_arguments() {
    let run = |arguments: &[&str]| Cluster.exec(MACHINE, &[&[SCRIPT], arguments].concat());
    assert!(run(&["--rm", image(), "true"]).failure().contains("needs --name"));
    assert!(run(&["--name"]).failure().contains("needs --name"));
    assert!(run(&["--name", "bad", "--bogus", image()]).failure().contains("--bogus"));
    // What follows the image is the container's command.
    assert!(run(&[image(), "--name", "mine"]).failure().contains("needs --name"));
}

#[test]
#[ignore = "needs scripts/cluster"]
fn stays_in_the_foreground_when_told_to_detach() {
    let service = Service::new("detach", &format!("-dit {} {TALKER}", image()), "");
    service.start_until("here");
    assert_eq!(service.property("SubState"), "running");
    docker(&["kill", "--signal", "TERM", "detach"]).success();
    service.wait_until("SubState", "dead");
}

#[test]
#[ignore = "needs scripts/cluster"]
fn starts_the_same_container_again() {
    let service = Service::new("again", &format!("{} {TALKER}", image()), "");
    let first = service.start_until("here");
    service.systemctl("stop").success();
    assert_eq!(inspect("again", "{{.State.Running}}"), "false");
    assert_eq!(service.start_until("here"), first);
}

#[test]
#[ignore = "needs scripts/cluster"]
fn replaces_a_container_of_other_arguments_or_another_image() {
    let image = image();
    docker(&["tag", image, "changing"]).success();
    let service = Service::new("change", &format!("changing {TALKER}"), "");
    let first = service.start_until("here");
    service.systemctl("stop").success();

    service.write(&format!("--env NEW=1 changing {TALKER}"), "");
    let second = service.start_until("here");
    assert_ne!(second, first, "other arguments");
    assert!(inspect("change", "{{.Config.Env}}").contains("NEW=1"));
    service.systemctl("stop").success();

    docker(&["commit", "--change", "LABEL build=2", &second, "changing"]).success();
    assert_ne!(service.start_until("here"), second, "the tag names another image");
    assert_eq!(inspect("change", "{{.Config.Labels.build}}"), "2");
}

#[test]
#[ignore = "needs scripts/cluster"]
fn joins_the_container_of_a_client_that_was_killed() {
    let talk = r"sh -c 'trap exit TERM; while echo here; do sleep 0.1; done'";
    let service = Service::new("orphan", &format!("{} {talk}", image()), "");
    let first = service.start_until("here");
    let started = inspect("orphan", "{{.State.StartedAt}}");
    service.kill("KILL");
    service.wait_until("ActiveState", "failed");
    assert_eq!(inspect("orphan", "{{.State.Running}}"), "true");

    assert_eq!(service.start_until("here"), first);
    assert_eq!(inspect("orphan", "{{.State.StartedAt}}"), started);
    service.systemctl("stop").success();
    // The engine notes the end a moment after the client has seen it.
    wait_for(PATIENCE, "the container to have stopped", || {
        let running = inspect("orphan", "{{.State.Running}}");
        if running == "false" { Ok(()) } else { Err(running) }
    });
}

#[test]
#[ignore = "needs scripts/cluster"]
fn a_killed_client_leaves_no_container_behind() {
    let service = Service::new("killed", &format!("{} {TALKER}", image()), &cleanup("killed"));
    service.start_until("here");
    service.kill("KILL");
    service.wait_until("ActiveState", "failed");
    assert!(!exists("killed"));
}

#[test]
#[ignore = "needs scripts/cluster"]
fn a_container_that_ignores_the_stop_is_gone_after_the_timeout() {
    let deaf = r"sh -c 'trap : TERM; echo here; while :; do sleep 0.1; done'";
    let more = format!("TimeoutStopSec=2\n{}", cleanup("deaf"));
    let service = Service::new("deaf", &format!("{} {deaf}", image()), &more);
    service.start_until("here");
    service.systemctl("stop").success();
    assert_eq!(service.property("Result"), "timeout", "{}", service.journal());
    assert!(!exists("deaf"));
}

#[test]
#[ignore = "needs scripts/cluster"]
fn a_stop_in_the_middle_of_the_start_is_not_lost() {
    let more = format!("TimeoutStopSec=30\nSuccessExitStatus=143\n{}", cleanup("hasty"));
    let service = Service::new("hasty", &format!("--init {} sleep 1000", image()), &more);
    for delay_ms in (50..500).step_by(75) {
        let pause = format!("systemctl start hasty && sleep {}", f64::from(delay_ms) / 1000.0);
        Cluster.sh(MACHINE, &pause).success();
        let begun = Instant::now();
        service.systemctl("stop").success();
        assert!(begun.elapsed() < Duration::from_secs(10), "stopped {delay_ms} ms after the start");
        assert!(!exists("hasty"));
    }
}

#[test]
#[ignore = "needs scripts/cluster"]
fn a_signal_reaches_the_container_once() {
    let count = "sh -c 'hup() { echo hup; n=1$$n; }; end() { exit $$n; }; trap hup HUP; trap end TERM; \
                 echo here; while :; do sleep 0.1; done'";
    let service = Service::new("signal", &format!("{} {count}", image()), "");
    service.start_until("here");
    service.kill("HUP");
    service.wait_to_hear("hup");
    service.systemctl("stop").success();
    assert_eq!(service.property("ExecMainStatus"), "1", "11 would be twice");
}

#[test]
#[ignore = "needs scripts/cluster"]
fn a_name_is_not_the_beginning_of_another() {
    let long = Service::new("names-long", &format!("{} {TALKER}", image()), "");
    let id = long.start_until("here");
    let short = Service::new("names", &format!("{} {TALKER}", image()), "");
    short.start_until("here");
    for name in ["names", "name", &id[..8]] {
        Cluster.exec(MACHINE, &[SCRIPT, "--cleanup", name]).success();
    }
    assert!(!exists("names"));
    assert!(exists("names-long"));
}
