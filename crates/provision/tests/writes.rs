//! Writes that fail, and keep failing: what is said is true, and what is left is found by whatever is planned next.

mod support;

use localcloud::{Effect, Faults, Rule};
use serde_json::Value as Json;
use support::{Cloud, Project, is_lease, text};

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
