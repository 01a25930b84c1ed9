//! One change as a row of the table and as details: open for what destroys, folded for the rest.

use super::budget::{Level, Piece};
use super::escape::{cell, code, fence, html, prose, prose_cell, shortened};
use crate::attributes::AttributeChange;
use crate::change::{Action, Cause, Change};
use crate::render::report::{Report, StackReport};
use crate::render::risk::{self, Risk};
use crate::render::style::visible_line;
use crate::render::value;
use crate::resource::trigger::Spec;

/// Most lines of one diff; the rest is counted.
const LINES: usize = 120;

/// Every change of a stack, the riskiest first.
pub(super) fn pieces(report: &Report<'_>, stack: &StackReport<'_>) -> Vec<Piece> {
    risk::ranked(stack.plan)
        .into_iter()
        .map(|(risk, change)| Piece {
            risk,
            level: Level::Full,
            row: row(risk, change, stack),
            detail: detail(risk, change, report, stack),
            name: code(change.address.as_str()),
        })
        .collect()
}

fn row(risk: Risk, change: &Change, stack: &StackReport<'_>) -> String {
    let strong = |word: &str| if risk == Risk::Destroys { format!("**{word}**") } else { word.to_owned() };
    let region = if change.home.region().is_empty() || change.home.region() == stack.plan.region {
        String::new()
    } else {
        format!(" in {}", cell(change.home.region()))
    };
    format!(
        "| {} | {} | {}{region} | {} |\n",
        strong(risk.word()),
        strong(change.action.word()),
        cell(change.address.as_str()),
        why(change, prose_cell)
    )
}

fn why(change: &Change, prose: fn(&str) -> String) -> String {
    let mut why = prose(&shortened(&change.reason, 300));
    why.push_str(match change.cause {
        Cause::Cloud => "; **changed in the cloud**",
        Cause::Both => "; **changed in the manifest and in the cloud**",
        Cause::Manifest | Cause::Unknown => "",
    });
    why
}

fn detail(risk: Risk, change: &Change, report: &Report<'_>, stack: &StackReport<'_>) -> String {
    let mut body = String::new();
    let place = report.place_of(stack, change);
    if let Some(at) = place.filter(|_| change.origin.span.is_some()) {
        body.push_str(&format!("At {}. ", code(&format!("{}:{}", at.file, at.line))));
    }
    if change.events_may_be_missed {
        body.push_str("Events that arrive meanwhile **may be missed**. ");
    }
    if let Some(Spec::Http { cam: false, public: true, .. }) = risk::url(change) {
        body.push_str("**Anybody on the internet may call this URL** (public, without authentication). ");
    }
    let body = body.trim_end();
    let diff = if change.attributes().is_empty() { String::new() } else { fence("diff", &diff(change, report)) };
    if risk == Risk::Destroys {
        let head = format!("**{}** {}: {}", change.action.word(), code(change.address.as_str()), why(change, prose));
        let body = if body.is_empty() { String::new() } else { format!(". {body}") };
        return format!("{head}{body}\n\n{diff}{}", if diff.is_empty() { "" } else { "\n" });
    }
    if body.is_empty() && diff.is_empty() {
        return String::new();
    }
    let body = if body.is_empty() { String::new() } else { format!("{body}\n\n") };
    format!(
        "<details><summary>{} <code>{}</code></summary>\n\n{body}{diff}\n</details>\n\n",
        change.action.word(),
        html(&shortened(&visible_line(change.address.as_str()), 200))
    )
}

/// All attributes of a change as one diff.
fn diff(change: &Change, report: &Report<'_>) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut blocks: Vec<String> = Vec::new();
    for attribute in change.attributes().iter() {
        match value::unified(attribute) {
            Some(diff) => block(attribute, diff, &mut blocks),
            None => one_line(change, attribute, report, &mut lines),
        }
    }
    lines.append(&mut blocks);
    lines.join("\n") + "\n"
}

fn block(attribute: &AttributeChange, diff: Vec<String>, out: &mut Vec<String>) {
    let path = visible_line(&attribute.path);
    let more = diff.len().saturating_sub(LINES);
    let mut named = false;
    for line in diff.into_iter().take(LINES) {
        if line.starts_with("@@") {
            named = true;
            out.push(format!("{line} {path}"));
        } else {
            if !named {
                named = true;
                out.push(format!("@@ {path} @@"));
            }
            out.push(line);
        }
    }
    if more > 0 {
        out.push(format!("# … and {more} more lines of {path}"));
    }
}

fn one_line(change: &Change, attribute: &AttributeChange, report: &Report<'_>, out: &mut Vec<String>) {
    let path = visible_line(&attribute.path);
    let forces =
        if change.requires_replace.iter().any(|path| *path == attribute.path) { "  # forces replacement" } else { "" };
    let shown = |side| value::shown(change, attribute, side, report.key);
    if !attribute.before.value.is_null() && change.action != Action::Create {
        out.push(format!("- {path}: {}", shown(&attribute.before)));
    }
    if !attribute.after.value.is_null() {
        out.push(format!("+ {path}: {}{forces}", shown(&attribute.after)));
    }
}
