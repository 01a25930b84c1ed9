//! How far a failed call got, what is repeated, and how often.

use std::collections::HashSet;
use std::error::Error as _;
use std::time::Duration;

use serde_json::{Value, json};
use tencentcloud::{Action, Client, Error, ErrorKind, NotSent, Outcome, RetryPolicy, Unknown, cam, scf, sts, tag};
use tokio::net::TcpListener;

use crate::support::{Reply, Server, quick_retries, recorded};

const REGION: Option<&str> = Some("ap-beijing");

fn get_function() -> scf::GetFunction {
    scf::GetFunction { function_name: Some("f".to_owned()), ..Default::default() }
}

fn function() -> Value {
    json!({ "FunctionName": "f", "Status": "Active" })
}

fn create_function() -> scf::CreateFunction {
    scf::CreateFunction { function_name: "f".to_owned(), ..Default::default() }
}

fn update_namespace() -> scf::UpdateNamespace {
    scf::UpdateNamespace { namespace: "n".to_owned(), description: "d".to_owned() }
}

/// Makes a call that fails each time in the same way; returns the error and how often it was sent.
async fn failed<A: Action>(request: &A, reply: fn() -> Reply) -> (Error, usize) {
    let server = Server::start(move |_, _| reply()).await;
    let mut config = server.config();
    config.request_timeout = Duration::from_millis(200);
    let error = Client::new(config).call(REGION, request).await.err().expect("a failure");
    (error, server.requests().len())
}

async fn check_unknown(reply: fn() -> Reply, expected: fn(&Unknown) -> bool) {
    for (effect, sent) in [("read", 3), ("full update", 3), ("create", 1)] {
        let (error, count) = match effect {
            "read" => failed(&get_function(), reply).await,
            "full update" => failed(&update_namespace(), reply).await,
            _ => failed(&create_function(), reply).await,
        };
        let ErrorKind::Unknown(unknown) = error.kind() else { panic!("{effect}: {error:?}") };
        assert!(expected(unknown), "{effect}: {error:?}");
        assert!(error.outcome_unknown(), "{effect}");
        assert_eq!((error.code(), scf::is_function_absent(&error)), (None, false), "{effect}");
        assert_eq!(count, sent, "{effect}: {error:?}");
    }
}

#[tokio::test]
async fn silence_is_a_timeout() {
    check_unknown(|| Reply::Silence, |unknown| matches!(unknown, Unknown::Timeout(_))).await;
}

#[tokio::test]
async fn a_connection_closed_instead_of_an_answer_is_lost() {
    check_unknown(|| Reply::Raw(Vec::new()), |unknown| matches!(unknown, Unknown::ConnectionLost(_))).await;
}

#[tokio::test]
async fn a_truncated_answer_is_not_read() {
    check_unknown(
        || {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
            Reply::Raw(format!("{head}{{\"Response\":{{\"RequestId\":\"1\"}}}}").into_bytes())
        },
        |unknown| matches!(unknown, Unknown::ConnectionLost(_)),
    )
    .await;
}

#[tokio::test]
async fn an_answer_cut_off_inside_its_json_is_unreadable() {
    check_unknown(|| Reply::json("{\"Response\":{\"Functions\":["), |u| matches!(u, Unknown::Unreadable(_))).await;
}

#[tokio::test]
async fn any_other_status_than_200_leaves_the_outcome_open() {
    fn refused_with_502() -> Reply {
        let body = br#"{"Response":{"Error":{"Code":"ResourceNotFound.Function","Message":""},"RequestId":"1"}}"#;
        Reply::Http { status: 502, headers: String::new(), body: body.to_vec() }
    }
    check_unknown(refused_with_502, |unknown| matches!(unknown, Unknown::Status(502))).await;
    check_unknown(
        || Reply::Http { status: 302, headers: "location: /elsewhere\r\n".to_owned(), body: Vec::new() },
        |unknown| matches!(unknown, Unknown::Status(302)),
    )
    .await;
}

#[tokio::test]
async fn an_error_page_is_unreadable() {
    check_unknown(
        || Reply::Http {
            status: 200,
            headers: "content-type: text/html\r\n".to_owned(),
            body: b"<html>Service temporarily unavailable: hunter2</html>".to_vec(),
        },
        |unknown| matches!(unknown, Unknown::Unreadable(why) if !why.contains("hunter2")),
    )
    .await;
}

#[tokio::test]
async fn json_that_is_no_answer_is_unreadable() {
    for reply in [
        (|| Reply::json("[]")) as fn() -> Reply,
        || Reply::json("{}"),
        || Reply::json("null"),
        || Reply::json(r#"{"Response":null}"#),
        || Reply::json(r#"{"Response":[]}"#),
        || Reply::json(r#"{"Response":{"Error":{"Message":"no code"}}}"#),
        || Reply::json(r#"{"Response":{"Error":"odd"}}"#),
    ] {
        check_unknown(reply, |unknown| matches!(unknown, Unknown::Unreadable(_))).await;
    }
}

#[tokio::test]
async fn a_list_answer_without_its_list_is_not_an_empty_list() {
    let (error, _) = failed(&scf::ListFunctions::default(), || Reply::Response(json!({ "TotalCount": 0 }))).await;
    let ErrorKind::Unknown(Unknown::Unreadable(why)) = error.kind() else { panic!("{error:?}") };
    assert!(why.contains("Functions"), "{why}");
}

#[tokio::test]
async fn unreadable_values_are_not_quoted() {
    let (error, _) =
        failed(&get_function(), || Reply::Response(json!({ "FunctionName": ["hunter2"], "Status": "hunter2" }))).await;
    assert!(!format!("{error:?} {error} {}", error.source().expect("a cause")).contains("hunter2"));
}

#[tokio::test]
async fn no_connection_means_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let server = Server::start(|_, _| Reply::Silence).await;
    let mut config = server.config();
    config.endpoint = Some(format!("http://{address}").parse().expect("a URL"));
    let records = recorded(&mut config);
    let error = Client::new(config).call(REGION, &create_function()).await.expect_err("a failure");
    assert!(matches!(error.kind(), ErrorKind::NotSent(NotSent::Connect(_))), "{error:?}");
    assert!(!error.outcome_unknown());
    let records = records.lock().expect("records");
    assert_eq!(records.len(), 3, "what never left is repeated, creates included");
    assert!(records.iter().all(|record| record.outcome == Outcome::NotSent));
}

#[tokio::test]
async fn a_server_without_tls_gets_nothing_over_https() {
    let server = Server::start(|_, _| Reply::Response(function())).await;
    let mut config = server.config();
    config.endpoint = Some(server.url.as_str().replace("http:", "https:").parse().expect("a URL"));
    // The server waits for a line end that a TLS greeting need not hold.
    config.connect_timeout = Duration::from_millis(200);
    let error = Client::new(config).call(REGION, &create_function()).await.expect_err("a failure");
    assert!(matches!(error.kind(), ErrorKind::NotSent(NotSent::Connect(_))), "{error:?}");
}

#[tokio::test]
async fn a_request_beyond_the_platforms_limit_is_not_sent() {
    let server = Server::start(|_, _| Reply::Response(json!({}))).await;
    let request = scf::CreateFunction {
        code: scf::Code { zip_file: Some("x".repeat(tencentcloud::MAX_REQUEST_BYTES)), ..Default::default() },
        ..create_function()
    };
    let error = server.client().call(REGION, &request).await.expect_err("a failure");
    assert!(matches!(error.kind(), ErrorKind::NotSent(NotSent::Request(_))), "{error:?}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_refusal_is_final_and_carries_the_services_words() {
    let (error, sent) = failed(&get_function(), || Reply::Refuse("ResourceNotFound.Function")).await;
    assert_eq!(sent, 1);
    assert!(scf::is_function_absent(&error));
    assert!(!error.outcome_unknown());
    assert_eq!(error.code(), Some("ResourceNotFound.Function"));
    assert_eq!(error.request_id(), Some("r-2"));
    assert_eq!(error.to_string(), "the service refused scf GetFunction in ap-beijing");
    assert_eq!(error.source().expect("a cause").to_string(), "ResourceNotFound.Function: no (request r-2)");
}

#[tokio::test]
async fn absence_is_told_only_by_the_services_own_codes() {
    for code in ["ResourceNotFound.Role", "ResourceNotFound", "InvalidParameter", "UnauthorizedOperation.CAM"] {
        let code: &'static str = code;
        let server = Server::start(move |_, _| Reply::Refuse(code)).await;
        let error = server.client().call(REGION, &get_function()).await.expect_err("a refusal");
        assert!(!scf::is_function_absent(&error), "{code}");
        assert!(!scf::is_trigger_absent(&error), "{code}");
        assert!(!cam::is_policy_absent(&error), "{code}");
    }
}

#[tokio::test]
async fn an_internal_error_is_repeated_for_reads_and_leaves_creates_open() {
    let (error, sent) = failed(&get_function(), || Reply::Refuse("InternalError.System")).await;
    assert_eq!((sent, error.outcome_unknown()), (3, false));
    let (error, sent) = failed(&create_function(), || Reply::Refuse("InternalError")).await;
    assert_eq!((sent, error.outcome_unknown()), (1, true));
    assert_eq!(error.code(), Some("InternalError"));
    let (error, _) = failed(&create_function(), || Reply::Refuse("InternalErrorish")).await;
    assert!(!error.outcome_unknown(), "a family ends at a dot");
}

#[tokio::test]
async fn a_read_survives_a_lost_answer() {
    let server = Server::start(|number, _| match number {
        0 => Reply::Raw(Vec::new()),
        _ => Reply::Response(function()),
    })
    .await;
    let mut config = server.config();
    let records = recorded(&mut config);
    let found = Client::new(config).call(REGION, &get_function()).await.expect("a function");
    assert_eq!(found.status, "Active");
    let records = records.lock().expect("records");
    let told: Vec<_> = records.iter().map(|record| (record.attempt, record.outcome.clone())).collect();
    assert_eq!(told, [(1, Outcome::Unknown), (2, Outcome::Done)]);
    assert_eq!(records[1].request_id.as_deref(), Some("r-1"));
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_still_says_that_the_outcome_is_open() {
    let server = Server::start(|number, _| match number {
        0 => Reply::Raw(Vec::new()),
        _ => Reply::Refuse("ResourceNotFound.Namespace"),
    })
    .await;
    let error = server.client().call(REGION, &update_namespace()).await.expect_err("a refusal");
    assert_eq!(error.code(), Some("ResourceNotFound.Namespace"));
    assert!(error.outcome_unknown());
}

#[tokio::test]
async fn every_kind_of_throttling_is_repeated_even_for_creates() {
    for code in ["RequestLimitExceeded", "RequestLimitExceeded.UinLimitExceeded", "RequestLimitExceeded.Anything"] {
        let server = Server::start(move |number, _| match number {
            0 => Reply::Refuse(code),
            _ => Reply::Response(json!({})),
        })
        .await;
        server.client().call(REGION, &create_function()).await.expect("done in the end");
        assert_eq!(server.requests().len(), 2, "{code}");
    }
}

#[tokio::test]
async fn what_is_under_way_already_is_waited_for_even_by_creates() {
    let server = Server::start(|number, _| match number {
        0..5 => Reply::Refuse("ResourceUnavailable.Namespace"),
        _ => Reply::Response(json!({})),
    })
    .await;
    server.client().call(REGION, &create_function()).await.expect("done in the end");
    assert_eq!(server.requests().len(), 6, "more often than a failure is repeated");
    let server = Server::start(|number, _| match number {
        0 => Reply::Refuse("FailedOperation.ResourceTagProcessing"),
        _ => Reply::Response(json!({ "FailedResources": [] })),
    })
    .await;
    server.client().call(None, &tag::UnTagResources::default()).await.expect("done in the end");
    let mut config = server.config();
    config.retry = RetryPolicy { total: Duration::ZERO, ..quick_retries() };
    let server = Server::start(|_, _| Reply::Refuse("ResourceUnavailable.Namespace")).await;
    config.endpoint = Some(server.url.clone());
    let error = Client::new(config).call(REGION, &create_function()).await.expect_err("a refusal");
    assert!(error.code() == Some("ResourceUnavailable.Namespace") && !error.outcome_unknown());
    let (_, sent) = failed(&cam::GetRole::default(), || Reply::Refuse("ResourceUnavailable.Namespace")).await;
    assert_eq!(sent, 1, "elsewhere the code means something else");
}

#[tokio::test]
async fn sts_throttles_with_a_code_of_its_own() {
    let server = Server::start(|number, _| match number {
        0 => Reply::Refuse("InvalidParameter.OverLimit"),
        _ => Reply::Response(json!({ "AccountId": "1" })),
    })
    .await;
    server.client().call(None, &sts::GetCallerIdentity::default()).await.expect("done in the end");
    let (_, sent) = failed(&get_function(), || Reply::Refuse("InvalidParameter.OverLimit")).await;
    assert_eq!(sent, 1, "elsewhere the code means something else");
}

#[tokio::test]
async fn throttling_without_end_is_reported_after_its_time() {
    let server = Server::start(|_, _| Reply::Refuse("RequestLimitExceeded")).await;
    let mut config = server.config();
    config.retry = RetryPolicy { throttle_total: Duration::ZERO, ..quick_retries() };
    let error = Client::new(config).call(REGION, &create_function()).await.expect_err("a refusal");
    assert!(error.is_throttled() && !error.outcome_unknown());
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_once_and_for_all() {
    const AHEAD: i64 = 7200;
    let now = || jiff_now() + AHEAD;
    let server = Server::start(move |_, request| {
        let sent: i64 = request.header("x-tc-timestamp").parse().expect("a timestamp");
        if (now() - sent).abs() <= 300 {
            return Reply::Response(function());
        }
        let body = br#"{"Response":{"Error":{"Code":"AuthFailure.SignatureExpire","Message":""},"RequestId":"1"}}"#;
        Reply::Http { status: 200, headers: format!("date: {}\r\n", http_date(now())), body: body.to_vec() }
    })
    .await;
    let client = server.client();
    client.call(REGION, &get_function()).await.expect("a function");
    client.call(REGION, &get_function()).await.expect("a function");
    assert_eq!(server.requests().len(), 3, "the second call knows the time already");
}

#[tokio::test]
async fn a_clock_that_stays_wrong_is_no_endless_loop() {
    let server = Server::start(|_, _| {
        let body = br#"{"Response":{"Error":{"Code":"AuthFailure.SignatureExpire","Message":""},"RequestId":"1"}}"#;
        Reply::Http { status: 200, headers: "date: Tue, 15 Nov 1994 08:12:31 GMT\r\n".to_owned(), body: body.to_vec() }
    })
    .await;
    let error = server.client().call(REGION, &create_function()).await.expect_err("a refusal");
    assert_eq!(error.code(), Some("AuthFailure.SignatureExpire"));
    assert_eq!(server.requests().len(), 2);
}

fn jiff_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("before the end of time")
}

fn http_date(seconds: i64) -> String {
    let stamp = jiff::Timestamp::from_second(seconds).expect("a time");
    stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[tokio::test]
async fn a_single_call_may_have_a_time_limit_of_its_own() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let error = server
        .client()
        .call_within(Duration::from_millis(50), REGION, &create_function())
        .await
        .expect_err("a timeout");
    assert!(matches!(error.kind(), ErrorKind::Unknown(Unknown::Timeout(_))), "{error:?}");
}

#[tokio::test]
async fn connections_are_reused() {
    let server = Server::start(|_, _| Reply::Response(function())).await;
    let client = server.client();
    for _ in 0..5 {
        client.call(REGION, &get_function()).await.expect("a function");
    }
    assert_eq!(server.requests().len(), 5);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn no_more_calls_are_under_way_than_allowed() {
    let most = std::sync::Arc::new(std::sync::Mutex::new((0_u32, 0_u32)));
    let seen = std::sync::Arc::clone(&most);
    let server = Server::start_async(move |_| {
        let seen = std::sync::Arc::clone(&seen);
        async move {
            {
                let mut seen = seen.lock().expect("counts");
                seen.0 += 1;
                seen.1 = seen.1.max(seen.0);
            }
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            seen.lock().expect("counts").0 -= 1;
            Reply::Response(function())
        }
    })
    .await;
    let mut config = server.config();
    config.parallelism = 3;
    let client = Client::new(config);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        calls.spawn(async move { client.call(REGION, &get_function()).await });
    }
    while let Some(result) = calls.join_next().await {
        result.expect("no panic").expect("a function");
    }
    assert_eq!(most.lock().expect("counts").1, 3);
}

#[tokio::test]
async fn call_records_name_the_call_and_no_content() {
    let server = Server::start(|_, _| Reply::Refuse("FailedOperation.CreateFunction")).await;
    let mut config = server.config();
    let records = recorded(&mut config);
    let _ = Client::new(config).call(REGION, &create_function()).await;
    let records = records.lock().expect("records");
    let record = &records[0];
    assert_eq!((record.service.name(), record.action, record.region.as_deref()), ("scf", "CreateFunction", REGION));
    assert_eq!(record.outcome, Outcome::Refused("FailedOperation.CreateFunction".to_owned()));
    let actions: HashSet<_> = server.requests().iter().map(|request| request.action().to_owned()).collect();
    assert_eq!(actions, HashSet::from(["CreateFunction".to_owned()]));
}
