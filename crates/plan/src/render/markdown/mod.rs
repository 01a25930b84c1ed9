//! A plan, its findings, or what an apply did, as Markdown for a pull request: what destroys stands first and open,
//! the rest is folded, and the whole fits the place it goes to.
//!
//! `escape` is the only way for text from outside into a report; `changes` writes one change, `budget` chooses how
//! much of each is said, `graph` and `bindings` add what follows from the changes.

mod bindings;
mod budget;
mod changes;
pub mod escape;
mod findings;
mod graph;
mod outcomes;
mod snapshot;

use super::report::{Report, StackReport, Subject};
use super::risk::{self, Risk};
use super::text::plural;
use crate::plan::{Plan, Summary};
use budget::{Level, Piece};
use escape::{code, prose};

pub use findings::findings;
pub use outcomes::outcomes;

/// Most bytes of a comment: GitHub takes 65,536 characters and GitLab more; bytes are at least as many as characters.
pub const COMMENT: usize = 65_535;
/// Most bytes of a step summary: 1 MiB on GitHub.
pub const STEP_SUMMARY: usize = 1024 * 1024;

/// Most stacks without changes, and most notes, that are named; the rest is counted.
const NAMED: usize = 100;

/// The hidden first line, by which a comment is found again.
#[must_use]
pub fn marker(word: &str) -> String {
    format!("<!-- provision:{word} -->")
}

/// The report, in at most `limit` bytes.
#[must_use]
pub fn plan(report: &Report<'_>, limit: usize) -> String {
    let changed: Vec<&StackReport<'_>> = report.stacks.iter().filter(|s| !s.plan.changes.is_empty()).collect();
    let mut pieces: Vec<Vec<Piece>> = changed.iter().map(|s| changes::pieces(report, s)).collect();
    let graphs: Vec<Option<String>> = changed.iter().map(|s| graph::graph(s)).collect();
    let (head, tail) = (head(report), unchanged(report) + &tail(report));
    let frames = changed.iter().zip(&graphs).map(|(s, g)| stack(s, &[], g.as_deref(), true).len());
    let fixed = head.len() + tail.len() + frames.sum::<usize>();
    let fitted = budget::fit(&mut pieces, limit.saturating_sub(fixed), graphs.iter().flatten().map(String::len).sum());
    let mut out = head;
    for ((one, pieces), graph) in changed.iter().zip(&pieces).zip(&graphs) {
        out.push_str(&stack(one, pieces, graph.as_deref().filter(|_| fitted.graphs), false));
    }
    out.push_str(&tail);
    out.push_str(&budget::left_out(&pieces, &fitted, limit));
    if out.len() > limit { headline(report, limit) } else { out }
}

/// What is left when not even the headings of all stacks fit.
fn headline(report: &Report<'_>, limit: usize) -> String {
    format!(
        "{}\n## {}: {}\n\n{}**This report does not name what is deleted or replaced**: it does not fit {limit} bytes. {} shows all of it.\n",
        marker(report.subject.marker()),
        report.subject.title(),
        counts(&report.summary()),
        risk_line(report),
        code("provision plan")
    )
}

/// Counts in words: `1 to create, 2 to update`; a stack without changes says so.
fn counts(s: &Summary) -> String {
    let parts: Vec<String> = [(s.delete, "delete"), (s.replace, "replace"), (s.update, "update"), (s.create, "create")]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} to {word}"))
        .collect();
    if parts.is_empty() { "no changes".to_owned() } else { parts.join(", ") }
}

fn head(report: &Report<'_>) -> String {
    let summary = report.summary();
    let mut out = format!("{}\n", marker(report.subject.marker()));
    let blocked = report.failure.is_some() || report.all_findings().iter().any(|f| is_error(f));
    let verdict = if report.failure.is_some() && report.stacks.is_empty() {
        "failed".to_owned()
    } else if report.subject == Subject::Drift && summary.changes() == 0 && !blocked {
        "none".to_owned()
    } else {
        format!("{}{}", counts(&summary), if blocked { "; cannot be applied" } else { "" })
    };
    out.push_str(&format!("## {}: {verdict}\n\n", report.subject.title()));
    out.push_str(&risk_line(report));
    out.push_str(&findings::failure(report.failure.as_ref()));
    out.push_str(&findings::section(&report.all_findings(), report));
    out
}

fn is_error(finding: &crate::diagnostic::Diagnostic) -> bool {
    finding.severity == crate::diagnostic::Severity::Error
}

/// What a reviewer needs to know before reading on.
fn risk_line(report: &Report<'_>) -> String {
    let plans = || report.stacks.iter().map(|s| s.plan);
    let Some(highest) = risk::highest(plans()) else { return String::new() };
    let count = |risk| plans().flat_map(|p| &p.changes).filter(|c| Risk::of(c) == risk).count();
    let parts: Vec<String> = Risk::ALL
        .into_iter()
        .map(|risk| (risk, count(risk)))
        .filter(|(_, n)| *n > 0)
        .map(|(risk, n)| format!("{n} {}", risk.meaning()))
        .collect();
    let missed = plans().flat_map(|p| &p.changes).filter(|c| c.events_may_be_missed).count();
    let missed = if missed == 0 { String::new() } else { format!(" Events may be missed ({missed}).") };
    format!(
        "**Risk: {}** – {}.{missed} {} unchanged.\n\n",
        highest.word(),
        parts.join(", "),
        report.summary().unchanged
    )
}

/// One stack. The frame alone, without changes but with room for every heading, is what the budget starts from.
fn stack(one: &StackReport<'_>, pieces: &[Piece], graph: Option<&str>, frame: bool) -> String {
    let plan = one.plan;
    let mut out = format!("### Stack {}: {}\n\n", place(plan), counts(&plan.summary()));
    if !plan.complete && plan.as_of.is_none() {
        out.push_str("**Not everything was looked at**: see the warnings above.\n\n");
    }
    if frame || pieces.iter().any(|p| p.level >= Level::Row) {
        out.push_str("| Risk | Action | Resource | Why |\n| --- | --- | --- | --- |\n");
    }
    for piece in pieces.iter().filter(|p| p.level >= Level::Row) {
        out.push_str(&piece.row);
    }
    out.push('\n');
    out.push_str(&budget::names(pieces));
    for piece in pieces.iter().filter(|p| p.level == Level::Full) {
        out.push_str(&piece.detail);
    }
    let bindings = bindings::sentences(plan);
    if !bindings.is_empty() {
        out.push_str("**What happens to MPS events**\n\n");
        for sentence in bindings {
            out.push_str(&format!("- {sentence}\n"));
        }
        out.push('\n');
    }
    if let Some(graph) = graph {
        out.push_str("<details><summary>What changes, and what depends on it</summary>\n\n");
        out.push_str(graph);
        out.push_str("</details>\n\n");
    }
    out
}

fn place(plan: &Plan) -> String {
    if plan.region.is_empty() { code(&plan.stack) } else { format!("{} ({})", code(&plan.stack), code(&plan.region)) }
}

/// Stacks without changes, in one line; those that could not be decided, in another.
fn unchanged(report: &Report<'_>) -> String {
    let still: Vec<&StackReport<'_>> = report.stacks.iter().filter(|s| s.plan.changes.is_empty()).collect();
    let (undecided, same): (Vec<_>, Vec<_>) = still.into_iter().partition(|s| s.plan.errors().next().is_some());
    let line = |what: &str, stacks: &[&StackReport<'_>]| {
        if stacks.is_empty() {
            return String::new();
        }
        let names: Vec<String> = stacks.iter().take(NAMED).map(|s| place(s.plan)).collect();
        let more = if stacks.len() > NAMED { format!(" and {} more", stacks.len() - NAMED) } else { String::new() };
        let resources: usize = stacks.iter().map(|s| s.plan.unchanged).sum();
        let not_compared: usize = stacks.iter().map(|s| s.plan.not_compared.len()).sum();
        let rest = if not_compared == 0 { String::new() } else { format!(", {not_compared} not compared") };
        format!("{what}: {}{more} ({resources} resource{}{rest}).\n\n", names.join(", "), plural(resources))
    };
    line("Nothing was decided, see the findings above", &undecided) + &line("Without changes", &same)
}

/// When and where, and what was not planned or compared.
fn tail(report: &Report<'_>) -> String {
    let mut out = snapshot::section(report);
    for note in report.notes.iter().take(NAMED) {
        out.push_str(&format!("- Not planned: {}\n", prose(note)));
    }
    if report.notes.len() > NAMED {
        out.push_str(&format!("- and {} more\n", report.notes.len() - NAMED));
    }
    if !report.notes.is_empty() {
        out.push('\n');
    }
    // A snapshot's section has said it.
    let pictured = report.stacks.iter().any(|s| s.plan.as_of.is_some());
    if !report.as_of.is_empty() && !pictured {
        out.push_str(&format!("As of {}{}.\n", code(report.as_of), accounts(report)));
    }
    out
}

/// Whose objects these are, to follow a time; empty when that is not known.
fn accounts(report: &Report<'_>) -> String {
    let mut accounts: Vec<&str> = report.stacks.iter().map(|s| s.account).filter(|a| !a.is_empty()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    if accounts.is_empty() { String::new() } else { format!(", account {}", code(&accounts.join(", "))) }
}
