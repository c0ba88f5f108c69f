//! `fleetctl fd-forward`: both ways, to the end of each.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::thread;

use super::bench::Bench;

#[test]
fn both_ways_and_each_to_its_end() {
    let bench = Bench::new(|_| {});
    let listener = UnixListener::bind(bench.folder().join("echo.sock")).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut got = String::new();
        // Returns only because the end of the input is passed on.
        stream.read_to_string(&mut got).unwrap();
        write!(stream, "{}", got.to_uppercase()).unwrap();
    });
    bench.shell("printf hello | $0 fd-forward echo.sock").is(0, "HELLO", "");
    server.join().unwrap();
}

#[test]
fn ends_with_the_other_side_although_the_input_goes_on() {
    let bench = Bench::new(|_| {});
    let listener = UnixListener::bind(bench.folder().join("bye.sock")).unwrap();
    let server = thread::spawn(move || listener.accept().unwrap().0.write_all(b"bye"));
    bench.shell("mkfifo in; sleep 1000 >in & $0 fd-forward bye.sock <in; kill $!").is(0, "bye", "");
    server.join().unwrap().unwrap();
}

#[test]
fn a_socket_that_is_none_is_told() {
    let bench = Bench::new(|_| {});
    bench.run("fd-forward none.sock").is(
        1,
        "",
        "error: cannot connect to none.sock\n  because: No such file or directory (os error 2)\n",
    );
}
