//! Reports for reviewers: gathers what `plan::render` needs, and puts the result where each system reads it
//! (stdout, a step's summary and outputs). Says nothing of its own.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use plan::render::report::{Ending, Failure, Report, StackOutcome, StackReport, Subject, locate};
use plan::render::{github, gitlab, markdown, sarif, text};
use plan::source::Sources;

use crate::apply::Ended;
use crate::cli::{Command, Format};
use crate::commands::{Planned, Run};
use crate::error::{CommandError, chain};
use crate::load::Loaded;

/// What a run reports on; the same word in every format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// A plan, a plan to destroy, or drift.
    Plan(Subject),
    /// What an apply did.
    Apply,
    /// Findings of manifests.
    Validate,
}

impl About {
    /// What a command reports on.
    pub(crate) fn of(command: &Command) -> Self {
        match command {
            Command::Validate => Self::Validate,
            Command::Plan(arguments) if arguments.destroy => Self::Plan(Subject::Destroy),
            Command::Drift => Self::Plan(Subject::Drift),
            Command::Apply(_) | Command::Destroy(_) => Self::Apply,
            _ => Self::Plan(Subject::Plan),
        }
    }
}

/// A failure as reports tell it.
pub(crate) fn failure(error: &CommandError) -> Failure {
    Failure { message: chain(error), help: error.help() }
}

impl Run {
    /// Writes the report of plans, or of findings alone, in the format asked for.
    pub(crate) fn review(&mut self, loaded: Option<&Loaded>, planned: &[Planned], error: Option<&CommandError>) {
        let none = Sources::default();
        let sources = loaded.map_or(&none, |l| &l.sources);
        let paths = paths(sources, &self.world.folder);
        // A plan from a snapshot is as old as the snapshot, and the same whenever it is made.
        let pictured = planned.iter().find_map(|p| p.plan.as_of.as_ref());
        let as_of = match pictured {
            Some(pictured) => pictured.time.clone(),
            None if planned.is_empty() => String::new(),
            None => now(),
        };
        let key = self.key.clone();
        let report = Report {
            subject: match self.about {
                About::Plan(subject) => subject,
                About::Apply | About::Validate => Subject::Plan,
            },
            stacks: loaded.map_or_else(Vec::new, |loaded| stacks(loaded, planned)),
            findings: loaded.map_or_else(Vec::new, |l| l.findings.iter().collect()),
            sources,
            paths: &paths,
            key: &key,
            as_of: &as_of,
            notes: loaded.map_or(&[], |l| &l.left_out),
            failure: error.map(failure),
        };
        let validate = self.about == About::Validate;
        let comment = |limit| if validate { markdown::findings(&report) } else { markdown::plan(&report, limit) };
        match self.global.format {
            Format::Text | Format::Json => {}
            Format::Markdown => self.ui.data(&comment(markdown::COMMENT)),
            Format::Gitlab if validate => self.ui.json(&gitlab::code_quality(&report)),
            Format::Gitlab => self.ui.json(&gitlab::plan(&report)),
            Format::Sarif => self.ui.json(&sarif::log(&report, env!("CARGO_PKG_VERSION"))),
            Format::Github => {
                self.ui.data(&github::annotations(&report));
                for stack in &report.stacks {
                    let text = text::plan(stack.plan, &self.key, self.ui.out_style);
                    self.ui.data(&github::group(&format!("{}: {}", report.subject.title(), stack.plan.stack), &text));
                }
                self.append_summary(&|room| comment(room));
            }
        }
    }

    /// Hands counts and the saved plan to later steps of a workflow.
    pub(crate) fn plan_outputs(&mut self, loaded: &Loaded, planned: &[Planned], saved: Option<&Path>) {
        if self.global.format != Format::Github {
            return;
        }
        let (none, no_paths, key) = (Sources::default(), BTreeMap::new(), self.key.clone());
        let report = Report {
            subject: Subject::Plan,
            stacks: stacks(loaded, planned),
            findings: Vec::new(),
            sources: &none,
            paths: &no_paths,
            key: &key,
            as_of: "",
            notes: &[],
            failure: None,
        };
        let saved = saved.map_or_else(String::new, |p| p.display().to_string());
        self.append_outputs(&github::plan_outputs(&report, &saved));
    }

    /// Writes what an apply did, in the format asked for.
    pub(crate) fn review_outcomes(
        &mut self,
        loaded: &Loaded,
        planned: &[Planned],
        ended: &[Vec<Ended>],
        error: Option<&CommandError>,
    ) {
        let stacks: Vec<StackOutcome<'_>> =
            planned.iter().zip(ended).map(|(p, e)| outcome(p, e, &|t| self.ui.secrets.filter(t))).collect();
        let failure = error.map(failure);
        let as_of = now();
        let comment = |limit| markdown::outcomes(&stacks, failure.as_ref(), &as_of, limit);
        match self.global.format {
            Format::Markdown => self.ui.data(&comment(markdown::COMMENT)),
            Format::Github => {
                let paths = paths(&loaded.sources, &self.world.folder);
                let place = |stack: &str, change: &plan::change::Change| {
                    let of_stack = || loaded.stacks.iter().find(|s| s.stack.name == stack)?.stack.span;
                    change.origin.span.or_else(of_stack).map(|span| locate(&loaded.sources, &paths, span))
                };
                self.ui.data(&github::outcomes(&stacks, &place));
                self.append_summary(&comment);
                self.append_outputs(&github::apply_outputs(&stacks));
            }
            Format::Text | Format::Json | Format::Gitlab | Format::Sarif => {}
        }
    }

    /// Writes that an apply ended before it began.
    pub(crate) fn review_failed_apply(&mut self, loaded: Option<&Loaded>, error: &CommandError) {
        if loaded.is_some_and(|l| l.errors() > 0) {
            return self.review(loaded, &[], Some(error));
        }
        match self.global.format {
            Format::Markdown => {
                let text = markdown::outcomes(&[], Some(&failure(error)), "", markdown::COMMENT);
                self.ui.data(&text);
            }
            Format::Github => {
                self.ui.data(&github::failure(&failure(error)));
                self.append_summary(&|room| markdown::outcomes(&[], Some(&failure(error)), "", room));
            }
            Format::Text | Format::Json | Format::Gitlab | Format::Sarif => {}
        }
    }

    /// Adds to the step's summary, in the room that is left there.
    fn append_summary(&mut self, text: &dyn Fn(usize) -> String) {
        let Some(path) = self.world.variable("GITHUB_STEP_SUMMARY").map(PathBuf::from) else { return };
        let used = std::fs::metadata(&path).map_or(0, |m| usize::try_from(m.len()).unwrap_or(usize::MAX));
        let room = markdown::STEP_SUMMARY.saturating_sub(used + 1);
        let text = self.ui.secrets.filter(&text(room));
        if text.len() > room {
            self.ui.complain("the step summary is full; this report is not in it");
        } else {
            self.append(&path, &format!("{text}\n"), "the step summary");
        }
    }

    fn append_outputs(&mut self, pairs: &[(&str, String)]) {
        let Some(path) = self.world.variable("GITHUB_OUTPUT").map(PathBuf::from) else { return };
        let mut random = [0; 16];
        // Without a delimiter that nobody can guess, a value could add outputs of its own.
        if getrandom::fill(&mut random).is_err() {
            self.ui.complain("no random numbers: the step's outputs are not written");
            return;
        }
        let delimiter = format!("provision_{}", plan::mark::hex(&random));
        let text = self.ui.secrets.filter(&github::outputs(pairs, &delimiter));
        self.append(&path, &text, "the step's outputs");
    }

    fn append(&mut self, path: &Path, text: &str, what: &str) {
        let written = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        if let Err(error) = written {
            self.ui.complain(&format!("cannot write {what} to {}: {error}", path.display()));
        }
    }
}

fn stacks<'a>(loaded: &'a Loaded, planned: &'a [Planned]) -> Vec<StackReport<'a>> {
    planned
        .iter()
        .map(|p| StackReport { plan: &p.plan, stack: &loaded.stacks[p.index].stack, account: &p.observed.account })
        .collect()
}

fn outcome<'a>(planned: &'a Planned, ended: &[Ended], filter: &dyn Fn(&str) -> String) -> StackOutcome<'a> {
    let endings = planned.plan.changes.iter().zip(ended).map(|(change, end)| Ending {
        change,
        outcome: end.outcome,
        why: (end.outcome != plan::progress::Outcome::Applied).then(|| why(end)).map(|w| filter(&w)),
    });
    StackOutcome { stack: &planned.plan.stack, endings: endings.collect() }
}

/// Why a change was not applied.
pub(crate) fn why(end: &Ended) -> String {
    end.trouble.as_ref().map_or_else(|| "something it depends on did not succeed".to_owned(), |t| t.message.clone())
}

/// When this is, to the second.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Each manifest's name relative to the top of its repository, as sites know files.
fn paths(sources: &Sources, folder: &Path) -> BTreeMap<String, String> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let top = folder.ancestors().find(|f| f.join(".git").exists()).unwrap_or(&folder).to_path_buf();
    let relative = |name: &str| {
        let mut full = PathBuf::new();
        for part in folder.join(name).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    full.pop();
                }
                other => full.push(other),
            }
        }
        full.strip_prefix(&top).map_or_else(|_| name.to_owned(), |p| p.display().to_string())
    };
    sources.names().map(|name| (name.to_owned(), relative(name))).collect()
}
