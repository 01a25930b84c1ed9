//! Writes that fail, and keep failing: what is said is true, and what is left is found by whatever is planned next.

#![cfg(unix)]

mod support;

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use localcloud::{Effect, Faults, Options, Rule};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;
use support::{Cloud, Project, Ran, is_lease, text};
use tencentcloud::{cam, scf};

/// One function, so that a run is short.
const SMALL: &str = r##"
stack: hook
region: ap-beijing
functions:
  hook:
    runtime: CustomRuntime
    handler: bootstrap.main
    code: { inline: { bootstrap: "#!/bin/sh\nexit 1\n" } }
    memory: 128
"##;

const APPLY: [&str; 6] = ["apply", "--yes", "--max-deletes", "9", "--format", "json"];

fn refuse(code: &str) -> Effect {
    Effect::Refuse { code: code.to_owned(), message: "played".to_owned() }
}

fn play(cloud: &Cloud, rules: Vec<Rule>) {
    cloud.set_faults(Some(Faults::new(rules)));
}

/// Actions since then that change something, those of leases apart.
fn writes(cloud: &Cloud, since: usize) -> Vec<String> {
    cloud.writes().into_iter().filter(|a| !is_lease(a)).skip(since).collect()
}

fn written(cloud: &Cloud) -> usize {
    writes(cloud, 0).len()
}

/// What became of one address.
fn outcome<'a>(report: &'a Json, address: &str) -> &'a Json {
    let all = report["stacks"][0]["outcomes"].as_array().expect("a report");
    all.iter().find(|o| text(&o["address"]) == address).unwrap_or_else(|| panic!("{address} is in {report}"))
}

#[test]
fn going_back_after_an_update_of_code_that_was_cut_short_brings_the_code_back() {
    // The nth configuration call is refused: that before the code, or that after it.
    for nth in [1, 2] {
        let cloud = Cloud::start();
        let project = Project::on(&cloud, SMALL);
        project.run(&APPLY).exits(0);
        project.edit("exit 1", "exit 2");
        project.edit("memory: 128", "memory: 256");
        play(
            &cloud,
            vec![Rule::on("UpdateFunctionConfiguration", refuse("InvalidParameterValue.Description")).nth(nth)],
        );
        let before = written(&cloud);
        project.run(&APPLY).exits(1);
        let sent = writes(&cloud, before);
        assert_eq!(sent.contains(&"UpdateFunctionCode".to_owned()), nth == 2, "{sent:?}");
        play(&cloud, Vec::new());
        project.edit("exit 2", "exit 1");
        project.edit("memory: 256", "memory: 128");
        let before = written(&cloud);
        project.run(&APPLY).exits(0);
        let sent = writes(&cloud, before);
        assert_eq!(sent.contains(&"UpdateFunctionCode".to_owned()), nth == 2, "nth {nth}: {sent:?}");
        project.run(&["plan", "--detailed-exitcode"]).exits(0);
    }
}

/// A stack with both service roles and functions with these triggers.
fn media(stack: &str, functions: &[(&str, &str)]) -> String {
    let mut text = format!(
        "stack: {stack}\nregion: ap-beijing\nroles:\n  SCF_QcsRole: {{ preset: scf }}\n  MPS_QcsRole: {{ preset: mps }}\n\
         functions:\n"
    );
    for (name, triggers) in functions {
        text.push_str(&format!(
            "  {name}:\n    runtime: CustomRuntime\n    handler: bootstrap.main\n    \
             code: {{ inline: {{ bootstrap: \"#!/bin/sh\" }} }}\n    triggers: {{ {triggers} }}\n"
        ));
    }
    text
}

const HELD: &str = "workflow: { type: mps, event: WorkflowTask }";
const TAKEN: &str = "workflow: { type: mps, event: WorkflowTask, takeover: true }";

/// Which functions of the region have an event type bound.
fn bound(cloud: &Cloud) -> Vec<String> {
    let is_bound = |place: &String| {
        let (namespace, name) = place.split_once('/').expect("namespace/name");
        let request = scf::GetFunction {
            function_name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            ..Default::default()
        };
        let triggers = cloud.call(&request).triggers;
        triggers.iter().any(|t| t.r#type == "mps" && t.bind_status.as_deref().is_none_or(|bind| bind == "on"))
    };
    cloud.functions().into_iter().filter(is_bound).map(|f| f.replace("default/", "")).collect()
}

/// A cloud in which another stack's function holds the event type, and a project that takes it over.
fn takeover(taken: &str) -> (Cloud, Project) {
    let cloud = Cloud::start();
    Project::on(&cloud, &media("theirs", &[("holder", HELD)])).run(&APPLY).exits(0);
    assert_eq!(bound(&cloud), ["holder"]);
    let project = Project::on(&cloud, &media("hook", &[("hook", taken)]));
    (cloud, project)
}

#[test]
fn a_fault_that_stays_is_told_with_its_code_and_request() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, SMALL);
    play(&cloud, vec![Rule::on("CreateFunction", refuse("InternalError"))]);
    let report = project.run(&APPLY).exits(1).json();
    let ended = outcome(&report, "function.hook");
    assert_eq!((text(&ended["outcome"]), text(&ended["error"]["code"])), ("failed", "InternalError"), "{ended}");
    assert!(!text(&ended["error"]["request_id"]).is_empty(), "{ended}");
    assert!(!text(&ended["error"]["message"]).contains("kept another value"), "{ended}");
}

#[test]
fn a_takeover_whose_create_is_refused_gives_the_binding_back() {
    let (cloud, project) = takeover("workflow: { type: mps, event: WorkflowTask, takeover: true, bind: scf }");
    play(&cloud, vec![Rule::on("CreateTrigger", refuse("InvalidParameterValue.TriggerDesc"))]);
    let report = project.run(&APPLY).exits(1).json();
    let message = text(&outcome(&report, "trigger.hook.workflow")["error"]["message"]);
    assert!(message.contains("the binding was given back to function ap-beijing/default/holder"), "{report}");
    assert_eq!(bound(&cloud), ["holder"]);
}

#[test]
fn giving_a_binding_back_is_settled_like_any_other_write() {
    let (cloud, project) = takeover(TAKEN);
    let first = Rule::on("BindTrigger", refuse("FailedOperation.InvalidParameter")).nth(1);
    play(&cloud, vec![first, Rule::on("BindTrigger", Effect::HttpStatus(502)).nth(2)]);
    project.run(&APPLY).exits(1);
    assert_eq!(bound(&cloud), ["holder"]);
}

#[test]
fn a_binding_moves_between_two_stacks_of_one_run_whichever_comes_first() {
    for (from, to) in [("alpha", "beta"), ("beta", "alpha")] {
        let cloud = Cloud::start();
        let project = Project::on(&cloud, SMALL);
        std::fs::remove_file(project.path("manifests/hook.yaml")).expect("it was there");
        let declare = |stack: &str, triggers: &str| {
            let function = format!("{stack}-function");
            project.write(&format!("manifests/{stack}.yaml"), &media(stack, &[(&function, triggers)]));
        };
        declare(from, HELD);
        declare(to, "");
        project.run(&APPLY).exits(0);
        declare(from, "");
        declare(to, TAKEN);
        let ran = project.run(&APPLY);
        assert_eq!(ran.code, 0, "from {from}: {ran:?}");
        assert_eq!(bound(&cloud), [format!("{to}-function")]);
        project.run(&["plan", "--detailed-exitcode"]).exits(0);
    }
}

#[test]
fn an_unbind_that_was_lost_is_sent_again_before_the_bind() {
    for effect in [Effect::DropBefore, Effect::HttpStatus(502), refuse("InternalError"), Effect::LoseAnswer] {
        let (cloud, project) = takeover(TAKEN);
        play(&cloud, vec![Rule::on("UnbindTrigger", effect).nth(1)]);
        project.run(&APPLY).exits(0);
        assert_eq!(bound(&cloud), ["hook"]);
    }
}

#[test]
fn a_bind_that_is_refused_for_something_that_is_not_there_is_told_as_it_was_refused() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, &media("hook", &[("hook", HELD)]));
    play(&cloud, vec![Rule::on("BindTrigger", refuse("ResourceInUse.Trigger"))]);
    let report = project.run(&APPLY).exits(1).json();
    let error = &outcome(&report, "trigger.hook.workflow")["error"];
    assert_eq!(text(&error["code"]), "ResourceInUse.Trigger", "{report}");
    assert!(!text(&error["request_id"]).is_empty(), "{report}");
}

#[test]
fn a_binding_that_was_given_back_was_not_deleted() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, &media("hook", &[("one", HELD), ("other", "")]));
    project.run(&APPLY).exits(0);
    project.write("manifests/hook.yaml", &media("hook", &[("one", ""), ("other", HELD)]));
    play(&cloud, vec![Rule::on("BindTrigger", refuse("FailedOperation.InvalidParameter")).nth(1)]);
    let report = project.run(&APPLY).exits(1).json();
    let deleted = outcome(&report, "trigger.one[mps/WorkflowTask]");
    assert_eq!(text(&deleted["outcome"]), "failed", "{report}");
    assert!(text(&deleted["error"]["message"]).contains("was given back"), "{report}");
    assert_eq!((bound(&cloud), report["stacks"][0]["summary"]["delete"].as_u64()), (vec!["one".to_owned()], Some(0)));
    project.run(&APPLY).exits(0);
    assert_eq!(bound(&cloud), ["other"]);
}

#[test]
fn a_lost_delete_of_a_function_that_goes_slowly_is_waited_for() {
    let cloud = Cloud::exactly(Options { settle: Duration::from_millis(6_500), ..Options::default() });
    let project = Project::on(&cloud, SMALL);
    project.run(&APPLY).exits(0);
    play(&cloud, vec![Rule::on("DeleteFunction", Effect::LoseAnswer).nth(1)]);
    let report = project.run(&["destroy", "--yes", "--format", "json"]).exits(0).json();
    assert_eq!(text(&outcome(&report, "function.hook")["outcome"]), "applied", "{report}");
    assert_eq!(cloud.writes().iter().filter(|a| *a == "DeleteFunction").count(), 1);
}

#[test]
fn a_role_that_somebody_else_made_meanwhile_is_left_alone_without_a_lease_too() {
    let role = |text: &str| format!("{SMALL}roles: {{ worker: {{ trust: [scf.qcloud.com], description: {text} }} }}\n");
    let cloud = Cloud::start();
    play(&cloud, vec![Rule::on("CreateRole", Effect::Delay { ms: 2_000 }).nth(1)]);
    let (first, second) = (Project::on(&cloud, &role("one")), Project::on(&cloud, &role("two")));
    let without = ["apply", "--yes", "--lease", "off", "--format", "json"];
    let child = started(&first, &without);
    wait_until("the plan", || cloud.calls().iter().any(|(action, _)| action == "CreateFunction"));
    second.run(&without).exits(0);
    let report = ended(child).exits(1).json();
    let error = &outcome(&report, "role.worker")["error"];
    assert!(text(&error["message"]).contains("with another description; it was left alone"), "{report}");
    let found = cloud.call(&cam::GetRole { role_name: Some("worker".to_owned()), ..Default::default() });
    assert_eq!(found.role_info.description.as_deref(), Some("two"));
}

fn started(project: &Project, arguments: &[&str]) -> Child {
    let mut command = project.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
}

fn ended(child: Child) -> Ran {
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Ran { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < limit, "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn count(cloud: &Cloud, action: &str) -> usize {
    cloud.calls().iter().filter(|(called, _)| called == action).count()
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).expect("it runs");
}

#[test]
fn a_replacement_that_is_interrupted_leaves_the_function_or_makes_it_again() {
    let timers = "    triggers:\n      one: { type: timer, cron: \"0 0 3 * * * *\" }\n      two: { type: timer, cron: \"0 0 4 * * * *\" }\n";
    // Told to stop while this call is under way.
    for (action, before, goes_on) in
        [("DeleteTrigger", "GetFunction", false), ("DeleteFunction", "DeleteTrigger", true)]
    {
        let cloud = Cloud::start();
        let project = Project::on(&cloud, &format!("{SMALL}{timers}"));
        project.run(&APPLY).exits(0);
        project.edit("CustomRuntime", "Python3.10");
        play(&cloud, vec![Rule::on(action, Effect::Delay { ms: 1_000 })]);
        let reads = count(&cloud, "GetFunction");
        let child = started(&project, &APPLY);
        // The plan's read and the look before the write, or both triggers.
        wait_until(before, || if goes_on { count(&cloud, before) >= 2 } else { count(&cloud, before) >= reads + 2 });
        std::thread::sleep(Duration::from_millis(300));
        interrupt(&child);
        let report = ended(child).exits(130).json();
        assert_eq!(cloud.functions(), ["default/hook"], "{report}");
        let hook = outcome(&report, "function.hook");
        assert_eq!(text(&hook["outcome"]), if goes_on { "applied" } else { "failed" }, "{report}");
        assert_eq!(count(&cloud, "DeleteFunction"), usize::from(goes_on));
        play(&cloud, Vec::new());
        project.run(&APPLY).exits(0);
        project.run(&["plan", "--detailed-exitcode"]).exits(0);
    }
}

#[test]
fn what_was_made_is_not_said_to_be_skipped() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, &format!("{SMALL}    reserved_concurrency: 1024\n"));
    let lost = Effect::RefuseAfter { code: "InternalError".to_owned(), message: "played".to_owned() };
    let slow = Rule::on("GetFunction", Effect::Delay { ms: 1_000 }).times(1);
    play(&cloud, vec![Rule::on("CreateFunction", lost).nth(1), slow]);
    let child = started(&project, &APPLY);
    wait_until("the function", || count(&cloud, "CreateFunction") == 1);
    std::thread::sleep(Duration::from_millis(200));
    interrupt(&child);
    let report = ended(child).exits(130).json();
    let hook = outcome(&report, "function.hook");
    assert_eq!(text(&hook["outcome"]), "failed", "{report}");
    assert!(text(&hook["error"]["message"]).contains("interrupted after 1 of 2 steps"), "{report}");
}

#[test]
fn a_look_that_fails_before_the_first_write_is_a_failure_and_not_unknown() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, SMALL);
    project.run(&APPLY).exits(0);
    project.edit("memory: 128", "memory: 256");
    // The lease takes its time, and meanwhile reading breaks.
    play(&cloud, vec![Rule::on("CreateTag", Effect::Delay { ms: 1_500 }).times(1)]);
    let (reads, before) = (count(&cloud, "GetFunction"), written(&cloud));
    let child = started(&project, &APPLY);
    wait_until("the plan", || count(&cloud, "GetFunction") > reads);
    play(&cloud, vec![Rule::on("GetFunction", Effect::HttpStatus(500))]);
    let report = ended(child).exits(1).json();
    let hook = outcome(&report, "function.hook");
    assert_eq!(text(&hook["outcome"]), "failed", "{report}");
    assert!(text(&hook["error"]["message"]).starts_with("not sent: "), "{report}");
    assert_eq!(written(&cloud), before);
}

#[test]
fn a_saved_plan_of_a_stack_that_nobody_declares_any_more_is_refused() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, SMALL);
    let other = SMALL.replace("stack: hook", "stack: other").replace("  hook:\n", "  other:\n");
    project.write("manifests/other.yaml", &other);
    project.run(&["plan", "--out", "saved.bin"]).exits(0);
    let path = project.path("manifests/other.yaml");
    std::fs::remove_file(&path).expect("it was there");
    let report = project.run(&["apply", "saved.bin", "--format", "json"]).exits(3).json();
    assert_eq!(text(&report["error"]["kind"]), "refused", "{report}");
    assert!(text(&report["error"]["message"]).contains("no manifest declares the stack `other`"), "{report}");
    project.write("manifests/other.yaml", &other.replace("128", "77"));
    project.run(&["apply", "saved.bin"]).exits(1);
    assert_eq!(written(&cloud), 0);
    project.write("manifests/other.yaml", &other);
    project.run(&["apply", "saved.bin"]).exits(0);
}

#[test]
fn a_namespace_of_ours_in_which_others_have_functions_stays_and_is_told() {
    let cloud = Cloud::start();
    let inside = SMALL.replace("  hook:\n", "  hook:\n    namespace: media\n");
    let project = Project::on(&cloud, &format!("{inside}namespaces: {{ media: {{}} }}\n"));
    project.run(&APPLY).exits(0);
    cloud.call(&scf::CreateFunction {
        function_name: "by-hand".to_owned(),
        namespace: Some("media".to_owned()),
        runtime: Some("CustomRuntime".to_owned()),
        handler: Some("bootstrap.main".to_owned()),
        code: scf::Code { demo_id: Some("demo-1".to_owned()), ..Default::default() },
        ..Default::default()
    });
    project.run(&["snapshot", "--out", "cloud.json"]).exits(0);
    let declared = std::fs::read_to_string(project.path("manifests/hook.yaml")).expect("the manifest");
    project.write("manifests/hook.yaml", SMALL);
    let planned = project.run(&["plan", "--snapshot", "cloud.json"]).exits(0);
    assert!(format!("{planned:?}").contains("1 function of others is in it"), "{planned:?}");
    for destroy in [false, false, true, true] {
        let before = written(&cloud);
        // To destroy it says no less than to declare it no longer.
        if destroy {
            project.write("manifests/hook.yaml", &declared);
            let report = project.run(&["destroy", "--yes", "--max-deletes", "unlimited"]).exits(0);
            assert!(!writes(&cloud, before).contains(&"DeleteNamespace".to_owned()), "{report:?}");
            assert!(format!("{report:?}").contains("P059"), "{report:?}");
            continue;
        }
        let report = project.run(&APPLY).exits(0);
        assert!(!writes(&cloud, before).contains(&"DeleteNamespace".to_owned()), "{report:?}");
        let plan = project.run(&["plan", "--detailed-exitcode", "--format", "json"]).exits(0).json();
        let finding = &plan["stacks"][0]["diagnostics"][0];
        assert_eq!((text(&finding["code"]), text(&finding["severity"])), ("P059", "warning"), "{plan}");
        assert!(text(&finding["message"]).contains("1 function of others is in it"), "{plan}");
    }
    assert!(cloud.functions().contains(&"media/by-hand".to_owned()));
    cloud.call(&scf::DeleteFunction {
        function_name: "by-hand".to_owned(),
        namespace: Some("media".to_owned()),
        ..Default::default()
    });
    wait_until("its end", || !cloud.functions().contains(&"media/by-hand".to_owned()));
    project.run(&["destroy", "--yes"]).exits(0);
    assert_eq!(cloud.namespaces(), ["default"]);
}

/// An answer in which members have other values.
fn rewrite(members: &[(&str, Json)]) -> Effect {
    let set = members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Effect::Rewrite { set, remove: Vec::new() }
}

#[test]
fn an_update_never_becomes_a_replacement_that_no_plan_showed() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, SMALL);
    project.run(&["apply", "--yes"]).exits(0);
    project.edit("runtime: CustomRuntime", "runtime: Go1");
    project.edit("memory: 128", "memory: 512");
    // The runtime is told again only when the first write is looked at.
    play(&cloud, vec![Rule::on("GetFunction", rewrite(&[("Runtime", Json::Null)])).times(2)]);
    let since = written(&cloud);
    let ran = project.with("CI", "true").run(&["apply", "--yes", "--format", "json"]).exits(1);
    let report = ran.json();
    let outcome = outcome(&report, "function.hook");
    assert_eq!((text(&outcome["outcome"]), text(&outcome["error"]["code"])), ("failed", "Moved"), "{report}");
    assert!(writes(&cloud, since).iter().all(|action| !action.starts_with("Delete")), "{:?}", writes(&cloud, since));
}

#[test]
fn a_role_that_cannot_be_made_is_not_taken_for_ours_where_no_tags_are_told() {
    let role = "roles: { worker: { trust: [scf.qcloud.com], policies: [QcloudSCFReadOnlyAccess] } }\n";
    let cloud = Cloud::start();
    let theirs = Project::on(&cloud, &format!("stack: theirs\nregion: ap-beijing\n{role}"));
    let ours = Project::on(&cloud, &format!("{SMALL}{role}"));
    play(
        &cloud,
        vec![
            Rule::on("CreateRole", Effect::Delay { ms: 2_000 }).nth(1),
            Rule::on("GetRole", rewrite(&[("RoleInfo.Tags", Json::Null)])),
        ],
    );
    let child = started(&ours, &["apply", "--yes", "--lease", "off", "--format", "json"]);
    wait_until("the plan", || count(&cloud, "CreateFunction") > 0);
    theirs.run(&["apply", "--yes", "--lease", "off"]);
    let attached = count(&cloud, "AttachRolePolicy");
    let report = ended(child).exits(1).json();
    assert_eq!(text(&outcome(&report, "role.worker")["outcome"]), "failed", "{report}");
    assert_eq!(count(&cloud, "AttachRolePolicy"), attached, "nothing is done to a role of theirs");
}
