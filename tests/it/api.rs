//! The API over HTTP: every status it answers with, and what it leaves unchanged when it refuses.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use fleet::fleetd::agent::Standing;
use fleet::fleetd::registry::{EmbeddedStore, Registry};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::asked::Asked;
use crate::support::machines::Machines;

/// An API over an empty store, whose pages hold two entries.
fn server() -> Asked {
    let store = Arc::new(EmbeddedStore::in_memory());
    Asked::with(&Registry::over(store, std::time::Duration::from_secs(1)), 2, |api| api)
}

fn options(command: &str) -> Value {
    json!([{"section": "Service", "name": "ExecStart", "value": command}])
}

#[tokio::test]
async fn put_answers_as_fleet_did() {
    let server = server();
    let wanted = |state: &str| json!({"desiredState": state});
    let with =
        |state: &str, command: &str| json!({"desiredState": state, "options": options(command)});
    let two = json!({"desiredState": "loaded", "options": options("/a"),
        "contents": "[Service]\nExecStart=/other\n"});
    let contradiction = json!({"options": [
        {"section": "X-Fleet", "name": "Global", "value": "true"},
        {"section": "X-Fleet", "name": "MachineOf", "value": "b.service"}]});
    let table = [
        ("new without options", "a.service", wanted("loaded"), 409, "does not exist"),
        ("new with options", "a.service", with("loaded", "/a"), 201, ""),
        ("the same", "a.service", with("loaded", "/a"), 204, ""),
        ("no options", "a.service", wanted("launched"), 204, ""),
        ("other options", "a.service", with("launched", "/b"), 201, ""),
        ("no desired state", "a.service", json!({"options": options("/b")}), 409, "desiredState"),
        (
            "another name",
            "a.service",
            json!({"name": "b.service", "desiredState": "loaded"}),
            400,
            "b.service",
        ),
        ("a bad name", "a.sevice", with("loaded", "/a"), 400, "sevice"),
        ("an unknown state", "a.service", wanted("running"), 400, "running"),
        ("two files", "b.service", two, 400, "not the same"),
        ("a contradiction", "b.service", contradiction, 400, "MachineOf"),
        ("a template", "t@.service", with("inactive", "/a"), 201, ""),
        ("an active template", "t@.service", wanted("launched"), 400, "template"),
    ];
    for (case, name, body, status, words) in table {
        let path = format!("/fleet/v1/units/{name}");
        let (answered, body) = server.ask("PUT", &path, Some(body)).await;
        assert_eq!(answered.as_u16(), status, "{case}: {body}");
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "{case}: {message}");
        assert!(status < 400 || body["error"]["code"] == status, "{case}: {body}");
    }
    let unit = server.get("/fleet/v1/units/a.service").await;
    assert_eq!((&unit["desiredState"], &unit["options"]), (&json!("launched"), &options("/b")));
    assert_eq!(server.get("/fleet/v1/units").await["units"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_not_a_json_body_of_bounded_size_is_refused() {
    let server = server();
    let put = |content_type: &str, body: Vec<u8>| {
        let request =
            Request::put("/fleet/v1/units/a.service").header("content-type", content_type);
        server.send(request.body(Body::from(body)).unwrap())
    };
    let cases = [
        ("text/plain", b"{}".to_vec(), 415),
        ("application/json", b"{".to_vec(), 400),
        ("application/json", b"[]".to_vec(), 400),
        ("application/json", vec![b' '; 10 << 20], 413),
    ];
    for (content_type, body, status) in cases {
        let (answered, body) = put(content_type, body).await;
        assert_eq!(answered.as_u16(), status, "{body}");
        assert!(!body["error"]["message"].as_str().unwrap().is_empty());
    }
    assert_eq!(server.get("/fleet/v1/units").await["units"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_not_waited_for() {
    let server = server();
    let never = futures_util::stream::pending::<Result<axum::body::Bytes, std::io::Error>>();
    let request = Request::put("/fleet/v1/units/a.service");
    let request = request.header("content-type", "application/json");
    let (status, body) = server.send(request.body(Body::from_stream(never)).unwrap()).await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (408, &json!(408)));
}

#[tokio::test]
async fn contents_come_back_byte_for_byte() {
    let server = server();
    let contents = "# why\n\n[Service]\nExecStart = /bin/a \\\n  b\n; more\n";
    let body = json!({"contents": contents, "desiredState": "inactive"});
    server.ask("PUT", "/fleet/v1/units/a.service", Some(body)).await;
    let unit = server.get("/fleet/v1/units/a.service").await;
    assert_eq!(unit["contents"], contents);
    assert_eq!(unit["options"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_runs_tells_where_and_how_far_it_is() {
    let cluster = Machines::new();
    let m1 = cluster.boot("m1").await;
    let server = Asked::over(&cluster.registry);
    let body = json!({"desiredState": "launched", "options": options("/a")});
    server.ask("PUT", "/fleet/v1/units/a.service", Some(body)).await;
    cluster.until_reported("a.service", &m1, "active").await;
    let unit = server.get("/fleet/v1/units/a.service").await;
    let listed = &server.get("/fleet/v1/units").await["units"][0];
    for (field, value) in
        [("machineID", "m1"), ("currentState", "launched"), ("desiredState", "launched")]
    {
        assert_eq!((&unit[field], &listed[field]), (&json!(value), &json!(value)), "{field}");
    }
}

#[tokio::test]
async fn absent_things_wrong_methods_and_unknown_paths() {
    let server = server();
    let table = [
        ("GET", "/fleet/v1/units/a.service", 404),
        ("GET", "/fleet/v1/units/a.service/why", 404),
        ("DELETE", "/fleet/v1/units/a.service", 404),
        ("GET", "/fleet/v1/state/a.service", 404),
        ("GET", "/fleet/v1/units?nextPageToken=zz", 400),
        ("GET", "/fleet/v1/units?nextPageToken=a&nextPageToken=b", 400),
        ("GET", "/fleet/v1/units/%ff.service", 400),
        ("POST", "/fleet/v1/units/a.service", 405),
        ("DELETE", "/fleet/v1/machines", 405),
        ("GET", "/fleet/v2/units", 404),
        ("GET", "/", 404),
    ];
    for (method, path, status) in table {
        let (answered, body) = server.ask(method, path, None).await;
        assert_eq!(answered.as_u16(), status, "{method} {path}: {body}");
        assert_eq!(body["error"]["code"], status, "{method} {path}: {body}");
    }
}

#[tokio::test]
async fn lists_come_in_pages_also_under_the_old_path() {
    let server = server();
    for name in ["c.service", "a.service", "b.service"] {
        let body = json!({"desiredState": "inactive", "options": options("/a")});
        server.ask("PUT", &format!("/v1-alpha/units/{name}"), Some(body)).await;
    }
    let first = server.get("/v1-alpha/units").await;
    let names = |page: &Value| -> Vec<String> {
        let units = page["units"].as_array().unwrap().iter();
        units.map(|unit| unit["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&first), ["a.service", "b.service"]);
    let token = first["nextPageToken"].as_str().unwrap();
    let second = server.get(&format!("/v1-alpha/units?nextPageToken={token}")).await;
    assert_eq!(
        (names(&second), &second["nextPageToken"]),
        (vec!["c.service".into()], &Value::Null)
    );
}

#[tokio::test]
async fn a_patch_is_checked_whole() {
    let server = server();
    let patch = |operations: Value| server.ask("PATCH", "/fleet/v1/machines", Some(operations));
    let good = json!({"op": "add", "path": "/m1/metadata/disk", "value": "ssd"});
    let table = [
        (json!([good]), 204),
        (json!([good, good]), 204),
        (json!(vec![good.clone(); 129]), 400),
        (json!([{"op": "remove", "path": "/m1/metadata/disk"}]), 204),
        (json!([good, {"op": "move", "path": "/m1/metadata/disk", "value": "x"}]), 400),
        (json!([good, {"op": "add", "path": "/m1/disk", "value": "x"}]), 400),
        (json!([good, {"op": "replace", "path": "/m1/metadata/disk"}]), 400),
        (json!({}), 400),
    ];
    for (operations, status) in table {
        let (answered, body) = patch(operations.clone()).await;
        assert_eq!(answered.as_u16(), status, "{operations}: {body}");
    }
}

#[tokio::test]
async fn a_refused_machine_answers_as_if_the_store_were_away() {
    let server = server();
    server.standing.send_replace(Standing::Refused);
    let (status, body) = server.ask("GET", "/fleet/v1/units", None).await;
    let sentence = "fleet server unable to communicate with etcd";
    assert_eq!((status.as_u16(), &body["error"]["message"]), (503, &json!(sentence)));
    assert_eq!(server.get("/fleet/v1/discovery").await["openapi"], "3.0.3");
}

#[tokio::test]
async fn why_names_what_is_missing() {
    let server = server();
    let body = json!({"desiredState": "launched", "options": options("/a")});
    server.ask("PUT", "/fleet/v1/units/a.service", Some(body)).await;
    let why = server.get("/fleet/v1/units/a.service/why").await;
    assert_eq!(why["status"], "pending");
    assert_eq!(why["reason"], "there are no machines in the cluster");
}

/// What an event stream says, as (event, id, data), until so many have come.
async fn events(
    server: &Asked,
    last_id: Option<&str>,
    count: usize,
) -> Vec<(String, String, Value)> {
    let mut request = Request::get("/fleet/v1/events");
    if let Some(id) = last_id {
        request = request.header("last-event-id", id);
    }
    let response =
        server.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body().into_data_stream();
    let mut text = String::new();
    while text.matches("\n\n").count() < count {
        let more = tokio::time::timeout(std::time::Duration::from_secs(10), body.next());
        let more = more.await.unwrap_or_else(|_| panic!("only {text}")).unwrap().unwrap();
        text.push_str(std::str::from_utf8(&more).unwrap());
    }
    let field = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    };
    let one = |event: &str| {
        let data = serde_json::from_str(&field(event, "data")).unwrap();
        (field(event, "event"), field(event, "id"), data)
    };
    text.split_terminator("\n\n").map(one).collect()
}

#[tokio::test]
async fn events_go_on_after_the_last_one_seen() {
    let server = server();
    let put = async |name: &str| {
        let body = json!({"desiredState": "inactive", "options": options("/a")});
        server.ask("PUT", &format!("/fleet/v1/units/{name}"), Some(body)).await;
    };
    put("a.service").await;
    let first = events(&server, None, 1).await;
    assert_eq!(first[0].0, "ready");
    put("b.service").await;
    put("c.service").await;
    let missed = events(&server, Some(&first[0].1), 3).await;
    let names: Vec<_> =
        missed[1..].iter().map(|(kind, _, data)| (&kind[..], &data["name"])).collect();
    assert_eq!(names, [("unit", &json!("b.service")), ("unit", &json!("c.service"))]);
    assert_eq!(missed[2].2["unit"]["desiredState"], "inactive");
    // An id from before what this daemon remembers, and one that is none.
    assert_eq!(events(&server, Some("0"), 2).await[1].0, "reset");
    let bad = Request::get("/fleet/v1/events").header("last-event-id", "x").body(Body::empty());
    assert_eq!(server.send(bad.unwrap()).await.0, StatusCode::BAD_REQUEST);
}
