//! Generated manifests as data. Names come from small pools, so that two manifests overlap: what one declares the
//! other changes, moves, renames or leaves out. JSON is YAML: a failing case prints as a manifest to be tried by hand.

use proptest::collection::{btree_map, btree_set};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value as Json, json};

/// The sensitive variable of every generated manifest, and its value.
pub(crate) const SECRET: (&str, &str) = ("secret", "canary-of-the-sensitive-variable");

/// A manifest of the stack `media`.
pub(crate) fn manifests() -> impl Strategy<Value = Json> {
    let functions = btree_map(select(vec!["ingest", "notify", "report", "web"]), function(), 0..4);
    (functions, account(), option::of(any::<Index>()), option::of(any::<Index>())).prop_map(
        |(functions, account, workflow, edits)| {
            let mut functions: Vec<(&str, Json)> = functions.into_iter().collect();
            for (event, holder) in [("WorkflowTask", workflow), ("EditMediaTask", edits)] {
                if let (Some(holder), false) = (holder, functions.is_empty()) {
                    let (_, function) = holder.get_mut(&mut functions);
                    function["triggers"][event] = json!({ "type": "mps", "event": event });
                }
            }
            let mut manifest = account;
            manifest["functions"] = Json::Object(functions.into_iter().map(|(k, v)| (k.to_owned(), v)).collect());
            manifest
        },
    )
}

/// Everything around the functions. Roles and the namespace are always declared, for functions may use them.
fn account() -> impl Strategy<Value = Json> {
    let attached = btree_set(select(vec!["QcloudCOSDataReadOnly", "QcloudSCFReadOnlyAccess"]), 0..3);
    let own = btree_map(select(vec!["invoke", "read"]), (texts(), select(vec!["scf:Invoke", "cos:GetObject"])), 0..3);
    let spare = option::of(texts());
    (texts(), attached, own, spare, tags(), any::<bool>(), select(vec![7200, 3600])).prop_map(
        |(text, attached, own, spare, tags, presets, session)| {
            let policies: Map<String, Json> = own
                .iter()
                .map(|(name, (description, action))| {
                    let statement = json!([{ "effect": "allow", "action": action, "resource": "*" }]);
                    let document = json!({ "version": "2.0", "statement": statement });
                    ((*name).to_owned(), json!({ "description": description, "document": document }))
                })
                .collect();
            let attached: Vec<&str> = attached.into_iter().chain(own.keys().copied()).collect();
            let mut roles = json!({
                "worker": {
                    "description": text, "trust": ["scf.qcloud.com"], "policies": attached, "session_duration": session,
                },
                "team": { "external": true },
            });
            if presets {
                roles["SCF_QcsRole"] = json!({ "preset": "scf" });
                roles["MPS_QcsRole"] = json!({ "preset": "mps" });
            }
            if let Some(description) = spare {
                let trust = json!({ "version": "2.0", "statement": [{
                    "effect": "allow", "action": "sts:AssumeRole", "principal": { "qcs": "qcs::cam::uin/100000000002:root" },
                    "condition": { "string_equal": { "sts:external_id": "${var.secret}" } },
                }] });
                roles["spare"] = json!({ "description": description, "trust_document": trust });
            }
            json!({
                "stack": "media", "region": "ap-beijing", "tags": tags, "roles": roles, "policies": policies,
                "variables": { SECRET.0: { "sensitive": true } },
                "namespaces": { "media": { "description": text } },
            })
        },
    )
}

fn function() -> impl Strategy<Value = Json> {
    let place = (select(vec!["ap-beijing", "ap-guangzhou"]), select(vec!["default", "media"]));
    let runs = (select(vec!["CustomRuntime", "Python3.10"]), select(vec!["one", "two"]), select(vec!["main", "other"]));
    let sizes = (select(vec![128, 256]), select(vec![3, 15]), option::of(select(vec![30, 60])));
    let role = option::of(select(vec!["worker", "team"]));
    let environment = btree_map(
        select(vec!["LEVEL", "KEY", "URL"]),
        select(vec!["info", "debug", "${var.secret}", "https://x/?key=${var.secret}"]),
        0..4,
    );
    let extras = (
        option::of(select(vec![128, 256])),
        option::of((0..3_u64, select(vec![60, 21_600]))),
        option::of(select(vec!["vpc-1", "vpc-2"])),
        proptest::collection::vec((select(vec!["ffmpeg", "fonts"]), 1..3_u64), 0..3),
        any::<bool>(),
    );
    (place, runs, sizes, role, environment, texts(), tags(), extras, triggers()).prop_map(
        |(place, runs, sizes, role, environment, description, tags, extras, triggers)| {
            let mut function = json!({
                "region": place.0, "namespace": place.1,
                "runtime": runs.0, "code": { "inline": { "index.py": runs.1 } }, "handler": format!("index.{}", runs.2),
                "memory": sizes.0, "timeout": sizes.1,
                "environment": environment, "description": description, "tags": tags, "triggers": triggers,
                "layers": extras.3.iter().map(|(n, v)| json!({ "name": n, "version": v })).collect::<Vec<_>>(),
                "public_network": extras.4,
            });
            let mut put = |key: &str, value: Option<Json>| {
                if let Some(value) = value {
                    function[key] = value;
                }
            };
            put("init_timeout", sizes.2.map(Json::from));
            put("role", role.map(Json::from));
            put("reserved_concurrency", extras.0.map(|m| json!(m * 10)));
            put("async", extras.1.map(|(retries, age)| json!({ "retries": retries, "max_age": age })));
            put("vpc", extras.2.map(|id| json!({ "id": id, "subnet": "subnet-1" })));
            function
        },
    )
}

fn triggers() -> impl Strategy<Value = Json> {
    let timer = (select(vec!["0 0 3 * * * *", "0 */5 * * * * *"]), select(vec!["", "report", "${var.secret}"]));
    let timers = btree_map(select(vec!["nightly", "often"]), (timer, texts(), any::<bool>()), 0..3);
    let cos = option::of(select(vec!["raw/", "cut/"]));
    let kafka = option::of((select(vec![1, 100]), select(vec!["latest", "earliest"])));
    let http = option::of((select(vec!["none", "cam"]), any::<bool>()));
    // As data, or as text that holds the same.
    let raw = option::of((select(vec!["one", "two"]), any::<bool>()));
    (timers, cos, kafka, http, raw).prop_map(|(timers, cos, kafka, http, raw)| {
        let mut all = json!({});
        for (name, ((cron, argument), description, enabled)) in timers {
            all[name] = json!({
                "type": "timer", "cron": cron, "argument": argument, "description": description, "enabled": enabled,
            });
        }
        if let Some(prefix) = cos {
            all["uploads"] =
                json!({ "type": "cos", "bucket": "in-1250000000", "events": "cos:ObjectCreated:*", "prefix": prefix });
        }
        if let Some((batch, offset)) = kafka {
            all["queue"] =
                json!({ "type": "ckafka", "instance": "ckafka-1", "topic": "t", "batch": batch, "offset": offset });
        }
        if let Some((auth, intranet)) = http {
            all["url"] = json!({ "type": "http", "auth": auth, "intranet": intranet });
        }
        if let Some((value, as_text)) = raw {
            let data = json!({ "value": value, "key": "${var.secret}" });
            let description = if as_text { Json::String(data.to_string()) } else { data };
            all["other"] = json!({ "type": "raw", "kind": "cmq", "name": "q", "description": description });
        }
        all
    })
}

fn texts() -> impl Strategy<Value = &'static str> {
    select(vec!["", "one line", "two\nlines", "holds ${var.secret}"])
}

fn tags() -> impl Strategy<Value = Json> {
    btree_map(select(vec!["team", "app", "a.b"]), select(vec!["media", "web", "${var.secret}"]), 0..3)
        .prop_map(|tags| json!(tags))
}
