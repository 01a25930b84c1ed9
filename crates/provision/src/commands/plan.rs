//! `provision plan`: what would change, exactly. Writes nothing, builds nothing.

use std::path::Path;

use plan::diagnostic::{Code, Diagnostic};
use plan::render::style::visible_line;
use plan::render::{diagnostics, json, text};
use serde::Serialize;
use serde_json::Value as Json;

use super::apply::delete_limit;
use super::{Planned, Run, refusal};
use crate::cli::PlanArgs;
use crate::error::{CommandError, exit, worst};
use crate::load::{Loaded, Values};
use crate::plan_file::PlanFile;

/// Runs it.
pub(crate) async fn run(run: &mut Run, arguments: &PlanArgs) -> u8 {
    run.global.changed_since.clone_from(&arguments.changed_since);
    if let Some(path) = &arguments.snapshot {
        return from_snapshot(run, arguments, path);
    }
    let loaded = match run.load_valid() {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let limit = match delete_limit(run, arguments.max_deletes.as_deref(), arguments.destroy) {
        Ok(limit) => limit,
        Err(error) => return run.fail(&error, Some(&loaded)),
    };
    let planned = if loaded.stacks.is_empty() && arguments.changed_since.is_some() {
        Ok(Vec::new())
    } else {
        let session = match run.open(&loaded).await {
            Ok(session) => session,
            Err(code) => return code,
        };
        let planned = run.plan_all(&session, &loaded, arguments.destroy).await;
        session.close().await;
        planned
    };
    let mut planned = match planned {
        Ok(planned) => planned,
        Err(error) => return run.fail(&error, Some(&loaded)),
    };
    for one in &mut planned {
        warn_of_deletes(one, limit);
    }
    show(run, &loaded, &planned);
    let mut saved = None;
    if let (Some(path), None) = (&arguments.out, refusal(&planned)) {
        let path = run.world.folder.join(path);
        if let Err(error) = PlanFile::of(&planned, &loaded, run, arguments.destroy).write(&path) {
            run.explain_error(&error);
            return error.exit_code();
        }
        saved = Some(path.clone());
        run.ui.say(&format!("saved; carry it out with `provision apply {}`", path.display()));
    }
    run.plan_outputs(&loaded, &planned, saved.as_deref());
    let pending = arguments.detailed_exitcode && planned.iter().any(|p| !p.plan.is_empty());
    worst([Run::findings_code(&planned), if pending { exit::PENDING } else { exit::DONE }])
}

/// The same from a file: no session, no credentials, and nothing to be applied afterwards.
fn from_snapshot(run: &mut Run, arguments: &PlanArgs, path: &Path) -> u8 {
    if arguments.out.is_some() {
        let error = CommandError::Usage {
            message: "a plan from a snapshot cannot be saved".to_owned(),
            help: Some("leave out --out; what can be applied is planned against the cloud".to_owned()),
        };
        return run.fail(&error, None);
    }
    let loaded = match run.load_valid_with(Values::MayBeMissing) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let planned = super::snapshot::read(&run.world.folder.join(path))
        .and_then(|snapshot| run.plan_from(&snapshot, &loaded, arguments.destroy))
        .and_then(|planned| Ok((planned, delete_limit(run, arguments.max_deletes.as_deref(), arguments.destroy)?)));
    let (mut planned, limit) = match planned {
        Ok(planned) => planned,
        Err(error) => return run.fail(&error, Some(&loaded)),
    };
    for one in &mut planned {
        warn_of_deletes(one, limit);
    }
    show(run, &loaded, &planned);
    run.plan_outputs(&loaded, &planned, None);
    let pending = arguments.detailed_exitcode && planned.iter().any(|p| !p.plan.is_empty());
    worst([Run::findings_code(&planned), if pending { exit::PENDING } else { exit::DONE }])
}

/// Says that apply would refuse, while there is time to talk about it (design rule 9).
fn warn_of_deletes(planned: &mut Planned, limit: Option<usize>) {
    let count = planned.plan.counted_deletes();
    if let Some(limit) = limit.filter(|l| count > *l) {
        let message = format!("{count} deletes and replacements are planned; apply allows {limit} here");
        let warning = Diagnostic::warning(Code::TooManyDeletes, message);
        planned.plan.findings.push(warning.help("a saved plan, or --max-deletes N, allows them"));
    }
}

/// Prints plans in the format asked for.
fn show(run: &mut Run, loaded: &Loaded, planned: &[Planned]) {
    if run.is_review() {
        let refusal = refusal(planned);
        run.review(Some(loaded), planned, refusal.as_ref());
        if let Some(error) = &refusal {
            run.explain_error(error);
        }
        return;
    }
    if run.is_json() {
        let refusal = refusal(planned);
        show_json(run, loaded, planned, refusal.as_ref());
        if let Some(error) = &refusal {
            run.explain_error(error);
        }
        return;
    }
    show_text(run, loaded, planned);
}

/// Plans as JSON. Its keys stand in alphabetical order.
#[derive(Serialize)]
struct Document<'a> {
    diagnostics: Vec<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Json>,
    format_version: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    not_planned: &'a [String],
    stacks: Vec<json::StackPlan<'a>>,
}

/// Prints plans as JSON, with what forbids them.
pub(super) fn show_json(run: &mut Run, loaded: &Loaded, planned: &[Planned], error: Option<&CommandError>) {
    let Run { ui, key, .. } = run;
    ui.json(&Document {
        diagnostics: loaded.findings.iter().map(|f| json::diagnostic(f, &loaded.sources)).collect(),
        error: error.map(CommandError::json),
        format_version: json::FORMAT_VERSION,
        not_planned: &loaded.left_out,
        stacks: planned.iter().map(|p| json::StackPlan { plan: &p.plan, sources: &loaded.sources, key }).collect(),
    });
}

/// Plans as text, findings on stderr.
pub(super) fn show_text(run: &mut Run, loaded: &Loaded, planned: &[Planned]) {
    for (i, one) in planned.iter().enumerate() {
        if i > 0 {
            run.ui.text("\n");
        }
        let findings = diagnostics::render(&one.plan.findings, &loaded.sources, run.ui.err_style);
        if !findings.is_empty() {
            run.ui.complain(&findings);
        }
        let style = run.ui.out_style;
        run.ui.texts(text::parts(&one.plan, &run.key, style));
    }
    for note in &loaded.left_out {
        run.ui.text(&format!("not planned: {}\n", visible_line(note)));
    }
    if planned.len() > 1 {
        let line = text::total(planned.iter().map(|p| &p.plan), run.ui.out_style);
        run.ui.text(&line);
    }
}
