//! Output for reviewers and for CI systems, through the real binary: which command takes which format, what reaches
//! a step's files, what a hostile manifest can do, and which stacks `--changed-since` plans.

mod support;

use std::path::Path;

use provision::cli::Format;
use provision::formats::{OTHERS, TABLE, word};
use support::{Cloud, MANIFEST, Project, Ran, text};

const ALL: [Format; 6] = [Format::Text, Format::Json, Format::Markdown, Format::Github, Format::Gitlab, Format::Sarif];

fn read(project: &Project, path: &str) -> String {
    std::fs::read_to_string(project.path(path)).unwrap_or_default()
}

#[test]
fn each_command_takes_the_formats_of_the_table_and_refuses_the_others() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    for (command, taken) in TABLE {
        let words: &[&str] = match command {
            "apply" | "destroy" => &[command, "--yes"],
            _ => &[command],
        };
        for format in ALL {
            let ran = project.run_here(&[words, &["--format", word(format)]].concat(), false);
            if taken.contains(&format) {
                let fine = ran.code == 0 || (command == "drift" && ran.code == 2);
                assert!(fine && !ran.stdout.is_empty(), "{command} {}: {ran:?}", word(format));
            } else {
                assert!(ran.code == 1 && ran.stdout.is_empty() && ran.stderr.contains("has no format"), "{ran:?}");
                assert!(ran.stderr.contains("help: it takes text, json"), "{}", ran.stderr);
            }
        }
    }
    let ran = project.run_here(&["explain", "--format", "markdown"], false);
    assert!(ran.code == 1 && ran.stderr.contains("it takes text, json"), "{}", ran.stderr);
}

#[test]
fn the_page_repeats_the_table() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/output.md"));
    let page = page.expect("the page is there");
    for (command, taken) in TABLE.into_iter().chain([("others", OTHERS)]) {
        let cells: Vec<&str> = ALL.iter().map(|f| if taken.contains(f) { "yes" } else { "" }).collect();
        let name = if command == "others" { "every other".to_owned() } else { format!("`{command}`") };
        let row = format!("| {name} | {} |", cells.join(" | ")).replace("|  |", "| |").replace("|  |", "| |");
        assert!(page.contains(&row), "docs/output.md lacks the row {row}");
    }
}

/// A repository whose manifests stand in a folder below its top.
fn in_repository(cloud: &Cloud) -> Project {
    let project = Project::on(cloud, MANIFEST);
    std::fs::create_dir(project.path(".git")).expect("a folder");
    project
}

#[test]
fn a_step_of_github_gets_annotations_a_summary_and_outputs() {
    let cloud = Cloud::start();
    let project = in_repository(&cloud);
    let (summary, output) = (project.path("summary.md"), project.path("output"));
    let project = project
        .with("GITHUB_ACTIONS", "true")
        .with("GITHUB_STEP_SUMMARY", &summary.display().to_string())
        .with("GITHUB_OUTPUT", &output.display().to_string());
    std::fs::write(&summary, "said before\n").expect("a summary");
    let plan = project.run(&["plan", "--format", "github", "--out", "saved.plan"]).exits(0);
    assert!(plan.stdout.starts_with("::notice file=manifests/hook.yaml,line="), "{}", plan.stdout);
    assert!(plan.stdout.contains("\n::group::Plan: hook\nstack hook"), "{}", plan.stdout);
    assert!(plan.stdout.ends_with("::endgroup::\n"), "{}", plan.stdout);
    let saved = project.path("saved.plan").display().to_string();
    let values = outputs(&read(&project, "output"));
    let value = |name: &str| values.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    assert_eq!((value("changes"), value("create"), value("delete")), (Some("8"), Some("8"), Some("0")));
    assert!(value("plan").is_some_and(|p| p.ends_with("saved.plan") && Path::new(p).exists()), "{values:?} {saved}");
    let written = read(&project, "summary.md");
    assert!(written.starts_with("said before\n<!-- provision:plan -->\n## Plan: 8 to create\n"), "{written}");

    let applied = project.run(&["apply", "saved.plan", "--format", "github"]).exits(0);
    assert_eq!(applied.stdout, "\nApplied hook: 8 applied.\n", "nothing failed, so nothing is annotated");
    assert!(applied.stderr.contains("::group::Apply hook\n") && applied.stderr.ends_with("::endgroup::\n"));
    assert!(read(&project, "summary.md").contains("<!-- provision:apply -->\n## Apply: 8 applied\n"));
    assert!(outputs(&read(&project, "output")).contains(&("applied".to_owned(), "8".to_owned())));
}

/// Step outputs as the runner reads them.
fn outputs(text: &str) -> Vec<(String, String)> {
    let mut lines = text.lines();
    let mut all = Vec::new();
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.split_once("<<").expect("the form of several lines");
        let value: Vec<&str> = lines.by_ref().take_while(|l| *l != delimiter).collect();
        all.push((name.to_owned(), value.join("\n")));
    }
    all
}

#[test]
fn a_saved_plan_that_does_not_hold_any_more_says_what_moved() {
    let cloud = Cloud::start();
    let project = in_repository(&cloud);
    project.run(&["apply", "--yes"]).exits(0);
    project.edit("memory: 128", "memory: 256");
    project.run(&["plan", "--out", "saved.plan", "--format", "markdown"]).exits(0);
    cloud.delete_timer();
    let stale = project.run(&["apply", "saved.plan", "--format", "markdown"]).exits(3);
    assert!(stale.stdout.starts_with("<!-- provision:apply -->\n## Apply: nothing was changed\n"), "{}", stale.stdout);
    assert!(stale.stdout.contains("does not hold any more: ") && stale.stdout.contains(" moved"), "{}", stale.stdout);
}

#[test]
fn what_stands_in_the_way_is_in_the_report() {
    let cloud = Cloud::start();
    let project = in_repository(&cloud);
    project.run(&["apply", "--yes"]).exits(0);
    project.edit("    memory: 128", "    memory: 128\n    protect: true");
    project.run(&["apply", "--yes"]).exits(0);
    let plan = project.run(&["plan", "--destroy", "--format", "markdown"]).exits(3);
    assert!(plan.stdout.contains("; cannot be applied\n") && plan.stdout.contains("`P051`"), "{}", plan.stdout);
    let plan = project.run(&["plan", "--destroy", "--format", "github"]).exits(3);
    assert!(plan.stdout.starts_with("::error file=manifests/hook.yaml,"), "{}", plan.stdout);
    assert!(plan.stdout.contains("::warning "), "deletes are warnings: {}", plan.stdout);
    let plan = project.run(&["plan", "--destroy", "--format", "gitlab"]).exits(3);
    assert!(plan.json()["error"].is_string() && plan.json()["delete"].is_null(), "{}", plan.stdout);
    let refused = project.run(&["destroy", "--yes", "--format", "markdown"]).exits(3);
    assert!(refused.stdout.contains("`P051`"), "{}", refused.stdout);
    for format in ["markdown", "github"] {
        let asked = project.run(&["apply", "--format", format]);
        assert!(asked.code == 0, "nothing is to do, so nothing is asked: {asked:?}");
    }

    project.edit("memory: 128", "memory: 100");
    for (format, start) in [
        ("markdown", "<!-- provision:plan -->\n## Plan: failed\n"),
        ("github", "::error file=manifests/hook.yaml,line="),
    ] {
        let plan = project.run(&["plan", "--format", format]).exits(1);
        assert!(plan.stdout.starts_with(start) && plan.stdout.contains("P013"), "{}", plan.stdout);
    }
    let quality = project.run(&["validate", "--format", "gitlab"]).exits(1).json();
    assert_eq!(quality[0]["check_name"], "P013");
    assert_eq!(quality[0]["location"]["path"], "manifests/hook.yaml");
    let log = project.run(&["validate", "--format", "sarif"]).exits(1).json();
    assert_eq!(log["runs"][0]["results"][0]["ruleId"], "P013");
    let nowhere = project.run(&["plan", "--format", "github", "--stack", "nope", "-f", "missing"]).exits(1);
    assert!(nowhere.stdout.starts_with("::error "), "{}", nowhere.stdout);
}

#[test]
fn a_hostile_manifest_gives_no_command_and_a_secret_reaches_no_report() {
    let cloud = Cloud::start();
    let secret = "sesame-open-sesame";
    let hostile = MANIFEST
        .replace(
            "description: MPS callbacks",
            "description: \"::error::owned\\n##[error]owned\\n::add-mask::x ${var.key}\"",
        )
        .replace("tags: { app: hook }", "tags: { app: \"::stop-commands::x\" }\n    \"::error::key\": 1")
        .replace(
            "region: ap-beijing\ntags",
            "region: ap-beijing\nvariables: { key: { sensitive: true, env: KEY } }\ntags",
        );
    let project = in_repository(&cloud);
    let (summary, output) = (project.path("summary.md"), project.path("output"));
    let project = project
        .with("KEY", secret)
        .with("GITHUB_ACTIONS", "true")
        .with("GITHUB_STEP_SUMMARY", &summary.display().to_string())
        .with("GITHUB_OUTPUT", &output.display().to_string());
    let commands = |ran: &Ran| -> Vec<String> {
        let all = format!("{}\n{}", ran.stdout, ran.stderr);
        let command = |l: &&str| l.trim_start().starts_with("::") || l.contains("##[");
        let ours = ["::error ", "::warning ", "::notice ", "::group::", "::endgroup::"];
        all.split(['\n', '\r'])
            .filter(command)
            .filter(|l| !ours.iter().any(|o| l.starts_with(o)))
            .map(str::to_owned)
            .collect()
    };
    // With the bad key there are findings, whose source lines are shown; without it there is a plan.
    for manifest in [hostile.clone(), hostile.replace("\n    \"::error::key\": 1", "")] {
        project.write("manifests/hook.yaml", &manifest);
        for command in [&["validate"][..], &["plan"]] {
            for format in ["text", "github", "markdown", "gitlab"] {
                let ran = project.run(&[command, &["--format", format]].concat());
                assert!(!format!("{ran:?}").contains(secret), "{command:?} {format}: {ran:?}");
                if format == "text" || format == "github" {
                    assert_eq!(commands(&ran), Vec::<String>::new(), "{command:?} {format}");
                }
            }
        }
    }
    let files = read(&project, "summary.md") + &read(&project, "output");
    assert!(files.contains("provision:plan") && !files.contains(secret), "{files}");
}

#[test]
fn text_on_a_terminal_shows_control_and_direction_characters_as_escapes() {
    let cloud = Cloud::start();
    let project = Project::on(
        &cloud,
        &MANIFEST.replace("description: MPS callbacks", "description: \"a\\e[2Jb\\u202Ec\\u2066d\""),
    );
    for arguments in [&["plan", "--color", "never"][..], &["apply", "--yes", "--color", "never"]] {
        let ran = project.run_here(arguments, true);
        assert!(!ran.stdout.contains(['\u{1b}', '\u{202e}', '\u{2066}']), "{}", ran.stdout);
    }
    project.edit("a\\e[2Jb", "a\\e[3Jb");
    let ran = project.run_here(&["plan", "--color", "never"], true);
    assert!(ran.stdout.contains("\\u001b[3Jb\\u{202e}") && !ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
}

#[test]
fn the_log_of_an_apply_folds_where_the_system_can_fold_it() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST).with("CI", "true");
    let plain = project.run(&["apply", "--yes"]).exits(0);
    assert!(!plain.stderr.contains("group") && !plain.stderr.contains("section_"), "{}", plain.stderr);
    let project = project.with("GITLAB_CI", "true");
    project.edit("LOG_LEVEL: info", "LOG_LEVEL: debug");
    let folded = project.run(&["apply", "--yes"]).exits(0);
    assert!(folded.stderr.contains("\x1b[0Ksection_start:") && folded.stderr.contains(":Apply_hook\r\x1b[0K"));
    project.edit("LOG_LEVEL: debug", "LOG_LEVEL: info");
    let quiet = project.run(&["apply", "--yes", "--quiet"]).exits(0);
    assert_eq!(quiet.stderr, "");
    project.edit("LOG_LEVEL: info", "LOG_LEVEL: warn");
    let asked = project.run(&["apply"]).exits(1);
    assert!(asked.stderr.contains("--yes"), "CI is never asked: {}", asked.stderr);
}

/// A repository with two stacks on the branch `main`: one with a folder of code, one with code in its manifest.
fn repository() -> Project {
    let project = Project::new(
        "stack: web\nregion: ap-beijing\nfunctions:\n  web: { runtime: CustomRuntime, code: { dir: ../web, exclude: ['*.md'] } }\n",
    );
    project.write("web/bootstrap", "#!/bin/sh\n");
    project.write("web/notes.md", "notes\n");
    let other = "stack: other\nregion: ap-beijing\nfunctions:\n  oo: { runtime: CustomRuntime, code: { inline: { bootstrap: x } } }\n";
    project.write("manifests/other.yaml", other);
    project.write(".gitignore", ".provision/\nhome/\n");
    git(&project, &["init", "--quiet", "--initial-branch=main"]);
    commit(&project, "first");
    project.with("PROVISION_LOCAL", "1")
}

fn git(project: &Project, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"];
    let output = std::process::Command::new("git")
        .args(identity)
        .args(arguments)
        .current_dir(project.folder.path())
        .env_clear()
        .envs(&project.environment)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn commit(project: &Project, message: &str) {
    git(project, &["add", "--all"]);
    git(project, &["commit", "--quiet", "--message", message]);
}

/// The stacks that a plan since `main` plans, and its notes.
fn planned(project: &Project) -> (Vec<String>, Vec<String>) {
    let ran = project.run(&["plan", "--changed-since", "main", "--format", "json"]).exits(0);
    let list = |value: &serde_json::Value, of: fn(&serde_json::Value) -> &str| {
        value.as_array().into_iter().flatten().map(|v| of(v).to_owned()).collect()
    };
    (list(&ran.json()["stacks"], |s| text(&s["stack"])), list(&ran.json()["not_planned"], text))
}

#[test]
fn only_stacks_whose_manifest_or_code_changed_are_planned() {
    let project = repository();
    git(&project, &["switch", "--quiet", "--create", "work"]);
    let (stacks, notes) = planned(&project);
    assert_eq!((stacks.len(), notes.len()), (0, 2), "{notes:?}");
    let nothing = project.run(&["plan", "--changed-since", "main", "--out", "none.plan"]).exits(0);
    assert!(nothing.stdout.contains("not planned: stack `web`: neither"), "{}", nothing.stdout);
    let applied = project.run(&["apply", "none.plan", "--format", "json"]).exits(0);
    assert_eq!(applied.json()["stacks"], serde_json::json!([]), "a plan of no stack is none of every stack");
    std::fs::remove_file(project.path("none.plan")).expect("it was saved");

    let web = vec!["web".to_owned()];
    project.write("web/notes.md", "what is left out does not count\n");
    assert_eq!(planned(&project).0, Vec::<String>::new());
    project.write("web/new", "untracked files count\n");
    assert_eq!(planned(&project).0, web);
    commit(&project, "a new file");
    assert_eq!(planned(&project).0, web, "committed ones too");
    std::fs::remove_file(project.path("web/new")).expect("it is there");
    commit(&project, "it goes again");
    assert_eq!(planned(&project).0, Vec::<String>::new());
    project.edit("runtime: CustomRuntime", "memory: 256, runtime: CustomRuntime");
    assert_eq!(planned(&project).0, web);
    let text = project.run(&["plan", "--changed-since", "main", "--format", "markdown"]).exits(0).stdout;
    assert!(
        text.contains("- Not planned: stack `other`: neither its manifest nor its code changed since `main`"),
        "{text}"
    );

    // What main did meanwhile is none of this branch's.
    commit(&project, "work");
    git(&project, &["switch", "--quiet", "main"]);
    project.write("manifests/other.yaml", "stack: other\nregion: ap-guangzhou\n");
    commit(&project, "main goes on");
    git(&project, &["switch", "--quiet", "work"]);
    assert_eq!(planned(&project).0, web);

    std::fs::remove_file(project.path("manifests/other.yaml")).expect("it is there");
    let (stacks, notes) = planned(&project);
    assert_eq!(stacks, web);
    assert!(notes[0].contains("stack `other`: its manifest `manifests/other.yaml` is deleted"), "{notes:?}");
    assert!(notes[0].contains("provision destroy --stack other"), "{notes:?}");
}

#[test]
fn a_variable_file_touches_every_stack() {
    let project = repository();
    project.write("vars.yaml", "level: info\n");
    commit(&project, "variables");
    let arguments = ["plan", "--changed-since", "main", "--var-file", "vars.yaml", "--format", "json"];
    assert_eq!(project.run(&arguments).exits(0).json()["stacks"], serde_json::json!([]));
    project.write("vars.yaml", "level: debug\n");
    assert_eq!(project.run(&arguments).exits(0).json()["stacks"].as_array().map(Vec::len), Some(2));
}

#[test]
fn path_dependencies_and_the_lock_file_count_as_code() {
    let project = repository();
    let package = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{more}")
    };
    project.write("Cargo.toml", "[workspace]\nmembers = [\"hook\", \"shared\", \"apart\"]\nresolver = \"2\"\n");
    project.write("Cargo.lock", "version = 3\n");
    project.write("hook/Cargo.toml", &package("hook", "[dependencies]\nshared = { path = \"../shared\" }\n"));
    project.write("hook/src/main.rs", "fn main() {}\n");
    for library in ["shared", "apart"] {
        project.write(&format!("{library}/Cargo.toml"), &package(library, ""));
        project.write(&format!("{library}/src/lib.rs"), "\n");
        project.write(&format!("{library}/src/more.rs"), "\n");
    }
    project.write(
        "manifests/hook.yaml",
        "stack: hook\nregion: ap-beijing\nfunctions:\n  hh: { runtime: CustomRuntime, code: { cargo: hook } }\n",
    );
    commit(&project, "cargo");
    let hook = vec!["hook".to_owned()];
    project.write("apart/src/lib.rs", "// nobody's\n");
    assert_eq!(planned(&project).0, Vec::<String>::new());
    for (path, content) in
        [("shared/src/lib.rs", "// changed\n"), ("Cargo.lock", "version = 3\n# changed\n"), ("hook/src/new.rs", "\n")]
    {
        project.write(path, content);
        assert_eq!(planned(&project).0, hook, "{path}");
        git(&project, &["stash", "push", "--quiet", "--include-untracked"]);
    }
    std::fs::remove_file(project.path("shared/src/more.rs")).expect("it is there");
    assert_eq!(planned(&project).0, hook, "deleted files count");
}

#[test]
fn a_revision_that_cannot_be_compared_with_is_a_clear_error() {
    let project = repository();
    for (rev, says) in
        [("nope", "git knows no revision `nope`"), ("--output=x", "is no revision"), ("", "is no revision")]
    {
        let ran = project.run(&["plan", &format!("--changed-since={rev}")]).exits(1);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    for i in 0..3 {
        project.write("web/bootstrap", &format!("#!/bin/sh\n# {i}\n"));
        commit(&project, "more");
    }
    let from = format!("file://{}", project.folder.path().display());
    git(&project, &["clone", "--quiet", "--depth", "1", &from, "shallow"]);
    let base = git(&project, &["rev-parse", "HEAD~3"]);
    let shallow = project.command(&["plan", "--changed-since", &base]).current_dir(project.path("shallow")).output();
    let said = String::from_utf8_lossy(&shallow.expect("it runs").stderr).into_owned();
    assert!(said.contains("git knows no revision") && said.contains("fetch-depth: 0"), "{said}");

    let outside = Project::new(MANIFEST).with("PROVISION_LOCAL", "1").with("GIT_CEILING_DIRECTORIES", "/");
    let ran = outside.run(&["plan", "--changed-since", "main"]).exits(1);
    assert!(ran.stderr.contains("needs a git repository"), "{}", ran.stderr);
    let gitless = outside.with("PATH", "/nowhere");
    let ran = gitless.run(&["plan", "--changed-since", "main"]).exits(1);
    assert!(ran.stderr.contains("cannot run git"), "{}", ran.stderr);
}
