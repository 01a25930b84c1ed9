//! `provision snapshot` and `provision plan --snapshot` from outside: where there are credentials, and where there are
//! none.

mod support;

use serde_json::{Value as Json, json};
use support::{Cloud, Project, Ran};

/// What the repository of the default branch holds; the secret is known to CI only.
const MANIFEST: &str = r##"
stack: forked
region: ap-beijing
variables:
  key: { sensitive: true, env: ROBOT_KEY }
  level: { default: info }
roles:
  SCF_QcsRole: { preset: scf }
  MPS_QcsRole: { preset: mps }
  worker: { trust: [scf.qcloud.com], policies: [invoke] }
policies:
  invoke: { document: { version: "2.0", statement: [{ effect: allow, action: "scf:Invoke", resource: "*" }] } }
namespaces:
  media: { description: media tools }
functions:
  hook:
    namespace: media
    description: MPS callbacks
    runtime: CustomRuntime
    handler: main
    code: { inline: { bootstrap: "#!/bin/sh\nexit 1\n" } }
    memory: 128
    role: worker
    environment: { ROBOT_KEY: "${var.key}", LEVEL: "${var.level}", MODE: plain }
    triggers:
      nightly: { type: timer, cron: "0 0 3 * * * *", argument: "${var.key}" }
      workflow: { type: mps, event: WorkflowTask }
"##;
const SECRET: &str = "a-robot-key-that-nobody-guesses";

/// A cloud to which the manifest was applied, and the snapshot of it.
fn applied() -> (Cloud, String) {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST).with("ROBOT_KEY", SECRET);
    project.run_here(&["apply", "--yes", "--quiet"], false).exits(0);
    let before = cloud.writes().len();
    // The value of the variable is not needed for it.
    let snapshot = Project::on(&cloud, MANIFEST).run_here(&["snapshot"], false).exits(0);
    assert_eq!(cloud.writes().len(), before, "a snapshot writes nothing to the cloud");
    assert!(snapshot.stderr.contains("withheld"), "{}", snapshot.stderr);
    (cloud, snapshot.stdout)
}

/// A fork: no keys, no values, no cloud to call.
fn fork(snapshot: &str) -> Project {
    let mut project = Project::new(MANIFEST);
    project.environment.retain(|name, _| name == "PATH" || name == "HOME");
    project.write("snapshot.json", snapshot);
    project
}

fn plan(project: &Project, more: &[&str]) -> Ran {
    project.run(&[&["plan", "--snapshot", "snapshot.json", "--format", "json"], more].concat())
}

#[test]
fn a_fork_plans_without_keys_and_without_values() {
    let (_cloud, snapshot) = applied();
    assert!(!snapshot.contains(SECRET));
    let project = fork(&snapshot);
    let ran = plan(&project, &["--detailed-exitcode"]).exits(0);
    let stack = &ran.json()["stacks"][0];
    assert_eq!(stack["changes"], json!([]));
    assert_eq!((&stack["as_of"]["source"], &stack["complete"]), (&json!("snapshot"), &json!(false)));
    let not_compared: Vec<(&Json, &Json)> = stack["not_compared"]
        .as_array()
        .expect("what was not compared is listed")
        .iter()
        .map(|n| (&n["address"], &n["paths"]))
        .collect();
    assert_eq!(
        not_compared,
        [
            (&json!("function.hook"), &json!(["environment.LEVEL", "environment.ROBOT_KEY"])),
            (&json!("trigger.hook.nightly"), &json!(["argument"])),
        ]
    );
    assert_eq!(stack["summary"]["not_compared"], 2);
    assert_eq!(plan(&project, &[]).stdout, ran.stdout, "the same files give the same plan");

    project.edit("memory: 128", "memory: 256");
    project.edit("MODE: plain", "MODE: loud, NEW: \"${var.key}\"");
    let ran = plan(&project, &["--detailed-exitcode"]).exits(2);
    assert_eq!(ran.changes(), ["update function.hook"], "{}", ran.stdout);
    let text = project.run(&["plan", "--snapshot", "snapshot.json"]).exits(0).stdout;
    for part in [
        "as of 20",
        "(snapshot, account 100000000001); for reading, nothing is applied from it\n",
        "memory            128 -> 256",
        "~ function.hook update  memory, environment.MODE and 1 more differ",
        "-> \"loud\"",
        "environment.NEW   \"(not given)\"",
        "? function.hook environment.LEVEL, environment.ROBOT_KEY",
        "1 to update; 6 unchanged, 2 not compared",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let comment = project.run(&["plan", "--snapshot", "snapshot.json", "--format", "markdown"]).exits(0).stdout;
    assert_eq!(comment.to_lowercase().matches("as of").count(), 1, "{comment}");
    let taken: Json = serde_json::from_str(&snapshot).expect("a snapshot is JSON");
    let line = format!("as of `{}`, account `100000000001`, without", support::text(&taken["as_of"]));
    assert!(comment.contains(&line), "{line}\n{comment}");
}

#[test]
fn what_a_snapshot_does_not_know_is_said() {
    let (_cloud, snapshot) = applied();
    let project = fork(&snapshot);
    project.edit("functions:\n", "functions:\n  other: { runtime: CustomRuntime, handler: main, code: { inline: { bootstrap: x } }, triggers: { edits: { type: mps, event: EditMediaTask } } }\n");
    project.edit("{ type: mps, event: WorkflowTask }", "{ type: mps, event: WorkflowTask }\n      edits: { type: cos, bucket: in-1250000000, events: \"cos:ObjectCreated:*\" }");
    let ran = plan(&project, &[]).exits(0);
    assert_eq!(ran.changes(), ["create trigger.hook.edits"], "the triggers of a known function are known");
    let stack = &ran.json()["stacks"][0];
    let other = stack["not_compared"].as_array().expect("a list").iter().find(|n| n["address"] == "function.other");
    assert_eq!(other.expect("it is listed")["paths"], json!([]));

    let unknown = fork(&snapshot);
    unknown.edit("stack: forked", "stack: another");
    let ran = plan(&unknown, &[]).exits(0);
    assert!(ran.changes().is_empty());
    assert!(ran.stdout.contains("has no stack `another`"), "{}", ran.stdout);

    let elsewhere = fork(&snapshot);
    elsewhere.edit("region: ap-beijing", "region: ap-beijing\naccount: \"200000000002\"");
    let ran = plan(&elsewhere, &[]).exits(3);
    assert!(ran.stdout.contains("P053"), "{}", ran.stdout);

    let event = fork(&snapshot.replace("\"unbound\": false", "\"unbound\": true"));
    let ran = plan(&event, &[]);
    assert!(ran.stdout.contains("who holds the MPS event type `WorkflowTask`"), "{}", ran.stdout);
}

#[test]
fn a_value_that_everything_depends_on_must_still_be_given() {
    let (_cloud, snapshot) = applied();
    let project = fork(&snapshot);
    project.edit("memory: 128", "memory: \"${var.memory}\"");
    project.edit("  level: { default: info }", "  level: { default: info }\n  memory: {}");
    let ran = plan(&project, &[]).exits(1);
    assert!(ran.stdout.contains("P021"), "{}", ran.stdout);
    plan(&project, &["--var", "memory=128"]).exits(0);
}

#[test]
fn nothing_is_applied_from_a_snapshot() {
    let (_cloud, snapshot) = applied();
    let project = fork(&snapshot);
    let ran = plan(&project, &["--out", "saved.plan"]).exits(1);
    assert!(ran.stderr.contains("a plan from a snapshot cannot be saved"), "{}", ran.stderr);
    assert!(!project.path("saved.plan").exists());
    let ran = project.run(&["apply", "snapshot.json", "--yes"]).exits(1);
    assert!(ran.stderr.contains("plan"), "{}", ran.stderr);
}

#[test]
fn files_that_are_no_snapshot_are_refused_in_words() {
    let (_cloud, snapshot) = applied();
    for (text, said) in [
        ("", "no snapshot, or it is damaged"),
        (&snapshot[..snapshot.len() / 2], "no snapshot, or it is damaged"),
        (&snapshot.replace("\"format_version\": \"1\"", "\"format_version\": \"7\""), "format 7"),
        (&snapshot.replace("provision snapshot", "something else"), "`something else`, not a snapshot"),
        (&"[".repeat(100_000), "no snapshot, or it is damaged"),
        (&snapshot.replace("\"as_of\"", "\"surprise\": 1, \"as_of\""), "unknown field `surprise`"),
    ] {
        let ran = plan(&fork(text), &[]).exits(1);
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
        assert_eq!(ran.json()["error"]["kind"], "local");
    }
    let project = fork(&snapshot);
    let ran = project.run(&["plan", "--snapshot", "absent.json"]).exits(1);
    assert!(ran.stderr.contains("provision snapshot --out FILE"), "{}", ran.stderr);
}

#[test]
fn a_snapshot_is_refused_where_it_would_tell_a_secret() {
    let (cloud, _) = applied();
    let named = MANIFEST.replace("  hook:\n", "  hook:\n    name: \"h-${var.key}\"\n");
    let project = Project::on(&cloud, &named).with("ROBOT_KEY", "short-and-sensitive");
    let ran = project.run(&["snapshot", "--out", "snapshot.json"]).exits(3);
    assert!(ran.stderr.contains("function.hook comes from a sensitive source"), "{}", ran.stderr);
    assert!(!project.path("snapshot.json").exists());
}
