//! Eight ways in which infrastructure as code is known to fail people, replayed: each ends here in a plan that tells
//! the truth, or in a refusal that says why. `docs/reliability.md` lists them.

mod support;

use localcloud::{Effect, Faults, Options, Rule};
use support::{Cloud, MANIFEST, Project, is_write, text};
use tencentcloud::scf;

/// One function with three crons, and code in a folder.
const CRONS: &str = r##"
stack: crons
region: ap-beijing
functions:
  report:
    runtime: CustomRuntime
    handler: bootstrap.main
    code: { dir: ../code }
    triggers:
      morning: { type: timer, cron: "0 0 6 * * * *" }
      noon: { type: timer, cron: "0 0 12 * * * *" }
      night: { type: timer, cron: "0 0 23 * * * *" }
"##;

fn crons(cloud: &Cloud) -> Project {
    let project = Project::on(cloud, CRONS);
    project.write("code/bootstrap", "#!/bin/sh\nexit 1\n");
    // Paths stay inside the repository.
    std::fs::create_dir_all(project.path(".git")).expect("a folder");
    project
}

fn applied(cloud: &Cloud, manifest: &str) -> Project {
    let project = Project::on(cloud, manifest);
    project.run(&["apply", "--yes"]).exits(0);
    project
}

fn with(rules: Vec<Rule>) -> Cloud {
    Cloud::with(Options { faults: Some(Faults::new(rules)), ..Options::default() })
}

#[test]
fn a_gateways_502_on_a_read_is_never_taken_for_absence() {
    let check = |read: &str| {
        let cloud = Cloud::start();
        let project = applied(&cloud, MANIFEST);
        let writes = cloud.writes().len();
        cloud.set_faults(Some(Faults::new(vec![Rule::on(read, Effect::HttpStatus(502))])));
        for command in [&["plan", "--format", "json"][..], &["apply", "--yes", "--format", "json"]] {
            let json = project.run(command).exits(1).json();
            assert_eq!((text(&json["error"]["kind"]), text(&json["error"]["call"])), ("unknown", read), "{json}");
            let planned = json["stacks"].as_array().is_some_and(|stacks| {
                stacks.iter().any(|s| s["changes"].as_array().is_some_and(|changes| !changes.is_empty()))
            });
            assert!(!planned, "{read}: nothing is planned from what is not known: {json}");
        }
        // Once is no outage: the read is repeated.
        cloud.set_faults(Some(Faults::new(vec![Rule::on(read, Effect::HttpStatus(502)).nth(1)])));
        project.run(&["plan", "--detailed-exitcode"]).exits(0);
        assert_eq!(cloud.writes().len(), writes, "{read}");
    };
    // Side by side: most of it is waiting between repetitions.
    std::thread::scope(|scope| {
        for read in ["GetFunction", "ListFunctions", "ListNamespaces", "GetRole", "GetPolicy", "GetResources"] {
            scope.spawn(move || check(read));
        }
    });
}

#[test]
fn a_trigger_that_was_deleted_by_hand_is_made_again() {
    let cloud = Cloud::start();
    let project = applied(&cloud, MANIFEST);
    cloud.delete_timer();
    assert_eq!(project.run(&["plan", "--format", "json"]).exits(0).changes(), ["create trigger.hook.nightly"]);
    project.run(&["apply", "--yes"]).exits(0);
    assert_eq!(cloud.hook().expect("the function").triggers.len(), 2);
}

#[test]
fn new_code_at_the_same_path_is_an_update() {
    let cloud = Cloud::start();
    let project = crons(&cloud);
    project.run(&["apply", "--yes"]).exits(0);
    project.write("code/bootstrap", "#!/bin/sh\nexit 2\n");
    let plan = project.run(&["plan", "--format", "json"]).exits(0);
    assert_eq!(plan.changes(), ["update function.report"]);
    assert_eq!(plan.json()["stacks"][0]["changes"][0]["attributes"][0]["path"], "code");
    let before = cloud.writes().len();
    project.run(&["apply", "--yes"]).exits(0);
    assert!(cloud.writes()[before..].iter().any(|action| action == "UpdateFunctionCode"));
    project.run(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn one_of_three_crons_changes_in_place_and_the_others_are_not_touched() {
    let cloud = Cloud::start();
    let project = crons(&cloud);
    project.run(&["apply", "--yes"]).exits(0);
    let times = || {
        let which = scf::GetFunction { function_name: Some("report".to_owned()), ..Default::default() };
        let mut all: Vec<_> = cloud.call(&which).triggers.iter().map(|t| format!("{t:?}")).collect();
        all.retain(|row| !row.contains("noon"));
        all
    };
    let (others, before) = (times(), cloud.writes().len());
    project.edit("0 0 12 ", "0 30 12 ");
    assert_eq!(project.run(&["plan", "--format", "json"]).exits(0).changes(), ["update trigger.report.noon"]);
    project.run(&["apply", "--yes"]).exits(0);
    let written: Vec<String> = cloud.writes().split_off(before).into_iter().filter(|a| a.contains("Trigger")).collect();
    assert_eq!(written, ["UpdateTrigger"]);
    assert_eq!(times(), others);
}

#[test]
fn what_a_refused_create_left_undone_stands_in_the_next_plan() {
    let refused = Effect::Refuse { code: "LimitExceeded.Trigger".into(), message: "enough".into() };
    let cloud = with(vec![Rule::on("CreateTrigger", refused).nth(2)]);
    let project = crons(&cloud);
    let report = project.run(&["apply", "--yes", "--format", "json"]).exits(1).json();
    let outcomes = report["stacks"][0]["outcomes"].as_array().cloned().unwrap_or_default();
    let failed: Vec<_> = outcomes.iter().filter(|o| o["outcome"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{report}");
    assert_eq!(failed[0]["error"]["code"], "LimitExceeded.Trigger");
    assert!(!text(&failed[0]["error"]["request_id"]).is_empty(), "{report}");
    let missing = format!("create {}", text(&failed[0]["address"]));
    assert_eq!(project.run(&["plan", "--format", "json"]).exits(0).changes(), [missing]);
    project.run(&["apply", "--yes"]).exits(0);
    project.run(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn a_saved_plan_does_not_write_over_a_later_change_in_the_console() {
    let cloud = Cloud::start();
    let project = applied(&cloud, MANIFEST);
    project.edit("memory: 128", "memory: 256");
    project.run(&["plan", "--out", "saved.plan"]).exits(0);
    cloud.call(&scf::UpdateFunctionConfiguration {
        function_name: "hook".to_owned(),
        namespace: Some("media".to_owned()),
        timeout: Some(33),
        ..Default::default()
    });
    let writes = cloud.writes().len();
    let refused = project.run(&["apply", "saved.plan", "--yes"]).exits(3);
    for part in ["timeout", "seen", "now     33"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert_eq!(cloud.writes().len(), writes);
}

#[test]
fn secrets_stand_neither_in_a_plan_nor_in_any_file() {
    let cloud = Cloud::start();
    let manifest = MANIFEST
        .replace("tags: { team: media }\nroles", "variables: { key: { sensitive: true, env: THE_KEY } }\nroles")
        .replace("LOG_LEVEL: info", "KEY: \"${var.key}\"");
    let project = Project::on(&cloud, &manifest).with("THE_KEY", "canary-4711");
    let mut said = String::new();
    for line in [
        &["plan", "--out", "saved.plan"][..],
        &["plan", "--format", "json"],
        &["apply", "saved.plan", "--yes", "-v"],
        &["drift"],
    ] {
        let ran = project.run(line).exits(0);
        said.push_str(&ran.stdout);
        said.push_str(&ran.stderr);
    }
    assert!(said.contains("environment.KEY") && !said.contains("canary-4711"), "{said}");
    let file = std::fs::read_to_string(project.path("saved.plan")).expect("the plan");
    assert!(!file.contains("canary-4711"));
    let there = cloud.hook().expect("the function").environment.expect("an environment").variables.unwrap_or_default();
    assert!(there.iter().any(|v| v.value.as_deref() == Some("canary-4711")), "the function has it");
}

/// Time is `make bench`'s; what a test on any machine can hold is that no call is made twice or for nothing.
#[test]
fn many_functions_take_one_call_each() {
    let cloud = Cloud::with(Options { quotas: false, ..Options::default() });
    let mut manifest = "stack: many\nregion: ap-beijing\nfunctions:\n".to_owned();
    for n in 0..100 {
        manifest.push_str(&format!(
            "  f{n}: {{ runtime: CustomRuntime, handler: main, code: {{ inline: {{ bootstrap: \"#!/bin/sh\" }} }}, \
             triggers: {{ t: {{ type: timer, cron: \"0 0 3 * * * *\" }} }} }}\n"
        ));
    }
    let project = applied(&cloud, &manifest);
    let count = |calls: &[(String, String)], action: &str| calls.iter().filter(|(a, _)| a == action).count();
    let calls = cloud.calls();
    assert_eq!([count(&calls, "CreateFunction"), count(&calls, "CreateTrigger")], [100, 100]);
    let before = calls.len();
    project.run(&["plan", "--detailed-exitcode"]).exits(0);
    let plan = cloud.calls().split_off(before);
    assert_eq!(count(&plan, "GetFunction"), 100);
    assert!(plan.len() <= 110, "{} calls for a plan of 100 functions", plan.len());
    assert!(!plan.iter().any(|(action, _)| is_write(action)));
}

/// The page names tests as proof: each of them exists.
#[test]
fn the_page_about_reliability_names_tests_that_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: std::path::PathBuf| std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    let mut sources = read(root.join("../../conformance/scenarios.py"));
    for file in ["laws.rs", "not_given.rs"] {
        sources.push_str(&read(root.join("../plan/tests").join(file)));
    }
    for file in ["cli.rs", "eight.rs", "faults.rs", "secrets.rs", "writes.rs", "kills/main.rs", "fuzz/main.rs"] {
        sources.push_str(&read(root.join("tests").join(file)));
    }
    let page = read(root.join("../../docs/reliability.md"));
    let names: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.contains('_') && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        .collect();
    assert!(names.len() > 25, "{names:?}");
    for name in names {
        let there = ["fn", "def"].iter().any(|word| sources.contains(&format!("{word} {name}(")));
        assert!(there, "docs/reliability.md names `{name}`, which no test is called");
    }
}
