//! `provision apply` and `provision destroy`: plan, show, ask, carry out, report. The same machinery; destroy
//! wants an empty stack.

mod fences;
mod report;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use plan::address::ResourceAddress;
use plan::desired::Stack;
use plan::lease::{Before, Break};
use plan::progress::Outcome;

pub(super) use fences::delete_limit;
use fences::{confirm, fence, stale};
use report::report;

use super::{Planned, Run, plan as plan_command, refusal, wanted};
use crate::apply::lease::{self, Leases};
use crate::apply::{Applier, Ended, Stop, holder};
use crate::build::{self, BuildOptions};
use crate::cli::{ApplyArgs, LeaseMode};
use crate::error::{CommandError, exit};
use crate::load::Loaded;
use crate::plan_file::PlanFile;
use crate::progress_view::View;
use crate::session::Session;
use crate::upload::{self, Packages, Ready};
use crate::upload_view::UploadView;

const SAVED_PLAN: &str = "the saved plan";

/// Runs it.
pub(crate) async fn run(
    run: &mut Run,
    arguments: &ApplyArgs,
    plan_file: Option<&Path>,
    destroy: bool,
    stop: &Stop,
) -> u8 {
    let saved = match plan_file.map(|path| PlanFile::read(&run.world.folder.join(path), run)).transpose() {
        Ok(saved) => saved,
        Err(error) => return run.fail(&error, None),
    };
    let destroy = saved.as_ref().map_or(destroy, |s| s.destroy);
    if let Some(saved) = &saved {
        // The file says what was planned; options that would plan something else are not asked again.
        run.global.stack = saved.stacks().map(str::to_owned).collect();
        run.global.target.clone_from(&saved.targets);
    }
    let loaded = match if saved.is_some() { run.load_planned() } else { run.load_valid() } {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    if saved.as_ref().is_some_and(|s| s.stacks().next().is_none()) {
        // No name of a stack would mean all of them.
        run.ui.say("the saved plan holds no stack: there is nothing to do");
        report(run, &loaded, &[], &[], None, None);
        return exit::DONE;
    }
    let limit = match delete_limit(run, arguments.max_deletes.as_deref(), destroy || saved.is_some()) {
        Ok(limit) => limit,
        Err(error) => return run.fail(&error, Some(&loaded)),
    };
    if let Err(error) = build::known_rebuilds(&loaded, &arguments.rebuild) {
        return run.fail(&error, (!run.is_text()).then_some(&loaded));
    }
    let session = match run.open(&loaded).await {
        Ok(session) => session,
        Err(code) => return code,
    };
    let order = Order { arguments, saved: saved.as_ref(), destroy, limit, stop };
    let code = with_session(run, &order, &loaded, &session).await;
    session.close().await;
    code
}

/// What was asked for.
struct Order<'a> {
    arguments: &'a ApplyArgs,
    saved: Option<&'a PlanFile>,
    destroy: bool,
    /// Deletes allowed; `None` is any number.
    limit: Option<usize>,
    stop: &'a Stop,
}

/// How one try ended.
enum Try {
    Ended(u8),
    /// Somebody else is writing to a stack; nothing was changed.
    Held {
        stack: String,
        held: CommandError,
    },
    /// The plan does not hold any more, for this reason; nothing was changed.
    Moved(CommandError),
}

/// Tries, and tries again while there is time to wait for others: what they did has to be planned for.
async fn with_session(run: &mut Run, order: &Order<'_>, loaded: &Loaded, session: &Session) -> u8 {
    let until = Instant::now() + order.arguments.lease_wait.unwrap_or_default();
    // Who said yes to whatever the plan is gets a new one, once; who approved a plan gets that or none.
    let mut any_plan_will_do = order.arguments.yes && order.saved.is_none();
    loop {
        let (stack, held) = match once(run, order, loaded, session).await {
            Try::Ended(code) => return code,
            Try::Held { stack, held } => (stack, held),
            Try::Moved(error) if any_plan_will_do => {
                any_plan_will_do = false;
                run.ui.say(&format!("{error}; planning again"));
                continue;
            }
            Try::Moved(error) => return run.fail(&error, (!run.is_text()).then_some(loaded)),
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || order.stop.asked() {
            return run.fail(&held, (!run.is_text()).then_some(loaded));
        }
        run.ui.say(&format!("{held}; waiting"));
        let free = tokio::select! {
            free = lease::wait(&session.client, &stack, left) => free,
            () = order.stop.wait() => return run.fail(&CommandError::Interrupted, (!run.is_text()).then_some(loaded)),
        };
        match free {
            Ok(true) => run.ui.say("it is free; planning again"),
            Ok(false) => return run.fail(&held, (!run.is_text()).then_some(loaded)),
            Err(error) => return run.fail(&error, (!run.is_text()).then_some(loaded)),
        }
    }
}

async fn once(run: &mut Run, order: &Order<'_>, loaded: &Loaded, session: &Session) -> Try {
    // Before the first read: whoever writes after this leaves a trace that was not there yet.
    let before = match order.arguments.lease {
        LeaseMode::Off => None,
        LeaseMode::On | LeaseMode::Break(_) => lease::before(&session.client).await,
    };
    let begun = Instant::now();
    let mut planned = match run.plan_all(session, loaded, order.destroy).await {
        Ok(planned) => planned,
        Err(error) => {
            let error = if order.saved.is_some() { error.for_a_saved_plan() } else { error };
            return Try::Ended(run.fail(&error, Some(loaded)));
        }
    };
    for one in &mut planned {
        fence(one, order.limit);
    }
    if run.is_text() {
        plan_command::show_text(run, loaded, &planned);
    }
    if let Some(error) = refusal(&planned) {
        if run.is_review() {
            // What stands in the way belongs to the plan, so that is what a reviewer gets.
            run.review(Some(loaded), &planned, Some(&error));
            run.explain_error(&error);
            return Try::Ended(Run::findings_code(&planned));
        }
        if !run.is_text() {
            plan_command::show_json(run, loaded, &planned, Some(&error));
        }
        run.explain_error(&error);
        return Try::Ended(Run::findings_code(&planned));
    }
    if let Some(error) = order.saved.and_then(|saved| stale(run, saved, &planned, loaded, SAVED_PLAN)) {
        return Try::Ended(run.fail(&error, (!run.is_text()).then_some(loaded)));
    }
    if planned.iter().all(|p| p.plan.is_empty()) {
        report(run, loaded, &planned, &planned.iter().map(|_| Vec::new()).collect::<Vec<_>>(), None, None);
        return Try::Ended(exit::DONE);
    }
    // A saved plan was read and approved already.
    if order.saved.is_none()
        && let Err(error) = confirm(run, order.arguments, &planned, order.destroy)
    {
        return Try::Ended(run.fail(&error, (!run.is_text()).then_some(loaded)));
    }
    // Everything that will be sent is made before the first write.
    let options = BuildOptions {
        no_build: order.arguments.no_build,
        rebuild: order.arguments.rebuild.clone(),
        folder: run.world.folder.clone(),
    };
    let packages = match packages(run, loaded, &planned, &options, order.stop) {
        Ok(packages) => packages,
        Err(error) => return Try::Ended(run.fail(&error, (!run.is_text()).then_some(loaded))),
    };
    let leases = match take_leases(run, order, session, &planned, before.as_ref()).await {
        Ok(leases) => leases,
        Err(CommandError::Held { stack, by }) => {
            return Try::Held { stack: stack.clone(), held: CommandError::Held { stack, by } };
        }
        Err(error) => return Try::Ended(run.fail(&error, (!run.is_text()).then_some(loaded))),
    };
    let ended = under_lease(run, order, loaded, session, &planned, begun, packages, &leases).await;
    for warning in leases.give_back().await {
        run.ui.complain(&warning);
    }
    ended
}

#[expect(clippy::too_many_arguments, reason = "what one try has gathered, handed on once")]
async fn under_lease(
    run: &mut Run,
    order: &Order<'_>,
    loaded: &Loaded,
    session: &Session,
    planned: &[Planned],
    begun: Instant,
    packages: Vec<Packages>,
    leases: &Leases,
) -> Try {
    // Traces of others are swept up in the end: for an older plan, the lack of any says nothing.
    let is_old = begun.elapsed() > Duration::from_secs(plan::lease::OLD.unsigned_abs());
    if leases.disturbed || is_old {
        match still_planned(run, order, loaded, session, planned).await {
            Ok(()) => {}
            Err(error @ CommandError::Refused { .. }) => return Try::Moved(error),
            Err(error) => return Try::Ended(run.fail(&error, (!run.is_text()).then_some(loaded))),
        }
    }
    // What has to stand in a bucket is there first: a failed upload leaves every function as it was.
    match deliver(run, session, loaded, planned, packages, order.stop).await {
        Ok(ready) => Try::Ended(carry_out_all(run, order, loaded, session, planned, ready, leases).await),
        Err(error) => Try::Ended(run.fail(&error, (!run.is_text()).then_some(loaded))),
    }
}

/// Takes the lease of every stack that is written to.
async fn take_leases(
    run: &mut Run,
    order: &Order<'_>,
    session: &Session,
    planned: &[Planned],
    before: Option<&Before>,
) -> Result<Leases, CommandError> {
    let breaks = match &order.arguments.lease {
        LeaseMode::Off => return Ok(Leases::default()),
        LeaseMode::On => None,
        LeaseMode::Break(None) => Some(Break::Any),
        LeaseMode::Break(Some(id)) => Some(Break::Only(id.clone())),
    };
    let who = run.ui.secrets.filter(&holder::who(&run.world));
    let stacks: Vec<&str> = planned.iter().filter(|p| !p.plan.is_empty()).map(|p| p.plan.stack.as_str()).collect();
    let leases = lease::take(&session.client, &stacks, &who, breaks.as_ref(), before).await?;
    for note in &leases.notes {
        run.ui.say(note);
    }
    Ok(leases)
}

/// Plans again under the lease, and fails if that says something else: somebody may have applied since.
async fn still_planned(
    run: &mut Run,
    order: &Order<'_>,
    loaded: &Loaded,
    session: &Session,
    planned: &[Planned],
) -> Result<(), CommandError> {
    let shown = PlanFile::of(planned, loaded, run, order.destroy);
    let now = run.plan_all(session, loaded, order.destroy).await?;
    stale(run, &shown, &now, loaded, "the plan that was shown").map_or(Ok(()), Err)
}

async fn carry_out_all(
    run: &mut Run,
    order: &Order<'_>,
    loaded: &Loaded,
    session: &Session,
    planned: &[Planned],
    ready: Vec<BTreeMap<ResourceAddress, Ready>>,
    leases: &Leases,
) -> u8 {
    let mut ended = Vec::new();
    for (one, packages) in planned.iter().zip(ready) {
        let stack = wanted(&loaded.stacks[one.index].stack, order.destroy);
        let stop = order.stop.or_lost(leases.hold(&one.plan.stack));
        ended.push(carry_out(run, session, &stack, one, packages, &stop).await);
    }
    let loss = leases.loss();
    let interrupted = order.stop.asked().then_some(&CommandError::Interrupted);
    report(run, loaded, planned, &ended, interrupted, loss.as_ref());
    let failed = ended.iter().flatten().filter(|e| e.outcome != Outcome::Applied).count();
    if let Some(error) = &loss {
        run.explain_error(error);
    }
    if order.stop.asked() {
        if !run.is_json() {
            run.explain_error(&CommandError::Interrupted);
        }
        return exit::INTERRUPTED;
    }
    // Even if everything was carried out: somebody else may be changing it already.
    if failed > 0 || loss.is_some() { exit::FAILED } else { exit::DONE }
}

fn packages(
    run: &mut Run,
    loaded: &Loaded,
    planned: &[Planned],
    options: &BuildOptions,
    stop: &Stop,
) -> Result<Vec<Packages>, CommandError> {
    planned
        .iter()
        .map(|one| {
            let wanted: Vec<&ResourceAddress> = one
                .plan
                .changes
                .iter()
                .filter(|c| c.steps.iter().any(plan::step::Step::needs_package))
                .map(|c| &c.address)
                .collect();
            build::packages(&loaded.stacks[one.index], &wanted, options, stop, &mut |line| run.ui.say(line))
        })
        .collect()
}

async fn deliver(
    run: &mut Run,
    session: &Session,
    loaded: &Loaded,
    planned: &[Planned],
    packages: Vec<Packages>,
    stop: &Stop,
) -> Result<Vec<BTreeMap<ResourceAddress, Ready>>, CommandError> {
    // What cannot go anywhere is told before anything of another stack is sent.
    for (one, packages) in planned.iter().zip(&packages) {
        upload::check(&loaded.stacks[one.index], packages)?;
    }
    let view = UploadView::of(&run.ui);
    let mut ready = Vec::new();
    for (one, packages) in planned.iter().zip(packages) {
        ready.push(upload::deliver(&session.client, &loaded.stacks[one.index], packages, stop, &view).await?);
    }
    Ok(ready)
}

async fn carry_out(
    run: &mut Run,
    session: &Session,
    stack: &Stack,
    planned: &Planned,
    packages: BTreeMap<ResourceAddress, Ready>,
    stop: &Stop,
) -> Vec<Ended> {
    if planned.plan.is_empty() {
        return Vec::new();
    }
    let view = Mutex::new(View::new(
        &planned.plan,
        run.ui.live && run.ui.verbosity == 1,
        run.ui.err_style,
        run.ui.secrets.clone(),
        run.ui.verbosity > 0,
        run.ui.folds,
    ));
    let fold = run.ui.folds.around(&format!("Apply {}", planned.plan.stack)).filter(|_| run.ui.verbosity > 0);
    if let Some((start, _)) = &fold {
        run.ui.command(start);
    }
    let on_event = |event: crate::apply::Event<'_>| {
        if let Ok(mut view) = view.lock() {
            view.take(&event);
        }
    };
    let applier =
        Applier::new(&session.client, stack, &planned.observed, &planned.plan, packages, stop.clone(), &on_event);
    let ended = applier.run().await;
    if let Ok(mut view) = view.lock() {
        view.finish();
    }
    if let Some((_, end)) = &fold {
        run.ui.command(end);
    }
    ended
}
