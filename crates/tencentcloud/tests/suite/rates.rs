//! The client against a server that enforces a rate: nobody fails, and after the first burst nobody is refused.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;
use tencentcloud::{Client, Outcome, RateMode, cam, scf, tag};

use crate::support::{Reply, Server, recorded};

/// A server that lets `rate` calls through in any second.
async fn limited(rate: usize) -> Server {
    let passed = Mutex::new(VecDeque::new());
    Server::start(move |_, _| {
        let mut passed = passed.lock().expect("times");
        let now = Instant::now();
        while passed.front().is_some_and(|first| now - *first >= Duration::from_secs(1)) {
            passed.pop_front();
        }
        if passed.len() >= rate {
            return Reply::Refuse("RequestLimitExceeded");
        }
        passed.push_back(now);
        Reply::Response(json!({ "FunctionName": "f", "Status": "Active" }))
    })
    .await
}

async fn get_functions(client: &Client, count: usize) {
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..count {
        let client = client.clone();
        calls.spawn(async move { client.call(Some("ap-beijing"), &scf::GetFunction::default()).await });
    }
    while let Some(result) = calls.join_next().await {
        result.expect("no panic").expect("every call succeeds in the end");
    }
}

#[tokio::test]
async fn a_throttled_action_falls_to_its_documented_rate_and_no_call_fails() {
    // GetFunction is documented with 100 calls a second.
    let server = limited(100).await;
    let mut config = server.config();
    config.parallelism = 30;
    let records = recorded(&mut config);
    let client = Client::new(config);
    let started = Instant::now();
    get_functions(&client, 250).await;
    let took = started.elapsed();

    let records = records.lock().expect("records");
    let refused: Vec<_> = (records.iter().enumerate())
        .filter(|(_, record)| matches!(record.outcome, Outcome::Refused(_)))
        .map(|(index, _)| index)
        .collect();
    assert!(!refused.is_empty(), "the burst went over the rate");
    assert!(refused.len() <= 30, "only calls under way were refused: {}", refused.len());
    let (first, last) = (refused[0], refused[refused.len() - 1]);
    assert!(last - first < 60, "one burst, from record {first} to {last}");
    assert!(took >= Duration::from_millis(1500), "150 calls beyond the first 100 take their time: {took:?}");
}

#[tokio::test]
async fn an_unthrottled_action_never_waits() {
    let server = limited(usize::MAX).await;
    let started = Instant::now();
    get_functions(&server.client(), 500).await;
    assert!(started.elapsed() < Duration::from_secs(4), "500 calls at 100 a second would take 5 s");
}

#[tokio::test]
async fn the_documented_mode_is_never_refused() {
    // AttachRolePolicy is documented with 3 calls a second.
    let server = limited(3).await;
    let mut config = server.config();
    config.rate_mode = RateMode::Documented;
    let records = recorded(&mut config);
    let client = Client::new(config);
    let started = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let client = client.clone();
        calls.spawn(async move { client.call(None, &cam::AttachRolePolicy::default()).await });
    }
    while let Some(result) = calls.join_next().await {
        result.expect("no panic").expect("attached");
    }
    let records = records.lock().expect("records");
    assert!(records.iter().all(|record| record.outcome == Outcome::Done), "{records:?}");
    assert!(started.elapsed() >= Duration::from_millis(1300), "5 calls at 3 a second");
}

#[tokio::test]
async fn a_call_aside_waits_for_no_call_under_way() {
    let server = Server::start_async(|request| async move {
        match request.action() {
            "CreateFunction" => Reply::Silence,
            _ => Reply::Response(json!({})),
        }
    })
    .await;
    let mut config = server.config();
    config.parallelism = 1;
    let client = Client::new(config);
    let sitting = client.clone();
    let slow = tokio::spawn(async move {
        let create = scf::CreateFunction { function_name: "f".to_owned(), ..Default::default() };
        sitting.call(Some("ap-beijing"), &create).await
    });
    while server.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let tag = tag::CreateTag { tag_key: "k".to_owned(), tag_value: "v".to_owned() };
    client.aside(Duration::from_secs(30)).call(None, &tag).await.expect("it has a seat of its own");
    let created = server.requests();
    assert_eq!(created.iter().map(|r| r.action()).collect::<Vec<_>>(), ["CreateFunction", "CreateTag"]);
    slow.abort();
}
