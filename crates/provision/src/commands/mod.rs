//! The commands: each gathers inputs, calls `plan`, and carries out or prints the answer. One file a command.

pub(crate) mod apply;
pub(crate) mod completions;
pub(crate) mod drift;
pub(crate) mod event;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod init;
pub(crate) mod invoke;
pub(crate) mod local;
pub(crate) mod logs;
pub(crate) mod package;
pub(crate) mod permissions;
pub(crate) mod plan;
pub(crate) mod schema;
pub(crate) mod snapshot;
pub(crate) mod validate;

use std::borrow::Cow;

use ::plan::diagnostic::{Code, Diagnostic};
use ::plan::observed::Observed;
use ::plan::plan::Plan;
use ::plan::render::guard::DigestKey;
use ::plan::render::style::{visible, visible_line};
use ::plan::render::{diagnostics, json};
use ::plan::snapshot::Snapshot;
use serde_json::json;

use crate::cli::{Format, Global};
use crate::error::{CommandError, causes, findings_exit, worst};
use crate::load::{self, Loaded, Values};
use crate::observe;
use crate::review::About;
use crate::session::Session;
use crate::ui::Ui;
use crate::world::World;

/// What every command gets.
pub(crate) struct Run {
    /// Options of every command.
    pub(crate) global: Global,
    /// The process.
    pub(crate) world: World,
    /// Output.
    pub(crate) ui: Ui,
    /// Key of guarded values for this run.
    pub(crate) key: DigestKey,
    /// The same key's bytes when this run made it up; a saved plan keeps them. `None`: PROVISION_DIGEST_KEY.
    pub(crate) own_key: Option<Vec<u8>>,
    /// What its reports are about.
    pub(crate) about: About,
}

/// One stack with what it was planned from.
pub(crate) struct Planned {
    /// Index into the loaded stacks.
    pub(crate) index: usize,
    pub(crate) observed: Observed,
    pub(crate) plan: Plan,
}

impl Run {
    fn is_json(&self) -> bool {
        self.global.format == Format::Json
    }

    fn is_text(&self) -> bool {
        self.global.format == Format::Text
    }

    /// Whether the output is a report for reviewers.
    fn is_review(&self) -> bool {
        !self.is_json() && !self.is_text()
    }

    /// Reads the manifests. Findings are shown; errors among them end the command.
    fn load(&mut self, values: Values) -> Result<Loaded, u8> {
        match load::load(&self.global, &self.world, &self.ui.secrets, values) {
            Ok(loaded) => Ok(loaded),
            Err(error) => Err(self.fail(&error, None)),
        }
    }

    /// Reads the manifests and stops at errors.
    pub(crate) fn load_valid(&mut self) -> Result<Loaded, u8> {
        self.load_valid_with(Values::Needed)
    }

    /// The same, for a command that can do without some values of variables.
    pub(crate) fn load_valid_with(&mut self, values: Values) -> Result<Loaded, u8> {
        let loaded = self.load(values)?;
        self.valid(loaded)
    }

    /// The same, for the stacks of a saved plan.
    pub(crate) fn load_planned(&mut self) -> Result<Loaded, u8> {
        match load::load(&self.global, &self.world, &self.ui.secrets, Values::Needed) {
            Ok(loaded) => self.valid(loaded),
            Err(error) => Err(self.fail(&error.for_a_saved_plan(), None)),
        }
    }

    fn valid(&mut self, loaded: Loaded) -> Result<Loaded, u8> {
        if loaded.errors() > 0 {
            let error = CommandError::Findings { count: loaded.errors() };
            return Err(self.fail(&error, Some(&loaded)));
        }
        let warnings = diagnostics::render(&loaded.findings, &loaded.sources, self.ui.err_style);
        if self.is_text() && !warnings.is_empty() {
            self.ui.say(&warnings);
        }
        Ok(loaded)
    }

    /// Opens a session with the cloud that the options name.
    pub(crate) async fn open(&mut self, loaded: &Loaded) -> Result<Session, u8> {
        let account = loaded.stacks.iter().find_map(|s| s.stack.account.clone());
        match Session::open(&self.global, &self.world, &self.ui.secrets, account.as_deref()).await {
            Ok(session) => Ok(session),
            Err(error) => Err(self.fail(&error, Some(loaded))),
        }
    }

    /// Says why the command ends, in the format asked for, and gives the exit code.
    pub(crate) fn fail(&mut self, error: &CommandError, loaded: Option<&Loaded>) -> u8 {
        if self.is_json() {
            let found =
                loaded.map_or_else(Vec::new, |l| l.findings.iter().map(|f| json::diagnostic(f, &l.sources)).collect());
            let document = json!({ "format_version": json::FORMAT_VERSION, "stacks": [], "diagnostics": found, "error": error.json() });
            self.ui.json(&document);
        } else if self.is_review() && self.about == About::Apply {
            self.review_failed_apply(loaded, error);
        } else if self.is_review() {
            self.review(loaded, &[], Some(error));
        } else if let Some(loaded) = loaded {
            let text = diagnostics::render(&loaded.findings, &loaded.sources, self.ui.err_style);
            if !text.is_empty() {
                self.ui.complain(&text);
            }
        }
        self.explain_error(error);
        error.exit_code()
    }

    /// The error, its causes a line each, its request id and the way out.
    pub(crate) fn explain_error(&mut self, error: &CommandError) {
        let style = self.ui.err_style;
        let mut lines = causes(error).into_iter();
        let mut text = format!("{}: {}", style.red("error"), style.bold(&visible(&lines.next().unwrap_or_default())));
        if let CommandError::Call { address: Some(address), .. } = error {
            text.push_str(&format!("\n  on {}", visible_line(address)));
        }
        for cause in lines {
            text.push_str(&format!("\n  caused by: {}", visible(&cause).replace('\n', "\n    ")));
        }
        if let Some(help) = error.help() {
            text.push_str(&format!("\n{}: {help}", style.bold("help"), help = visible(&help)));
        }
        if let CommandError::Call { source, .. } = error
            && let Some(code) = source.code().filter(|c| crate::explanations::is_known(c))
        {
            text.push_str(&format!("\n{}: `provision explain {code}` says more", style.bold("help")));
        }
        self.ui.complain(&text);
    }

    /// Plans every stack before anything is written. A failed read fails them all.
    pub(crate) async fn plan_all(
        &mut self,
        session: &Session,
        loaded: &Loaded,
        destroy: bool,
    ) -> Result<Vec<Planned>, CommandError> {
        let targets = self.global.target.clone();
        let guard = self.world.variable("PROVISION_ACCOUNT");
        let asked = observe::Asked::default();
        let planned = futures_util::future::try_join_all(loaded.stacks.iter().enumerate().map(|(index, loaded)| {
            let (targets, asked) = (&targets, &asked);
            async move {
                let observed = observe::observe(&session.client, &loaded.stack, asked).await?;
                let wanted = wanted(&loaded.stack, destroy);
                let (observed, mut plan) = with_holders(session, &wanted, observed).await;
                if let Some(finding) = wrong_account(&loaded.stack, guard, &observed) {
                    plan.changes.clear();
                    plan.findings.push(finding);
                }
                plan.keep_targets(targets);
                plan.findings.extend(::plan::package::findings(&plan, &wanted, &loaded.sizes));
                Ok::<_, CommandError>(Planned { index, observed, plan })
            }
        }))
        .await?;
        let mut planned = planned;
        self.hide_in_reports(&mut planned);
        known_targets(&targets, loaded, &planned)?;
        Ok(planned)
    }

    /// Markup spells some characters otherwise, which the filter of output would not know again.
    fn hide_in_reports(&self, planned: &mut [Planned]) {
        if !self.is_review() {
            return;
        }
        for plan in planned.iter_mut().map(|p| &mut p.plan) {
            let filter = |text: &mut String| *text = self.ui.secrets.filter(text);
            plan.changes.iter_mut().for_each(|c| filter(c.reason.to_mut()));
            plan.findings.iter_mut().for_each(|f| {
                filter(&mut f.message);
                f.help.iter_mut().for_each(filter);
            });
        }
    }

    /// Plans every stack from a snapshot. Calls nothing.
    pub(crate) fn plan_from(
        &self,
        snapshot: &Snapshot,
        loaded: &Loaded,
        destroy: bool,
    ) -> Result<Vec<Planned>, CommandError> {
        let targets = &self.global.target;
        let guard = self.world.variable("PROVISION_ACCOUNT");
        let mut planned: Vec<Planned> = loaded
            .stacks
            .iter()
            .enumerate()
            .map(|(index, loaded)| {
                let wanted = wanted(&loaded.stack, destroy);
                let mut plan = ::plan::snapshot::plan(&wanted, snapshot);
                let account = plan.as_of.as_ref().map(|a| a.account.clone()).unwrap_or_default();
                let observed = Observed { account, ..Observed::default() };
                if let Some(finding) = wrong_account(&loaded.stack, guard, &observed)
                    && !observed.account.is_empty()
                {
                    plan.changes.clear();
                    plan.findings.push(finding);
                }
                plan.keep_targets(targets);
                Planned { index, observed, plan }
            })
            .collect();
        self.hide_in_reports(&mut planned);
        known_targets(targets, loaded, &planned)?;
        Ok(planned)
    }

    /// The exit code of findings that plans themselves made.
    pub(crate) fn findings_code(planned: &[Planned]) -> u8 {
        worst(planned.iter().map(|p| findings_exit(&p.plan.findings)))
    }
}

/// What a command wants of a stack: all that it declares, or, to destroy it, nothing.
pub(crate) fn wanted(stack: &::plan::desired::Stack, destroy: bool) -> Cow<'_, ::plan::desired::Stack> {
    if destroy { Cow::Owned(stack.emptied()) } else { Cow::Borrowed(stack) }
}

/// A target that nothing answers to is a slip.
fn known_targets(targets: &[String], loaded: &Loaded, planned: &[Planned]) -> Result<(), CommandError> {
    for target in targets {
        let known = planned.iter().any(|p| {
            p.plan.changes.iter().any(|c| c.address.is_within(target))
                || loaded.stacks.iter().any(|s| addresses(&s.stack).iter().any(|a| a == target))
        });
        if !known {
            return Err(CommandError::Undeclared {
                message: format!("no resource has the address `{target}`"),
                help: "addresses look like function.NAME; `provision plan` lists them".to_owned(),
            });
        }
    }
    Ok(())
}

fn addresses(stack: &::plan::desired::Stack) -> Vec<String> {
    let triggers = stack.functions.iter().flat_map(|f| f.triggers.iter().map(|t| t.address.to_string()));
    stack
        .policies
        .iter()
        .map(|p| p.address.to_string())
        .chain(stack.roles.iter().map(|r| r.address.to_string()))
        .chain(stack.namespaces.iter().map(|n| n.address.to_string()))
        .chain(stack.functions.iter().map(|f| f.address.to_string()))
        .chain(triggers)
        .collect()
}

/// Plans; when an MPS binding must be made, finds the holders and plans again.
async fn with_holders(session: &Session, stack: &::plan::desired::Stack, mut observed: Observed) -> (Observed, Plan) {
    let plan = ::plan::plan(stack, &observed);
    if plan.wanted_holders.is_empty() {
        return (observed, plan);
    }
    let regions = stack.functions.iter().map(|f| f.key.region.clone()).collect();
    observed.holders = Some(observe::holders(&session.client, &plan.wanted_holders, &regions).await);
    let plan = ::plan::plan(stack, &observed);
    (observed, plan)
}

/// The account guards: the manifest's and PROVISION_ACCOUNT, each by itself (design section 3).
fn wrong_account(stack: &::plan::desired::Stack, guard: Option<&str>, observed: &Observed) -> Option<Diagnostic> {
    let wanted = [(stack.account.as_deref(), "the manifest is"), (guard, "PROVISION_ACCOUNT is")];
    let (account, who) = wanted.into_iter().find_map(|(a, who)| Some((a.filter(|a| *a != observed.account)?, who)))?;
    let message = format!("these credentials belong to account {}, {who} for {account}", observed.account);
    let mut finding = Diagnostic::refusal(Code::WrongAccount, message);
    finding.span = stack.span;
    Some(finding.help("use the other account's credentials, or change `account` (or PROVISION_ACCOUNT)"))
}

/// Refusals and errors of plans as one error, when there are any.
pub(crate) fn refusal(planned: &[Planned]) -> Option<CommandError> {
    let errors: Vec<&Diagnostic> = planned.iter().flat_map(|p| p.plan.errors()).collect();
    let first = errors.iter().find(|f| !f.refusal).or(errors.first())?;
    let more = if errors.len() > 1 { format!(" (and {} more)", errors.len() - 1) } else { String::new() };
    if errors.iter().any(|f| !f.refusal) {
        return Some(CommandError::Findings { count: errors.len() });
    }
    Some(CommandError::Refused { message: format!("{}{more}", first.message), help: first.help.clone() })
}
