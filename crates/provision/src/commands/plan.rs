//! `provision plan`: what would change, exactly. Writes nothing, builds nothing.

use plan::render::{diagnostics, json, text};
use serde_json::{Value as Json, json};

use super::{Planned, Run, refusal};
use crate::cli::PlanArgs;
use crate::error::{exit, worst};
use crate::load::Loaded;
use crate::plan_file::PlanFile;
use crate::session::Session;

/// Runs it.
pub(crate) async fn run(run: &mut Run, arguments: &PlanArgs) -> u8 {
    let loaded = match run.load_valid() {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let account = loaded.stacks.iter().find_map(|s| s.stack.account.clone());
    let session = match Session::open(&run.global, &run.world, &run.ui.secrets, account.as_deref()).await {
        Ok(session) => session,
        Err(error) => return run.fail(&error, Some(&loaded), &[]),
    };
    let planned = run.plan_all(&session, &loaded, arguments.destroy).await;
    session.close().await;
    let planned = match planned {
        Ok(planned) => planned,
        Err(error) => return run.fail(&error, Some(&loaded), &[]),
    };
    show(run, &loaded, &planned);
    if let (Some(path), None) = (&arguments.out, refusal(&planned)) {
        let path = run.world.folder.join(path);
        if let Err(error) = PlanFile::of(&planned, &loaded, run, arguments.destroy).write(&path) {
            run.explain_error(&error);
            return error.exit_code();
        }
        run.ui.say(&format!("saved; carry it out with `provision apply {}`", path.display()));
    }
    let pending = arguments.detailed_exitcode && planned.iter().any(|p| !p.plan.is_empty());
    worst([Run::findings_code(&planned), if pending { exit::PENDING } else { exit::DONE }])
}

/// Prints plans in the format asked for.
fn show(run: &mut Run, loaded: &Loaded, planned: &[Planned]) {
    if run.is_json() {
        let mut document = document(run, loaded, planned);
        let refusal = refusal(planned);
        if let Some(error) = &refusal {
            document["error"] = error.json();
        }
        run.ui.json(&document);
        if let Some(error) = &refusal {
            run.explain_error(error);
        }
        return;
    }
    show_text(run, loaded, planned);
}

/// Plans as JSON.
pub(super) fn document(run: &Run, loaded: &Loaded, planned: &[Planned]) -> Json {
    let stacks: Vec<Json> = planned.iter().map(|p| json::stack(&p.plan, &loaded.sources, &run.key)).collect();
    let found: Vec<Json> = loaded.findings.iter().map(|f| json::diagnostic(f, &loaded.sources)).collect();
    json!({ "format_version": json::FORMAT_VERSION, "stacks": stacks, "diagnostics": found })
}

/// Plans as text, findings on stderr.
pub(super) fn show_text(run: &mut Run, loaded: &Loaded, planned: &[Planned]) {
    for one in planned {
        let findings = diagnostics::render(&one.plan.findings, &loaded.sources, run.ui.err_style);
        if !findings.is_empty() {
            run.ui.complain(&findings);
        }
        let text = text::plan(&one.plan, &run.key, run.ui.out_style);
        run.ui.data(&text);
    }
}
