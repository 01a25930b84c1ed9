//! `provision drift`: what changed in the cloud though the manifest did not. The same plan, without the changes
//! that the manifest itself caused.

use plan::change::Cause;
use plan::render::text;

use super::{Planned, Run, plan as plan_command, refusal};
use crate::error::{exit, worst};

/// Runs it.
pub(crate) async fn run(run: &mut Run) -> u8 {
    let loaded = match run.load_valid() {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let session = match run.open(&loaded).await {
        Ok(session) => session,
        Err(code) => return code,
    };
    let planned = run.plan_all(&session, &loaded, false).await;
    session.close().await;
    let mut planned = match planned {
        Ok(planned) => planned,
        Err(error) => return run.fail(&error, Some(&loaded)),
    };
    for one in &mut planned {
        leave_drift(one);
    }
    if run.is_review() {
        let refusal = refusal(&planned);
        run.review(Some(&loaded), &planned, refusal.as_ref());
    } else if run.is_json() {
        let refusal = refusal(&planned);
        plan_command::show_json(run, &loaded, &planned, refusal.as_ref());
    } else {
        for one in &planned {
            if one.plan.changes.is_empty() {
                run.ui.data(&format!(
                    "stack {}\n  no drift: nothing changed in the cloud behind the manifest's back\n",
                    one.plan.stack
                ));
            } else {
                let style = run.ui.out_style;
                run.ui.texts(text::parts(&one.plan, &run.key, style));
            }
        }
    }
    if !run.is_json() {
        run.ui.say("Code edited in the console is not looked for.");
    }
    let drifted = planned.iter().any(|p| !p.plan.is_empty());
    worst([Run::findings_code(&planned), if drifted { exit::PENDING } else { exit::DONE }])
}

/// Keeps what the cloud caused, and what nothing tells the cause of; what follows from a manifest edit goes.
fn leave_drift(planned: &mut Planned) {
    planned.plan.changes.retain(|c| c.cause != Cause::Manifest);
    for change in &mut planned.plan.changes {
        // Positions in the whole plan mean nothing here.
        change.after.clear();
    }
}
