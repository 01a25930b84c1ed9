//! What an apply did, as Markdown: what did not succeed stands first and in full.

use super::escape::{cell, code, prose_cell, shortened};
use super::{findings, marker};
use crate::progress::Outcome;
use crate::render::report::{Failure, StackOutcome};
use crate::render::text::plural;

/// Room for the headline and the closing words.
const RESERVE: usize = 2000;

/// The report, in at most `limit` bytes: rows of applied changes are counted when they do not fit, then the others.
#[must_use]
pub fn outcomes(stacks: &[StackOutcome<'_>], failure: Option<&Failure>, as_of: &str, limit: usize) -> String {
    let total: usize = stacks.iter().map(|s| s.endings.len()).sum();
    let count = |o| stacks.iter().map(|s| s.count(o)).sum::<usize>();
    let parts: Vec<String> = [Outcome::Failed, Outcome::Unknown, Outcome::Skipped, Outcome::Applied]
        .into_iter()
        .map(|o| (count(o), o.word()))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    let verdict = match (total, failure) {
        (0, Some(_)) => "nothing was changed".to_owned(),
        (0, None) => "nothing to do".to_owned(),
        _ => parts.join(", "),
    };
    let mut out = format!("{}\n## Apply: {verdict}\n\n", marker("apply"));
    out.push_str(&findings::failure(failure));
    let mut room = limit.saturating_sub(out.len() + RESERVE);
    for stack in stacks {
        out.push_str(&one(stack, &mut room));
    }
    if count(Outcome::Applied) < total {
        out.push_str(&format!(
            "Run {} to see what is left, then {} to finish it.\n\n",
            code("provision plan"),
            code("provision apply")
        ));
    }
    if !as_of.is_empty() {
        out.push_str(&format!("As of {}.\n", code(as_of)));
    }
    out
}

fn one(stack: &StackOutcome<'_>, room: &mut usize) -> String {
    if stack.endings.is_empty() {
        return format!("Stack {}: nothing to do.\n\n", code(stack.stack));
    }
    let mut sorted: Vec<_> = stack.endings.iter().collect();
    sorted.sort_by_key(|e| match e.outcome {
        Outcome::Failed => 0,
        Outcome::Unknown => 1,
        Outcome::Skipped => 2,
        Outcome::Applied => 3,
    });
    let mut out = format!(
        "### Stack {}\n\n| Outcome | Action | Resource | Why |\n| --- | --- | --- | --- |\n",
        code(stack.stack)
    );
    let mut left = 0;
    for ending in sorted {
        let word = ending.outcome.word();
        let word = if ending.outcome == Outcome::Applied { word.to_owned() } else { format!("**{word}**") };
        let why = ending.why.as_deref().map_or_else(String::new, |w| prose_cell(&shortened(w, 600)));
        let address = cell(ending.change.address.as_str());
        let row = format!("| {word} | {} | {address} | {why} |\n", ending.change.action.word());
        match room.checked_sub(row.len()) {
            Some(rest) => {
                *room = rest;
                out.push_str(&row);
            }
            // What follows is less urgent, and may not take the place of this.
            None => {
                *room = 0;
                left += 1;
            }
        }
    }
    out.push('\n');
    if left > 0 {
        out.push_str(&format!("Left out for want of room: {left} change{}.\n\n", plural(left)));
    }
    out
}
