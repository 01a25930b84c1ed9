//! The event goes on to further functions, through signed calls to a stand-in for the cloud's API.

use serde_json::Value;

use crate::http::{Reply, json};
use crate::process::Function;
use crate::world::{Robot, Scripted, fixture};

const TAKEN: &str = r#"{"Response":{"Result":{"FunctionRequestId":"f-1"},"RequestId":"q-1"}}"#;

fn refusal(code: &str) -> Reply {
    json(&format!(r#"{{"Response":{{"Error":{{"Code":"{code}","Message":"m"}},"RequestId":"q-2"}}}}"#))
}

fn start(robot: &Robot, cloud: &Scripted, targets: &str, more: &[(&str, &str)]) -> Function {
    let endpoint = format!("http://{}", cloud.address);
    let robot = robot.url();
    let mut variables = vec![
        ("WECOM_WEBHOOK_URL", robot.as_str()),
        ("FANOUT", targets),
        ("PROVISION_ENDPOINT", &endpoint),
        ("TENCENTCLOUD_REGION", "ap-beijing"),
        ("TENCENTCLOUD_SECRETID", "id"),
        ("TENCENTCLOUD_SECRETKEY", "key"),
        ("TENCENTCLOUD_SESSIONTOKEN", "token"),
    ];
    variables.extend(more);
    Function::start(&variables)
}

fn calls(cloud: &Scripted) -> Vec<(String, Value)> {
    cloud.requests(|request| {
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        (body["FunctionName"].as_str().expect("a name").to_owned(), body)
    })
}

#[test]
fn the_event_goes_unchanged_to_every_target_by_signed_asynchronous_calls() {
    let (robot, cloud) = (Robot::start(vec![]), Scripted::start(vec![], TAKEN));
    let mut function = start(&robot, &cloud, "archive, media/index@live", &[("NOTIFY_ON", "failure")]);
    let event = fixture("workflow_s3_with_secrets.json");
    let answer = function.invoke(&event).response();
    assert_eq!(
        answer,
        r#"{"message":"not_wanted","verdict":"succeeded","invoked":["default/archive@$DEFAULT","media/index@live"]}"#
    );
    let mut calls = calls(&cloud);
    calls.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(calls.len(), 2);
    for (_, body) in &calls {
        assert_eq!(body["ClientContext"].as_str().expect("text").as_bytes(), event);
        assert_eq!(body["InvocationType"], "Event");
    }
    assert_eq!((&calls[0].1["Namespace"], &calls[0].1["Qualifier"]), (&"default".into(), &"$DEFAULT".into()));
    assert_eq!((&calls[1].1["Namespace"], &calls[1].1["Qualifier"]), (&"media".into(), &"live".into()));
    let headers = cloud.requests(|request| {
        ["x-tc-action", "x-tc-region", "x-tc-token", "authorization"].map(|name| request.header(name).to_owned())
    });
    assert_eq!(headers[0][..3], ["Invoke", "ap-beijing", "token"].map(str::to_owned));
    assert!(headers[0][3].starts_with("TC3-HMAC-SHA256 Credential=id/"));
}

#[test]
fn a_partial_failure_is_reported_and_its_retry_repeats_only_what_failed() {
    let robot = Robot::start(vec![]);
    let cloud = Scripted::start(vec![], TAKEN);
    let mut function = start(&robot, &cloud, "a,b", &[]);
    let event = fixture("workflow_fail.json");
    function.invoke(&event).response();
    assert!(
        function.invoke(&event).response().contains(r#""invoked_before":["default/a@$DEFAULT","default/b@$DEFAULT"]"#)
    );
    assert_eq!((calls(&cloud).len(), robot.messages().len()), (2, 1));

    let cloud = Scripted::start(vec![refusal("ResourceNotFound.Function")], TAKEN);
    let robot = Robot::start(vec![]);
    let mut function = start(&robot, &cloud, "a,b", &[]);
    let error = function.invoke(&event).error();
    assert!(error.contains("FanoutFailed") && error.contains("fan-out failed for 1 of 2"), "{error}");
    assert!(error.contains("refused with ResourceNotFound.Function (request q-2)"), "{error}");
    function.restart();
    function.invoke(&event).response();
    let names: Vec<_> = calls(&cloud).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 3);
    assert_eq!(names[2], names[0], "the refused one, and only it, is called again");
    assert_eq!(robot.messages().len(), 1);
}

#[test]
fn without_credentials_the_message_goes_out_and_the_failure_is_told() {
    let (robot, cloud) = (Robot::start(vec![]), Scripted::start(vec![], TAKEN));
    let mut function = start(&robot, &cloud, "a", &[("TENCENTCLOUD_SECRETKEY", "")]);
    let error = function.invoke(&fixture("workflow_fail.json")).error();
    assert!(error.contains("no credentials") && error.contains("execution role"), "{error}");
    assert_eq!((robot.messages().len(), calls(&cloud).len()), (1, 0));
}

#[test]
fn an_event_over_the_platforms_limit_is_not_sent_and_told() {
    let (robot, cloud) = (Robot::start(vec![]), Scripted::start(vec![], TAKEN));
    let mut function = start(&robot, &cloud, "a", &[]);
    let error = function.invoke(format!(r#"{{"pad":"{}"}}"#, "x".repeat(128 * 1024)).as_bytes()).error();
    assert!(error.contains("over 128 KB"), "{error}");
    assert_eq!((robot.messages().len(), calls(&cloud).len()), (1, 0));
}

#[test]
fn what_is_no_json_is_not_handed_on_and_no_failure() {
    let (robot, cloud) = (Robot::start(vec![]), Scripted::start(vec![], TAKEN));
    let mut function = start(&robot, &cloud, "a", &[]);
    function.invoke(b"not json").response();
    assert_eq!((robot.messages().len(), calls(&cloud).len()), (1, 0));
    function.invoke(b"{}").response();
    assert_eq!(calls(&cloud).len(), 1);
}
