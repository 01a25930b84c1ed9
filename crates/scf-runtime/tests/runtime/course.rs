//! The loop against a scripted runtime API: the ordinary course, and each way in which the API may deviate from it.

use std::sync::mpsc;
use std::time::Duration;

use crate::scripted::{Api, Step, event, plain, status};
use scf_runtime::{Bytes, Context, Error, Failure, Handler, Runtime};

/// Runs a handler until the script ends, with the patience of a test.
fn run(api: &Api, handler: impl Handler) -> Error {
    let runtime = Runtime::at(api.address.to_string()).patience(Duration::from_millis(300));
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio.block_on(runtime.run(handler)).expect_err("the script ends with refusals")
}

fn echo() -> impl Handler {
    scf_runtime::raw(|event: Bytes, _| async move { Ok::<_, Failure>(event) })
}

#[test]
fn an_event_is_answered_after_ready_with_one_space() {
    let api = Api::start(vec![plain("hello"), plain("again")]);
    run(&api, echo());
    let calls: Vec<_> = api.calls().into_iter().take(5).map(|call| (call.path.clone(), call.text())).collect();
    let expected = [
        ("/runtime/init/ready", " "),
        ("/runtime/invocation/next", ""),
        ("/runtime/invocation/response", "hello"),
        ("/runtime/invocation/next", ""),
        ("/runtime/invocation/response", "again"),
    ];
    assert_eq!(calls, expected.map(|(path, body)| (path.to_owned(), body.to_owned())));
}

#[test]
fn one_connection_serves_all_calls() {
    let api = Api::start((0..50).map(|n| plain(&n.to_string())).collect());
    run(&api, echo());
    assert_eq!(api.bodies("/response").len(), 50);
    assert!(api.calls().iter().all(|call| call.connection == 0));
}

#[test]
fn a_slow_next_is_waited_for() {
    let (word, wait) = mpsc::channel();
    let api = Api::start(vec![Step::After(wait, event(&["request_id: r"], b"late"))]);
    let watched = api.clone();
    // The word comes only once the runtime hangs in `next`, well after its patience for failures.
    let teller = std::thread::spawn(move || {
        let asked = std::time::Instant::now();
        while asked.elapsed() < Duration::from_millis(600) || !watched.calls().iter().any(|c| c.path.ends_with("next"))
        {
            std::thread::yield_now();
        }
        word.send(()).expect("the API waits");
    });
    run(&api, echo());
    teller.join().expect("told");
    assert_eq!(api.bodies("/response"), ["late"]);
}

#[test]
fn header_names_are_matched_without_case() {
    let headers = ["Request_Id: r-7", "MEMORY_LIMIT_IN_MB: 256", "Time_Limit_In_Ms: 15000"];
    let api = Api::start(vec![Step::Bytes(event(&headers, b"{}"))]);
    run(
        &api,
        scf_runtime::raw(|_, context: Context| async move {
            let left = context.remaining().expect("a limit");
            assert!(left > Duration::from_secs(10) && left <= Duration::from_secs(15), "{left:?}");
            Ok::<_, Failure>(format!("{} {:?} {:?}", context.request_id, context.memory_limit_mb, context.time_limit))
        }),
    );
    assert_eq!(api.bodies("/response"), ["r-7 Some(256) Some(15s)"]);
}

#[test]
fn missing_and_unreadable_headers_are_no_failure() {
    for headers in [&[][..], &["memory_limit_in_mb: much", "time_limit_in_ms: -1"][..]] {
        let api = Api::start(vec![Step::Bytes(event(headers, b"{}"))]);
        run(
            &api,
            scf_runtime::raw(|_, context: Context| async move {
                Ok::<_, Failure>(format!(
                    "{:?} {:?} {:?}",
                    context.request_id, context.memory_limit_mb, context.deadline
                ))
            }),
        );
        assert_eq!(api.bodies("/response"), [r#""" None None"#]);
    }
}

#[test]
fn an_error_fails_the_event_with_type_and_message_and_the_loop_goes_on() {
    let api = Api::start(vec![plain("bad"), plain("good")]);
    run(
        &api,
        scf_runtime::raw(|event: Bytes, _| async move {
            if event == "bad" { Err(Failure::new("Refused", "bad is bad")) } else { Ok(event) }
        }),
    );
    assert_eq!(api.bodies("/error"), [r#"{"errorType":"Refused","errorMessage":"bad is bad"}"#]);
    assert_eq!(api.bodies("/response"), ["good"]);
}

#[test]
fn a_panic_fails_one_event_wherever_it_happens() {
    let api = Api::start(vec![plain("now"), plain("later"), plain("fine")]);
    run(
        &api,
        scf_runtime::raw(|event: Bytes, _| {
            assert!(event != "now", "at once");
            async move {
                tokio::task::yield_now().await;
                assert!(event != "later", "after {}", "an await");
                Ok::<_, Failure>(event)
            }
        }),
    );
    let expected = ["at once", "after an await"].map(|it| format!(r#"{{"errorType":"Panic","errorMessage":"{it}"}}"#));
    assert_eq!(api.bodies("/error"), expected);
    assert_eq!(api.bodies("/response"), ["fine"]);
}

#[test]
fn json_that_does_not_fit_fails_the_event_without_quoting_it() {
    let api = Api::start(vec![
        plain(r#"{"n": "canary"}"#),
        plain(r#"{"n": canary"#),
        plain(r#"{"n": "#),
        plain(r#"{"n": 4}"#),
    ]);
    #[derive(serde::Deserialize)]
    struct Input {
        n: u32,
    }
    run(&api, scf_runtime::json(|input: Input, _| async move { Ok::<_, Failure>(vec![input.n + 1]) }));
    let errors = api.bodies("/error");
    assert_eq!(errors.len(), 3);
    for (error, what) in errors.iter().zip(["is JSON of another shape", "is not JSON", "ends in the middle"]) {
        assert!(error.contains("InvalidEvent") && error.contains(what) && !error.contains("canary"), "{error}");
    }
    assert_eq!(api.bodies("/response"), ["[5]"]);
}

#[test]
fn next_is_asked_again_after_refusals_server_errors_and_lost_connections() {
    let torn = b"HTTP/1.1 200 OK\r\nrequest_id: r\r\ncontent-length: 100\r\n\r\nhalf".to_vec();
    let garbage = b"what is HTTP?\r\n\r\n".to_vec();
    let api = Api::start(vec![
        Step::Bytes(status(404)),
        Step::Bytes(status(503)),
        Step::Drop,
        Step::Last(torn),
        Step::Last(garbage),
        plain("whole"),
    ]);
    let runtime = Runtime::at(api.address.to_string()).patience(Duration::from_millis(1500));
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio.block_on(runtime.run(echo())).expect_err("the script ends with refusals");
    assert_eq!(api.bodies("/response"), ["whole"]);
    assert!(api.bodies("/error").is_empty());
}

#[test]
fn a_connection_closed_between_events_is_made_anew() {
    let closing = |body: &str| {
        Step::Last(
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into(),
        )
    };
    let api = Api::start(vec![closing("a"), closing("b"), plain("c")]);
    run(&api, echo());
    assert_eq!(api.bodies("/response"), ["a", "b", "c"]);
}

#[test]
fn a_chunked_event_is_read_whole() {
    let chunked =
        b"HTTP/1.1 200 OK\r\nrequest_id: r\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let api = Api::start(vec![Step::Bytes(chunked.to_vec())]);
    run(&api, echo());
    assert_eq!(api.bodies("/response"), ["abcde"]);
}

#[test]
fn an_event_and_an_answer_at_the_platforms_limit_pass() {
    let api = Api::start(vec![plain(&"x".repeat(scf_runtime::MAX_RESPONSE_BYTES))]);
    run(&api, echo());
    assert_eq!(api.bodies("/response")[0].len(), scf_runtime::MAX_RESPONSE_BYTES);
}

#[test]
fn an_answer_over_the_platforms_limit_is_a_failed_event() {
    let api = Api::start(vec![plain(&"x".repeat(scf_runtime::MAX_RESPONSE_BYTES + 1)), plain("small")]);
    run(&api, echo());
    assert!(api.bodies("/error")[0].contains("ResponseTooLarge"));
    assert_eq!(api.bodies("/response"), ["small"]);
}

#[test]
fn a_runaway_event_fails_without_being_read_whole() {
    let announced = format!("HTTP/1.1 200 OK\r\nrequest_id: r\r\ncontent-length: {}\r\n\r\n", 1_u64 << 40);
    let mut endless = b"HTTP/1.1 200 OK\r\nrequest_id: r\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    for _ in 0..13 {
        endless.extend_from_slice(chunk.as_bytes());
    }
    let api = Api::start(vec![Step::Bytes(announced.into()), Step::Bytes(endless), plain("small")]);
    run(&api, echo());
    assert_eq!(api.bodies("/error").iter().filter(|error| error.contains("EventTooLarge")).count(), 2);
    assert_eq!(api.bodies("/response"), ["small"]);
}

#[test]
fn a_refused_response_becomes_a_failed_event() {
    let api = Api::with(vec![plain("a"), plain("b")], vec![], vec![Step::Bytes(status(413))], vec![]);
    run(&api, echo());
    assert!(api.bodies("/error")[0].contains("ResponseRefused"), "{:?}", api.bodies("/error"));
    assert_eq!(api.bodies("/response"), ["a", "b"]);
}

#[test]
fn a_refused_error_does_not_end_the_loop() {
    let api = Api::with(vec![plain("bad"), plain("good")], vec![], vec![], vec![Step::Bytes(status(400))]);
    run(
        &api,
        scf_runtime::raw(|event: Bytes, _| async move {
            if event == "bad" { Err(Failure::new("A", "b")) } else { Ok(event) }
        }),
    );
    assert_eq!(api.bodies("/response"), ["good"]);
}

#[test]
fn a_response_is_sent_again_after_a_lost_connection_or_server_error() {
    let api = Api::with(vec![plain("a")], vec![], vec![Step::Drop, Step::Bytes(status(502))], vec![]);
    run(&api, echo());
    assert_eq!(api.bodies("/response"), ["a", "a", "a"]);
    assert!(api.bodies("/error").is_empty());
}

#[test]
fn ready_is_repeated_until_it_is_taken() {
    let api = Api::with(vec![plain("a")], vec![Step::Drop, Step::Bytes(status(500))], vec![], vec![]);
    run(&api, echo());
    assert_eq!(api.bodies("/ready"), [" ", " ", " "]);
    assert_eq!(api.bodies("/response"), ["a"]);
}

#[test]
fn a_runtime_api_that_stays_gone_ends_the_loop() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let runtime = Runtime::at(address.to_string()).patience(Duration::from_millis(50));
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let error = tokio.block_on(runtime.run(echo())).expect_err("nobody listens");
    assert!(matches!(error, Error::RuntimeApi { call: "/runtime/init/ready", .. }), "{error}");
}
