//! `provision init`: every template, as written, is valid, plans, applies on the local cloud, plans empty, and its
//! function runs. Nothing that exists is touched.

#![expect(clippy::unwrap_used, reason = "the set-up of a test fails by panicking")]

use std::path::Path;
use std::process::Command;

fn provision(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_provision"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder)
        .env("WECOM_WEBHOOK_KEY", "no-real-key-1")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let (code, out, err) = provision(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}\n{out}\n{err}");
    out
}

/// Makes a project of a template and plays it through; gives what its function answers to its event.
fn played(template: &str, function: &str, event: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeeds(folder, &["init", "--template", template, "--name", "starter"]);
    assert!(std::fs::read_to_string(folder.join(".gitignore")).unwrap().contains(".provision/"));
    succeeds(folder, &["validate"]);
    let (code, out, err) = provision(folder, &["plan", "--local", "--detailed-exitcode"]);
    assert_eq!(code, 2, "{out}{err}");
    succeeds(folder, &["apply", "--local", "--yes"]);
    succeeds(folder, &["plan", "--local", "--detailed-exitcode"]);
    std::fs::write(folder.join("event.json"), succeeds(folder, &["event", event])).unwrap();
    succeeds(folder, &["invoke", function, "--event", "event.json", "--local"])
}

#[test]
fn the_mps_webhook_template_works_as_written() {
    assert!(played("mps-webhook", "media-notify", "mps-workflow-processing").contains("\"sent\""));
}

#[test]
fn the_timer_template_works_as_written() {
    assert!(played("timer", "nightly", "timer").contains("\"done\""));
}

#[test]
fn the_http_template_works_as_written() {
    assert!(played("http", "hello", "http").contains("hello"));
}

#[test]
fn the_cos_template_works_as_written() {
    assert!(played("cos", "on-upload", "cos").contains("\"seen\""));
}

#[test]
fn what_exists_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("manifests")).unwrap();
    std::fs::write(folder.join("manifests/starter.yaml"), "mine").unwrap();
    let (code, _, err) = provision(folder, &["init", "--template", "timer", "--name", "starter"]);
    assert!(code == 1 && err.contains("manifests/starter.yaml"), "{err}");
    assert_eq!(std::fs::read_to_string(folder.join("manifests/starter.yaml")).unwrap(), "mine");
    assert_eq!(std::fs::read_dir(folder.join("manifests")).unwrap().count(), 1, "nothing else was written");
    assert!(!folder.join(".gitignore").exists());
}

#[test]
fn a_second_stack_stands_beside_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeeds(folder, &["init", "--template", "timer", "--name", "first"]);
    let listed = succeeds(folder, &["init", "--template", "http", "--name", "second"]);
    assert!(listed.contains("manifests/second.yaml") && !listed.contains("schema.json"), "{listed}");
    succeeds(folder, &["validate"]);
}

#[test]
fn wrong_requests_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (arguments, told) in [
        (&["init"][..], "--template NAME, one of: mps-webhook, timer, http, cos"),
        (&["init", "--template", "tmier"], "did you mean `timer`?"),
        (&["init", "--template", "timer", "--name", "Bad_Name"], "such as bad-name"),
    ] {
        let (code, _, err) = provision(folder, arguments);
        assert!(code == 1 && err.contains(told), "{arguments:?}: {err}");
    }
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "nothing was written");
    assert_eq!(succeeds(folder, &["init", "--list"]).lines().count(), 4);
}
