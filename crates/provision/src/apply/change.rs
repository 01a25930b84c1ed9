//! One change: its steps in turn, what their failures mean, and the look at what became of them. When an outcome
//! is unknown, or the service says that something exists already, the object is read again and decided again by
//! the planner's own rules; only what is left is sent.

use std::time::Duration;

use plan::address::Kind;
use plan::change::{Action, Change, Decision};
use plan::decide::{self, Context, TriggerPlace};
use plan::desired::RoleKind;
use plan::diagnostic::Severity;
use plan::observed::{FunctionKey, ObservedFunction, ObservedPolicy, ObservedRole, Status};
use plan::progress::Outcome;
use plan::resource::trigger::RawTrigger;
use plan::step::Step;
use tencentcloud::{Error, scf};

use super::bindings::bound_by;
use super::role_lag::ROLE_LAG;
use super::steps::StepError;
use super::wait::Pauses;
use super::{Applier, Place, Trouble};
use crate::observe::{self, Ask};

/// How often a change is decided again before it counts as failed.
const ROUNDS: usize = 5;
/// How long an answer may lag behind a write before the write counts as not kept.
pub(super) const READ_LAG: Duration = Duration::from_secs(5);
/// How often a step is sent, at most, that leaves no trace.
const TIMES: usize = 3;
/// How often a busy function is waited for within one step.
const BUSY_TRIES: usize = 5;

/// How running a list of steps ended.
enum Ran {
    Done,
    /// Read the object and decide again: this is why.
    Settle(Trouble),
}

/// What a change has sent.
#[derive(Default)]
struct Sent {
    /// Steps whose call was made, refused ones included, as often as it was: none of them shows at once.
    steps: Vec<Step>,
    /// Whether any of them changed something, or may have.
    written: bool,
}

impl Sent {
    fn times(&self, step: &Step) -> usize {
        self.steps.iter().filter(|sent| *sent == step).count()
    }

    /// What ended before anything was written is not unknown: it did not happen.
    fn truth(&self, trouble: Trouble) -> Trouble {
        if self.written || trouble.outcome != Outcome::Unknown {
            return trouble;
        }
        let what = if self.steps.is_empty() { "not sent" } else { "nothing was written" };
        Trouble { outcome: Outcome::Failed, message: format!("{what}: {}", trouble.message), ..trouble }
    }
}

impl Applier<'_> {
    /// Carries out one change.
    pub(super) async fn carry_out(&self, index: usize) -> Result<(), Trouble> {
        let mut sent = Sent::default();
        self.carry(index, &mut sent).await.map_err(|trouble| sent.truth(trouble))
    }

    async fn carry(&self, index: usize, sent: &mut Sent) -> Result<(), Trouble> {
        let change = &self.plan.changes[index];
        let mut steps = match self.still_as_planned(change).await {
            Ok(()) => change.steps.clone(),
            Err(moved) => match self.left_of_a_moved_binding(change).await? {
                Some(left) => left,
                None => self.left_of_a_shared_role(change).await?.ok_or(moved)?,
            },
        };
        let mut last: Option<Trouble> = None;
        for _ in 0..ROUNDS {
            last = match self.run_steps(index, change, &steps, sent).await? {
                Ran::Done if !self.needs_reading_back(change) => return Ok(()),
                Ran::Done => None,
                Ran::Settle(trouble) => {
                    if trouble.outcome == Outcome::Failed && !sent.written {
                        self.made_by_us(change, &trouble).await?;
                    }
                    Some(trouble)
                }
            };
            self.doing(index, "reading back");
            match self.remaining(change, sent, last.as_ref()).await? {
                None => return Ok(()),
                Some(left) => steps = left,
            }
        }
        Err(last.map_or_else(
            || {
                Trouble::failed(
                    "the service took every write and still answers something else; `provision plan` shows what",
                )
            },
            settled,
        ))
    }

    /// What is left to do on a role that every stack of the account completes: one applied a moment ago, in this very
    /// run perhaps, has moved it towards where this plan wants it. `None` for anything else that moved.
    async fn left_of_a_shared_role(&self, change: &Change) -> Result<Option<Vec<Step>>, Trouble> {
        let completes = change.steps.iter().all(|step| matches!(step, Step::AttachRolePolicy { .. }));
        if !completes || !self.is_of_the_account(change) {
            return Ok(None);
        }
        let Some(decision) = self.decide_again(change).await? else { return Ok(None) };
        let refused = decision.findings.iter().any(|finding| finding.severity == Severity::Error);
        let planned = decision.steps.iter().all(|step| change.steps.contains(step));
        Ok((!refused && planned).then_some(decision.steps))
    }

    /// A create that is refused, for the object exists: it was made since the plan. By a run of ours that was killed,
    /// or by one of the same manifest, and it is as we would have made it; or by somebody who wants something else, and
    /// may believe to have it. Preset roles are every stack's, and are completed. If nothing is there after all, it was
    /// refused for something else that exists.
    async fn made_by_us(&self, change: &Change, refusal: &Trouble) -> Result<(), Trouble> {
        if change.action != Action::Create || self.is_of_the_account(change) {
            return Ok(());
        }
        // For an event type that was taken from its holder every second counts: it goes back.
        let binds = change.steps.iter().any(|step| bound_by(step).is_some());
        let mut lag = Pauses::for_at_most(if binds { Duration::ZERO } else { READ_LAG });
        let decision = loop {
            let going = match self.places.get(&change.address) {
                Some(Place::Function(function)) => self.deleting(&function.key).await?,
                Some(Place::Policy(_) | Place::Role(_) | Place::Namespace(_) | Place::Trigger(..)) | None => None,
            };
            let Some(decision) = self.decide_again(change).await? else { return Ok(()) };
            if decision.action != Some(Action::Create) {
                break decision;
            }
            // It was going, and is gone: the name is free.
            if going == Some(Status::Busy("Deleting".to_owned())) {
                return Ok(());
            }
            if !lag.pause().await {
                return Err(refusal.clone());
            }
        };
        // What no create carries, or what is sometimes overlooked, may still be missing.
        let attaches = !decision.steps.iter().any(|s| matches!(s, Step::DetachRolePolicy { .. }));
        let left_to_do = |path: &str| {
            ["ownership", "reserved_concurrency"].contains(&path)
                || path.starts_with("tags")
                || path.starts_with("async.")
                || (path == "policies" && attaches)
        };
        let Some(other) = decision.attributes.iter().find(|a| !left_to_do(&a.path)) else { return Ok(()) };
        if decision.findings.iter().any(|f| f.severity == Severity::Error) {
            return Ok(());
        }
        let mut trouble = Trouble::failed(format!(
            "it was made since the plan was made, with another {}; it was left alone",
            other.path
        ));
        trouble.code = Some("Moved".to_owned());
        Err(trouble)
    }

    fn is_of_the_account(&self, change: &Change) -> bool {
        matches!(self.places.get(&change.address), Some(Place::Role(role)) if matches!(role.kind, RoleKind::Preset(_)))
    }

    /// Functions and roles are read back after writes: tags and settings are sometimes ignored. Triggers,
    /// policies and namespaces answer for themselves.
    fn needs_reading_back(&self, change: &Change) -> bool {
        match (change.address.kind(), change.action) {
            (_, Action::Delete) => false,
            (Kind::Function, _) | (Kind::Role, Action::Create) => true,
            (Kind::Policy | Kind::Role | Kind::Namespace | Kind::Trigger, _) => false,
        }
    }

    async fn run_steps(&self, index: usize, change: &Change, steps: &[Step], sent: &mut Sent) -> Result<Ran, Trouble> {
        let turn = match steps.iter().find_map(trigger_function) {
            Some(key) => Some(self.turn(key).await),
            None => None,
        };
        let _turn = match &turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        for (done, step) in steps.iter().enumerate() {
            if self.stop.asked() && may_stop(change, sent) {
                let before = sent.steps.len();
                return Err(Trouble {
                    outcome: if sent.written { Outcome::Failed } else { Outcome::Skipped },
                    ..Trouble::failed(format!("interrupted after {before} of {} steps", before + steps.len() - done))
                });
            }
            self.doing(index, step.action());
            sent.steps.push(step.clone());
            if let Some(settle) = self.one(index, change, step, sent).await? {
                return Ok(Ran::Settle(settle));
            }
            match step {
                Step::DeleteFunction { key } => self.gone(key).await?,
                Step::CreateFunction { key, .. }
                | Step::UpdateFunctionCode { key, .. }
                | Step::UpdateFunctionConfiguration { key, .. }
                    if done + 1 < steps.len() =>
                {
                    let function = self.at_rest(key, Ask::default()).await?;
                    failed_status(&function)?;
                }
                _ => {}
            }
        }
        Ok(Ran::Done)
    }

    /// Sends one step. `Some` means: settle by reading.
    async fn one(
        &self,
        index: usize,
        change: &Change,
        step: &Step,
        sent: &mut Sent,
    ) -> Result<Option<Trouble>, Trouble> {
        let mut lag = Pauses::for_at_most(ROLE_LAG);
        let mut busy = 0;
        loop {
            let error = match self.step(step, &change.address).await {
                Ok(()) => {
                    sent.written = true;
                    self.note_binding(index, step).await;
                    return Ok(None);
                }
                Err(StepError::Trouble(trouble)) => return Err(trouble),
                Err(StepError::Call(error)) => error,
            };
            if error.outcome_unknown() || (makes(step) && exists_already(&error)) || same_state(&error) {
                sent.written |= error.outcome_unknown();
                // A bind that may have failed has not settled anything yet.
                if bound_by(step).is_none() {
                    self.note_binding(index, step).await;
                }
                return Ok(Some(Trouble::of(&error)));
            }
            if self.may_be_role_lag(&error, change, step).await && lag.pause().await {
                continue;
            }
            if let (true, Some(key)) = (scf::may_be_busy(&error), function_of(step)) {
                // On its way out already, or gone: by a call of ours whose answer was lost, or by somebody else's.
                if let Step::DeleteFunction { key } = step
                    && self.deleting(key).await?.is_none_or(|status| status == Status::Busy("Deleting".to_owned()))
                {
                    sent.written = true;
                    return Ok(None);
                }
                busy += 1;
                let was_busy = matches!(observe::function(self.client, key, Ask::default()).await, Ok(Some(f)) if matches!(f.status, Status::Busy(_)));
                // "Busy" and "never" share a code: only a function that was busy, or one more try, can tell.
                if busy <= BUSY_TRIES && (was_busy || busy == 1) {
                    self.at_rest(key, Ask::default()).await?;
                    continue;
                }
            }
            return Err(Trouble::of(&error));
        }
    }

    /// Reads the object and decides again. `None`: it is as it should be. An answer that does not show what was
    /// just written yet is asked for again for a while. `last`: how the steps ended, if not well.
    async fn remaining(
        &self,
        change: &Change,
        sent: &Sent,
        last: Option<&Trouble>,
    ) -> Result<Option<Vec<Step>>, Trouble> {
        let mut lag = Pauses::for_at_most(READ_LAG);
        loop {
            let Some(decision) = self.decide_again(change).await? else { return Ok(None) };
            if let Some(finding) = decision.findings.iter().find(|f| f.severity == Severity::Error) {
                return Err(Trouble::failed(finding.message.clone()));
            }
            let Some(now) = decision.action else { return Ok(None) };
            if goes_beyond(change, now) {
                return Err(Trouble { code: Some("Moved".to_owned()), ..Trouble::failed(beyond(change, now)) });
            }
            let repeated: Vec<&Step> = decision.steps.iter().filter(|s| sent.times(s) > 0).collect();
            if !repeated.is_empty() && lag.pause().await {
                continue;
            }
            let refused = last.filter(|trouble| trouble.outcome == Outcome::Failed);
            let enough = repeated.iter().any(|step| sent.times(step) >= TIMES);
            match (last, refused) {
                (_, Some(refused)) if !repeated.iter().all(|step| may_come_again(step, sent)) => {
                    return Err(refused.clone());
                }
                (Some(trouble), _) if enough => return Err(settled(trouble.clone())),
                (None, _) if enough => return Err(not_kept(&decision)),
                _ => return Ok(Some(decision.steps)),
            }
        }
    }

    /// What the planner says of the object as it is now. `None`: a delete that is complete.
    async fn decide_again(&self, change: &Change) -> Result<Option<Decision>, Trouble> {
        let context = Context::of(self.stack);
        let unread = |e: crate::error::CommandError| Trouble::of_read(&e);
        match self.places.get(&change.address) {
            Some(Place::Policy(policy)) => {
                let now = self.policy_now(&policy.name).await?;
                if let Some(now) = &now {
                    self.policy_ids.lock().await.insert(policy.name.clone(), now.id);
                }
                return Ok(Some(decide::policy(context, policy, now.as_ref())));
            }
            Some(Place::Role(role)) => {
                let now = self.role_now(&role.name).await?;
                return Ok(Some(decide::role(context, role, now.as_ref(), &self.custom)));
            }
            Some(Place::Namespace(namespace)) => {
                let now = observe::namespace(self.client, &namespace.region, &namespace.name).await.map_err(unread)?;
                return Ok(Some(decide::namespace(context, namespace, now.as_ref())));
            }
            Some(Place::Function(function)) => {
                let ask = Ask {
                    reserved: function.function.reserved_concurrency.is_some()
                        || change.attributes().iter().any(|a| a.path == "reserved_concurrency"),
                    asynchronous: function.function.asynchronous.is_some(),
                };
                let now = self.present_function(&function.key, ask).await?;
                if let Some(now) = &now {
                    failed_status(now)?;
                }
                return Ok(Some(decide::function(context, function, now.as_ref())));
            }
            Some(Place::Trigger(function, trigger)) => {
                let key = &function.key;
                let now = self.present_function(key, Ask::default()).await?;
                let raw: Option<&RawTrigger> = now
                    .as_ref()
                    .and_then(|f| f.triggers.iter().find(|t| t.normal_form().key() == trigger.trigger.key()));
                // Taken away already, unless the answer was lost and the call as well.
                let bound = raw.is_some_and(|raw| !raw.unbound);
                let holder = if bound { None } else { self.still_held(change).await? };
                let place = TriggerPlace {
                    function: key,
                    holder: holder.as_ref(),
                    released: holder.is_none(),
                    existing: true,
                    replaced: false,
                };
                return Ok(Some(decide::trigger(context, trigger, raw, place)));
            }
            None => {}
        }
        // What nobody declares is being deleted: it is decided by trying again until the service says it is gone.
        Ok(self.still_there(change).await?.then(|| {
            let mut decision = Decision::new(Action::Delete, change.cause, change.reason.clone());
            decision.steps.clone_from(&change.steps);
            decision
        }))
    }

    /// A role as it is now. Where the answer gives no tags, they are those that it was made with, or that the plan saw.
    pub(super) async fn role_now(&self, name: &str) -> Result<Option<ObservedRole>, Trouble> {
        let made = self.roles_made.lock().await.get(name).cloned();
        let seen = self.observed.roles.get(name).and_then(|r| r.as_ref()).map(|r| &r.role.tags);
        observe::role_by_name(self.client, name, made.as_ref().or(seen)).await.map_err(|e| Trouble::of_read(&e))
    }

    /// A policy as it is now. Where the answers give no tags, they are those that it was made with, or that the plan saw.
    pub(super) async fn policy_now(&self, name: &str) -> Result<Option<ObservedPolicy>, Trouble> {
        let made = self.policies_made.lock().await.get(name).cloned();
        let seen = self.observed.policies.get(name).and_then(|p| p.as_ref()).map(|p| &p.policy.tags);
        observe::policy_by_name(self.client, name, made.as_ref().or(seen)).await.map_err(|e| Trouble::of_read(&e))
    }

    pub(super) async fn present_function(
        &self,
        key: &FunctionKey,
        ask: Ask,
    ) -> Result<Option<ObservedFunction>, Trouble> {
        match observe::function(self.client, key, ask).await.map_err(|e| Trouble::of_read(&e))? {
            // On its way out: waiting for it to come to rest would be waiting for nothing.
            Some(function) if function.status == Status::Busy("Deleting".to_owned()) => {
                self.gone(key).await?;
                Ok(None)
            }
            Some(function) if matches!(function.status, Status::Busy(_)) => self.at_rest(key, ask).await.map(Some),
            other => Ok(other),
        }
    }

    async fn still_there(&self, change: &Change) -> Result<bool, Trouble> {
        let unread = |e: crate::error::CommandError| Trouble::of_read(&e);
        match change.steps.last() {
            Some(Step::DeleteRole { name }) => Ok(self.role_now(name).await?.is_some()),
            Some(Step::DeletePolicy { name, .. }) => Ok(self.policy_now(name).await?.is_some()),
            Some(Step::DeleteNamespace { region, name }) => {
                Ok(observe::namespace(self.client, region, name).await.map_err(unread)?.is_some())
            }
            Some(Step::DeleteFunction { key }) => match self.deleting(key).await? {
                None => Ok(false),
                Some(Status::Busy(doing)) if doing == "Deleting" => self.gone(key).await.map(|()| false),
                Some(Status::Busy(_) | Status::Active | Status::Failed(_) | Status::CreateFailed(_)) => Ok(true),
            },
            Some(Step::DeleteTrigger { key, present }) => {
                let now = observe::function(self.client, key, Ask::default()).await.map_err(unread)?;
                Ok(now.is_some_and(|f| f.triggers.iter().any(|t| t.normal_form().key() == present.normal_form().key())))
            }
            _ => Ok(false),
        }
    }
}

/// Whether what is to be done by now is more than what was shown, and allowed: then it takes a new plan. A create may
/// have to be completed, and what is replaced comes in parts.
fn goes_beyond(change: &Change, now: Action) -> bool {
    match (change.action, now) {
        (Action::Create, Action::Create | Action::Update)
        | (Action::Update, Action::Update)
        | (Action::Replace, Action::Create | Action::Update | Action::Replace)
        | (Action::Delete, Action::Delete) => false,
        // A trigger that went meanwhile is made again: that is what was shown, and nothing is lost.
        (Action::Update, Action::Create) => change.address.kind() != Kind::Trigger,
        (Action::Create | Action::Update, Action::Replace | Action::Delete)
        | (Action::Replace, Action::Delete)
        | (Action::Delete, Action::Create | Action::Update | Action::Replace) => true,
    }
}

fn beyond(change: &Change, now: Action) -> String {
    let planned = change.action.word();
    format!(
        "it changed since the plan was made: it would have to be {}d now, not {planned}d; it was left alone",
        now.word()
    )
}

/// Whether a change may stop here. Not between taking a binding away and giving it to another; and a function that is
/// replaced is left as it is, or made again: its absence is the longer the less anybody looks.
fn may_stop(change: &Change, sent: &Sent) -> bool {
    if change.address.kind() == Kind::Function && change.action == Action::Replace {
        return !sent.steps.iter().any(|step| matches!(step, Step::DeleteFunction { .. }));
    }
    !matches!(sent.steps.last(), Some(Step::UnbindTrigger { .. } | Step::DeleteTrigger { .. }))
}

/// Whether a refusal may be over by now: a name may be taken by what is going, and a binding is not to wait for a
/// better answer while nobody has it.
fn may_come_again(step: &Step, sent: &Sent) -> bool {
    match step {
        Step::CreateFunction { .. } | Step::UpdateTriggerStatus { .. } => true,
        other => sent.written && bound_by(other).is_none(),
    }
}

/// Trouble whose traces were looked for, and not found: it did not happen.
fn settled(trouble: Trouble) -> Trouble {
    match trouble.outcome {
        Outcome::Unknown => {
            let message = format!("{}; read since, it shows no trace", trouble.message);
            Trouble { outcome: Outcome::Failed, message, ..trouble }
        }
        Outcome::Applied | Outcome::Failed | Outcome::Skipped => trouble,
    }
}

/// The service took every write, and what is read says otherwise.
fn not_kept(decision: &Decision) -> Trouble {
    if decision.action == Some(Action::Create) {
        return Trouble::failed("the service accepted the change, and the object is not there");
    }
    let paths: Vec<&str> = decision.attributes.iter().map(|a| &*a.path).collect();
    Trouble::failed(format!("the service accepted the change and kept another value for {}", paths.join(", ")))
}

/// A change that ended in a failed status did not take; the platform says why.
fn failed_status(function: &ObservedFunction) -> Result<(), Trouble> {
    match &function.status {
        Status::Failed(why) => Err(Trouble::failed(format!("the platform could not carry it out: {why}"))),
        Status::CreateFailed(why) => Err(Trouble::failed(format!("the platform could not create it: {why}"))),
        Status::Active | Status::Busy(_) => Ok(()),
    }
}

/// Codes that say the object, or its place at another service, is taken already (facts SCF 7): read it, it may be ours
/// and equal.
pub(super) fn exists_already(error: &Error) -> bool {
    matches!(
        error.code(),
        Some(
            "ResourceInUse"
                | "ResourceInUse.Function"
                | "ResourceInUse.FunctionName"
                | "ResourceInUse.Namespace"
                | "FailedOperation.Namespace"
                | "ResourceInUse.Trigger"
                | "ResourceInUse.TriggerName"
                | "ResourceInUse.Cos"
                | "ResourceInUse.Cmq"
                | "InvalidParameterValue.CosNotifyRuleConflict"
                | "InvalidParameter.RoleNameInUse"
                | "FailedOperation.PolicyNameInUse"
        )
    )
}

/// Whether a step makes something that cannot be there twice. Of other steps "in use" means something else.
fn makes(step: &Step) -> bool {
    matches!(
        step,
        Step::CreateFunction { .. }
            | Step::CreateNamespace { .. }
            | Step::CreatePolicy { .. }
            | Step::CreateRole { .. }
            | Step::CreateTrigger { .. }
            | Step::BindTrigger { .. }
    )
}

/// UpdateTriggerStatus answers a failure when the state is the wanted one already (facts SCF 5.1).
fn same_state(error: &Error) -> bool {
    error.code() == Some("FailedOperation.UpdateTriggerStatus")
}

fn trigger_function(step: &Step) -> Option<&FunctionKey> {
    match step {
        Step::CreateTrigger { key, .. }
        | Step::UpdateTrigger { key, .. }
        | Step::UpdateTriggerStatus { key, .. }
        | Step::DeleteTrigger { key, .. }
        | Step::BindTrigger { key, .. } => Some(key),
        _ => None,
    }
}

pub(super) fn function_of(step: &Step) -> Option<&FunctionKey> {
    match step {
        Step::CreateFunction { key, .. }
        | Step::UpdateFunctionCode { key, .. }
        | Step::UpdateFunctionConfiguration { key, .. }
        | Step::PutReservedConcurrency { key, .. }
        | Step::DeleteReservedConcurrency { key }
        | Step::UpdateEventInvokeConfig { key, .. }
        | Step::DeleteFunction { key } => Some(key),
        other => trigger_function(other),
    }
}
