//! The calls that Terraform's provider makes for functions, roles and their tags: with the members it sends,
//! and answers with the members it reads.

mod support;

use std::time::Duration;

use localcloud::Options;
use serde_json::{Value, json};
use support::{Client, TRUST_SCF, package, start};

/// Rows of a page in CAM, and of tags.
const ROWS: u64 = 200;

async fn role_by_id(client: &Client, id: &Value) -> Value {
    let list = client.call("cam", "DescribeRoleList", json!({"Page": 1, "Rp": ROWS})).await.expect("roles");
    let roles = list["List"].as_array().expect("a list");
    roles.iter().find(|role| role["RoleId"] == *id).cloned().unwrap_or_default()
}

async fn tags_of(client: &Client, service: &str, prefix: &str, region: &str, id: &str) -> Value {
    let members = json!({"ServiceType": service, "ResourcePrefix": prefix, "ResourceRegion": region,
        "ResourceIds": [id], "Limit": 50, "Offset": 0});
    let answer = client.call("tag", "DescribeResourceTagsByResourceIds", members).await.expect("tags");
    answer["Tags"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|tag| tag["ResourceId"] == id)
        .map(|tag| (tag["TagKey"].as_str().expect("a key").to_owned(), tag["TagValue"].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[tokio::test]
async fn a_role_lives_through_the_calls_of_the_provider() {
    let (cloud, client) = start(Options::default()).await;
    let cam = async |action: &str, members: Value| client.call("cam", action, members).await.expect("accepted");
    let members = json!({"RoleName": "run", "PolicyDocument": TRUST_SCF, "Description": "d", "ConsoleLogin": 1,
        "SessionDuration": 3600});
    let id = cam("CreateRole", members).await["RoleId"].clone();
    let text = id.as_str().expect("a text").to_owned();
    let role = role_by_id(&client, &id).await;
    assert_eq!(
        (&role["RoleName"], &role["Description"], &role["ConsoleLogin"], &role["SessionDuration"]),
        (&json!("run"), &json!("d"), &json!(1), &json!(3600))
    );
    for member in ["PolicyDocument", "AddTime", "UpdateTime"] {
        assert!(role[member].is_string(), "{member} of {role}");
    }
    let resource = format!("qcs::cam::uin/:role/{text}");
    let tag = async |members: Value| client.call("tag", "ModifyResourceTags", members).await.expect("tagged");
    tag(json!({"Resource": resource, "ReplaceTags": [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}]}))
        .await;
    tag(json!({"Resource": resource, "DeleteTags": [{"TagKey": "a"}]})).await;
    assert_eq!(tags_of(&client, "cam", "role", "", &text).await, json!({"b": "2"}));

    cam("UpdateRoleDescription", json!({"RoleId": id, "Description": "e"})).await;
    cam("UpdateAssumeRolePolicy", json!({"RoleId": id, "PolicyDocument": TRUST_SCF})).await;
    cam("UpdateRoleConsoleLogin", json!({"RoleId": text.parse::<i64>().expect("a number"), "ConsoleLogin": 0})).await;
    let role = role_by_id(&client, &id).await;
    assert_eq!((&role["Description"], &role["ConsoleLogin"]), (&json!("e"), &json!(0)));

    let document = r#"{"version":"2.0","statement":[{"effect":"allow","action":["scf:*"],"resource":["*"]}]}"#;
    let policy = cam("CreatePolicy", json!({"PolicyName": "own", "PolicyDocument": document, "Description": ""})).await;
    let policy = policy["PolicyId"].clone();
    let read = cam("GetPolicy", json!({"PolicyId": policy})).await;
    assert_eq!(read["PolicyName"], "own");
    let found = cam("ListPolicies", json!({"Page": 1, "Rp": ROWS, "Scope": "Local", "Keyword": "ow"})).await;
    assert_eq!((&found["TotalNum"], &found["List"][0]["PolicyId"]), (&json!(1), &policy));
    cam("UpdatePolicy", json!({"PolicyId": policy, "Description": "f", "PolicyDocument": document})).await;

    cam("AttachRolePolicy", json!({"AttachRoleId": id, "PolicyId": policy})).await;
    cam("AttachRolePolicy", json!({"AttachRoleName": "run", "PolicyName": "QcloudSCFFullAccess"})).await;
    let attached = cam("ListAttachedRolePolicies", json!({"Page": 1, "Rp": ROWS, "RoleId": id})).await;
    let mut names: Vec<&Value> =
        attached["List"].as_array().expect("a list").iter().map(|row| &row["PolicyName"]).collect();
    names.sort_by_key(|name| name.to_string());
    assert_eq!(names, ["QcloudSCFFullAccess", "own"]);
    let beyond = cam("ListAttachedRolePolicies", json!({"Page": 2, "Rp": ROWS, "RoleId": id})).await;
    assert_eq!(beyond["List"], json!([]), "paging ends");
    cam("DetachRolePolicy", json!({"DetachRoleId": id, "PolicyId": policy})).await;
    cam("DetachRolePolicy", json!({"DetachRoleName": "run", "PolicyName": "QcloudSCFFullAccess"})).await;
    cam("DeletePolicy", json!({"PolicyId": [policy]})).await;
    cam("DeleteRole", json!({"RoleId": id})).await;
    assert_eq!(role_by_id(&client, &id).await, Value::Null);
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_function_lives_through_the_calls_of_the_provider() {
    let (cloud, client) = start(Options { settle: Duration::ZERO, ..Options::default() }).await;
    let scf = async |action: &str, members: Value| client.scf(action, members).await.expect("accepted");
    scf("CreateNamespace", json!({"Namespace": "media", "Description": "d"})).await;
    let listed = scf("ListNamespaces", json!({"Limit": 100, "Offset": 0})).await;
    assert!(listed["Namespaces"].as_array().is_some_and(|rows| rows.iter().any(|row| row["Name"] == "media")));
    let name = json!({"FunctionName": "hook", "Namespace": "media"});
    let with = |extra: Value| {
        let mut members = name.clone();
        members.as_object_mut().expect("members").extend(extra.as_object().expect("members").clone());
        members
    };
    let create = json!({"Handler": "main.run", "Description": "", "MemorySize": 128, "Timeout": 3, "Type": "Event",
        "Runtime": "CustomRuntime", "Role": "", "Code": {"ZipFile": package()},
        "PublicNetConfig": {"PublicNetStatus": "ENABLE", "EipConfig": {"EipStatus": "DISABLE"}},
        "Environment": {"Variables": [{"Key": "AA", "Value": "1"}]}, "Tags": [{"Key": "team", "Value": "media"}],
        "AsyncRunEnable": "FALSE", "DnsCache": "FALSE", "IntranetConfig": {"IpFixed": "DISABLE"}});
    scf("CreateFunction", with(create)).await;
    let there = scf("GetFunction", name.clone()).await;
    assert_eq!((&there["Status"], &there["Tags"][0]["Key"]), (&json!("Active"), &json!("team")));
    let found = json!({"SearchKey": "hook", "Namespace": "media", "Description": "", "Limit": 100, "Offset": 0,
        "Filters": [{"Name": "tag-team", "Values": ["media"]}]});
    assert_eq!(scf("ListFunctions", found).await["TotalCount"], 1);

    // Neither call names a qualifier: both mean the same one.
    let trigger = json!({"TriggerName": "nightly", "Type": "timer", "TriggerDesc": "0 0 3 * * * *", "Enable": "OPEN"});
    scf("CreateTrigger", with(trigger)).await;
    let there = scf("GetFunction", name.clone()).await;
    assert_eq!((&there["Triggers"][0]["Type"], &there["Triggers"][0]["Enable"]), (&json!("timer"), &json!(1)));
    let trigger = json!({"TriggerName": "nightly", "Type": "timer", "TriggerDesc": "0 0 3 * * * *"});
    scf("DeleteTrigger", with(trigger)).await;

    scf("UpdateFunctionCode", with(json!({"Handler": "main.go", "Code": {"ZipFile": package()}}))).await;
    let update = json!({"Description": "e", "MemorySize": 256, "Timeout": 5, "Runtime": "CustomRuntime", "Role": "",
        "Environment": {"Variables": [{"Key": "", "Value": ""}]}, "L5Enable": "FALSE", "DnsCache": "FALSE",
        "IntranetConfig": {"IpFixed": "DISABLE"},
        "PublicNetConfig": {"PublicNetStatus": "ENABLE", "EipConfig": {"EipStatus": "DISABLE"}}});
    scf("UpdateFunctionConfiguration", with(update)).await;
    let there = scf("GetFunction", name.clone()).await;
    assert_eq!(
        (&there["Handler"], &there["MemorySize"], &there["Environment"]["Variables"]),
        (&json!("main.go"), &json!(256), &json!([]))
    );
    let resource = "qcs::scf:ap-beijing:uin/:namespace/media/function/hook";
    let change = json!({"Resource": resource, "ReplaceTags": [{"TagKey": "app", "TagValue": "x"}],
        "DeleteTags": [{"TagKey": "team"}]});
    client.call("tag", "ModifyResourceTags", change).await.expect("tagged");
    assert_eq!(tags_of(&client, "scf", "namespace", "ap-beijing", "media/function/hook").await, json!({"app": "x"}));
    scf("PublishVersion", with(json!({"Description": "one"}))).await;
    let alias = json!({"Name": "live", "FunctionVersion": "1", "Description": ""});
    scf("CreateAlias", with(alias.clone())).await;
    assert_eq!(scf("GetAlias", with(json!({"Name": "live"}))).await["FunctionVersion"], "1");
    scf("UpdateAlias", with(alias)).await;
    scf("DeleteAlias", with(json!({"Name": "live"}))).await;
    scf("DeleteFunction", name.clone()).await;
    assert_eq!(client.code("scf", "GetFunction", name).await, "ResourceNotFound.Function");
    scf("UpdateNamespace", json!({"Namespace": "media", "Description": "e"})).await;
    scf("DeleteNamespace", json!({"Namespace": "media"})).await;
    cloud.shutdown().await;
}

#[tokio::test]
async fn resources_are_found_by_their_tags_and_single_tags_come_and_go() {
    let (cloud, client) = start(Options::default()).await;
    for name in ["one", "two"] {
        client.function(name).await;
    }
    let tag = async |action: &str, members: Value| client.call("tag", action, members).await.expect("accepted");
    let resource = |name: &str| format!("qcs::scf:ap-beijing:uin/:namespace/default/function/{name}");
    for (name, value) in [("one", "1"), ("two", "2")] {
        tag("AddResourceTag", json!({"Resource": resource(name), "TagKey": "n", "TagValue": value})).await;
        tag("AddResourceTag", json!({"Resource": resource(name), "TagKey": "both", "TagValue": "x"})).await;
    }
    let again = json!({"Resource": resource("one"), "TagKey": "n", "TagValue": "3"});
    assert_eq!(client.code("tag", "AddResourceTag", again.clone()).await, "ResourceInUse.TagKeyAttached");
    tag("UpdateResourceTagValue", again).await;
    let ids = async |filters: Value| -> Vec<String> {
        let found = tag("DescribeResourcesByTags", json!({"TagFilters": filters, "ServiceType": "scf"})).await;
        let rows = found["Rows"].as_array().expect("a list");
        assert_eq!(found["TotalCount"], rows.len());
        rows.iter().map(|row| row["ResourceId"].as_str().expect("an id").to_owned()).collect()
    };
    let both = ["default/function/one", "default/function/two"];
    assert_eq!(ids(json!([{"TagKey": "both"}])).await, both);
    assert_eq!(
        ids(json!([{"TagKey": "both", "TagValue": ["x"]}, {"TagKey": "n", "TagValue": ["2", "3"]}])).await,
        both
    );
    assert_eq!(ids(json!([{"TagKey": "both"}, {"TagKey": "n", "TagValue": ["3"]}])).await, both[..1]);
    assert_eq!(
        client.code("tag", "DescribeResourcesByTags", json!({"TagFilters": []})).await,
        "InvalidParameterValue.TagFilters"
    );
    let known = tag("GetTags", json!({"TagKeys": ["both"]})).await;
    assert_eq!(known["Tags"], json!([{"TagKey": "both", "TagValue": "x", "Category": "Custom"}]));
    tag("DeleteResourceTag", json!({"Resource": resource("one"), "TagKey": "both"})).await;
    assert_eq!(ids(json!([{"TagKey": "both"}])).await, both[1..]);
    let gone = json!({"Resource": resource("one"), "TagKey": "both"});
    assert_eq!(client.code("tag", "DeleteResourceTag", gone).await, "ResourceNotFound.AttachedTagKeyNotFound");
    cloud.shutdown().await;
}
