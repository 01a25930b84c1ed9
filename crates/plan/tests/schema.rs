//! The JSON Schema against the parser: the same keys in every mapping, and the published file is current.
//! `scripts/check_schema.py` compares verdicts, with a validator that others wrote.

#![expect(clippy::unwrap_used, reason = "the set-up of a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "planning reads no files; this test is about one")]

use std::collections::BTreeSet;

use plan::source::Sources;
use plan::variables::Given;
use serde_json::Value as Json;

const PUBLISHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/schema.json");

/// A key that nobody could have meant, so that the finding lists those that there are.
const UNKNOWN: &str = "qqqqqqqqqqqqqqqqqqqqqqqq";

/// The keys that the parser says the mapping around [`UNKNOWN`] takes.
fn taken(manifest: &str) -> BTreeSet<String> {
    let mut sources = Sources::default();
    let file = sources.add("m.yaml", manifest);
    let found = plan::manifest::read(&sources, file, &Given::default()).findings;
    let finding = found.iter().find(|f| f.message.contains(UNKNOWN)).unwrap_or_else(|| panic!("{manifest}: {found:?}"));
    let list = finding.help.as_deref().unwrap().strip_prefix("it takes: ").unwrap();
    list.split(", ").map(str::to_owned).collect()
}

fn properties(schema: &Json, pointer: &str) -> BTreeSet<String> {
    let found = schema.pointer(pointer).unwrap_or_else(|| panic!("the schema has no {pointer}"));
    found["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_mapping_takes_the_keys_that_the_parser_takes() {
    let schema = plan::schema::schema();
    let function = |inner: &str| format!("stack: s1\nfunctions: {{ f1: {{ runtime: Go1, {inner} }} }}");
    let x = format!("{UNKNOWN}: 1");
    let of_function = |key: &str| format!("/definitions/function/properties/{key}");
    let mut pairs = vec![
        (String::new(), format!("stack: s1\n{x}")),
        ("/definitions/variable".to_owned(), format!("stack: s1\nvariables: {{ v: {{ {x} }} }}")),
        ("/definitions/role".to_owned(), format!("stack: s1\nroles: {{ r: {{ {x} }} }}")),
        ("/definitions/policy".to_owned(), format!("stack: s1\npolicies: {{ p: {{ {x} }} }}")),
        ("/definitions/namespace".to_owned(), format!("stack: s1\nnamespaces: {{ n1: {{ {x} }} }}")),
        ("/definitions/function".to_owned(), function(&x)),
        ("/definitions/code".to_owned(), function(&format!("code: {{ {x} }}"))),
        ("/definitions/code/properties/cos".to_owned(), function(&format!("code: {{ cos: {{ {x} }} }}"))),
        ("/definitions/code/properties/image".to_owned(), function(&format!("code: {{ image: {{ {x} }} }}"))),
        (of_function("layers/items"), function(&format!("layers: [{{ {x} }}]"))),
        (of_function("file_systems/items"), function(&format!("file_systems: [{{ {x} }}]"))),
        (of_function("websocket/anyOf/1"), function(&format!("websocket: {{ {x} }}"))),
        (
            "/definitions/httpTrigger/properties/cors".to_owned(),
            function(&format!("triggers: {{ t1: {{ type: http, cors: {{ {x} }} }} }}")),
        ),
    ];
    for key in ["vpc", "log", "dead_letter", "async", "instance_concurrency"] {
        pairs.push((of_function(key), function(&format!("{key}: {{ {x} }}"))));
    }
    let available = schema["definitions"]["trigger"]["properties"]["type"]["anyOf"][0]["enum"].as_array().unwrap();
    assert_eq!(available.len() + 1, plan::manifest::TRIGGER_TYPES.len(), "every type but cls can be made");
    for kind in available.iter().map(|k| k.as_str().unwrap()) {
        let manifest = function(&format!("triggers: {{ t1: {{ type: {kind}, {x} }} }}"));
        pairs.push((format!("/definitions/{kind}Trigger"), manifest));
    }
    for (pointer, manifest) in pairs {
        assert_eq!(properties(&schema, &pointer), taken(&manifest), "{pointer}");
    }
}

/// Every `$ref` below.
fn references<'j>(schema: &'j Json, found: &mut Vec<&'j str>) {
    match schema {
        Json::Object(members) => {
            found.extend(members.get("$ref").and_then(Json::as_str));
            members.values().for_each(|m| references(m, found));
        }
        Json::Array(items) => items.iter().for_each(|i| references(i, found)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_key_is_described() {
    let schema = plan::schema::schema();
    let mut all = Vec::new();
    references(&schema, &mut all);
    for reference in all {
        assert!(schema.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    let definitions = schema["definitions"].as_object().unwrap();
    for (name, part) in definitions.iter().map(|(n, p)| (n.as_str(), p)).chain([("manifest", &schema)]) {
        for (key, value) in part["properties"].as_object().into_iter().flatten() {
            let inherited = value["$ref"].as_str().and_then(|r| schema.pointer(r.trim_start_matches('#')));
            let told = value.get("description").or(inherited.and_then(|i| i.get("description")));
            assert!(told.is_some() || key == "type", "{name}.{key} has no description");
        }
    }
}

#[test]
fn the_published_schema_is_current() {
    let current = plan::schema::text();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PUBLISHED, &current).unwrap();
    }
    let published = std::fs::read_to_string(PUBLISHED).unwrap_or_default();
    assert!(
        published == current,
        "manifests/schema.json is stale; renew it: UPDATE=1 cargo test -p plan --test schema"
    );
}
