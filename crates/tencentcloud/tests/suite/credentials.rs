//! Each source of keys, their order, and what is said when there is none.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tencentcloud::credentials::Looked;
use tencentcloud::{
    Client, Credentials, CredentialsError, Environment, Error, ErrorKind, NotSent, ResolveOptions, sts,
};

use crate::support::{Reply, Request, Server};

/// An environment with an empty home folder, and options that look nowhere outside it.
fn nowhere() -> (TempDir, Environment, ResolveOptions) {
    let home = TempDir::new().expect("a folder");
    let environment = Environment::default().with_home(home.path());
    let options = ResolveOptions {
        system_file: home.path().join("etc/credentials"),
        metadata: "http://127.0.0.1:9".to_owned(),
        ..ResolveOptions::default()
    };
    (home, environment, options)
}

fn write(home: &Path, relative: &str, text: &str) {
    let path = home.join(relative);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn with_keys(environment: Environment) -> Environment {
    environment.with("TENCENTCLOUD_SECRET_ID", "env-id").with("TENCENTCLOUD_SECRET_KEY", "env-key")
}

/// A server that hands out temporary keys and tells callers who they are.
async fn sts_server() -> Server {
    Server::start(|_, request| match request.action() {
        "GetCallerIdentity" => Reply::Response(json!({ "AccountId": "1" })),
        "AssumeRole" | "AssumeRoleWithWebIdentity" => Reply::Response(json!({
            "Credentials": { "TmpSecretId": "tmp-id", "TmpSecretKey": "tmp-key", "Token": "tmp-token" },
            "ExpiredTime": 4_000_000_000_u64,
        })),
        _ if request.line.starts_with("GET /github") => {
            assert_eq!(request.header("authorization"), "Bearer request-token");
            Reply::json(r#"{"count":1,"value":"github-jwt"}"#)
        }
        _ => match request.line.split(' ').nth(1) {
            Some("/latest/meta-data/cam/security-credentials/") => Reply::json("machine-role\n"),
            Some("/latest/meta-data/cam/security-credentials/machine-role") => Reply::json(
                r#"{"TmpSecretId":"cvm-id","TmpSecretKey":"cvm-key","Token":"cvm-token","ExpiredTime":4000000000,"Code":"Success"}"#,
            ),
            other => panic!("unexpected {other:?}"),
        },
    })
    .await
}

async fn call(server: &Server, credentials: Credentials) -> Result<(), Error> {
    let mut config = server.config();
    config.credentials = credentials;
    Client::new(config).call(None, &sts::GetCallerIdentity::default()).await.map(|_| ())
}

/// Id and token that the call which asks for the identity was signed with.
async fn signed_by(server: &Server, credentials: Credentials) -> (String, String) {
    call(server, credentials).await.expect("an identity");
    let request = server.requests().pop().expect("a request");
    (id_of(&request), request.header("x-tc-token").to_owned())
}

fn id_of(request: &Request) -> String {
    let authorization = request.header("authorization");
    authorization.split("Credential=").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or("").to_owned()
}

fn pair(id: &str, token: &str) -> (String, String) {
    (id.to_owned(), token.to_owned())
}

#[tokio::test]
async fn environment_keys_take_their_token_from_any_of_its_names() {
    let server = sts_server().await;
    for name in ["TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN", "TENCENTCLOUD_SESSION_TOKEN"] {
        let (_home, environment, options) = nowhere();
        let environment = with_keys(environment).with(name, "t").with("TENCENTCLOUD_REGION", "ap-beijing");
        let credentials = Credentials::resolve(&environment, &options).expect("credentials");
        assert_eq!(credentials.region(), Some("ap-beijing"));
        assert!(credentials.source().contains("TENCENTCLOUD_SECRET_ID"), "{}", credentials.source());
        assert_eq!(signed_by(&server, credentials).await, pair("env-id", "t"), "{name}");
    }
}

#[test]
fn tokens_that_disagree_are_an_error_and_equal_ones_are_not() {
    let (_home, environment, options) = nowhere();
    let environment = with_keys(environment).with("TENCENTCLOUD_TOKEN", "a").with("TENCENTCLOUD_SESSION_TOKEN", "a");
    assert!(Credentials::resolve(&environment, &options).is_ok());
    let error = Credentials::resolve(&environment.with("TENCENTCLOUD_SECURITY_TOKEN", "secret-b"), &options)
        .expect_err("a conflict");
    assert!(matches!(error, CredentialsError::Disagree { .. }), "{error}");
    assert!(!error.to_string().contains("secret-b"));
}

#[test]
fn half_a_pair_is_an_error_and_empty_counts_as_unset() {
    let (_home, environment, options) = nowhere();
    let half = environment.with("TENCENTCLOUD_SECRET_ID", "id").with("TENCENTCLOUD_SECRET_KEY", "");
    let error = Credentials::resolve(&half, &options).expect_err("half a pair");
    assert_eq!(error.to_string(), "TENCENTCLOUD_SECRET_ID is set without TENCENTCLOUD_SECRET_KEY");
    assert!(Credentials::resolve(&half.with("TENCENTCLOUD_SECRET_ID", ""), &options).is_ok());
}

#[tokio::test]
async fn a_function_signs_with_the_keys_of_its_role() {
    let server = sts_server().await;
    let environment = Environment::default()
        .with("TENCENTCLOUD_SECRETID", "scf-id")
        .with("TENCENTCLOUD_SECRETKEY", "scf-key")
        .with("TENCENTCLOUD_SESSIONTOKEN", "scf-token");
    let credentials = Credentials::from_function_environment(&environment).expect("credentials");
    assert_eq!(signed_by(&server, credentials).await, pair("scf-id", "scf-token"));
    assert!(Credentials::from_function_environment(&Environment::default()).is_err());
}

fn check_exchange(request: &Request, token: &str, provider: &str) {
    assert_eq!(request.action(), "AssumeRoleWithWebIdentity");
    assert_eq!(request.header("authorization"), "SKIP");
    assert_eq!(request.header("x-tc-region"), "ap-guangzhou");
    assert!(!request.headers.contains_key("x-tc-token"));
    assert_eq!(
        request.json(),
        json!({
            "ProviderId": provider, "WebIdentityToken": token,
            "RoleArn": "qcs::cam::uin/1:roleName/ci", "RoleSessionName": "provision",
        })
    );
}

#[tokio::test]
async fn a_token_file_is_exchanged_unsigned() {
    let server = sts_server().await;
    let (home, environment, options) = nowhere();
    write(home.path(), "token", "file-jwt\n");
    let environment = environment
        .with("TENCENTCLOUD_ROLE_ARN", "qcs::cam::uin/1:roleName/ci")
        .with("TENCENTCLOUD_WEB_IDENTITY_TOKEN_FILE", &home.path().join("token").display().to_string());
    let credentials = Credentials::resolve(&environment, &options).expect("credentials");
    assert!(credentials.source().contains("roleName/ci"), "{}", credentials.source());
    assert_eq!(signed_by(&server, credentials).await, pair("tmp-id", "tmp-token"));
    check_exchange(&server.requests()[0], "file-jwt", "OIDC");
}

#[tokio::test]
async fn github_vouches_for_its_jobs() {
    let server = sts_server().await;
    let (_home, environment, options) = nowhere();
    let environment = environment
        .with("TENCENTCLOUD_ROLE_ARN", "qcs::cam::uin/1:roleName/ci")
        .with("TENCENTCLOUD_OIDC_PROVIDER", "GitHubActions")
        .with("ACTIONS_ID_TOKEN_REQUEST_URL", &format!("{}github?api-version=2", server.url))
        .with("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token");
    for (audience, query) in [(None, "sts.tencentcloudapi.com"), (Some("mine"), "mine")] {
        let before = server.requests().len();
        let environment = match audience {
            Some(audience) => environment.clone().with("TENCENTCLOUD_OIDC_AUDIENCE", audience),
            None => environment.clone(),
        };
        let credentials = Credentials::resolve(&environment, &options).expect("credentials");
        assert_eq!(signed_by(&server, credentials).await, pair("tmp-id", "tmp-token"));
        let requests = server.requests().split_off(before);
        assert_eq!(requests[0].line, format!("GET /github?api-version=2&audience={query} HTTP/1.1"));
        check_exchange(&requests[1], "github-jwt", "GitHubActions");
    }
}

#[tokio::test]
async fn a_pod_uses_the_variables_of_its_cluster() {
    let server = sts_server().await;
    let (home, environment, options) = nowhere();
    write(home.path(), "token", "pod-jwt");
    let environment = environment
        .with("TKE_REGION", "ap-guangzhou")
        .with("TKE_PROVIDER_ID", "cls-1")
        .with("TKE_WEB_IDENTITY_TOKEN_FILE", &home.path().join("token").display().to_string())
        .with("TKE_ROLE_ARN", "qcs::cam::uin/1:roleName/ci");
    let credentials = Credentials::resolve(&environment, &options).expect("credentials");
    assert_eq!(signed_by(&server, credentials).await, pair("tmp-id", "tmp-token"));
    check_exchange(&server.requests()[0], "pod-jwt", "cls-1");
}

#[tokio::test]
async fn one_seat_is_enough_to_fetch_keys_and_to_use_them() {
    let server = sts_server().await;
    let (_home, environment, options) = nowhere();
    let environment = environment
        .with("TENCENTCLOUD_ROLE_ARN", "qcs::cam::uin/1:roleName/ci")
        .with("TENCENTCLOUD_WEB_IDENTITY_TOKEN", "jwt");
    let mut config = server.config();
    config.credentials = Credentials::resolve(&environment, &options).expect("credentials");
    config.parallelism = 1;
    let client = Client::new(config);
    let request = sts::GetCallerIdentity::default();
    tokio::time::timeout(Duration::from_secs(10), client.call(None, &request))
        .await
        .expect("no deadlock")
        .expect("an identity");
}

#[tokio::test]
async fn a_refused_exchange_is_told_with_the_services_words() {
    let server = Server::start(|_, _| Reply::Refuse("InvalidParameter.WebIdentityTokenError")).await;
    let (_home, environment, options) = nowhere();
    let environment = environment
        .with("TENCENTCLOUD_ROLE_ARN", "qcs::cam::uin/1:roleName/ci")
        .with("TENCENTCLOUD_WEB_IDENTITY_TOKEN", "hunter2");
    let credentials = Credentials::resolve(&environment, &options).expect("credentials");
    let error = call(&server, credentials).await.expect_err("no keys");
    assert!(matches!(error.kind(), ErrorKind::NotSent(NotSent::Credentials(_))), "{error:?}");
    assert!(chain(&error).contains("InvalidParameter.WebIdentityTokenError"), "{}", chain(&error));
    assert!(!format!("{error:?}").contains("hunter2"));

    let echo = r#"{"Response":{"Error":{"Code":"InvalidParameter.WebIdentityTokenError","Message":"hunter2 is no token"},"RequestId":"r"}}"#;
    let server = Server::start(move |_, _| Reply::json(echo)).await;
    let credentials = Credentials::resolve(&environment, &options).expect("credentials");
    let text = chain(&call(&server, credentials).await.expect_err("no keys"));
    assert!(text.contains("*** is no token") && !text.contains("hunter2"), "{text}");
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}

#[tokio::test]
async fn a_tccli_profile_gives_keys_and_a_region() {
    let server = sts_server().await;
    let (home, environment, options) = nowhere();
    write(home.path(), ".tccli/default.credential", r#"{"secretId":"cli-id","secretKey":"cli-key","token":null}"#);
    write(home.path(), ".tccli/default.configure", r#"{"_sys_param":{"region":"ap-shanghai"},"cvm":{}}"#);
    write(home.path(), ".tccli/other.credential", r#"{"secretId":"other-id","secretKey":"k","token":"other-t"}"#);
    let credentials = Credentials::resolve(&environment, &options).expect("credentials");
    assert_eq!(credentials.region(), Some("ap-shanghai"));
    assert_eq!(signed_by(&server, credentials).await, pair("cli-id", ""));

    let renamed = environment.clone().with("TCCLI_PROFILE", "other");
    let credentials = Credentials::resolve(&renamed, &options).expect("credentials");
    assert_eq!(signed_by(&server, credentials).await, pair("other-id", "other-t"));

    let named = ResolveOptions { profile: Some("other".to_owned()), ..options };
    let credentials = Credentials::resolve(&with_keys(environment), &named).expect("credentials");
    assert_eq!(signed_by(&server, credentials).await, pair("other-id", "other-t"), "a named profile comes first");
}

#[tokio::test]
async fn a_tccli_profile_with_a_role_takes_it_on() {
    let server = sts_server().await;
    let (home, environment, options) = nowhere();
    let file = json!({
        "secretId": "base-id", "secretKey": "base-key", "type": "default",
        "role-arn": "qcs::cam::uin/1:roleName/deploy", "role-session-name": "me",
    });
    write(home.path(), ".tccli/default.credential", &file.to_string());
    let credentials = Credentials::resolve(&environment, &options).expect("credentials");
    assert_eq!(signed_by(&server, credentials).await, pair("tmp-id", "tmp-token"));
    let exchange = &server.requests()[0];
    assert_eq!((exchange.action(), id_of(exchange).as_str()), ("AssumeRole", "base-id"));
    assert_eq!(exchange.json()["RoleArn"], "qcs::cam::uin/1:roleName/deploy");
}

#[test]
fn a_tccli_login_that_ran_out_says_so() {
    for kind in ["oauth", "sso"] {
        let file = |expires: u64| json!({ "secretId": "i", "secretKey": "k", "type": kind, "expiresAt": expires });
        let (home, environment, options) = nowhere();
        write(home.path(), ".tccli/default.credential", &file(1).to_string());
        let error = Credentials::resolve(&environment, &options).expect_err("expired");
        assert!(matches!(error, CredentialsError::Expired { .. }), "{error}");
        write(home.path(), ".tccli/default.credential", &file(4_000_000_000).to_string());
        assert!(Credentials::resolve(&environment, &options).is_ok());
    }
}

#[test]
fn a_broken_profile_is_an_error_without_its_content() {
    for text in ["not json hunter2", r#"{"secretId":"hunter2"}"#, r#"{"secretId":["hunter2"],"secretKey":"k"}"#] {
        let (home, environment, options) = nowhere();
        write(home.path(), ".tccli/default.credential", text);
        write(home.path(), ".tencentcloud/credentials", "[default]\nsecret_id = a\nsecret_key = b\n");
        let error = Credentials::resolve(&environment, &options).expect_err("a broken file");
        assert!(error.to_string().contains("default.credential"), "{error}");
        assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn the_sdks_file_is_read_by_section() {
    let server = sts_server().await;
    let (home, environment, options) = nowhere();
    let text = "# keys\n[default]\nsecret_id =  ini-id \nsecret_key=ini-key\n\n[ci]\nsecret_id = ci-id\nsecret_key = k\ntoken = ci-t\n";
    write(home.path(), ".tencentcloud/credentials", text);
    let credentials = Credentials::resolve(&environment, &options).expect("credentials");
    assert_eq!(signed_by(&server, credentials).await, pair("ini-id", ""));
    let named = ResolveOptions { profile: Some("ci".to_owned()), ..options };
    let credentials = Credentials::resolve(&environment, &named).expect("credentials");
    assert_eq!(signed_by(&server, credentials).await, pair("ci-id", "ci-t"));
}

#[tokio::test]
async fn the_machine_wide_file_comes_after_the_own_one() {
    let server = sts_server().await;
    let (home, environment, options) = nowhere();
    write(home.path(), "etc/credentials", "[default]\nsecret_id = etc-id\nsecret_key = k\n");
    let credentials = Credentials::resolve(&environment, &options).expect("credentials");
    assert_eq!(signed_by(&server, credentials).await, pair("etc-id", ""));
    write(home.path(), ".tencentcloud/credentials", "[default]\nsecret_id = own-id\nsecret_key = k\n");
    let credentials = Credentials::resolve(&environment, &options).expect("credentials");
    assert_eq!(signed_by(&server, credentials).await, pair("own-id", ""));
}

#[test]
fn a_profile_that_does_not_exist_is_an_error_even_with_keys_elsewhere() {
    let (_home, environment, options) = nowhere();
    let named = ResolveOptions { profile: Some("nobody".to_owned()), ..options };
    let error = Credentials::resolve(&with_keys(environment.clone()), &named).expect_err("no such profile");
    let CredentialsError::NoProfile { looked, .. } = &error else { panic!("{error:?}") };
    assert_eq!(looked.len(), 3, "{looked:?}");
    let escaping = ResolveOptions { profile: Some("../x".to_owned()), ..named };
    assert!(Credentials::resolve(&environment, &escaping).is_err());
}

#[tokio::test]
async fn a_cvm_lends_its_role_and_keys_are_fetched_once() {
    let server = sts_server().await;
    let (_home, environment, options) = nowhere();
    let options = ResolveOptions { metadata: server.url.to_string(), ..options };
    let credentials = Credentials::resolve(&environment, &options).expect("credentials");
    let mut config = server.config();
    config.credentials = credentials;
    config.parallelism = 1;
    let client = Client::new(config);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let client = client.clone();
        calls.spawn(async move { client.call(None, &sts::GetCallerIdentity::default()).await });
    }
    while let Some(result) = calls.join_next().await {
        result.expect("no panic").expect("an identity");
    }
    let requests = server.requests();
    assert_eq!(requests.iter().filter(|request| request.line.starts_with("GET ")).count(), 2);
    let calls: Vec<_> = requests.iter().filter(|request| request.action() == "GetCallerIdentity").collect();
    assert_eq!(calls.len(), 10);
    assert!(calls.iter().all(|request| id_of(request) == "cvm-id" && request.header("x-tc-token") == "cvm-token"));
}

#[tokio::test]
async fn without_any_credentials_every_place_is_listed() {
    let server = Server::start(|_, _| Reply::Http { status: 404, headers: String::new(), body: Vec::new() }).await;
    let (home, environment, options) = nowhere();
    let options = ResolveOptions { metadata: server.url.to_string(), ..options };
    let credentials = Credentials::resolve(&environment, &options).expect("the last resort");
    let error = call(&server, credentials).await.expect_err("no credentials");
    assert!(!error.outcome_unknown());
    let text = chain(&error);
    let home = home.path().display().to_string();
    for place in [
        "TENCENTCLOUD_SECRET_ID",
        "TENCENTCLOUD_ROLE_ARN",
        &format!("{home}/.tccli/default.credential"),
        &format!("{home}/.tencentcloud/credentials"),
        &format!("{home}/etc/credentials"),
        "CVM role: no role is bound to this machine",
    ] {
        assert!(text.contains(place), "{place} is not in {text}");
    }
}

#[test]
fn a_role_without_a_proof_is_no_reason_to_act_with_other_keys() {
    let (home, environment, options) = nowhere();
    write(home.path(), ".tccli/default.credential", r#"{"secretId":"cli-id","secretKey":"cli-key","token":null}"#);
    let environment = environment.with("TENCENTCLOUD_ROLE_ARN", "qcs::cam::uin/1:roleName/ci");
    let error = Credentials::resolve(&environment, &options).expect_err("no proof");
    assert!(error.to_string().contains("id-token: write"), "{error}");
}

#[test]
fn debug_of_credentials_shows_no_key() {
    let (_home, environment, options) = nowhere();
    let credentials = Credentials::resolve(&with_keys(environment), &options).expect("credentials");
    let shown = format!("{credentials:?} {:?}", Looked { place: "a".to_owned(), why: "b".to_owned() });
    assert!(!shown.contains("env-key") && !shown.contains("env-id"), "{shown}");
}
