//! Canaries: what is secret must not appear in any message, log line, error or file.

use crate::process::Function;
use crate::world::{ROBOT_KEY, Robot, Scripted, errcode, fixture};

const CANARIES: [&str; 9] = [
    ROBOT_KEY,
    "AKIDEXAMPLE",
    "do-not-print",
    "abc123",
    "c375ee8f0715e5288cd2d63a00fc2543",
    "review-pics",
    "role-id-canary",
    "role-key-canary",
    "role-token-canary",
];

fn check(text: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "{canary} shows in {text}");
    }
}

#[test]
fn no_secret_shows_in_messages_logs_errors_or_files() {
    let robot = Robot::start(vec![errcode(-1), errcode(93000)]);
    let cloud = Scripted::start(
        vec![],
        r#"{"Response":{"Error":{"Code":"UnauthorizedOperation.CAM","Message":"role-key-canary do-not-print role-token-canary"},"RequestId":"q-1"}}"#,
    );
    let endpoint = format!("http://{}", cloud.address);
    let mut function = Function::start(&[
        ("WECOM_WEBHOOK_URL", &robot.url()),
        ("LOG_LEVEL", "debug"),
        ("FANOUT", "next"),
        ("PROVISION_ENDPOINT", &endpoint),
        ("TENCENTCLOUD_REGION", "ap-beijing"),
        ("TENCENTCLOUD_SECRETID", "role-id-canary"),
        ("TENCENTCLOUD_SECRETKEY", "role-key-canary"),
        ("TENCENTCLOUD_SESSIONTOKEN", "role-token-canary"),
    ]);
    let names =
        ["workflow_s3_with_secrets.json", "workflow_http_callback_envelope.json", "workflow_partial_failure.json"];
    for name in names {
        check(&function.invoke(&fixture(name)).error());
    }
    let quoting = br#"{"EventType":"WorkflowTask","WorkflowTaskEvent":{"TaskId":"t","Status":"FINISH","ErrCode":60000,
        "Message":"GET https://u:pass@media.example.com/a.mp4?token=abc123 with do-not-print-this and secret_key=AKIDEXAMPLE9",
        "InputInfo":{"S3InputInfo":{"S3Object":"a","S3SecretKey":"do-not-print-this"}}}}"#;
    check(&function.invoke(quoting).error());
    assert!(robot.messages().len() >= 4);
    robot.messages().iter().for_each(|text| check(text));
    check(&function.end());
}

#[test]
fn an_unreachable_robot_is_reported_without_its_address() {
    let mut function = Function::start(&[
        ("WECOM_WEBHOOK_URL", &format!("http://127.0.0.1:1/send?key={ROBOT_KEY}")),
        ("LOG_LEVEL", "debug"),
    ]);
    let error = function.invoke(b"{}").error();
    assert!(error.contains("gave up after 4 tries"), "{error}");
    check(&error);
    check(&function.end());
}
