//! `format` keeps the meaning of every manifest, and is done after one pass; the manifests of this repository are in
//! its form.

#![expect(clippy::unwrap_used, reason = "the set-up of a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "planning reads no files; this test is about some")]

use plan::format::format;
use plan::source::FileId;
use plan::syntax::{Node, Value, parse};
use proptest::prelude::*;

/// The meaning of a tree: places left out, keys sorted.
fn meaning(node: &Node) -> String {
    match &node.value {
        Value::Null => "~".to_owned(),
        Value::Scalar { text, quoted } => format!("{text:?}{quoted}"),
        Value::List(items) => format!("[{}]", items.iter().map(meaning).collect::<Vec<_>>().join(",")),
        Value::Map(entries) => {
            let mut all: Vec<String> = entries.iter().map(|(k, v)| format!("{:?}:{}", k.text, meaning(v))).collect();
            all.sort();
            format!("{{{}}}", all.join(","))
        }
    }
}

/// Every comment of a text, sorted.
fn comments(text: &str) -> Vec<&str> {
    let mut all: Vec<&str> = text.lines().filter_map(|l| l.split_once('#')).map(|(_, c)| c.trim_end()).collect();
    all.sort_unstable();
    all
}

fn holds(name: &str, text: &str) {
    let Ok(before) = parse(name, text, FileId(0)) else { return };
    let once = format(name, text).unwrap();
    assert_eq!(meaning(&parse(name, &once, FileId(0)).unwrap()), meaning(&before), "{text}\n---\n{once}");
    assert_eq!(format(name, &once).unwrap(), once, "{text}\n---\n{once}");
    assert_eq!(comments(&once), comments(text), "{text}\n---\n{once}");
}

/// Lines of manifests, good ones and odd ones, to be put together in any order.
const YAML: [&str; 16] = [
    "functions:",
    "  f1:",
    "    runtime: Go1 # exact",
    "    code: { demo: x }",
    "    # about memory",
    "    memory: 128",
    "    triggers:",
    "      t1: { type: timer, cron: x }",
    "",
    "# a comment",
    "stack: s1",
    "region: ap-beijing  ",
    "roles: &r",
    "tags: *r",
    "  r1: { external: true }",
    "    description: |\n      text\n      # no comment\n",
];
const TOML: [&str; 10] = [
    "stack = \"s1\"",
    "[functions.f1]",
    "runtime = \"Go1\" # exact",
    "",
    "# a comment",
    "[roles.r]",
    "external = true",
    "[[functions.f1.layers]]",
    "name = '''\n[roles.no]\n'''",
    "[tags]",
];

proptest! {
    #[test]
    fn meaning_and_comments_of_yaml_stay(lines in prop::collection::vec(prop::sample::select(&YAML[..]), 1..14)) {
        holds("m.yaml", &(lines.join("\n") + "\n"));
    }

    #[test]
    fn meaning_and_comments_of_toml_stay(lines in prop::collection::vec(prop::sample::select(&TOML[..]), 1..12)) {
        holds("m.toml", &(lines.join("\n") + "\n"));
    }
}

#[test]
fn the_manifests_here_are_in_order() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut seen = 0;
    for folder in ["manifests", "examples"] {
        for entry in std::fs::read_dir(format!("{root}/{folder}")).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.display().to_string();
            if [".yaml", ".yml", ".toml"].iter().any(|e| name.ends_with(e)) {
                let text = std::fs::read_to_string(&path).unwrap();
                assert_eq!(format(&name, &text).unwrap(), text, "run `provision fmt {name}`");
                seen += 1;
            }
        }
    }
    assert!(seen >= 2);
}
