//! Laws of snapshots: no value that the manifest does not give literally gets into one, and a plan from a snapshot is
//! the live plan but for what it says that it did not compare.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use plan::change::Action;
use plan::desired::Stack;
use plan::plan::Plan;
use plan::resource::trigger::RawTrigger;
use plan::snapshot::{Snapshot, SnapshotError, take};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use support::generator::{SECRET, manifests};
use support::simulator::Cloud;

/// In everything that somebody did by hand.
const BY_HAND: &str = "zq-by-hand-canary";

fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases / 3, failure_persistence: None, ..default }
}

fn stack_of(manifest: &Json) -> Stack {
    support::stack(&manifest.to_string(), &[SECRET]).1
}

/// The account after an apply of the manifest.
fn applied(manifest: &Json) -> Cloud {
    let mut cloud = Cloud::default();
    let trust = plan::resource::document::Document::trusting(&["scf.qcloud.com".to_owned()]);
    cloud
        .execute(&plan::step::Step::CreateRole {
            name: "team".into(),
            description: "managed by others".into(),
            trust,
            session_duration: None,
            console_login: None,
            tags: [].into(),
        })
        .expect("an empty account takes a role");
    cloud.apply_all(&cloud.plan(&stack_of(manifest))).expect("every step is possible when its turn comes");
    cloud
}

/// Texts in every place where the console takes one.
fn edit_by_hand(cloud: &mut Cloud, what: u8) {
    for function in cloud.functions.values_mut() {
        let settings = &mut function.function;
        match what % 5 {
            0 => {
                settings.environment.insert("ADDED".into(), BY_HAND.into());
                settings.environment.values_mut().for_each(|v| *v = BY_HAND.into());
            }
            1 => settings.description = BY_HAND.into(),
            2 => {
                settings.tags.insert("by-hand".into(), BY_HAND.into());
                settings.vpc = Some(Box::new((BY_HAND.into(), BY_HAND.into())));
            }
            3 => {
                settings.memory = 1024;
                function.triggers.iter_mut().for_each(|t| t.argument = BY_HAND.into());
            }
            _ => function.triggers.push(RawTrigger {
                kind: "timer".into(),
                name: "by-hand".into(),
                desc: "0 0 1 * * * *".into(),
                argument: BY_HAND.into(),
                description: BY_HAND.into(),
                enabled: true,
                qualifier: "$DEFAULT".into(),
                ..RawTrigger::default()
            }),
        }
    }
    cloud.policies.values_mut().for_each(|(_, p)| p.description = BY_HAND.into());
}

fn snapshot(cloud: &Cloud, stack: &Stack) -> Snapshot {
    let picture = take(stack, &cloud.observe(stack)).expect("names are not sensitive");
    Snapshot::new("2026-01-02T03:04:05Z".into(), vec![picture])
}

/// A snapshot as another process reads it.
fn read_back(snapshot: &Snapshot) -> Snapshot {
    Snapshot::parse(&serde_json::to_string(snapshot).expect("it is plain data")).expect("what is written is read")
}

type Seen = BTreeMap<String, (Action, BTreeSet<String>)>;

/// What a plan does, without what `blind` did not compare.
fn seen(plan: &Plan, blind: &Plan) -> Seen {
    let whole = |address: &plan::address::ResourceAddress| {
        blind.not_compared.iter().any(|n| n.paths.is_empty() && address.is_within(n.address.as_str()))
    };
    let skipped = |address: &str, path: &str| {
        blind.not_compared.iter().any(|n| n.address.as_str() == address && n.paths.iter().any(|p| p == path))
    };
    plan.changes
        .iter()
        .filter(|c| !whole(&c.address))
        .filter_map(|c| {
            let address = c.address.as_str();
            let paths = c.attributes().into_owned().into_iter().map(|a| a.path);
            let paths: BTreeSet<String> =
                paths.filter(|p| !skipped(address, p)).map(std::borrow::Cow::into_owned).collect();
            let nothing_left = paths.is_empty() && c.action == Action::Update;
            (!nothing_left).then(|| (address.to_owned(), (c.action, paths)))
        })
        .collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_value_that_the_manifest_does_not_give_stands_in_a_snapshot(
        before in manifests(), now in manifests(), by_hand in any::<u8>(),
    ) {
        let mut cloud = applied(&before);
        edit_by_hand(&mut cloud, by_hand);
        let stack = stack_of(&now);
        let text = serde_json::to_string(&snapshot(&cloud, &stack)).expect("it is plain data");
        for canary in [SECRET.1, BY_HAND] {
            prop_assert!(!text.contains(canary), "{canary} in {text}");
        }
        // Nor does the plan that is made from it know them.
        let plan = plan::snapshot::plan(&stack, &snapshot(&cloud, &stack));
        let shown = plan::render::text::plan(&plan, &plan::render::guard::DigestKey::new(b"k"), plan::render::style::Style::PLAIN);
        prop_assert!(!shown.contains(BY_HAND), "{shown}");
    }

    #[test]
    fn a_plan_from_a_snapshot_is_the_live_plan_but_for_what_was_not_compared(
        before in manifests(), main in manifests(), edited in manifests(), by_hand in option(),
    ) {
        let mut cloud = applied(&before);
        if let Some(what) = by_hand {
            edit_by_hand(&mut cloud, what);
        }
        let snapshot = read_back(&snapshot(&cloud, &stack_of(&main)));
        let stack = stack_of(&edited);
        let offline = plan::snapshot::plan(&stack, &snapshot);
        let live = plan::plan(&stack, &cloud.observe(&stack));
        let whole: BTreeSet<&str> =
            offline.not_compared.iter().filter(|n| n.paths.is_empty()).map(|n| n.address.as_str()).collect();
        // What nobody looked at is not claimed to be absent.
        for change in &offline.changes {
            prop_assert!(!whole.iter().any(|w| change.address.is_within(w)), "{}", change.address);
        }
        // A replacement takes its triggers along; one that was not seen shows none of that.
        let differs = |c: &&plan::change::Change| c.action == Action::Replace;
        if live.changes.iter().filter(differs).count() == offline.changes.iter().filter(differs).count() {
            prop_assert_eq!(seen(&live, &offline), seen(&offline, &offline), "not compared: {:?}", offline.not_compared);
        }
        prop_assert!(offline.as_of.is_some());
    }

    #[test]
    fn the_snapshot_of_what_was_just_applied_gives_a_plan_without_changes(manifest in manifests()) {
        let cloud = applied(&manifest);
        let stack = stack_of(&manifest);
        let plan = plan::snapshot::plan(&stack, &read_back(&snapshot(&cloud, &stack)));
        prop_assert!(plan.is_empty(), "{:?}", plan.changes);
        let text = plan::render::text::plan(&plan, &plan::render::guard::DigestKey::new(b"k"), plan::render::style::Style::PLAIN);
        prop_assert_eq!(text.contains("not compared"), !plan.not_compared.is_empty());
    }
}

fn option() -> impl Strategy<Value = Option<u8>> {
    proptest::option::of(any::<u8>())
}

const BASE: &str = r#"{"stack":"base","region":"ap-beijing","functions":{"ff":{"runtime":"CustomRuntime","handler":"main",
    "code":{"inline":{"bootstrap":"x"}},"memory":128,"environment":{"AA":"literal","BB":"${var.secret}"}}},
    "variables":{"secret":{"sensitive":true}}}"#;

fn base() -> Json {
    serde_json::from_str(BASE).expect("it is JSON")
}

fn planned(edit: impl Fn(&mut Json)) -> Plan {
    let cloud = applied(&base());
    let snapshot = read_back(&snapshot(&cloud, &stack_of(&base())));
    let mut edited = base();
    edit(&mut edited);
    plan::snapshot::plan(&stack_of(&edited), &snapshot)
}

#[test]
fn what_came_from_a_variable_is_not_compared_and_neither_equal_nor_changed() {
    let plan = planned(|_| {});
    assert!(plan.is_empty());
    let listed: Vec<(&str, Vec<String>)> =
        plan.not_compared.iter().map(|n| (n.address.as_str(), n.paths.clone())).collect();
    assert_eq!(listed, [("function.ff", vec!["environment.BB".to_owned()])]);
    assert_eq!((plan.summary().unchanged, plan.summary().not_compared, plan.complete), (0, 1, false));
}

#[test]
fn an_edit_of_a_literal_is_seen_with_its_cause() {
    let plan = planned(|m| m["functions"]["ff"]["memory"] = json!(256));
    let change = &plan.changes[0];
    assert_eq!((change.address.as_str(), &*change.attributes()[0].path), ("function.ff", "memory"));
    assert_eq!(change.cause.word(), "manifest");
    assert_eq!(change.attributes()[0].before.value, json!(128));
}

#[test]
fn a_variable_that_leaves_the_manifest_is_removed_and_its_value_is_not_shown() {
    let plan = planned(|m| m["functions"]["ff"]["environment"] = json!({ "AA": "literal" }));
    let attribute = &plan.changes[0].attributes()[0];
    assert_eq!((&*attribute.path, &attribute.before.value), ("environment.BB", &json!("(withheld)")));
    assert!(!attribute.before.guarded, "there is no value that a digest could be made of");
}

#[test]
fn what_is_declared_since_is_not_claimed_to_be_absent() {
    let plan = planned(|m| {
        m["functions"]["gg"] = m["functions"]["ff"].clone();
        m["roles"] = json!({ "worker": { "trust": ["scf.qcloud.com"] } });
        m["functions"]["ff"]["triggers"] = json!({ "tt": { "type": "timer", "cron": "0 0 3 * * * *" } });
    });
    let whole: Vec<&str> =
        plan.not_compared.iter().filter(|n| n.paths.is_empty()).map(|n| n.address.as_str()).collect();
    assert_eq!(whole, ["role.worker", "function.gg"]);
    // Every trigger of a known function is known.
    assert_eq!(plan.changes.iter().map(|c| c.address.as_str()).collect::<Vec<_>>(), ["trigger.ff.tt"]);
}

#[test]
fn settings_that_were_not_read_are_not_compared() {
    let plan = planned(|m| m["functions"]["ff"]["async"] = json!({ "retries": 1, "max_age": 60 }));
    assert!(plan.is_empty(), "{:?}", plan.changes);
    assert_eq!(plan.not_compared[0].paths, ["async.max_age", "async.retries", "environment.BB"]);
}

#[test]
fn an_upload_that_did_not_come_to_its_end_is_seen() {
    let mut cloud = applied(&base());
    for mark in cloud.functions.values_mut().filter_map(|f| f.mark.as_mut()) {
        mark.code = Some(plan::mark::UNDER_WAY.to_owned());
    }
    let stack = stack_of(&base());
    let plan = plan::snapshot::plan(&stack, &read_back(&snapshot(&cloud, &stack)));
    assert_eq!(plan.changes.iter().map(|c| c.address.as_str()).collect::<Vec<_>>(), ["function.ff"]);
    assert_eq!(plan.changes[0].attributes().iter().map(|a| &*a.path).collect::<Vec<_>>(), ["code"]);
}

#[test]
fn another_stack_is_not_in_the_snapshot() {
    let plan = planned(|m| m["stack"] = json!("other"));
    assert!(plan.is_empty() && !plan.complete);
    assert!(plan.findings[0].message.contains("has no stack `other`"), "{:?}", plan.findings);
}

#[test]
fn damaged_and_hostile_files_are_refused() {
    let cloud = applied(&base());
    let good = serde_json::to_value(snapshot(&cloud, &stack_of(&base()))).expect("it is plain data");
    let with = |key: &str, value: Json| {
        let mut edited = good.clone();
        edited[key] = value;
        Snapshot::parse(&edited.to_string())
    };
    assert!(matches!(with("format_version", json!("2")), Err(SnapshotError::OtherVersion(v)) if v == "2"));
    assert!(matches!(with("kind", json!("provision saved plan")), Err(SnapshotError::OtherKind(_))));
    assert!(matches!(with("surprise", json!(1)), Err(SnapshotError::Unreadable(_))));
    assert!(matches!(with("stacks", json!("none")), Err(SnapshotError::Unreadable(_))));
    let whole = good.to_string();
    for end in [0, 1, whole.len() / 2, whole.len() - 1] {
        assert!(matches!(Snapshot::parse(&whole[..end]), Err(SnapshotError::Unreadable(_))), "cut at {end}");
    }
    assert!(Snapshot::parse(&"[".repeat(1_000_000)).is_err(), "deep nesting is no crash");
    // A file of the right shape whose values are nonsense gives some plan, and no crash.
    for value in [json!(null), json!(-1), json!("text"), json!([[]]), json!({ "a": { "b": 1 } })] {
        let mut edited = good.clone();
        let attributes = &mut edited["stacks"][0]["functions"]["ap-beijing/default/ff"]["object"]["attributes"];
        attributes.as_object_mut().expect("attributes").values_mut().for_each(|v| *v = value.clone());
        let snapshot = Snapshot::parse(&edited.to_string()).expect("the shape is right");
        let _ = plan::snapshot::plan(&stack_of(&base()), &snapshot);
    }
}

#[test]
fn a_report_for_reviewers_says_from_when_it_is_and_what_was_not_compared() {
    let (sources, stack) = support::stack(&base().to_string(), &[SECRET]);
    let cloud = applied(&base());
    let plan = plan::snapshot::plan(&stack, &snapshot(&cloud, &stack));
    let key = plan::render::guard::DigestKey::new(b"k");
    let report = plan::render::report::Report {
        subject: plan::render::report::Subject::Plan,
        stacks: vec![plan::render::report::StackReport { plan: &plan, stack: &stack, account: "100000000001" }],
        findings: Vec::new(),
        sources: &sources,
        paths: &BTreeMap::new(),
        key: &key,
        as_of: "",
        notes: &[],
        failure: None,
    };
    let shown = plan::render::markdown::plan(&report, plan::render::markdown::COMMENT);
    for part in [
        "**Planned from a snapshot** as of `2026-01-02T03:04:05Z`",
        "- `function.ff` `environment.BB`: withheld",
        "(0 resources, 1 not compared)",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}
