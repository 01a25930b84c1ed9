//! Many functions over many connections at once.

mod support;

use std::time::{Duration, Instant};

use localcloud::Options;
use serde_json::json;
use support::{function, start};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_functions_are_created_and_read_by_hundreds_of_connections_within_seconds() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        quotas: false,
        latency: Duration::from_millis(50),
        data: Some(folder.path().to_owned()),
        ..Options::default()
    };
    let (cloud, client) = start(options).await;
    let started = Instant::now();
    for batch in 0..4 {
        let mut calls = JoinSet::new();
        for index in 0..250 {
            let client = client.clone();
            calls.spawn(async move {
                let name = format!("f{}", batch * 250 + index);
                client.scf("CreateFunction", function(&name)).await.expect("created");
                client.scf("GetFunction", json!({"FunctionName": name})).await.expect("read");
            });
        }
        calls.join_all().await;
    }
    // 2,000 calls of 50 ms each, 250 at a time, take 0.4 s at best; the rest is room for a slow machine.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    eprintln!("2,000 calls in {:?}", started.elapsed());
    let list = client.scf("ListFunctions", json!({"Limit": 1})).await.expect("a list");
    assert_eq!(list["TotalCount"], 1000);
    cloud.shutdown().await;
}
