//! Laws of planning and applying, over generated manifests and a cloud that refuses what the platform refuses.

mod support;

use std::collections::BTreeSet;

use plan::address::Kind;
use plan::change::Action;
use plan::desired::Stack;
use plan::mark::STACK_TAG;
use plan::observed::FunctionKey;
use plan::plan::Plan;
use plan::render::guard::DigestKey;
use plan::render::style::Style;
use plan::render::{diagnostics, json, text};
use plan::resource::policy::Policy;
use plan::resource::trigger::RawTrigger;
use plan::source::Sources;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value as Json;
use support::generator::{SECRET, manifests};
use support::simulator::Cloud;

fn config() -> ProptestConfig {
    // Fewer than usual, for each case plans and applies several times; PROPTEST_CASES still says how many.
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases / 3, failure_persistence: None, ..default }
}

fn stack_of(manifest: &Json) -> (Sources, Stack) {
    support::stack(&manifest.to_string(), &[SECRET])
}

/// An account in which the external role exists, as every generated manifest expects.
fn account() -> Cloud {
    let mut cloud = Cloud::default();
    let trust = plan::resource::document::Document::trusting(&["scf.qcloud.com".to_owned()]);
    cloud
        .execute(&plan::step::Step::CreateRole {
            name: "team".into(),
            description: "managed by others".into(),
            trust,
            session_duration: None,
            console_login: None,
            tags: [("team".to_owned(), "platform".to_owned())].into(),
        })
        .expect("an empty account takes a role");
    cloud
}

/// The account after an apply of the manifest.
fn applied(manifest: &Json) -> Cloud {
    let mut cloud = account();
    let (_, stack) = stack_of(manifest);
    cloud.apply_all(&cloud.plan(&stack)).expect("every step is possible when its turn comes");
    cloud
}

fn shown(plan: &Plan, sources: &Sources) -> String {
    let key = DigestKey::new(b"test");
    let findings = diagnostics::render(&plan.findings, sources, Style::PLAIN);
    let stack = serde_json::to_string_pretty(&json::StackPlan { plan, sources, key: &key }).expect("a document");
    format!("{findings}{}{stack}", text::plan(plan, &key, Style::PLAIN))
}

/// Every address that the manifest uses.
fn addresses(stack: &Stack) -> BTreeSet<&str> {
    let policies = stack.policies.iter().map(|p| &p.address);
    let roles = stack.roles.iter().map(|r| &r.address);
    let namespaces = stack.namespaces.iter().map(|n| &n.address);
    let triggers = stack.functions.iter().flat_map(|f| &f.triggers).map(|t| &t.address);
    let functions = stack.functions.iter().map(|f| &f.address);
    policies.chain(roles).chain(namespaces).chain(functions).chain(triggers).map(|a| a.as_str()).collect()
}

fn is_empty(plan: &Plan) -> bool {
    plan.is_empty() && plan.errors().next().is_none()
}

/// Leaves sensitive values only where every value is guarded: environments, arguments, raw descriptions. Once a
/// manifest no longer says that a description holds one, nothing can tell.
fn plain_texts(manifest: &mut Json) {
    match manifest {
        Json::Object(members) => {
            for (key, value) in members {
                if key == "description" && value.is_string() {
                    *value = "plain".into();
                } else if key == "tags" {
                    *value = serde_json::json!({ "team": "media" });
                } else {
                    plain_texts(value);
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(plain_texts),
        _ => {}
    }
}

/// Something that somebody did by hand.
#[derive(Debug, Clone, Copy)]
enum Drift {
    Memory,
    Environment,
    Description,
    TagAdded,
    OwnerTagLost,
    LineLost,
    TriggersDeleted,
    TriggerAdded,
    TriggersSwitched,
    RoleDetached,
    PolicyAttached,
    PolicyEdited,
    NamespaceText,
    FunctionDeleted,
}

fn drifts() -> impl Strategy<Value = Vec<Drift>> {
    use Drift::*;
    let any = proptest::sample::select(vec![
        Memory,
        Environment,
        Description,
        TagAdded,
        OwnerTagLost,
        LineLost,
        TriggersDeleted,
        TriggerAdded,
        TriggersSwitched,
        RoleDetached,
        PolicyAttached,
        PolicyEdited,
        NamespaceText,
        FunctionDeleted,
    ]);
    proptest::collection::vec(any, 1..4)
}

/// Plays a drift on every function, role, policy or namespace that the stack owns.
fn drift(cloud: &mut Cloud, drift: Drift) {
    for function in cloud.functions.values_mut() {
        let tagged = function.function.tags.contains_key(STACK_TAG);
        match drift {
            Drift::Memory => function.function.memory = 512,
            Drift::Environment => drop(function.function.environment.insert("BY_HAND".into(), "yes".into())),
            Drift::Description if tagged => {
                function.function.description = "written over by hand".into();
                function.mark = None;
            }
            Drift::TagAdded => drop(function.function.tags.insert("by-hand".into(), "yes".into())),
            Drift::OwnerTagLost if function.mark.is_some() => drop(function.function.tags.remove(STACK_TAG)),
            Drift::LineLost if tagged => function.mark = None,
            Drift::TriggersDeleted => function.triggers.clear(),
            Drift::TriggerAdded => function.triggers.push(RawTrigger {
                kind: "timer".into(),
                name: format!("by-hand-{}", function.triggers.len()),
                desc: "0 0 1 * * * *".into(),
                enabled: true,
                qualifier: "$DEFAULT".into(),
                ..RawTrigger::default()
            }),
            Drift::TriggersSwitched => {
                function.triggers.iter_mut().filter(|t| t.kind == "timer").for_each(|t| t.enabled = !t.enabled);
            }
            _ => {}
        }
    }
    match drift {
        Drift::RoleDetached => {
            if let Some(role) = cloud.roles.get_mut("worker") {
                role.policies.pop_first();
                role.description = "by hand".into();
            }
        }
        Drift::PolicyAttached => {
            let document = plan::resource::document::Document::new(&serde_json::json!({ "version": "2.0" }));
            let theirs = Policy { description: "theirs".into(), document, tags: [].into() };
            cloud.policies.insert("by-hand".into(), (4711, theirs));
            if let Some(role) = cloud.roles.get_mut("worker") {
                role.policies.insert("by-hand".into());
            }
        }
        Drift::PolicyEdited => {
            let everything = plan::resource::document::Document::new(&serde_json::json!({ "version": "2.0" }));
            cloud.policies.values_mut().for_each(|(_, p)| p.document = everything.clone());
        }
        Drift::NamespaceText => {
            cloud.namespaces.values_mut().for_each(|(n, _)| n.description = "by hand".into());
        }
        Drift::FunctionDeleted => drop(cloud.functions.pop_first()),
        _ => {}
    }
}

/// Objects that are not ours, some of them under the very names that manifests use.
fn with_foreign_objects(mut cloud: Cloud, manifest: &Json, taken: &BTreeSet<usize>) -> Cloud {
    let mut theirs = manifest.clone();
    theirs["stack"] = "theirs".into();
    let others = applied(&theirs);
    let is_taken = |i: usize| taken.contains(&i);
    for (i, (key, function)) in others.functions.iter().enumerate() {
        let key = if is_taken(i % 4) {
            key.clone()
        } else {
            FunctionKey::new(key.region.as_str(), key.namespace.as_str(), format!("theirs-{}", key.name))
        };
        let mut function = function.clone();
        match i % 3 {
            0 => {}
            // No mark at all.
            1 => {
                function.function.tags.remove(STACK_TAG);
                function.mark = None;
            }
            // A copy of a description of ours does not make it ours.
            _ => {
                function.function.tags.remove(STACK_TAG);
                let stack = "media";
                let identity = plan::mark::identity(stack, &key.region, &key.namespace, "another name");
                function.mark = Some(plan::mark::Mark { identity, code: None, configuration: None });
            }
        }
        cloud.functions.entry(key).or_insert(function);
    }
    for (i, (name, role)) in others.roles.iter().enumerate() {
        let name = if is_taken(i % 4) { name.clone() } else { format!("theirs-{name}") };
        cloud.roles.entry(name).or_insert(role.clone());
    }
    for (i, (name, (id, policy))) in others.policies.iter().enumerate() {
        let name = if is_taken(i % 4) { name.clone() } else { format!("theirs-{name}") };
        cloud.policies.entry(name).or_insert((id + 1000, policy.clone()));
    }
    for (place, namespace) in &others.namespaces {
        cloud.namespaces.entry(place.clone()).or_insert(namespace.clone());
    }
    cloud
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn apply_then_plan_is_empty(before in manifests(), after in manifests()) {
        let mut cloud = applied(&before);
        prop_assert!(is_empty(&cloud.plan(&stack_of(&before).1)));
        let (sources, stack) = stack_of(&after);
        let plan = cloud.plan(&stack);
        prop_assert!(plan.errors().next().is_none(), "{}", shown(&plan, &sources));
        cloud.apply_all(&plan).map_err(TestCaseError::fail)?;
        let rest = cloud.plan(&stack);
        prop_assert!(is_empty(&rest), "{}", shown(&rest, &sources));
    }

    #[test]
    fn the_way_there_does_not_matter(before in manifests(), after in manifests()) {
        let mut changed = applied(&before);
        let (_, stack) = stack_of(&after);
        changed.apply_all(&changed.plan(&stack)).map_err(TestCaseError::fail)?;
        let fresh = applied(&after);
        // Preset roles stay when the last manifest no longer names them, and what is left alone stays as it was.
        let differing: Vec<_> = changed.differences(&fresh).into_iter().filter(|d| !d.contains("_QcsRole")).collect();
        let left_alone = |d: &String| {
            changed.functions.iter().any(|(k, f)| {
                let Some(other) = fresh.functions.get(k) else { return false };
                let mut f = f.clone();
                f.function.init_timeout = other.function.init_timeout;
                f.function.asynchronous = other.function.asynchronous;
                f.triggers.clone_from(&other.triggers);
                *d == format!("function {k}") && f == *other
            })
        };
        prop_assert!(differing.iter().all(left_alone), "{differing:?}");
    }

    #[test]
    fn any_order_that_respects_the_dependencies_works(
        before in manifests(), after in manifests(), picks in proptest::collection::vec(any::<Index>(), 64),
    ) {
        let start = applied(&before);
        let (_, stack) = stack_of(&after);
        let plan = start.plan(&stack);
        prop_assert!(plan.changes.iter().enumerate().all(|(i, c)| c.after.iter().all(|b| *b < i)));
        let (mut straight, mut mixed) = (start.clone(), start);
        straight.apply_all(&plan).map_err(TestCaseError::fail)?;
        let mut picks = picks.iter().cycle();
        mixed
            .apply(&plan, usize::MAX, |running| picks.next().map_or(0, |p| p.index(running)))
            .map_err(TestCaseError::fail)?;
        prop_assert!(mixed == straight, "{:?}", mixed.differences(&straight));
    }

    #[test]
    fn stopping_anywhere_and_running_again_ends_the_same(
        before in manifests(), after in manifests(), stops in proptest::collection::vec(any::<Index>(), 1..4),
    ) {
        let start = applied(&before);
        let (sources, stack) = stack_of(&after);
        let mut straight = start.clone();
        straight.apply_all(&straight.plan(&stack)).map_err(TestCaseError::fail)?;
        let mut stopped = start;
        for stop in stops {
            let plan = stopped.plan(&stack);
            let steps: usize = plan.changes.iter().map(|c| c.steps.len()).sum();
            stopped.apply(&plan, stop.index(steps + 1), |_| 0).map_err(TestCaseError::fail)?;
        }
        stopped.apply_all(&stopped.plan(&stack)).map_err(TestCaseError::fail)?;
        let rest = stopped.plan(&stack);
        prop_assert!(is_empty(&rest), "{}", shown(&rest, &sources));
        prop_assert!(stopped == straight, "{:?}", stopped.differences(&straight));
    }

    #[test]
    fn stopping_anywhere_and_going_back_ends_where_one_started(before in manifests(), after in manifests()) {
        let start = applied(&before);
        let ((sources, back), (_, forth)) = (stack_of(&before), stack_of(&after));
        let plan = start.plan(&forth);
        for stop in 0..=plan.changes.iter().map(|c| c.steps.len()).sum() {
            let mut stopped = start.clone();
            stopped.apply(&plan, stop, |_| 0).map_err(TestCaseError::fail)?;
            stopped.apply_all(&stopped.plan(&back)).map_err(TestCaseError::fail)?;
            let rest = stopped.plan(&back);
            prop_assert!(is_empty(&rest), "{}", shown(&rest, &sources));
            for function in &back.functions {
                let (is, was) = (&stopped.functions[&function.key], &start.functions[&function.key]);
                prop_assert!(is.code == was.code, "{} runs the code of another manifest", function.address);
                prop_assert!(is.mark == was.mark, "{} carries the line of another manifest", function.address);
            }
        }
    }

    #[test]
    fn what_was_changed_by_hand_is_seen_and_mended(manifest in manifests(), drifted in drifts()) {
        let straight = applied(&manifest);
        let mut cloud = straight.clone();
        let (sources, stack) = stack_of(&manifest);
        let half_gone = |drifts: &[Drift]| drifts.iter().any(|d| matches!(d, Drift::OwnerTagLost));
        for one in &drifted {
            // Without either half of the mark a function is nobody's: that is a refusal, not a repair.
            if !(half_gone(&drifted) && matches!(one, Drift::Description | Drift::LineLost)) {
                drift(&mut cloud, *one);
            }
        }
        let plan = cloud.plan(&stack);
        prop_assert_eq!(plan.is_empty(), cloud == straight, "{}", shown(&plan, &sources));
        cloud.apply_all(&plan).map_err(TestCaseError::fail)?;
        let rest = cloud.plan(&stack);
        prop_assert!(is_empty(&rest), "{}", shown(&rest, &sources));
        let mut differing = cloud.differences(&straight);
        // The policy that somebody attached is theirs, and stays.
        differing.retain(|object| object != "policy by-hand");
        // What a deleted function had been left alone with is not remembered.
        prop_assert!(drifted.iter().any(|d| matches!(d, Drift::FunctionDeleted)) || differing.is_empty(), "{differing:?}");
    }

    #[test]
    fn what_is_not_ours_comes_out_unchanged(
        before in manifests(), after in manifests(), theirs in manifests(),
        taken in proptest::collection::btree_set(0..4_usize, 0..4),
    ) {
        let ours = applied(&before);
        let mut cloud = with_foreign_objects(ours.clone(), &theirs, &taken);
        let foreign = |cloud: &Cloud| {
            let mut rest = cloud.clone();
            rest.functions.retain(|k, _| !ours.functions.contains_key(k));
            rest.roles.retain(|k, _| !ours.roles.contains_key(k));
            rest.policies.retain(|k, _| !ours.policies.contains_key(k));
            rest.namespaces.retain(|k, _| !ours.namespaces.contains_key(k));
            rest
        };
        let untouched = foreign(&cloud);
        for manifest in [&after, &before] {
            let (_, stack) = stack_of(manifest);
            for stack in [stack.clone(), stack.emptied()] {
                // Refusals are carried in findings; even the steps of such a plan must leave others alone.
                for step in cloud.plan(&stack).changes.iter().flat_map(|c| &c.steps) {
                    let _ = cloud.execute(step);
                }
            }
        }
        for (key, function) in &untouched.functions {
            prop_assert!(cloud.functions.get(key) == Some(function), "function {key}");
        }
        for (name, role) in untouched.roles.iter().filter(|(n, _)| !n.ends_with("_QcsRole")) {
            prop_assert!(cloud.roles.get(name) == Some(role), "role {name}");
        }
        for (name, policy) in &untouched.policies {
            prop_assert!(cloud.policies.get(name) == Some(policy), "policy {name}");
        }
        for (place, namespace) in &untouched.namespaces {
            prop_assert!(cloud.namespaces.get(place) == Some(namespace), "namespace {place:?}");
        }
    }

    #[test]
    fn the_same_inputs_in_any_order_give_the_same_plan(
        before in manifests(), after in manifests(), theirs in manifests(), by in any::<Index>(),
    ) {
        let taken = (0..4).collect();
        let cloud = with_foreign_objects(applied(&before), &theirs, &taken);
        let (sources, stack) = stack_of(&after);
        let mut shuffled = stack.clone();
        let mut turned = cloud.clone();
        fn turn<T>(list: &mut [T], by: Index) {
            if !list.is_empty() {
                let by = by.index(list.len());
                list.reverse();
                list.rotate_left(by);
            }
        }
        turn(&mut shuffled.functions, by);
        shuffled.functions.iter_mut().for_each(|f| turn(&mut f.triggers, by));
        turn(&mut shuffled.roles, by);
        turn(&mut shuffled.policies, by);
        turn(&mut shuffled.namespaces, by);
        turned.functions.values_mut().for_each(|f| turn(&mut f.triggers, by));
        let (one, other) = (cloud.plan(&stack), turned.plan(&shuffled));
        prop_assert_eq!(shown(&one, &sources), shown(&other, &sources));
        prop_assert!(one.changes.iter().map(|c| &c.steps).eq(other.changes.iter().map(|c| &c.steps)));
    }

    #[test]
    fn destroying_leaves_what_belongs_to_the_account_and_takes_triggers_first(manifest in manifests()) {
        let mut cloud = applied(&manifest);
        let (_, stack) = stack_of(&manifest);
        let empty = stack.emptied();
        let plan = cloud.plan(&empty);
        let declared = addresses(&stack);
        for (i, change) in plan.changes.iter().enumerate() {
            prop_assert_eq!(change.action, Action::Delete);
            prop_assert!(declared.contains(change.address.as_str()), "{} is called otherwise in the manifest", change.address);
            if change.address.kind() == Kind::Function {
                let later = plan.changes[i..].iter().any(|c| c.address.kind() == Kind::Trigger && c.address.is_within(change.address.as_str()));
                prop_assert!(!later, "{} goes before its triggers", change.address);
            }
        }
        cloud.apply_all(&plan).map_err(TestCaseError::fail)?;
        prop_assert!(cloud.functions.is_empty() && cloud.policies.is_empty() && cloud.namespaces.is_empty());
        prop_assert!(cloud.roles.keys().all(|n| n == "team" || n.ends_with("_QcsRole")), "{:?}", cloud.roles.keys());
        prop_assert!(is_empty(&cloud.plan(&empty)));
    }

    #[test]
    fn a_stack_is_destroyed_around_what_others_put_into_its_namespaces(manifest in manifests()) {
        let mut cloud = applied(&manifest);
        let (sources, stack) = stack_of(&manifest);
        let place = cloud.namespaces.keys().next().cloned();
        if let (Some((region, namespace)), Some(mut theirs)) = (&place, cloud.functions.values().next().cloned()) {
            theirs.function.tags.remove(STACK_TAG);
            theirs.function.role = String::new();
            (theirs.mark, theirs.triggers) = (None, Vec::new());
            let key = FunctionKey::new(region.as_str(), namespace.as_str(), "theirs");
            cloud.functions.insert(key, theirs);
        }
        let others = cloud.functions.keys().filter(|key| key.name == "theirs").count();
        let empty = stack.emptied();
        cloud.apply_all(&cloud.plan(&empty)).map_err(TestCaseError::fail)?;
        let rest = cloud.plan(&empty);
        prop_assert!(is_empty(&rest), "{}", shown(&rest, &sources));
        prop_assert_eq!((cloud.functions.len(), cloud.namespaces.len()), (others, others));
    }

    #[test]
    fn no_sensitive_value_is_in_any_rendering_or_debug(before in manifests(), after in manifests()) {
        let mut before = before;
        plain_texts(&mut before);
        let cloud = applied(&before);
        let (sources, stack) = stack_of(&after);
        let plan = cloud.plan(&stack);
        let observed = cloud.observe(&stack);
        let mut all = format!("{plan:?}\n{plan:#?}\n{stack:?}\n{stack:#?}\n{}", shown(&plan, &sources));
        all.push_str(&text::plan(&plan, &DigestKey::new(b"k"), Style { color: true }));
        for function in observed.functions.values() {
            all.push_str(&format!("{function:?}"));
        }
        for role in observed.roles.values() {
            all.push_str(&format!("{role:?}"));
        }
        for policy in observed.policies.values() {
            all.push_str(&format!("{policy:?}"));
        }
        for namespace in observed.namespaces.values() {
            all.push_str(&format!("{namespace:?}"));
        }
        if let Some(at) = all.find(SECRET.1) {
            let start = all[..at].char_indices().rev().nth(200).map_or(0, |(i, _)| i);
            return Err(TestCaseError::fail(format!("the canary is shown: …{}", &all[start..at + SECRET.1.len()])));
        }
    }
}
