//! Custom policies: owned through their tag.

use super::{Context, claim, tag_changes};
use crate::address::ResourceAddress;
use crate::change::{Action, Cause, Decision, differing};
use crate::desired::{PolicyResource, identity};
use crate::mark::{self, Ownership};
use crate::observed::{ObservedPolicy, protects};
use crate::resource::Origin;
use crate::resource::policy::{COMPARISON, Policy};
use crate::resource::tags;
use crate::step::Step;

/// What is to be done about a declared policy.
#[must_use]
pub fn policy(context: Context<'_>, desired: &PolicyResource, observed: Option<&ObservedPolicy>) -> Decision {
    let wanted = desired.policy.attributes();
    let all_tags = tags::marked(&desired.policy.tags, context.stack, desired.protect);
    let Some(observed) = observed else {
        let mut decision = Decision::new(Action::Create, Cause::Unknown, super::ABSENT);
        decision.attributes = COMPARISON.created(&wanted, &Policy::defaults(), &desired.origin);
        decision.steps = vec![Step::CreatePolicy {
            name: desired.name.clone(),
            description: desired.policy.description.clone(),
            document: desired.policy.document.clone(),
            tags: all_tags,
        }];
        return decision;
    };
    let ownership = whole(mark::ownership(context.stack, &observed.policy.tags, None, None));
    let claimed = match claim(
        &ownership,
        &desired.adopt,
        context.stack,
        &desired.address,
        &desired.origin,
        &format!("policy `{}`", desired.name),
    ) {
        Ok(claimed) => claimed,
        Err(finding) => return Decision::refused(finding),
    };
    let compared = Policy {
        tags: context.ignore_tags.keep(&observed.policy.tags, &desired.policy.tags),
        ..observed.policy.clone()
    };
    let mut attributes = COMPARISON.diff(&wanted, &compared.attributes(), &desired.origin);
    attributes.extend(super::protect_change(desired.protect, &observed.policy.tags));
    attributes.extend(claimed);
    let (set, remove) = tag_changes(&all_tags, &observed.policy.tags, context.ignore_tags);
    let text_differs = attributes.iter().any(|a| a.path == "description" || a.path == "document");
    let mut steps = Vec::new();
    if text_differs {
        steps.push(Step::UpdatePolicy {
            id: observed.id,
            name: desired.name.clone(),
            description: desired.policy.description.clone(),
            document: desired.policy.document.clone(),
        });
    }
    if !set.is_empty() {
        steps.push(Step::TagPolicy { id: observed.id, tags: set });
    }
    if !remove.is_empty() {
        steps.push(Step::UntagPolicy { id: observed.id, keys: remove });
    }
    if attributes.is_empty() {
        return Decision::nothing();
    }
    let mut decision = Decision::new(Action::Update, Cause::Unknown, differing(&attributes));
    decision.attributes = attributes;
    decision.steps = steps;
    decision
}

/// Roles and policies have no description line; their tag alone is the whole mark.
pub(super) fn whole(ownership: Ownership) -> Ownership {
    match ownership {
        Ownership::Ours { tag, .. } => Ownership::Ours { tag, line: true },
        other => other,
    }
}

/// What is to be done about a policy that nobody declares any more. `None`: it is not ours.
#[must_use]
pub fn undeclared_policy(
    context: Context<'_>,
    name: &str,
    observed: &ObservedPolicy,
) -> Option<(ResourceAddress, Decision, Origin)> {
    let Ownership::Ours { .. } = mark::ownership(context.stack, &observed.policy.tags, None, None) else { return None };
    let going = context.going(&identity::policy(name), || ResourceAddress::undeclared_policy(name));
    if going.protect || protects(&observed.policy.tags) {
        return Some(going.refused());
    }
    let mut decision = Decision::new(Action::Delete, Cause::Manifest, going.reason);
    decision.steps = vec![Step::DeletePolicy { id: observed.id, name: name.to_owned() }];
    Some((going.address, decision, going.origin))
}
