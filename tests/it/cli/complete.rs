//! What a Tab offers.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use fleet::model::TargetState::Inactive;

use super::bench::{Bench, Ended, FLEETCTL};
use super::cluster::{M1, M2};

const HELLO: &str = "[Service]\nExecStart=/bin/true\n";

fn bench() -> Bench {
    let bench = Bench::new(|cluster| {
        for unit in ["web@1.service", "web@2.service", "db.service"] {
            cluster.has(unit, HELLO, Inactive);
        }
    });
    bench.file("work.service", HELLO);
    bench
}

/// What the program offers for the last of these words.
fn offers(bench: &Bench, words: &str, endpoint: &str) -> Ended {
    let variables = [("FLEETCTL_COMPLETE", "bash"), ("FLEETCTL_ENDPOINT", endpoint)];
    let mut ended = bench.run_with(&format!("-- fleetctl {words}"), &variables);
    let lines = ended.stdout.lines().filter(|line| !line.starts_with('-'));
    ended.stdout = lines.map(|line| format!("{line}\n")).collect();
    ended
}

#[test]
fn commands_flags_files_and_live_names_are_offered() {
    let bench = bench();
    let endpoint = bench.endpoint();
    for (words, expected) in [
        ("list-m", "list-machines\n".to_owned()),
        ("stop w", "web@1.service\nweb@2.service\n".to_owned()),
        ("stop web@1.service web@2", "web@2.service\n".to_owned()),
        ("start w", "web@1.service\nweb@2.service\nwork.service\n".to_owned()),
        ("cat d", "db.service\n".to_owned()),
        ("cat nothing", String::new()),
        ("ssh --machine 1", format!("{M1}\n")),
        ("ssh --unit d", "db.service\n".to_owned()),
        ("ssh d", "db.service\n".to_owned()),
        ("ssh 2", format!("{M2}\n")),
        ("completions z", "zsh\n".to_owned()),
    ] {
        offers(&bench, words, &endpoint).is(0, &expected, "");
    }
    let variables = [("FLEETCTL_COMPLETE", "bash")];
    bench.run_with("-- fleetctl stop --no-b", &variables).is(0, "--no-block\n", "");
    bench.run_with("-- fleetctl --request-time", &variables).is(0, "--request-timeout\n", "");
}

#[test]
fn the_endpoint_may_be_among_the_words() {
    let bench = bench();
    let words = format!("--endpoint {} cat d", bench.endpoint());
    offers(&bench, &words, "unix:///nowhere").is(0, "db.service\n", "");
}

#[test]
fn a_daemon_that_is_away_or_mute_offers_nothing_and_says_nothing() {
    let bench = bench();
    let socket = bench.folder().join("mute.sock");
    let _mute = UnixListener::bind(&socket).unwrap();
    for endpoint in ["unix:///nowhere".to_owned(), format!("unix://{}", socket.display())] {
        offers(&bench, "stop w", &endpoint).is(0, "", "");
        offers(&bench, "start w", &endpoint).is(0, "work.service\n", "");
    }
    offers(&bench, &format!("--endpoint {} --tunnel h stop w", bench.endpoint()), "").is(0, "", "");
    // What is typed may be no endpoint yet.
    offers(&bench, "stop w", "unix").is(0, "", "");
}

#[test]
fn every_shell_has_a_script() {
    let bench = bench();
    for (shell, word) in [("bash", "COMPREPLY"), ("zsh", "#compdef fleetctl"), ("fish", "complete")]
    {
        let ended = bench.run(&format!("completions {shell}"));
        assert!(
            ended.stdout.contains(word) && ended.stdout.contains("FLEETCTL_COMPLETE"),
            "{ended}"
        );
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended}");
    }
    assert_eq!(bench.run("completions tcsh").code, Some(2));
}

/// The script in a real bash, which breaks words at `@` and `:`.
#[test]
fn bash_completes_names_with_its_word_breaks_in_them() {
    let bench = bench();
    bench.file("bin/none", "");
    symlink(FLEETCTL, bench.folder().join("bin/fleetctl")).unwrap();
    for (line, word, expected) in [
        ("fleetctl stop web@", "@", "@1.service\n@2.service\n"),
        ("fleetctl stop web@2", "@2", "@2.service\n"),
        ("fleetctl stop ", "", "db.service\nweb@1.service\nweb@2.service\n"),
        ("fleetctl lis", "lis", "list-machines\nlist-unit-files\nlist-units\n"),
    ] {
        let script = format!(
            "PATH=$PWD/bin:$PATH; exec bash --norc -c 'source <(fleetctl completions bash); \
             COMP_LINE=\"{line}\"; COMP_POINT=${{#COMP_LINE}}; _fleetctl fleetctl \"{word}\" x; \
             printf \"%s\\n\" \"${{COMPREPLY[@]}}\" | grep -v ^-'"
        );
        bench.shell(&script).is(0, expected, "");
    }
}
