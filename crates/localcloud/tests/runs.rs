//! Functions that really run: results, failures, logs, retries, triggers, and the WeCom stand-in.

mod support;

use std::time::Duration;

use localcloud::{LocalCloud, Options};
use serde_json::{Value, json};
use support::{BOOTSTRAP, Client, base64, start, zip};

fn code() -> Value {
    json!({"ZipFile": base64(&zip(&[("bootstrap", 0o755, BOOTSTRAP)]))})
}

async fn with(mut extra: Value) -> (LocalCloud, Client) {
    let (cloud, client) = start(Options { settle: Duration::ZERO, time_scale: 0.001, ..Options::default() }).await;
    client
        .call("cam", "CreateRole", json!({"RoleName": "run", "PolicyDocument": support::TRUST_SCF}))
        .await
        .expect("role");
    let members = json!({"FunctionName": "hook", "Runtime": "CustomRuntime", "Handler": "main", "Code": code()});
    for (member, value) in members.as_object().expect("members") {
        extra[member] = value.clone();
    }
    client.scf("CreateFunction", extra).await.expect("created");
    (cloud, client)
}

async fn invoke(client: &Client, event: &str) -> Value {
    let members = json!({"FunctionName": "hook", "Event": json!({"do": event}).to_string(), "LogType": "Tail"});
    client.scf("InvokeFunction", members).await.expect("invoked")["Result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_runs_and_its_log_has_the_platforms_lines() {
    let (cloud, client) = with(json!({})).await;
    let first = invoke(&client, "count").await;
    assert_eq!((&first["RetMsg"], &first["ErrMsg"]), (&json!(r#"{"count":1}"#), &json!("")));
    let id = first["FunctionRequestId"].as_str().expect("an id");
    let log = first["Log"].as_str().expect("a log");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines[0], format!("START RequestId:{id}"));
    assert_eq!(lines[1], "cold start", "init output joins the first log");
    assert_eq!(lines[2], r#"event 1: {"do":"count"}"#);
    assert!(log.contains(&format!("END RequestId:{id}")) && log.contains("MB MemUsage:"), "{log}");
    assert!(first["MemUsage"].as_u64().is_some_and(|bytes| bytes > 100_000), "{first}");
    let second = invoke(&client, "count").await;
    assert_eq!(second["RetMsg"], r#"{"count":2}"#, "the instance stays warm");
    let status = client
        .scf("GetRequestStatus", json!({"FunctionName": "hook", "FunctionRequestId": second["FunctionRequestId"]}))
        .await
        .expect("a status");
    assert_eq!(status["Data"][0]["RetCode"], 0);
    let logs = client.scf("GetFunctionLogs", json!({"FunctionName": "hook"})).await.expect("logs");
    assert_eq!(logs["TotalCount"], 2);
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_apart_and_the_next_event_gets_a_fresh_instance() {
    let (cloud, client) = with(json!({"Timeout": 1})).await;
    for (event, expected) in [
        ("fail", "it went wrong"),
        ("crash", "crashed with signal 11"),
        ("leave", "exited with code 3"),
        ("hang", "timed out after 1 seconds"),
    ] {
        let result = invoke(&client, event).await;
        let told = result["ErrMsg"].as_str().expect("a message");
        assert!(told.contains(expected), "{event}: {told}");
        assert_eq!(result["InvokeResult"], 1);
        assert_eq!(invoke(&client, "count").await["InvokeResult"], 0, "after {event}");
    }
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_beyond_the_limit_ends_the_instance() {
    let (cloud, client) = with(json!({"MemorySize": 64, "Timeout": 20})).await;
    let result = invoke(&client, "grow").await;
    assert!(result["ErrMsg"].as_str().is_some_and(|told| told.contains("more than 64 MB")), "{result}");
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_does_not_get_ready_says_why() {
    for (mode, expected) in
        [("gone", "exited with code 7"), ("never-ready", "initialization timed out after 3 seconds")]
    {
        let (cloud, client) =
            with(json!({"InitTimeout": 3, "Environment": {"Variables": [{"Key": "MODE", "Value": mode}]}})).await;
        let result = invoke(&client, "count").await;
        assert!(result["ErrMsg"].as_str().is_some_and(|told| told.contains(expected)), "{result}");
        cloud.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_sees_the_documented_environment_and_credentials_of_its_role() {
    let (cloud, client) = with(json!({"Role": "run"})).await;
    assert_eq!(invoke(&client, "who").await["RetMsg"], "\"hook ap-beijing main role\"");
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_at_the_same_time_get_instances_of_their_own_up_to_the_reservation() {
    let (cloud, client) = with(json!({})).await;
    let (one, two) = tokio::join!(invoke(&client, "wait"), invoke(&client, "wait"));
    assert_eq!((&one["RetMsg"], &two["RetMsg"]), (&json!("\"waited\""), &json!("\"waited\"")));
    let reserve = json!({"FunctionName": "hook", "ReservedConcurrencyMem": 0});
    client.scf("PutReservedConcurrencyConfig", reserve).await.expect("reserved");
    client.scf("UpdateFunctionConfiguration", json!({"FunctionName": "hook"})).await.expect("a new revision");
    let refused = invoke(&client, "count").await;
    assert!(refused["ErrMsg"].as_str().is_some_and(|told| told.contains("0 instances")), "{refused}");
    cloud.shutdown().await;
}

/// Waits until the function has so many finished runs of one event, and answers their rows, oldest first.
async fn finished(client: &Client, id: &Value, count: usize) -> Vec<Value> {
    loop {
        let logs = client
            .scf("GetFunctionLogs", json!({"FunctionName": "hook", "FunctionRequestId": id, "Order": "asc"}))
            .await
            .expect("logs");
        let rows: Vec<Value> =
            logs["Data"].as_array().expect("rows").iter().filter(|row| row["InvokeFinished"] == 1).cloned().collect();
        if rows.len() >= count {
            return rows;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asynchronous_failure_is_tried_again_as_often_as_set_under_the_same_id() {
    let (cloud, client) = with(json!({})).await;
    let retries = async |count: i64| {
        let config = json!({"RetryConfig": [{"RetryNum": count}], "MsgTTL": 21_600});
        let members = json!({"FunctionName": "hook", "AsyncTriggerConfig": config});
        client.scf("UpdateFunctionEventInvokeConfig", members).await.expect("set");
    };
    let failing = async || {
        let members = json!({"FunctionName": "hook", "InvocationType": "Event", "ClientContext": r#"{"do":"fail"}"#});
        let result = client.scf("Invoke", members).await.expect("accepted")["Result"].clone();
        assert_eq!(result["RetMsg"], "");
        result["FunctionRequestId"].clone()
    };
    retries(0).await;
    let never = failing().await;
    finished(&client, &never, 1).await;
    retries(2).await;
    let twice = failing().await;
    let rows = finished(&client, &twice, 3).await;
    let attempts: Vec<i64> = rows.iter().map(|row| row["RetryNum"].as_i64().expect("a number")).collect();
    assert_eq!(attempts, [0, 1, 2]);
    // The first event's second attempt would have come before the later event's third.
    assert_eq!(finished(&client, &never, 1).await.len(), 1);
    let large = json!({"FunctionName": "hook", "InvocationType": "Event", "ClientContext": json!("x".repeat(132_000)).to_string()});
    assert_eq!(client.code("scf", "Invoke", large).await, "InvalidParameter.Payload");
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mps_event_reaches_the_bound_function_and_its_message_the_group() {
    let (cloud, client) = start(Options { settle: Duration::ZERO, ..Options::default() }).await;
    let members = json!({"FunctionName": "hook", "Runtime": "CustomRuntime", "Code": code(),
        "Environment": {"Variables": [{"Key": "WECOM_HOST", "Value": cloud.address().to_string()}]}});
    client.scf("CreateFunction", members).await.expect("created");
    let event = json!({"EventType": "WorkflowTask", "WorkflowTaskEvent": {"TaskId": "tell", "Status": "FINISH"}});
    let unbound = cloud.send_mps_event(&event).await.expect_err("nobody is bound");
    assert_eq!(unbound.code, "ResourceNotFound");
    let bind = json!({"ScfRegion": "ap-beijing", "EventType": "WorkflowTask", "FunctionName": "hook"});
    client.call("mps", "BindTrigger", bind).await.expect("bound");
    let posted =
        support::exchange(cloud.address(), "POST", "/_local/mps-events", &[], event.to_string().as_bytes()).await;
    let id = support::outcome(&posted.expect("an answer").body).expect("delivered")["FunctionRequestId"].clone();
    assert_eq!(finished(&client, &id, 1).await[0]["RetMsg"], "\"told\"");
    let messages = cloud.wecom_messages();
    assert_eq!((messages.len(), messages[0].key.as_str(), messages[0].content.as_str()), (1, "group-1", "task done"));
    let listed =
        support::exchange(cloud.address(), "GET", "/_local/wecom-messages", &[], b"").await.expect("an answer");
    assert!(String::from_utf8_lossy(&listed.body).contains("task done"));
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_fires_with_its_argument() {
    let (cloud, client) = with(json!({})).await;
    let timer = json!({"FunctionName": "hook", "TriggerName": "often", "Type": "timer", "TriggerDesc": "* * * * * * *",
        "Qualifier": "$DEFAULT", "Enable": "OPEN", "CustomArgument": "report"});
    client.scf("CreateTrigger", timer).await.expect("created");
    let row = loop {
        let logs = client.scf("GetFunctionLogs", json!({"FunctionName": "hook"})).await.expect("logs");
        match logs["Data"].as_array().expect("rows").iter().find(|row| row["InvokeFinished"] == 1) {
            Some(row) => break row.clone(),
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let log = row["Log"].as_str().expect("a log");
    assert!(log.contains(r#""Message":"report""#) && log.contains(r#""TriggerName":"often""#), "{log}");
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_code_runs_at_the_next_event_and_a_version_keeps_its_own() {
    let (cloud, client) = with(json!({})).await;
    client.scf("PublishVersion", json!({"FunctionName": "hook"})).await.expect("published");
    assert_eq!(invoke(&client, "count").await["RetMsg"], r#"{"count":1}"#);
    let other = BOOTSTRAP.replace("{\\\"count\\\":$count}", "\\\"new\\\"");
    let other = json!({"FunctionName": "hook", "Code": {"ZipFile": base64(&zip(&[("bootstrap", 0o755, &other)]))}});
    client.scf("UpdateFunctionCode", other).await.expect("updated");
    assert_eq!(invoke(&client, "count").await["RetMsg"], "\"new\"");
    let old = json!({"FunctionName": "hook", "Qualifier": "1", "Event": "{}"});
    assert_eq!(client.scf("InvokeFunction", old).await.expect("invoked")["Result"]["RetMsg"], r#"{"count":1}"#);
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_and_node_handlers_run_where_their_programs_are() {
    let (cloud, client) = start(Options { settle: Duration::ZERO, ..Options::default() }).await;
    let python = "def main_handler(event, context):\n    print('seen', event['n'])\n    return {'n': event['n'] + 1}\n";
    let node = "exports.main_handler = async (event) => ({ n: event.n + 1 });\n";
    for (name, runtime, program, file, text) in
        [("py", "Python3.10", "python3", "index.py", python), ("js", "Nodejs18.15", "node", "index.js", node)]
    {
        if std::process::Command::new(program).arg("--version").output().is_err() {
            eprintln!("SKIPPED: {program} is not on the PATH");
            continue;
        }
        let zip = base64(&zip(&[(file, 0o644, text)]));
        let members = json!({"FunctionName": name, "Runtime": runtime, "Handler": "index.main_handler", "Timeout": 20,
            "Code": {"ZipFile": zip}});
        client.scf("CreateFunction", members).await.expect("created");
        let result = client
            .scf("InvokeFunction", json!({"FunctionName": name, "Event": r#"{"n":1}"#, "LogType": "Tail"}))
            .await
            .expect("invoked");
        let told = result["Result"]["RetMsg"].as_str().expect("a text");
        let told: Value = serde_json::from_str(told).unwrap_or_else(|_| panic!("{result}"));
        assert_eq!(told, json!({"n": 2}), "{result}");
    }
    cloud.shutdown().await;
}
