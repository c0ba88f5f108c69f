//! The typed client against servers that misbehave.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::error::Error as _;
use std::time::Duration;

use fleet::api::client::{Client, ClientError, Endpoint};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

const LIMIT: Duration = Duration::from_secs(10);

/// A server that plays one list of answers for each connection, then closes it.
struct Server {
    folder: TempDir,
    /// A message for each request that was read.
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

/// The first line of the next request; the requests of these tests have no body.
async fn read_request(stream: &mut UnixStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().lines().next().unwrap().to_owned()
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
    assert_eq!(server.asked()[1], second);
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
