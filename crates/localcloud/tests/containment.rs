//! Functions that misbehave: each is ended, says why in its answer and its log, and leaves nobody behind.

mod support;

use std::time::Duration;

use localcloud::{LocalCloud, Options};
use serde_json::{Value, json};
use support::{BOOTSTRAP, Client, base64, is_running, start, token, wait_running, zip};

async fn with(extra: Value) -> (LocalCloud, Client) {
    let (cloud, client) = start(Options { settle: Duration::ZERO, ..Options::default() }).await;
    create(&client, extra).await;
    (cloud, client)
}

async fn create(client: &Client, mut members: Value) {
    members["FunctionName"] = "hook".into();
    members["Runtime"] = "CustomRuntime".into();
    members["Code"] = json!({"ZipFile": base64(&zip(&[("bootstrap", 0o755, BOOTSTRAP)]))});
    client.scf("CreateFunction", members).await.expect("created");
}

async fn invoke(client: &Client, event: &str) -> Value {
    let members = json!({"FunctionName": "hook", "Event": json!({"do": event}).to_string()});
    client.scf("InvokeFunction", members).await.expect("invoked")["Result"].clone()
}

/// Runs the event, which must fail for this reason, in the answer as in the log; then another, which must not.
async fn fails(client: &Client, event: &str, expected: &str) {
    let result = invoke(client, event).await;
    assert!(result["ErrMsg"].as_str().is_some_and(|told| told.contains(expected)), "{result}");
    let id = &result["FunctionRequestId"];
    let logs = client.scf("GetFunctionLogs", json!({"FunctionName": "hook", "FunctionRequestId": id})).await;
    let log = logs.expect("logs")["Data"][0]["Log"].as_str().expect("a log").to_owned();
    let line = log.lines().find(|line| line.starts_with("ERROR RequestId:")).expect("an error line");
    assert!(line.contains(expected), "{line}");
    assert_eq!(invoke(client, "count").await["InvokeResult"], 0, "after {event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_loops_is_ended_at_its_timeout() {
    let (cloud, client) = with(json!({"Timeout": 1})).await;
    fails(&client, "spin", "timed out after 1 seconds").await;
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_crashes_is_told_from_one_that_exits() {
    let (cloud, client) = with(json!({"Timeout": 20})).await;
    fails(&client, "crash", "it crashed with signal 11").await;
    fails(&client, "leave", "it exited with code 3").await;
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_writes_ten_megabytes_still_answers_and_its_log_says_that_it_was_cut() {
    let (cloud, client) = with(json!({"Timeout": 60})).await;
    let result = invoke(&client, "loud").await;
    assert_eq!(result["RetMsg"], "\"said\"", "{result}");
    let logs = client.scf("GetFunctionLogs", json!({"FunctionName": "hook"})).await.expect("logs");
    let log = logs["Data"][0]["Log"].as_str().expect("a log");
    assert!(log.contains("cut this log") && log.contains("\n0123456789abcdef"));
    assert!(log.len() < 1_100_000 && log.lines().count() < 5010, "{} bytes", log.len());
    assert!(!invoke(&client, "count").await["RetMsg"].is_null(), "the next event has a log of its own");
    let logs = client.scf("GetFunctionLogs", json!({"FunctionName": "hook", "Limit": 1})).await.expect("logs");
    assert!(logs["Data"][0]["Log"].as_str().is_some_and(|log| !log.contains("cut this log")), "{logs}");
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn children_die_with_their_function_even_those_that_left_its_group() {
    let (cloud, client) = with(json!({"Timeout": 2})).await;
    let number = token();
    let event = format!("fork {number}");
    let (result, ()) = tokio::join!(invoke(&client, &event), wait_running(&number, true));
    assert!(result["ErrMsg"].as_str().is_some_and(|told| told.contains("timed out")), "{result}");
    wait_running(&number, false).await;
    cloud.shutdown().await;
}

/// Starts a function that forks, as an asynchronous event.
async fn forked(client: &Client) -> String {
    let number = token();
    let event = json!({"do": format!("fork {number}")}).to_string();
    let members = json!({"FunctionName": "hook", "InvocationType": "Event", "ClientContext": event});
    client.scf("Invoke", members).await.expect("accepted");
    wait_running(&number, true).await;
    number
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_or_dropping_the_cloud_leaves_no_child() {
    let (cloud, client) = with(json!({"Timeout": 60})).await;
    let number = forked(&client).await;
    cloud.shutdown().await;
    wait_running(&number, false).await;
    let (cloud, client) = with(json!({"Timeout": 60})).await;
    let number = forked(&client).await;
    drop(cloud);
    wait_running(&number, false).await;
}

#[test]
fn a_runtime_that_ends_with_its_cloud_leaves_no_child() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (cloud, number) = runtime.block_on(async {
        let (cloud, client) = with(json!({"Timeout": 60})).await;
        let number = forked(&client).await;
        (cloud, number)
    });
    drop(cloud);
    drop(runtime);
    while is_running(&number) {
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_of_children_counts() {
    let (cloud, client) = with(json!({"MemorySize": 64, "Timeout": 60})).await;
    fails(&client, "feed", "more than 64 MB of memory").await;
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_may_not_fill_the_process_table() {
    let (cloud, client) = with(json!({"MemorySize": 3072, "Timeout": 60})).await;
    fails(&client, "crowd", "more than 1024 processes and threads").await;
    cloud.shutdown().await;
}
