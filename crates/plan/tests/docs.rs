//! `docs/manifest.md` against the code: every key, limit and finding stands there, and nothing that is gone does.
//! The two READMEs against each other.

#![expect(clippy::unwrap_used, reason = "the set-up of a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

use plan::diagnostic::Code;
use plan::limits;
use plan::manifest::{CODE_SOURCES, FUNCTION_KEYS, POLICY_KEYS, ROLE_KEYS, STACK_KEYS, TRIGGER_TYPES, trigger_keys};

/// Keys beside the source in `code`, and those that every trigger takes.
const CODE_OPTIONS: [&str; 2] = ["exclude", "inputs"];
const EVERY_TRIGGER: [&str; 3] = ["type", "enabled", "qualifier"];

#[expect(clippy::disallowed_methods, reason = "planning reads no files; this test is about one")]
fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn page() -> String {
    read("docs/manifest.md")
}

/// The table rows between a heading and the next one, each as its cells.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let body: Vec<&str> = page
        .lines()
        .skip_while(|l| *l != heading)
        .skip(1)
        .take_while(|l| !l.starts_with("## ") && !l.starts_with("### "))
        .collect();
    assert!(!body.is_empty(), "the page has no section `{heading}`");
    body.iter()
        .filter_map(|l| l.strip_prefix("| ")?.strip_suffix('|'))
        .map(|l| l.split(" | ").map(|c| c.trim().to_owned()).collect())
        .collect()
}

/// The key that a row is about, if it is about one: `vpc.id`, `layers[].name`.
fn key(row: &[String]) -> Option<&str> {
    row.first()?.strip_prefix('`')?.strip_suffix('`')
}

fn sections() -> Vec<(String, Vec<&'static str>)> {
    let mut all: Vec<(String, Vec<&'static str>)> = vec![
        ("## Top".to_owned(), STACK_KEYS.to_vec()),
        ("## Roles".to_owned(), ROLE_KEYS.to_vec()),
        ("## Policies".to_owned(), POLICY_KEYS.to_vec()),
        ("## Functions".to_owned(), FUNCTION_KEYS.to_vec()),
        ("## Code".to_owned(), CODE_SOURCES.iter().chain(&CODE_OPTIONS).copied().collect()),
        ("## Triggers".to_owned(), EVERY_TRIGGER.to_vec()),
    ];
    all.extend(TRIGGER_TYPES.iter().map(|t| (format!("### {t}"), trigger_keys(t).to_vec())));
    all
}

#[test]
fn every_key_stands_in_its_section() {
    let page = page();
    for (heading, keys) in sections() {
        let rows = rows(&page, &heading);
        let documented: BTreeSet<&str> = rows.iter().filter_map(|r| key(r)).collect();
        for wanted in keys {
            assert!(documented.contains(wanted), "`{wanted}` is missing in `{heading}` of docs/manifest.md");
        }
    }
}

#[test]
fn no_section_tells_of_a_key_that_does_not_exist() {
    let page = page();
    for (heading, keys) in sections() {
        for row in rows(&page, &heading) {
            let Some(key) = key(&row) else { continue };
            let head = key.split(['.', '[']).next().unwrap_or(key);
            assert!(
                keys.contains(&head),
                "`{key}` stands in `{heading}` of docs/manifest.md, and a manifest does not take it"
            );
        }
    }
}

fn range<T: Display>(range: &RangeInclusive<T>) -> String {
    format!("{} to {}", range.start(), range.end())
}

#[test]
fn limits_are_told_as_they_are_checked() {
    let page = page();
    let expected = [
        ("## Top", "stack", "2 to 40".to_owned()),
        ("## Roles", "name", range(&limits::CAM_NAME)),
        ("## Roles", "description", format!("{} bytes", limits::CAM_DESCRIPTION)),
        ("## Roles", "policies", format!("{};", limits::POLICIES_PER_ROLE)),
        ("## Roles", "session_duration", range(&limits::SESSION_DURATION)),
        ("## Policies", "document", limits::POLICY_DOCUMENT.to_string()),
        ("## Namespaces", "name", range(&limits::NAMESPACE_NAME)),
        ("## Namespaces", "description", limits::DESCRIPTION.to_string()),
        ("## Functions", "name", range(&limits::FUNCTION_NAME)),
        ("## Functions", "name", limits::NAMESPACE_AND_NAME.to_string()),
        ("## Functions", "description", limits::DESCRIPTION.to_string()),
        ("## Functions", "memory", limits::MEMORY_MAX.to_string()),
        ("## Functions", "timeout", range(&limits::TIMEOUT)),
        ("## Functions", "timeout", range(&limits::ASYNC_EXECUTION_TIMEOUT)),
        ("## Functions", "init_timeout", range(&limits::INIT_TIMEOUT)),
        ("## Functions", "environment", range(&limits::ENVIRONMENT_NAME)),
        ("## Functions", "environment", format!("{} bytes", limits::ENVIRONMENT)),
        ("## Functions", "layers", format!("{};", limits::LAYERS)),
        ("## Functions", "async.retries", range(&limits::ASYNC_RETRIES)),
        ("## Functions", "async.max_age", range(&limits::ASYNC_MAX_AGE)),
        ("## Functions", "instance_concurrency.max", range(&limits::INSTANCE_CONCURRENCY)),
        ("## Functions", "websocket.idle_timeout", range(&limits::WEBSOCKET_IDLE)),
        ("## Functions", "triggers", format!("{} of one type", limits::TRIGGERS_PER_TYPE)),
        ("### timer", "name", limits::TIMER_NAME.end().to_string()),
        ("### timer", "argument", format!("{} bytes", limits::TIMER_ARGUMENT)),
        ("### ckafka", "batch", range(&limits::CKAFKA_BATCH)),
        ("### ckafka", "timeout", range(&limits::CKAFKA_TIMEOUT)),
    ];
    for (heading, wanted, text) in expected {
        let rows = rows(&page, heading);
        let row = rows.iter().find(|r| key(r) == Some(wanted)).unwrap();
        assert!(
            row[1..].join(" | ").contains(&text),
            "`{wanted}` in `{heading}` of docs/manifest.md does not say `{text}`"
        );
    }
    for event in limits::MPS_EVENTS {
        assert!(rows(&page, "### mps").iter().any(|r| r[1].contains(event)), "the section on mps lacks {event}");
    }
}

#[test]
fn every_finding_stands_there_with_its_title_and_way_out() {
    let documented = rows(&page(), "## Findings");
    let told: Vec<[&str; 3]> =
        documented.iter().filter(|r| key(r).is_some()).map(|r| [&*r[0], &*r[1], &*r[2]]).collect();
    let codes: Vec<String> = Code::ALL.iter().map(|c| format!("`{}`", c.as_str())).collect();
    let wanted: Vec<[&str; 3]> =
        Code::ALL.iter().zip(&codes).map(|(c, code)| [code.as_str(), c.title(), c.explanation()]).collect();
    assert_eq!(told, wanted, "the table of findings in docs/manifest.md differs from crates/plan/src/diagnostic.rs");
}

/// Every code block of a page without its comments, and where the sections begin.
fn skeleton(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut out = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            inside = !inside;
            out.push(line.to_owned());
        } else if inside {
            out.push(line.split(" # ").next().unwrap_or(line).trim_end().to_owned());
        } else if line.starts_with("##") {
            out.push("##".to_owned());
        }
    }
    out
}

#[test]
fn both_readmes_have_the_same_sections_and_the_same_code() {
    let english = read("README.md");
    assert!(english.contains("make demo") && english.contains("make test") && english.contains("make check"));
    assert_eq!(skeleton(&read("README.zh-CN.md")), skeleton(&english));
}
