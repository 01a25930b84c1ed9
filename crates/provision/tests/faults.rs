//! Every call of an apply, an update and a destroy, with everything that can go wrong with it: the report is
//! true, and running again ends where a run without faults ends.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use localcloud::{Effect, Faults, Options, Rule};
use serde_json::Value as Json;
use support::{Cloud, MANIFEST, Project, Ran, is_lease, is_write, text};

/// Everything that can go wrong with one call, by a name for messages. For a call that repeats another one, only
/// what a client could take differently the second time.
fn effects(action: &str, repeats: bool) -> Vec<(&'static str, Effect)> {
    let refuse = |code: &str| Effect::Refuse { code: code.to_owned(), message: "played".to_owned() };
    let mut all = vec![
        ("refused", refuse("UnauthorizedOperation")),
        ("failed inside", refuse("InternalError")),
        ("throttled", Effect::Throttle),
        ("HTTP 500", Effect::HttpStatus(500)),
        ("dropped before", Effect::DropBefore),
        ("answer lost", Effect::LoseAnswer),
        ("truncated", Effect::Truncate),
        ("wrong content type", Effect::ContentType("text/html".to_owned())),
    ];
    if repeats {
        return all;
    }
    all.extend([
        ("no answer in time", Effect::Hang { ms: PATIENCE_MS * 4, applied: false }),
        ("HTTP 503, come later", Effect::Gateway { status: 503, applied: false, retry_after: Some(1) }),
        ("an empty answer", Effect::Body(String::new())),
        ("an answer twice", Effect::Double),
        ("a slow answer", Effect::Trickle { ms: PATIENCE_MS / 10 }),
    ]);
    if is_write(action) {
        all.extend([
            ("pending for a while", Effect::StayPending { reads: 3, ms: 0 }),
            ("no answer in time, and done", Effect::Hang { ms: PATIENCE_MS * 4, applied: true }),
            ("HTTP 502, and done", Effect::Gateway { status: 502, applied: true, retry_after: None }),
            (
                "failed inside, and done",
                Effect::RefuseAfter { code: "InternalError".to_owned(), message: "played".to_owned() },
            ),
            ("carried out twice", Effect::Twice),
        ]);
    } else {
        let page = "<html><body>please log in</body></html>".to_owned();
        all.extend([
            ("stale", Effect::Stale),
            ("HTTP 200 and a page", Effect::Body(page)),
            ("HTTP 429", Effect::Gateway { status: 429, applied: false, retry_after: Some(1) }),
            ("a member of another type", wrong_types(action)),
        ]);
    }
    all
}

/// How long a call may take in these runs, in milliseconds: long enough for a busy machine, short enough to wait for.
const PATIENCE_MS: u64 = 2000;

/// The answer's main member is of a type that no client can take for an answer.
fn wrong_types(action: &str) -> Effect {
    let main = match action {
        "ListFunctions" => "Functions",
        "ListNamespaces" => "Namespaces",
        "ListPolicies" => "List",
        "DescribeRoleList" => "List",
        "GetResources" => "ResourceTagMappingList",
        "GetRole" => "RoleInfo",
        "GetCallerIdentity" => "AccountId",
        "GetPolicy" => "PolicyDocument",
        "ListAttachedRolePolicies" => "List",
        _ => "Triggers",
    };
    Effect::Rewrite { set: [(main.to_owned(), serde_json::json!({ "unexpected": [7] }))].into(), remove: Vec::new() }
}

/// A command after another one that went well.
struct Story {
    name: &'static str,
    /// Whether [`MANIFEST`] is applied first, undisturbed.
    prepared: bool,
    /// What is edited in the manifest then.
    edits: &'static [(&'static str, &'static str)],
    /// The command that is disturbed.
    command: &'static str,
}

/// Everything new, or everything changed, or everything gone.
const CREATE: Story = Story { name: "create", prepared: false, edits: &[], command: "apply" };
const UPDATE: Story = Story {
    name: "update",
    prepared: true,
    edits: &[
        ("exit 1", "exit 0"),
        ("memory: 128", "memory: 256"),
        ("LOG_LEVEL: info", "LOG_LEVEL: debug, MORE: text"),
        ("tags: { app: hook }", "tags: { kind: hook }"),
        ("0 0 3", "0 30 3"),
        ("media tools", "tools of the media team"),
        ("scf:Invoke", "scf:GetFunction"),
        ("policies: [invoke]", "description: works, policies: [QcloudCOSDataReadOnly]"),
    ],
    command: "apply",
};
const REPLACE: Story =
    Story { name: "replacement", prepared: true, edits: &[("CustomRuntime", "Python3.10")], command: "apply" };
const DESTROY: Story = Story { name: "destroy", prepared: true, edits: &[], command: "destroy" };

/// One call of a story: the n-th of its action, and what goes wrong with it.
struct Case {
    action: String,
    nth: u64,
    fault: &'static str,
    effect: Effect,
}

/// Whether a run came to the call that a case disturbs: how often a run polls depends on the machine, so it may be
/// over before the last read of the run that was counted. How many calls its lease takes depends on the time.
enum Met {
    Yes,
    No,
}

impl Story {
    /// A project in which the story's command comes next.
    fn begin(&self, cloud: &Cloud) -> Project {
        let project = Project::on(cloud, MANIFEST);
        if self.prepared {
            project.run_here(&["apply", "--yes"], false).exits(0);
        }
        let project = project.with("PROVISION_CALL_TIMEOUT", &format!("{PATIENCE_MS}e-3"));
        for (from, to) in self.edits {
            project.edit(from, to);
        }
        project
    }

    fn run(&self, project: &Project) -> Ran {
        project.run_here(&[self.command, "--yes", "--format", "json"], false)
    }

    fn plan(&self, project: &Project) -> Ran {
        let destroy: &[&str] = if self.command == "destroy" { &["--destroy"] } else { &[] };
        project.run_here(&[&["plan", "--detailed-exitcode", "--format", "json"], destroy].concat(), false)
    }

    /// The calls of a run without faults, each with every fault; and what stands in the end. The scan for holders
    /// of MPS event types asks every region alike, and polling repeats itself: of many reads the first two and the
    /// last count. After a preparation only writes do, for its reads are counted too.
    fn cases(&self) -> (Vec<Case>, Vec<String>) {
        let cloud = Cloud::start();
        let project = self.begin(&cloud);
        let count = |cloud: &Cloud| {
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for (action, _) in cloud.calls() {
                *counts.entry(action).or_default() += 1;
            }
            counts
        };
        let before = count(&cloud);
        self.run(&project).exits(0);
        let mut all = Vec::new();
        for (action, last) in count(&cloud) {
            // Leases are taken and given back in the same way by every story.
            if self.prepared && is_lease(&action) {
                continue;
            }
            let first = before.get(&action).map_or(1, |n| n + 1);
            let write = is_write(&action);
            let picked = (first..=last).filter(|n| write || !self.prepared && (*n <= 2 || *n == last));
            for nth in picked {
                for (fault, effect) in effects(&action, !write && nth > 1) {
                    all.push(Case { action: action.clone(), nth, fault, effect });
                }
            }
        }
        (all, holdings(&cloud))
    }

    /// Plays one case: whether the fault was met, or what went wrong.
    fn play(&self, case: &Case, clean: &[String]) -> Result<Met, String> {
        let rule = Rule::on(&case.action, case.effect.clone()).nth(case.nth);
        let cloud = Cloud::with(Options { faults: Some(Faults::new(vec![rule])), ..Options::default() });
        let project = self.begin(&cloud);
        let written = |cloud: &Cloud| cloud.writes().into_iter().filter(|a| !is_lease(a)).count();
        let before = written(&cloud);

        let first = self.run(&project);
        if cloud.calls().iter().filter(|(action, _)| *action == case.action).count() < case.nth as usize {
            let may_miss = !is_write(&case.action) || is_lease(&case.action);
            return if !may_miss { Err("the write was not made".to_owned()) } else { Ok(Met::No) };
        }
        let report: Json =
            serde_json::from_str(&first.stdout).map_err(|e| format!("the report is no JSON ({e}): {first:?}"))?;
        let outcomes = report["stacks"][0]["outcomes"].as_array().cloned().unwrap_or_default();
        let applied = outcomes.iter().filter(|o| text(&o["outcome"]) == "applied").count();
        let all_applied = !outcomes.is_empty() && applied == outcomes.len();
        match first.code {
            0 if !all_applied => return Err(format!("exit 0, but {report}")),
            1 if all_applied => return Err("exit 1, and everything is applied".to_owned()),
            // Who holds an event type cannot be told while a region cannot be read: refused, nothing written.
            3 if !outcomes.is_empty() => return Err(format!("refused, but {report}")),
            0 | 1 | 3 => {}
            other => return Err(format!("exit {other}")),
        }
        if outcomes.is_empty() && written(&cloud) > before {
            return Err("nothing is reported, and something was written".to_owned());
        }

        // A fault of a later call may hit this plan; then it is played out, and the next one tells.
        let left = [self.plan(&project), self.plan(&project)].into_iter().find(|p| [0, 2].contains(&p.code));
        let left = left.ok_or("no plan can be made any more")?;
        check_outcomes(&outcomes, &left)?;

        let second = self.run(&project);
        if second.code != 0 {
            return Err(format!("the second run fails: {}{}", second.stdout, second.stderr));
        }
        let rest = self.plan(&project);
        if rest.code != 0 {
            return Err(format!("something is left: {}{}", rest.stdout, rest.stderr));
        }
        let held = holdings(&cloud);
        if held != clean {
            return Err(format!("it ends with {held:?}"));
        }
        // What could not be deleted ends by itself, and so does a claim that stands for the ending that could not be made.
        let leases = cloud.lease_values();
        let stands_in = case.action == "CreateTag" && leases.iter().all(|value| value.matches('/').count() == 5);
        if leases.is_empty() || case.action == "DeleteTag" || stands_in {
            Ok(Met::Yes)
        } else {
            Err(format!("leases are left: {leases:?}"))
        }
    }

    /// Plays every case, side by side: most of a case is waiting for retries.
    fn play_all(&self, at_least: usize) {
        let (cases, clean) = self.cases();
        assert!(cases.len() >= at_least, "{} cases", cases.len());
        let writes = cases.iter().filter(|case| is_write(&case.action)).count();
        println!("counted: {} and faults: {} cases, {writes} of them on writes", self.name, cases.len());
        let (next, missed, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match self.play(case, &clean) {
                            Ok(Met::Yes) => {}
                            Ok(Met::No) => drop(missed.fetch_add(1, Ordering::Relaxed)),
                            Err(why) => {
                                let line = format!("{} {} {}: {why}", case.action, case.nth, case.fault);
                                wrong.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                            }
                        }
                    }
                });
            }
        });
        let wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
        assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
        let missed = missed.into_inner();
        assert!(missed * 10 < cases.len(), "{missed} of {} cases met no fault", cases.len());
    }
}

/// What was reported against what a fresh plan finds: applied is done, skipped is not, and trouble says why.
fn check_outcomes(outcomes: &[Json], left: &Ran) -> Result<(), String> {
    let open: BTreeSet<String> = left.changes().into_iter().collect();
    let is_open = |address: &str| open.iter().any(|change| change.split_once(' ').is_some_and(|(_, a)| a == address));
    for outcome in outcomes {
        let (address, ended) = (text(&outcome["address"]), text(&outcome["outcome"]));
        match ended {
            "applied" if is_open(address) => return Err(format!("{address} is applied, and planned again: {open:?}")),
            "skipped" if !is_open(address) => return Err(format!("{address} is skipped, and not planned: {open:?}")),
            "applied" | "skipped" => {}
            "failed" | "unknown" if text(&outcome["error"]["message"]).is_empty() => {
                return Err(format!("{address} does not say why it is {ended}"));
            }
            "failed" | "unknown" => {}
            other => return Err(format!("{address} ended in {other:?}")),
        }
    }
    Ok(())
}

/// What stands in the cloud, in words that two runs share.
fn holdings(cloud: &Cloud) -> Vec<String> {
    let (mut roles, policies) = cloud.roles_and_policies();
    roles.sort();
    let mut all: Vec<String> = roles.into_iter().map(|r| format!("role {r}")).collect();
    all.extend(policies.into_iter().map(|p| format!("policy {p}")));
    all.extend(cloud.namespaces().into_iter().map(|n| format!("namespace {n}")));
    if let Some(hook) = cloud.hook() {
        let mut triggers: Vec<&str> = hook.triggers.iter().map(|t| t.r#type.as_str()).collect();
        triggers.sort_unstable();
        all.push(format!("function of {:?} with {triggers:?}", hook.runtime));
    }
    all
}

#[test]
fn everything_that_can_go_wrong_with_a_create_is_told_and_mended() {
    CREATE.play_all(200);
}

#[test]
fn everything_that_can_go_wrong_with_an_update_is_told_and_mended() {
    UPDATE.play_all(80);
}

#[test]
fn everything_that_can_go_wrong_with_a_replacement_is_told_and_mended() {
    REPLACE.play_all(40);
}

#[test]
fn everything_that_can_go_wrong_with_a_destroy_is_told_and_mended() {
    DESTROY.play_all(40);
}
