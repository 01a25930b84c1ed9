//! Texts and answers that nobody would write: reading them ends in findings or errors, never in a panic, soon, and
//! without taking much memory. Inputs are mutations of real manifests, plans and answers.
//!
//! `FUZZ_SECONDS=600` goes on for longer, `FUZZ_SEED=7` plays one input again.

mod mutate;
#[path = "../support/mod.rs"]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use localcloud::{Effect, Faults, Rule};
use plan::source::Sources;
use plan::variables::Given;
use serde_json::Value as Json;
use support::{Cloud, MANIFEST, Project};

/// How long each target runs, unless told otherwise.
const SECONDS: u64 = 4;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays inputs made from seeds until the time is up, two at a time. `play` panics when an input breaks its claim.
fn fuzz(target: &str, limit: Duration, play: impl Fn(u64) + Sync) {
    let only = variable("FUZZ_SEED");
    let until = Instant::now() + Duration::from_secs(variable("FUZZ_SECONDS").unwrap_or(SECONDS));
    let (next, slowest) = (AtomicU64::new(Rng::new().u64(..1 << 40)), AtomicU64::new(0));
    let first = next.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = only.unwrap_or_else(|| next.fetch_add(1, Ordering::Relaxed));
                    let started = Instant::now();
                    let played = catch_unwind(AssertUnwindSafe(|| play(seed)));
                    let took = started.elapsed();
                    slowest.fetch_max(u64::try_from(took.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
                    assert!(played.is_ok(), "{target}: FUZZ_SEED={seed} breaks it");
                    assert!(took < limit, "{target}: FUZZ_SEED={seed} takes {took:?}");
                    if only.is_some() || Instant::now() > until {
                        break;
                    }
                }
            });
        }
    });
    let count = if only.is_some() { 1 } else { next.load(Ordering::Relaxed) - first };
    println!("counted: fuzz {target}: {count} inputs, the slowest {} ms", slowest.load(Ordering::Relaxed));
    if let Some(peak) = peak_mib() {
        assert!(peak < 1024, "{target}: {peak} MiB at the peak");
    }
}

/// The most memory that this process ever had, where the system tells.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib / 1024)
}

/// Every manifest and every example of the documentation.
fn manifests() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = vec![MANIFEST.to_owned()];
    for folder in ["manifests", "docs"] {
        for entry in std::fs::read_dir(root.join(folder)).expect("the folder") {
            let Ok(text) = std::fs::read_to_string(entry.expect("an entry").path()) else { continue };
            if folder == "manifests" {
                all.push(text);
                continue;
            }
            let examples = text.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
            all.extend(examples.filter(|(kind, _)| ["yaml", "toml"].contains(kind)).map(|(_, text)| text.to_owned()));
        }
    }
    assert!(all.len() > 5, "a corpus of {}", all.len());
    all
}

#[test]
fn no_manifest_makes_reading_panic_hang_or_grow() {
    let corpus = manifests();
    fuzz("manifests", Duration::from_secs(5), |seed| {
        let mut rng = Rng::with_seed(seed);
        let text = mutate::text(&mut rng, &corpus);
        for name in ["stack.yaml", "stack.toml"] {
            let mut sources = Sources::default();
            let file = sources.add(name, text.clone());
            let read = plan::manifest::read(&sources, file, &Given::default());
            if let Some(stack) = &read.stack {
                let _ = plan::validate::across(&[stack, stack]);
            }
            for style in [false, true] {
                let style = plan::render::style::Style { color: style };
                let _ = plan::render::diagnostics::render(&read.findings, &sources, style);
            }
            // Variable files go through the same reader; `fmt` must not change what it made itself.
            if let Ok(once) = plan::format::format(name, &text) {
                let twice = plan::format::format(name, &once);
                assert!(twice.as_ref() == Ok(&once), "formatted twice it differs: {once:?} and {twice:?}");
            }
        }
    });
}

#[test]
fn no_snapshot_makes_reading_panic_hang_or_grow() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    project.run_here(&["apply", "--yes"], false).exits(0);
    project.run_here(&["snapshot", "--out", "picture.json"], false).exits(0);
    let text = std::fs::read_to_string(project.path("picture.json")).expect("the snapshot");
    let original: Json = serde_json::from_str(&text).expect("JSON");
    let stack = {
        let mut sources = Sources::default();
        let file = sources.add("hook.yaml", MANIFEST);
        plan::manifest::read(&sources, file, &Given::default()).stack.expect("it is valid")
    };
    fuzz("snapshots", Duration::from_secs(5), |seed| {
        let mut rng = Rng::with_seed(seed);
        let mutated = match rng.u8(..4) {
            0 => mutate::text(&mut rng, std::slice::from_ref(&text)),
            _ => mutate::value(&mut rng, &original).to_string(),
        };
        if let Ok(snapshot) = plan::snapshot::Snapshot::parse(&mutated) {
            let _ = plan::snapshot::plan(&stack, &snapshot);
        }
    });
}

#[test]
fn a_saved_plan_that_was_tampered_with_is_refused_or_still_true() {
    let cloud = Cloud::start();
    let project = Project::on(&cloud, MANIFEST);
    project.run_here(&["apply", "--yes"], false).exits(0);
    project.run_here(&["plan", "--out", "saved.plan"], false).exits(0);
    let text = std::fs::read_to_string(project.path("saved.plan")).expect("the plan");
    let original: Json = serde_json::from_str(&text).expect("JSON");
    let writes = cloud.writes().len();
    fuzz("saved plans", Duration::from_secs(60), |seed| {
        let mut rng = Rng::with_seed(seed);
        let mutated = match rng.u8(..4) {
            0 => mutate::text(&mut rng, std::slice::from_ref(&text)),
            _ => mutate::value(&mut rng, &original).to_string(),
        };
        let name = format!("{seed}.plan");
        project.write(&name, &mutated);
        let ran = project.run_here(&["apply", &name, "--yes", "--format", "json"], false);
        assert!([0, 1, 3].contains(&ran.code), "{ran:?}");
        let _ = ran.json();
        std::fs::remove_file(project.path(&name)).expect("it was written");
    });
    assert_eq!(cloud.writes().len(), writes, "nothing was left to do, and nothing is done");
}

/// Reads of a plan, with the text that a real answer has.
fn answers() -> Vec<(&'static str, Json)> {
    let text = include_str!("../../../tencentcloud/tests/data/samples.json");
    let samples: Json = serde_json::from_str(text).expect("JSON");
    let sample = |name: &str| samples[name][0].clone();
    let names = [
        ("GetFunction", "scf GetFunction"),
        ("ListFunctions", "scf ListFunctions"),
        ("ListNamespaces", "scf ListNamespaces"),
        ("GetRole", "cam GetRole"),
        ("DescribeRoleList", "cam DescribeRoleList"),
        ("ListPolicies", "cam ListPolicies"),
        ("GetPolicy", "cam GetPolicy"),
        ("ListAttachedRolePolicies", "cam ListAttachedRolePolicies"),
        ("GetResources", "tag GetResources"),
        ("GetCallerIdentity", "sts GetCallerIdentity"),
    ];
    names.into_iter().map(|(action, name)| (action, sample(name))).filter(|(_, answer)| !answer.is_null()).collect()
}

#[test]
fn no_answer_makes_a_plan_panic_hang_or_write() {
    let answers = answers();
    assert!(answers.len() >= 6, "samples of {} actions", answers.len());
    fuzz("answers", Duration::from_secs(60), |seed| {
        let mut rng = Rng::with_seed(seed);
        let cloud = Cloud::start();
        let project = Project::on(&cloud, MANIFEST);
        let (action, answer) = &answers[rng.usize(..answers.len())];
        let body = match rng.u8(..6) {
            0 => mutate::text(&mut rng, &[answer.to_string()]),
            1 => answer.to_string(),
            _ => mutate::value(&mut rng, answer).to_string(),
        };
        // An answer that cannot be read is asked for five times, with pauses; once is as good here.
        cloud.set_faults(Some(Faults::new(vec![Rule::on(action, Effect::Body(body)).times(rng.u64(1..3))])));
        let ran = project.run_here(&["plan", "--format", "json"], false);
        assert!([0, 1, 3].contains(&ran.code), "{ran:?}");
        let _ = ran.json();
        assert!(cloud.writes().is_empty(), "a plan writes nothing");
    });
}
