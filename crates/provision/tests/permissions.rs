//! `provision permissions` against what the commands really call: every call is granted, and nothing is granted that
//! no manifest of the corpus needs. The policies are taken by the local cloud, and the trust documents let in whom
//! they name.

mod support;

use std::collections::BTreeSet;

use base64::Engine as _;
use localcloud::{Effect, Faults, Rule};
use serde_json::{Value as Json, json};
use support::{Cloud, Project, text};
use tencentcloud::{cam, scf};

/// Granted, and no call: passing a role on is checked when a function that has one is written.
const NO_CALLS: [&str; 1] = ["cam:PassRole"];

/// Of every kind of resource and trigger, first as it is made and then with every attribute changed.
const EVERYTHING: [&str; 3] = [
    r##"
stack: everything
region: ap-beijing
roles:
  SCF_QcsRole: { preset: scf }
  MPS_QcsRole: { preset: mps }
  worker: { description: one, trust: [scf.qcloud.com], policies: [invoke], session_duration: 7200, console_login: true, tags: { a: "1" } }
policies:
  invoke: { description: one, document: { version: "2.0", statement: [{ effect: allow, action: "scf:Invoke", resource: "*" }] }, tags: { a: "1" } }
namespaces:
  media: { description: one }
functions:
  hook:
    namespace: media
    description: one
    runtime: CustomRuntime
    handler: main
    code: { inline: { bootstrap: "#!/bin/sh\n" } }
    role: worker
    tags: { a: "1" }
    reserved_concurrency: 128
    async: { retries: 1, max_age: 3600 }
    triggers:
      nightly: { type: timer, cron: "0 0 3 * * * *" }
      workflow: { type: mps, event: WorkflowTask }
      uploads: { type: cos, bucket: in-1250000000, events: "cos:ObjectCreated:*", prefix: raw/ }
      other: { type: raw, kind: cmq, name: q1, description: { filterType: 1 } }
      extra: { type: timer, cron: "0 0 4 * * * *" }
  web:
    runtime: CustomRuntime
    type: http
    code: { inline: { scf_bootstrap: "#!/bin/sh\n" } }
    triggers:
      url: { type: http, auth: none }
"##,
    r##"
stack: everything
region: ap-beijing
roles:
  SCF_QcsRole: { preset: scf }
  MPS_QcsRole: { preset: mps }
  worker: { description: two, trust: [scf.qcloud.com, cos.qcloud.com], policies: [QcloudSCFInvokeFunctionAccess], session_duration: 3600, console_login: false, tags: { b: "2" } }
policies:
  invoke: { description: two, document: { version: "2.0", statement: [{ effect: allow, action: "scf:Get*", resource: "*" }] }, tags: { b: "2" } }
namespaces:
  media: { description: two }
functions:
  hook:
    namespace: media
    description: two
    runtime: CustomRuntime
    handler: main
    code: { inline: { bootstrap: "#!/bin/sh\nexit 1\n" } }
    role: worker
    tags: { b: "2" }
    reserved_concurrency: 256
    async: { retries: 2, max_age: 7200 }
    triggers:
      nightly: { type: timer, cron: "0 30 3 * * * *" }
      workflow: { type: mps, event: WorkflowTask, enabled: false }
      uploads: { type: cos, bucket: in-1250000000, events: "cos:ObjectCreated:*", prefix: raw/, enabled: false }
      other: { type: raw, kind: cmq, name: q1, description: { filterType: 2 } }
  web:
    runtime: CustomRuntime
    type: http
    code: { inline: { scf_bootstrap: "#!/bin/sh\n" } }
    triggers:
      url: { type: http, auth: cam }
"##,
    r##"
stack: everything
region: ap-beijing
roles:
  worker: { trust: [scf.qcloud.com], session_duration: 3600, console_login: false }
policies:
  invoke: { document: { version: "2.0", statement: [{ effect: allow, action: "scf:Get*", resource: "*" }] } }
namespaces:
  media: {}
functions:
  hook:
    namespace: media
    runtime: Python3.10
    handler: index.main
    code: { inline: { index.py: "def main(e, c): pass\n" } }
    role: worker
    reserved_concurrency: 256
    async: { retries: 2, max_age: 7200 }
    triggers:
      nightly: { type: timer, cron: "0 30 3 * * * *" }
"##,
];

/// Takes an event type from a function of another stack.
const TAKER: &str = r##"
stack: taker
region: ap-beijing
roles:
  worker: { external: true }
functions:
  taker:
    runtime: CustomRuntime
    handler: main
    role: worker
    code: { inline: { bootstrap: "#!/bin/sh\n" } }
    triggers:
      workflow: { type: mps, event: WorkflowTask, takeover: true }
"##;

/// Code that is too large for a request, and a bucket for it.
const LARGE: &str = r#"
stack: large
region: ap-beijing
package_bucket: deploy-1250000000
functions:
  large: { runtime: CustomRuntime, handler: main, code: { dir: ../code } }
"#;

/// Next to nothing.
const SMALL: &str = r##"
stack: small
region: ap-beijing
functions:
  small:
    runtime: CustomRuntime
    handler: main
    code: { inline: { bootstrap: "#!/bin/sh\n" } }
"##;

fn actions(document: &Json) -> BTreeSet<String> {
    let statements = document["statement"].as_array().expect("statements");
    let actions = statements.iter().flat_map(|s| s["action"].as_array().expect("actions"));
    actions.map(|a| text(a).to_owned()).collect()
}

/// What the printed policies of one purpose grant.
fn granted(project: &Project, purpose: &str) -> BTreeSet<String> {
    let printed = project.run_here(&["permissions", purpose, "--format", "json"], false).exits(0).json();
    let policies = printed["permissions"][0]["policies"].as_array().expect("policies").clone();
    policies.iter().flat_map(|p| actions(&p["document"])).collect()
}

/// A project on a cloud whose calls are compared with what is granted.
struct Watched<'a> {
    cloud: &'a Cloud,
    project: Project,
    used: BTreeSet<String>,
    granted: BTreeSet<String>,
}

impl<'a> Watched<'a> {
    fn new(cloud: &'a Cloud, manifest: &str) -> Self {
        let project = Project::on(cloud, manifest);
        Self { cloud, project, used: BTreeSet::new(), granted: BTreeSet::new() }
    }

    /// Runs a command; every call it makes must be granted.
    fn run(&mut self, purpose: &str, arguments: &[&str], codes: &[i32]) {
        let granted = granted(&self.project, purpose);
        let before = self.cloud.actions().len();
        let ran = self.project.run_here(&[arguments, &["--quiet"]].concat(), false);
        assert!(codes.contains(&ran.code), "{arguments:?}: {ran:?}");
        let called: BTreeSet<String> = self.cloud.actions().split_off(before).into_iter().collect();
        let missing: Vec<&String> = called.difference(&granted).collect();
        assert!(missing.is_empty(), "{arguments:?} calls {missing:?}, which the policy for {purpose} does not grant");
        self.used.extend(called);
        self.granted.extend(granted);
    }

    fn converge(&mut self) {
        self.run("plan", &["plan", "--detailed-exitcode"], &[2]);
        self.run("apply", &["apply", "--yes"], &[0]);
        self.run("plan", &["drift"], &[0]);
        self.run("plan", &["plan", "--detailed-exitcode"], &[0]);
    }
}

#[test]
fn every_call_is_granted_and_every_grant_is_used() {
    let cloud = Cloud::start();
    let mut everything = Watched::new(&cloud, EVERYTHING[0]);
    everything.converge();
    everything.project.write("manifests/hook.yaml", EVERYTHING[1]);
    everything.converge();
    // The event type is bound again, for the other stack to take.
    everything.project.write("manifests/hook.yaml", EVERYTHING[0]);
    everything.converge();
    let mut taker = Watched::new(&cloud, TAKER);
    taker.converge();
    taker.run("apply", &["destroy", "--yes"], &[0]);

    // Gone from the manifest while its kind stays, and a function replaced.
    let mut replaced = Watched::new(&cloud, EVERYTHING[2]);
    replaced.run("apply", &["destroy", "--yes"], &[0]);
    replaced.converge();

    let mut small = Watched::new(&cloud, SMALL);
    small.converge();
    cloud.call(&scf::PutReservedConcurrencyConfig {
        function_name: "small".to_owned(),
        namespace: Some("default".to_owned()),
        reserved_concurrency_mem: 128,
    });
    small.run("plan", &["drift"], &[2]);
    small.run("apply", &["apply", "--yes"], &[0]);
    small.run("apply", &["destroy", "--yes"], &[0]);

    let mut large = Watched::new(&cloud, LARGE);
    // The folder stays below the top of the tree.
    std::fs::create_dir(large.project.path(".git")).expect("a folder");
    large.project.write("code/bootstrap", "#!/bin/sh\n");
    let path = large.project.path("code/noise");
    let noise = |bytes: usize| std::fs::write(&path, support::noise(1, bytes)).expect("a file");
    // In one piece, then in parts: begun with a lost answer and refused, and once more.
    noise(15 << 19);
    large.converge();
    noise(9 << 20);
    cloud.set_faults(Some(Faults::new(vec![
        Rule::on("InitiateMultipartUpload", Effect::LoseAnswer).nth(1),
        Rule::on("UploadPart", Effect::Refuse { code: "AccessDenied".to_owned(), message: String::new() }).nth(1),
    ])));
    large.run("apply", &["apply", "--yes"], &[1]);
    cloud.set_faults(None);
    large.converge();

    let all = [everything, taker, replaced, small, large];
    let used: BTreeSet<&String> = all.iter().flat_map(|w| &w.used).collect();
    let surplus: Vec<&String> = all
        .iter()
        .flat_map(|w| &w.granted)
        .filter(|a| !used.contains(a) && !NO_CALLS.contains(&a.as_str()))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    assert!(surplus.is_empty(), "granted, and never called: {surplus:?}");
}

#[test]
fn a_stack_is_granted_nothing_for_what_it_does_not_declare() {
    let plan = granted(&Project::new(SMALL), "plan");
    let apply = granted(&Project::new(SMALL), "apply");
    assert!(plan.is_subset(&apply), "apply reads what plan reads");
    for action in &plan {
        let verb = action.split_once(':').expect("service and action").1;
        assert!(!support::is_write(verb), "the policy for plan grants {action}");
    }
    for prefix in ["mps:", "cam:Create", "cam:Delete", "cam:PassRole", "scf:CreateTrigger", "scf:PutReserved"] {
        assert!(!apply.iter().any(|a| a.starts_with(prefix)), "{prefix}: {apply:?}");
    }
}

#[test]
fn functions_and_roles_are_named_where_cam_allows_it() {
    let project = Project::new(TAKER.replace("stack: taker", "stack: taker\naccount: \"100000000001\"").as_str());
    let printed = project.run_here(&["permissions", "apply", "--format", "json"], false).exits(0).json();
    let statements = printed["permissions"][0]["policies"][0]["document"]["statement"].clone();
    let of = |action: &str| -> Vec<Json> {
        let statements = statements.as_array().expect("statements").iter();
        statements.filter(|s| s["action"].as_array().expect("actions").contains(&json!(action))).cloned().collect()
    };
    let named = json!(["qcs::scf:ap-beijing:uin/100000000001:namespace/default/function/taker"]);
    assert_eq!(of("scf:UpdateFunctionCode")[0]["resource"], named);
    assert_eq!(of("cam:PassRole")[0]["resource"], json!(["qcs::cam::uin/100000000001:roleName/worker"]));
    let owned = of("scf:DeleteFunction");
    assert_eq!(owned[0]["resource"], named);
    let tag = json!({ "for_any_value:string_equal": { "qcs:resource_tag": ["provision-stack&taker"] } });
    assert_eq!((&owned[1]["resource"], &owned[1]["condition"]), (&json!(["*"]), &tag));

    let any = project.run_here(&["permissions", "apply", "--resources", "any", "--format", "json"], false);
    let any = any.exits(0).json();
    let statements = any["permissions"][0]["policies"][0]["document"]["statement"].as_array().cloned();
    let roles = |s: &Json| text(&s["resource"][0]).contains(":roleName/");
    assert!(statements.expect("statements").iter().all(|s| s["resource"] == json!(["*"]) || roles(s)));
}

/// A token as GitHub gives it to a job; the local cloud checks its claims, not its signature.
fn token(subject: &str) -> String {
    let part = |json: &Json| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json.to_string());
    let claims = json!({ "iss": "https://token.actions.githubusercontent.com", "aud": "sts.tencentcloudapi.com", "sub": subject });
    format!("{}.{}.c2ln", part(&json!({ "alg": "RS256" })), part(&claims))
}

#[test]
fn the_printed_documents_make_a_role_that_lets_in_whom_they_name() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, SMALL);
    let ask = ["permissions", "--trust", "github", "--repository", "team/infra", "--branch", "main"];
    let missing = project.run_here(&ask, false).exits(1);
    assert!(missing.stderr.contains("--account"), "{}", missing.stderr);
    let ask = [&ask[..], &["--account", "100000000001", "--format", "json"]].concat();
    let printed = project.run_here(&ask, false).exits(0).json();
    for one in printed["permissions"].as_array().expect("permissions") {
        for policy in one["policies"].as_array().expect("policies") {
            cloud.call(&cam::CreatePolicy {
                policy_name: text(&policy["name"]).to_owned(),
                policy_document: policy["document"].to_string(),
                ..Default::default()
            });
        }
        cloud.call(&cam::CreateRole {
            role_name: text(&one["role"]["name"]).to_owned(),
            policy_document: one["role"]["trust"].to_string(),
            ..Default::default()
        });
    }
    let environment = |purpose: usize, subject: &str| {
        let mut project = Project::on(&cloud, SMALL).with("TENCENTCLOUD_WEB_IDENTITY_TOKEN", &token(subject));
        project.environment.remove("TENCENTCLOUD_SECRET_ID");
        project.environment.remove("TENCENTCLOUD_SECRET_KEY");
        let variables = printed["permissions"][purpose]["role"]["environment"].as_object().expect("variables");
        variables.iter().fold(project, |project, (name, value)| project.with(name, text(value)))
    };
    for (purpose, subject, allowed) in [
        (0, "repo:team/infra:pull_request", true),
        (0, "repo:team/infra:ref:refs/heads/main", true),
        (0, "repo:other/infra:pull_request", false),
        (1, "repo:team/infra:ref:refs/heads/main", true),
        (1, "repo:team/infra:pull_request", false),
    ] {
        let ran = environment(purpose, subject).run_here(&["plan"], false);
        assert_eq!(ran.code == 0, allowed, "{purpose} {subject}: {ran:?}");
    }
}

#[test]
fn text_says_where_each_document_goes_and_why_it_is_wide() {
    let project = Project::new(EVERYTHING[0]);
    let ask = ["permissions", "--account", "1", "--trust", "gitlab", "--repository", "a/b/c", "--branch", "main"];
    let shown = project.run_here(&ask, false).exits(0).stdout;
    for part in [
        "1. Identity provider",
        "public key   the answer of https://gitlab.com/oauth/discovery/keys",
        "Policy provision-everything-plan",
        "\"project_path:a/b/c:ref_type:branch:ref:main\"",
        "TENCENTCLOUD_ROLE_ARN=qcs::cam::uin/1:roleName/provision-everything-apply",
        "let only the protected branch or environment use them",
        "any function of the account",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    for (arguments, help) in [
        (&["permissions", "apply", "--account", "1", "--trust", "github", "--repository", "a/b"][..], "--branch main"),
        (&["permissions", "--account", "one"][..], "--account 100000000001"),
        (&["permissions", "--trust", "github"][..], "--repository"),
    ] {
        let refused = project.run_here(arguments, false).exits(1);
        assert!(refused.stderr.contains(help), "{arguments:?}: {}", refused.stderr);
    }
}
