//! The example as a real process: environment, init, exit codes, what is printed.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::scripted::{Api, plain};

/// The example binary lies beside the test binaries' folder; cargo builds examples together with tests.
fn example() -> PathBuf {
    let mut path = std::env::current_exe().expect("a test binary");
    path.pop();
    path.pop();
    path.join("examples/echo")
}

fn echo(variables: &[(&str, &str)]) -> Output {
    Command::new(example()).env_clear().envs(variables.iter().copied()).output().expect("the example runs")
}

#[test]
fn without_a_runtime_api_the_process_fails_in_words() {
    let output = echo(&[]);
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("SCF_RUNTIME_API is not set"), "{words}");
}

#[test]
fn the_echo_example_answers_and_logs_with_the_request_id_whatever_proxy_is_set() {
    let api = Api::start(vec![plain("hello"), plain("")]);
    let (host, port) = (api.address.ip().to_string(), api.address.port().to_string());
    let mut child = Command::new(example())
        .env_clear()
        .envs([("SCF_RUNTIME_API", host.as_str()), ("SCF_RUNTIME_API_PORT", &port)])
        .envs([("http_proxy", "http://127.0.0.1:1"), ("HTTP_PROXY", "http://127.0.0.1:1")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example runs");
    let asked = Instant::now();
    while api.bodies("/next").len() < 3 {
        assert!(asked.elapsed() < Duration::from_secs(20), "the example never came back: {:?}", api.calls());
        std::thread::yield_now();
    }
    child.kill().expect("it still runs");
    let output = child.wait_with_output().expect("its output");
    assert_eq!(api.bodies("/response"), ["hello"]);
    assert_eq!(api.bodies("/error"), [r#"{"errorType":"EmptyEvent","errorMessage":"there is nothing to echo"}"#]);
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    let first = log.lines().next().expect("a log line");
    let record: serde_json::Value = serde_json::from_str(first).expect("JSON");
    assert_eq!((&record["message"], &record["request_id"]), (&"echo".into(), &"r-1".into()));
}
