//! Roles: presets are made if absent and completed, never rewritten; external ones must exist; ours are kept equal.

use std::collections::BTreeSet;

use super::policy::whole;
use super::{Context, claim, tag_changes};
use crate::address::ResourceAddress;
use crate::attributes::{AttributeChange, Side};
use crate::change::{Action, Cause, Decision, differing};
use crate::desired::{RoleKind, RoleResource, identity};
use crate::diagnostic::{Code, Diagnostic};
use crate::mark::{self, Ownership};
use crate::observed::{ObservedRole, protects};
use crate::resource::Origin;
use crate::resource::document::Document;
use crate::resource::role::{COMPARISON, Preset, Role};
use crate::resource::tags::{self, Tags};
use crate::step::{PolicyRef, Step};

/// What is to be done about a declared role. `custom` names the account's own policies.
#[must_use]
pub fn role(
    context: Context<'_>,
    desired: &RoleResource,
    observed: Option<&ObservedRole>,
    custom: &BTreeSet<String>,
) -> Decision {
    match &desired.kind {
        RoleKind::External => external(desired, observed),
        RoleKind::Preset(preset) => self::preset(desired, *preset, observed),
        RoleKind::Own(own) => self::own(context, desired, own, observed, custom),
    }
}

fn external(desired: &RoleResource, observed: Option<&ObservedRole>) -> Decision {
    if observed.is_some() {
        return Decision::nothing();
    }
    let mut finding =
        Diagnostic::error(Code::MissingExternal, format!("the external role `{}` does not exist", desired.name))
            .on(&desired.address);
    finding.span = desired.origin.span;
    Decision::refused(finding.help("create it where it is managed, or declare it here without `external`"))
}

fn preset(desired: &RoleResource, preset: Preset, observed: Option<&ObservedRole>) -> Decision {
    let wanted: BTreeSet<String> = preset.policies().iter().map(|p| (*p).to_owned()).collect();
    let attach = |policy: &String| Step::AttachRolePolicy {
        role: desired.name.clone(),
        policy: PolicyRef::Preset(policy.clone()),
    };
    let trust = Document::trusting(&[preset.principal().to_owned()]);
    let Some(observed) = observed else {
        let mut decision =
            Decision::new(Action::Create, Cause::Unknown, "the account has not authorised this service role yet");
        let role = Role {
            description: String::new(),
            trust: trust.clone(),
            policies: wanted.clone(),
            session_duration: None,
            console_login: None,
            tags: Tags::new(),
        };
        decision.attributes = COMPARISON.created(&role.attributes(), &Role::defaults(), &desired.origin);
        decision.steps = vec![Step::CreateRole {
            name: desired.name.clone(),
            description: String::new(),
            trust,
            session_duration: None,
            console_login: None,
            tags: Tags::new(),
        }];
        decision.steps.extend(wanted.iter().map(attach));
        return decision;
    };
    let missing: Vec<&String> = wanted.iter().filter(|p| !observed.role.policies.contains(*p)).collect();
    let mut decision = Decision::nothing();
    if !observed.role.trust.text().contains(preset.principal()) {
        let mut warning = Diagnostic::warning(
            Code::TrustDiffers,
            format!("`{}` does not trust {}", desired.name, preset.principal()),
        )
        .on(&desired.address);
        warning.span = desired.origin.span;
        decision
            .findings
            .push(warning.help("preset roles are never rewritten; compare its trust document in the console"));
    }
    if missing.is_empty() {
        return decision;
    }
    let findings = std::mem::take(&mut decision.findings);
    let mut decision = Decision::new(
        Action::Update,
        Cause::Unknown,
        format!("{} of its policies {} missing", missing.len(), if missing.len() == 1 { "is" } else { "are" }),
    );
    decision.findings = findings;
    let list = |set: &BTreeSet<String>| serde_json::Value::from(set.iter().map(String::as_str).collect::<Vec<_>>());
    let all: BTreeSet<String> = observed.role.policies.union(&wanted).cloned().collect();
    decision.attributes = vec![AttributeChange {
        path: "policies".into(),
        before: Side { value: list(&observed.role.policies), guarded: false },
        after: Side { value: list(&all), guarded: false },
    }];
    decision.steps = missing.into_iter().map(attach).collect();
    decision
}

fn reference(name: &str, custom: &BTreeSet<String>) -> PolicyRef {
    if custom.contains(name) { PolicyRef::Custom(name.to_owned()) } else { PolicyRef::Preset(name.to_owned()) }
}

/// Detaches what is attached under a name, by its id: it may be a custom policy that somebody else made. Where ids were
/// not read, the name must do.
fn detach(role: &str, observed: &ObservedRole, name: &str, custom: &BTreeSet<String>) -> Vec<Step> {
    let step = |policy| Step::DetachRolePolicy { role: role.to_owned(), policy };
    let attached = observed.attached.iter().filter(|(attached, _)| attached == name);
    let by_id: Vec<Step> =
        attached.map(|(name, id)| step(PolicyRef::Attached { name: name.clone(), id: *id })).collect();
    if by_id.is_empty() { vec![step(reference(name, custom))] } else { by_id }
}

fn own(
    context: Context<'_>,
    desired: &RoleResource,
    own: &Role,
    observed: Option<&ObservedRole>,
    custom: &BTreeSet<String>,
) -> Decision {
    let wanted = own.attributes();
    let name = desired.name.clone();
    let all_tags = tags::marked(&own.tags, context.stack, desired.protect);
    let attach = |p: &String| Step::AttachRolePolicy { role: name.clone(), policy: reference(p, custom) };
    let Some(observed) = observed else {
        let mut decision = Decision::new(Action::Create, Cause::Unknown, super::ABSENT);
        decision.attributes = COMPARISON.created(&wanted, &Role::defaults(), &desired.origin);
        decision.steps = vec![Step::CreateRole {
            name: name.clone(),
            description: own.description.clone(),
            trust: own.trust.clone(),
            session_duration: own.session_duration,
            console_login: own.console_login,
            tags: all_tags,
        }];
        decision.steps.extend(own.policies.iter().map(attach));
        return decision;
    };
    let ownership = whole(mark::ownership(context.stack, &observed.role.tags, None, None));
    let claimed = match claim(
        &ownership,
        &desired.adopt,
        context.stack,
        &desired.address,
        &desired.origin,
        &format!("role `{name}`"),
    ) {
        Ok(claimed) => claimed,
        Err(finding) => return Decision::refused(finding),
    };
    let compared = Role { tags: context.ignore_tags.keep(&observed.role.tags, &own.tags), ..observed.role.clone() };
    let mut attributes = COMPARISON.diff(&wanted, &compared.attributes(), &desired.origin);
    attributes.extend(super::protect_change(desired.protect, &observed.role.tags));
    attributes.extend(claimed);
    if attributes.is_empty() {
        return Decision::nothing();
    }
    let differs = |path: &str| attributes.iter().any(|a| a.path == path);
    let mut steps = Vec::new();
    if differs("trust") {
        steps.push(Step::UpdateAssumeRolePolicy { name: name.clone(), trust: own.trust.clone() });
    }
    if differs("description") {
        steps.push(Step::UpdateRoleDescription { name: name.clone(), description: own.description.clone() });
    }
    if let (true, Some(seconds)) = (differs("session_duration"), own.session_duration) {
        steps.push(Step::UpdateRoleSessionDuration { name: name.clone(), seconds });
    }
    if let (true, Some(allowed)) = (differs("console_login"), own.console_login) {
        steps.push(Step::UpdateRoleConsoleLogin { name: name.clone(), allowed });
    }
    steps.extend(own.policies.difference(&observed.role.policies).map(attach));
    steps.extend(
        observed.role.policies.difference(&own.policies).flat_map(|policy| detach(&name, observed, policy, custom)),
    );
    let (set, remove) = tag_changes(&all_tags, &observed.role.tags, context.ignore_tags);
    if !set.is_empty() {
        steps.push(Step::TagRole { name: name.clone(), tags: set });
    }
    if !remove.is_empty() {
        steps.push(Step::UntagRole { name: name.clone(), keys: remove });
    }
    let mut decision = Decision::new(Action::Update, Cause::Unknown, differing(&attributes));
    decision.attributes = attributes;
    decision.steps = steps;
    decision
}

/// What is to be done about a role that nobody declares any more. `None`: it is not ours.
#[must_use]
pub fn undeclared_role(
    context: Context<'_>,
    name: &str,
    observed: &ObservedRole,
    custom: &BTreeSet<String>,
) -> Option<(ResourceAddress, Decision, Origin)> {
    let Ownership::Ours { .. } = mark::ownership(context.stack, &observed.role.tags, None, None) else { return None };
    let going = context.going(&identity::role(name), || ResourceAddress::undeclared_role(name));
    if going.protect || protects(&observed.role.tags) {
        return Some(going.refused());
    }
    let mut decision = Decision::new(Action::Delete, Cause::Manifest, going.reason);
    // Whether attached policies block a deletion is not documented; detaching first is safe either way.
    decision.steps = observed.role.policies.iter().flat_map(|policy| detach(name, observed, policy, custom)).collect();
    decision.steps.push(Step::DeleteRole { name: name.to_owned() });
    Some((going.address, decision, going.origin))
}
