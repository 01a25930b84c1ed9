//! Triggers and MPS bindings over real HTTP.

mod support;

use std::time::Duration;

use localcloud::{LocalCloud, Options};
use serde_json::{Value, json};
use support::{Client, start};

async fn with_function() -> (LocalCloud, Client) {
    let (cloud, client) = start(Options { settle: Duration::ZERO, ..Options::default() }).await;
    client.function("hook").await;
    (cloud, client)
}

fn trigger(kind: &str, name: &str, desc: &str) -> Value {
    json!({"FunctionName": "hook", "Type": kind, "TriggerName": name, "TriggerDesc": desc, "Qualifier": "$DEFAULT",
        "Enable": "OPEN"})
}

async fn listed(client: &Client) -> Vec<Value> {
    let answer = client.scf("ListTriggers", json!({"FunctionName": "hook"})).await.expect("triggers");
    answer["Triggers"].as_array().expect("rows").clone()
}

#[tokio::test]
async fn a_timer_comes_back_as_json_and_is_changed_in_place() {
    let (cloud, client) = with_function().await;
    let made = client.scf("CreateTrigger", trigger("timer", "nightly", "0 3 * * *")).await.expect("created");
    assert_eq!(made["TriggerInfo"]["TriggerDesc"], r#"{"cron":"0 0 3 * * * *"}"#);
    assert_eq!(made["TriggerInfo"]["Enable"], 1);
    assert_eq!(
        client.code("scf", "CreateTrigger", trigger("timer", "nightly", "0 4 * * *")).await,
        "ResourceInUse.TriggerName"
    );
    assert_eq!(
        client.code("scf", "CreateTrigger", trigger("timer", "t2", "whenever")).await,
        "InvalidParameterValue.TriggerDesc"
    );
    let mut update = trigger("timer", "nightly", "0 0 4 * * * *");
    update["CustomArgument"] = "report".into();
    client.scf("UpdateTrigger", update).await.expect("changed");
    let row = &listed(&client).await[0];
    assert_eq!(
        (&row["TriggerDesc"], &row["CustomArgument"]),
        (&json!(r#"{"cron":"0 0 4 * * * *"}"#), &json!("report"))
    );
    let status = json!({"FunctionName": "hook", "Type": "timer", "TriggerName": "nightly", "Qualifier": "$DEFAULT", "Enable": "CLOSE"});
    client.scf("UpdateTriggerStatus", status.clone()).await.expect("switched off");
    assert_eq!(client.code("scf", "UpdateTriggerStatus", status).await, "FailedOperation.UpdateTriggerStatus");
    let mut delete = json!({"FunctionName": "hook", "Type": "timer", "TriggerName": "nightly"});
    assert_eq!(
        client.code("scf", "DeleteTrigger", delete.clone()).await,
        "ResourceNotFound.Trigger",
        "the qualifier defaults to $LATEST"
    );
    delete["Qualifier"] = "$DEFAULT".into();
    client.scf("DeleteTrigger", delete).await.expect("deleted");
    assert_eq!(listed(&client).await, Vec::<Value>::new());
    cloud.shutdown().await;
}

#[tokio::test]
async fn cos_triggers_share_a_bucket_unless_their_rules_overlap() {
    let (cloud, client) = with_function().await;
    let bucket = "in-1250000000.cos.ap-beijing.myqcloud.com";
    let rule =
        |prefix: &str| format!(r#"{{"event":"cos:ObjectCreated:*","filter":{{"Prefix":"{prefix}","Suffix":""}}}}"#);
    client.scf("CreateTrigger", trigger("cos", bucket, &rule("raw/"))).await.expect("created");
    client.scf("CreateTrigger", trigger("cos", bucket, &rule("new/"))).await.expect("another prefix");
    assert_eq!(client.code("scf", "CreateTrigger", trigger("cos", bucket, &rule("raw/a"))).await, "ResourceInUse.Cos");
    client.function("other").await;
    let mut elsewhere = trigger("cos", bucket, &rule(""));
    elsewhere["FunctionName"] = "other".into();
    assert_eq!(client.code("scf", "CreateTrigger", elsewhere).await, "InvalidParameterValue.CosNotifyRuleConflict");
    let rows = listed(&client).await;
    assert!(
        rows.iter().all(|row| row["TriggerDesc"].as_str().is_some_and(|desc| desc.starts_with(r#"{"bucketUrl":"in-"#)))
    );
    client.scf("DeleteTrigger", trigger_named(&rows[0])).await.expect("deleted by its echo");
    assert_eq!(listed(&client).await.len(), 1);
    cloud.shutdown().await;
}

/// DeleteTrigger's members, echoing a listed trigger.
fn trigger_named(row: &Value) -> Value {
    json!({"FunctionName": "hook", "Type": row["Type"], "TriggerName": row["TriggerName"],
        "TriggerDesc": row["TriggerDesc"], "Qualifier": row["Qualifier"]})
}

#[tokio::test]
async fn a_function_url_gets_its_name_from_the_server_and_there_is_one_per_qualifier() {
    let (cloud, client) = with_function().await;
    let desc = r#"{"AuthType":"NONE","NetConfig":{"EnableIntranet":false,"EnableExtranet":true}}"#;
    let made = client.scf("CreateTrigger", trigger("http", "mine", desc)).await.expect("created");
    assert_ne!(made["TriggerInfo"]["TriggerName"], "mine");
    assert_eq!(client.code("scf", "CreateTrigger", trigger("http", "other", desc)).await, "ResourceInUse.Trigger");
    cloud.shutdown().await;
}

#[tokio::test]
async fn ten_triggers_of_a_type_fit_and_no_more() {
    let (cloud, client) = with_function().await;
    for index in 0..10 {
        client.scf("CreateTrigger", trigger("timer", &format!("t{index}"), "0 3 * * *")).await.expect("created");
    }
    assert_eq!(
        client.code("scf", "CreateTrigger", trigger("timer", "t10", "0 3 * * *")).await,
        "LimitExceeded.Trigger"
    );
    assert_eq!(
        client.scf("ListTriggers", json!({"FunctionName": "hook", "Limit": 3})).await.expect("a page")["TotalCount"],
        10
    );
    cloud.shutdown().await;
}

fn bind(function: &str, event: &str) -> Value {
    json!({"ScfRegion": "ap-beijing", "EventType": event, "Qualifier": "$DEFAULT", "FunctionName": function,
        "Namespace": "default"})
}

#[tokio::test]
async fn an_mps_event_type_is_held_by_one_function_of_the_account() {
    let (cloud, client) = with_function().await;
    client.function("other").await;
    let bound = client.call("mps", "BindTrigger", bind("hook", "WorkflowTask")).await.expect("bound");
    let resource = bound["ResourceId"].as_str().expect("a resource").to_owned();
    assert!(resource.ends_with("TriggerType/WorkflowTaskEvent"), "{resource}");
    client.call("mps", "BindTrigger", bind("hook", "WorkflowTask")).await.expect("binding again changes nothing");
    let refused = client.call("mps", "BindTrigger", bind("other", "WorkflowTask")).await.expect_err("held");
    assert_eq!(refused.0, "ResourceInUse.Trigger");
    assert!(refused.1.contains("hook"), "the refusal names the holder: {}", refused.1);
    client.call("mps", "BindTrigger", bind("other", "EditMediaTask")).await.expect("the other event type is free");
    assert_eq!(client.code("mps", "BindTrigger", bind("hook", "ScheduleTask")).await, "InvalidParameterValue");
    assert_eq!(client.code("mps", "BindTrigger", bind("gone", "WorkflowTask")).await, "ResourceNotFound.Function");

    let rows = listed(&client).await;
    assert_eq!(
        (&rows[0]["Type"], &rows[0]["BindStatus"], &rows[0]["ResourceId"]),
        (&json!("mps"), &json!("on"), &json!(resource))
    );
    let detail = client.scf("GetFunction", json!({"FunctionName": "hook"})).await.expect("the function");
    assert_eq!(detail["Triggers"][0]["Type"], "mps");

    let unbind = json!({"Type": "mps", "Qualifier": "$DEFAULT", "FunctionName": "hook", "Namespace": "default", "ResourceId": resource});
    client.call("mps", "UnbindTrigger", unbind).await.expect("unbound");
    let off = listed(&client).await;
    assert_eq!(off[0]["BindStatus"], "off");
    client.call("mps", "BindTrigger", bind("other", "WorkflowTask")).await.expect("free now");

    let mut wrong = trigger_named(&off[0]);
    wrong["TriggerDesc"] = "{}".into();
    assert_eq!(client.code("scf", "DeleteTrigger", wrong).await, "ResourceNotFound.Trigger");
    client.scf("DeleteTrigger", trigger_named(&off[0])).await.expect("deleted by its echo");
    assert_eq!(listed(&client).await, Vec::<Value>::new());
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_binding_outlives_its_function_until_it_is_unbound() {
    let (cloud, client) = with_function().await;
    client.function("other").await;
    let bound = client.call("mps", "BindTrigger", bind("hook", "WorkflowTask")).await.expect("bound");
    client.scf("DeleteFunction", json!({"FunctionName": "hook"})).await.expect("deleted");
    assert_eq!(client.code("scf", "GetFunction", json!({"FunctionName": "hook"})).await, "ResourceNotFound.Function");
    assert_eq!(client.code("mps", "BindTrigger", bind("other", "WorkflowTask")).await, "ResourceInUse.Trigger");
    let unbind = json!({"Type": "mps", "Qualifier": "$DEFAULT", "FunctionName": "hook", "Namespace": "default", "ResourceId": bound["ResourceId"]});
    client.call("mps", "UnbindTrigger", unbind).await.expect("unbound");
    client.call("mps", "BindTrigger", bind("other", "WorkflowTask")).await.expect("free now");
    cloud.shutdown().await;
}
