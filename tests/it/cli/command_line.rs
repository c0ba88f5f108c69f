//! Flags, variables, help, and what is said when nobody answers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use fleet::api::STORE_AWAY;

use super::bench::Bench;

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
