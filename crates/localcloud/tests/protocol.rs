//! The protocol itself: signatures, clocks, tokens, forms of requests, definitions, envelopes.

mod support;

use localcloud::Options;
use serde_json::json;
use support::{Client, exchange, function, now, outcome, start};

async fn code_of(client: &Client, raw: &support::Raw) -> String {
    let answer = client.send(raw).await.expect("an answer");
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"));
    match outcome(&answer.body) {
        Ok(_) => "ok".to_owned(),
        Err((code, _)) => code,
    }
}

#[tokio::test]
async fn signatures_are_verified_as_published_whatever_headers_they_cover() {
    let (cloud, client) = start(Options::default()).await;
    let sign = |at, headers| client.sign("sts", "GetCallerIdentity", &json!({}), at, headers, None);
    for headers in ["content-type;host", "content-type;host;x-tc-action", "content-type;host;x-tc-timestamp"] {
        assert_eq!(code_of(&client, &sign(now(), headers)).await, "ok", "{headers}");
    }
    assert_eq!(code_of(&client, &sign(now(), "content-type")).await, "AuthFailure.InvalidAuthorization");
    assert_eq!(code_of(&client, &sign(now() - 302, "content-type;host")).await, "AuthFailure.SignatureExpire");
    assert_eq!(code_of(&client, &sign(now() + 302, "content-type;host")).await, "AuthFailure.SignatureExpire");
    let mut changed = sign(now(), "content-type;host");
    changed.body = b"{ }".to_vec();
    assert_eq!(code_of(&client, &changed).await, "AuthFailure.SignatureFailure");
    let mut bare = sign(now(), "content-type;host");
    bare.headers.retain(|(name, _)| name != "Authorization");
    assert_eq!(code_of(&client, &bare).await, "AuthFailure.InvalidAuthorization");
    bare.headers.push(("Authorization".into(), "SKIP".into()));
    assert_eq!(code_of(&client, &bare).await, "AuthFailure.InvalidAuthorization");
    let stranger = Client { id: "stranger".into(), ..client.clone() };
    assert_eq!(
        code_of(&stranger, &stranger.sign("scf", "GetAccount", &json!({}), now(), "content-type;host", None)).await,
        "AuthFailure.SecretIdNotFound"
    );
    cloud.shutdown().await;
}

#[tokio::test]
async fn further_keys_are_known_and_never_shown() {
    let options = Options { keys: vec![("ci".into(), "s3cret".into())], ..Options::default() };
    assert!(!format!("{options:?}").contains("s3cret"));
    let (cloud, client) = start(options).await;
    let ci = Client { id: "ci".into(), key: "s3cret".into(), ..client };
    ci.scf("GetAccount", json!({})).await.expect("a known key");
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_signed_get_takes_flattened_members_and_reads_them_as_their_types() {
    let (cloud, client) = start(Options::default()).await;
    client.function("hook").await;
    let query = "Limit=1&Filters.0.Name=Runtime&Filters.0.Values.0=CustomRuntime";
    let raw = client.sign("scf", "ListFunctions", &json!({}), now(), "content-type;host", Some(query));
    let answer = client.send(&raw).await.expect("an answer");
    assert_eq!(outcome(&answer.body).expect("a list")["TotalCount"], 1);
    let raw = client.sign("scf", "ListFunctions", &json!({}), now(), "content-type;host", Some("Limit=many"));
    assert_eq!(code_of(&client, &raw).await, "InvalidParameter");
    cloud.shutdown().await;
}

#[tokio::test]
async fn members_versions_and_actions_outside_the_definitions_are_refused() {
    let (cloud, client) = start(Options::default()).await;
    for (action, members, expected) in [
        ("GetFunction", json!({"FunctionNam": "f"}), "UnknownParameter"),
        ("DeleteFunction", json!({}), "MissingParameter"),
        ("DeleteFunction", json!({"FunctionName": null}), "MissingParameter"),
        ("GetFunction", json!({"FunctionName": 7}), "InvalidParameter"),
        ("ListFunctions", json!({"Limit": "7"}), "InvalidParameter"),
        ("NoSuchAction", json!({}), "InvalidAction"),
        ("PublishLayerVersion", json!({}), "UnsupportedOperation"),
    ] {
        assert_eq!(client.code("scf", action, members).await, expected, "{action}");
    }
    let mut raw = client.sign("scf", "GetAccount", &json!({}), now(), "content-type;host", None);
    raw.headers.iter_mut().find(|(name, _)| name == "X-TC-Version").expect("a version").1 = "2017-01-01".into();
    assert_eq!(code_of(&client, &raw).await, "NoSuchVersion");
    assert_eq!(client.code("cvm", "DescribeInstances", json!({})).await, "NoSuchProduct");
    let nowhere = Client { region: String::new(), ..client.clone() };
    assert_eq!(nowhere.code("scf", "GetAccount", json!({})).await, "MissingParameter");
    nowhere.call("cam", "GetUserAppId", json!({})).await.expect("CAM needs no region");
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_request_above_ten_megabytes_is_refused() {
    let (cloud, client) = start(Options::default()).await;
    let mut members = function("big");
    members["Code"]["ZipFile"] = "A".repeat(11 * 1024 * 1024).into();
    assert_eq!(client.code("scf", "CreateFunction", members).await, "RequestSizeLimitExceeded");
    cloud.shutdown().await;
}

#[tokio::test]
async fn calls_are_recorded_in_order_with_their_outcome() {
    let (cloud, client) = start(Options::default()).await;
    client.function("hook").await;
    client.code("scf", "GetFunction", json!({"FunctionName": "gone"})).await;
    let calls = cloud.calls();
    let first = &calls[0];
    assert_eq!(
        (first.service.as_str(), first.action.as_str(), first.region.as_str(), first.outcome.as_str()),
        ("scf", "CreateFunction", "ap-beijing", "ok")
    );
    assert_eq!(calls.last().map(|call| call.outcome.as_str()), Some("ResourceNotFound.Function"));
    cloud.shutdown().await;
}

#[tokio::test]
async fn paths_beside_the_api_are_not_found_rather_than_guessed() {
    let (cloud, _) = start(Options::default()).await;
    for path in ["/_local/code/00.zip", "/_local/", "/_local/else"] {
        assert_eq!(exchange(cloud.address(), "GET", path, &[], b"").await.expect("an answer").status, 404, "{path}");
    }
    cloud.shutdown().await;
}
