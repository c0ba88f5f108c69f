//! Flags, variables, help, and what is said when nobody answers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use fleet::api::STORE_AWAY;
use fleet::model::TargetState;
use tokio::net::TcpListener;

use super::bench::Bench;
use super::server::router;

#[test]
fn help_is_no_mistake() {
    let bench = Bench::new(|_| {});
    for arguments in ["", "-h", "--help", "help", "help start", "start --help"] {
        let ended = bench.run_with(arguments, &[]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments}: {ended}");
        assert!(ended.stdout.contains("Usage: fleetctl"), "{arguments}: {ended}");
    }
    let version = concat!("fleetctl version ", env!("CARGO_PKG_VERSION"), "\n");
    for arguments in ["version", "--version", "vers"] {
        bench.run_with(arguments, &[]).is(0, version, "");
    }
}

#[test]
fn mistakes_exit_with_2() {
    let bench = Bench::new(|_| {});
    for arguments in [
        "bogus",
        "st hello",
        "start",
        "list-units --bogus",
        "--request-timeout never list-units",
        "--endpoint ftp://x list-units",
    ] {
        let ended = bench.run_with(arguments, &[]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments}: {ended}");
        assert!(ended.stderr.starts_with("error: "), "{arguments}: {ended}");
    }
}

#[test]
fn flags_may_stand_anywhere_and_beat_variables() {
    let bench = Bench::new(|_| {});
    let endpoint = bench.endpoint();
    let wrong = ("FLEETCTL_ENDPOINT", "unix:///nowhere.sock");
    let first = format!("--endpoint {endpoint} list-mach --no-legend --fields ip");
    let last = format!("list-machines --fields=ip --no-legend --endpoint={endpoint}");
    for arguments in [first, last] {
        bench.run_with(&arguments, &[wrong]).is(0, "172.17.8.101\n172.17.8.102\n", "");
    }
    let variables = [("FLEETCTL_ENDPOINT", &*endpoint), ("FLEETCTL_DEBUG", "1")];
    let ended = bench.run_with("list-machines", &variables);
    assert!(ended.stderr.contains("GET /fleet/v1/machines: 200"), "{ended}");
}

/// What each flag and its variable do: a value that is taken, and one that is refused.
#[test]
fn every_flag_has_a_variable_that_it_beats() {
    let bench = Bench::new(|_| {});
    let endpoint = bench.endpoint();
    let listed = "172.17.8.101\n172.17.8.102\n";
    let list = "list-machines --no-legend --fields=ip";
    for (flag, good, bad) in [
        ("endpoint", &*endpoint, "ftp://x"),
        ("driver", "API", "etcd"),
        ("request-timeout", "2.5", "never"),
        ("debug", "false", "perhaps"),
    ] {
        let variable = format!("FLEETCTL_{}", flag.to_uppercase().replace('-', "_"));
        let base = ("FLEETCTL_ENDPOINT", &*endpoint);
        for arguments in [format!("--{flag}={good} {list}"), format!("{list} -{flag}={good}")] {
            bench.run_with(&arguments, &[base, (&variable, bad)]).is(0, listed, "");
        }
        bench.run_with(list, &[base, (&variable, good)]).is(0, listed, "");
        for (arguments, variables) in [
            (format!("{list} --{flag}={bad}"), vec![base]),
            (list.to_owned(), vec![base, (&variable, bad)]),
        ] {
            let ended = bench.run_with(&arguments, &variables);
            let complaint = format!("error: invalid value '{bad}' for '--{flag}");
            assert!(ended.stderr.starts_with(&complaint), "{arguments}: {ended}");
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments}");
        }
    }
}

#[test]
fn flags_have_the_variables_and_defaults_of_fleet_1_0() {
    let help = Bench::new(|_| {}).run_with("--help", &[]).stdout;
    for (flag, default) in [
        ("endpoint", "[default: unix:///var/run/fleet.sock]"),
        ("driver", "[default: API]"),
        ("etcd-key-prefix", ""),
        ("ca-file", ""),
        ("cert-file", ""),
        ("key-file", ""),
        ("request-timeout", "[default: 3]"),
        ("debug", ""),
        ("tunnel", ""),
        ("ssh-username", "[default: core]"),
        ("known-hosts-file", "[default: ~/.fleetctl/known_hosts]"),
        ("strict-host-key-checking", "[default: true]"),
        ("ssh-timeout", "[default: 10]"),
    ] {
        let of_it =
            help.split("\n      --").find(|text| text.starts_with(flag)).unwrap_or_default();
        let variable = format!("[env: FLEETCTL_{}]", flag.to_uppercase().replace('-', "_"));
        assert!(of_it.contains(&variable) && of_it.contains(default), "{flag}: {of_it}");
        assert_eq!(of_it.contains("[default: "), !default.is_empty(), "{flag}: {of_it}");
    }
}

#[test]
fn an_endpoint_may_be_an_address() {
    let bench = Bench::new(|_| {});
    let listener = bench.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let router = router(bench.script.clone());
    bench.runtime.spawn(async move { axum::serve(listener, router).await });
    let list = format!("list-machines --no-legend --fields=ip --endpoint=http://{address}");
    bench.run(&list).is(0, "172.17.8.101\n172.17.8.102\n", "");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let bench = Bench::new(|_| {});
    let endpoint = format!("--endpoint={}", bench.endpoint());
    for flag in [
        "DRIVER",
        "ETCD_KEY_PREFIX",
        "CA_FILE",
        "CERT_FILE",
        "KEY_FILE",
        "REQUEST_TIMEOUT",
        "DEBUG",
    ] {
        let variable = format!("FLEETCTL_{flag}");
        let ended =
            bench.run_with(&format!("list-machines {endpoint}"), &[(variable.as_str(), "")]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{flag}: {ended}");
    }
    let ended = bench.run_with("list-machines", &[("FLEETCTL_ENDPOINT", "")]);
    assert!(ended.stderr.contains("unix:///var/run/fleet.sock"), "{ended}");
}

#[test]
fn the_etcd_driver_is_refused_in_words() {
    let ended = Bench::new(|_| {}).run("--driver=etcd list-units");
    assert!(ended.stderr.contains("fleetctl asks fleetd, never etcd: use API"), "{ended}");
}

#[test]
fn the_key_prefix_does_nothing_and_says_so() {
    let bench = Bench::new(|_| {});
    let warning = "warning: --etcd-key-prefix does nothing: fleetd knows where its keys are\n";
    bench.run("list-units --no-legend --etcd-key-prefix=/x/").is(0, "", warning);
    let variables =
        [("FLEETCTL_ENDPOINT", &*bench.endpoint()), ("FLEETCTL_ETCD_KEY_PREFIX", "/x/")];
    bench.run_with("list-units --no-legend", &variables).is(0, "", warning);
}

#[test]
fn flags_may_be_written_as_go_does() {
    let bench = Bench::new(|cluster| {
        cluster.has("hello.service", "[Service]\nExecStart=/a\n", TargetState::Launched);
    });
    let endpoint = bench.endpoint();
    let debug = [("FLEETCTL_DEBUG", "1")];
    for arguments in [
        format!("-endpoint {endpoint} -debug=false stop -no-block=true hello"),
        format!("stop --no-block=T --endpoint=unix:///x --endpoint {endpoint} --debug=0 hello"),
    ] {
        bench.run_with(&arguments, &debug).is(0, "Triggered unit hello.service stop\n", "");
    }
}

#[test]
fn an_unknown_command_names_its_neighbours() {
    let bench = Bench::new(|_| {});
    for (arguments, given, hint) in [
        ("st hello", "st", "did you mean start or status or stop?"),
        ("strat hello", "strat", "did you mean start?"),
        ("lst-machines", "lst-machines", "did you mean list-machines?"),
        ("bogus", "bogus", "`fleetctl help` lists the commands"),
    ] {
        bench.run(arguments).is(
            2,
            "",
            &format!("error: there is no command \"{given}\"\nhint: {hint}\n"),
        );
    }
    let empty = "error: there is no command \"\"\nhint: `fleetctl help` lists the commands\n";
    bench.shell("\"$0\" ''").is(2, "", empty);
}

#[test]
fn no_daemon_is_told_with_what_to_do() {
    let bench = Bench::new(|_| {});
    let hint = "hint: is fleetd running there? `systemctl status fleet.socket fleet.service`; \
                --endpoint or FLEETCTL_ENDPOINT names another place\n";
    let socket = bench.folder().join("none.sock");
    bench.run(&format!("--endpoint unix://{} list-units", socket.display())).is(
        1,
        "",
        &format!(
            "error: cannot connect to unix://{}\n  because: No such file or directory \
             (os error 2)\n{hint}",
            socket.display()
        ),
    );
    let ended = bench.run("list-units --endpoint http://127.0.0.1:1");
    assert!(ended.stderr.starts_with("error: cannot connect to http://127.0.0.1:1\n"), "{ended}");
}

#[test]
fn a_socket_one_may_not_use_is_told_apart() {
    let bench = Bench::new(|_| {});
    let folder = bench.file("locked/file", "");
    let folder = folder.parent().unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o000)).unwrap();
    let denied = fs::read_dir(folder).is_err();
    let ended = bench.run(&format!("list-units --endpoint unix://{}/x", folder.display()));
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    // root may use any socket.
    if denied {
        assert!(ended.stderr.contains("Permission denied"), "{ended}");
        assert!(ended.stderr.contains("hint: you are not in the group `fleet`"), "{ended}");
    }
}

#[test]
fn a_daemon_that_does_not_answer_is_left_in_time() {
    let bench = Bench::new(|_| {});
    let socket = bench.folder().join("mute.sock");
    let _mute = UnixListener::bind(&socket).unwrap();
    let ended = bench
        .run(&format!("--request-timeout=0.2 list-units --endpoint unix://{}", socket.display()));
    assert!(ended.stderr.contains("got no answer within 0.2 s"), "{ended}");
    assert_eq!(ended.code, Some(1));
}

#[test]
fn without_etcd_everything_says_the_known_sentence() {
    let bench = Bench::new(|cluster| {
        cluster.refuse = Some((String::new(), 503, STORE_AWAY.to_owned()));
    });
    bench.file("hello.service", "[Service]\nExecStart=/bin/true\n");
    for arguments in ["list-units", "list-machines", "start hello", "destroy hello", "cat hello"] {
        let ended = bench.run(arguments);
        assert!(ended.stderr.starts_with(&format!("error: {STORE_AWAY}")), "{arguments}: {ended}");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{arguments}");
    }
}
