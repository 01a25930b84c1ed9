//! What stands between a plan and its first write: a saved plan that does not hold any more, too many deletes, and
//! the question whether to go on.

use std::io::BufRead as _;

use plan::diagnostic::{Code, Diagnostic};
use plan::render::style::{visible, visible_line};
use serde_json::Value as Json;

use crate::cli::ApplyArgs;
use crate::commands::{Planned, Run};
use crate::error::CommandError;
use crate::load::Loaded;
use crate::plan_file::PlanFile;

/// Why a saved plan does not hold any more: seen, now and wanted, object by object (design rule 7).
pub(super) fn stale(
    run: &mut Run,
    saved: &PlanFile,
    planned: &[Planned],
    loaded: &Loaded,
    which: &str,
) -> Option<CommandError> {
    let stale = saved.stale(planned, loaded, run);
    if stale.is_empty() {
        return None;
    }
    let mut text = String::new();
    for one in &stale {
        text.push_str(&format!("stack {}\n", one.stack));
        let today = planned.iter().find(|p| p.plan.stack == one.stack);
        for moved in &one.moved {
            let wanted = today.and_then(|p| wanted_of(p, moved));
            let shown = |value: &Json| match value {
                Json::Null => "absent".to_owned(),
                Json::Object(o) if o.contains_key("digest") => "(hidden)".to_owned(),
                Json::String(whole) if moved.path.is_empty() => whole.clone(),
                other => other.to_string(),
            };
            text.push_str(&format!(
                "  {}\n    seen    {}\n    now     {}\n",
                visible_line([moved.object.as_str(), &moved.path].join(" ").trim_end()),
                visible(&shown(&moved.seen)),
                visible(&shown(&moved.now))
            ));
            if let Some(wanted) = wanted {
                text.push_str(&format!("    wanted  {}\n", visible(&wanted)));
            }
        }
        if one.moved.is_empty() && one.actions_differ {
            text.push_str(
                "  the cloud is as it was; the manifest, its variables or its code would now do something else\n",
            );
        }
    }
    run.ui.complain(&text);
    let moved: Vec<String> = stale
        .iter()
        .flat_map(|s| &s.moved)
        .map(|m| if m.path.is_empty() { m.object.clone() } else { format!("{} `{}`", m.object, m.path) })
        .collect();
    let what = match moved.as_slice() {
        [] => "it would do something else today".to_owned(),
        [one] => format!("{one} moved"),
        [one, rest @ ..] => format!("{one} and {} more moved", rest.len()),
    };
    Some(CommandError::Refused {
        message: format!("{which} does not hold any more: {what}"),
        help: Some("nothing was changed; make and read a new plan".to_owned()),
    })
}

/// What the manifest wants for an attribute that moved.
fn wanted_of(planned: &Planned, moved: &plan::pin::Moved) -> Option<String> {
    let object = moved.object.split_once('[')?.1.trim_end_matches(']');
    let change = planned.plan.changes.iter().find(|c| {
        c.attributes().iter().any(|a| a.path == moved.path)
            && object.ends_with(c.address.as_str().rsplit('.').next().unwrap_or_default())
    })?;
    let attributes = change.attributes();
    let after = &attributes.iter().find(|a| a.path == moved.path)?.after;
    Some(if after.guarded { "(hidden)".to_owned() } else { after.value.to_string() })
}

/// How many deletes are allowed; `None` is any number.
pub(in crate::commands) fn delete_limit(
    run: &Run,
    given: Option<&str>,
    destroy: bool,
) -> Result<Option<usize>, CommandError> {
    match given {
        Some("unlimited") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| CommandError::Usage {
            message: format!("--max-deletes takes a number or `unlimited`, not `{text}`"),
            help: Some("such as --max-deletes 2".to_owned()),
        }),
        // In CI without a plan that somebody read, nothing is deleted by surprise (design rule 9).
        None if !destroy && run.world.variable("CI").is_some_and(|v| v != "false" && v != "0") => Ok(Some(0)),
        None => Ok(None),
    }
}

pub(super) fn fence(planned: &mut Planned, limit: Option<usize>) {
    let count = planned.plan.counted_deletes();
    if let Some(limit) = limit.filter(|l| count > *l) {
        let finding = Diagnostic::refusal(
            Code::TooManyDeletes,
            format!("{count} deletes and replacements are planned, {limit} are allowed"),
        )
        .help("read the plan; then pass --max-deletes N, or --max-deletes unlimited");
        planned.plan.findings.push(finding);
    }
}

pub(super) fn confirm(
    run: &mut Run,
    arguments: &ApplyArgs,
    planned: &[Planned],
    destroy: bool,
) -> Result<(), CommandError> {
    if arguments.yes {
        return Ok(());
    }
    let word = if destroy { "destroy" } else { "apply" };
    if !run.is_text()
        || !run.world.stdin_is_terminal
        || run.world.variable("CI").is_some_and(|v| v != "false" && v != "0")
    {
        return Err(CommandError::Usage {
            message: format!("{word} asks before it changes anything, and nobody is there to answer"),
            help: Some("read the plan, then pass --yes".to_owned()),
        });
    }
    let changes: usize = planned.iter().map(|p| p.plan.changes.len()).sum();
    run.ui
        .ask(&format!("\n{changes} change{} to carry out. Type `yes` to go on: ", if changes == 1 { "" } else { "s" }));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && answer.trim() == "yes" {
        Ok(())
    } else {
        Err(CommandError::Usage { message: "not confirmed; nothing was changed".to_owned(), help: None })
    }
}
