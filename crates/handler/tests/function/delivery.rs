//! From one event to one message: languages, choices, duplicates, retries, robots that are gone, silence, time.

use std::time::{Duration, Instant};

use crate::http::Reply;
use crate::process::Function;
use crate::world::{OK, Robot, errcode, fixture};

#[test]
fn one_event_is_one_message_and_success() {
    let robot = Robot::start(vec![]);
    let mut function = Function::start(&[("WECOM_WEBHOOK_URL", &robot.url())]);
    let answer = function.invoke(&fixture("workflow_success_multi.json")).response();
    assert_eq!(answer, r#"{"message":"posted","verdict":"succeeded"}"#);
    let messages = robot.messages();
    assert_eq!(messages.len(), 1);
    assert!(messages[0].contains("成功") && messages[0].contains("lesson-07.mp4"), "{}", messages[0]);
}

#[test]
fn odd_events_are_one_short_message_and_success() {
    let robot = Robot::start(vec![]);
    let mut function =
        Function::start(&[("WECOM_WEBHOOK_URL", &robot.url()), ("NOTIFY_LANG", "en"), ("NOTIFY_ON", "failure")]);
    for event in [&b"{}"[..], b"{}", b"[1,2]", b"\xff\xfe", b"", b"{\"EventType\":\"FutureTask\"}"] {
        function.invoke(event).response();
    }
    let messages = robot.messages();
    assert_eq!(messages.len(), 6);
    assert!(messages.iter().all(|text| text.len() < 120), "{messages:?}");
}

#[test]
fn notify_on_decides_what_is_worth_a_message() {
    let events = [
        ("workflow_processing.json", "all"),
        ("workflow_success_multi.json", "all ended"),
        ("workflow_fail.json", "all ended failure"),
        ("workflow_documented_shape.json", "all ended failure"),
        ("workflow_partial_failure.json", "all ended failure"),
    ];
    for (setting, name) in [("all", "all"), ("", "ended"), ("failure", "failure")] {
        let robot = Robot::start(vec![]);
        let mut function = Function::start(&[("WECOM_WEBHOOK_URL", &robot.url()), ("NOTIFY_ON", setting)]);
        for (event, _) in events {
            function.invoke(&fixture(event)).response();
        }
        let wanted = events.iter().filter(|(_, settings)| settings.contains(name)).count();
        assert_eq!(robot.messages().len(), wanted, "NOTIFY_ON={setting}");
    }
}

#[test]
fn a_moderation_finding_is_worth_telling_under_failure() {
    let robot = Robot::start(vec![]);
    let mut function = Function::start(&[("WECOM_WEBHOOK_URL", &robot.url()), ("NOTIFY_ON", "failure")]);
    let found = br#"{"EventType":"WorkflowTask","WorkflowTaskEvent":{"TaskId":"t","Status":"FINISH","ErrCode":0,
        "AiContentReviewResultSet":[{"Type":"Porn","PornTask":{"Status":"SUCCESS","Output":{"Suggestion":"review"}}}]}}"#;
    assert!(function.invoke(found).response().contains(r#""verdict":"succeeded""#));
    assert_eq!(robot.messages().len(), 1);
}

#[test]
fn a_duplicate_is_told_once_also_after_a_restart_of_the_process() {
    let robot = Robot::start(vec![]);
    let mut function = Function::start(&[("WECOM_WEBHOOK_URL", &robot.url()), ("NOTIFY_ON", "all")]);
    let finished = fixture("workflow_success_multi.json");
    function.invoke(&finished).response();
    assert!(function.invoke(&finished).response().contains("posted_before"));
    // The same task, still at work: another event.
    function.invoke(&fixture("workflow_processing.json")).response();
    function.restart();
    assert!(function.invoke(&finished).response().contains("posted_before"));
    assert_eq!(robot.messages().len(), 2);
}

#[test]
fn a_failed_delivery_is_told_to_the_platform_and_its_retry_delivers() {
    let robot = Robot::start(vec![errcode(40058)]);
    let function = Function::start(&[("WECOM_WEBHOOK_URL", &robot.url())]);
    let event = fixture("workflow_fail.json");
    let error = function.runtime.invoke("r", &event).error();
    assert!(error.contains("NotDelivered") && error.contains("errcode 40058"), "{error}");
    assert!(function.runtime.invoke("r", &event).response().contains(r#""posted""#));
    assert_eq!(robot.messages().len(), 2);
}

#[test]
fn what_may_pass_is_tried_again_and_what_cannot_is_not() {
    let html = || Reply::Answer(502, vec![], b"<html>".to_vec());
    let passing: [(Vec<Reply>, usize); 5] = [
        (vec![errcode(-1), errcode(-1), errcode(-1)], 4),
        (vec![errcode(45033)], 2),
        (vec![Reply::Drop, html()], 3),
        (vec![Reply::Answer(200, vec![], b"{\"errc".to_vec())], 2),
        (vec![errcode(0)], 1),
    ];
    for (script, tries) in passing {
        let robot = Robot::start(script);
        let mut function = Function::start(&[("WECOM_WEBHOOK_URL", &robot.url())]);
        function.invoke(b"{}").response();
        assert_eq!(robot.messages().len(), tries);
    }
    for code in [40008, 40033, 44004, 99999] {
        let robot = Robot::start(vec![errcode(code)]);
        let mut function = Function::start(&[("WECOM_WEBHOOK_URL", &robot.url())]);
        function.invoke(b"{}").error();
        assert_eq!(robot.messages().len(), 1, "errcode {code}");
    }
}

#[test]
fn a_busy_service_is_asked_at_most_three_times_more() {
    let robot = Robot::always(r#"{"errcode":-1,"errmsg":"busy"}"#);
    let mut function = Function::start(&[("WECOM_WEBHOOK_URL", &robot.url())]);
    let error = function.invoke(b"{}").error();
    assert!(error.contains("gave up after 4 tries: errcode -1"), "{error}");
    assert_eq!(robot.messages().len(), 4);
}

#[test]
fn a_robot_that_is_gone_or_limited_leaves_the_message_to_another() {
    for code in [93000, 93004, 93008, 45009] {
        let gone = Robot::start(vec![errcode(code)]);
        let other = Robot::start(vec![]);
        let urls = format!("{}, {}", gone.url(), other.url());
        let mut function = Function::start(&[("WECOM_WEBHOOK_URL", &urls)]);
        for n in 0..4 {
            function.invoke(format!(r#"{{"n":{n}}}"#).as_bytes()).response();
        }
        assert_eq!((gone.messages().len(), other.messages().len()), (1, 4), "errcode {code}");
    }
}

#[test]
fn when_every_robot_is_gone_the_event_fails_and_the_next_one_tries_again() {
    let robot = Robot::start(vec![errcode(93000)]);
    let mut function = Function::start(&[("WECOM_WEBHOOK_URL", &robot.url())]);
    let error = function.invoke(b"{}").error();
    assert!(error.contains("no robot is in its group any more") && error.contains("93000"), "{error}");
    function.invoke(b"{}").response();
}

#[test]
fn robots_take_turns_and_none_gets_more_than_twenty_a_minute() {
    let robots = [Robot::start(vec![]), Robot::start(vec![]), Robot::start(vec![])];
    let urls: Vec<_> = robots.iter().map(Robot::url).collect();
    let mut function = Function::start(&[("WECOM_WEBHOOK_URL", &urls.join(","))]);
    for n in 0..60 {
        function.invoke(format!(r#"{{"n":{n}}}"#).as_bytes()).response();
    }
    assert!(robots.iter().all(|robot| robot.messages().len() == 20));
    // The sixty-first would have to wait longer than its invocation may last: told at once, not after the limit.
    let begun = Instant::now();
    let error = function.invoke(b"[]").error();
    assert!(error.contains("20 messages a minute") && begun.elapsed() < Duration::from_secs(5), "{error}");
    assert!(robots.iter().all(|robot| robot.messages().len() == 20));
}

#[test]
fn a_silent_robot_never_costs_the_whole_time_limit() {
    let robot = Robot::start((0..10).map(|_| Reply::Silence).collect());
    let limit = Duration::from_secs(3);
    let mut function = Function::with_limit(limit, &[("WECOM_WEBHOOK_URL", &robot.url())]);
    let begun = Instant::now();
    let error = function.invoke(b"{}").error();
    assert!(begun.elapsed() < limit, "{:?}", begun.elapsed());
    assert!(error.contains("no answer within") && robot.messages().len() >= 2, "{error}");
}

#[test]
fn a_robot_that_answers_late_is_given_a_second_try() {
    let robot = Robot::start(vec![Reply::Silence]);
    let mut function = Function::with_limit(Duration::from_secs(3), &[("WECOM_WEBHOOK_URL", &robot.url())]);
    function.invoke(b"{}").response();
    assert_eq!(robot.messages().len(), 2);
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Robot::start(vec![]);
    let robot = Robot::start(vec![Reply::Answer(307, vec![("location", elsewhere.url())], vec![])]);
    let mut function = Function::start(&[("WECOM_WEBHOOK_URL", &robot.url())]);
    function.invoke(b"{}").error();
    assert!(elsewhere.messages().is_empty());
}

#[test]
fn two_hundred_events_in_a_row_are_two_hundred_messages_in_little_memory() {
    let robots: Vec<_> = (0..10).map(|_| Robot::always(OK)).collect();
    let urls: Vec<_> = robots.iter().map(Robot::url).collect();
    let mut function = Function::start(&[("WECOM_WEBHOOK_URL", &urls.join(","))]);
    let event = String::from_utf8(fixture("workflow_success_multi.json")).expect("text");
    for n in 0..200 {
        let event = event.replace("ea8f243d9885cf8ce9876a580224fd3c", &format!("{n:032x}"));
        function.invoke(event.as_bytes()).response();
    }
    assert_eq!(robots.iter().map(|robot| robot.messages().len()).sum::<usize>(), 200);
    let peak = function.peak_memory_kb();
    // The release build stays well under 20 MB; unoptimised code pages add to it here.
    assert!(peak < 40_000, "{peak} KB");
}
