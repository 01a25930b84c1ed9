//! `provision apply` and `provision destroy`: plan, show, ask, carry out, report. The same machinery; destroy
//! wants an empty stack.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use plan::address::ResourceAddress;
use plan::change::Action;
use plan::desired::Stack;
use plan::diagnostic::{Code, Diagnostic};
use plan::lease::Break;
use plan::progress::Outcome;
use plan::render::json::FORMAT_VERSION;
use plan::render::style::{visible, visible_line};
use serde_json::{Value as Json, json};

use super::{Planned, Run, plan as plan_command, refusal, wanted};
use crate::apply::lease::{self, Leases};
use crate::apply::{Applier, Ended, Stop, holder};
use crate::build::{self, BuildOptions};
use crate::cli::{ApplyArgs, Format, LeaseMode};
use crate::error::{CommandError, exit};
use crate::explanations;
use crate::load::Loaded;
use crate::plan_file::PlanFile;
use crate::progress_view::View;
use crate::review::why;
use crate::session::Session;
use crate::upload::{self, Packages, Ready};
use crate::upload_view::UploadView;

/// A plan older than this when the lease is taken is made again: somebody may have applied while a person read it or
/// cargo built. What changes in less is noticed by the look before each write.
const FRESH: Duration = Duration::from_secs(5);
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
        Err(error) => return run.fail(&error, None, &[]),
    };
    let destroy = saved.as_ref().map_or(destroy, |s| s.destroy);
    if let Some(saved) = &saved {
        // The file says what was planned; options that would plan something else are not asked again.
        run.global.stack = saved.stacks().map(str::to_owned).collect();
        run.global.target.clone_from(&saved.targets);
    }
    let loaded = match run.load_valid() {
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
        Err(error) => return run.fail(&error, Some(&loaded), &[]),
    };
    if let Err(error) = build::known_rebuilds(&loaded, &arguments.rebuild) {
        return run.fail(&error, (!run.is_text()).then_some(&loaded), &[]);
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
            Try::Moved(error) => return run.fail(&error, (!run.is_text()).then_some(loaded), &[]),
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || order.stop.asked() {
            return run.fail(&held, (!run.is_text()).then_some(loaded), &[]);
        }
        run.ui.say(&format!("{held}; waiting"));
        let free = tokio::select! {
            free = lease::wait(&session.client, &stack, left) => free,
            () = order.stop.wait() => return run.fail(&CommandError::Interrupted, (!run.is_text()).then_some(loaded), &[]),
        };
        match free {
            Ok(true) => run.ui.say("it is free; planning again"),
            Ok(false) => return run.fail(&held, (!run.is_text()).then_some(loaded), &[]),
            Err(error) => return run.fail(&error, (!run.is_text()).then_some(loaded), &[]),
        }
    }
}

async fn once(run: &mut Run, order: &Order<'_>, loaded: &Loaded, session: &Session) -> Try {
    let mut planned = match run.plan_all(session, loaded, order.destroy).await {
        Ok(planned) => planned,
        Err(error) => return Try::Ended(run.fail(&error, Some(loaded), &[])),
    };
    let planned_at = Instant::now();
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
        let stacks: Vec<Json> =
            plan_command::document(run, loaded, &planned)["stacks"].as_array().cloned().unwrap_or_default();
        run.fail(&error, (!run.is_text()).then_some(loaded), &stacks);
        return Try::Ended(Run::findings_code(&planned));
    }
    if let Some(error) = order.saved.and_then(|saved| stale(run, saved, &planned, SAVED_PLAN)) {
        return Try::Ended(run.fail(&error, (!run.is_text()).then_some(loaded), &[]));
    }
    if planned.iter().all(|p| p.plan.is_empty()) {
        report(run, loaded, &planned, &planned.iter().map(|_| Vec::new()).collect::<Vec<_>>(), None, None);
        return Try::Ended(exit::DONE);
    }
    // A saved plan was read and approved already.
    if order.saved.is_none()
        && let Err(error) = confirm(run, order.arguments, &planned, order.destroy)
    {
        return Try::Ended(run.fail(&error, (!run.is_text()).then_some(loaded), &[]));
    }
    // Everything that will be sent is made before the first write.
    let options = BuildOptions {
        no_build: order.arguments.no_build,
        rebuild: order.arguments.rebuild.clone(),
        folder: run.world.folder.clone(),
    };
    let packages = match packages(run, loaded, &planned, &options, order.stop) {
        Ok(packages) => packages,
        Err(error) => return Try::Ended(run.fail(&error, (!run.is_text()).then_some(loaded), &[])),
    };
    let leases = match take_leases(run, order, session, &planned).await {
        Ok(leases) => leases,
        Err(CommandError::Held { stack, by }) => {
            return Try::Held { stack: stack.clone(), held: CommandError::Held { stack, by } };
        }
        Err(error) => return Try::Ended(run.fail(&error, (!run.is_text()).then_some(loaded), &[])),
    };
    let ended = under_lease(run, order, loaded, session, &planned, planned_at, packages, &leases).await;
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
    planned_at: Instant,
    packages: Vec<Packages>,
    leases: &Leases,
) -> Try {
    if leases.superseded || planned_at.elapsed() > FRESH {
        match still_planned(run, order, loaded, session, planned).await {
            Ok(()) => {}
            Err(error @ CommandError::Refused { .. }) => return Try::Moved(error),
            Err(error) => return Try::Ended(run.fail(&error, (!run.is_text()).then_some(loaded), &[])),
        }
    }
    // What has to stand in a bucket is there first: a failed upload leaves every function as it was.
    match deliver(run, session, loaded, planned, packages, order.stop).await {
        Ok(ready) => Try::Ended(carry_out_all(run, order, loaded, session, planned, ready, leases).await),
        Err(error) => Try::Ended(run.fail(&error, (!run.is_text()).then_some(loaded), &[])),
    }
}

/// Takes the lease of every stack that is written to.
async fn take_leases(
    run: &mut Run,
    order: &Order<'_>,
    session: &Session,
    planned: &[Planned],
) -> Result<Leases, CommandError> {
    let breaks = match &order.arguments.lease {
        LeaseMode::Off => return Ok(Leases::default()),
        LeaseMode::On => None,
        LeaseMode::Break(None) => Some(Break::Any),
        LeaseMode::Break(Some(id)) => Some(Break::Only(id.clone())),
    };
    let who = run.ui.secrets.filter(&holder::who(&run.world));
    let stacks: Vec<&str> = planned.iter().filter(|p| !p.plan.is_empty()).map(|p| p.plan.stack.as_str()).collect();
    let leases = lease::take(&session.client, &stacks, &who, breaks.as_ref()).await?;
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
    stale(run, &shown, &now, "the plan that was shown").map_or(Ok(()), Err)
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

/// Why a saved plan does not hold any more: seen, now and wanted, object by object (design rule 7).
fn stale(run: &mut Run, saved: &PlanFile, planned: &[Planned], which: &str) -> Option<CommandError> {
    let stale = saved.stale(planned, run);
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
        c.attributes.iter().any(|a| a.path == moved.path)
            && object.ends_with(c.address.as_str().rsplit('.').next().unwrap_or_default())
    })?;
    let after = &change.attributes.iter().find(|a| a.path == moved.path)?.after;
    Some(if after.guarded { "(hidden)".to_owned() } else { after.value.to_string() })
}

/// How many deletes are allowed; `None` is any number.
pub(super) fn delete_limit(run: &Run, given: Option<&str>, destroy: bool) -> Result<Option<usize>, CommandError> {
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

fn fence(planned: &mut Planned, limit: Option<usize>) {
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

fn confirm(run: &mut Run, arguments: &ApplyArgs, planned: &[Planned], destroy: bool) -> Result<(), CommandError> {
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

/// Says what happened (design rule 10).
fn report(
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
