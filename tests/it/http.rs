//! The API as a client in another language meets it: bytes on a unix socket and on TCP. Also a
//! session as text, in `tests/data/http`; `RENEW=1` writes it anew.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::agent::Standing;
use fleet::fleetd::api::Api;
use fleet::fleetd::connections;
use fleet::fleetd::registry::{EmbeddedStore, MachineRecord, Registry, StateRecord, Store, decode};
use fleet::fleetd::sockets::{self, Listener};
use fleet::model::MachineId;
use fleet::unitfile::{UnitFile, UnitName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// An answer that does not come must not hang the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// The API on a socket of each kind, with one entry to a page.
struct Server {
    registry: Registry,
    folder: tempfile::TempDir,
    port: u16,
}

impl Server {
    async fn start() -> Server {
        Server::over(Arc::new(EmbeddedStore::in_memory())).await
    }

    async fn over(store: Arc<dyn Store>) -> Server {
        let registry = Registry::over(store, Duration::from_secs(1));
        let (_, standing) = watch::channel(Standing::Member);
        let (_, token_limit) = watch::channel(1);
        let api = Api::new(registry.clone(), standing, token_limit, CancellationToken::new());
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("fleet.sock").display().to_string();
        let mut port = 0;
        let router = api.router();
        for address in [socket.as_str(), "127.0.0.1:0"] {
            let listener = sockets::open(address).await.unwrap();
            if let Listener::Tcp(tcp) = &listener {
                port = tcp.local_addr().unwrap().port();
            }
            let tasks = TaskTracker::new();
            connections::serve(listener, router.clone(), &tasks, CancellationToken::new());
        }
        Server { registry, folder, port }
    }

    /// Sends bytes over the unix socket, and reads until the server hangs up.
    async fn send(&self, request: &[u8]) -> String {
        let socket = self.folder.path().join("fleet.sock");
        exchange(UnixStream::connect(socket).await.unwrap(), request).await
    }

    async fn send_tcp(&self, request: &[u8]) -> String {
        exchange(TcpStream::connect(("127.0.0.1", self.port)).await.unwrap(), request).await
    }
}

async fn exchange(stream: impl AsyncRead + AsyncWrite, request: &[u8]) -> String {
    let (mut from, mut to) = tokio::io::split(stream);
    let talk = async {
        // A server that has heard enough hangs up, and still says why.
        let _ = to.write_all(request).await;
        let mut answer = Vec::new();
        let _ = from.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    };
    let asked = String::from_utf8_lossy(&request[..request.len().min(200)]).into_owned();
    tokio::time::timeout(PATIENCE, talk).await.unwrap_or_else(|_| panic!("no answer to {asked}"))
}

/// A request that asks the server to hang up afterwards.
fn request(line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{line} HTTP/1.1\r\nHost: fleet\r\nConnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// A request with a JSON body.
fn json(line: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let headers = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
    request(line, &headers, body.as_bytes())
}

const UNIT: &str = "/fleet/v1/units/a.service";
const FILE: &str = r#"{"desiredState":"inactive","options":[{"section":"Service","name":"ExecStart","value":"/bin/a"}]}"#;

#[track_caller]
fn answers(case: &str, answer: &str, status: u16, words: &str) {
    let line = answer.lines().next().unwrap_or_default();
    assert_eq!(line.split(' ').nth(1), Some(&*status.to_string()), "{case}: {answer}");
    assert!(answer.contains(words), "{case}: {words} in {answer}");
}

#[tokio::test]
async fn any_client_s_way_to_say_it_is_understood() {
    let server = Server::start().await;
    let chunked = format!(
        "{:x}\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        20,
        &FILE[..20],
        FILE.len() - 20,
        &FILE[20..]
    );
    let typed = |kind: &str| format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", FILE.len());
    let put = |headers: &str| request(&format!("PUT {UNIT}"), headers, FILE.as_bytes());
    let expecting = typed("application/json") + "Expect: 100-continue\r\n";
    let nulls = r#"{"name":null,"options":null,"contents":null,"desiredState":"loaded","currentState":"","machineID":"","new":{"x":1}}"#;
    let table = [
        ("in chunks", request(&format!("PUT {UNIT}"), "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", chunked.as_bytes()), 201, "fleet-revision: "),
        ("with a character set", put(&typed("application/json; charset=utf-8")), 204, ""),
        ("in capitals", put(&typed("Application/JSON")), 204, ""),
        ("after asking", put(&expecting), 100, "HTTP/1.1 204"),
        ("null and empty are absent", json(&format!("PUT {UNIT}"), nulls), 204, ""),
        ("the old alias", request("GET /v1-alpha/units/a.service", "", b""), 200, r#""desiredState":"loaded""#),
        ("as Go's client asks", b"GET http://domain-sock/fleet/v1/units?alt=json HTTP/1.1\r\nHost: domain-sock\r\nConnection: close\r\n\r\n".to_vec(), 200, "a.service"),
        ("as HTTP/1.0", b"GET /fleet/v1/units HTTP/1.0\r\n\r\n".to_vec(), 200, "a.service"),
        ("an encoded name", json("PUT /fleet/v1/units/a%40b%3A1.service?alt=json", FILE), 201, ""),
        ("the name of that", request("GET /fleet/v1/units/a@b:1.service", "", b""), 200, r#""name":"a@b:1.service""#),
        ("an unknown query", request("GET /fleet/v1/machines?alt=json&pretty=1", "", b""), 200, r#"{"machines":[]}"#),
        ("an empty token", request("GET /fleet/v1/state?nextPageToken=&machineID=&unitName=", "", b""), 200, r#"{"states":[]}"#),
        ("a patch of nothing", json("PATCH /fleet/v1/machines", "[]"), 204, ""),
        ("a patch of no type", request("PATCH /fleet/v1/machines", "Content-Length: 2\r\n", b"[]"), 204, ""),
        ("a patch of its own type", request("PATCH /fleet/v1/machines", "Content-Type: application/json-patch+json\r\nContent-Length: 2\r\n", b"[]"), 204, ""),
        ("a value that goes", json("PATCH /fleet/v1/machines", r#"[{"op":"remove","path":"/m1/metadata/a","value":null}]"#), 204, ""),
    ];
    for (case, bytes, status, words) in table {
        answers(case, &server.send(&bytes).await, status, words);
    }
    answers("over TCP", &server.send_tcp(&request("GET /fleet/v1/units", "", b"")).await, 200, "");
}

#[tokio::test]
async fn what_is_wrong_is_told_and_changes_nothing() {
    let server = Server::start().await;
    let put = format!("PUT {UNIT}");
    let typed = |kind: &str| request(&put, &format!("{kind}Content-Length: 2\r\n"), b"{}");
    let deep = "[".repeat(100_000);
    let option = r#"{"options":[{"section":"Service","name":"ExecStart","value":null}]}"#;
    let table = [
        ("no content type", typed(""), 415, "application/json"),
        ("another one", typed("Content-Type: text/plain\r\n"), 415, "application/json"),
        (
            "a form",
            typed("Content-Type: application/x-www-form-urlencoded\r\n"),
            415,
            r#""code":415"#,
        ),
        ("no JSON", json(&put, "desiredState=launched"), 400, r#""code":400"#),
        ("half a document", json(&put, r#"{"desiredState":"#), 400, "does not read"),
        ("two documents", json(&put, "{}{}"), 400, "does not read"),
        ("a list", json(&put, "[]"), 400, "does not read"),
        ("a text", json(&put, r#""launched""#), 400, "does not read"),
        ("nothing", json(&put, ""), 400, "does not read"),
        ("too deep", json(&put, &deep), 400, "does not read"),
        (
            "not UTF-8",
            request(&put, "Content-Type: application/json\r\nContent-Length: 4\r\n", b"{\"\xff\""),
            400,
            "does not read",
        ),
        ("a number for a name", json(&put, r#"{"name":7}"#), 400, "no unit"),
        ("a value that is none", json(&put, option), 400, "no unit"),
        ("an unknown state", json(&put, r#"{"desiredState":"up"}"#), 400, "up"),
        ("a name without a type", json("PUT /fleet/v1/units/a", FILE), 400, "a"),
        ("a path in a name", json("PUT /fleet/v1/units/a%2Fb.service", FILE), 400, r#""code":400"#),
        ("a NUL in a name", json("PUT /fleet/v1/units/%00.service", FILE), 400, r#""code":400"#),
        (
            "a name that is no text",
            json("PUT /fleet/v1/units/%ff.service", FILE),
            400,
            r#""code":400"#,
        ),
        ("a list put", json("PUT /fleet/v1/units", FILE), 405, "allow: GET,HEAD"),
        ("a post", json(&format!("POST {UNIT}"), FILE), 405, "allow: GET,HEAD,PUT,DELETE"),
        (
            "a deleted list",
            request("DELETE /fleet/v1/machines", "", b""),
            405,
            "allow: GET,HEAD,PATCH",
        ),
        ("posted metrics", request("POST /metrics", "", b""), 405, "allow: GET,HEAD"),
        ("options", request("OPTIONS /fleet/v1/state", "", b""), 405, r#""code":405"#),
        ("an invented method", request("BREW /fleet/v1/state", "", b""), 405, r#""code":405"#),
        ("a slash too much", request("GET /fleet/v1/units/", "", b""), 404, r#""code":404"#),
        ("another slash", request("GET //fleet/v1/units", "", b""), 404, r#""code":404"#),
        (
            "an unknown version",
            request("GET /fleet/v3/units", "", b""),
            404,
            "there is no /fleet/v3/units",
        ),
        (
            "a token of another API",
            request("GET /fleet/v1/units?nextPageToken=eyJMaW1pdCI6MTAwfQ==", "", b""),
            400,
            "nextPageToken",
        ),
        (
            "a token too many",
            request("GET /fleet/v1/units?nextPageToken=61&nextPageToken=62", "", b""),
            400,
            "nextPageToken",
        ),
        (
            "a patch that is none",
            json("PATCH /fleet/v1/machines", r#"{"op":"add"}"#),
            400,
            "does not read",
        ),
        (
            "a patch without a value",
            json(
                "PATCH /fleet/v1/machines",
                r#"[{"op":"add","path":"/m1/metadata/a","value":""}]"#,
            ),
            400,
            "needs a value",
        ),
        (
            "a value that is null",
            json(
                "PATCH /fleet/v1/machines",
                r#"[{"op":"add","path":"/m1/metadata/a","value":null}]"#,
            ),
            400,
            "needs a value",
        ),
        ("no HTTP", b"HELO fleet\r\n\r\n".to_vec(), 400, ""),
    ];
    for (case, bytes, status, words) in table {
        answers(case, &server.send(&bytes).await, status, words);
    }
    let large = json(&put, &" ".repeat(10 << 20));
    answers("too large", &server.send_tcp(&large).await, 413, "larger than");
    let left = server.send(&request("GET /fleet/v1/units", "", b"")).await;
    answers("what is left", &left, 200, r#"{"units":[]}"#);
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let server = Server::start().await;
    let keep = |line: &str| format!("{line} HTTP/1.1\r\nHost: fleet\r\n\r\n").into_bytes();
    let head = keep("HEAD /fleet/v1/units");
    let missing = keep("GET /fleet/v1/units/a.service");
    let last = request("GET /fleet/v1/units", "", b"");
    let answer = server.send(&[head, missing, last].concat()).await;
    let statuses: Vec<&str> =
        answer.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "404", "200"], "{answer}");
    assert_eq!(answer.matches(r#"{"units":[]}"#).count(), 1, "HEAD has no body: {answer}");
}

#[tokio::test]
async fn pages_of_one_lead_through_everything() {
    let server = Server::start().await;
    for name in ["c", "a", "b"] {
        server.send(&json(&format!("PUT /fleet/v1/units/{name}.service"), FILE)).await;
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let line = format!("GET /fleet/v1/units?nextPageToken={token}");
        let answer = server.send(&request(&line, "", b"")).await;
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        let page: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(page["units"].as_array().unwrap().len(), 1);
        seen.push(page["units"][0]["name"].as_str().unwrap().to_owned());
        match page["nextPageToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["a.service", "b.service", "c.service"]);
}

#[tokio::test]
async fn a_store_that_is_away_is_told_at_once_in_the_known_words() {
    use crate::support::etcd::free_port;
    let settings = fleet::fleetd::registry::EtcdSettings {
        endpoints: vec![format!("http://127.0.0.1:{}", free_port())],
        prefix: "/fleet/".into(),
        request_timeout: Duration::from_millis(500),
        tls: None,
        user: None,
    };
    let store = fleet::fleetd::registry::EtcdStore::connect(settings).unwrap();
    let server = Server::over(Arc::new(store)).await;
    let sentence =
        r#"{"error":{"code":503,"message":"fleet server unable to communicate with etcd"}}"#;
    for bytes in [
        request("GET /fleet/v1/units", "", b""),
        request(&format!("GET {UNIT}"), "", b""),
        request("GET /fleet/v1/state", "", b""),
        request("GET /fleet/v1/machines", "", b""),
        request(&format!("GET {UNIT}/why"), "", b""),
        request("GET /fleet/v1/events", "", b""),
        request(&format!("DELETE {UNIT}"), "", b""),
        json(&format!("PUT {UNIT}"), FILE),
        json("PATCH /fleet/v1/machines", r#"[{"op":"add","path":"/m1/metadata/a","value":"b"}]"#),
    ] {
        let case = String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().to_owned();
        answers(&case, &server.send(&bytes).await, 503, sentence);
    }
    let metrics = server.send(&request("GET /metrics", "", b"")).await;
    answers("what is local", &metrics, 200, "fleet_member 1");
    // What is wrong with a request is told before the store is asked.
    answers("bad", &server.send(&json(&format!("PUT {UNIT}"), "[]")).await, 400, "");
}

/// A machine that reports a unit, as an agent would.
async fn machine(registry: &Registry) {
    let id = MachineId::parse("113f16a7").unwrap();
    let lease = registry.grant(Duration::from_secs(600)).await.unwrap();
    let record = r#"{"ip":"172.17.8.103","metadata":{"disk":"ssd"},"version":"1.2.3",
        "session":"00000000-0000-0000-0000-000000000000"}"#;
    let record: MachineRecord = decode("", record.as_bytes()).unwrap();
    registry.join(&id, &record, lease).await.unwrap().unwrap();
    let hash = UnitFile::parse("[Service]\nExecStart=/bin/a\n").unwrap().hash();
    let state = format!(r#"{{"hash":"{hash}","load":"loaded","active":"active","sub":"running"}}"#);
    let state: StateRecord = decode("", state.as_bytes()).unwrap();
    let name = UnitName::parse("hello.service").unwrap();
    registry.publish(&id, lease, &[(name, Some(state))]).await.unwrap();
}

/// A session as text: each request as it is sent, and each answer as it comes, but for the date.
#[tokio::test]
async fn a_session() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/http");
    let script = std::fs::read_to_string(folder.join("session.txt")).unwrap();
    let server = Server::start().await;
    machine(&server.registry).await;
    let mut transcript = String::new();
    for request_text in script.split("\n\n").map(str::trim).filter(|text| !text.is_empty()) {
        let (line, body) = request_text.split_once('\n').unwrap_or((request_text, ""));
        let bytes = if body.is_empty() { request(line, "", b"") } else { json(line, body) };
        let answer = server.send(&bytes).await;
        let answer: Vec<&str> = answer.lines().filter(|line| !line.starts_with("date: ")).collect();
        transcript += &format!(
            "> {}\n{}\n\n",
            request_text.replace('\n', "\n> "),
            answer.join("\n").trim_end()
        );
    }
    let golden = folder.join("session.out");
    if std::env::var_os("RENEW").is_some() {
        std::fs::write(&golden, &transcript).unwrap();
    }
    assert_eq!(transcript, std::fs::read_to_string(golden).unwrap());
}
