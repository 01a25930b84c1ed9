//! Triggers: each on its own, in place where the API can, else deleted and created (design rule 5);
//! MPS bindings with their one holder per account (rule 6).

use std::sync::Arc;

use super::Context;
use crate::address::ResourceAddress;
use crate::attributes::AttributeChange;
use crate::change::{Action, Cause, Decision, Made, differing};
use crate::desired::{Bind, TriggerResource, identity};
use crate::diagnostic::{Code, Diagnostic};
use crate::mark::{self, Mark};
use crate::observed::{FunctionKey, Holder};
use crate::resource::Origin;
use crate::resource::trigger::{COMPARISON, RawTrigger, Spec, Trigger, describes};
use crate::step::Step;

/// Where a trigger stands.
#[derive(Clone, Copy)]
pub struct TriggerPlace<'a> {
    /// Its function.
    pub function: &'a FunctionKey,
    /// Who holds its MPS event type, when that had to be found out. `ours` tells whether this plan unbinds the holder.
    pub holder: Option<&'a Holder>,
    /// Whether the holder's binding goes in the same plan.
    pub released: bool,
    /// Whether the function exists already.
    pub existing: bool,
    /// Whether the function, and all its triggers, were just deleted by its own replacement.
    pub replaced: bool,
}

/// The digest M of a trigger.
#[must_use]
pub fn trigger_identity(stack: &str, function: &FunctionKey, trigger: &Trigger) -> String {
    let key = trigger.key();
    let name = format!("{}/{}/{}", function.name, key.kind, key.key);
    mark::identity(stack, &function.region, &function.namespace, &name)
}

fn mark_line(context: Context<'_>, function: &FunctionKey, trigger: &Trigger) -> Mark {
    Mark { identity: trigger_identity(context.stack, function, trigger), code: None, configuration: None }
}

/// The description that is sent, where the type keeps one.
fn description(context: Context<'_>, function: &FunctionKey, trigger: &Trigger) -> Option<String> {
    trigger
        .keeps_description()
        .then(|| mark::append(trigger.description.as_deref().unwrap_or(""), &mark_line(context, function, trigger)))
}

/// The MPS event type whose holder must be known before this trigger can be decided.
#[must_use]
pub fn wants_holder<'a>(desired: &'a TriggerResource, observed: Option<&RawTrigger>) -> Option<&'a str> {
    match &desired.trigger.spec {
        Spec::Mps { event }
            if desired.trigger.enabled && desired.bind != Bind::Manual && observed.is_none_or(|o| o.unbound) =>
        {
            Some(event)
        }
        _ => None,
    }
}

/// What is to be done about a declared trigger.
#[must_use]
pub fn trigger(
    context: Context<'_>,
    desired: &TriggerResource,
    observed: Option<&RawTrigger>,
    place: TriggerPlace<'_>,
) -> Decision {
    let key = place.function.clone();
    let is_mps = matches!(desired.trigger.spec, Spec::Mps { .. });
    let Some(present) = observed.filter(|_| !place.replaced) else {
        if is_mps && desired.bind == Bind::Manual {
            return unbound_by_hand(desired);
        }
        if is_mps && !desired.trigger.enabled {
            return Decision::nothing();
        }
        let mut decision = match observed {
            Some(_) => Decision::new(Action::Replace, Cause::Manifest, "its function is replaced"),
            None if place.existing => {
                Decision::new(Action::Create, Cause::Unknown, "not in the cloud: new here, or removed there")
            }
            None => Decision::new(Action::Create, Cause::Unknown, super::ABSENT),
        };
        if observed.is_some() {
            decision.requires_replace = vec!["function".to_owned()];
            decision.events_may_be_missed = true;
        }
        decision.made = Some(Made::Trigger(Arc::clone(&desired.trigger)));
        return with_create_steps(decision, context, desired, place, &key);
    };
    existing(context, desired, present, place, &key)
}

/// The attributes of a new trigger.
pub(super) fn created(trigger: &Trigger, origin: &Origin) -> Vec<AttributeChange> {
    COMPARISON.created(&trigger.attributes(), &Trigger::defaults(), origin)
}

fn unbound_by_hand(desired: &TriggerResource) -> Decision {
    let mut finding = Diagnostic::warning(Code::MissingBinding, "this MPS event type is not bound to the function")
        .on(&desired.address);
    finding.span = desired.origin.span;
    let mut decision = Decision::nothing();
    if desired.trigger.enabled {
        decision.findings.push(finding.help("`bind: manual` only verifies: bind it in the console"));
    }
    decision
}

fn existing(
    context: Context<'_>,
    desired: &TriggerResource,
    present: &RawTrigger,
    place: TriggerPlace<'_>,
    key: &FunctionKey,
) -> Decision {
    let mut observed = present.normal_form();
    // What the service added to a raw description does not count.
    if let (Spec::Raw { description: wanted, .. }, Spec::Raw { description: given, .. }) =
        (&desired.trigger.spec, &mut observed.spec)
        && describes(given, wanted)
    {
        given.clone_from(wanted);
    }
    let attributes = COMPARISON.diff(&desired.trigger.attributes(), &observed.attributes(), &desired.origin);
    if attributes.is_empty() {
        return Decision::nothing();
    }
    if matches!(desired.trigger.spec, Spec::Mps { .. }) && desired.bind == Bind::Manual {
        return Decision::nothing();
    }
    let mut requires_replace: Vec<String> = attributes
        .iter()
        .filter(|a| desired.trigger.immutable().contains(&&*a.path))
        .map(|a| a.path.clone().into_owned())
        .collect();
    if observed.kind() != desired.trigger.kind()
        || std::mem::discriminant(&observed.spec) != std::mem::discriminant(&desired.trigger.spec)
    {
        requires_replace.push("type".to_owned());
    }
    let replaces = !requires_replace.is_empty();
    let mut decision =
        Decision::new(if replaces { Action::Replace } else { Action::Update }, Cause::Unknown, differing(&attributes));
    if replaces {
        decision.reason = format!("{} cannot be changed in place", requires_replace.join(", ")).into();
        decision.events_may_be_missed = true;
        decision.requires_replace = requires_replace;
        decision.steps = vec![Step::DeleteTrigger { key: key.clone(), present: Box::new(present.clone()) }];
        decision.attributes = attributes;
        return with_create_steps(decision, context, desired, TriggerPlace { released: true, ..place }, key);
    }
    let only_enabled = attributes.iter().all(|a| a.path == "enabled");
    match &desired.trigger.spec {
        Spec::Mps { .. } => {
            decision.attributes = attributes;
            if desired.trigger.enabled {
                return with_create_steps(decision, context, desired, place, key);
            }
            decision.events_may_be_missed = true;
            decision.steps = vec![Step::DeleteTrigger { key: key.clone(), present: Box::new(present.clone()) }];
            return decision;
        }
        Spec::Timer { .. } | Spec::Ckafka { .. } | Spec::Cos { .. } if only_enabled => {
            decision.steps = vec![Step::UpdateTriggerStatus {
                key: key.clone(),
                present: Box::new(present.clone()),
                enabled: desired.trigger.enabled,
            }];
        }
        Spec::Timer { .. } | Spec::Ckafka { .. } | Spec::Http { .. } | Spec::Cos { .. } | Spec::Raw { .. } => {
            decision.steps = vec![Step::UpdateTrigger {
                key: key.clone(),
                present: Box::new(present.clone()),
                description: description(context, key, &desired.trigger),
                trigger: desired.trigger.clone(),
            }];
        }
    }
    decision.attributes = attributes;
    decision
}

fn with_create_steps(
    mut decision: Decision,
    context: Context<'_>,
    desired: &TriggerResource,
    place: TriggerPlace<'_>,
    key: &FunctionKey,
) -> Decision {
    let create = Step::CreateTrigger {
        key: key.clone(),
        trigger: desired.trigger.clone(),
        description: description(context, key, &desired.trigger),
    };
    let Spec::Mps { event } = &desired.trigger.spec else {
        decision.steps.push(create);
        return decision;
    };
    match (place.holder, place.released) {
        (Some(Holder::Function(holder, binding)), false) if holder != key => {
            if !desired.takeover {
                let mut finding = Diagnostic::refusal(
                    Code::HeldBinding,
                    format!("the MPS event type `{event}` is bound to function {holder}"),
                )
                .on(&desired.address);
                finding.span = desired.origin.span_of("event");
                return Decision::refused(
                    finding.help("set `takeover: true` on this trigger to move the binding, or unbind it there first"),
                );
            }
            decision.reason = format!("takes `{event}` over from function {holder}").into();
            decision.events_may_be_missed = true;
            decision.steps.push(Step::UnbindTrigger { key: holder.clone(), present: Box::new(binding.clone()) });
        }
        (Some(Holder::Undetermined(why)), _) if !desired.takeover => {
            let mut finding = Diagnostic::refusal(
                Code::HeldBinding,
                format!("who holds the MPS event type `{event}` could not be found out: {why}"),
            )
            .on(&desired.address);
            finding.span = desired.origin.span_of("event");
            return Decision::refused(
                finding.help("mend what is in the way, or set `takeover: true` if this function must have it"),
            );
        }
        _ => {}
    }
    decision.steps.push(match desired.bind {
        Bind::Mps | Bind::Manual => {
            Step::BindTrigger { key: key.clone(), event: event.clone(), qualifier: desired.trigger.qualifier.clone() }
        }
        Bind::Scf => create,
    });
    decision
}

/// What is to be done about a trigger on one of our functions that nobody declares: it goes, with its cause.
#[must_use]
pub fn undeclared_trigger(
    context: Context<'_>,
    function: &FunctionKey,
    address: &ResourceAddress,
    observed: &RawTrigger,
) -> (ResourceAddress, Decision, Origin) {
    let normal = observed.normal_form();
    let key = normal.key();
    let marked = mark_line(context, function, &normal).identity;
    let going = context.going(&identity::trigger(function, &key), || {
        ResourceAddress::undeclared_trigger(address, &key.kind, &key.key)
    });
    let (cause, reason) = match (observed.is_marked(&marked), normal.keeps_description()) {
        (true, _) => (Cause::Manifest, going.reason),
        (false, true) => (Cause::Cloud, "made outside of this manifest, on a function that it owns"),
        (false, false) => (Cause::Unknown, "not declared"),
    };
    let mut decision = Decision::new(Action::Delete, cause, reason);
    decision.events_may_be_missed = true;
    decision.steps = vec![Step::DeleteTrigger { key: function.clone(), present: Box::new(observed.clone()) }];
    (going.address, decision, going.origin)
}
