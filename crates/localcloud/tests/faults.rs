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
async fn gateways_hangs_and_repetitions_apply_what_they_say() {
    let gateway = |applied| Effect::Gateway { status: 504, applied, retry_after: Some(7) };
    let failed = Effect::RefuseAfter { code: "InternalError".into(), message: String::new() };
    let (cloud, client) = with(vec![
        Rule::on("CreateFunction", gateway(false)).nth(1),
        Rule::on("CreateFunction", gateway(true)).nth(2),
        Rule::on("CreateFunction", Effect::Hang { ms: 20, applied: false }).nth(3),
        Rule::on("CreateFunction", Effect::Hang { ms: 20, applied: true }).nth(4),
        Rule::on("CreateFunction", failed).nth(5),
        Rule::on("CreateFunction", Effect::Twice).nth(6),
    ])
    .await;
    let expected = [
        (Some("504"), false),
        (Some("504"), true),
        (None, false),
        (None, true),
        (Some("InternalError"), true),
        (Some("ResourceInUse.Function"), true),
    ];
    for (n, (told, applied)) in expected.into_iter().enumerate() {
        let name = format!("f{n}");
        let raw = client.sign("scf", "CreateFunction", &function(&name), now(), "content-type;host", None);
        let answer = client.send(&raw).await;
        match told {
            None => assert!(answer.is_err(), "{name}: the connection closes"),
            Some(told) => {
                let answer = answer.expect("an answer");
                let text = format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
                assert!(text.contains(told), "{name}: {text}");
            }
        }
        let there = client.scf("GetFunction", json!({"FunctionName": name})).await;
        assert_eq!(there.is_ok(), applied, "{name}");
    }
    cloud.shutdown().await;
}

#[tokio::test]
async fn answers_come_slowly_twice_or_say_something_else() {
    let rewrite = |name: &str, value: serde_json::Value, remove: &[&str]| Effect::Rewrite {
        set: [(name.to_owned(), value)].into(),
        remove: remove.iter().map(|name| (*name).to_owned()).collect(),
    };
    let (cloud, client) = with(vec![
        Rule::on("ListFunctions", Effect::Trickle { ms: 40 }).nth(1),
        Rule::on("ListFunctions", Effect::Double).nth(2),
        Rule::on("ListFunctions", Effect::Body(String::new())).nth(3),
        Rule::on("ListFunctions", Effect::Body("<html>".into())).nth(4),
        Rule::on("ListFunctions", Effect::ContentType("text/html".into())).nth(4),
        Rule::on("ListFunctions", rewrite("TotalCount", json!("many"), &["RequestId", "no.such.member"])).nth(5),
        Rule::on("ListFunctions", rewrite("Functions.0.Status", json!("Melting"), &["Functions.0.Runtime"])).nth(6),
    ])
    .await;
    client.function("hook").await;
    let raw = client.sign("scf", "ListFunctions", &json!({}), now(), "content-type;host", None);
    let plain = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).expect("JSON")["Response"].clone();
    let started = std::time::Instant::now();
    let slow = client.send(&raw).await.expect("an answer");
    assert!(started.elapsed() >= Duration::from_millis(30), "{:?}", started.elapsed());
    assert_eq!(plain(&slow.body)["TotalCount"], 1, "it arrives whole");
    let double = String::from_utf8(client.send(&raw).await.expect("an answer").body).expect("UTF-8");
    assert_eq!(double.matches("TotalCount").count(), 2);
    assert!(client.send(&raw).await.expect("an answer").body.is_empty());
    let page = client.send(&raw).await.expect("an answer");
    assert_eq!(
        (page.status, page.content_type.as_str(), page.body.as_slice()),
        (200, "text/html", b"<html>".as_slice())
    );
    assert_eq!(plain(&client.send(&raw).await.expect("an answer").body)["TotalCount"], "many");
    let row = plain(&client.send(&raw).await.expect("an answer").body)["Functions"][0].clone();
    assert_eq!(row["Status"], "Melting");
    assert!(row.get("Runtime").is_none() && row.get("FunctionName").is_some(), "{row}");
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
