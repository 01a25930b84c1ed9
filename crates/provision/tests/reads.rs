//! Answers that the platform may give although its samples show others: what they leave open, and codes that a run
//! before this one brought about. Each was a plan that was wrong, or an apply that failed for nothing.

mod support;

use std::collections::BTreeMap;

use localcloud::{Effect, Faults, Rule};
use serde_json::{Value as Json, json};
use support::{Cloud, MANIFEST, Project};
use tencentcloud::cam;

/// Every answer of an action, with these members written over.
fn rewritten(action: &str, set: &[(&str, Json)]) -> Rule {
    let set: BTreeMap<String, Json> = set.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Rule::on(action, Effect::Rewrite { set, remove: Vec::new() })
}

/// Every answer of an action, without these members.
fn without(action: &str, members: &[&str]) -> Rule {
    let remove = members.iter().map(|name| (*name).to_owned()).collect();
    Rule::on(action, Effect::Rewrite { set: BTreeMap::new(), remove })
}

fn refused(action: &str, code: &str) -> Rule {
    Rule::on(action, Effect::Refuse { code: code.to_owned(), message: "played".to_owned() })
}

/// [`MANIFEST`], applied undisturbed.
fn applied(cloud: &Cloud) -> Project {
    let project = Project::on(cloud, MANIFEST);
    project.run_here(&["apply", "--yes"], false).exits(0);
    project
}

fn play(cloud: &Cloud, rules: Vec<Rule>) {
    cloud.set_faults(Some(Faults::new(rules)));
}

fn changes(project: &Project) -> Vec<String> {
    project.run_here(&["plan", "--format", "json"], false).exits(0).changes()
}

#[test]
fn what_get_function_does_not_give_replaces_nothing() {
    let cloud = Cloud::start();
    let project = applied(&cloud);
    let open =
        ["Runtime", "Type", "ProtocolType", "PublicNetConfig", "IntranetConfig", "AsyncRunEnable", "TraceEnable"];
    play(&cloud, vec![rewritten("GetFunction", &open.map(|name| (name, json!(null))))]);
    assert_eq!(changes(&project), [""; 0]);
    project.edit("memory: 128", "memory: 256");
    assert_eq!(changes(&project), ["update function.hook"]);
    project.run_here(&["apply", "--yes"], false).exits(0);
    cloud.set_faults(None);
    assert_eq!(changes(&project), [""; 0]);
}

/// What the Tag service says of a resource inside an answer that succeeds.
fn failed_resource(code: &str) -> Json {
    json!([{ "Resource": "qcs::scf:ap-beijing:uin/1:namespace/media/function/hook", "Code": code, "Message": "played" }])
}

#[test]
fn a_tag_that_is_gone_already_is_removed() {
    for tags in ["tags: {}", "tags: { app: other }"] {
        let cloud = Cloud::start();
        let project = applied(&cloud);
        project.edit("tags: { app: hook }", "tags: { app: hook, one: a, two: b }");
        project.run_here(&["apply", "--yes"], false).exits(0);
        // The first attempt removes the tags and its answer is lost; whoever comes again finds them gone.
        let absent = failed_resource("ResourceNotFound.AttachedTagKeyNotFound");
        play(&cloud, vec![rewritten("UnTagResources", &[("FailedResources", absent)])]);
        project.edit("tags: { app: hook, one: a, two: b }", tags);
        project.run_here(&["apply", "--yes"], false).exits(0);
        assert_eq!(changes(&project), [""; 0]);
    }
}

#[test]
fn tags_that_are_being_changed_already_are_changed_a_little_later() {
    let cloud = Cloud::start();
    let project = applied(&cloud);
    let busy = failed_resource("FailedOperation.ResourceTagProcessing");
    let twice = |action: &str| rewritten(action, &[("FailedResources", busy.clone())]).times(2);
    play(&cloud, vec![twice("TagResources"), twice("UnTagResources")]);
    project.edit("tags: { app: hook }", "tags: { kind: hook }");
    project.run_here(&["apply", "--yes"], false).exits(0);
    assert_eq!(changes(&project), [""; 0]);
    play(&cloud, vec![rewritten("TagResources", &[("FailedResources", failed_resource("LimitExceeded.TagValue"))])]);
    project.edit("tags: { kind: hook }", "tags: { kind: other }");
    let failed = project.run_here(&["apply", "--yes", "--format", "json"], false).exits(1).json();
    assert_eq!(failed["stacks"][0]["outcomes"][0]["error"]["code"], "LimitExceeded.TagValue", "{failed}");
}

#[test]
fn a_reservation_of_nothing_is_taken_away_when_it_is_no_longer_declared() {
    let cloud = Cloud::start();
    let project = applied(&cloud);
    let asked = |cloud: &Cloud| cloud.calls().iter().filter(|(a, _)| a == "GetReservedConcurrencyConfig").count();
    assert_eq!(asked(&cloud), 0, "without a reservation there is nothing to ask");
    project.edit("memory: 128", "memory: 128\n    reserved_concurrency: 0");
    project.run_here(&["apply", "--yes"], false).exits(0);
    project.edit("\n    reserved_concurrency: 0", "");
    assert_eq!(changes(&project), ["update function.hook"]);
    project.run_here(&["apply", "--yes"], false).exits(0);
    let before = asked(&cloud);
    assert_eq!(changes(&project), [""; 0]);
    assert_eq!(asked(&cloud), before);
}

#[test]
fn a_policy_of_others_is_detached_from_our_role_and_stays() {
    let cloud = Cloud::start();
    let project = applied(&cloud);
    let theirs = cloud.call(&cam::CreatePolicy {
        policy_name: "theirs".to_owned(),
        policy_document: json!({ "version": "2.0", "statement": [
            { "effect": "allow", "action": ["scf:Invoke"], "resource": ["*"] },
        ] })
        .to_string(),
        ..Default::default()
    });
    let attach = |role: &str| {
        let (policy_id, attach_role_name) = (Some(theirs.policy_id), Some(role.to_owned()));
        cloud.call(&cam::AttachRolePolicy { policy_id, attach_role_name, ..Default::default() });
    };
    attach("worker");
    assert_eq!(changes(&project), ["update role.worker"]);
    project.run_here(&["apply", "--yes"], false).exits(0);
    assert_eq!(changes(&project), [""; 0]);
    attach("worker");
    project.run_here(&["destroy", "--yes"], false).exits(0);
    assert_eq!(cloud.roles_and_policies().1, ["theirs"]);
}

/// How often an action was called while something ran.
fn count(cloud: &Cloud, action: &str, run: impl FnOnce()) -> usize {
    let calls = || cloud.calls().iter().filter(|(called, _)| called == action).count();
    let before = calls();
    run();
    calls() - before
}

/// Takes the own role and the own policy out of the manifest.
fn without_own_access(project: &Project) {
    project.edit("  worker: { trust: [scf.qcloud.com], policies: [invoke] }\n", "");
    let manifest = std::fs::read_to_string(project.path("manifests/hook.yaml")).expect("the manifest");
    let policy = manifest.lines().find(|l| l.starts_with("  invoke: ")).expect("the policy");
    project.edit(&format!("policies:\n{policy}\n"), "");
    project.edit("    role: worker\n", "");
}

#[test]
fn what_left_the_manifest_goes_although_lists_tell_no_tags() {
    let row_without = |action: &str| without(action, &["List.0.Tags"]);
    let empty = |action: &str| rewritten(action, &[("List.0.Tags", json!([]))]);
    // It lists what it knows, and that is functions alone.
    let resource = "qcs::scf:ap-beijing:uin/1:namespace/media/function/hook";
    let row = json!([{ "Resource": resource, "Tags": [{ "TagKey": "provision-stack", "TagValue": "hook" }] }]);
    let functions_only = || rewritten("GetResources", &[("ResourceTagMappingList", row.clone())]);
    let null = || rewritten("DescribeRoleList", &[("List.0.Tags", json!(null))]);
    let unserved = || refused("GetResources", "InvalidAction");
    for (rules, [roles, policies]) in [
        // The Tag service tells.
        (vec![row_without("ListPolicies"), null()], [0, 1]),
        (vec![row_without("ListPolicies"), row_without("DescribeRoleList"), without("GetPolicy", &["Tags"])], [0, 1]),
        // Where it does not, the objects do.
        (vec![row_without("ListPolicies"), null(), unserved()], [1, 1]),
        (vec![row_without("ListPolicies"), null(), functions_only()], [1, 1]),
        // An empty list says no more than none.
        (vec![empty("ListPolicies"), empty("DescribeRoleList")], [0, 1]),
        (vec![empty("ListPolicies"), empty("DescribeRoleList"), functions_only()], [1, 1]),
    ] {
        let cloud = Cloud::start();
        let project = applied(&cloud);
        without_own_access(&project);
        play(&cloud, rules);
        let mut planned = Vec::new();
        let of_policies = count(&cloud, "GetPolicy", || planned = changes(&project));
        // The two preset roles are declared.
        let of_roles = count(&cloud, "GetRole", || assert_eq!(changes(&project), planned)) - 2;
        assert_eq!((of_roles, of_policies), (roles, policies));
        assert!(planned.contains(&"delete role[worker]".to_owned()), "{planned:?}");
        assert!(planned.contains(&"delete policy[invoke]".to_owned()), "{planned:?}");
        project.run_here(&["apply", "--yes"], false).exits(0);
        let (roles, policies) = cloud.roles_and_policies();
        assert!(!roles.contains(&"worker".to_owned()) && policies.is_empty(), "{roles:?} {policies:?}");
    }
}

#[test]
fn what_others_own_stays_although_lists_tell_no_tags() {
    let cloud = Cloud::start();
    let theirs = Project::on(&cloud, &MANIFEST.replace("stack: hook", "stack: other"));
    theirs.run_here(&["apply", "--yes"], false).exits(0);
    // A filter that is not applied, and rows that say nothing.
    let roles = cloud.call(&cam::DescribeRoleList { page: 1, rp: 200, tags: None });
    let row = |role: &cam::RoleInfo| json!({ "RoleId": role.role_id, "RoleName": role.role_name, "PolicyDocument": "{}", "Tags": null });
    let rows: Vec<Json> = roles.list.iter().map(row).collect();
    let unfiltered = rewritten("DescribeRoleList", &[("TotalNum", json!(rows.len())), ("List", json!(rows))]);
    let project = Project::on(&cloud, "stack: hook\nregion: ap-beijing\nfunctions: {}\n");
    for more in [None, Some(refused("GetResources", "InvalidAction"))] {
        let rules = [unfiltered.clone(), without("ListPolicies", &["List.0.Tags"])];
        play(&cloud, rules.into_iter().chain(more).collect());
        assert_eq!(changes(&project), [""; 0]);
    }
}

#[test]
fn declared_objects_are_ours_by_the_word_of_the_tag_service() {
    let cloud = Cloud::start();
    let project = applied(&cloud);
    let rules = vec![
        without("ListPolicies", &["List.0.Tags"]),
        without("GetPolicy", &["Tags"]),
        rewritten("GetRole", &[("RoleInfo.Tags", json!(null))]),
    ];
    play(&cloud, rules);
    assert_eq!(changes(&project), [""; 0]);
    project.edit("scf:Invoke", "scf:GetFunction");
    project.edit("policies: [invoke]", "description: works, policies: [invoke]");
    assert_eq!(changes(&project), ["update policy.invoke", "update role.worker"]);
    project.run_here(&["apply", "--yes"], false).exits(0);
    assert_eq!(changes(&project), [""; 0]);
}

#[test]
fn a_policy_whose_create_lost_its_answer_is_ours_although_no_answer_tells_tags() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    let silent = |create: Rule| {
        let nothing = rewritten("GetResources", &[("ResourceTagMappingList", json!([]))]);
        vec![without("ListPolicies", &["List.0.Tags"]), without("GetPolicy", &["Tags"]), nothing, create]
    };
    play(&cloud, silent(Rule::on("CreatePolicy", Effect::LoseAnswer).nth(1)));
    let sent = count(&cloud, "CreatePolicy", || drop(project.run_here(&["apply", "--yes"], false).exits(0)));
    assert_eq!(sent, 1);
    cloud.set_faults(None);
    assert_eq!(changes(&project), [""; 0]);
    // What has the name when a create is refused is not what that create made.
    let policies = "policies: { invoke: { document: { version: \"2.0\", statement: [{ effect: deny, action: \"*\", resource: \"*\" }] } } }";
    let other = Project::on(&cloud, &format!("stack: other\nregion: ap-beijing\nfunctions: {{}}\n{policies}\n"));
    let policy = || {
        let rows = cloud.call(&cam::ListPolicies { scope: Some("Local".to_owned()), ..Default::default() }).list;
        cloud.call(&cam::GetPolicy { policy_id: rows[0].policy_id }).policy_document
    };
    let before = policy();
    let unseen = rewritten("ListPolicies", &[("List", json!([])), ("TotalNum", json!(0))]).times(1);
    play(&cloud, silent(unseen));
    let report = other.run_here(&["apply", "--yes"], false).exits(1);
    assert!(format!("{report:?}").contains("carries no mark of a stack"), "{report:?}");
    cloud.set_faults(None);
    assert_eq!(policy(), before);
}

#[test]
fn a_short_name_of_a_region_is_followed_or_told() {
    let cloud = Cloud::start();
    let project = applied(&cloud);
    let listed = |region: &str| {
        let resource = format!("qcs::scf:{region}:uin/1:namespace/media/function/hook");
        let rows = json!([{ "Resource": resource, "Tags": [{ "TagKey": "provision-stack", "TagValue": "hook" }] }]);
        rewritten("GetResources", &[("ResourceTagMappingList", rows)])
    };
    play(&cloud, vec![listed("bj")]);
    let plan = project.run_here(&["plan", "--format", "json"], false).exits(0);
    assert_eq!((plan.changes(), &plan.json()["stacks"][0]["complete"]), (vec![], &json!(true)));
    play(&cloud, vec![listed("xy")]);
    let plan = project.run_here(&["plan", "--format", "json"], false).exits(0);
    assert_eq!((plan.changes(), &plan.json()["stacks"][0]["complete"]), (vec![], &json!(false)));
    assert!(plan.stdout.contains("qcs::scf:xy:"), "it says what it left out: {}", plan.stdout);
}

#[test]
fn a_role_that_an_earlier_run_made_may_not_be_seen_yet() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    // The run that makes the roles comes no further.
    play(&cloud, vec![refused("CreateFunction", "LimitExceeded.Function")]);
    project.run_here(&["apply", "--yes"], false).exits(1);
    assert!(cloud.roles_and_policies().0.contains(&"worker".to_owned()));
    play(
        &cloud,
        vec![
            refused("CreateFunction", "ResourceNotFound.Role").times(3),
            refused("CreateTrigger", "FailedOperation.QcsRoleNotFound").times(3),
        ],
    );
    project.run_here(&["apply", "--yes"], false).exits(0);
    // So it is with what is attached to a role.
    project.edit("policies: [invoke]", "policies: [invoke, QcloudCOSDataReadOnly]");
    play(&cloud, vec![refused("AttachRolePolicy", "InvalidParameter.RoleNotExist").times(3)]);
    project.run_here(&["apply", "--yes"], false).exits(0);
    assert_eq!(changes(&project), [""; 0]);
}

#[test]
fn a_role_that_nobody_has_seen_is_not_waited_for() {
    let cloud = Cloud::start();
    let manifest = "stack: hook\nregion: ap-beijing\nfunctions:\n  hook:\n    runtime: Go1\n    code: { demo: x }\n    \
                    triggers: { nightly: { type: timer, cron: \"0 0 3 * * * *\" } }\n";
    let project = Project::on(&cloud, manifest);
    play(&cloud, vec![refused("CreateTrigger", "FailedOperation.QcsRoleNotFound")]);
    let sent = count(&cloud, "CreateTrigger", || drop(project.run_here(&["apply", "--yes"], false).exits(1)));
    assert_eq!(sent, 1);
}

#[test]
fn a_create_that_finds_its_own_work_is_a_success() {
    let after = |action: &str, code: &str| {
        Rule::on(action, Effect::RefuseAfter { code: code.to_owned(), message: "played".to_owned() }).nth(1)
    };
    for rule in [
        after("CreateFunction", "ResourceInUse"),
        after("CreateTrigger", "ResourceInUse"),
        after("CreateTrigger", "ResourceInUse.Cos"),
        after("CreateTrigger", "ResourceInUse.Cmq"),
        after("CreateTrigger", "InvalidParameterValue.CosNotifyRuleConflict"),
        after("BindTrigger", "ResourceInUse"),
    ] {
        let cloud = Cloud::start();
        play(&cloud, vec![rule]);
        let project = applied(&cloud);
        assert_eq!(changes(&project), [""; 0]);
    }
}

#[test]
fn a_create_that_is_in_the_way_of_others_fails_with_the_services_words() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    play(
        &cloud,
        vec![
            refused("CreateTrigger", "InvalidParameterValue.CosNotifyRuleConflict"),
            refused("BindTrigger", "ResourceInUse"),
        ],
    );
    let report = project.run_here(&["apply", "--yes", "--format", "json"], false).exits(1).json();
    let outcomes = report["stacks"][0]["outcomes"].as_array().expect("outcomes");
    let codes: Vec<&Json> = outcomes.iter().map(|o| &o["error"]["code"]).filter(|c| c.is_string()).collect();
    assert_eq!(codes, ["InvalidParameterValue.CosNotifyRuleConflict", "ResourceInUse"], "{report}");
    let sent = cloud.calls().iter().filter(|(action, _)| action == "CreateTrigger").count();
    assert_eq!(sent, 1, "it is not sent again, for nothing has changed");
}
