//! The lease of a stack through the real binary: who waits for whom, what is said, and that nothing gets stuck.
#![cfg(unix)]

mod support;

use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use localcloud::{Effect, Faults, Options, Rule};
use plan::lease::{Claim, Process, TURN, turn_of};
use support::{Cloud, Project, Ran, is_lease, text};

/// One function, so that an apply is short.
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

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < limit, "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()).expect("a time")
}

/// A cloud whose CreateFunction takes this long, so that an apply is under way for a while.
fn slow_cloud(ms: u64) -> Cloud {
    let slow = Rule::on("CreateFunction", Effect::Delay { ms }).times(1);
    Cloud::with(Options { faults: Some(Faults::new(vec![slow])), ..Options::default() })
}

/// An apply that has its lease and is sending its first write.
fn applying(cloud: &Cloud, project: &Project) -> Child {
    let mut command = project.command(&["apply", "--yes", "--format", "json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    wait_until("the lease", || {
        let created = cloud.calls().iter().filter(|(action, _)| action == "CreateTag").count();
        created >= 2 && cloud.lease_values().iter().any(|v| v.matches('/').count() == 1)
    });
    child
}

fn ended(child: Child) -> Ran {
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Ran { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Somebody on another machine, who has the stack until the end of the turn after the present one.
fn holder_elsewhere(cloud: &Cloud, began: i64) -> Claim {
    let process = Process { machine: "another".to_owned(), pid: 4711, started: 1 };
    let claim = Claim::new("hook", "e15ewhere0", began, process, "ann@laptop (github acme/infra run 7)");
    cloud.put_lease_value(&claim.value());
    for end in [turn_of(began), turn_of(began) + TURN] {
        cloud.put_lease_value(&format!("hook/{end}"));
    }
    claim
}

fn writes(cloud: &Cloud) -> Vec<String> {
    cloud.writes().into_iter().filter(|action| !is_lease(action)).collect()
}

#[test]
fn the_second_of_two_applies_is_refused_and_told_who_the_first_is() {
    let cloud = slow_cloud(3_000);
    let first = Project::on(&cloud, SMALL).with("USER", "ann").with("GITHUB_RUN_ID", "7");
    let first = first.with("GITHUB_REPOSITORY", "acme/infra");
    let second = Project::on(&cloud, &SMALL.replace("memory: 128", "memory: 256"));
    let child = applying(&cloud, &first);
    let pid = child.id();
    let refused = second.run(&["apply", "--yes", "--format", "json"]).exits(3).json();
    let error = &refused["error"];
    assert_eq!(text(&error["kind"]), "refused", "{refused}");
    assert!(text(&error["message"]).contains("stack hook is being written to by ann@"), "{error}");
    assert!(text(&error["message"]).contains("(github acme/infra run 7)"), "{error}");
    assert_eq!(error["holder"]["pid"], pid, "{error}");
    let id = text(&error["holder"]["id"]);
    assert!(text(&error["help"]).contains(&format!("--lease break:{id}")), "{error}");
    assert_eq!(refused["stacks"].as_array().map(Vec::len), Some(0));

    let said = second.run(&["apply", "--yes"]).exits(3);
    assert!(said.stderr.contains(&format!("process {pid}, since")), "{}", said.stderr);
    ended(child).exits(0);
    assert_eq!(writes(&cloud), ["CreateFunction"], "the refused ones wrote nothing");
    assert_eq!(cloud.lease_values(), Vec::<String>::new(), "everything is given back");
    second.run(&["apply", "--yes"]).exits(0);
}

#[test]
fn applies_raced_at_the_same_moment_leave_one_truth() {
    for round in 0..4 {
        let cloud = Cloud::start();
        let projects = [128, 256].map(|mb| (mb, Project::on(&cloud, &SMALL.replace("128", &mb.to_string()))));
        let children: Vec<Child> = projects
            .iter()
            .map(|(_, project)| {
                let mut command = project.command(&["apply", "--yes", "--format", "json"]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
            })
            .collect();
        let ran: Vec<Ran> = children.into_iter().map(ended).collect();
        let done = ran.iter().filter(|r| r.code == 0).count();
        assert!(done >= 1 && ran.iter().all(|r| [0, 1, 3].contains(&r.code)), "round {round}: {ran:?}");
        // Both may succeed when one began after the other ended: then it planned an update, and said so.
        assert!(done == 1 || ran.iter().any(|r| r.json()["stacks"][0]["summary"]["update"] == 1), "{round}: {ran:?}");
        let left = projects.iter().map(|(_, p)| p.run(&["plan", "--detailed-exitcode"]).code).collect::<Vec<_>>();
        let agree = left.iter().zip(&ran).any(|(plan, ran)| *plan == 0 && ran.code == 0);
        assert!(agree, "round {round}: plans {left:?} after {ran:?}");
        assert_eq!(cloud.lease_values(), Vec::<String>::new());
    }
}

#[test]
fn after_a_holder_was_killed_here_the_next_apply_goes_on_at_once() {
    let cloud = slow_cloud(3_000);
    let project = Project::on(&cloud, SMALL);
    let mut child = applying(&cloud, &project);
    child.kill().expect("it runs");
    // Nobody has waited for it yet: for the system it is a process still.
    let again = project.run(&["apply", "--yes", "--format", "json"]).exits(0);
    assert!(again.stderr.contains("note: the lease of stack hook was left by"), "{}", again.stderr);
    child.wait().expect("it was killed");
    project.run(&["plan", "--detailed-exitcode"]).exits(0);
    assert_eq!(cloud.lease_values(), Vec::<String>::new(), "what the killed one left is swept up");
}

#[test]
fn killed_at_any_call_of_its_lease_an_apply_can_be_repeated_at_once() {
    // The call that never ends, and what has ended when it begins: the reads of the plan, or a call.
    for (action, nth, before, times) in [
        ("CreateTag", 1, "", 7),
        ("CreateTag", 2, "CreateTag", 1),
        ("DescribeTags", 2, "CreateTag", 2),
        ("CreateTag", 3, "CreateFunction", 1),
        ("DeleteTag", 1, "CreateTag", 3),
        ("DeleteTag", 2, "DeleteTag", 1),
    ] {
        let slow = Rule::on(action, Effect::Delay { ms: 2_000 }).nth(nth);
        let cloud = Cloud::with(Options { faults: Some(Faults::new(vec![slow])), ..Options::default() });
        let project = Project::on(&cloud, SMALL);
        let mut command = project.command(&["apply", "--yes"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts");
        let counts = |action: &str| before.is_empty() || action == before;
        wait_until(before, || cloud.calls().iter().filter(|(action, _)| counts(action)).count() >= times);
        child.kill().expect("it can be killed");
        child.wait().expect("it was killed");
        project.run(&["apply", "--yes"]).exits(0);
        project.run(&["plan", "--detailed-exitcode"]).exits(0);
    }
}

#[test]
fn a_holder_elsewhere_is_waited_for_refused_or_broken() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, SMALL);
    let claim = holder_elsewhere(&cloud, now());
    let refused = project.run(&["apply", "--yes"]).exits(3);
    assert!(refused.stderr.contains("ann@laptop (github acme/infra run 7), process 4711"), "{}", refused.stderr);
    project.run(&["apply", "--yes", "--lease-wait", "1s"]).exits(3);
    project.run(&["apply", "--yes", "--lease", "break:somebody"]).exits(3);
    assert_eq!(writes(&cloud), Vec::<String>::new());
    let broken = project.run(&["apply", "--yes", "--lease", &format!("break:{}", claim.id)]).exits(0);
    assert!(broken.stderr.contains("left by ann@laptop"), "{}", broken.stderr);
    let left: Vec<String> = cloud.lease_values().into_iter().filter(|v| v.contains(&claim.id)).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_lease_can_be_broken_without_naming_it() {
    let cloud = Cloud::start();
    holder_elsewhere(&cloud, now());
    Project::on(&cloud, SMALL).run(&["apply", "--yes", "--lease", "break"]).exits(0);
}

#[test]
fn who_waits_plans_again_when_it_is_free() {
    let cloud = slow_cloud(1_500);
    let first = Project::on(&cloud, SMALL);
    let second = Project::on(&cloud, &SMALL.replace("memory: 128", "memory: 256"));
    let child = applying(&cloud, &first);
    let waited = second.run(&["apply", "--yes", "--lease-wait", "60s"]).exits(0);
    ended(child).exits(0);
    assert!(waited.stderr.contains("; waiting") && waited.stderr.contains("planning again"), "{}", waited.stderr);
    assert!(waited.stdout.contains("memory  128 -> 256"), "what the first made is planned from:\n{}", waited.stdout);
}

#[test]
fn leases_end_by_themselves_and_are_swept_up() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, SMALL);
    holder_elsewhere(&cloud, now() - 4 * TURN);
    project.run(&["apply", "--yes"]).exits(0);
    assert_eq!(cloud.lease_values(), Vec::<String>::new());
}

#[test]
fn a_holder_that_loses_its_lease_starts_nothing_new() {
    // The function takes longer than a turn, and its trigger comes after it.
    let cloud = slow_cloud(14_000);
    let trigger = "    triggers: { nightly: { type: timer, cron: \"0 0 3 * * * *\" } }\n";
    let project = Project::on(&cloud, &format!("{SMALL}{trigger}"));
    let child = applying(&cloud, &project);
    // Somebody breaks it: the claim goes, and another one comes.
    for value in cloud.lease_values().into_iter().filter(|v| v.matches('/').count() == 5) {
        cloud.delete_lease_value(&value);
    }
    let ran = ended(child).exits(1);
    let json = ran.json();
    let summary = &json["stacks"][0]["summary"];
    assert_eq!((summary["applied"].as_u64(), summary["skipped"].as_u64()), (Some(1), Some(1)), "{json}");
    assert_eq!(text(&json["error"]["kind"]), "lease_lost", "{json}");
    assert!(ran.stderr.contains("the lease of stack hook was lost: somebody broke it"), "{}", ran.stderr);
    assert!(ran.stderr.contains("provision plan"), "{}", ran.stderr);
    assert!(!writes(&cloud).contains(&"CreateTrigger".to_owned()));
}

#[test]
fn a_permission_that_lacks_is_named_before_anything_is_written() {
    for action in ["CreateTag", "DescribeTags"] {
        let refuse = Effect::Refuse { code: "AuthFailure.UnauthorizedOperation".to_owned(), message: "no".to_owned() };
        let rules = vec![Rule::on(action, refuse)];
        let cloud = Cloud::with(Options { faults: Some(Faults::new(rules)), ..Options::default() });
        let project = Project::on(&cloud, SMALL);
        let error = project.run(&["apply", "--yes", "--format", "json"]).exits(1).json()["error"].clone();
        let help = text(&error["help"]);
        for word in ["tag:CreateTag", "tag:DeleteTag", "tag:DescribeTags", "--lease off"] {
            assert!(help.contains(word), "{error}");
        }
        assert_eq!((text(&error["call"]), text(&error["stack"])), (action, "hook"), "{error}");
        assert_eq!(writes(&cloud), Vec::<String>::new());
        let before = cloud.calls().len();
        project.run(&["apply", "--yes", "--lease", "off"]).exits(0);
        assert!(cloud.calls()[before..].iter().all(|(action, _)| !is_lease(action)), "off means off");
    }
}

#[test]
fn a_service_that_knows_no_leases_is_warned_of_once() {
    for (action, code) in [
        ("CreateTag", "InvalidAction"),
        ("CreateTag", "UnsupportedOperation"),
        ("DescribeTags", "InvalidAction"),
        ("DescribeTags", "UnsupportedOperation"),
    ] {
        let refuse = Effect::Refuse { code: code.to_owned(), message: "no such action".to_owned() };
        let cloud =
            Cloud::with(Options { faults: Some(Faults::new(vec![Rule::on(action, refuse)])), ..Options::default() });
        let project = Project::on(&cloud, SMALL);
        let other = SMALL.replace("stack: hook", "stack: other").replace("  hook:\n", "  other:\n");
        project.write("manifests/other.yaml", &other);
        let ran = project.run(&["apply", "--yes"]).exits(0);
        assert_eq!(ran.stderr.matches("the service does not know leases").count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn a_lease_that_cannot_be_taken_means_that_nothing_is_written() {
    for effect in [Effect::HttpStatus(502), Effect::DropBefore] {
        let cloud = Cloud::with(Options {
            faults: Some(Faults::new(vec![Rule::on("CreateTag", effect)])),
            ..Options::default()
        });
        let project = Project::on(&cloud, SMALL);
        let ran = project.run(&["apply", "--yes"]).exits(1);
        assert!(ran.stderr.contains("cannot take the lease of stack hook"), "{}", ran.stderr);
        assert_eq!(writes(&cloud), Vec::<String>::new());
    }
}

#[test]
fn where_there_is_no_room_for_a_lease_what_others_left_is_swept_up() {
    let full = || Effect::Refuse { code: "LimitExceeded.TagValue".to_owned(), message: "1000 values".to_owned() };
    // The first CreateTag is the test's own.
    let once = Rule::on("CreateTag", full()).nth(2);
    let cloud = Cloud::with(Options { faults: Some(Faults::new(vec![once])), ..Options::default() });
    let old = now() - 1_000 * TURN;
    cloud.put_lease_value(&format!("other/{}", turn_of(old)));
    Project::on(&cloud, SMALL).run(&["apply", "--yes"]).exits(0);
    assert_eq!(cloud.lease_values(), Vec::<String>::new());

    let always = Rule::on("CreateTag", full());
    let cloud = Cloud::with(Options { faults: Some(Faults::new(vec![always])), ..Options::default() });
    let ran = Project::on(&cloud, SMALL).run(&["apply", "--yes"]).exits(1);
    assert!(ran.stderr.contains("no room for another value of the tag key `provision-lease`"), "{}", ran.stderr);
    assert_eq!(writes(&cloud), Vec::<String>::new());
}

#[test]
fn a_slow_look_at_what_others_left_does_not_hold_up_an_apply() {
    let slow = Rule::on("DescribeTags", Effect::Delay { ms: 60_000 }).times(1);
    let cloud = Cloud::with(Options { faults: Some(Faults::new(vec![slow])), ..Options::default() });
    let started = Instant::now();
    Project::on(&cloud, SMALL).run(&["apply", "--yes"]).exits(0);
    assert!(started.elapsed() < Duration::from_secs(40), "it waited for the list: {:?}", started.elapsed());
    assert_eq!(cloud.lease_values(), Vec::<String>::new());
}

#[test]
fn a_look_at_what_others_left_that_fails_is_made_up_for_by_another_plan() {
    let refuse = |code: &str| Effect::Refuse { code: code.to_owned(), message: "no".to_owned() };
    for rule in [
        Rule::on("DescribeTags", Effect::HttpStatus(502)),
        Rule::on("DescribeTags", refuse("InternalError")),
        Rule::on("DescribeTags", refuse("InvalidParameterValue.TagFilters")).times(1),
    ] {
        let cloud = Cloud::with(Options { faults: Some(Faults::new(vec![rule])), ..Options::default() });
        Project::on(&cloud, SMALL).run(&["apply", "--yes"]).exits(0);
        assert_eq!(writes(&cloud).iter().filter(|action| *action == "CreateFunction").count(), 1);
    }
}

#[test]
fn a_lease_that_cannot_be_given_back_is_told_and_does_no_harm() {
    let refuse = Effect::Refuse { code: "AuthFailure.UnauthorizedOperation".to_owned(), message: "no".to_owned() };
    let rules = vec![Rule::on("DeleteTag", refuse)];
    let cloud = Cloud::with(Options { faults: Some(Faults::new(rules)), ..Options::default() });
    let project = Project::on(&cloud, SMALL);
    let ran = project.run(&["apply", "--yes"]).exits(0);
    assert!(ran.stderr.contains("the lease of stack hook could not be given back"), "{}", ran.stderr);
    project.run(&["destroy", "--yes"]).exits(0);
}

#[test]
fn nothing_to_do_takes_no_lease_and_neither_does_a_plan() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, SMALL);
    project.run(&["plan"]).exits(0);
    assert!(cloud.calls().iter().all(|(action, _)| !is_lease(action)));
    project.run(&["destroy", "--yes"]).exits(0);
    assert!(cloud.calls().iter().all(|(action, _)| action == "DescribeTags" || !is_lease(action)));
    project.run(&["apply", "--yes"]).exits(0);
    let calls = cloud.calls();
    let leases: Vec<&str> = calls.iter().map(|(a, _)| a.as_str()).filter(|a| is_lease(a)).collect();
    assert!(leases.len() <= 12, "a lease takes few calls: {leases:?}");
    project.run(&["apply", "--yes"]).exits(0);
    let listed = cloud.calls()[calls.len()..].iter().filter(|(action, _)| is_lease(action)).count();
    assert_eq!(listed, 1, "nobody knows yet that there is nothing to do: the traces of others are listed");
    project.run(&["destroy", "--yes"]).exits(0);
    assert_eq!(cloud.lease_values(), Vec::<String>::new());
}

#[test]
fn one_ending_of_the_last_run_stays_and_whoever_planned_before_it_plans_again() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, SMALL);
    for (from, to) in [("memory: 128", "memory: 256"), ("memory: 256", "memory: 384")] {
        project.edit(from, to);
        project.run(&["apply", "--yes"]).exits(0);
        let endings = cloud.all_lease_values();
        assert!(endings.len() == 1 && endings[0].starts_with("hook/ended/"), "{endings:?}");
    }
    // Somebody comes and goes while the plan is made: its reads are slow, and an ending appears.
    let slow = Rule::on("GetFunction", Effect::Delay { ms: 1_500 }).nth(1);
    cloud.set_faults(Some(Faults::new(vec![slow])));
    project.edit("memory: 384", "memory: 512");
    let reads = cloud_calls(&cloud, "GetResources");
    let mut command = project.command(&["apply", "--yes", "--format", "json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    wait_until("the plan", || cloud_calls(&cloud, "GetResources") > reads);
    cloud.put_lease_value(&format!("hook/ended/e15ewhere/{}", now()));
    ended(child).exits(0);
    assert_eq!(cloud_calls(&cloud, "GetResources"), reads + 2, "it planned again under the lease");
    let endings = cloud.all_lease_values();
    assert!(endings.len() == 1 && !endings[0].contains("e15ewhere"), "{endings:?}");
}

fn cloud_calls(cloud: &Cloud, action: &str) -> u64 {
    cloud.calls().iter().filter(|(called, _)| called == action).count() as u64
}

#[test]
fn an_ending_that_cannot_be_made_fails_nothing_and_the_claim_stays_in_its_place() {
    let full = Effect::Refuse { code: "LimitExceeded.TagValue".to_owned(), message: "1000 values".to_owned() };
    let cloud = slow_cloud(1_500);
    let project = Project::on(&cloud, SMALL);
    let child = applying(&cloud, &project);
    cloud.set_faults(Some(Faults::new(vec![Rule::on("CreateTag", full)])));
    let ran = ended(child).exits(0);
    cloud.set_faults(None);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let left = cloud.all_lease_values();
    assert!(left.len() == 1 && left[0].matches('/').count() == 5, "{left:?}");
    project.run(&["destroy", "--yes"]).exits(0);
    let left = cloud.all_lease_values();
    assert!(left.len() == 1 && left[0].starts_with("hook/ended/"), "{left:?}");
}

/// Two stacks of the same name: one function of each is the other's to delete.
fn half(other: &str) -> String {
    let function = |name: &str| {
        format!(
            "  {name}: {{ runtime: CustomRuntime, handler: bootstrap.main, memory: 128, \
             code: {{ inline: {{ bootstrap: \"#!/bin/sh\" }} }} }}\n"
        )
    };
    format!("stack: hook\nregion: ap-beijing\nfunctions:\n{}{}", function("both"), function(other))
}

#[test]
fn applies_raced_over_a_slow_line_never_leave_a_mixture() {
    let rounds = std::sync::atomic::AtomicU64::new(0);
    let (both, wrong) = (std::sync::atomic::AtomicU64::new(0), std::sync::Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let round = rounds.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if round >= 40 {
                        break;
                    }
                    let latency = Duration::from_millis(if round.is_multiple_of(2) { 20 } else { 50 });
                    let cloud = Cloud::exactly(Options { latency, settle: latency, ..Options::default() });
                    let apart = Duration::from_millis(fastrand::u64(0..latency.as_millis() as u64 * 6));
                    let ran: Vec<Ran> = ["left", "right"]
                        .map(|other| Project::on(&cloud, &half(other)))
                        .iter()
                        .enumerate()
                        .map(|(number, project)| {
                            std::thread::sleep(apart * u32::try_from(number).expect("two"));
                            let arguments = ["apply", "--yes", "--max-deletes", "9", "--format", "json"];
                            let mut command = project.command(&arguments);
                            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
                            (child.expect("the binary starts"), project)
                        })
                        .collect::<Vec<_>>()
                        .into_iter()
                        .map(|(child, _)| ended(child))
                        .collect();
                    let there = cloud.functions();
                    let whole = ["default/left", "default/right"].iter().filter(|f| there.contains(&(**f).to_owned()));
                    if ran.iter().all(|r| r.code == 0) {
                        both.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if whole.count() != 1 || there.len() != 2 {
                            let line = format!("after {apart:?} at {latency:?}: {there:?} of {ran:?}");
                            wrong.lock().expect("no panic while it is held").push(line);
                        }
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic while it is held");
    assert!(wrong.is_empty(), "{} mixtures:\n{}", wrong.len(), wrong.join("\n"));
    println!("counted: races over a slow line: 40 races, {} with two successes", both.into_inner());
}

#[test]
fn an_option_that_nobody_knows_is_refused_in_words() {
    let project = Project::new(SMALL);
    for arguments in [["--lease", "maybe"], ["--lease", "break:"], ["--lease-wait", "soon"], ["--lease-wait", "5h"]] {
        let ran = project.run(&["apply", arguments[0], arguments[1]]).exits(1);
        assert!(ran.stderr.contains(arguments[0]), "{}", ran.stderr);
    }
}

#[test]
fn a_create_that_somebody_else_was_faster_with_is_no_success() {
    // Both plan a create; without leases one of them meets what the other made meanwhile.
    let slow = Rule::on("CreateFunction", Effect::Delay { ms: 8_000 }).times(1);
    let cloud = Cloud::with(Options { faults: Some(Faults::new(vec![slow])), ..Options::default() });
    let first = Project::on(&cloud, SMALL);
    let second = Project::on(&cloud, &SMALL.replace("128", "256"));
    first.run(&["plan"]).exits(0);
    let reads = cloud.calls().len();
    let apply = ["apply", "--yes", "--lease", "off", "--format", "json"];
    let child = first.command(&apply).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("the binary starts");
    wait_until("the first one's plan", || cloud.calls().len() >= 2 * reads);
    let ran = [second.run(&apply), ended(child)];
    let mut codes: Vec<i32> = ran.iter().map(|r| r.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 1], "{ran:?}");
    let failed = ran.iter().find(|r| r.code == 1).expect("one failed").json();
    let error = &failed["stacks"][0]["outcomes"][0]["error"];
    assert_eq!(text(&error["code"]), "Moved", "{failed}");
    assert!(text(&error["message"]).contains("with another memory"), "{failed}");
}
