//! One change: its steps in turn, what their failures mean, and the look at what became of them. When an outcome
//! is unknown, or the service says that something exists already, the object is read again and decided again by
//! the planner's own rules; only what is left is sent.

use std::time::Duration;

use plan::address::Kind;
use plan::change::{Action, Change, Decision};
use plan::decide::{self, Context, TriggerPlace};
use plan::diagnostic::Severity;
use plan::observed::{FunctionKey, ObservedFunction, Status};
use plan::progress::Outcome;
use plan::resource::trigger::RawTrigger;
use plan::step::Step;
use tencentcloud::{Error, cam, scf};

use super::steps::StepError;
use super::wait::Pauses;
use super::{Applier, Place, Trouble};
use crate::observe::{self, Ask};

/// How often a change is decided again before it counts as failed.
const ROUNDS: usize = 5;
/// How long other services may not see a new role. Nothing documents it; clients wait 5 to 10 s (facts CAM 3.9).
const ROLE_LAG: Duration = Duration::from_secs(30);
/// How long an answer may lag behind a write before the write counts as not kept.
const READ_LAG: Duration = Duration::from_secs(5);
/// How often a busy function is waited for within one step.
const BUSY_TRIES: usize = 5;

/// How running a list of steps ended.
enum Ran {
    Done,
    /// Read the object and decide again: this is why.
    Settle(Trouble),
}

impl Applier<'_> {
    /// Carries out one change.
    pub(super) async fn carry_out(&self, index: usize) -> Result<(), Trouble> {
        let change = &self.plan.changes[index];
        let mut steps = match self.still_as_planned(change).await {
            Ok(()) => change.steps.clone(),
            Err(moved) => self.left_of_a_shared_role(change).await?.ok_or(moved)?,
        };
        let mut last: Option<Trouble> = None;
        let mut written: Vec<Step> = Vec::new();
        for _ in 0..ROUNDS {
            let ran = self.run_steps(index, change, &steps).await?;
            if let Ran::Settle(trouble) = &ran
                && written.is_empty()
                && trouble.outcome == Outcome::Failed
            {
                self.made_by_us(change).await?;
            }
            written.extend(steps.iter().cloned());
            let verify = match ran {
                Ran::Settle(trouble) => {
                    last = Some(trouble);
                    true
                }
                Ran::Done => self.needs_reading_back(change),
            };
            if !verify {
                return Ok(());
            }
            self.doing(index, "reading back");
            match self.remaining(change, &written).await? {
                None => return Ok(()),
                Some(left) => steps = left,
            }
        }
        let mut trouble = last.unwrap_or_else(|| {
            Trouble::failed(
                "the service took every write and still answers something else; `provision plan` shows what",
            )
        });
        if trouble.outcome == Outcome::Unknown {
            trouble.outcome = Outcome::Failed;
        }
        Err(trouble)
    }

    /// What is left to do on a role that every stack of the account completes: one applied a moment ago, in this very
    /// run perhaps, has moved it towards where this plan wants it. `None` for anything else that moved.
    async fn left_of_a_shared_role(&self, change: &Change) -> Result<Option<Vec<Step>>, Trouble> {
        let completes = change.steps.iter().all(|step| matches!(step, Step::AttachRolePolicy { .. }));
        let shared = |role: &plan::desired::RoleResource| {
            role.address == change.address && matches!(role.kind, plan::desired::RoleKind::Preset(_))
        };
        if !completes || !self.stack.roles.iter().any(shared) {
            return Ok(None);
        }
        let Some(decision) = self.decide_again(change).await? else { return Ok(None) };
        let refused = decision.findings.iter().any(|finding| finding.severity == Severity::Error);
        let planned = decision.steps.iter().all(|step| change.steps.contains(step));
        Ok((!refused && planned).then_some(decision.steps))
    }

    /// A create that is refused, for the object exists: it was made since the plan. By a run of ours that was killed,
    /// or by one of the same manifest, and it is as we would have made it; or by somebody who wants something else, and
    /// may believe to have it. Namespaces and roles may be several stacks', and are completed.
    async fn made_by_us(&self, change: &Change) -> Result<(), Trouble> {
        if change.action != Action::Create
            || !matches!(change.address.kind(), Kind::Function | Kind::Trigger | Kind::Policy)
        {
            return Ok(());
        }
        let Some(decision) = self.decide_again(change).await? else { return Ok(()) };
        // What no create carries, or what is sometimes overlooked, may still be missing.
        let left_to_do = |path: &str| {
            ["ownership", "reserved_concurrency"].contains(&path)
                || path.starts_with("tags")
                || path.starts_with("async.")
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

    /// Functions and roles are read back after writes: tags and settings are sometimes ignored. Triggers,
    /// policies and namespaces answer for themselves.
    fn needs_reading_back(&self, change: &Change) -> bool {
        match (change.address.kind(), change.action) {
            (_, Action::Delete) => false,
            (Kind::Function, _) | (Kind::Role, Action::Create) => true,
            (Kind::Policy | Kind::Role | Kind::Namespace | Kind::Trigger, _) => false,
        }
    }

    async fn run_steps(&self, index: usize, change: &Change, steps: &[Step]) -> Result<Ran, Trouble> {
        let turn = match steps.iter().find_map(trigger_function) {
            Some(key) => Some(self.turn(key).await),
            None => None,
        };
        let _turn = match &turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        for (done, step) in steps.iter().enumerate() {
            // Between taking a binding away and giving it to another there is no good place to stop.
            let mid_move =
                done > 0 && matches!(steps[done - 1], Step::UnbindTrigger { .. } | Step::DeleteTrigger { .. });
            if self.stop.asked() && !mid_move {
                return Err(Trouble {
                    outcome: if done == 0 { Outcome::Skipped } else { Outcome::Failed },
                    ..Trouble::failed(format!("interrupted after {done} of {} steps", steps.len()))
                });
            }
            self.doing(index, step.action());
            if let Some(settle) = self.one(change, step).await? {
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
    async fn one(&self, change: &Change, step: &Step) -> Result<Option<Trouble>, Trouble> {
        let mut lag = Pauses::for_at_most(ROLE_LAG);
        let mut busy = 0;
        loop {
            let error = match self.step(step, &change.address).await {
                Ok(()) => {
                    self.note_binding(step).await;
                    return Ok(None);
                }
                Err(StepError::Trouble(trouble)) => return Err(trouble),
                Err(StepError::Call(error)) => error,
            };
            if error.outcome_unknown() || exists_already(&error) || same_state(&error) {
                // A bind that may have failed has not settled anything yet.
                if !matches!(step, Step::BindTrigger { .. }) {
                    self.note_binding(step).await;
                }
                return Ok(Some(Trouble::of(&error)));
            }
            if self.may_be_role_lag(&error).await && lag.pause().await {
                continue;
            }
            if let (true, Some(key)) = (scf::may_be_busy(&error), function_of(step)) {
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

    /// A role that was made moments ago may not be visible everywhere yet.
    async fn may_be_role_lag(&self, error: &Error) -> bool {
        let role_error = cam::is_role_absent(error)
            || matches!(
                error.code(),
                Some(
                    "ResourceNotFound.Role"
                        | "ResourceNotFound.RoleCheck"
                        | "InvalidParameter.RoleCheck"
                        | "InvalidParameterValue.Role"
                        | "FailedOperation.QcsRoleNotFound"
                        | "FailedOperation.CallRoleFailed"
                        | "InternalError.GetRoleError"
                        | "InternalError.GetStsTokenFailed"
                        | "UnauthorizedOperation.Role"
                        | "FailedOperation.InvalidMpsUser"
                )
            );
        role_error && self.role_made.lock().await.is_some_and(|at| at.elapsed() < ROLE_LAG * 2)
    }

    /// Reads the object and decides again. `None`: it is as it should be. An answer that does not show what was
    /// just written yet is asked for again for a while.
    async fn remaining(&self, change: &Change, written: &[Step]) -> Result<Option<Vec<Step>>, Trouble> {
        let mut lag = Pauses::for_at_most(READ_LAG);
        loop {
            let Some(decision) = self.decide_again(change).await? else { return Ok(None) };
            if let Some(finding) = decision.findings.iter().find(|f| f.severity == Severity::Error) {
                return Err(Trouble::failed(finding.message.clone()));
            }
            if decision.action.is_none() {
                return Ok(None);
            }
            let repeats = decision.steps.iter().all(|s| written.contains(s));
            if repeats && lag.pause().await {
                continue;
            }
            if repeats && written.iter().filter(|s| decision.steps.contains(s)).count() > 2 * decision.steps.len() {
                let paths: Vec<&str> = decision.attributes.iter().map(|a| &*a.path).collect();
                return Err(Trouble::failed(format!(
                    "the service accepted the change and kept another value for {}",
                    paths.join(", ")
                )));
            }
            return Ok(Some(decision.steps));
        }
    }

    /// What the planner says of the object as it is now. `None`: a delete that is complete.
    async fn decide_again(&self, change: &Change) -> Result<Option<Decision>, Trouble> {
        let context = Context::of(self.stack);
        let unread = |e: crate::error::CommandError| Trouble::of_read(&e);
        match self.places.get(&change.address) {
            Some(Place::Policy(policy)) => {
                let now = observe::policy_by_name(self.client, &policy.name).await.map_err(unread)?;
                if let Some(now) = &now {
                    self.policy_ids.lock().await.insert(policy.name.clone(), now.id);
                }
                return Ok(Some(decide::policy(context, policy, now.as_ref())));
            }
            Some(Place::Role(role)) => {
                let now = observe::role_by_name(self.client, &role.name).await.map_err(unread)?;
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
                let now = self.present_function(&key, Ask::default()).await?;
                let raw: Option<&RawTrigger> = now
                    .as_ref()
                    .and_then(|f| f.triggers.iter().find(|t| t.normal_form().key() == trigger.trigger.key()));
                let place =
                    TriggerPlace { function: &key, holder: None, released: true, existing: true, replaced: false };
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
            Some(Step::DeleteRole { name }) => {
                Ok(observe::role_by_name(self.client, name).await.map_err(unread)?.is_some())
            }
            Some(Step::DeletePolicy { name, .. }) => {
                Ok(observe::policy_by_name(self.client, name).await.map_err(unread)?.is_some())
            }
            Some(Step::DeleteNamespace { region, name }) => {
                Ok(observe::namespace(self.client, region, name).await.map_err(unread)?.is_some())
            }
            Some(Step::DeleteFunction { key }) => Ok(self.deleting(key).await?.is_some()),
            Some(Step::DeleteTrigger { key, present }) => {
                let now = observe::function(self.client, key, Ask::default()).await.map_err(unread)?;
                Ok(now.is_some_and(|f| f.triggers.iter().any(|t| t.normal_form().key() == present.normal_form().key())))
            }
            _ => Ok(false),
        }
    }
}

/// A change that ended in a failed status did not take; the platform says why.
fn failed_status(function: &ObservedFunction) -> Result<(), Trouble> {
    match &function.status {
        Status::Failed(why) => Err(Trouble::failed(format!("the platform could not carry it out: {why}"))),
        Status::CreateFailed(why) => Err(Trouble::failed(format!("the platform could not create it: {why}"))),
        Status::Active | Status::Busy(_) => Ok(()),
    }
}

/// Codes that say the object is there already: read it, it may be ours and equal.
fn exists_already(error: &Error) -> bool {
    matches!(
        error.code(),
        Some(
            "ResourceInUse.Function"
                | "ResourceInUse.FunctionName"
                | "ResourceInUse.Namespace"
                | "FailedOperation.Namespace"
                | "ResourceInUse.Trigger"
                | "ResourceInUse.TriggerName"
                | "InvalidParameter.RoleNameInUse"
                | "FailedOperation.PolicyNameInUse"
        )
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
