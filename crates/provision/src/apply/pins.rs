//! The look before a write: an object that moved since it was planned is left alone (design rule 7). Creates
//! need no look, for names are unique: what exists already is refused by the service and read then.

use plan::address::Kind;
use plan::change::{Action, Change};
use plan::observed::{ObservedFunction, ObservedNamespace, ObservedPolicy, ObservedRole};
use plan::pin::{self, Pin};
use plan::render::guard::DigestKey;
use plan::step::Step;

use super::change::function_of;
use super::{Applier, Place, Trouble};
use crate::observe::{self, Ask};

/// Attributes that are read by calls of their own, and only where a plan needs them.
const READ_APART: [&str; 3] = ["reserved_concurrency", "async.retries", "async.max_age"];

/// The pins of one object, made when they are needed: those of a large stack would fill more memory than the stack.
struct Pinned {
    /// Its name among the pins.
    name: String,
    /// As the plan saw it; `None` when the plan did not look at it.
    seen: Option<Pin>,
    /// As it is now.
    now: Pin,
}

impl Applier<'_> {
    /// Fails when the object is not what the plan was made from.
    pub(super) async fn still_as_planned(&self, change: &Change) -> Result<(), Trouble> {
        let takes_over = change.steps.iter().any(|s| matches!(s, Step::UnbindTrigger { .. }));
        let follows_its_function = change.requires_replace.iter().any(|p| p == "function");
        if (change.action == Action::Create && !takes_over) || follows_its_function {
            return Ok(());
        }
        let Some(Pinned { name, seen, now }) = self.pin_now(change).await? else { return Ok(()) };
        let seen = match (seen, present_holder(change, &self.pin_key)) {
            (Some(seen), _) => seen,
            // A holder is no object of the stack: the plan saw its binding only.
            (None, Some((_, pin))) => pin,
            (None, None) => None,
        };
        if now.is_none() && change.action == Action::Delete {
            return Ok(());
        }
        let only = |pin: Pin| {
            [(name.clone(), pin.map(|p| p.into_iter().filter(|(k, _)| !READ_APART.contains(&k.as_str())).collect()))]
                .into()
        };
        let moved = pin::moved(&only(seen), &only(now));
        let Some(first) = moved.first() else { return Ok(()) };
        let shown = |v: &serde_json::Value| match v {
            serde_json::Value::Null => "absent".to_owned(),
            serde_json::Value::Object(_) => "(hidden)".to_owned(),
            other => other.to_string(),
        };
        let mut trouble = Trouble::failed(format!(
            "it changed since the plan was made: {} was {}, is {}; it was left alone",
            if first.path.is_empty() { "the object" } else { &first.path },
            shown(&first.seen),
            shown(&first.now)
        ));
        trouble.code = Some("Moved".to_owned());
        Err(trouble)
    }

    /// The pins of a change's object, as the plan saw it and as it is now.
    async fn pin_now(&self, change: &Change) -> Result<Option<Pinned>, Trouble> {
        let key: &DigestKey = &self.pin_key;
        let unread = |e: crate::error::CommandError| Trouble::of_read(&e);
        match change.address.kind() {
            Kind::Function => {
                let Some(place) = change.steps.iter().find_map(function_of) else { return Ok(None) };
                let name = place.to_string();
                let now = self.present_function(place, Ask::default()).await?;
                let pin = |f: Option<&ObservedFunction>| pin::of_function(&name, f, key);
                let seen = self.observed.functions.get(place).map(|f| pin(f.as_deref()));
                Ok(Some(Pinned { seen, now: pin(now.as_ref()), name: format!("function[{name}]") }))
            }
            Kind::Trigger => {
                let Some((place, present)) = change.steps.iter().find_map(present_trigger) else { return Ok(None) };
                let (function, identity) = (place.to_string(), present.normal_form().key());
                let now = self.present_function(place, Ask::default()).await?;
                let of = |f: &ObservedFunction| {
                    let raw = f.triggers.iter().find(|t| t.normal_form().key() == identity)?;
                    Some(pin::of_trigger(&function, raw, key).1)
                };
                let (name, _) = pin::of_trigger(&function, present, key);
                let seen = self.observed.functions.get(place).and_then(|f| of(f.as_ref()?));
                Ok(Some(Pinned { name, seen, now: now.as_ref().and_then(of).flatten() }))
            }
            Kind::Role => {
                let Some(name) = change.steps.iter().find_map(role_of) else { return Ok(None) };
                let now = self.role_now(name).await?;
                let pin = |r: Option<&ObservedRole>| pin::of_role(name, r, key);
                let seen = self.observed.roles.get(name).map(|r| pin(r.as_ref()));
                Ok(Some(Pinned { name: format!("role[{name}]"), seen, now: pin(now.as_ref()) }))
            }
            Kind::Policy => {
                let Some(policy) = self.policy_name(change) else { return Ok(None) };
                let now = self.policy_now(&policy).await?;
                let pin = |p: Option<&ObservedPolicy>| pin::of_policy(&policy, p, key);
                let seen = self.observed.policies.get(&policy).map(|p| pin(p.as_ref()));
                Ok(Some(Pinned { name: format!("policy[{policy}]"), seen, now: pin(now.as_ref()) }))
            }
            Kind::Namespace => {
                let Some((region, name)) = change.steps.iter().find_map(namespace_of) else { return Ok(None) };
                let now = observe::namespace(self.client, region, name).await.map_err(unread)?;
                let pin = |n: Option<&ObservedNamespace>| pin::of_namespace(region, name, n, key);
                let seen = self.observed.namespaces.get(&(region.to_owned(), name.to_owned()));
                let (seen, now) = (seen.map(|n| pin(n.as_ref())), pin(now.as_ref()));
                Ok(Some(Pinned { name: format!("namespace[{region}/{name}]"), seen, now }))
            }
        }
    }

    fn policy_name(&self, change: &Change) -> Option<String> {
        let declared = match self.places.get(&change.address) {
            Some(Place::Policy(policy)) => Some(policy.name.clone()),
            _ => None,
        };
        declared.or_else(|| {
            change.steps.iter().find_map(|s| match s {
                Step::UpdatePolicy { name, .. } | Step::DeletePolicy { name, .. } => Some(name.clone()),
                _ => None,
            })
        })
    }
}

/// The binding that a takeover takes away, as the plan saw it.
fn present_holder(change: &Change, key: &DigestKey) -> Option<(String, Pin)> {
    change.steps.iter().find_map(|s| match s {
        Step::UnbindTrigger { key: function, present } => Some(pin::of_trigger(&function.to_string(), present, key)),
        _ => None,
    })
}

fn present_trigger(step: &Step) -> Option<(&plan::observed::FunctionKey, &plan::resource::trigger::RawTrigger)> {
    match step {
        Step::UpdateTrigger { key, present, .. }
        | Step::UpdateTriggerStatus { key, present, .. }
        | Step::DeleteTrigger { key, present }
        | Step::UnbindTrigger { key, present } => Some((key, present)),
        _ => None,
    }
}

pub(super) fn role_of(step: &Step) -> Option<&str> {
    match step {
        Step::UpdateRoleDescription { name, .. }
        | Step::UpdateAssumeRolePolicy { name, .. }
        | Step::UpdateRoleSessionDuration { name, .. }
        | Step::UpdateRoleConsoleLogin { name, .. }
        | Step::TagRole { name, .. }
        | Step::UntagRole { name, .. }
        | Step::DeleteRole { name } => Some(name),
        Step::AttachRolePolicy { role, .. } | Step::DetachRolePolicy { role, .. } => Some(role),
        _ => None,
    }
}

fn namespace_of(step: &Step) -> Option<(&str, &str)> {
    match step {
        Step::UpdateNamespace { region, name, .. } | Step::DeleteNamespace { region, name } => Some((region, name)),
        _ => None,
    }
}
