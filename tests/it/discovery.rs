//! The API's description of itself: it has the router's paths and methods, and the wire's types with
//! all their fields.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use fleet::api::{
    Changes, ErrorBody, ErrorDetail, Live, Machine, MachinePage, MachineStatus, Move, Outlook,
    Refusal, State, StatePage, Unit, UnitLive, UnitPage, Waiting, Why, WhyStatus,
};
use fleet::fleetd::registry::{EmbeddedStore, Registry};
use fleet::model::{MachineId, SystemdState, TargetState, Timestamp};
use fleet::unitfile::{UnitFile, UnitName, UnitOption};
use serde::Serialize;
use serde_json::{Value, json};

use crate::support::asked::Asked;

/// Where the routes are written.
const ROUTES: &str = include_str!("../../src/fleetd/api/mod.rs");

fn server() -> Asked {
    Asked::over(&Registry::over(Arc::new(EmbeddedStore::in_memory()), Duration::from_secs(1)))
}

async fn document() -> Value {
    server().get("/fleet/v1/discovery").await
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

#[tokio::test]
async fn its_paths_are_the_router_s() {
    let document = document().await;
    let route = |line: &'static str| line.trim().strip_prefix(".route(\"")?.split('"').next();
    let routes = ROUTES.lines().filter_map(route).filter(|path| *path != "/metrics");
    assert_eq!(keys(&document["paths"]), routes.collect());
}

#[tokio::test]
async fn its_methods_are_the_router_s_also_under_the_old_path() {
    let server = server();
    for (path, methods) in document().await["paths"].as_object().unwrap() {
        let mut described: BTreeSet<String> =
            keys(methods).iter().map(|m| m.to_uppercase()).collect();
        described.remove("PARAMETERS");
        for base in ["/fleet/v1", "/v1-alpha"] {
            let uri = format!("{base}{}", path.replace("{name}", "a.service"));
            let request = Request::builder().method("BREW").uri(uri).body(Body::empty()).unwrap();
            let answer = server.answer(request).await;
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
            let allowed = answer.headers()[header::ALLOW].to_str().unwrap().split(',');
            // Who may GET may have the head alone.
            let allowed = allowed.filter(|method| *method != "HEAD").map(str::to_owned);
            assert_eq!(described, allowed.collect(), "{path}");
        }
    }
}

fn name() -> UnitName {
    UnitName::parse("a.service").unwrap()
}

fn id() -> MachineId {
    MachineId::parse("m1").unwrap()
}

fn text() -> String {
    "text".to_owned()
}

fn option() -> UnitOption {
    UnitOption { section: text(), name: text(), value: text() }
}

fn unit() -> Unit {
    Unit {
        name: Some(name()),
        options: vec![option()],
        contents: Some(text()),
        desired_state: Some(TargetState::Launched),
        current_state: Some(TargetState::Launched),
        machine_id: Some(id()),
        launch: Some(1),
    }
}

fn bare_state() -> State {
    let hash = UnitFile::parse("[Service]\n").unwrap().hash();
    let systemd = SystemdState { load: text(), active: text(), sub: text() };
    State::new(name(), hash, id(), systemd)
}

fn state() -> State {
    let State {
        name,
        hash,
        machine_id,
        systemd_load_state,
        systemd_active_state,
        systemd_sub_state,
        ..
    } = bare_state();
    State {
        name,
        hash,
        machine_id,
        systemd_load_state,
        systemd_active_state,
        systemd_sub_state,
        launch: Some(1),
        job: Some(text()),
        result: Some(text()),
        exit_status: Some(1),
        message: Some(text()),
        since: Some(Timestamp::from_unix_secs(1)),
        main_pid: Some(1),
        restarts: Some(1),
        live: Some(UnitLive { memory: 1 }),
        log: Some(vec![text()]),
    }
}

fn machine() -> Machine {
    Machine {
        id: id(),
        primary_ip: text(),
        metadata: BTreeMap::from([(text(), text())]),
        version: Some(text()),
        hostname: Some(text()),
        os: Some(text()),
        cpus: Some(1),
        memory: Some(1),
        systemd_version: Some(text()),
        docker_version: Some(text()),
        booted: Some(Timestamp::from_unix_secs(1)),
        since: Some(Timestamp::from_unix_secs(1)),
        status: Some(MachineStatus::Alive),
        units: Some(1),
        live: Some(live()),
    }
}

fn live() -> Live {
    Live { load: [1.0; 3], memory_used: 1 }
}

fn refusal() -> Refusal {
    Refusal { machine_id: id(), primary_ip: text(), reason: text() }
}

fn waiting() -> Waiting {
    Waiting { name: name(), reason: text() }
}

fn why(machine_ids: Vec<MachineId>, refusals: Vec<Refusal>) -> Why {
    Why { name: name(), status: WhyStatus::Placed, reason: text(), machine_ids, refusals }
}

fn moved(from: Option<MachineId>, to: Option<MachineId>) -> Move {
    Move { name: name(), from, to, reason: text() }
}

fn error() -> ErrorBody {
    ErrorBody { error: ErrorDetail { code: 404, message: text() } }
}

/// A type's name, a document with all that it can have, and one with only what it must have.
fn case<T: Serialize>(name: &'static str, full: T, bare: T) -> (&'static str, Value, Value) {
    (name, json!(full), json!(bare))
}

#[tokio::test]
async fn its_schemas_are_the_wire_s_types() {
    let bare_unit = Unit {
        name: None,
        options: Vec::new(),
        contents: None,
        desired_state: None,
        current_state: None,
        machine_id: None,
        launch: None,
    };
    let token = Some(text());
    let units = UnitPage { units: vec![unit()], next_page_token: token.clone() };
    let states = StatePage {
        states: vec![state()],
        next_page_token: token.clone(),
        waiting: vec![waiting()],
    };
    let machines = MachinePage { machines: vec![machine()], next_page_token: token };
    let outlook = Outlook { units: vec![why(vec![], vec![])], moves: vec![moved(None, None)] };
    let changes = Changes { units: vec![unit()], destroy: vec![name()] };
    let bare_machine = Machine::new(id(), text());
    let cases = [
        case("Changes", changes, Changes::default()),
        case("Error", error(), error()),
        case("Live", live(), live()),
        case("Machine", machine(), bare_machine),
        case("MachinePage", machines, MachinePage::default()),
        case("Move", moved(Some(id()), Some(id())), moved(None, None)),
        case("Outlook", outlook, Outlook::default()),
        case("Refusal", refusal(), refusal()),
        case("State", state(), bare_state()),
        case("StatePage", states, StatePage::default()),
        case("Unit", unit(), bare_unit),
        case("UnitLive", UnitLive { memory: 1 }, UnitLive { memory: 1 }),
        case("UnitOption", option(), option()),
        case("UnitPage", units, UnitPage::default()),
        case("Waiting", waiting(), waiting()),
        case("Why", why(vec![id()], vec![refusal()]), why(vec![], vec![])),
    ];
    let document = document().await;
    let schemas = &document["components"]["schemas"];
    let objects = keys(schemas).into_iter().filter(|name| schemas[name]["type"] == "object");
    // Its type is the handler's own; tests of PATCH hold it.
    let objects: Vec<&str> = objects.filter(|name| *name != "PatchOperation").collect();
    assert_eq!(cases.each_ref().map(|(name, ..)| *name).to_vec(), objects);
    for (name, full, bare) in &cases {
        let schema = &schemas[name];
        assert_eq!(keys(&schema["properties"]), keys(full), "{name}");
        let required = schema["required"].as_array().into_iter().flatten();
        let required: BTreeSet<&str> = required.filter_map(Value::as_str).collect();
        assert_eq!(required, keys(bare), "{name}: what is always there");
    }
}
