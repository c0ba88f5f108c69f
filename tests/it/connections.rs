//! Clients that are slow, silent or gone hold nothing of fleetd's: neither a task nor a place.

use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::agent::Standing;
use fleet::fleetd::api::Api;
use fleet::fleetd::connections::{self, CONNECTIONS_MAX, HEAD_TIMEOUT, READER_TIMEOUT};
use fleet::fleetd::registry::{EmbeddedStore, Put, Registry};
use fleet::fleetd::sockets;
use fleet::unitfile::UnitFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::machines::unit;
use crate::support::wait::wait_for;

/// More than any time-out, on the paused clock.
const LONG: Duration = Duration::from_secs(600);

/// As many tasks a listener has while nobody is connected.
const LISTENER: usize = 1;

/// The API on a socket, and the tasks that serve it.
struct Server {
    folder: tempfile::TempDir,
    registry: Registry,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    async fn start() -> Server {
        let registry = Registry::over(Arc::new(EmbeddedStore::in_memory()), LONG);
        let (standing, limit) = (watch::channel(Standing::Member).1, watch::channel(10_000).1);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let api = Api::new(registry.clone(), standing, limit, stop.clone());
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("fleet.sock").display().to_string();
        let listener = sockets::open(&socket).await.unwrap();
        connections::serve(listener, api.router(), &tasks, stop.clone());
        Server { folder, registry, tasks, stop }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("fleet.sock")).await.unwrap()
    }

    /// A connection over which this was sent.
    async fn send(&self, text: &str) -> UnixStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// Waits until so many connections are served.
    async fn until_serving(&self, connections: usize) {
        wait_for(LONG, "connections to be served, or to end", async || match self.tasks.len() {
            tasks if tasks == LISTENER + connections => Ok(()),
            tasks => Err(tasks),
        })
        .await;
    }

    /// Whether a new client is answered.
    async fn answers(&self) -> bool {
        let mut stream = self.send(&get("units")).await;
        let mut answer = [0; 12];
        let read = tokio::time::timeout(LONG, stream.read_exact(&mut answer)).await;
        read.is_ok_and(|read| read.is_ok()) && answer == *b"HTTP/1.1 200"
    }
}

fn get(resource: &str) -> String {
    format!("GET /fleet/v1/{resource} HTTP/1.1\r\nHost: fleet\r\n\r\n")
}

/// How long the server keeps a connection, and the last it said.
async fn until_closed(mut stream: UnixStream) -> (Duration, String) {
    let (since, mut said) = (Instant::now(), Vec::new());
    let closed = tokio::time::timeout(LONG, stream.read_to_end(&mut said)).await;
    closed.expect("the server hangs up").unwrap();
    (since.elapsed(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn a_socket_is_for_its_user_and_group() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::start().await;
    let socket = std::fs::metadata(server.folder.path().join("fleet.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o660);
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_or_half_of_it_is_left() {
    let server = Server::start().await;
    let body = "PUT /fleet/v1/units/a.service HTTP/1.1\r\nHost: f\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    let table = [
        ("nothing", String::new(), HEAD_TIMEOUT, ""),
        ("half a head", "GET /fleet/v1/units HTTP/1.1\r\nHost:".into(), HEAD_TIMEOUT, ""),
        ("idle after an answer", get("units"), HEAD_TIMEOUT, "200 OK"),
        ("half a body", body.into(), 2 * HEAD_TIMEOUT, "408 Request Timeout"),
    ];
    for (case, sent, limit, words) in table {
        let (kept, said) = until_closed(server.send(&sent).await).await;
        assert!(kept <= limit + Duration::from_secs(1), "{case}: {kept:?}");
        assert!(said.contains(words), "{case}: {said}");
    }
    server.until_serving(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_head_without_end_is_refused() {
    let server = Server::start().await;
    let many = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect::<String>();
    let long = format!("X-Long: {}\r\n", "x".repeat(connections::HEAD_BYTES_MAX));
    for headers in [many, long] {
        let head = format!("GET /fleet/v1/units HTTP/1.1\r\nHost: f\r\n{headers}\r\n");
        let (_, said) = until_closed(server.send(&head).await).await;
        assert!(said.starts_with("HTTP/1.1 431 "), "{said}");
    }
    server.until_serving(0).await;
}

#[tokio::test]
async fn who_sends_too_much_hears_so_after_the_last_byte() {
    let server = Server::start().await;
    let bytes = 10_000_000;
    let head = format!(
        "PUT /fleet/v1/units/a.service HTTP/1.1\r\nHost: f\r\nContent-Type: application/json\r\nContent-Length: {bytes}\r\n\r\n"
    );
    let mut stream = server.send(&head).await;
    stream.write_all(&vec![b' '; bytes]).await.expect("all of it is taken");
    let (_, said) = until_closed(stream).await;
    assert!(said.starts_with("HTTP/1.1 413 ") && said.contains("larger than"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn who_reads_nothing_is_left() {
    let server = Server::start().await;
    // An answer that no socket's buffer takes.
    let file =
        format!("[Service]\n{}", format!("ExecStart=/bin/{}\n", "x".repeat(1000)).repeat(500));
    let put = Put { file: Some(UnitFile::parse(&file).unwrap()), desired: None };
    for n in 0..8 {
        server.registry.put_unit(&unit(&format!("u{n}.service")), &put).await.unwrap();
    }
    let deaf = server.send(&get("units")).await;
    server.until_serving(1).await;
    let since = Instant::now();
    server.until_serving(0).await;
    assert!(since.elapsed() <= READER_TIMEOUT + Duration::from_secs(1), "{:?}", since.elapsed());
    drop(deaf);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_events_is_served_for_as_long_as_it_likes() {
    let server = Server::start().await;
    let mut stream = server.send(&get("events")).await;
    let mut heard = vec![0; 1 << 16];
    let end = Instant::now() + LONG;
    while Instant::now() < end {
        // Comments keep it alive: neither side falls asleep.
        let read = tokio::time::timeout(HEAD_TIMEOUT, stream.read(&mut heard)).await;
        assert!(read.expect("it is not silent").unwrap() > 0, "it was closed");
    }
    server.until_serving(1).await;
    drop(stream);
    server.until_serving(0).await;
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_in_the_middle_leaves_nothing() {
    let server = Server::start().await;
    let asked = [
        get("events"),
        get("units"),
        get("machines?live=true"),
        "PUT /fleet/v1/units/a.service HTTP/1.1\r\nHost: f\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{".into(),
        "GET /fleet".into(),
    ];
    for text in &asked {
        for _ in 0..20 {
            drop(server.send(text).await);
        }
    }
    server.until_serving(0).await;
    let (units, _) = until_closed(server.send(&get("units")).await).await;
    assert!(units <= HEAD_TIMEOUT + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn those_who_only_wait_keep_nobody_out() {
    let server = Server::start().await;
    let mut streams = Vec::new();
    let refused = loop {
        let mut stream = server.send(&get("events")).await;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        if head != *b"HTTP/1.1 200" {
            break (head, stream);
        }
        streams.push(stream);
        assert!(streams.len() < CONNECTIONS_MAX, "as many streams as connections");
    };
    assert_eq!(refused.0, *b"HTTP/1.1 503");
    assert!(server.answers().await);
    // One that ends makes room for another.
    streams.pop();
    let retry = wait_for(LONG, "a place", async || {
        let mut stream = server.send(&get("events")).await;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        if head == *b"HTTP/1.1 200" { Ok(stream) } else { Err(head) }
    });
    streams.push(retry.await);
    // Those who say nothing fill the rest, and are left.
    let mut silent = Vec::new();
    for _ in streams.len()..CONNECTIONS_MAX + 10 {
        silent.push(server.connect().await);
    }
    assert!(server.answers().await);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_everyone_is_served_and_sent_home() {
    let server = Server::start().await;
    let mut all = Vec::new();
    for resource in ["events", "units"] {
        let mut stream = server.send(&get(resource)).await;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(head, *b"HTTP/1.1 200");
        all.push(stream);
    }
    server.stop.cancel();
    server.tasks.close();
    tokio::time::timeout(LONG, server.tasks.wait()).await.expect("all tasks end");
    for stream in all {
        until_closed(stream).await;
    }
}
