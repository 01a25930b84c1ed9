//! The command line from outside: the real binary against a local cloud. Wiring, exit codes, what is printed
//! where, and what reaches the cloud.

mod support;

use std::io::Read as _;
use std::time::{Duration, Instant};

use localcloud::{Effect, Faults, Options, Rule};
use serde_json::json;
use support::{Cloud, MANIFEST, Project, is_lease, is_write, text};
use tencentcloud::scf;

/// A function of somebody else under the manifest's name.
fn make_foreign_function(cloud: &Cloud) {
    cloud.call(&scf::CreateNamespace { namespace: "media".to_owned(), ..Default::default() });
    cloud.call(&scf::CreateFunction {
        function_name: "hook".to_owned(),
        namespace: Some("media".to_owned()),
        runtime: Some("CustomRuntime".to_owned()),
        handler: Some("bootstrap.main".to_owned()),
        code: scf::Code { demo_id: Some("theirs".to_owned()), ..Default::default() },
        description: Some("made in the console".to_owned()),
        ..Default::default()
    });
}

#[test]
fn plan_apply_plan_and_a_second_apply_that_writes_nothing() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    let plan = project.run(&["plan", "--format", "json", "--detailed-exitcode"]).exits(2);
    assert_eq!(plan.json()["stacks"][0]["summary"]["create"], 8, "{}", plan.stdout);
    assert!(cloud.writes().is_empty(), "a plan writes nothing");

    let applied = project.run(&["apply", "--yes", "--format", "json"]).exits(0).json();
    assert_eq!(applied["stacks"][0]["summary"]["applied"], 8, "{applied}");
    let writes = cloud.writes();
    assert!(writes.iter().any(|a| a == "CreateFunction"));

    let plan = project.run(&["plan", "--detailed-exitcode"]).exits(0);
    assert!(plan.stdout.contains("no changes"), "{}", plan.stdout);
    project.run(&["apply", "--yes"]).exits(0);
    assert_eq!(cloud.writes(), writes, "a second apply makes no write call");
}

#[test]
fn an_edit_shows_exactly_the_edited_attribute() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    project.run(&["apply", "--yes"]).exits(0);
    for (from, to, address, path) in [
        ("memory: 128", "memory: 256", "function.hook", "memory"),
        ("LOG_LEVEL: info", "LOG_LEVEL: debug", "function.hook", "environment.LOG_LEVEL"),
        ("app: hook", "app: web", "function.hook", "tags.app"),
        ("exit 1", "exit 0", "function.hook", "code"),
        ("description: MPS callbacks", "description: events", "function.hook", "description"),
        ("description: media tools", "description: tools", "namespace.media", "description"),
        ("0 0 3", "0 30 3", "trigger.hook.nightly", "cron"),
        ("scf:Invoke", "scf:GetFunction", "policy.invoke", "document"),
    ] {
        project.edit(from, to);
        let plan = project.run(&["plan", "--format", "json"]).exits(0);
        assert_eq!(plan.changes(), [format!("update {address}")]);
        let change = &plan.json()["stacks"][0]["changes"][0];
        let paths: Vec<&str> =
            change["attributes"].as_array().into_iter().flatten().map(|a| text(&a["path"])).collect();
        assert_eq!(paths, [path]);
        let location = &change["source"];
        assert!(text(&location["file"]).ends_with("hook.yaml") && location["line"].as_u64() > Some(1), "{location}");
        project.run(&["apply", "--yes"]).exits(0);
        assert_eq!(project.run(&["plan", "--format", "json"]).changes(), Vec::<String>::new(), "after {path}");
    }
}

#[test]
fn destroy_leaves_the_roles_of_the_account_and_nothing_else() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    project.run(&["apply", "--yes"]).exits(0);
    let target = project.run(&["destroy", "--yes", "--target", "trigger.hook.nightly", "--format", "json"]).exits(0);
    assert!(target.stdout.contains(r#""address": "trigger.hook.nightly""#), "{}", target.stdout);
    assert_eq!(cloud.hook().map(|h| h.triggers.len()), Some(1), "only the target goes");
    project.run(&["destroy", "--yes"]).exits(0);
    assert!(cloud.functions().is_empty());
    let (mut roles, policies) = cloud.roles_and_policies();
    roles.sort();
    assert_eq!((roles, policies), (vec!["MPS_QcsRole".to_owned(), "SCF_QcsRole".to_owned()], Vec::<String>::new()));
    let writes = cloud.writes().len();
    project.run(&["destroy", "--yes"]).exits(0);
    assert_eq!(cloud.writes().len(), writes, "there is nothing left to destroy");
}

#[test]
fn the_embedded_cloud_remembers_between_commands() {
    let project = Project::new(MANIFEST);
    project.run(&["plan", "--local", "--detailed-exitcode"]).exits(2);
    project.run(&["apply", "--local", "--yes"]).exits(0);
    project.run(&["plan", "--local", "--detailed-exitcode"]).exits(0);
    let by_variable = project.with("PROVISION_LOCAL", "1");
    by_variable.run(&["plan", "--detailed-exitcode"]).exits(0);
    by_variable.run(&["destroy", "--yes"]).exits(0);
    by_variable.run(&["plan", "--detailed-exitcode"]).exits(2);
}

#[test]
fn stdout_is_json_at_every_exit_code() {
    let cloud = Cloud::start();
    make_foreign_function(&cloud);
    let good = Project::on(&cloud, MANIFEST);
    let wrong = Project::on(&cloud, &MANIFEST.replace("memory: 128", "memory: 100"));
    let other = Project::on(&cloud, &MANIFEST.replace("stack: hook", "stack: hook\naccount: \"100000000009\""));
    let nowhere = Project::new(MANIFEST).with("PROVISION_ENDPOINT", "not a url");
    let keyless = {
        let mut project = Project::on(&cloud, MANIFEST);
        project.environment.remove("TENCENTCLOUD_SECRET_KEY");
        project
    };
    for (project, arguments, code, kind) in [
        (&good, &["validate"][..], 0, None),
        (&wrong, &["validate"], 1, None),
        (&wrong, &["plan"], 1, Some("findings")),
        (&good, &["plan"], 3, Some("refused")),
        (&good, &["apply", "--yes"], 3, Some("refused")),
        (&other, &["plan"], 3, Some("refused")),
        (&good, &["plan", "--nonsense"], 1, Some("usage")),
        (&good, &["nonsense"], 1, Some("usage")),
        (&good, &["plan", "-f", "missing.yaml"], 1, Some("findings")),
        (&good, &["plan", "--var", "novalue"], 1, Some("usage")),
        (&good, &["plan", "--stack", "other"], 1, Some("usage")),
        (&nowhere, &["plan"], 1, Some("usage")),
        (&keyless, &["plan"], 1, Some("credentials")),
    ] {
        let ran = project.run(&[arguments, &["--format", "json"]].concat()).exits(code);
        let document = ran.json();
        assert_eq!(document["format_version"], "1", "{arguments:?}");
        assert_eq!(document["error"]["kind"].as_str(), kind, "{arguments:?}: {document}");
        assert!(kind.is_none() || !text(&document["error"]["message"]).is_empty(), "{arguments:?} says why");
        if code != 0 && kind.is_some() {
            assert!(!ran.stderr.is_empty(), "{arguments:?} tells people too");
        }
    }
    assert_eq!(cloud.writes(), ["CreateNamespace", "CreateFunction"], "only the call by hand wrote");
}

#[test]
fn a_foreign_function_is_refused_and_then_adopted() {
    let cloud = Cloud::start();
    make_foreign_function(&cloud);
    let project =
        Project::on(&cloud, &MANIFEST.replace("  media: { description: media tools }", "  media: { adopt: true }"));
    let refused = project.run(&["apply", "--yes"]).exits(3);
    assert!(refused.stderr.contains("P050") && refused.stderr.contains("adopt: true"), "{}", refused.stderr);
    assert_eq!(cloud.writes(), ["CreateNamespace", "CreateFunction"]);
    project.edit("    memory: 128", "    memory: 128\n    adopt: true");
    let plan = project.run(&["plan", "--format", "json"]).exits(0);
    assert!(plan.changes().contains(&"update function.hook".to_owned()), "{:?}", plan.changes());
    project.run(&["apply", "--yes"]).exits(0);
    project.run(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn what_was_deleted_by_hand_is_planned_again() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    project.run(&["apply", "--yes"]).exits(0);
    cloud.delete_timer();
    assert_eq!(project.run(&["plan", "--format", "json"]).exits(0).changes(), ["create trigger.hook.nightly"]);
    let drift = project.run(&["drift", "--format", "json"]).exits(2);
    assert_eq!(drift.json()["format_version"], "1");
    project.run(&["apply", "--yes"]).exits(0);
    project.run(&["drift"]).exits(0);
}

#[test]
fn a_manifest_with_errors_makes_no_call_and_names_every_place() {
    let cloud = Cloud::start();
    let wrong = MANIFEST.replace("memory: 128", "memory: 100").replace("0 0 3 * * * *", "0 3 * *");
    let project = Project::on(&cloud, &wrong);
    for arguments in [&["plan"][..], &["apply", "--yes"], &["destroy", "--yes"], &["drift"]] {
        let ran = project.run(arguments).exits(1);
        for place in ["P013", "P014", "hook.yaml:20:13", "hook.yaml:25:37"] {
            assert!(ran.stderr.contains(place), "{arguments:?} does not name {place}: {}", ran.stderr);
        }
    }
    assert_eq!(cloud.calls(), []);
}

#[test]
fn output_that_is_piped_holds_no_escape_codes() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    for arguments in [&["validate"][..], &["plan"], &["apply", "--yes"], &["plan", "--nonsense"], &["--help"]] {
        let ran = project.run(arguments);
        assert!(!ran.stdout.contains('\x1b') && !ran.stderr.contains('\x1b'), "{arguments:?}");
    }
    assert!(project.run(&["validate", "--color", "always"]).stdout.contains('\x1b'));
}

#[test]
fn a_terminal_gets_colours_unless_no_color_is_set() {
    let project = Project::new(MANIFEST);
    assert!(project.run_here(&["validate"], true).stdout.contains('\x1b'));
    assert!(!project.run_here(&["validate", "--color", "never"], true).stdout.contains('\x1b'));
    let project = project.with("NO_COLOR", "1");
    assert!(!project.run_here(&["validate"], true).stdout.contains('\x1b'));
}

#[test]
fn nobody_there_to_answer_means_nothing_is_changed() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    for command in ["apply", "destroy"] {
        project.run(&[command]);
    }
    let ran = project.run(&["apply"]).exits(1);
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    assert!(cloud.writes().is_empty());
}

#[test]
fn the_wrong_account_is_refused_before_anything_is_written() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST).with("PROVISION_ACCOUNT", "100000000009");
    for arguments in [&["plan"][..], &["apply", "--yes"], &["destroy", "--yes"]] {
        let ran = project.run(arguments).exits(3);
        assert!(ran.stderr.contains("100000000001") && ran.stderr.contains("100000000009"), "{}", ran.stderr);
    }
    assert!(cloud.writes().is_empty());
    project.with("PROVISION_ACCOUNT", "100000000001").run(&["apply", "--yes"]).exits(0);
}

#[test]
fn a_target_takes_what_it_needs_and_leaves_the_rest() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    let plan = project.run(&["plan", "--target", "role.worker", "--format", "json"]).exits(0);
    assert_eq!(plan.changes(), ["create policy.invoke", "create role.worker"]);
    assert_eq!(plan.json()["stacks"][0]["complete"], false);
    project.run(&["apply", "--yes", "--target", "role.worker"]).exits(0);
    assert_eq!(cloud.roles_and_policies(), (vec!["worker".to_owned()], vec!["invoke".to_owned()]));
    let ran = project.run(&["plan", "--target", "function.nope"]).exits(1);
    assert!(ran.stderr.contains("function.nope"), "{}", ran.stderr);
}

/// The manifest without its function, which is then to be deleted.
fn without_function() -> String {
    MANIFEST.split("functions:").next().unwrap_or_default().to_owned()
}

#[test]
fn deletes_are_fenced() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    project.run(&["apply", "--yes"]).exits(0);
    let writes = cloud.writes().len();
    project.write("manifests/hook.yaml", &without_function());
    let ran = project.run(&["apply", "--yes", "--max-deletes", "0"]).exits(3);
    assert!(ran.stderr.contains("P058"), "{}", ran.stderr);
    project.run(&["apply", "--yes", "--max-deletes", "few"]).exits(1);
    let in_ci = Project { environment: project.environment.clone(), folder: project.folder }.with("CI", "true");
    in_ci.run(&["apply", "--yes"]).exits(3);
    assert_eq!(cloud.writes().len(), writes, "nothing was deleted");
    in_ci.run(&["apply", "--yes", "--max-deletes", "1"]).exits(0);
    assert!(cloud.functions().is_empty());
}

#[test]
fn a_protected_function_is_not_deleted() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, &MANIFEST.replace("    memory: 128", "    memory: 128\n    protect: true"));
    project.run(&["apply", "--yes"]).exits(0);
    let writes = cloud.writes().len();
    project.write("manifests/hook.yaml", &without_function());
    project.run(&["apply", "--yes"]).exits(3);
    project.run(&["destroy", "--yes"]).exits(3);
    assert_eq!(cloud.writes().len(), writes);
}

#[test]
fn a_saved_plan_is_carried_out_only_while_nothing_moved() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST).with("PROVISION_DIGEST_KEY", "a key that reviewers share");
    project.run(&["plan", "--out", "first.plan"]).exits(0);
    project.run(&["apply", "first.plan", "--yes"]).exits(0);
    project.edit("memory: 128", "memory: 256");
    project.run(&["plan", "--out", "second.plan"]).exits(0);
    cloud.delete_timer();
    let writes = cloud.writes().len();
    let stale = project.run(&["apply", "second.plan", "--yes"]).exits(3);
    assert_eq!(cloud.writes().len(), writes, "a stale plan writes nothing");
    let object = "trigger[ap-beijing/media/hook][timer/nightly]";
    assert!(
        stale.stderr.contains(&format!("  {object}\n    seen    present\n    now     absent\n")),
        "{}",
        stale.stderr
    );
    assert!(stale.stderr.contains(&format!("any more: {object} moved\n")), "{}", stale.stderr);
    project.run(&["plan", "--out", "third.plan"]).exits(0);
    project.edit("memory: 256", "memory: 512");
    project.run(&["apply", "third.plan", "--yes"]).exits(3);
    assert_eq!(cloud.writes().len(), writes, "nor does one of another manifest");
}

#[test]
fn slips_on_the_command_line_are_named_with_a_way_out_and_nothing_before() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    for (slip, says) in [
        (
            &["package", "--rebuild", "function.hok"][..],
            "no function has the address `function.hok`\nhelp: did you mean `function.hook`?",
        ),
        (
            &["apply", "--yes", "--rebuild", "hook"],
            "no function has the address `hook`\nhelp: did you mean `function.hook`?",
        ),
        (&["plan", "--target", "function.nope"], "no resource has the address `function.nope`\nhelp: "),
        (&["plan", "--max-deletes", "x"], "not `x`\nhelp: "),
        (&["invoke", "other"], "no manifest declares a function `other`\nhelp: declared are: hook"),
        (&["invoke", "hook"], "help: the function is not in the cloud; `provision apply` makes it"),
        (&["logs", "hook"], "help: the function is not in the cloud; `provision apply` makes it"),
        (&["local", "--account", "x"], "help: such as --account 100000000001"),
        (&["local", "--key", "x"], "help: such as --key "),
    ] {
        let run = project.run(slip).exits(1);
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(says), "{slip:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{slip:?}");
    }
    assert_eq!(cloud.writes(), ["InvokeFunction"], "the one refused call is all that was sent");
}

#[test]
fn a_stack_that_owns_nothing_is_not_said_to_be_as_the_manifest_says() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    let run = project.run(&["destroy", "--yes"]).exits(0);
    assert!(run.stdout.contains("nothing to do: the cloud holds nothing of this stack"), "{}", run.stdout);
}

#[test]
fn samples_are_listed_for_programs_too() {
    let cloud = Cloud::start();
    let samples = Project::on(&cloud, MANIFEST).run(&["event", "--format", "json"]).exits(0).json();
    assert!(
        samples["samples"].as_array().is_some_and(|all| all.iter().any(|s| s["name"] == "mps-workflow")),
        "{samples}"
    );
}

#[test]
fn a_sealed_plan_is_taken_only_as_it_was_made_and_with_the_key_it_was_made_with() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    project.run(&["plan", "--out", "open.plan"]).exits(0);
    let project = project.with("PROVISION_DIGEST_KEY", "a key that plan and apply share");
    project.run(&["plan", "--out", "sealed.plan"]).exits(0);
    let sealed = std::fs::read_to_string(project.path("sealed.plan")).expect("the plan");
    // A forger would like another action to count as approved, such as the removal of everything.
    project.write("forged.plan", &sealed.replace("\"destroy\": false", "\"destroy\": true"));
    for (file, why) in [("open.plan", "it has no seal"), ("forged.plan", "was changed since it was made")] {
        let refused = project.run(&["apply", file]).exits(3);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
    let project = project.with("PROVISION_DIGEST_KEY", "");
    let refused = project.run(&["apply", "sealed.plan"]).exits(3);
    assert!(refused.stderr.contains("PROVISION_DIGEST_KEY, which is not set"), "{}", refused.stderr);
    assert_eq!(cloud.writes(), Vec::<String>::new());
    let project = project.with("PROVISION_DIGEST_KEY", "a key that plan and apply share");
    // What it says counts, not how it is indented.
    let read: serde_json::Value = serde_json::from_str(&sealed).expect("JSON");
    project.write("indented.plan", &format!("{read:#}"));
    project.run(&["apply", "indented.plan"]).exits(0);
}

#[cfg(unix)]
#[test]
fn an_interrupted_apply_ends_cleanly_and_the_next_one_finishes_it() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let slow = Rule::on("Create*", Effect::Delay { ms: 300 }).times(9);
        let cloud = Cloud::with(Options { faults: Some(Faults::new(vec![slow])), ..Options::default() });
        let project = Project::on(&cloud, MANIFEST);
        let mut child = project
            .command(&["apply", "--yes", "--format", "json"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the binary starts");
        wait_until("a first write", || cloud.writes().iter().any(|action| !is_lease(action)));
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, signal).expect("it runs");
        let mut stdout = String::new();
        child.stdout.take().expect("piped").read_to_string(&mut stdout).expect("UTF-8");
        assert_eq!(child.wait().expect("it ends").code(), Some(130), "{stdout}");
        let report: serde_json::Value = serde_json::from_str(&stdout).expect("the report is JSON");
        let summary = &report["stacks"][0]["summary"];
        assert!(summary["applied"].as_u64() > Some(0) && summary["skipped"].as_u64() > Some(0), "{summary}");
        assert_eq!(summary["unknown"], 0, "what was under way came to its end: {report}");
        assert!(cloud.functions().is_empty(), "the function had not begun");
        assert!(cloud.lease_values().is_empty(), "the lease is given back");
        project.run(&["apply", "--yes"]).exits(0);
        project.run(&["plan", "--detailed-exitcode"]).exits(0);
    }
}

#[test]
fn a_replacement_goes_on_when_the_answer_of_its_delete_is_lost() {
    let lost = Rule::on("DeleteFunction", Effect::LoseAnswer);
    let slow = Rule::on("DeleteFunction", Effect::StayPending { reads: 3, ms: 0 });
    let cloud = Cloud::with(Options { faults: Some(Faults::new(vec![lost, slow])), ..Options::default() });
    let project = Project::on(&cloud, MANIFEST);
    project.run(&["apply", "--yes"]).exits(0);
    project.edit("runtime: CustomRuntime", "runtime: Python3.10");
    project.run(&["apply", "--yes"]).exits(0);
    assert_eq!(cloud.hook().and_then(|h| h.runtime).as_deref(), Some("Python3.10"));
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < until, "{what} did not happen within a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_answer_that_is_not_known_fails_the_plan_and_names_the_call() {
    let denied = Effect::Refuse { code: "UnauthorizedOperation".into(), message: "not yours to see".into() };
    for action in [
        "GetCallerIdentity",
        "GetResources",
        "ListFunctions",
        "ListNamespaces",
        "DescribeRoleList",
        "GetRole",
        "ListPolicies",
    ] {
        let faults = Faults::new(vec![Rule::on(action, denied.clone())]);
        let cloud = Cloud::with(Options { faults: Some(faults), ..Options::default() });
        let project = Project::on(&cloud, MANIFEST);
        let error = project.run(&["apply", "--yes", "--format", "json"]).exits(1).json()["error"].clone();
        assert_eq!(error["call"], action, "{error}");
        assert_eq!(error["code"], json!("UnauthorizedOperation"));
        assert!(!text(&error["request_id"]).is_empty(), "{error}");
        assert!(cloud.writes().is_empty(), "{action}");
    }
}

#[test]
fn a_failed_change_points_to_what_its_code_means() {
    let refused = Effect::Refuse { code: "LimitExceeded.Memory".into(), message: "no more".into() };
    let odd = Effect::Refuse { code: "NeverHeardOf".into(), message: "who knows".into() };
    for (effect, help) in [(refused, "help: `provision explain LimitExceeded.Memory` says more\n"), (odd, "")] {
        let cloud = Cloud::with(Options {
            faults: Some(Faults::new(vec![Rule::on("CreateFunction", effect)])),
            ..Options::default()
        });
        let said = Project::on(&cloud, MANIFEST).run(&["apply", "--yes"]).exits(1).stdout;
        assert_eq!(said.contains("provision explain"), !help.is_empty(), "{said}");
        assert!(said.contains(help), "{said}");
    }
}

#[test]
fn calls_are_said_when_asked_for() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    let said = project.run(&["plan", "-v"]).exits(0);
    for (action, _) in cloud.calls() {
        assert!(said.stderr.contains(&format!(" {action} ")), "{action} is not said");
    }
    assert!(!cloud.calls().iter().any(|(a, _)| is_write(a)));
    assert!(project.run(&["plan", "-q"]).exits(0).stderr.is_empty());
}

/// A bucket takes each rule once: the old function's must be gone before the new one's can be made.
#[test]
fn a_function_that_moves_takes_its_bucket_along_in_one_apply() {
    let cloud = Cloud::start();
    let workflow = "      workflow: { type: mps, event: WorkflowTask }";
    let uploads = "      uploads: { type: cos, bucket: in-1250000000, events: \"cos:ObjectCreated:*\", prefix: raw/ }";
    let project = Project::on(&cloud, MANIFEST);
    project.edit(workflow, uploads);
    project.run(&["apply", "--yes"]).exits(0);
    project.edit("    namespace: media\n", "");
    project.run(&["apply", "--yes", "--max-deletes", "unlimited"]).exits(0);
    project.run(&["plan", "--detailed-exitcode"]).exits(0);
}

/// Every stack completes the roles of the account: what the first of a run attached is no move against the second.
#[test]
fn stacks_of_one_run_complete_a_role_of_the_account_together() {
    let cloud = Cloud::start();
    let trust = json!({ "version": "2.0", "statement": [{
        "effect": "allow", "action": "name/sts:AssumeRole", "principal": { "service": "mps.cloud.tencent.com" },
    }] });
    cloud.call(&tencentcloud::cam::CreateRole {
        role_name: "MPS_QcsRole".to_owned(),
        policy_document: trust.to_string(),
        ..Default::default()
    });
    let manifest = |stack: &str| {
        format!("stack: {stack}\nregion: ap-beijing\nroles: {{ MPS_QcsRole: {{ preset: mps }} }}\nfunctions: {{}}\n")
    };
    let project = Project::on(&cloud, &manifest("one"));
    project.write("manifests/two.yaml", &manifest("two"));
    project.write("manifests/three.yaml", &manifest("three"));
    let plan = project.run(&["plan", "--format", "json"]).exits(0);
    assert_eq!(plan.changes(), ["update role.MPS_QcsRole"], "{}", plan.stdout);
    project.run(&["apply", "--yes"]).exits(0);
    project.run(&["plan", "--detailed-exitcode"]).exits(0);
    assert_eq!(cloud.writes().iter().filter(|action| *action == "AttachRolePolicy").count(), 2);
}
