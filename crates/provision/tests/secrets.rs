//! No secret in anything that is printed or written: a canary in every place where a secret can stand, every
//! command, both formats, on good and on bad days.

mod support;

use std::path::Path;

use localcloud::{Effect, Faults, Options, Rule};
use support::{Cloud, Project, Ran};

/// Found in every canary, in no spelling broken by quoting.
const TOKEN: &str = "zq7canary";
const MARKED: [(&str, &str); 7] = [
    ("ENV_SECRET", "zq7canary-of-the-environment"),
    ("QUOTED_SECRET", "say \"zq7canary\" \\ twice"),
    ("TEXT_SECRET", "zq7canary-of-a-description"),
    ("ARGUMENT_SECRET", "zq7canary-of-an-argument"),
    ("RAW_SECRET", "zq7canary-of-a-raw-trigger"),
    ("CODE_SECRET", "zq7canary-of-inline-code"),
    ("PLAIN_ENV", "zq7canary-read-with-env"),
];
const SECRET_KEY: &str = "zq7canarySecretKeyOfTheRun0001";
const DIGEST_KEY: &str = "zq7canary-of-the-digest-key";

const MANIFEST: &str = r##"
stack: canaries
region: ap-beijing
variables:
  env: { sensitive: true, env: ENV_SECRET }
  quoted: { sensitive: true, env: QUOTED_SECRET }
  text: { sensitive: true, env: TEXT_SECRET }
  argument: { sensitive: true, env: ARGUMENT_SECRET }
  raw: { sensitive: true, env: RAW_SECRET }
  code: { sensitive: true, env: CODE_SECRET }
roles:
  worker: { description: "role ${var.text}", trust: [scf.qcloud.com], tags: { note: "${var.text}" } }
functions:
  hook:
    description: "function ${var.text}"
    runtime: CustomRuntime
    handler: bootstrap.main
    code: { inline: { bootstrap: "#!/bin/sh\necho ${var.code} $ENV >&2\nexit 1\n" } }
    role: worker
    environment: { ENV: "${var.env}", QUOTED: "${var.quoted}", PART: "https://example.com/?key=${var.env}&x=1", PLAIN: "${env.PLAIN_ENV}" }
    triggers:
      nightly: { type: timer, cron: "0 0 3 * * * *", argument: "${var.argument}", description: "timer ${var.text}" }
"##;

fn project(cloud: &Cloud, manifest: &str) -> Project {
    let mut project = Project::on(cloud, manifest);
    for (name, value) in MARKED {
        project = project.with(name, value);
    }
    project
        .with("TENCENTCLOUD_SECRET_ID", "AKIDofTheTest")
        .with("TENCENTCLOUD_SECRET_KEY", SECRET_KEY)
        .with("PROVISION_DIGEST_KEY", DIGEST_KEY)
}

fn cloud(rules: Vec<Rule>) -> Cloud {
    let keys = vec![("AKIDofTheTest".to_owned(), SECRET_KEY.to_owned())];
    Cloud::with(Options { keys, faults: Some(Faults::new(rules)), ..Options::default() })
}

/// Fails when the token, or a canary as base64 writes it, stands in a text.
fn assert_clean(what: &str, text: &[u8]) {
    use base64::Engine as _;
    let mut forbidden = vec![TOKEN.to_owned()];
    let values = MARKED.iter().map(|(_, value)| *value).chain([SECRET_KEY, DIGEST_KEY]);
    forbidden.extend(values.map(|value| base64::engine::general_purpose::STANDARD.encode(value)));
    for canary in forbidden {
        if let Some(at) = text.windows(canary.len()).position(|w| w == canary.as_bytes()) {
            let around = String::from_utf8_lossy(&text[at.saturating_sub(300)..(at + 60).min(text.len())]);
            panic!("{what} holds a secret: …{around}…");
        }
    }
}

/// Every file below a folder, but for what the local cloud keeps and the packages of code.
fn assert_files_are_clean(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("an entry").path();
        if path.ends_with(".provision/local") || path.ends_with(".provision/packages") {
            continue;
        }
        if path.is_dir() {
            assert_files_are_clean(&path);
        } else {
            assert_clean(&path.display().to_string(), &std::fs::read(&path).expect("a file can be read"));
        }
    }
}

/// Runs a command in text and in JSON, with every call said.
fn run(project: &Project, arguments: &[&str]) -> [Ran; 2] {
    ["text", "json"].map(|format| {
        let line = [arguments, &["-v", "--format", format]].concat();
        let ran = project.run(&line);
        assert_clean(&format!("stdout of {line:?}"), ran.stdout.as_bytes());
        assert_clean(&format!("stderr of {line:?}"), ran.stderr.as_bytes());
        ran
    })
}

#[test]
fn no_command_prints_or_writes_a_secret() {
    let cloud = cloud(vec![]);
    let project = project(&cloud, MANIFEST);
    let [validated, _] = run(&project, &["validate"]);
    assert_eq!(validated.code, 0, "{}", validated.stderr);
    run(&project, &["package"]);
    let [plan, json] = run(&project, &["plan"]);
    assert!(plan.stdout.contains("(hidden, digest"), "{}", plan.stdout);
    assert!(json.stdout.contains("after_digest"), "{}", json.stdout);
    run(&project, &["plan", "--out", "saved.plan"]);
    assert!(project.path("saved.plan").exists());
    let [applied, _] = run(&project, &["apply", "--yes"]);
    assert_eq!(applied.code, 0, "{}{}", applied.stdout, applied.stderr);
    run(&project, &["plan", "--detailed-exitcode"]).iter().for_each(|r| assert_eq!(r.code, 0, "{}", r.stdout));
    // Now the cloud holds what it was given, and a plan pins what it holds.
    run(&project, &["plan", "--out", "later.plan"]);
    run(&project, &["apply", "later.plan"]).iter().for_each(|r| assert_eq!(r.code, 0, "{}", r.stderr));
    // What the function itself writes to its log is somebody else's text with our secrets in it.
    let [invoked, _] = run(&project, &["invoke", "hook"]);
    assert!(!invoked.stdout.is_empty() || !invoked.stderr.is_empty());
    let [logs, _] = run(&project, &["logs", "hook"]);
    assert!(logs.stdout.contains("*** ***"), "the log is shown, without its secrets: {}{}", logs.stdout, logs.stderr);
    run(&project, &["drift"]);
    let [snapshot, _] = run(&project, &["snapshot"]);
    assert!(snapshot.stdout.contains("environment.ENV"), "names stand: {}", snapshot.stdout);
    run(&project, &["snapshot", "--out", "snapshot.json"]);
    let [offline, _] = run(&project, &["plan", "--snapshot", "snapshot.json"]);
    assert!(offline.stdout.contains("not compared"), "{}", offline.stdout);
    run(&project, &["permissions"]);

    // Secrets change, move and go away: before and after are both hidden.
    let renewed = project
        .with("ENV_SECRET", "zq7canary-renewed")
        .with("ARGUMENT_SECRET", "zq7canary-renewed-too")
        .with("TEXT_SECRET", "zq7canary-renewed-text");
    run(&renewed, &["apply", "later.plan"]).iter().for_each(|r| assert_eq!(r.code, 3, "{}", r.stderr));
    run(&renewed, &["plan", "--out", "renewed.plan"]);
    renewed.edit("QUOTED: \"${var.quoted}\", ", "");
    let [changed, _] = run(&renewed, &["plan", "--detailed-exitcode"]);
    assert_eq!(changed.code, 2, "{}", changed.stdout);
    // What is in the cloud still comes from values that nobody gives any more.
    run(&renewed, &["snapshot", "--out", "older.json"]);
    run(&renewed, &["plan", "--snapshot", "older.json"]);
    run(&renewed, &["apply", "--yes"]);
    run(&renewed, &["destroy", "--yes"]);
    assert_files_are_clean(renewed.folder.path());
}

#[test]
fn no_failure_prints_a_secret() {
    let echo =
        |value: &str| Effect::Refuse { code: "InvalidParameterValue".into(), message: format!("bad value {value}") };
    for (action, effect) in [
        ("CreateFunction", echo(MARKED[0].1)),
        ("CreateFunction", echo(MARKED[1].1)),
        ("CreateFunction", echo(SECRET_KEY)),
        ("CreateTrigger", echo(MARKED[3].1)),
        ("CreateRole", echo(MARKED[2].1)),
        ("GetCallerIdentity", echo(DIGEST_KEY)),
        ("CreateFunction", Effect::Truncate),
        ("CreateFunction", Effect::HttpStatus(502)),
    ] {
        let echoed = matches!(effect, Effect::Refuse { .. });
        let cloud = cloud(vec![Rule::on(action, effect).times(1)]);
        let project = project(&cloud, MANIFEST);
        let [text, _] = run(&project, &["apply", "--yes"]);
        assert!(!echoed || text.stderr.contains("***"), "{action}: the refusal is told: {}", text.stderr);
        assert_files_are_clean(project.folder.path());
    }
}

#[test]
fn no_finding_prints_a_secret() {
    let cloud = cloud(vec![]);
    for (from, to) in [
        ("cron: \"0 0 3 * * * *\"", "cron: \"${var.env}\""),
        ("runtime: CustomRuntime", "runtime: \"${var.env}\""),
        ("runtime: CustomRuntime", "runtime: CustomRuntime\n    memory: \"${var.quoted}\""),
        ("role: worker", "role: \"${var.env}\""),
        ("region: ap-beijing", "region: \"${var.env}\""),
        ("code: { inline", "namespace: \"${var.env}\"\n    code: { inline"),
        (
            "code: { inline: { bootstrap: \"#!/bin/sh\\necho ${var.code} $ENV >&2\\nexit 1\\n\" } }",
            "code: { dir: \"${var.env}\" }",
        ),
        ("type: timer", "type: \"${var.env}\""),
    ] {
        let project = project(&cloud, MANIFEST);
        project.edit(from, to);
        let [told, _] = run(&project, &["validate"]);
        assert!(told.stderr.contains("[P0"), "{to} is a finding: {}", told.stdout);
        run(&project, &["plan"]);
    }
    assert!(cloud.calls().iter().all(|(action, _)| !support::is_write(action)));
}

#[test]
fn raw_triggers_and_the_embedded_cloud_print_no_secret() {
    let cloud = cloud(vec![]);
    let raw = "      queue: { type: raw, kind: cmq, name: q1, description: { key: \"${var.raw}\" } }\n";
    let project = project(&cloud, &format!("{MANIFEST}{raw}"));
    run(&project, &["plan"]);
    run(&project, &["apply", "--yes"]);
    let mut project = project;
    project.environment.remove("PROVISION_ENDPOINT");
    for arguments in [&["plan", "--local"][..], &["apply", "--local", "--yes"], &["destroy", "--local", "--yes"]] {
        run(&project, arguments);
    }
    assert_files_are_clean(project.folder.path());
}
