//! Roles, policies, tags and temporary credentials over real HTTP.

mod support;

use std::time::Duration;

use localcloud::{LocalCloud, Options};
use serde_json::{Value, json};
use support::{Client, TRUST_SCF, function, start};

async fn cloud() -> (LocalCloud, Client) {
    start(Options { settle: Duration::ZERO, ..Options::default() }).await
}

#[tokio::test]
async fn a_role_comes_back_with_the_same_meaning_in_another_shape() {
    let (cloud, client) = cloud().await;
    let cam = async |action: &str, members: Value| client.call("cam", action, members).await.expect("accepted");
    let made = cam(
        "CreateRole",
        json!({"RoleName": "run", "PolicyDocument": TRUST_SCF, "Description": "d",
        "Tags": [{"Key": "provision-stack", "Value": "s"}]}),
    )
    .await;
    assert!(made["RoleId"].as_str().is_some_and(|id| id.parse::<u64>().is_ok_and(|id| id > 1 << 53)), "{made}");
    let info = cam("GetRole", json!({"RoleName": "run"})).await["RoleInfo"].clone();
    let document = info["PolicyDocument"].as_str().expect("a document");
    assert_ne!(document, TRUST_SCF);
    let meaning: Value = serde_json::from_str(document).expect("JSON");
    assert_eq!(meaning["statement"][0]["principal"]["service"], "scf.qcloud.com");
    assert_eq!(info["Tags"], json!([{"Key": "provision-stack", "Value": "s"}]));
    for (members, expected) in [
        (json!({"RoleName": "run", "PolicyDocument": TRUST_SCF}), "InvalidParameter.RoleNameInUse"),
        (json!({"RoleName": "a b", "PolicyDocument": TRUST_SCF}), "InvalidParameter.RoleNameError"),
        (json!({"RoleName": "x", "PolicyDocument": "{}"}), "InvalidParameter.VersionError"),
        (
            json!({"RoleName": "x", "PolicyDocument": TRUST_SCF, "Description": "字".repeat(101)}),
            "InvalidParameter.DescriptionLengthOverlimit",
        ),
        (
            json!({"RoleName": "x", "PolicyDocument": TRUST_SCF.replace("scf.q", "service-scf.q")}),
            "InvalidParameter.PrincipalServiceNotExist",
        ),
    ] {
        assert_eq!(client.code("cam", "CreateRole", members.clone()).await, expected, "{members}");
    }
    let found =
        cam("DescribeRoleList", json!({"Page": 1, "Rp": 20, "Tags": [{"Key": "provision-stack", "Value": "s"}]})).await;
    assert_eq!(found["TotalNum"], 1);
    cam("UntagRole", json!({"RoleName": "run", "TagKeys": ["provision-stack"]})).await;
    assert_eq!(cam("GetRole", json!({"RoleName": "run"})).await["RoleInfo"]["Tags"], Value::Null);
    cam("DeleteRole", json!({"RoleName": "run"})).await;
    assert_eq!(client.code("cam", "GetRole", json!({"RoleName": "run"})).await, "InvalidParameter.RoleNotExist");
    cloud.shutdown().await;
}

#[tokio::test]
async fn policies_attach_by_preset_name_or_own_id_and_go_with_their_deletion() {
    let (cloud, client) = cloud().await;
    let cam = async |action: &str, members: Value| client.call("cam", action, members).await.expect("accepted");
    cam("CreateRole", json!({"RoleName": "run", "PolicyDocument": TRUST_SCF})).await;
    let document = r#"{"version":"2.0","statement":[{"effect":"allow","action":"scf:Invoke","resource":"*"}]}"#;
    let id = cam("CreatePolicy", json!({"PolicyName": "mine", "PolicyDocument": document})).await["PolicyId"].clone();
    assert_eq!(
        client.code("cam", "CreatePolicy", json!({"PolicyName": "mine", "PolicyDocument": document})).await,
        "FailedOperation.PolicyNameInUse"
    );
    cam("AttachRolePolicy", json!({"PolicyName": "QcloudAccessForScfRole", "AttachRoleName": "run"})).await;
    cam("AttachRolePolicy", json!({"PolicyId": id, "AttachRoleName": "run"})).await;
    cam("AttachRolePolicy", json!({"PolicyId": id, "AttachRoleName": "run"})).await;
    for (members, expected) in [
        (json!({"PolicyName": "mine", "AttachRoleName": "run"}), "InvalidParameter.PolicyIdNotExist"),
        (json!({"PolicyId": id, "AttachRoleName": "gone"}), "InvalidParameter.RoleNotExist"),
    ] {
        assert_eq!(client.code("cam", "AttachRolePolicy", members).await, expected);
    }
    let list = cam("ListAttachedRolePolicies", json!({"Page": 1, "Rp": 20, "RoleName": "run"})).await;
    let names: Vec<&Value> = list["List"].as_array().expect("rows").iter().map(|row| &row["PolicyName"]).collect();
    assert_eq!(names, ["mine", "QcloudAccessForScfRole"]);
    let read = cam("GetPolicy", json!({"PolicyId": id})).await;
    assert!(read["PolicyDocument"].as_str().is_some_and(|text| text.contains(r#""action":["scf:Invoke"]"#)), "{read}");
    let preset = cam("ListPolicies", json!({"Scope": "QCS", "Keyword": "QcloudAccessForMPSRole"})).await;
    assert_eq!(preset["TotalNum"], 2, "the keyword is a substring");
    for version in 2..=5 {
        assert_eq!(
            cam("CreatePolicyVersion", json!({"PolicyId": id, "PolicyDocument": document, "SetAsDefault": false}))
                .await["VersionId"],
            version
        );
    }
    assert_eq!(
        client
            .code(
                "cam",
                "CreatePolicyVersion",
                json!({"PolicyId": id, "PolicyDocument": document, "SetAsDefault": true})
            )
            .await,
        "FailedOperation.PolicyVersionFull"
    );
    cam("DeletePolicy", json!({"PolicyId": [id]})).await;
    assert_eq!(client.code("cam", "GetPolicy", json!({"PolicyId": id})).await, "ResourceNotFound.PolicyIdNotFound");
    let list = cam("ListAttachedRolePolicies", json!({"Page": 1, "Rp": 20, "RoleName": "run"})).await;
    assert_eq!(list["TotalNum"], 1);
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_function_takes_only_a_role_that_trusts_it() {
    let (cloud, client) = cloud().await;
    let mps = TRUST_SCF.replace("scf.qcloud.com", "mps.cloud.tencent.com");
    client.call("cam", "CreateRole", json!({"RoleName": "mps", "PolicyDocument": mps})).await.expect("created");
    for (role, expected) in [("mps", "InvalidParameter.RoleCheck"), ("gone", "ResourceNotFound.Role")] {
        let mut members = function("hook");
        members["Role"] = role.into();
        assert_eq!(client.code("scf", "CreateFunction", members).await, expected);
    }
    cloud.shutdown().await;
}

#[tokio::test]
async fn tags_of_functions_and_roles_are_one_set_whoever_reads_them() {
    let (cloud, client) = cloud().await;
    let tag = async |action: &str, members: Value| client.call("tag", action, members).await.expect("accepted");
    client.function("hook").await;
    let short = "qcs::scf:ap-beijing:uin/:namespace/default/function/hook";
    let full = "qcs::scf:ap-beijing:uin/100000000001:namespace/default/function/hook";
    let gone = "qcs::scf:ap-beijing:uin/:namespace/default/function/gone";
    let answer =
        tag("TagResources", json!({"ResourceList": [short, gone], "Tags": [{"TagKey": "a", "TagValue": "1"}]})).await;
    assert_eq!(answer["FailedResources"][0]["Resource"], gone, "one fails, the call succeeds");
    tag("ModifyResourceTags", json!({"Resource": full, "ReplaceTags": [{"TagKey": "b", "TagValue": "2"}]})).await;
    let read = client.scf("GetFunction", json!({"FunctionName": "hook"})).await.expect("the function");
    assert_eq!(read["Tags"], json!([{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}]));
    let found = tag("GetResources", json!({"TagFilters": [{"TagKey": "a", "TagValue": ["1", "9"]}]})).await;
    assert_eq!(found["ResourceTagMappingList"][0]["Resource"], full);
    let by_id = tag(
        "DescribeResourceTagsByResourceIds",
        json!({"ServiceType": "scf", "ResourcePrefix": "namespace",
        "ResourceIds": ["default/function/hook"], "ResourceRegion": "ap-beijing"}),
    )
    .await;
    assert_eq!(by_id["TotalCount"], 2);
    tag("UnTagResources", json!({"ResourceList": [full], "TagKeys": ["a", "b"]})).await;
    assert_eq!(tag("GetResources", json!({})).await["ResourceTagMappingList"], json!([]));
    for (members, expected) in [
        (json!({"ResourceList": ["hook"], "Tags": []}), "InvalidParameterValue.ResourceDescriptionError"),
        (
            json!({"ResourceList": [full], "Tags": [{"TagKey": "qcs:x", "TagValue": "1"}]}),
            "InvalidParameter.ReservedTagKey",
        ),
        (
            json!({"ResourceList": [full], "Tags": [{"TagKey": "a", "TagValue": ""}]}),
            "InvalidParameterValue.TagValueEmpty",
        ),
        (
            json!({"ResourceList": [full], "Tags": [{"TagKey": "a*", "TagValue": "1"}]}),
            "InvalidParameterValue.TagKeyCharacterIllegal",
        ),
        (json!({"ResourceList": vec![full; 11], "Tags": []}), "LimitExceeded.ResourceNumPerRequest"),
    ] {
        assert_eq!(client.code("tag", "TagResources", members).await, expected);
    }
    cloud.shutdown().await;
}

#[tokio::test]
async fn resources_are_paged_by_token_without_loss() {
    let (cloud, client) = cloud().await;
    for index in 0..45 {
        let mut members = function(&format!("f{index:02}"));
        members["Tags"] = json!([{"Key": "provision-stack", "Value": "s"}]);
        client.scf("CreateFunction", members).await.expect("created");
    }
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let answer = client
            .call(
                "tag",
                "GetResources",
                json!({"MaxResults": 20, "PaginationToken": token,
                "TagFilters": [{"TagKey": "provision-stack", "TagValue": ["s"]}]}),
            )
            .await
            .expect("a page");
        seen.extend(
            answer["ResourceTagMappingList"].as_array().expect("rows").iter().map(|row| row["Resource"].to_string()),
        );
        token = answer["PaginationToken"].as_str().expect("a token").to_owned();
        if token.is_empty() {
            break;
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 45);
    assert_eq!(
        client.code("tag", "GetResources", json!({"PaginationToken": "nonsense"})).await,
        "InvalidParameter.PaginationTokenInvalid"
    );
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_tag_key_holds_a_thousand_values() {
    let (cloud, client) = cloud().await;
    for index in 0..1000 {
        client
            .call("tag", "CreateTag", json!({"TagKey": "k", "TagValue": format!("v{index}")}))
            .await
            .expect("created");
    }
    assert_eq!(
        client.code("tag", "CreateTag", json!({"TagKey": "k", "TagValue": "v1000"})).await,
        "LimitExceeded.TagValue"
    );
    assert_eq!(
        client.code("tag", "CreateTag", json!({"TagKey": "k", "TagValue": "v1"})).await,
        "ResourceInUse.TagDuplicate"
    );
    cloud.shutdown().await;
}

#[tokio::test]
async fn temporary_credentials_work_with_their_token_only() {
    let (cloud, client) = cloud().await;
    let trust = json!({"version": "2.0", "statement": [{"effect": "allow", "action": "name/sts:AssumeRole",
        "principal": {"qcs": ["qcs::cam::uin/100000000001:root"]}}]});
    client
        .call(
            "cam",
            "CreateRole",
            json!({"RoleName": "ops", "PolicyDocument": trust.to_string(), "SessionDuration": 3600}),
        )
        .await
        .expect("role");
    let assume = |seconds: i64| json!({"RoleArn": "qcs::cam::uin/100000000001:roleName/ops", "RoleSessionName": "ci", "DurationSeconds": seconds});
    assert_eq!(client.code("sts", "AssumeRole", assume(7200)).await, "InvalidParameter.OverTimeError");
    let answer = client.call("sts", "AssumeRole", assume(3600)).await.expect("credentials");
    let text = |member: &str| answer["Credentials"][member].as_str().expect("a text").to_owned();
    let role =
        Client { id: text("TmpSecretId"), key: text("TmpSecretKey"), token: Some(text("Token")), ..client.clone() };
    let identity = role.call("sts", "GetCallerIdentity", json!({})).await.expect("an identity");
    assert_eq!((&identity["Type"], &identity["AccountId"]), (&json!("CAMRole"), &json!("100000000001")));
    for token in [None, Some("wrong".to_owned())] {
        let wrong = Client { token, ..role.clone() };
        assert_eq!(wrong.code("sts", "GetCallerIdentity", json!({})).await, "AuthFailure.TokenFailure");
    }
    let owner = client.call("sts", "GetCallerIdentity", json!({})).await.expect("an identity");
    assert_eq!(owner["Type"], "Account");
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_web_identity_is_exchanged_unsigned_when_the_role_trusts_its_provider_and_claims() {
    let (cloud, client) = cloud().await;
    let trust = json!({"version": "2.0", "statement": [{"effect": "allow", "action": "name/sts:AssumeRoleWithWebIdentity",
        "principal": {"federated": ["qcs::cam::uin/100000000001:oidc-provider/github"]},
        "condition": {"string_equal": {"oidc:aud": ["sts.tencentcloudapi.com"]}}}]});
    client
        .call("cam", "CreateRole", json!({"RoleName": "ci", "PolicyDocument": trust.to_string()}))
        .await
        .expect("role");
    let token = |audience: &str, expires: u64| {
        let claims = json!({"aud": audience, "exp": expires}).to_string();
        let part = |text: &str| support::base64(text.as_bytes()).replace('+', "-").replace('/', "_").replace('=', "");
        format!("{}.{}.{}", part("{}"), part(&claims), part("signature"))
    };
    let ask = async |token: String| {
        let members = json!({"ProviderId": "github", "WebIdentityToken": token, "RoleSessionName": "ci-1",
            "RoleArn": "qcs::cam::uin/100000000001:roleName/ci"});
        let mut raw =
            client.sign("sts", "AssumeRoleWithWebIdentity", &members, support::now(), "content-type;host", None);
        raw.headers.iter_mut().find(|(name, _)| name == "Authorization").expect("signed").1 = "SKIP".into();
        support::outcome(&client.send(&raw).await.expect("an answer").body)
    };
    let later = support::now() + 600;
    ask(token("sts.tencentcloudapi.com", later)).await.expect("credentials");
    for wrong in [token("elsewhere", later), token("sts.tencentcloudapi.com", 1), "no.jwt".to_owned()] {
        assert_eq!(ask(wrong).await.expect_err("refused").0, "InvalidParameter.WebIdentityTokenError");
    }
    cloud.shutdown().await;
}
