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
const YAML: [&str; 21] = [
    "functions:",
    "  f1:",
    "    runtime: Go1 # exact",
    "    code: { demo: x }",
    "    # about memory",
    "    memory: 128",
    "    triggers:",
    "      t1: { cron: x, type: timer }",
    "      t2: {cron: \"* *\", name: n , type: timer}",
    "      t3: { cron: &c x,\n        enabled: true, # not now\n        name: *c, type: timer }",
    "  f2: { memory: 128,\n    triggers: { t: { cron: x,\n      type: timer } }, runtime: Go1,\n  }",
    "    dead_letter: { name: 名, code: { exclude: [a, \"b\"], dir: . }, \"type\": ckafka }",
    "    code: *r",
    "",
    "# a comment",
    "stack: s1",
    "region: ap-beijing  ",
    "roles: &r",
    "tags: *r",
    "  r1: { external: true }",
    "    description: |\n      text\n      # no comment\n",
];
const TOML: [&str; 18] = [
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
    "region = 'x'",
    "memory = 128",
    "code = { exclude = [\"x\"], dir = \"src\" }",
    "code.exclude = []",
    "code.dir = \"src\" # dotted",
    "triggers.t1 = {cron = 'x', type = 'timer' }",
    "[functions.f1.triggers.t2]\ncron = \"x\"\ntype = \"timer\"",
    "  [functions.f1.environment]\n  Z = \"名\"",
];

/// Whole entries of a function, in either format: whatever their order, the text is a manifest.
const YAML_ENTRIES: [&str; 8] = [
    "    memory: 128\n",
    "    # exact\n    runtime: Go1 # for now\n",
    "\n    code: { exclude: [a, \"b\"], dir: . }\n",
    "    triggers: { z: {cron: \"* *\", name: n , type: timer}, a: { type: cos, events: \"*\", bucket: b, } }\n",
    "    environment: { Z: 名, A: \"# no comment\" }\n",
    "    log:\n      topic: b\n\n      # which\n      logset: a\n",
    "    description: |\n      # no comment\n      text\n",
    "    vpc: { subnet: &s a,\n      id: b } # of ours\n",
];
const TOML_ENTRIES: [&str; 8] = [
    "memory = 128\n",
    "# exact\nruntime = \"Go1\" # for now\n",
    "\ncode = { exclude = [\"x\"], dir = \"src\" }\n",
    "triggers.z = {cron = 'x', name = 'n' , type = 'timer'}\n",
    "# dotted\nenvironment.Z = \"名\"\n",
    "\n# another\nenvironment.A = \"# no comment\"\n",
    "description = \"\"\"\n[no.table]\n# no comment\"\"\"\n",
    "layers = [\n  { version = 1, name = \"a\" }, # old\n]\n",
];
const TOML_TABLES: [&str; 5] = [
    "[functions.f1.log]\ntopic = \"b\"\n\n",
    "# who may\n[roles.r]\nexternal = true\n",
    "\n[[functions.f1.file_systems]]\nid = \"b\"\n[[functions.f1.file_systems]]\n# first\nid = \"a\"\n",
    "[functions.f2] # another\n",
    "\n\n[functions.f2.triggers.t]\ncron = \"x\"\n# by clock\ntype = \"timer\"\n",
];

proptest! {
    #[test]
    fn any_order_of_a_function_s_entries_becomes_one(entries in Just(YAML_ENTRIES.to_vec()).prop_shuffle()) {
        let text = |entries: &[&str]| format!("stack: s1\nfunctions:\n  f1:\n{}", entries.concat());
        holds("m.yaml", &text(&entries));
        let visible = |text: String| text.lines().filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n");
        let (one, other) = (format("m.yaml", &text(&entries)).unwrap(), format("m.yaml", &text(&YAML_ENTRIES)).unwrap());
        prop_assert_eq!(visible(one), visible(other));
    }

    #[test]
    fn any_order_of_tables_and_keys_keeps_the_laws(
        root in Just(vec!["stack = \"s1\"\n", "# where\nregion = 'x'\n", "\ntags = { b = 1, a = 2 }\n"]).prop_shuffle(),
        entries in Just(TOML_ENTRIES.to_vec()).prop_shuffle(),
        tables in Just(TOML_TABLES.to_vec()).prop_shuffle(),
        at in 0..6_usize,
    ) {
        let (before, after) = tables.split_at(at.min(tables.len()));
        let text = [&root.concat(), &before.concat(), "[functions.f1]\n", &entries.concat(), &after.concat()].concat();
        prop_assert!(parse("m.toml", &text, FileId(0)).is_ok(), "{}", text);
        holds("m.toml", &text);
    }

    #[test]
    fn meaning_and_comments_of_yaml_stay(lines in prop::collection::vec(prop::sample::select(&YAML[..]), 1..16)) {
        holds("m.yaml", &(lines.join("\n") + "\n"));
    }

    #[test]
    fn meaning_and_comments_of_toml_stay(lines in prop::collection::vec(prop::sample::select(&TOML[..]), 1..16)) {
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
