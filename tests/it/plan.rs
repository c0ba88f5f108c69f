//! What the API says would come of changes, over real engines and agents; and that it changes
//! nothing by saying it.

use fleet::model::TargetState::Launched;
use serde_json::{Value, json};

use crate::support::asked::Asked;
use crate::support::machines::{Machine, Machines};

const SERVICE: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// Two machines; `web.service` runs on the first.
struct Scene {
    machines: Machines,
    api: Asked,
    _on: [Machine; 2],
}

impl Scene {
    async fn new() -> Scene {
        let machines = Machines::new();
        let on = [machines.boot("m1").await, machines.boot("m2").await];
        machines.put("web.service", Some(SERVICE), Launched).await;
        machines.until_reported("web.service", &on[0], "active").await;
        let api = Asked::over(&machines.registry);
        Scene { machines, api, _on: on }
    }

    async fn plan(&self, changes: Value) -> (u16, Value) {
        let (status, outlook) = self.api.ask("POST", "/fleet/v1/plan", Some(changes)).await;
        (status.as_u16(), outlook)
    }
}

/// A launched unit with this `[X-Fleet]` section.
fn launched(name: &str, fleet: &str) -> Value {
    let contents = format!("{SERVICE}[X-Fleet]\n{fleet}\n");
    json!({"name": name, "contents": contents, "desiredState": "launched"})
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[tokio::test(start_paused = true)]
async fn it_tells_where_units_would_be() {
    let scene = Scene::new().await;
    let cases = [
        (launched("a.service", ""), "placed", &["m2"][..], "least loaded"),
        (launched("a.service", "MachineOf=web.service"), "placed", &["m1"], "beside web.service"),
        (launched("a.service", "Conflicts=web.service"), "placed", &["m2"], "least loaded"),
        (launched("a.service", "Global=true"), "placed", &["m1", "m2"], "on 2 of 2 machines"),
        (launched("a.service", "MachineMetadata=machine=m9"), "pending", &[], "none of 2 machines"),
        (launched("web.service", "MachineMetadata=machine=m1"), "placed", &["m1"], "stays"),
        (launched("web.service", "MachineMetadata=machine=m2"), "placed", &["m2"], "least loaded"),
        (json!({"name": "web.service", "desiredState": "loaded"}), "placed", &["m1"], "stays"),
        (json!({"name": "web.service", "desiredState": "inactive"}), "inactive", &[], "nobody"),
        (json!({"name": "t@.service", "contents": SERVICE}), "inactive", &[], "template"),
    ];
    let before = scene.machines.registry.revision().await.unwrap();
    for (unit, status, machines, words) in cases {
        let (code, outlook) = scene.plan(json!({"units": [unit]})).await;
        assert_eq!(code, 200, "{outlook}");
        let why = &outlook["units"][0];
        assert_eq!((&why["name"], &why["status"]), (&unit["name"], &json!(status)), "{outlook}");
        assert_eq!(strings(&why["machineIDs"]), machines, "{outlook}");
        assert!(why["reason"].as_str().unwrap().contains(words), "{outlook}");
        let refusals = why["refusals"].as_array().map_or(0, Vec::len);
        assert_eq!(refusals, if status == "pending" { 2 } else { 0 }, "{outlook}");
        assert_eq!(outlook["moves"], json!([]), "{unit}");
    }
    assert_eq!(scene.machines.registry.revision().await.unwrap(), before, "nothing was written");
}

#[tokio::test(start_paused = true)]
async fn it_tells_what_becomes_of_other_units() {
    let scene = Scene::new().await;
    let follower = format!("{SERVICE}[X-Fleet]\nMachineOf=web.service\n");
    scene.machines.put("app.service", Some(&follower), Launched).await;
    let is_placed = |_: &_| scene.machines.home("app.service").is_some();
    scene.machines.until("app.service placed", is_placed).await;

    let replaces = json!({"units": [launched("new.service", "Replaces=web.service")]});
    let (_, outlook) = scene.plan(replaces).await;
    let reasons =
        ["MachineOf wants web.service, which is on no machine", "new.service takes its place"];
    let moves = json!([
        {"name": "app.service", "from": "m1", "to": "m2", "reason": reasons[0]},
        {"name": "web.service", "from": "m1", "to": "m2", "reason": reasons[1]},
    ]);
    assert_eq!(outlook["moves"], moves);

    let (_, outlook) = scene.plan(json!({"destroy": ["web.service", "unknown.service"]})).await;
    let reason = "MachineOf wants web.service, which is not in the cluster";
    let moves = json!([{"name": "app.service", "from": "m1", "reason": reason}]);
    assert_eq!(outlook, json!({"units": [], "moves": moves}));
}

#[tokio::test(start_paused = true)]
async fn it_refuses_what_a_put_would_refuse() {
    let scene = Scene::new().await;
    let a = launched("a.service", "");
    let cases = [
        (json!({"units": [{"contents": SERVICE}]}), 400, "no name"),
        (json!({"units": [a, a]}), 400, "twice"),
        (json!({"units": [a], "destroy": ["a.service"]}), 400, "twice"),
        (json!({"units": [{"name": "a.service", "desiredState": "loaded"}]}), 409, "not exist"),
        (json!({"units": [{"name": "web.service"}]}), 409, "desiredState"),
        (json!({"units": [launched("a.service", "Global=perhaps")]}), 400, "Global"),
        (json!({"units": [launched("t@.service", "")]}), 400, "template"),
        (json!({"destroy": ["a.sevice"]}), 400, "sevice"),
    ];
    for (changes, status, words) in cases {
        let (answered, body) = scene.plan(changes).await;
        assert_eq!(answered, status, "{body}");
        assert!(body["error"]["message"].as_str().unwrap().contains(words), "{body}");
    }
}
