//! What a large stack costs: how many calls a plan and an apply make, and how much memory a plan takes. Times are
//! measured by `make bench`, for they would not hold on a loaded machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;

use localcloud::Options;
use support::{Cloud, Project, is_write};
use tencentcloud::cam;

/// A stack of functions with inline code, one timer and one tag each.
fn manifest(functions: usize) -> String {
    let mut text = "stack: scale\nregion: ap-beijing\nfunctions:\n".to_owned();
    for number in 0..functions {
        text.push_str(&format!(
            "  worker-{number:05}:\n    runtime: Python3.10\n    handler: index.main_handler\n    \
             code: {{ inline: {{ index.py: \"def main_handler(event, context):\\n    return {number}\\n\" }} }}\n    \
             tags: {{ number: \"{number}\" }}\n    \
             triggers: {{ nightly: {{ type: timer, cron: \"0 0 3 * * * *\" }} }}\n"
        ));
    }
    text
}

/// How often each action was called by a run, with how many ended well.
fn calls(cloud: &Cloud, run: impl FnOnce()) -> BTreeMap<String, usize> {
    let before = cloud.calls().len();
    run();
    let mut counts = BTreeMap::new();
    for (action, _) in cloud.calls().into_iter().skip(before) {
        *counts.entry(action).or_default() += 1;
    }
    counts
}

#[test]
fn calls_grow_with_the_stack_and_none_asks_what_is_known() {
    for functions in [30, 230] {
        let cloud = Cloud::with(Options { quotas: false, ..Options::default() });
        let project = Project::on(&cloud, &manifest(functions));
        // Lists give at most 100 functions or 200 tagged resources a page.
        let pages = |rows: usize, size: usize| rows.div_ceil(size).max(1);
        let lists = |present: usize| {
            BTreeMap::from([
                ("DescribeRoleList".to_owned(), 1),
                ("GetCallerIdentity".to_owned(), 1),
                ("GetResources".to_owned(), pages(present, 200)),
                ("ListFunctions".to_owned(), pages(present, 100)),
                ("ListNamespaces".to_owned(), 1),
                ("ListPolicies".to_owned(), 1),
            ])
        };

        let counted = calls(&cloud, || drop(project.run(&["plan"]).exits(0)));
        assert_eq!(counted, lists(0), "a plan on an empty cloud reads lists only");

        let counted = calls(&cloud, || drop(project.run(&["apply", "--yes", "--quiet"]).exits(0)));
        assert_eq!(counted["CreateFunction"], functions);
        assert_eq!(counted["CreateTrigger"], functions);
        // The lease's writes depend on how long the apply takes, not on how much it does.
        let of_lease = |action: &str| ["CreateTag", "DeleteTag"].contains(&action);
        let writes: usize =
            counted.iter().filter(|(action, _)| is_write(action) && !of_lease(action)).map(|(_, count)| count).sum();
        assert_eq!(writes, 2 * functions, "{counted:?}");
        // Each is read back at least once, and again only while the platform is still at work on it.
        assert!((functions..4 * functions).contains(&counted["GetFunction"]), "{counted:?}");

        let counted = calls(&cloud, || drop(project.run(&["plan", "--detailed-exitcode"]).exits(0)));
        let mut expected = lists(functions);
        expected.insert("GetFunction".to_owned(), functions);
        assert_eq!(counted, expected, "one read for each function, which tells its triggers and tags too");
    }
}

/// Rows of a list need not tell whose a policy is, and the Tag service may know functions alone.
#[test]
fn policies_of_others_are_asked_only_while_the_tag_service_names_none_of_ours() {
    let cloud = Cloud::with(Options { quotas: false, ..Options::default() });
    let document = "{ version: \"2.0\", statement: [{ effect: allow, action: \"scf:Invoke\", resource: \"*\" }] }";
    for number in 0..40 {
        cloud.call(&cam::CreatePolicy {
            policy_name: format!("theirs-{number}"),
            policy_document: serde_json::json!({ "version": "2.0", "statement": [
                { "effect": "allow", "action": ["scf:Invoke"], "resource": ["*"] },
            ] })
            .to_string(),
            ..Default::default()
        });
    }
    let functions = manifest(1);
    for (policies, asked) in [("", 40), ("policies: { ours: { document: DOCUMENT } }\n", 1)] {
        let project = Project::on(&cloud, &format!("{functions}{}", policies.replace("DOCUMENT", document)));
        project.run(&["apply", "--yes", "--quiet"]).exits(0);
        let counted = calls(&cloud, || drop(project.run(&["plan", "--detailed-exitcode"]).exits(0)));
        assert_eq!((counted["ListPolicies"], counted["GetPolicy"]), (1, asked), "{counted:?}");
        // What others own is asked once for all stacks of a command.
        project.write("manifests/more.yaml", "stack: more\nregion: ap-beijing\nfunctions: {}\n");
        let counted = calls(&cloud, || drop(project.run(&["plan"]).exits(0)));
        assert_eq!((counted["ListPolicies"], counted["GetPolicy"]), (2, 40 + usize::from(asked == 1)), "{counted:?}");
    }
}

/// The most memory in bytes that a plan of this many creates has taken when it begins to print. Nobody reads its
/// output until then, so it waits to be looked at.
#[cfg(target_os = "linux")]
fn peak(cloud: &Cloud, functions: usize) -> usize {
    use std::io::Read as _;
    let project = Project::on(cloud, &manifest(functions));
    let mut child = project.command(&["plan"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut [0]).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(rest.contains(&format!("{} to create", 2 * functions)), "it planned everything");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
#[cfg(target_os = "linux")]
fn memory_grows_with_the_stack_and_no_faster() {
    let cloud = Cloud::with(Options { quotas: false, ..Options::default() });
    let (small, large) = (peak(&cloud, 1_000), peak(&cloud, 4_000));
    let each = large.saturating_sub(small) / 3_000;
    assert!(each < LIMIT_EACH, "{each} bytes for each function: {small} for 1,000 and {large} for 4,000");
}

/// A folder holds as many files as there are manifests: to look through it again for each of them took 100 times as
/// long as this may take.
#[test]
fn many_manifests_that_share_code_look_at_it_once() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..2_000 {
        let text = format!(
            "stack: s{number}\nregion: ap-beijing\nfunctions:\n  shared: {{ runtime: Go1, code: {{ dir: . }} }}\n  \
             absent: {{ runtime: Go1, code: {{ cargo: absent }} }}\n"
        );
        std::fs::write(folder.path().join(format!("s{number}.yaml")), text).unwrap();
    }
    let mut validate = assert_cmd::Command::new(support::binary());
    let output = validate
        .args(["validate", "-f", ".", "--format", "json"])
        .current_dir(folder.path())
        .timeout(std::time::Duration::from_secs(120))
        .output()
        .unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = said["diagnostics"].as_array().unwrap();
    assert!(found.iter().filter(|f| f["code"] == "P060").count() == 2_000, "each manifest is told: {}", found[0]);
}

/// What a function that is made, its trigger and their changes may take, of the 64 MB that 10,000 of them may. Measured
/// were 3,700 bytes. The program itself takes 10 MB as a release and 30 as a build for debugging.
#[cfg(target_os = "linux")]
const LIMIT_EACH: usize = 4_800;
