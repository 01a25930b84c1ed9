//! What a report for reviewers is made from: several stacks' plans, findings, and what the plans themselves do not
//! know (when and where they were made). Every format for reviewers renders this same data.

use std::collections::BTreeMap;

use super::guard::DigestKey;
use crate::change::{Action, Change};
use crate::desired::{FunctionResource, Stack};
use crate::diagnostic::{Diagnostic, Severity};
use crate::plan::{Plan, Summary};
use crate::progress::Outcome;
use crate::source::{Location, Sources, Span};

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// What would change.
    Plan,
    /// What would be removed.
    Destroy,
    /// What changed in the cloud.
    Drift,
}

impl Subject {
    /// The word in headlines.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Plan => "Plan",
            Self::Destroy => "Plan to destroy",
            Self::Drift => "Drift",
        }
    }

    /// The word in markers.
    #[must_use]
    pub fn marker(self) -> &'static str {
        match self {
            Self::Plan | Self::Destroy => "plan",
            Self::Drift => "drift",
        }
    }
}

/// One stack of a report.
#[derive(Clone, Copy)]
pub struct StackReport<'a> {
    /// What would change.
    pub plan: &'a Plan,
    /// What the manifest declares: tells what depends on what.
    pub stack: &'a Stack,
    /// Owner uin of the account that was read.
    pub account: &'a str,
}

/// Everything a report says.
#[derive(Clone)]
pub struct Report<'a> {
    /// What it is about.
    pub subject: Subject,
    /// The stacks, in manifest order.
    pub stacks: Vec<StackReport<'a>>,
    /// Findings of the manifests themselves.
    pub findings: Vec<&'a Diagnostic>,
    /// The manifests.
    pub sources: &'a Sources,
    /// The name of each manifest as the repository knows it, where that differs from the name given.
    pub paths: &'a BTreeMap<String, String>,
    /// Key of guarded values.
    pub key: &'a DigestKey,
    /// When the cloud was read, as people write it; empty when it was not.
    pub as_of: &'a str,
    /// What was not planned and why, a sentence each.
    pub notes: &'a [String],
    /// Why the command ended early: what, and the way out.
    pub failure: Option<Failure>,
}

/// Why there is no plan, or none that can be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened, causes included.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
}

impl<'a> Report<'a> {
    /// Counts over all stacks.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.stacks.iter().map(|s| s.plan.summary()).fold(Summary::default(), Summary::and)
    }

    /// Findings of the manifests and of the plans, errors first.
    #[must_use]
    pub fn all_findings(&self) -> Vec<&'a Diagnostic> {
        let mut all: Vec<&Diagnostic> =
            self.findings.iter().copied().chain(self.stacks.iter().flat_map(|s| &s.plan.findings)).collect();
        all.sort_by_key(|f| f.severity != Severity::Error);
        all
    }

    /// A place as the repository knows it.
    #[must_use]
    pub fn location(&self, span: Span) -> Location {
        locate(self.sources, self.paths, span)
    }

    /// Where a change comes from. What no manifest declares any more comes from its function, else from the stack's
    /// first line.
    #[must_use]
    pub fn place_of(&self, stack: &StackReport<'_>, change: &Change) -> Option<Location> {
        let around = || {
            let holds = |f: &&FunctionResource| change.address.is_within(f.address.as_str());
            stack.stack.functions.iter().find(holds).and_then(|f| f.origin.span)
        };
        place(change).or_else(around).or(stack.stack.span).map(|span| self.location(span))
    }
}

/// A place as the repository knows it.
#[must_use]
pub fn locate(sources: &Sources, paths: &BTreeMap<String, String>, span: Span) -> Location {
    let at = sources.location(span);
    let file = paths.get(&at.file).cloned().unwrap_or(at.file);
    Location { file, ..at }
}

/// The manifest line that causes a change: of an update, its first attribute's.
pub(super) fn place(change: &Change) -> Option<Span> {
    change
        .attributes()
        .first()
        .and_then(|a| change.origin.span_of(&a.path))
        .filter(|_| change.action == Action::Update)
        .or(change.origin.span)
}

/// How one change ended.
#[derive(Debug, Clone)]
pub struct Ending<'a> {
    /// The change.
    pub change: &'a Change,
    /// How.
    pub outcome: Outcome,
    /// Why it is not applied.
    pub why: Option<String>,
}

/// How one stack's apply ended.
#[derive(Debug, Clone)]
pub struct StackOutcome<'a> {
    /// The stack.
    pub stack: &'a str,
    /// Each change, in apply order.
    pub endings: Vec<Ending<'a>>,
}

impl StackOutcome<'_> {
    /// How many changes ended so.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.endings.iter().filter(|e| e.outcome == outcome).count()
    }
}
