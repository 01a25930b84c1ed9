//! What an apply says in the end: what happened to each change, and what to run next (design rule 10).

use std::collections::BTreeSet;

use plan::change::Action;
use plan::progress::Outcome;
use plan::render::json::FORMAT_VERSION;
use plan::render::style::{visible, visible_line};
use serde_json::{Value as Json, json};

use crate::apply::Ended;
use crate::cli::Format;
use crate::commands::{Planned, Run};
use crate::error::CommandError;
use crate::explanations;
use crate::load::Loaded;
use crate::review::why;

/// Says what happened (design rule 10).
pub(super) fn report(
    run: &mut Run,
    loaded: &Loaded,
    planned: &[Planned],
    ended: &[Vec<Ended>],
    interrupted: Option<&CommandError>,
    loss: Option<&CommandError>,
) {
    match run.global.format {
        Format::Text => report_text(run, planned, ended),
        Format::Json => report_json(run, loaded, planned, ended, loss),
        Format::Github => {
            run.review_outcomes(loaded, planned, ended, interrupted.or(loss));
            report_text(run, planned, ended);
        }
        Format::Markdown | Format::Gitlab | Format::Sarif => {
            run.review_outcomes(loaded, planned, ended, interrupted.or(loss));
        }
    }
}

fn report_json(run: &mut Run, loaded: &Loaded, planned: &[Planned], ended: &[Vec<Ended>], loss: Option<&CommandError>) {
    let stacks: Vec<Json> = planned.iter().zip(ended).map(|(p, e)| stack_json(p, e)).collect();
    let found: Vec<Json> = loaded.findings.iter().map(|f| plan::render::json::diagnostic(f, &loaded.sources)).collect();
    let mut document = json!({ "format_version": FORMAT_VERSION, "stacks": stacks, "diagnostics": found });
    if let Some(loss) = loss {
        document["error"] = loss.json();
    }
    run.ui.json(&document);
}

fn report_text(run: &mut Run, planned: &[Planned], ended: &[Vec<Ended>]) {
    for (one, ended) in planned.iter().zip(ended) {
        if one.plan.is_empty() {
            if !run.is_text() {
                // In text format the plan above has said so.
                run.ui.text(&format!("stack {}: nothing to do\n", one.plan.stack));
            }
            continue;
        }
        let count = |o: Outcome| ended.iter().filter(|e| e.outcome == o).count();
        let style = run.ui.out_style;
        let mut parts = vec![style.green(&format!("{} applied", count(Outcome::Applied)))];
        for (outcome, word) in
            [(Outcome::Failed, "failed"), (Outcome::Unknown, "unknown"), (Outcome::Skipped, "skipped")]
        {
            if count(outcome) > 0 {
                parts.push(style.red(&format!("{} {word}", count(outcome))));
            }
        }
        run.ui.text(&format!("\n{} {}: {}.\n", style.bold("Applied"), one.plan.stack, parts.join(", ")));
        let mut troubled = false;
        for (change, end) in one.plan.changes.iter().zip(ended).filter(|(_, e)| e.outcome != Outcome::Applied) {
            troubled = true;
            let why = visible(&why(end));
            run.ui.text(&format!(
                "  {} {} {}: {why}\n",
                style.red(end.outcome.word()),
                change.action.word(),
                visible_line(change.address.as_str())
            ));
        }
        let codes: BTreeSet<&str> = ended
            .iter()
            .filter_map(|e| e.trouble.as_ref()?.code.as_deref())
            .filter(|code| explanations::is_known(code))
            .collect();
        for code in codes {
            run.ui.text(&format!("{}: `provision explain {code}` says more\n", style.bold("help")));
        }
        if troubled {
            run.ui.text("Run `provision plan` to see what is left, then `provision apply` to finish it.\n");
        }
    }
}

fn stack_json(planned: &Planned, ended: &[Ended]) -> Json {
    let outcomes: Vec<Json> = planned
        .plan
        .changes
        .iter()
        .zip(ended)
        .map(|(change, end)| {
            let error = end
                .trouble
                .as_ref()
                .map(|t| json!({ "code": t.code, "message": t.message, "request_id": t.request_id }));
            json!({ "address": change.address, "action": change.action, "outcome": end.outcome, "error": error })
        })
        .collect();
    let count = |o: Outcome| ended.iter().filter(|e| e.outcome == o).count();
    let made = |a: Action| {
        planned.plan.changes.iter().zip(ended).filter(|(c, e)| c.action == a && e.outcome == Outcome::Applied).count()
    };
    json!({
        "stack": planned.plan.stack,
        "outcomes": outcomes,
        "summary": {
            "applied": count(Outcome::Applied), "failed": count(Outcome::Failed), "unknown": count(Outcome::Unknown), "skipped": count(Outcome::Skipped),
            "create": made(Action::Create), "update": made(Action::Update), "replace": made(Action::Replace), "delete": made(Action::Delete),
            "unchanged": planned.plan.unchanged,
        },
    })
}
