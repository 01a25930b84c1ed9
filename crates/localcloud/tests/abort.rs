//! A process that serves a store is killed: nothing that it had answered is lost, and nothing that it had
//! started keeps running.

mod support;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use localcloud::{LocalCloud, Options};
use serde_json::{Value, json};
use support::{BOOTSTRAP, Client, TRUST_SCF, base64, function, now, outcome, token, wait_running, zip};
use tokio::task::JoinSet;

/// Names the store's folder to the process that is to be killed.
const FOLDER: &str = "LOCALCLOUD_ABORT_FOLDER";

fn options(folder: &std::path::Path) -> Options {
    Options {
        data: Some(folder.to_owned()),
        settle: Duration::ZERO,
        announce: true,
        quotas: false,
        wait: Duration::from_secs(10),
        ..Options::default()
    }
}

#[tokio::test]
#[ignore = "is the process that the test below starts and kills"]
async fn serves_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let _cloud = LocalCloud::start(options(folder.as_ref())).await.expect("starts");
    std::future::pending::<()>().await;
}

/// Makes one call. `None` when no answer came.
async fn attempt(client: &Client, service: &str, action: &str, members: Value) -> Option<Value> {
    let raw = client.sign(service, action, &members, now(), "content-type;host", None);
    let answer = client.send(&raw).await.ok()?;
    Some(outcome(&answer.body).unwrap_or_else(|refused| panic!("{action}: {refused:?}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_before_a_kill_is_there_after_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "serves_until_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("the server starts");
    let address = loop {
        let text = std::fs::read_to_string(folder.path().join("address")).unwrap_or_default();
        match text.parse() {
            Ok(address) => break address,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
        assert!(server.try_wait().expect("a child").is_none(), "the server ended by itself");
    };
    let client = Client { address, region: "ap-beijing".into(), id: "local".into(), key: "local".into(), token: None };
    let code = json!({"ZipFile": base64(&zip(&[("bootstrap", 0o755, BOOTSTRAP)]))});
    let members = json!({"FunctionName": "hook", "Runtime": "CustomRuntime", "Timeout": 60, "Code": code});
    client.scf("CreateFunction", members).await.expect("created");
    let number = token();
    let event = json!({"do": format!("fork {number}")}).to_string();
    let members = json!({"FunctionName": "hook", "InvocationType": "Event", "ClientContext": event});
    client.scf("Invoke", members).await.expect("accepted");
    wait_running(&number, true).await;

    let answered = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let (client, answered) = (client.clone(), answered.clone());
        writers.spawn(async move {
            let mut names = Vec::new();
            for index in 0.. {
                let name = format!("f{writer}-{index}");
                if attempt(&client, "scf", "CreateFunction", function(&name)).await.is_none() {
                    break;
                }
                let role = json!({"RoleName": name, "PolicyDocument": TRUST_SCF});
                let whole = attempt(&client, "cam", "CreateRole", role).await.is_some();
                names.push((name, whole));
                answered.fetch_add(1, Ordering::Relaxed);
                if !whole {
                    break;
                }
            }
            names
        });
    }
    while answered.load(Ordering::Relaxed) < 60 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.kill().expect("killed");
    server.wait().expect("gone");
    let names: Vec<(String, bool)> = writers.join_all().await.into_iter().flatten().collect();
    assert!(names.len() >= 60);

    let cloud = LocalCloud::start(options(folder.path())).await.expect("the store opens again");
    wait_running(&number, false).await;
    let client = Client::of(&cloud);
    for (name, whole) in names {
        let there = client.scf("GetFunction", json!({"FunctionName": name})).await.expect("the function is there");
        assert_eq!(there["Status"], "Active", "{there}");
        if whole {
            client.call("cam", "GetRole", json!({"RoleName": name})).await.expect("the role is there");
        }
    }
    assert!(client.scf("GetFunctionAddress", json!({"FunctionName": "hook"})).await.is_ok());
    cloud.shutdown().await;
}
