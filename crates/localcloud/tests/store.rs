//! A cloud whose state outlives its process.

mod support;

use std::time::Duration;

use localcloud::{LocalCloud, Options, StartError};
use serde_json::json;
use support::{TRUST_SCF, start};

fn stored(folder: &std::path::Path) -> Options {
    Options { data: Some(folder.to_owned()), settle: Duration::ZERO, announce: true, ..Options::default() }
}

#[tokio::test]
async fn everything_is_there_again_after_a_restart_and_accounts_stay_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cloud, client) = start(stored(folder.path())).await;
    client.call("cam", "CreateRole", json!({"RoleName": "run", "PolicyDocument": TRUST_SCF})).await.expect("role");
    client.function("hook").await;
    client.function("gone").await;
    client
        .call(
            "tag",
            "TagResources",
            json!({"ResourceList": ["qcs::scf:ap-beijing:uin/:namespace/default/function/hook"],
        "Tags": [{"TagKey": "a", "TagValue": "1"}]}),
        )
        .await
        .expect("tagged");
    client
        .call(
            "mps",
            "BindTrigger",
            json!({"ScfRegion": "ap-beijing", "EventType": "WorkflowTask", "FunctionName": "hook"}),
        )
        .await
        .expect("bound");
    client.scf("DeleteFunction", json!({"FunctionName": "gone"})).await.expect("deleted");
    let address = std::fs::read_to_string(folder.path().join("address")).expect("announced");
    assert_eq!(address, cloud.address().to_string());
    cloud.shutdown().await;
    assert!(!folder.path().join("address").exists(), "the address is taken back");

    let (cloud, client) = start(stored(folder.path())).await;
    let answer = client.scf("GetFunction", json!({"FunctionName": "hook"})).await.expect("still there");
    assert_eq!(
        (&answer["Status"], &answer["Tags"][0]["Value"], &answer["Triggers"][0]["Type"]),
        (&json!("Active"), &json!("1"), &json!("mps"))
    );
    let code = client.scf("GetFunctionAddress", json!({"FunctionName": "hook"})).await.expect("an address");
    let target = code["Url"].as_str().and_then(|url| url.split_once("/_local")).expect("a local url").1.to_owned();
    let served =
        support::exchange(cloud.address(), "GET", &format!("/_local{target}"), &[], b"").await.expect("the package");
    assert_eq!(support::base64(&served.body), support::package());
    client.call("cam", "GetRole", json!({"RoleName": "run"})).await.expect("still there");
    assert_eq!(client.code("scf", "GetFunction", json!({"FunctionName": "gone"})).await, "ResourceNotFound.Function");
    cloud.shutdown().await;

    let (cloud, client) = start(Options { account: "200000000002".into(), ..stored(folder.path()) }).await;
    assert_eq!(client.scf("ListFunctions", json!({})).await.expect("a list")["TotalCount"], 0);
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_held_store_is_waited_for_and_then_refused_naming_its_holder() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = LocalCloud::start(stored(folder.path())).await.expect("starts");
    let refused = LocalCloud::start(stored(folder.path())).await.err().expect("held");
    let StartError::Held { holder, .. } = &refused else { panic!("{refused}") };
    assert!(
        holder.contains(&std::process::id().to_string()) && holder.contains(&first.address().to_string()),
        "{holder}"
    );
    let waiting = tokio::spawn(LocalCloud::start(Options { wait: Duration::from_secs(10), ..stored(folder.path()) }));
    first.shutdown().await;
    waiting.await.expect("no panic").expect("starts once the store is free").shutdown().await;
}

#[tokio::test]
async fn an_account_that_is_no_uin_is_refused() {
    let refused = LocalCloud::start(Options { account: "me".into(), ..Options::default() }).await;
    assert!(matches!(refused, Err(StartError::Account { .. })));
}
