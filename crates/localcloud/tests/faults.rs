//! Faults and rates, as a client meets them.

mod support;

use std::time::Duration;

use localcloud::{Effect, Faults, Options, Rule};
use serde_json::json;
use support::{Client, function, now, start};

async fn with(rules: Vec<Rule>) -> (localcloud::LocalCloud, Client) {
    start(Options { faults: Some(Faults::new(rules)), settle: Duration::ZERO, ..Options::default() }).await
}

#[tokio::test]
async fn a_lost_answer_is_applied_and_a_dropped_request_is_not() {
    let (cloud, client) = with(vec![
        Rule::on("CreateFunction", Effect::LoseAnswer).nth(1),
        Rule::on("CreateFunction", Effect::DropBefore).nth(2),
        Rule::on("CreateFunction", Effect::Truncate).nth(3),
    ])
    .await;
    for (name, applied) in [("lost", true), ("dropped", false), ("cut", true)] {
        let raw = client.sign("scf", "CreateFunction", &function(name), now(), "content-type;host", None);
        assert!(client.send(&raw).await.is_err(), "{name}: no whole answer arrives");
        let there = client.scf("GetFunction", json!({"FunctionName": name})).await;
        assert_eq!(there.is_ok(), applied, "{name}");
    }
    assert_eq!(cloud.calls()[0].outcome, "lost");
    cloud.shutdown().await;
}

#[tokio::test]
async fn refusals_statuses_and_content_types_are_played_as_asked() {
    let (cloud, client) = with(vec![
        Rule::on("GetAccount", Effect::Throttle).nth(1),
        Rule::on("GetAccount", Effect::Refuse { code: "InternalError".into(), message: "later".into() }).nth(2),
        Rule::on("GetAccount", Effect::HttpStatus(502)).nth(3),
        Rule::on("GetAccount", Effect::ContentType("application/json; charset=utf-8".into())).nth(4),
    ])
    .await;
    assert_eq!(client.code("scf", "GetAccount", json!({})).await, "RequestLimitExceeded");
    assert_eq!(client.code("scf", "GetAccount", json!({})).await, "InternalError");
    let raw = client.sign("scf", "GetAccount", &json!({}), now(), "content-type;host", None);
    assert_eq!(client.send(&raw).await.expect("an answer").status, 502);
    assert_eq!(client.send(&raw).await.expect("an answer").content_type, "application/json; charset=utf-8");
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_stale_read_shows_the_state_before_the_latest_write() {
    let (cloud, client) = with(vec![Rule::on("GetFunction", Effect::Stale).nth(2)]).await;
    client.scf("CreateFunction", function("hook")).await.expect("created");
    client.scf("GetFunction", json!({"FunctionName": "hook"})).await.expect("there");
    assert_eq!(client.code("scf", "GetFunction", json!({"FunctionName": "hook"})).await, "ResourceNotFound.Function");
    client.scf("GetFunction", json!({"FunctionName": "hook"})).await.expect("there again");
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_status_stays_pending_for_the_reads_asked() {
    let (cloud, client) = with(vec![Rule::on("CreateFunction", Effect::StayPending { reads: 3, ms: 0 })]).await;
    client.scf("CreateFunction", function("hook")).await.expect("created");
    let mut seen = Vec::new();
    for _ in 0..4 {
        let answer = client.scf("GetFunction", json!({"FunctionName": "hook"})).await.expect("there");
        seen.push(answer["Status"].as_str().expect("a status").to_owned());
    }
    assert_eq!(seen, ["Creating", "Creating", "Creating", "Active"]);
    cloud.shutdown().await;
}

#[tokio::test]
async fn tags_of_create_function_can_be_overlooked_as_some_report() {
    let (cloud, client) = with(vec![Rule::on("CreateFunction", Effect::Ignore { members: vec!["Tags".into()] })]).await;
    let mut members = function("hook");
    members["Tags"] = json!([{"Key": "a", "Value": "1"}]);
    client.scf("CreateFunction", members).await.expect("created");
    assert_eq!(client.settled("hook").await["Tags"], json!([]));
    cloud.shutdown().await;
}

#[tokio::test]
async fn documented_rates_hold_when_asked_for() {
    let (cloud, client) = start(Options { rates: true, ..Options::default() }).await;
    let mut codes = Vec::new();
    for index in 0..3 {
        let members = json!({"RoleName": format!("r{index}"), "PolicyDocument": support::TRUST_SCF});
        codes.push(client.call("cam", "CreateRole", members).await.err().map(|(code, _)| code));
    }
    assert_eq!(codes, [None, None, Some("RequestLimitExceeded".to_owned())]);
    cloud.shutdown().await;
}
