//! Functions over real HTTP: life, defaults, clearing, refusals while busy, limits, paging.

mod support;

use std::time::Duration;

use localcloud::Options;
use serde_json::{Value, json};
use support::{base64, function, package, start, zip};

#[tokio::test]
async fn a_function_is_created_with_the_documented_defaults_and_goes_from_creating_to_active() {
    let (cloud, client) = start(Options { settle: Duration::from_millis(60), ..Options::default() }).await;
    client.scf("CreateFunction", function("hook")).await.expect("created");
    let answer = client.scf("GetFunction", json!({"FunctionName": "hook"})).await.expect("there at once");
    assert_eq!(answer["Status"], "Creating");
    let answer = client.settled("hook").await;
    for (member, expected) in [
        ("Status", json!("Active")),
        ("MemorySize", json!(128)),
        ("Timeout", json!(3)),
        ("Type", json!("Event")),
        ("Environment", json!({"Variables": []})),
        ("VpcConfig", json!({"VpcId": "", "SubnetId": ""})),
        ("DnsCache", json!("FALSE")),
        ("ProtocolParams", Value::Null),
        ("ImageConfig", Value::Null),
        ("Triggers", json!([])),
        ("Tags", json!([])),
        ("Qualifier", json!("$LATEST")),
        ("CodeResult", json!("success")),
    ] {
        assert_eq!(answer[member], expected, "{member}");
    }
    assert_eq!(answer["PublicNetConfig"]["PublicNetStatus"], "ENABLE");
    cloud.shutdown().await;
}

#[tokio::test]
async fn what_is_busy_refuses_changes_and_says_so() {
    let (cloud, client) = start(Options { settle: Duration::from_secs(600), ..Options::default() }).await;
    client.scf("CreateFunction", function("hook")).await.expect("created");
    let named = json!({"FunctionName": "hook"});
    let code = json!({"FunctionName": "hook", "Code": {"ZipFile": package()}});
    let trigger = json!({"FunctionName": "hook", "TriggerName": "t", "Type": "timer", "TriggerDesc": "0 0 3 * * * *"});
    for (action, members, expected) in [
        ("UpdateFunctionConfiguration", named.clone(), "FailedOperation.UpdateFunctionConfiguration"),
        ("UpdateFunctionCode", code, "FailedOperation.UpdateFunctionCode"),
        ("DeleteFunction", named.clone(), "FailedOperation.DeleteFunction"),
        ("PublishVersion", named.clone(), "FailedOperation.PublishVersion"),
        ("CreateTrigger", trigger, "FailedOperation.CreateTrigger"),
        ("CreateFunction", function("hook"), "ResourceInUse.Function"),
    ] {
        assert_eq!(client.code("scf", action, members).await, expected, "{action}");
    }
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_deleted_function_is_deleting_and_then_absent() {
    let (cloud, client) = start(Options { settle: Duration::from_millis(60), ..Options::default() }).await;
    client.function("hook").await;
    client.scf("DeleteFunction", json!({"FunctionName": "hook"})).await.expect("accepted");
    let answer = client.scf("GetFunction", json!({"FunctionName": "hook"})).await.expect("still there");
    assert_eq!(answer["Status"], "Deleting");
    let code = loop {
        match client.scf("GetFunction", json!({"FunctionName": "hook"})).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err((code, _)) => break code,
        }
    };
    assert_eq!(code, "ResourceNotFound.Function");
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_package_that_cannot_run_is_refused_or_ends_in_create_failed_with_a_reason() {
    let (cloud, client) = start(Options::default()).await;
    let with = |zip: String| json!({"FunctionName": "bad", "Runtime": "CustomRuntime", "Code": {"ZipFile": zip}});
    assert_eq!(
        client.code("scf", "CreateFunction", with("%%%".into())).await,
        "InvalidParameterValue.ZipFileBase64BinasciiError"
    );
    assert_eq!(client.code("scf", "CreateFunction", with(base64(b"no zip"))).await, "InvalidParameterValue.ZipFile");
    let mut linked = zip::ZipWriter::new_append(std::io::Cursor::new(zip(&[("bootstrap", 0o755, "")]))).expect("a zip");
    linked.add_symlink("etc", "/etc", zip::write::SimpleFileOptions::default()).expect("a link");
    let linked = linked.finish().expect("a zip").into_inner();
    let mut bomb = zip(&[("bootstrap", 0o755, "")]);
    let central = bomb.windows(4).position(|window| window == b"PK\x01\x02").expect("a directory");
    bomb[central + 24..central + 28].copy_from_slice(&600_000_000_u32.to_le_bytes());
    let packages = [
        (linked, "symbolic link"),
        (bomb, "unpacks to more than 524288000 bytes"),
        (zip(&[("index.py", 0o644, "")]), "no file `bootstrap`"),
        (zip(&[("bootstrap", 0o644, "#!/bin/sh\n")]), "not executable"),
        (zip(&[("bootstrap", 0o755, ""), ("../../etc/cron.d/x", 0o644, "")]), "leaves the code folder"),
    ];
    for (bytes, finding) in packages {
        client.scf("CreateFunction", with(base64(&bytes))).await.expect("accepted at first");
        let answer = client.settled("bad").await;
        assert_eq!(answer["Status"], "CreateFailed");
        let reason = answer["StatusReasons"][0]["ErrorMessage"].as_str().expect("a reason");
        assert!(reason.contains(finding), "{reason}");
        assert_eq!(
            client.code("scf", "UpdateFunctionConfiguration", json!({"FunctionName": "bad"})).await,
            "FailedOperation.UpdateFunctionConfiguration"
        );
        client.scf("DeleteFunction", json!({"FunctionName": "bad"})).await.expect("deleted");
        while client.scf("GetFunction", json!({"FunctionName": "bad"})).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    cloud.shutdown().await;
}

#[tokio::test]
async fn configuration_is_changed_and_cleared_in_the_documented_ways() {
    let (cloud, client) = start(Options { settle: Duration::ZERO, ..Options::default() }).await;
    client
        .call("cam", "CreateRole", json!({"RoleName": "run", "PolicyDocument": support::TRUST_SCF}))
        .await
        .expect("role");
    client.function("hook").await;
    let update = async |mut members: Value| {
        members["FunctionName"] = "hook".into();
        client.scf("UpdateFunctionConfiguration", members).await.expect("updated");
        client.settled("hook").await
    };
    let set = json!({"Environment": {"Variables": [{"Key": "AA", "Value": "1"}, {"Key": "BB", "Value": "2"}]},
        "Layers": [{"LayerName": "ffmpeg", "LayerVersion": 3}], "VpcConfig": {"VpcId": "vpc-1", "SubnetId": "subnet-1"},
        "Role": "run", "ClsLogsetId": "l", "ClsTopicId": "t", "Description": "d"});
    let answer = update(set).await;
    // Another order than sent, on purpose.
    assert_eq!(answer["Environment"]["Variables"], json!([{"Key": "BB", "Value": "2"}, {"Key": "AA", "Value": "1"}]));
    assert_eq!(answer["Layers"][0]["LayerName"], "ffmpeg");
    assert_eq!(answer["Layers"][0]["Status"], "Active");
    let answer = update(json!({"Environment": {"Variables": []}, "Layers": []})).await;
    assert_eq!(answer["Environment"]["Variables"].as_array().map(Vec::len), Some(2), "an empty list changes nothing");
    assert_eq!(answer["Layers"].as_array().map(Vec::len), Some(1));
    let cleared = json!({"Environment": {"Variables": [{"Key": "", "Value": ""}]},
        "Layers": [{"LayerName": "", "LayerVersion": 0}], "VpcConfig": {"VpcId": "", "SubnetId": ""},
        "Role": "", "ClsLogsetId": "", "ClsTopicId": "", "Description": ""});
    let answer = update(cleared).await;
    for (member, expected) in [
        ("Environment", json!({"Variables": []})),
        ("Layers", json!([])),
        ("VpcConfig", json!({"VpcId": "", "SubnetId": ""})),
        ("Role", json!("")),
        ("ClsTopicId", json!("")),
        ("Description", json!("")),
    ] {
        assert_eq!(answer[member], expected, "{member}");
    }
    cloud.shutdown().await;
}

#[tokio::test]
async fn values_beyond_the_documented_limits_are_refused_with_their_codes() {
    let (cloud, client) = start(Options { settle: Duration::ZERO, ..Options::default() }).await;
    client.function("hook").await;
    let variable = |key: &str, value: &str| json!({"Environment": {"Variables": [{"Key": key, "Value": value}]}});
    for (mut members, expected) in [
        (json!({"MemorySize": 100}), "InvalidParameterValue.MemorySize"),
        (json!({"MemorySize": 3200}), "InvalidParameterValue.MemorySize"),
        (json!({"Timeout": 901}), "LimitExceeded.Timeout"),
        (json!({"InitTimeout": 2}), "LimitExceeded.InitTimeout"),
        (json!({"Description": "x".repeat(1001)}), "InvalidParameterValue.Description"),
        (variable("SCF_X", "1"), "InvalidParameterValue.EnvironmentSystemProtect"),
        (variable("1X", "1"), "InvalidParameterValue.Environment"),
        (variable("XX", ""), "InvalidParameterValue.Environment"),
        (variable("XX", &"v".repeat(4095)), "InvalidParameterValue.EnvironmentExceededLimit"),
        (json!({"Runtime": "Go1"}), "InvalidParameterValue.Runtime"),
        (json!({"ClsLogsetId": "l", "ClsTopicId": "t"}), "InvalidParameterValue.ClsRole"),
        (json!({"Role": "nobody"}), "ResourceNotFound.Role"),
        (json!({"Handler": "x.y"}), "UnknownParameter"),
        (json!({"VpcConfig": {"VpcId": "vpc-1"}}), "InvalidParameterValue.Vpc"),
        (
            json!({"InstanceConcurrencyConfig": {"MaxConcurrency": 5}}),
            "InvalidParameterValue.InstanceConcurrencyConfig",
        ),
    ] {
        members["FunctionName"] = "hook".into();
        assert_eq!(client.code("scf", "UpdateFunctionConfiguration", members.clone()).await, expected, "{members}");
    }
    for name in ["a", "1ab", "ab-", "a b", &"a".repeat(61)] {
        assert_eq!(client.code("scf", "CreateFunction", function(name)).await, "InvalidParameterValue.FunctionName");
    }
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_namespace_holds_fifty_functions_unless_quotas_are_off() {
    for quotas in [true, false] {
        let (cloud, client) = start(Options { quotas, ..Options::default() }).await;
        for index in 0..50 {
            client.scf("CreateFunction", function(&format!("f{index}"))).await.expect("created");
        }
        let last = client.scf("CreateFunction", function("one-more")).await;
        assert_eq!(last.is_ok(), !quotas);
        if let Err((code, _)) = last {
            assert_eq!(code, "LimitExceeded.Function");
        }
        cloud.shutdown().await;
    }
}

#[tokio::test]
async fn lists_are_paged_filtered_and_counted() {
    let (cloud, client) = start(Options { settle: Duration::ZERO, quotas: false, ..Options::default() }).await;
    for index in 0..25 {
        let mut members = function(&format!("f{index:02}"));
        members["Tags"] = json!([{"Key": "team", "Value": if index % 2 == 0 { "media" } else { "web" }}]);
        client.scf("CreateFunction", members).await.expect("created");
    }
    let list = async |members: Value| client.scf("ListFunctions", members).await.expect("a list");
    let names = |answer: &Value| -> Vec<String> {
        let rows = answer["Functions"].as_array().expect("rows");
        rows.iter().map(|row| row["FunctionName"].as_str().expect("a name").to_owned()).collect()
    };
    let first = list(json!({})).await;
    assert_eq!((names(&first).len(), &first["TotalCount"]), (20, &json!(25)));
    let last = list(json!({"Offset": 20, "Orderby": "FunctionName", "Order": "ASC"})).await;
    assert_eq!(names(&last), ["f20", "f21", "f22", "f23", "f24"]);
    let media = list(json!({"Filters": [{"Name": "tag-team", "Values": ["media"]}], "Limit": 100})).await;
    assert_eq!(media["TotalCount"], 13);
    let found = list(json!({"SearchKey": "f1"})).await;
    assert_eq!(found["TotalCount"], 10);
    assert_eq!(
        client.code("scf", "ListFunctions", json!({"Filters": [{"Name": "Shoe", "Values": ["9"]}]})).await,
        "InvalidParameterValue.Filters"
    );
    assert_eq!(client.code("scf", "ListFunctions", json!({"Namespace": "gone"})).await, "ResourceNotFound.Namespace");
    cloud.shutdown().await;
}

#[tokio::test]
async fn the_code_address_serves_the_very_bytes_that_were_sent() {
    let (cloud, client) = start(Options { settle: Duration::ZERO, ..Options::default() }).await;
    client.function("hook").await;
    let answer = client.scf("GetFunctionAddress", json!({"FunctionName": "hook"})).await.expect("an address");
    let url = answer["Url"].as_str().expect("a url");
    let target = url.strip_prefix(&format!("http://{}", cloud.address())).expect("served by the cloud itself");
    let served = support::exchange(cloud.address(), "GET", target, &[], b"").await.expect("a download");
    assert_eq!(base64(&served.body), package());
    assert_eq!(answer["CodeSha256"].as_str().map(str::len), Some(64));
    cloud.shutdown().await;
}

#[tokio::test]
async fn versions_and_aliases_hold_what_was_published() {
    let (cloud, client) = start(Options { settle: Duration::ZERO, ..Options::default() }).await;
    client.function("hook").await;
    let named = |extra: Value| {
        let mut members = json!({"FunctionName": "hook"});
        for (member, value) in extra.as_object().expect("members") {
            members[member] = value.clone();
        }
        members
    };
    let published = client.scf("PublishVersion", named(json!({"Description": "one"}))).await.expect("published");
    assert_eq!(published["FunctionVersion"], "1");
    client.scf("UpdateFunctionConfiguration", named(json!({"MemorySize": 256}))).await.expect("updated");
    let one = client.scf("GetFunction", named(json!({"Qualifier": "1"}))).await.expect("version 1");
    assert_eq!((&one["MemorySize"], &one["FunctionVersion"]), (&json!(128), &json!("1")));
    client.scf("CreateAlias", named(json!({"Name": "live", "FunctionVersion": "1"}))).await.expect("alias");
    assert_eq!(
        client.code("scf", "CreateAlias", named(json!({"Name": "live", "FunctionVersion": "1"}))).await,
        "ResourceInUse.Alias"
    );
    let live = client.scf("GetFunction", named(json!({"Qualifier": "live"}))).await.expect("by alias");
    assert_eq!(live["MemorySize"], 128);
    assert_eq!(
        client.code("scf", "DeleteFunctionVersion", named(json!({"Qualifier": "1"}))).await,
        "UnsupportedOperation.AliasBind"
    );
    assert_eq!(client.code("scf", "GetFunction", named(json!({"Qualifier": "7"}))).await, "ResourceNotFound.Version");
    let aliases = client.scf("ListAliases", named(json!({"Offset": "0", "Limit": "10"}))).await.expect("aliases");
    assert_eq!(aliases["TotalCount"], 2);
    assert_eq!(
        client.code("scf", "DeleteAlias", named(json!({"Name": "$DEFAULT"}))).await,
        "InvalidParameterValue.Alias"
    );
    cloud.shutdown().await;
}
