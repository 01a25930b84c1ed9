//! What people read: plans and findings as text, as golden files in `golden/`. After a wanted change:
//! `INSTA_UPDATE=always cargo test -p plan --test golden`, then read the difference.

mod support;

use plan::mark::STACK_TAG;
use plan::plan::Plan;
use plan::render::guard::DigestKey;
use plan::render::style::Style;
use plan::render::{diagnostics, json, text};
use plan::resource::trigger::RawTrigger;
use support::simulator::Cloud;

const MISSION: &str = include_str!("../../../manifests/mps-webhook.yaml");
const KEY: (&str, &str) = ("wecom_key", "00000000-1111-2222-3333-444444444444");
const PLAIN: Style = Style::PLAIN;

fn check(name: &str, output: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, output));
}

/// A plan as a terminal shows it: findings above, the plan below.
fn shown(plan: &Plan, sources: &plan::source::Sources, style: Style) -> String {
    let findings = diagnostics::render(&plan.findings, sources, style);
    // Colours are easier to review as words.
    (findings + &text::plan(plan, &DigestKey::new(b"golden"), style)).replace('\x1b', "ESC")
}

fn plan_of(cloud: &Cloud, manifest: &str, style: Style) -> String {
    let (sources, stack) = support::stack(manifest, &[KEY]);
    shown(&cloud.plan(&stack), &sources, style)
}

fn cloud_with(manifest: &str) -> Cloud {
    let mut cloud = Cloud::default();
    let (_, stack) = support::stack(manifest, &[KEY]);
    cloud.apply_all(&cloud.plan(&stack)).expect("the manifest can be applied");
    cloud
}

/// A manifest with something of everything.
const TOOLS: &str = r#"
stack: media-tools
region: ap-guangzhou
tags: { team: media }
variables: { wecom_key: { sensitive: true } }
roles:
  worker: { description: what the tools may do, trust: [scf.qcloud.com], policies: [invoke, QcloudCOSDataReadOnly] }
policies:
  invoke:
    document:
      version: "2.0"
      statement: [{ effect: allow, action: ["scf:Invoke"], resource: ["qcs::scf:ap-guangzhou::namespace/media/function/*"] }]
namespaces:
  media: { description: media tools }
functions:
  report:
    namespace: media
    description: |
      Counts yesterday's tasks.
      Runs every night.
    runtime: Python3.10
    code: { inline: { index.py: "def main_handler(event, context): return event" } }
    memory: 256
    timeout: 60
    role: worker
    environment: { LOG_LEVEL: info, NOTIFY_URL: "https://example.com/?key=${var.wecom_key}", OLD: "1" }
    tags: { app: report, "cost.center": "7" }
    triggers:
      nightly: { type: timer, cron: "0 0 3 * * * *", argument: "${var.wecom_key}" }
      uploads: { type: cos, bucket: in-1250000000, events: "cos:ObjectCreated:*", prefix: raw/, suffix: .mp4 }
  preview:
    region: ap-beijing
    type: http
    runtime: CustomRuntime
    code: { demo: preview }
    triggers:
      url: { type: http, auth: none }
"#;

fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(TOOLS.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the manifest holds {from:?}");
        text.replace(from, to)
    })
}

#[test]
fn the_mission_is_created() {
    check("create_mission", &plan_of(&Cloud::default(), MISSION, PLAIN));
}

#[test]
fn everything_is_created() {
    check("create_everything", &plan_of(&Cloud::default(), TOOLS, PLAIN));
}

#[test]
fn nothing_is_to_do() {
    check("nothing", &plan_of(&cloud_with(TOOLS), TOOLS, PLAIN));
}

/// Environment, tags, a description of several lines, a document, a cron.
const EDITS: [(&str, &str); 8] = [
    ("LOG_LEVEL: info", "LOG_LEVEL: debug"),
    ("OLD: \"1\"", "NEW: \"${var.wecom_key}\""),
    ("\"cost.center\": \"7\"", "\"cost.center\": \"8\", owner: tools"),
    ("Runs every night.", "Runs every night,\n      weekends included."),
    ("timeout: 60", "timeout: 90"),
    ("\"scf:Invoke\"", "\"scf:Invoke\", \"scf:GetFunction\""),
    ("0 0 3 * * * *", "0 30 3 * * * *"),
    ("prefix: raw/", "prefix: in/"),
];

#[test]
fn an_update_shows_each_attribute() {
    check("update", &plan_of(&cloud_with(TOOLS), &edited(&EDITS), PLAIN));
}

#[test]
fn an_update_in_colour_says_the_same() {
    let coloured = plan_of(&cloud_with(TOOLS), &edited(&EDITS), Style { color: true });
    check("update_coloured", &coloured);
    let mut bare = String::new();
    let mut rest = coloured.as_str();
    while let Some(at) = rest.find("ESC[") {
        bare.push_str(&rest[..at]);
        rest = rest[at..].split_once('m').map_or("", |(_, after)| after);
    }
    bare.push_str(rest);
    assert_eq!(bare, plan_of(&cloud_with(TOOLS), &edited(&EDITS), PLAIN));
}

#[test]
fn a_replacement_says_what_goes_with_it() {
    let edits = [("runtime: Python3.10", "runtime: Python3.9"), ("memory: 256", "memory: 512")];
    check("replace", &plan_of(&cloud_with(TOOLS), &edited(&edits), PLAIN));
}

#[test]
fn deletes_stand_in_full() {
    let cloud = cloud_with(TOOLS);
    let (sources, stack) = support::stack(TOOLS, &[KEY]);
    check("destroy", &shown(&cloud.plan(&stack.emptied()), &sources, PLAIN));
    let mut nothing = stack;
    nothing.policies.clear();
    nothing.roles.clear();
    nothing.namespaces.clear();
    nothing.functions.clear();
    check("delete", &shown(&cloud.plan(&nothing), &sources, PLAIN));
}

#[test]
fn what_somebody_changed_in_the_cloud_is_told_from_what_the_manifest_changed() {
    let mut cloud = cloud_with(TOOLS);
    for function in cloud.functions.values_mut() {
        function.function.memory = 1024;
        function.triggers.push(RawTrigger {
            kind: "timer".into(),
            name: "by-hand".into(),
            desc: "0 0 1 * * * *".into(),
            enabled: true,
            qualifier: "$DEFAULT".into(),
            ..RawTrigger::default()
        });
    }
    check("drift", &plan_of(&cloud, &edited(&[("timeout: 60", "timeout: 90")]), PLAIN));
}

#[test]
fn what_forbids_a_plan_stands_above_it() {
    let mut cloud = cloud_with(TOOLS);
    for function in cloud.functions.values_mut().take(1) {
        function.function.tags.insert(STACK_TAG.into(), "somebody-else".into());
    }
    check("refused", &plan_of(&cloud, TOOLS, PLAIN));
}

#[test]
fn a_plan_as_json_keeps_its_shape() {
    let cloud = cloud_with(TOOLS);
    let (sources, stack) = support::stack(&edited(&EDITS), &[KEY]);
    let (plan, key) = (cloud.plan(&stack), DigestKey::new(b"golden"));
    let document = json::StackPlan { plan: &plan, sources: &sources, key: &key };
    check("update_json", &serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn ten_mistakes_are_ten_findings() {
    let manifest = r#"stack: Media_Tools
region: ap-bejing
variables:
  level: { default: info }
functions:
  hook:
    runtime: CustomRuntme
    memory: 100
    timeout: soon
    colour: red
    code: { dir: ../../elsewhere, zip: a.zip }
    environment: { LEVEL: "${var.levle}" }
    triggers:
      nightly: { type: timer, cron: "0 3 * *" }
      edits: { type: mps, event: EditTask }
  report:
    runtime: Python3.10
    code: { demo: report }
    role: notfier
    namespace: media
roles:
  notifier: { trust: [scf.qcloud.com] }
"#;
    let (sources, found) = support::load("manifests/prod.yaml", manifest, &[]);
    assert!(found.findings.len() >= 10, "{} findings", found.findings.len());
    check("ten_mistakes", &diagnostics::render(&found.findings, &sources, PLAIN));
    check(
        "ten_mistakes_coloured",
        &diagnostics::render(&found.findings, &sources, Style { color: true }).replace('\x1b', "ESC"),
    );
}
