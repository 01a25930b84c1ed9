//! Functions that really run, through the binary: events, invocations and logs on the local cloud.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up fails")]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

/// A runtime in plain bash: it answers every event and prints it.
const MANIFEST: &str = r##"
stack: running
region: ap-beijing
roles:
  SCF_QcsRole: { preset: scf }
  MPS_QcsRole: { preset: mps }
functions:
  watcher:
    runtime: CustomRuntime
    handler: bootstrap.main
    timeout: 5
    environment: { GREETING: hello }
    code:
      inline:
        bootstrap: |
          #!/bin/bash
          call() {
            exec 3<>"/dev/tcp/$SCF_RUNTIME_API/$SCF_RUNTIME_API_PORT"
            printf '%s %s HTTP/1.0\r\nHost: api\r\nContent-Length: %s\r\n\r\n%s' "$1" "$2" "$${#3}" "$3" >&3
            body=$(sed '1,/^\r$/d' <&3)
            exec 3>&-
          }
          call POST /runtime/init/ready ' '
          while :; do
            call GET /runtime/invocation/next
            echo "saw $${body:0:40}"
            if [[ $body == *refuse* ]]; then
              call POST /runtime/invocation/error 'not this one'
            else
              call POST /runtime/invocation/response "{\"greeting\":\"$GREETING\"}"
            fi
          done
    triggers:
      workflow: { type: mps, event: WorkflowTask }
      nightly: { type: timer, cron: "0 0 3 * * * *" }
"##;

struct Project(TempDir);

impl Project {
    fn applied() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("manifests")).unwrap();
        std::fs::write(folder.path().join("manifests/running.yaml"), MANIFEST).unwrap();
        let project = Self(folder);
        let (code, out, err) = project.run(&["apply", "--yes"]);
        assert_eq!(code, 0, "{out}{err}");
        project
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("provision"));
        command.args(arguments).current_dir(self.0.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).arg("--local").output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn json(&self, arguments: &[&str]) -> (i32, Json) {
        let (code, out, err) = self.run(&[arguments, &["--format", "json"]].concat());
        (code, serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}")))
    }
}

#[test]
fn an_event_goes_through_its_binding_and_shows_the_log() {
    let project = Project::applied();
    let (code, told) = project.json(&["event", "mps-workflow", "--send"]);
    assert_eq!(
        (code, &told["succeeded"], &told["function"]),
        (0, &Json::from(true), &Json::from("function.watcher")),
        "{told}"
    );
    assert!(told["log"].as_str().unwrap().contains("saw {\"EventType\":\"WorkflowTask\""), "{told}");

    let (code, told) = project.json(&["event", "timer", "--set", "Message=refuse", "--send"]);
    assert_eq!((code, &told["succeeded"]), (1, &Json::from(false)), "{told}");
    assert!(told["log"].as_str().unwrap().contains("not this one"), "{told}");
}

#[test]
fn an_event_without_a_trigger_is_refused_in_words() {
    let project = Project::applied();
    let (code, out, err) = project.run(&["event", "mps-edit", "--send"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("no function of the manifests has a trigger for this event"), "{err}");
    let (code, _, err) = project.run(&["event", "mps-workflw"]);
    assert_eq!(code, 1);
    assert!(err.contains("did you mean `mps-workflow`?"), "{err}");
}

#[test]
fn an_invocation_answers_with_result_log_and_figures() {
    let project = Project::applied();
    std::fs::write(project.0.path().join("event.json"), r#"{"n": 1}"#).unwrap();
    let (code, told) = project.json(&["invoke", "watcher", "--event", "event.json"]);
    assert_eq!(
        (code, &told["failed"], &told["result"]),
        (0, &Json::from(false), &Json::from(r#"{"greeting":"hello"}"#)),
        "{told}"
    );
    assert!(told["log"].as_str().unwrap().contains(r#"saw {"n": 1}"#), "{told}");
    assert!(told["duration_ms"].as_f64().unwrap() > 0.0 && told["memory_bytes"].as_u64().unwrap() > 0, "{told}");

    std::fs::write(project.0.path().join("event.json"), r#"{"please": "refuse"}"#).unwrap();
    let (code, told) = project.json(&["invoke", "function.watcher", "--event", "event.json"]);
    assert_eq!((code, &told["failed"]), (1, &Json::from(true)), "{told}");
    assert!(told["error"].as_str().unwrap().contains("not this one"), "{told}");
}

#[test]
fn a_serving_local_cloud_is_found_and_keeps_logs_between_commands() {
    let project = Project::applied();
    let mut server = project
        .command(&["local", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("local cloud on http://127.0.0.1:"), "{line}");

    let (code, out, err) = project.run(&["invoke", "watcher"]);
    assert_eq!((code, out.trim()), (0, r#"{"greeting":"hello"}"#), "{err}");
    let (code, out, err) = project.run(&["logs", "watcher"]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("START RequestId:") && out.contains("saw {}") && out.contains("Report RequestId:"), "{out}");
}
