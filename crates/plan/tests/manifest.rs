//! Manifests to desired state, and wrong manifests to findings, from outside.

use plan::diagnostic::Severity;
use plan::manifest::{Manifest, read};
use plan::source::Sources;
use plan::variables::Given;

fn load(name: &str, text: &str) -> (Sources, Manifest) {
    let mut sources = Sources::default();
    let file = sources.add(name, text);
    let given = Given {
        environment: [("WECOM_WEBHOOK_KEY".to_owned(), "canary-secret".to_owned())].into(),
        ..Given::default()
    };
    let manifest = read(&sources, file, &given);
    (sources, manifest)
}

/// Each finding as `CODE line:column`.
fn findings(text: &str) -> Vec<String> {
    let (sources, manifest) = load("m.yaml", text);
    manifest
        .findings
        .iter()
        .map(|f| {
            let at = f.span.map(|s| sources.location(s));
            format!("{} {}", f.code.as_str(), at.map_or_else(|| "-".to_owned(), |l| format!("{}:{}", l.line, l.column)))
        })
        .collect()
}

const GOOD: &str = r#"
stack: mps-webhook
region: ap-beijing
account: "100000000001"
variables:
  wecom_key: { sensitive: true, env: WECOM_WEBHOOK_KEY }
  level: { default: info }
tags: { team: media }
roles:
  SCF_QcsRole: { preset: scf }
  media-notify: { trust: [scf.qcloud.com], policies: [notify, QcloudSCFInvokeFunctionAccess] }
policies:
  notify: { document: { version: "2.0", statement: [ { effect: allow, action: scf:Invoke, resource: "*" } ] } }
namespaces:
  media: {}
functions:
  hook:
    namespace: media
    runtime: CustomRuntime
    code: { inline: { bootstrap: run } }
    role: media-notify
    environment: { LEVEL: "${var.level}", KEY: "${var.wecom_key}", PLAIN: text }
    tags: { app: hook }
    triggers:
      workflow: { type: mps, event: WorkflowTask }
      nightly: { type: timer, cron: "0 3 * * *" }
"#;

#[test]
fn the_whole_of_a_good_manifest_is_understood() {
    let (_, manifest) = load("m.yaml", GOOD);
    assert!(manifest.findings.is_empty(), "{:?}", manifest.findings);
    let stack = manifest.stack.unwrap();
    assert_eq!((stack.roles.len(), stack.policies.len(), stack.namespaces.len(), stack.functions.len()), (2, 1, 1, 1));
    let function = &stack.functions[0];
    assert_eq!(function.function.environment["KEY"], "canary-secret");
    assert!(function.origin.is_sensitive("environment.KEY") && function.origin.is_literal("environment.PLAIN"));
    assert!(!function.origin.is_literal("environment.LEVEL"));
    assert_eq!(function.function.tags.len(), 2);
    assert_eq!(stack.namespaces[0].region, "ap-beijing");
    assert!(manifest.secrets.contains("canary-secret"));
}

#[test]
fn toml_says_the_same_as_yaml() {
    let toml = r#"
stack = "mps-webhook"
region = "ap-beijing"
[functions.hook]
runtime = "CustomRuntime"
memory = 256
code = { demo = "x" }
[functions.hook.triggers.nightly]
type = "timer"
cron = "0 0 3 * * * *"
"#;
    let (_, manifest) = load("m.toml", toml);
    assert!(manifest.findings.is_empty(), "{:?}", manifest.findings);
    assert_eq!(manifest.stack.unwrap().functions[0].function.memory, 256);
}

#[test]
fn every_wrong_thing_is_found_in_one_run_where_it_stands() {
    let text = "stack: My_Stack
region: ap-beijng
functions:
  a:
    runtime: CustomRuntme
    memroy: 128
    memory: 100
    timeout: \"15\"
    role: notfier
    environment: { SCF_X: a, E: '' }
    code: { dir: /abs, zip: x.zip }
    triggers:
      t: { type: timer, cron: 'x' }
      u: { type: mps, event: WorkflowTsk }
";
    let expected = [
        "P014 1:8",
        "P014 2:9",
        "P010 6:5",
        "P014 4:3",
        "P015 11:11",
        "P014 5:14",
        "P013 7:13",
        "P012 8:14",
        "P014 10:33",
        "P014 10:33",
        "P014 10:27",
        "P014 13:31",
        "P014 14:30",
        "P030 9:11",
    ];
    assert_eq!(findings(text), expected);
}

#[test]
fn credentials_of_the_run_never_become_configuration() {
    for name in ["TENCENTCLOUD_SECRET_KEY", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_TOKEN", "PROVISION_DIGEST_KEY"] {
        let text = format!("stack: leak\nregion: ap-beijing\nvariables:\n  x: {{ env: {name} }}\n");
        assert_eq!(findings(&text), ["P023 4:13"], "{name}");
    }
}

#[test]
fn rules_across_resources_hold() {
    let base = |functions: &str| format!("stack: s1\nregion: ap-beijing\nfunctions:\n{functions}");
    let f = |id: &str, more: &str| format!("  {id}: {{ runtime: CustomRuntime, code: {{ demo: x }}{more} }}\n");
    let codes = |text: &str| findings(text).iter().map(|f| f[..4].to_owned()).collect::<Vec<_>>();
    assert_eq!(codes(&base(&f("a1", ", role: nobody"))), ["P030"]);
    assert_eq!(codes(&base(&(f("a1", "") + &f("b1", ", name: a1")))), ["P031"]);
    assert_eq!(codes(&base(&f("a1", ", namespace: media"))), ["P032"]);
    let mps = ", triggers: { t: { type: mps, event: WorkflowTask } }";
    assert_eq!(codes(&base(&(f("a1", mps) + &f("b1", mps)))), ["P034"]);
    assert_eq!(
        codes(&base(&f("a1", ", type: http, triggers: { t: { type: timer, cron: '0 0 3 * * * *' } }"))),
        ["P015"]
    );
    let scripted = |handler: &str| {
        codes(&base(&format!("  a1: {{ runtime: Python3.10, handler: {handler}, code: {{ demo: x }} }}\n")))
    };
    assert_eq!((scripted("index.main"), scripted("index.main2").len(), scripted("index").len()), (vec![], 1, 1));
    assert_eq!(codes(&base(&f("a1", ", log: { logset: a, topic: b }"))), ["P039"]);
    assert_eq!(codes(&base(&f("a1", ", aliases: {}"))), ["P016"]);
    assert_eq!(
        codes(&base(&f(
            "a1",
            ", environment: { URL: 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7xxx-4bc4' }"
        ))),
        ["P037"]
    );
    let big = "x".repeat(4100);
    assert_eq!(codes(&base(&f("a1", &format!(", environment: {{ BIG: {big} }}")))), ["P038"]);
    assert_eq!(codes("stack: s1\nroles: { x: { external: true, trust: [a] } }\n"), ["P015"]);
}

#[test]
fn two_files_cannot_declare_one_stack() {
    let mut sources = Sources::default();
    let (a, b) = (sources.add("a.yaml", "stack: same\n"), sources.add("b.yaml", "stack: same\n"));
    let (a, b) = (read(&sources, a, &Given::default()), read(&sources, b, &Given::default()));
    let found = plan::validate::across(&[a.stack.as_ref().unwrap(), b.stack.as_ref().unwrap()]);
    assert_eq!(found[0].code.as_str(), "P035");
    assert_eq!(sources.location(found[0].span.unwrap()).file, "b.yaml");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[ -~\n\t]{0,300}") {
        load("x.yaml", &text);
        load("x.toml", &text);
    }

    #[test]
    fn a_mangled_manifest_is_findings_and_never_a_panic(cut in 0usize..900, insert in "[ -~]{0,6}") {
        let mut text = GOOD.to_owned();
        let at = cut.min(text.len());
        text.insert_str(at, &insert);
        let (_, manifest) = load("m.yaml", &text);
        proptest::prop_assert!(manifest.stack.is_some() || manifest.findings.iter().any(|f| f.severity == Severity::Error));
    }
}

#[test]
fn mounts_of_file_systems_have_no_order_and_keep_their_places() {
    let mount = |local: &str| {
        format!("      - {{ id: cfs-{local}, mount_target: cfs-{local}, remote_dir: /, local_dir: /mnt/{local} }}\n")
    };
    let attributes = |order: [&str; 2]| {
        let head = "stack: media\nregion: ap-beijing\nfunctions:\n  hook:\n    runtime: Go1\n    code: { demo: x }\n    vpc: { id: vpc-1, subnet: subnet-1 }\n    file_systems:\n";
        let (sources, manifest) = load("m.yaml", &format!("{head}{}", order.map(mount).concat()));
        let function = &manifest.stack.expect("a stack").functions[0];
        let line = |i: usize| {
            let span = function.origin.span_of(&format!("file_systems[{i}].id")).expect("a place");
            sources.location(span).line
        };
        let all: Vec<_> = function.function.attributes().iter().map(|a| (a.path.clone(), a.value.clone())).collect();
        (all, [line(0), line(1)])
    };
    let ((one, in_order), (other, turned)) = (attributes(["a", "b"]), attributes(["b", "a"]));
    assert_eq!(one, other);
    assert_eq!((in_order, turned), ([9, 10], [10, 9]), "`/mnt/a` comes first, and is found where it stands");
}
