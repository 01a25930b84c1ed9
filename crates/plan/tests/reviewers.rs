//! What reviewers read: Markdown, annotations, GitLab's reports and SARIF, as golden files in `golden/`, and the
//! promise that nothing a value says becomes markup. After a wanted change:
//! `INSTA_UPDATE=always cargo test -p plan --test reviewers`, then read the difference.

mod support;

use std::collections::BTreeMap;

use plan::address::ResourceAddress;
use plan::change::Action;
use plan::desired::Stack;
use plan::diagnostic::Diagnostic;
use plan::plan::Plan;
use plan::progress::Outcome;
use plan::render::guard::DigestKey;
use plan::render::markdown::{self, escape};
use plan::render::report::{Ending, Failure, Report, StackOutcome, StackReport, Subject};
use plan::render::risk::Risk;
use plan::render::{github, gitlab, sarif};
use plan::source::Sources;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value as Json;
use support::simulator::Cloud;

const AS_OF: &str = "2026-01-02T03:04:05Z";

fn check(name: &str, output: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, output));
}

/// Something of every risk.
const MEDIA: &str = r##"
stack: media
region: ap-beijing
tags: { team: media }
variables: { key: { sensitive: true } }
roles:
  worker: { description: what the tools may do, trust: [scf.qcloud.com], policies: [invoke] }
policies:
  invoke: { document: { version: "2.0", statement: [{ effect: allow, action: ["scf:Invoke"], resource: "*" }] } }
functions:
  hook:
    description: |
      MPS callbacks to WeCom.
      Owned by media.
    runtime: CustomRuntime
    code: { inline: { bootstrap: "#!/bin/sh\nexit 1\n" } }
    role: worker
    environment: { LOG_LEVEL: info, KEY: "${var.key}" }
    triggers:
      workflow: { type: mps, event: WorkflowTask }
      nightly: { type: timer, cron: "0 0 3 * * * *" }
  preview:
    type: http
    runtime: CustomRuntime
    code: { demo: preview }
    triggers:
      url: { type: http, auth: none }
  old:
    runtime: Python3.9
    code: { demo: old }
    triggers:
      edits: { type: mps, event: EditMediaTask }
"##;

fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(MEDIA.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the manifest holds {from:?}");
        text.replace(from, to)
    })
}

/// A stack and its plan.
struct Made {
    sources: Sources,
    stack: Stack,
    plan: Plan,
}

fn made(cloud: &Cloud, manifest: &str) -> Made {
    let (sources, stack) = support::stack(manifest, &[("key", "sesame-open-sesame")]);
    let plan = cloud.plan(&stack);
    Made { sources, stack, plan }
}

fn applied(manifest: &str) -> Cloud {
    let mut cloud = Cloud::default();
    let first = made(&cloud, manifest);
    cloud.apply_all(&first.plan).expect("the manifest can be applied");
    cloud
}

/// One of everything: a delete with its binding, a replacement, permissions, code, settings, drift.
fn everything() -> Made {
    let mut cloud = applied(MEDIA);
    for function in cloud.functions.values_mut() {
        function.function.timeout = 77;
    }
    let edits = [
        (
            "  old:\n    runtime: Python3.9\n    code: { demo: old }\n    triggers:\n      edits: { type: mps, event: EditMediaTask }\n",
            "",
        ),
        ("cron: \"0 0 3 * * * *\" }", "cron: \"0 30 3 * * * *\" }\n      edits: { type: mps, event: EditMediaTask }"),
        ("[\"scf:Invoke\"]", "[\"scf:Invoke\", \"scf:GetFunction\"]"),
        ("exit 1", "exit 0"),
        ("Owned by media.", "Owned by tools."),
        ("LOG_LEVEL: info", "LOG_LEVEL: debug"),
        ("type: http\n    runtime: CustomRuntime", "type: http\n    runtime: Go1"),
    ];
    made(&cloud, &edited(&edits))
}

/// Hands a report of these stacks to a closure: reports borrow what they are made from.
fn report<T>(all: &[&Made], findings: &[Diagnostic], take: impl FnOnce(&Report<'_>) -> T) -> T {
    let key = DigestKey::new(b"golden");
    let paths: BTreeMap<String, String> = [("manifests/stack.yaml".to_owned(), "infra/stack.yaml".to_owned())].into();
    let empty = Sources::default();
    take(&Report {
        subject: Subject::Plan,
        stacks: all.iter().map(|m| StackReport { plan: &m.plan, stack: &m.stack, account: "100000000001" }).collect(),
        findings: findings.iter().collect(),
        sources: all.first().map_or(&empty, |m| &m.sources),
        paths: &paths,
        key: &key,
        as_of: AS_OF,
        notes: &[],
        failure: None,
    })
}

fn markdown_of(all: &[&Made]) -> String {
    report(all, &[], |r| markdown::plan(r, markdown::COMMENT))
}

#[test]
fn a_comment_says_the_risky_things_first() {
    let everything = everything();
    let text = markdown_of(&[&everything]);
    check("everything_markdown", &text);
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} stands in the report"));
    assert!(place("| **high** |") < place("| medium |"));
    assert!(place("| medium |") < place("| low |"));
    assert!(place("| low |") < place("| minimal |"));
    assert!(!text.contains("sesame"));
}

#[test]
fn a_first_plan_as_a_comment() {
    let first = made(&Cloud::default(), MEDIA);
    check("create_markdown", &markdown_of(&[&first]));
}

#[test]
fn several_stacks_make_one_report_and_stacks_without_changes_one_line() {
    let mut same = made(&applied(MEDIA), MEDIA);
    "quiet".clone_into(&mut same.plan.stack);
    let first = made(&Cloud::default(), MEDIA);
    let notes = ["stack `other`: nothing of it changed since main".to_owned()];
    let text =
        report(&[&same, &first], &[], |r| markdown::plan(&Report { notes: &notes, ..r.clone() }, markdown::COMMENT));
    assert_eq!(text.matches("### Stack").count(), 1);
    assert_eq!(text.matches("<!-- provision:plan -->").count(), 1);
    assert!(text.contains("\nWithout changes: `quiet` (`ap-beijing`) (9 resources).\n"), "{text}");
    assert!(text.contains("- Not planned: stack `other`: nothing of it changed since main\n"), "{text}");
}

#[test]
fn annotations_stand_on_the_lines_that_cause_them() {
    let everything = everything();
    let text = report(&[&everything], &[], github::annotations);
    check("everything_github", &text);
    assert!(text.contains("::warning file=infra/stack.yaml,line="));
}

#[test]
fn gitlab_counts_a_replacement_as_both() {
    let everything = everything();
    let counts = report(&[&everything], &[], gitlab::plan);
    let s = everything.plan.summary();
    assert!(s.replace > 0 && s.delete > 0);
    assert_eq!(
        counts,
        serde_json::json!({ "create": s.create + s.replace, "update": s.update, "delete": s.delete + s.replace })
    );
}

#[test]
fn an_apply_tells_what_did_not_succeed_first() {
    let everything = everything();
    let why = "the service refused: ResourceInUse @everyone <b>|x|</b>\n::error::no (request 5f3c)";
    let endings = everything.plan.changes.iter().enumerate().map(|(i, change)| match i {
        2 => Ending { change, outcome: Outcome::Failed, why: Some(why.to_owned()) },
        3 => Ending { change, outcome: Outcome::Unknown, why: Some("the connection broke".to_owned()) },
        4 => Ending { change, outcome: Outcome::Skipped, why: None },
        _ => Ending { change, outcome: Outcome::Applied, why: None },
    });
    let stacks = [StackOutcome { stack: "media", endings: endings.collect() }];
    let failure = Failure { message: "interrupted".to_owned(), help: None };
    let text = markdown::outcomes(&stacks, Some(&failure), AS_OF, markdown::COMMENT);
    check("outcomes_markdown", &text);
    assert_eq!(structure(&text), structure(&text.replace("@everyone", "x").replace("|x|", "x")));
    check("outcomes_github", &github::outcomes(&stacks, &|_, _| None));
    let short = markdown::outcomes(&stacks, None, AS_OF, 2500);
    assert!(short.len() <= 2500 && short.contains("**failed**") && short.contains("Left out"), "{short}");
}

/// Findings of a manifest full of mistakes.
fn mistakes() -> (Sources, Vec<Diagnostic>) {
    let manifest = "stack: Media_Tools\nfunctions:\n  hook:\n    memory: 100\n    colour: red\n    colour2: '`@x` <b>|'\n    runtime: CustomRuntme\n    code: { demo: x }\n";
    let (sources, found) = support::load("manifests/stack.yaml", manifest, &[]);
    (sources, found.findings)
}

fn of_mistakes<T>(take: impl FnOnce(&Report<'_>) -> T) -> T {
    let (sources, findings) = mistakes();
    assert!(findings.len() >= 4, "{} findings", findings.len());
    report(&[], &findings, |r| take(&Report { sources: &sources, ..r.clone() }))
}

#[test]
fn findings_in_every_format() {
    check("findings_markdown", &of_mistakes(markdown::findings));
    check("findings_github", &of_mistakes(github::annotations));
    check("findings_gitlab", &format!("{:#}", of_mistakes(gitlab::code_quality)));
    let log = of_mistakes(|r| sarif::log(r, "1.2.3"));
    check("findings_sarif", &format!("{:#}", log["runs"][0]["results"]));
}

#[test]
fn a_code_quality_report_has_what_gitlab_asks_for() {
    let entries = of_mistakes(gitlab::code_quality);
    let mut seen = std::collections::BTreeSet::new();
    for entry in entries.as_array().expect("a list") {
        for text in ["description", "check_name", "fingerprint"] {
            assert!(entry[text].as_str().is_some_and(|t| !t.is_empty()), "{entry}");
        }
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&entry["severity"].as_str().unwrap_or("")));
        assert!(entry["location"]["lines"]["begin"].as_u64() > Some(0));
        assert_eq!(entry["location"]["path"], "infra/stack.yaml");
        assert!(seen.insert(entry["fingerprint"].to_string()), "fingerprints differ");
    }
}

#[test]
fn a_sarif_log_holds_together() {
    let log = of_mistakes(|r| sarif::log(r, "1.2.3"));
    assert_eq!((&log["version"], &log["runs"][0]["tool"]["driver"]["name"]), (&"2.1.0".into(), &"provision".into()));
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
    for rule in rules {
        assert!(rule["help"]["text"].as_str().is_some_and(|t| t.ends_with('.')), "{rule}");
        assert!(rule["shortDescription"]["text"].as_str().is_some_and(|t| t.ends_with('.')), "{rule}");
    }
    for result in log["runs"][0]["results"].as_array().expect("results") {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let physical = &result["locations"][0]["physicalLocation"];
        assert_eq!(physical["artifactLocation"]["uri"], "infra/stack.yaml");
        let region = &physical["region"];
        assert!(
            region["startLine"].as_u64() > Some(0) && region["endColumn"].as_u64() > region["startColumn"].as_u64()
        );
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap_or("")));
    }
}

/// What a Markdown parser makes of a text: everything but the text itself.
fn structure(text: &str) -> Vec<String> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_GFM;
    Parser::new_ext(text, options)
        .filter_map(|event| match event {
            Event::Text(_) | Event::Code(_) | Event::SoftBreak => None,
            Event::Start(tag) => Some(format!("{tag:?}")),
            Event::End(end) => Some(format!("/{end:?}")),
            other => Some(format!("{other:?}")),
        })
        .collect()
}

/// Text as a hostile value would hold it.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("`".to_owned()),
        Just("``".to_owned()),
        Just("```\n".to_owned()),
        Just("~~~\n".to_owned()),
        Just("|".to_owned()),
        Just("\\".to_owned()),
        Just("\n\n# h\n".to_owned()),
        Just("-->".to_owned()),
        Just("</details>".to_owned()),
        Just("<script>x</script>".to_owned()),
        Just("@everyone".to_owned()),
        Just("#123".to_owned()),
        Just("![i](http://x)".to_owned()),
        Just("[a](b)".to_owned()),
        Just("https://x.y".to_owned()),
        Just("::error::x\n".to_owned()),
        Just("##[error]x".to_owned()),
        Just("**b**".to_owned()),
        Just("\u{202e}".to_owned()),
        Just("\u{1b}[31m".to_owned()),
        Just(" ".to_owned()),
        Just("1. ".to_owned()),
        Just("\n- ".to_owned()),
        Just("word".to_owned()),
        Just("\r".to_owned()),
        Just("&lt;".to_owned()),
        Just("$x$".to_owned()),
        Just("\n---\n".to_owned()),
        "[ -~]{0,6}".prop_map(|s| s),
        any::<char>().prop_map(|c| c.to_string()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|p| p.concat())
}

/// The plain text that a Markdown parser hands to the reader outside of code.
fn bare(text: &str) -> String {
    let mut in_code = false;
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_GFM)
        .filter_map(|event| {
            match &event {
                Event::Start(Tag::CodeBlock(_)) => in_code = true,
                Event::End(TagEnd::CodeBlock) => in_code = false,
                _ => {}
            }
            match event {
                Event::Text(text) if !in_code => Some(text.into_string()),
                _ => None,
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_value_becomes_markup(value in hostile()) {
        for (fenced, written, place) in [
            (false, escape::code(&value), "- a {}: b\n"),
            (false, escape::prose(&value), "- a {}: b\n"),
            (false, escape::cell(&value), "| a | b |\n| --- | --- |\n| {} | y |\n"),
            (false, escape::prose_cell(&value), "| a | b |\n| --- | --- |\n| {} | y |\n"),
            (true, escape::fence("diff", &format!("+ {value}\n")), "a\n\n{}\nb\n"),
        ] {
            let text = place.replace("{}", &written);
            let plain = if fenced { escape::fence("diff", "x\n") } else { "x".to_owned() };
            prop_assert_eq!(structure(&text), structure(&place.replace("{}", &plain)), "{}", text);
            // Nothing that a site gives a meaning to stands outside of code.
            let bare = bare(&text);
            prop_assert!(!bare.contains(['@', '#', '<', '>', '&', '\u{202e}', '\u{1b}', '$']) && !bare.contains("://"), "{bare:?} in {text:?}");
        }
    }

    #[test]
    fn no_value_becomes_a_workflow_command(value in hostile()) {
        for line in github::harmless(&value).split(['\n', '\r']) {
            prop_assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line:?}");
        }
    }

    #[test]
    fn no_label_ends_its_quotes(value in hostile()) {
        let label = escape::mermaid(&value);
        prop_assert!(!label.contains(['"', '\n', '`', '<', '>', '[', ']', '@']), "{label:?}");
    }
}

/// A plan whose every text is hostile.
fn poisoned(value: &str) -> Made {
    let mut all = everything();
    for change in &mut all.plan.changes {
        change.reason = format!("reason {value}").into();
        for attribute in change.attributes_mut() {
            attribute.path = format!("{}{value}", attribute.path).into();
            for side in [&mut attribute.before, &mut attribute.after] {
                if !side.value.is_null() && !side.guarded {
                    side.value = Json::String(format!("one\n{value}\n"));
                }
            }
        }
    }
    all
}

#[test]
fn a_report_of_hostile_values_has_the_structure_of_a_harmless_one() {
    let value = "@everyone #1 `a` ```\n```\n| </details> --> <img src=x> [l](http://x)\u{202e}\n# h\n::error::x ##[error]y\u{1b}[31m";
    let (hostile, harmless) = (poisoned(value), poisoned("x"));
    let (bad, good) = (markdown_of(&[&hostile]), markdown_of(&[&harmless]));
    assert_eq!(structure(&bad), structure(&good));
    assert!(!bad.contains('\u{202e}') && !bad.contains('\u{1b}'));
    assert!(!bare(&bad).contains(['@', '#']), "{}", bare(&bad));
    let lines = report(&[&hostile], &[], github::annotations);
    assert_eq!(lines.lines().count(), report(&[&harmless], &[], github::annotations).lines().count());
    assert!(lines.lines().all(|l| l.starts_with("::warning ") || l.starts_with("::notice ")), "{lines}");
    let text = plan::render::text::plan(&hostile.plan, &DigestKey::new(b"k"), plan::render::style::Style::PLAIN);
    assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'), "{text}");
}

/// As many changes of each action, made from the ones of a small plan.
fn many(counts: &[(Action, usize)]) -> Made {
    let mut all = everything();
    let is_function = |c: &&plan::change::Change| c.address.as_str().starts_with("function");
    let small: Vec<_> = all.plan.changes.iter().filter(is_function).cloned().collect();
    let first = made(&Cloud::default(), MEDIA);
    let create = first.plan.changes.iter().filter(is_function).max_by_key(|c| Risk::of(c)).cloned();
    all.plan.changes.clear();
    for (action, count) in counts {
        let model = small.iter().chain(&create).find(|c| c.action == *action).expect("a change of each action");
        for i in 0..*count {
            let name = format!("tool-{i:05}");
            let address = match action {
                Action::Delete => ResourceAddress::undeclared_function("ap-beijing", "default", &name),
                _ => ResourceAddress::function(&name),
            };
            all.plan.changes.push(plan::change::Change { address, after: Vec::new(), ..model.clone() });
        }
    }
    all
}

#[test]
fn three_thousand_changes_fit_a_comment_and_every_delete_is_named() {
    let all = many(&[(Action::Create, 1500), (Action::Update, 1400), (Action::Delete, 100)]);
    let comment = markdown_of(&[&all]);
    assert!(comment.len() <= markdown::COMMENT, "{} bytes", comment.len());
    assert!(comment.len() > markdown::COMMENT * 9 / 10, "the room is used: {} bytes", comment.len());
    for i in 0..100 {
        let told = format!("**delete** `function[ap-beijing/default/tool-{i:05}]`");
        assert!(comment.contains(&told), "delete {i} is told");
    }
    assert!(comment.contains("Left out to fit 65535 bytes: "));
    assert!(comment.contains("100 to delete, 1400 to update, 1500 to create"));
    let summary = report(&[&all], &[], |r| markdown::plan(r, markdown::STEP_SUMMARY));
    assert!(summary.len() <= markdown::STEP_SUMMARY && summary.len() > comment.len());

    // Nothing but deletes: named until nothing fits any more, and that is said.
    let comment = markdown_of(&[&many(&[(Action::Delete, 1000)])]);
    assert!(comment.contains("tool-00000]") && comment.contains("tool-00999]") && comment.len() <= markdown::COMMENT);
    let comment = markdown_of(&[&many(&[(Action::Delete, 3000)])]);
    assert!(comment.len() <= markdown::COMMENT, "{} bytes", comment.len());
    assert!(comment.contains("3000 to delete") && comment.contains("does not name everything that is deleted"));
}

#[test]
fn a_value_of_100_kilobytes_is_shortened_with_a_note() {
    let long = "x".repeat(100_000);
    let lines = "line\n".repeat(20_000);
    for (value, note) in [(long.as_str(), "(100004 characters)"), (lines.as_str(), "more lines of description")] {
        let mut all = everything();
        for change in &mut all.plan.changes {
            for attribute in change.attributes_mut().iter_mut().filter(|a| a.path == "description") {
                attribute.after.value = Json::String(format!("new {value}"));
            }
        }
        let text = markdown_of(&[&all]);
        assert!(text.len() < 20_000, "{} bytes", text.len());
        assert!(text.contains(note) || text.contains("characters)"), "{text}");
    }
}

#[test]
fn a_failure_is_reported_in_every_format() {
    let failure =
        Failure { message: "cannot read function.web: @all refused".to_owned(), help: Some("ask".to_owned()) };
    fn with<'a>(r: &Report<'a>, failure: &Failure) -> Report<'a> {
        Report { failure: Some(failure.clone()), ..r.clone() }
    }
    let text = report(&[], &[], |r| markdown::plan(&with(r, &failure), markdown::COMMENT));
    assert!(
        text.starts_with(
            "<!-- provision:plan -->\n## Plan: failed\n\n**Error**: cannot read `function.web`: `@all` refused"
        ),
        "{text}"
    );
    assert_eq!(report(&[], &[], |r| gitlab::plan(&with(r, &failure)))["create"], Json::Null);
    assert!(
        report(&[], &[], |r| github::annotations(&with(r, &failure)))
            .starts_with("::error title=provision::cannot read")
    );
    let log = report(&[], &[], |r| sarif::log(&with(r, &failure), "1"));
    assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn risk_follows_what_a_change_does() {
    let all = everything();
    let risk = |address: &str| {
        let change = all.plan.changes.iter().find(|c| c.address.as_str() == address);
        Risk::of(change.unwrap_or_else(|| panic!("{address} changes")))
    };
    assert_eq!(risk("policy.invoke"), Risk::Permissions);
    assert_eq!(risk("function.hook"), Risk::Code);
    assert_eq!(risk("function.preview"), Risk::Destroys);
    assert_eq!(risk("trigger.hook.nightly"), Risk::Settings);
    let first = made(&Cloud::default(), MEDIA);
    let url = first.plan.changes.iter().find(|c| c.address.as_str() == "trigger.preview.url").expect("a URL is made");
    assert_eq!(Risk::of(url), Risk::Permissions);
}
