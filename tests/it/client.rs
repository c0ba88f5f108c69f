//! The typed client against servers that misbehave.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::error::Error as _;
use std::time::Duration;

use fleet::api::client::{Client, ClientError, Endpoint};
use fleet::api::{Event, MachineStatus, WhyStatus};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

const LIMIT: Duration = Duration::from_secs(10);

/// A server that plays one list of answers for each connection, then closes it.
struct Server {
    folder: TempDir,
    /// The head of each request that was read.
    asked: mpsc::UnboundedReceiver<String>,
}

impl Server {
    fn new(connections: Vec<Vec<String>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let (sender, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for answers in connections {
                let (mut stream, _) = listener.accept().await.unwrap();
                for answer in answers {
                    sender.send(read_request(&mut stream).await).unwrap();
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        Self { folder, asked }
    }

    fn client(&self, limit: Duration) -> Client {
        let socket = format!("unix://{}", self.folder.path().join("s").display());
        Client::new(socket.parse::<Endpoint>().unwrap(), limit)
    }

    fn asked(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.asked.try_recv().ok()).collect()
    }
}

/// The head of the next request in one line; the requests of these tests have no body.
async fn read_request(stream: &mut UnixStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().trim_end().replace("\r\n", "; ")
}

fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_connection_is_used_again_until_the_server_closes_it() {
    let empty = || answer(r#"{"machines":[]}"#);
    let server = Server::new(vec![vec![empty(), empty()], vec![empty()]]);
    let client = server.client(LIMIT);
    for _ in 0..3 {
        assert!(client.machines().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn pages_are_followed_to_the_end() {
    let machine = |id: &str| format!(r#"{{"id":"{id}","primaryIP":"10.0.0.1"}}"#);
    let page = |id, next: &str| answer(&format!(r#"{{"machines":[{}]{next}}}"#, machine(id)));
    let pages = vec![page("m1", r#","nextPageToken":"a/b=""#), page("m2", "")];
    let mut server = Server::new(vec![pages]);
    let ids: Vec<String> = server
        .client(LIMIT)
        .machines()
        .await
        .unwrap()
        .iter()
        .map(|machine| machine.id.to_string())
        .collect();
    assert_eq!(ids, ["m1", "m2"]);
    let second = "GET /fleet/v1/machines?nextPageToken=a%2Fb%3D HTTP/1.1";
    assert!(server.asked()[1].starts_with(second));
}

#[tokio::test]
async fn a_page_that_follows_itself_is_an_error() {
    let page = || answer(r#"{"machines":[],"nextPageToken":"1"}"#);
    let server = Server::new(vec![vec![page(), page(), page()]]);
    let error = server.client(LIMIT).machines().await.unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "the next page is this page again");
}

#[tokio::test]
async fn what_is_not_the_api_is_told_apart() {
    let html = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>";
    for (said, expected) in [
        (answer("{}"), Ok(0)),
        (answer("<html>"), Err("the answer is not what version 1 of the API says")),
        (html.to_owned(), Err("Bad Gateway (GET /fleet/v1/machines: 502)")),
        ("SSH-2.0-OpenSSH\r\n".to_owned(), Err("broke off")),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_owned(), Err("broke off")),
    ] {
        let server = Server::new(vec![vec![said.clone()]]);
        let got = server.client(LIMIT).machines().await.map(|machines| machines.len());
        match (got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
            (got, _) => panic!("{said:?}: {got:?}"),
        }
    }
}

#[tokio::test]
async fn a_stream_that_never_begins_is_left_in_time() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    // The second answer is never sent, for no second request comes: the stream stays open.
    let server = Server::new(vec![vec![head.to_owned(), String::new()]]);
    let error = server.client(Duration::from_millis(100)).events().await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error}");
}

/// A stream of these events, each with its name, its id if it has one, and its data.
fn events(events: &[(&str, Option<i64>, &str)]) -> String {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n".to_owned();
    events.iter().fold(head, |stream, (name, id, data)| {
        let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
        format!("{stream}event: {name}\n{id}data: {data}\n\n")
    })
}

const GONE: &str = r#"{"revision":7,"id":"m1","machine":null}"#;

#[tokio::test]
async fn a_stream_goes_on_where_it_broke() {
    let first = events(&[
        ("ready", Some(5), r#"{"revision":5}"#),
        ("machine", Some(6), r#"{"revision":6,"id":"m1","machine":null}"#),
        // The last of its revision did not come.
        ("machine", None, GONE),
    ]);
    let second = events(&[("ready", Some(6), r#"{"revision":6}"#), ("machine", Some(7), GONE)]);
    let third = events(&[("reset", Some(9), r#"{"revision":9}"#)]);
    let mut server = Server::new(vec![vec![first], vec![second], vec![third]]);
    let mut stream = server.client(LIMIT).events().await.unwrap();
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(match stream.next().await.unwrap() {
            Event::Machine(machine) => machine.revision,
            Event::Reset(ready) => -ready.revision,
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(told, [6, 7, 7, -9]);
    let asked = server.asked();
    assert!(asked[1].contains("last-event-id: 6"), "{asked:#?}");
    assert!(asked[2].contains("last-event-id: 7"), "{asked:#?}");
}

#[tokio::test]
async fn words_of_newer_servers_are_passed_over() {
    let machine = r#"{"id":"m1","primaryIP":"10.0.0.1","status":"asleep"}"#;
    let why = r#"{"name":"a.service","status":"asleep","reason":"it is night"}"#;
    let server =
        Server::new(vec![vec![answer(&format!(r#"{{"machines":[{machine}]}}"#)), answer(why)]]);
    let client = server.client(LIMIT);
    assert_eq!(client.machines().await.unwrap()[0].status, Some(MachineStatus::Unknown));
    let why = client.why(&"a.service".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((why.status, why.reason.as_str()), (WhyStatus::Unknown, "it is night"));

    let asleep = r#"{"revision":6,"id":"m1","machine":null,"status":"asleep"}"#;
    let first = events(&[
        ("ready", Some(5), r#"{"revision":5}"#),
        ("machine", Some(6), asleep),
        ("dream", Some(7), "{}"),
        ("machine", Some(8), r#"{"revision":[8]}"#),
    ]);
    let second = events(&[("reset", Some(9), r#"{"revision":9}"#)]);
    let mut server = Server::new(vec![vec![first], vec![second]]);
    let mut stream = server.client(LIMIT).events().await.unwrap();
    let event = stream.next().await.unwrap();
    assert!(
        matches!(&event, Event::Machine(event) if event.status == Some(MachineStatus::Unknown)),
        "{event:?}"
    );
    assert!(matches!(stream.next().await.unwrap(), Event::Reset(_)));
    let asked = server.asked();
    assert!(asked[1].contains("last-event-id: 8"), "{asked:#?}");
}
