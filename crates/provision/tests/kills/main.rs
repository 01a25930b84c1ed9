//! The real binary, killed and interrupted at random moments while it changes several stacks: planning and applying
//! again ends where an undisturbed run ends, and what belongs to others is never touched. And two runs at once.
//!
//! `KILL_SEED=7` plays one journey again, `KILL_SECONDS=600` plays journeys for longer. Neither is needed for
//! `cargo test`, which plays a few journeys of other seeds each time.

#![cfg(unix)]

mod account;
mod manifests;
#[path = "../support/mod.rs"]
mod support;

use std::process::{Child, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use localcloud::{Effect, Faults, Options, Rule};
use manifests::{Manifests, STACKS};
use rustix::process::{Pid, Signal, kill_process};
use support::{Cloud, Project, Ran};

/// Variables that choose a seed and a duration.
const SEED: &str = "KILL_SEED";
const DURATION: &str = "KILL_SECONDS";
/// Journeys that are played at least, and how long new ones are begun.
const JOURNEYS: u64 = 2;
const SECONDS: u64 = 3;
/// Disturbed runs of one stage, before it must come to its end undisturbed.
const DISTURBED: usize = 3;

/// What was played, for the page about reliability.
#[derive(Default)]
struct Counts {
    journeys: AtomicU64,
    runs: AtomicU64,
    killed: AtomicU64,
    interrupted: AtomicU64,
    writes: AtomicU64,
}

/// A cloud under load: calls are under way for a while, and a change is made before its answer is there.
fn loaded() -> Cloud {
    let faults = Some(Faults::new(vec![slow()]));
    Cloud::exactly(Options {
        latency: Duration::from_millis(2),
        settle: Duration::from_millis(15),
        faults,
        ..Options::default()
    })
}

fn slow() -> Rule {
    Rule::on("*", Effect::Trickle { ms: 4 })
}

/// A project with a manifest per stack.
fn project(cloud: &Cloud, all: &Manifests) -> Project {
    let project = Project::on(cloud, "");
    std::fs::remove_file(project.path("manifests/hook.yaml")).expect("it was there");
    declare(&project, all);
    project
}

fn declare(project: &Project, all: &Manifests) {
    for (stack, manifest) in STACKS.iter().zip(all) {
        project.write(&format!("manifests/{stack}.yaml"), &format!("{manifest:#}"));
    }
}

/// One stage of a journey.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Create,
    Change,
    Destroy,
}

impl Stage {
    fn command(self) -> &'static str {
        if self == Self::Destroy { "destroy" } else { "apply" }
    }

    fn plan(self) -> &'static [&'static str] {
        const DESTROY: &[&str] = &["plan", "--detailed-exitcode", "--format", "json", "--destroy"];
        if self == Self::Destroy { DESTROY } else { &DESTROY[..4] }
    }
}

/// One seed: what is declared, what is killed when, and what stands in the end.
struct Journey<'a> {
    seed: u64,
    rng: Rng,
    /// Whether calls fail as well.
    stormy: bool,
    cloud: Cloud,
    counts: &'a Counts,
}

impl<'a> Journey<'a> {
    fn new(seed: u64, stormy: bool, counts: &'a Counts) -> Self {
        Self { seed, rng: Rng::with_seed(seed), stormy, cloud: loaded(), counts }
    }

    /// Plays all stages, and compares.
    fn play(mut self) -> Result<(), String> {
        let first = manifests::first(&mut self.rng);
        let second = manifests::edited(&mut self.rng, &first);
        let quiet = Cloud::start();
        let undisturbed = project(&quiet, &first);
        let project = project(&self.cloud, &first);
        account::make_foreign(&self.cloud);
        account::make_foreign(&quiet);
        let (before, theirs) = (self.writes(), account::foreign(&self.cloud));
        for stage in [Stage::Create, Stage::Change, Stage::Destroy] {
            if stage == Stage::Change {
                declare(&project, &second);
                declare(&undisturbed, &second);
            }
            if self.stormy {
                let rules = storm().into_iter().chain([slow()]).collect();
                self.cloud.set_faults(Some(Faults { seed: self.rng.u64(..), rules }));
            }
            self.stage(stage, &project).map_err(|why| format!("{stage:?}: {why}"))?;
            self.cloud.set_faults(Some(Faults::new(vec![slow()])));
            let clean = undisturbed.run_here(&[stage.command(), "--yes", "--max-deletes", "unlimited"], false);
            if clean.code != 0 {
                return Err(format!("{stage:?}: the undisturbed run fails: {clean:?}"));
            }
            let (ends, wanted) = (account::read(&self.cloud), account::read(&quiet));
            if let Some(difference) = account::difference(&ends, &wanted) {
                return Err(format!("{stage:?}: it ends with {difference}"));
            }
            if account::foreign(&self.cloud) != theirs {
                return Err(format!("{stage:?}: what belongs to others was changed"));
            }
        }
        self.counts.journeys.fetch_add(1, Ordering::Relaxed);
        self.counts.writes.fetch_add((self.writes() - before) as u64, Ordering::Relaxed);
        Ok(())
    }

    fn writes(&self) -> usize {
        self.cloud.writes().len()
    }

    /// Disturbed runs, then runs until nothing is left to do.
    fn stage(&mut self, stage: Stage, project: &Project) -> Result<(), String> {
        for _ in 0..DISTURBED {
            self.disturbed(stage, project)?;
            let left = project.run(stage.plan());
            match left.code {
                0 => return Ok(()),
                2 => {}
                // Calls fail: a plan may fail as well, and says why.
                1 | 3 if self.stormy => {}
                _ => return Err(format!("no plan can be made after it: {left:?}")),
            }
        }
        let tries = if self.stormy { 12 } else { 1 };
        let mut last = None;
        for _ in 0..tries {
            let ran = self.undisturbed(stage, project);
            if ran.code == 0 {
                let rest = (0..tries).map(|_| project.run(stage.plan())).find(|p| !self.stormy || p.code != 1);
                return match rest {
                    Some(rest) if rest.code == 0 => Ok(()),
                    rest => Err(format!("something is left: {rest:?}\nafter {ran:?}")),
                };
            }
            last = Some(ran);
        }
        Err(format!("the last run fails: {last:?}"))
    }

    fn undisturbed(&self, stage: Stage, project: &Project) -> Ran {
        self.counts.runs.fetch_add(1, Ordering::Relaxed);
        project.run(&[stage.command(), "--yes", "--max-deletes", "unlimited", "--format", "json"])
    }

    /// One run that is killed or interrupted, if it does not end before.
    fn disturbed(&mut self, stage: Stage, project: &Project) -> Result<(), String> {
        let signal = [Signal::KILL, Signal::KILL, Signal::KILL, Signal::INT, Signal::TERM][self.rng.usize(..5)];
        let before = self.cloud.calls().len();
        let after_calls = self.rng.usize(1..120);
        let report = std::fs::File::create(project.path("report.json")).expect("a file");
        let mut child = project
            .command(&[stage.command(), "--yes", "--max-deletes", "unlimited", "--format", "json"])
            .stdout(report)
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        // Half of the moments are chosen by calls, which finds the same places on any machine; half by time, which
        // finds the places between calls.
        let by_time = self.rng.bool().then(|| Duration::from_millis(self.rng.u64(1..400)));
        let started = Instant::now();
        let mut ended = None;
        while ended.is_none() {
            ended = child.try_wait().expect("a child");
            let now = match by_time {
                Some(moment) => started.elapsed() >= moment,
                None => self.cloud.calls().len() >= before + after_calls,
            };
            if now {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.counts.runs.fetch_add(1, Ordering::Relaxed);
        if ended.is_none() && kill_process(Pid::from_child(&child), signal).is_ok() {
            let counter = if signal == Signal::KILL { &self.counts.killed } else { &self.counts.interrupted };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let status = wait(&mut child)?;
        match status.code() {
            // Killed, or told to stop before it could listen.
            None => Ok(()),
            Some(0 | 130) => Ok(()),
            Some(1 | 3) if self.stormy => Ok(()),
            Some(other) => {
                let report = std::fs::read_to_string(project.path("report.json")).unwrap_or_default();
                Err(format!("a run that got {signal:?} ended with {other}: {report}"))
            }
        }
    }
}

/// Waits for the end of a process, but not for ever: a run that does not stop is a finding.
fn wait(child: &mut Child) -> Result<ExitStatus, String> {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if let Some(status) = child.try_wait().expect("a child") {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    Err("it was told to stop a minute ago and still runs".to_owned())
}

/// Everything goes wrong now and then, until it has gone wrong often enough.
fn storm() -> Vec<Rule> {
    let internal = "InternalError".to_owned();
    let anywhere = [
        Effect::RefuseAfter { code: internal.clone(), message: "played".to_owned() },
        Effect::Gateway { status: 504, applied: true, retry_after: None },
        Effect::LoseAnswer,
        Effect::Truncate,
        Effect::Body(String::new()),
        Effect::StayPending { reads: 3, ms: 0 },
    ];
    let undone = [
        Effect::Refuse { code: internal, message: "played".to_owned() },
        Effect::Throttle,
        Effect::HttpStatus(502),
        Effect::DropBefore,
    ];
    // A write that left no trace is waited for, in case that reads lag behind: seconds each, for longer runs only.
    let places: &[&str] = if number(DURATION).is_some() { &["*"] } else { &["Get*", "List*", "Describe*"] };
    let rule = |action: &str, effect| Rule { probability: Some(0.01), times: Some(1200), ..Rule::on(action, effect) };
    let undone = undone.into_iter().flat_map(|effect| places.iter().map(move |place| rule(place, effect.clone())));
    anywhere.into_iter().map(|effect| rule("*", effect)).chain(undone).collect()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays journeys side by side, and prints what was played.
fn play(what: &str, stormy: bool) {
    let counts = Counts::default();
    let failures = Mutex::new(Vec::new());
    let seeds: Box<dyn Iterator<Item = u64> + Send> = match number(SEED) {
        Some(seed) => Box::new(std::iter::once(seed)),
        None => {
            let mut rng = Rng::new();
            // What fails is repeated after pauses: one journey takes as long as several calm ones.
            let least = if stormy { 1 } else { JOURNEYS };
            let until =
                Instant::now() + Duration::from_secs(number(DURATION).unwrap_or(if stormy { 0 } else { SECONDS }));
            Box::new((0..).take_while(move |n| *n < least || Instant::now() < until).map(move |_| rng.u64(..100_000)))
        }
    };
    let seeds = Mutex::new(seeds);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = seeds.lock().expect("no panic while it is held").next();
                    let Some(seed) = next else { break };
                    let journey = Journey::new(seed, stormy, &counts);
                    let seed = journey.seed;
                    if let Err(why) = journey.play() {
                        failures.lock().expect("no panic while it is held").push(format!("KILL_SEED={seed}: {why}"));
                    }
                }
            });
        }
    });
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "counted: {what}: {} journeys, {} runs, {} killed, {} interrupted, {} writes",
        of(&counts.journeys),
        of(&counts.runs),
        of(&counts.killed),
        of(&counts.interrupted),
        of(&counts.writes)
    );
    let failures = failures.into_inner().expect("no panic while it is held");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn killed_at_any_moment_it_converges_and_touches_nothing_foreign() {
    play("kills", false);
}

#[test]
fn killed_while_calls_fail_it_converges_and_touches_nothing_foreign() {
    play("kills in a storm", true);
}

/// Runs both commands at once, each in a folder of its own.
fn race(projects: [&Project; 2], arguments: &[&str]) -> [Ran; 2] {
    std::thread::scope(|scope| {
        projects.map(|p| scope.spawn(move || p.run(arguments))).map(|t| t.join().expect("no panic"))
    })
}

/// Two people apply different manifests of one stack at the same moment. Whoever is told that it is done may rely on
/// it: two successes mean that of each stack one manifest stands as a whole, and its next plan is empty.
#[test]
fn two_applies_at_once_never_both_succeed_with_a_mixture() {
    let rounds = number(DURATION).map_or(2, |seconds| (seconds / 5).max(2));
    let (mut both, mut one, mut none) = (0, 0, 0);
    let base = number(SEED).unwrap_or_else(|| fastrand::u64(..100_000));
    for seed in base..base + rounds {
        let mut rng = Rng::with_seed(seed);
        let cloud = loaded();
        let first = manifests::first(&mut rng);
        let [ours, mut theirs] = [0, 1].map(|_| manifests::edited(&mut rng, &first));
        // A third of them differ in one value only, which leaves most room for two successes.
        if seed % 3 == 0 {
            theirs.clone_from(&ours);
            theirs[0]["functions"]["f0"]["memory"] = 1024.into();
        }
        let [a, b] = [project(&cloud, &ours), project(&cloud, &theirs)];
        // Half of the races are about an account in which the stacks stand already.
        if seed % 2 == 0 {
            project(&cloud, &first).run(&["apply", "--yes"]).exits(0);
        }
        let arguments = ["apply", "--yes", "--max-deletes", "unlimited", "--format", "json"];
        let ran = race([&a, &b], &arguments);
        let plan = ["plan", "--detailed-exitcode", "--format", "json"];
        match [ran[0].code, ran[1].code] {
            [0, 0] => {
                both += 1;
                let left = [a.run(&plan), b.run(&plan)].map(|p| p.json()["stacks"].clone());
                for stack in 0..STACKS.len() {
                    let stands = left.iter().any(|p| p[stack]["changes"].as_array().is_some_and(Vec::is_empty));
                    assert!(stands, "KILL_SEED={seed}: both succeeded, and neither manifest stands: {left:?}\n{ran:?}");
                }
            }
            [0, other] | [other, 0] => {
                one += 1;
                assert!([1, 3].contains(&other), "KILL_SEED={seed}: {ran:?}");
            }
            codes => {
                none += 1;
                assert!(codes.iter().all(|c| [1, 3].contains(c)), "KILL_SEED={seed}: {ran:?}");
            }
        }
        // Whatever came of it: who goes on alone gets what the manifest says.
        a.run(&arguments).exits(0);
        a.run(&plan).exits(0);
    }
    println!("counted: races: {rounds} races, {both} with two successes, {one} with one, {none} with none");
}
