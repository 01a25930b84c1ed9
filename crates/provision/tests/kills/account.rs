//! What stands in an account, as the API itself tells it: read with calls of the tests' own, so that no spelling of
//! ours hides a difference. Two runs that end alike have equal accounts.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value as Json, json};
use tencentcloud::{Action, Effect, Service, cam, scf};

use crate::support::Cloud;

/// Objects by name.
pub(crate) type Account = BTreeMap<String, Json>;

/// What differs between two runs that end alike.
const ACCIDENTAL: [&str; 10] = [
    "RequestId",
    "ModTime",
    "AddTime",
    "FunctionId",
    "PolicyId",
    "RoleId",
    "RoleArn",
    "UpdateTime",
    "CreateTime",
    "CodeResult",
];

/// A call with these members, whose answer is taken as it is.
macro_rules! raw {
    ($name:ident, $service:ident) => {
        #[derive(Serialize)]
        struct $name(Json);

        impl Action for $name {
            const SERVICE: Service = Service::$service;
            const NAME: &'static str = stringify!($name);
            const EFFECT: Effect = Effect::Read;
            type Response = Json;
        }
    };
}
raw!(GetFunction, Scf);
raw!(GetFunctionEventInvokeConfig, Scf);
raw!(ListNamespaces, Scf);
raw!(GetRole, Cam);
raw!(GetPolicy, Cam);
raw!(ListPolicies, Cam);
raw!(ListAttachedRolePolicies, Cam);

/// Everything in the account, without what two runs can never share.
pub(crate) fn read(cloud: &Cloud) -> Account {
    let mut all = read_exactly(cloud);
    all.values_mut().for_each(plain);
    all
}

/// The first member that differs between two accounts, in words.
pub(crate) fn difference(ends: &Account, wanted: &Account) -> Option<String> {
    for name in ends.keys().chain(wanted.keys()) {
        let (Some(one), Some(other)) = (ends.get(name), wanted.get(name)) else {
            return Some(format!("{name} {}", if ends.contains_key(name) { "too much" } else { "missing" }));
        };
        let members = |object: &Json| object.as_object().cloned().unwrap_or_default();
        let (mut one, other) = (members(one), members(other));
        one.retain(|member, value| other.get(member) != Some(&*value));
        if let Some((member, value)) = one.into_iter().next() {
            let wanted = other.get(&member).cloned().unwrap_or_default();
            return Some(format!("{name}: {member} = {value}, undisturbed {wanted}"));
        }
    }
    None
}

/// Everything in the account, times and ids included.
pub(crate) fn read_exactly(cloud: &Cloud) -> Account {
    let mut all = Account::new();
    for space in cloud.call(&ListNamespaces(json!({})))["Namespaces"].as_array().into_iter().flatten() {
        all.insert(format!("namespace {}", space["Name"]), json!({ "Description": space["Description"] }));
    }
    for place in cloud.functions() {
        let (namespace, name) = place.split_once('/').expect("namespace/name");
        let which = json!({ "FunctionName": name, "Namespace": namespace });
        let mut function = cloud.call(&GetFunction(which.clone()));
        function["Asynchronous"] = cloud.call(&GetFunctionEventInvokeConfig(which))["AsyncTriggerConfig"].take();
        all.insert(format!("function {place}"), function);
    }
    let (roles, _) = cloud.roles_and_policies();
    for role in roles {
        let mut found = cloud.call(&GetRole(json!({ "RoleName": role })));
        let attached = json!({ "RoleName": role, "Page": 1, "Rp": 200 });
        let mut names: Vec<Json> = cloud.call(&ListAttachedRolePolicies(attached))["List"]
            .as_array_mut()
            .map(|rows| rows.iter_mut().map(|row| row["PolicyName"].take()).collect())
            .unwrap_or_default();
        names.sort_by_key(ToString::to_string);
        found["Attached"] = names.into();
        all.insert(format!("role {role}"), found);
    }
    let own = cloud.call(&ListPolicies(json!({ "Scope": "Local", "Page": 1, "Rp": 200 })));
    for row in own["List"].as_array().into_iter().flatten() {
        let mut policy = cloud.call(&GetPolicy(json!({ "PolicyId": row["PolicyId"] })));
        policy.as_object_mut().expect("an answer").remove("RequestId");
        all.insert(format!("policy {}", row["PolicyName"]), policy);
    }
    for object in all.values_mut().filter_map(Json::as_object_mut) {
        object.remove("RequestId");
    }
    all
}

/// Takes out what is accidental, and brings lists without an order into one.
fn plain(value: &mut Json) {
    match value {
        Json::Object(members) => {
            match members.get("Type").and_then(Json::as_str) {
                // The server names these, and the addresses of the former follow from the name.
                Some("http") => members.retain(|name, _| ["Type", "Qualifier", "Enable"].contains(&name.as_str())),
                Some("mps") => drop(members.remove("TriggerName")),
                _ => {}
            }
            members.retain(|name, _| !ACCIDENTAL.contains(&name.as_str()));
            if let Some(Json::String(description)) = members.get_mut("Description") {
                without_last_digest(description);
            }
            members.values_mut().for_each(plain);
        }
        Json::Array(items) => {
            items.iter_mut().for_each(plain);
            items.sort_by_key(ToString::to_string);
        }
        _ => {}
    }
}

/// Takes the digest of the settings out of the line `provision.1.M.C.A`. A run killed after the last setting and before
/// the line leaves the older digest: nothing is left to do, but the next difference is said to have both causes.
fn without_last_digest(description: &mut String) {
    let line = description.rfind("provision.1.").unwrap_or(description.len());
    if description[line..].matches('.').count() == 4
        && let Some(last) = description.rfind('.')
    {
        description.truncate(last);
    }
}

/// Makes objects of somebody else in the account.
pub(crate) fn make_foreign(cloud: &Cloud) {
    cloud.call(&scf::CreateFunction {
        function_name: "theirs".to_owned(),
        runtime: Some("CustomRuntime".to_owned()),
        handler: Some("index.main".to_owned()),
        code: scf::Code { demo_id: Some("theirs".to_owned()), ..Default::default() },
        description: Some("made in the console".to_owned()),
        ..Default::default()
    });
    while cloud.call(&GetFunction(json!({ "FunctionName": "theirs" })))["Status"] != "Active" {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    cloud.call(&scf::CreateTrigger {
        function_name: "theirs".to_owned(),
        trigger_name: "nightly".to_owned(),
        r#type: "timer".to_owned(),
        trigger_desc: Some(r#"{"cron":"0 0 1 * * * *"}"#.to_owned()),
        ..Default::default()
    });
    let document = r#"{"version":"2.0","statement":[{"effect":"allow","action":"scf:*","resource":"*"}]}"#;
    cloud.call(&cam::CreatePolicy {
        policy_name: "theirs".to_owned(),
        policy_document: document.to_owned(),
        ..Default::default()
    });
    let trust = r#"{"version":"2.0","statement":[{"action":"name/sts:AssumeRole","effect":"allow","principal":{"service":["scf.qcloud.com"]}}]}"#;
    cloud.call(&cam::CreateRole {
        role_name: "theirs".to_owned(),
        policy_document: trust.to_owned(),
        ..Default::default()
    });
}

/// What somebody else made, to the last member.
pub(crate) fn foreign(cloud: &Cloud) -> Account {
    let mut all = read_exactly(cloud);
    all.retain(|name, _| name.contains("theirs"));
    all
}
