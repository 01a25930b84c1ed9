//! Random manifests of several stacks of one account, each with an edited successor. The same seed makes the same
//! manifests. JSON is YAML: a failing journey leaves manifests that can be tried by hand.

use fastrand::Rng;
use serde_json::{Map, Value as Json, json};

/// The stacks of every journey.
pub(crate) const STACKS: [&str; 3] = ["alpha", "beta", "gamma"];

/// The manifests of all stacks, one per stack.
pub(crate) type Manifests = Vec<Json>;

/// Manifests to begin with.
pub(crate) fn first(rng: &mut Rng) -> Manifests {
    STACKS.iter().map(|stack| manifest(rng, stack)).collect()
}

/// Manifests that come after others: of each section some entries stay as they are, others are new, changed or gone.
pub(crate) fn edited(rng: &mut Rng, before: &[Json]) -> Manifests {
    let mut all = first(rng);
    for (after, before) in all.iter_mut().zip(before) {
        for section in ["functions", "policies"] {
            for (id, old) in before[section].as_object().into_iter().flatten() {
                if rng.bool() {
                    after[section][id] = old.clone();
                }
            }
        }
        bind(rng, after);
    }
    all
}

fn manifest(rng: &mut Rng, stack: &str) -> Json {
    let policies: Map<String, Json> = ["read", "write"]
        .into_iter()
        .map(|id| {
            let action = pick(rng, &["scf:Invoke", "cos:GetObject", "cls:pushLog"]);
            let statement = json!([{ "effect": "allow", "action": action, "resource": "*" }]);
            let document = json!({ "version": "2.0", "statement": statement });
            (id.to_owned(), json!({ "name": format!("{stack}-{id}"), "document": document }))
        })
        .collect();
    let attached = if rng.bool() { json!(["read", "write"]) } else { json!(["read", "QcloudCOSDataReadOnly"]) };
    let mut functions = Map::new();
    for number in 0..4 {
        if number == 0 || rng.u8(..4) > 0 {
            functions.insert(format!("f{number}"), function(rng, stack, number));
        }
    }
    let mut all = json!({
        "stack": stack, "region": "ap-beijing", "tags": { "team": pick(rng, &["media", "web"]) },
        "roles": {
            "SCF_QcsRole": { "preset": "scf" }, "MPS_QcsRole": { "preset": "mps" },
            "worker": { "name": format!("{stack}-worker"), "trust": ["scf.qcloud.com"], "policies": attached },
        },
        "policies": policies,
        "namespaces": { format!("{stack}-space"): { "description": pick(rng, &["", "tools"]) } },
        "functions": functions,
    });
    bind(rng, &mut all);
    all
}

/// The first stack binds an event type of MPS, to one function: an account binds each type once.
fn bind(rng: &mut Rng, manifest: &mut Json) {
    let of_media = manifest["stack"] == STACKS[0];
    let Some(functions) = manifest["functions"].as_object_mut() else { return };
    let holder = rng.usize(..functions.len());
    for (number, function) in functions.values_mut().enumerate() {
        if let Some(triggers) = function["triggers"].as_object_mut() {
            triggers.remove("workflow");
            if of_media && number == holder {
                triggers.insert("workflow".to_owned(), json!({ "type": "mps", "event": "WorkflowTask" }));
            }
        }
    }
}

fn function(rng: &mut Rng, stack: &str, number: usize) -> Json {
    let mut triggers = Map::new();
    for name in ["nightly", "often"] {
        if rng.bool() {
            let cron = pick(rng, &["0 0 3 * * * *", "0 */5 * * * * *"]);
            let timer =
                json!({ "type": "timer", "cron": cron, "argument": pick(rng, &["", "x"]), "enabled": rng.bool() });
            triggers.insert(name.to_owned(), timer);
        }
    }
    if rng.u8(..4) == 0 {
        triggers.insert("url".to_owned(), json!({ "type": "http", "auth": "none" }));
    }
    if rng.u8(..4) == 0 {
        let prefix = format!("{stack}/{number}/{}", pick(rng, &["raw/", "cut/"]));
        let uploads =
            json!({ "type": "cos", "bucket": "in-1250000000", "events": "cos:ObjectCreated:*", "prefix": prefix });
        triggers.insert("uploads".to_owned(), uploads);
    }
    let mut all = json!({
        "name": format!("{stack}-f{number}"),
        "namespace": if rng.bool() { "default".to_owned() } else { format!("{stack}-space") },
        "runtime": pick(rng, &["CustomRuntime", "CustomRuntime", "CustomRuntime", "Python3.10"]),
        "handler": "index.main",
        "code": { "inline": { "index.py": pick(rng, &["one", "two", "three"]), "bootstrap": "#!/bin/sh\nexit 1\n" } },
        "memory": 128 * rng.u64(1..3),
        "timeout": rng.u8(3..9),
        "description": pick(rng, &["", "one line", "two\nlines"]),
        "tags": { "app": pick(rng, &["a", "b"]) },
        "triggers": triggers,
    });
    if rng.bool() {
        all["role"] = json!("worker");
    }
    if rng.bool() {
        all["environment"] = json!({ "LEVEL": pick(rng, &["info", "debug"]), "COUNT": rng.u8(..3).to_string() });
    }
    if rng.u8(..4) == 0 {
        all["async"] = json!({ "retries": rng.u8(..3), "max_age": 600 });
    }
    all
}

fn pick<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    of[rng.usize(..of.len())]
}
