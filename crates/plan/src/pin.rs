//! Pins: what a plan was made from, attribute by attribute, in a form that may be kept in a file. A saved plan
//! holds only while every pin still holds (design rule 7). Values that may be secrets are pinned as keyed digests.
//! Never pinned: times, status, code size, counters, list order.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::address::ResourceAddress;
use crate::attributes::{Attributes, Comparison, Side};
use crate::desired::Stack;
use crate::mark::Mark;
use crate::observed::{Holder, Observed, ObservedFunction, ObservedNamespace, ObservedPolicy, ObservedRole};
use crate::plan::Plan;
use crate::render::guard::DigestKey;
use crate::resource::Origin;
use crate::resource::function::Setting;
use crate::resource::trigger::{RawTrigger, TriggerKey};
use crate::resource::{function, namespace, policy, role, trigger};

/// One object's attributes; `null` stands for an object that is absent.
pub type Pin = Option<BTreeMap<String, Json>>;

/// Everything that was read, by object.
pub type Pins = BTreeMap<String, Pin>;

fn attributes(
    address: &str,
    comparison: Comparison,
    attributes: &Attributes,
    mark: Option<&Mark>,
    key: &DigestKey,
) -> BTreeMap<String, Json> {
    let address = ResourceAddress::pinned(address);
    let mut pin: BTreeMap<String, Json> = attributes
        .iter()
        .filter(|a| !a.value.is_null())
        .map(|a| {
            let guarded = comparison.is_guarded(&a.path);
            let value = if guarded {
                json!({ "digest": key.digest(&address, &a.path, &Side { value: a.value.clone(), guarded }) })
            } else {
                a.value.clone()
            };
            (a.path.clone().into_owned(), value)
        })
        .collect();
    if let Some(mark) = mark {
        pin.insert("(mark)".to_owned(), Json::from(mark.line()));
    }
    pin
}

/// Stands for what an answer left open. The next answer may give it, or the other way round: that is no move.
fn not_given() -> Json {
    json!({ "not_given": true })
}

fn policy_name(name: &str) -> String {
    format!("policy[{name}]")
}

fn role_name(name: &str) -> String {
    format!("role[{name}]")
}

fn namespace_name(region: &str, name: &str) -> String {
    format!("namespace[{region}/{name}]")
}

fn function_name(place: &str) -> String {
    format!("function[{place}]")
}

fn trigger_name(function: &str, key: &TriggerKey) -> String {
    format!("trigger[{function}][{}/{}]", key.kind, key.key)
}

/// The pin of a role.
#[must_use]
pub fn of_role(name: &str, present: Option<&ObservedRole>, key: &DigestKey) -> Pin {
    present.map(|r| attributes(&role_name(name), role::COMPARISON, &r.role.attributes(), None, key))
}

/// The pin of a policy.
#[must_use]
pub fn of_policy(name: &str, present: Option<&ObservedPolicy>, key: &DigestKey) -> Pin {
    present.map(|p| attributes(&policy_name(name), policy::COMPARISON, &p.policy.attributes(), None, key))
}

/// The pin of a namespace.
#[must_use]
pub fn of_namespace(region: &str, name: &str, present: Option<&ObservedNamespace>, key: &DigestKey) -> Pin {
    present.map(|n| {
        attributes(
            &namespace_name(region, name),
            namespace::COMPARISON,
            &n.namespace.attributes(),
            n.mark.as_ref(),
            key,
        )
    })
}

/// The pin of a function, its triggers apart.
#[must_use]
pub fn of_function(name: &str, present: Option<&ObservedFunction>, key: &DigestKey) -> Pin {
    present.map(|f| {
        let mut pin =
            attributes(&function_name(name), function::COMPARISON, &f.function.attributes(), f.mark.as_ref(), key);
        let open = f.not_given.iter().flat_map(|setting| setting.paths());
        pin.extend(open.map(|path| ((*path).to_owned(), not_given())));
        let may_run_an_image = f.function.runtime == "CustomImage" || f.not_given.contains(&Setting::Runtime);
        match &f.image {
            Some(image) => drop(pin.insert("(image)".to_owned(), Json::from(image.uri.as_str()))),
            None if may_run_an_image => drop(pin.insert("(image)".to_owned(), not_given())),
            None => {}
        }
        pin
    })
}

/// The pin of one trigger.
#[must_use]
pub fn of_trigger(function: &str, raw: &RawTrigger, key: &DigestKey) -> (String, Pin) {
    let normal = raw.normal_form();
    let name = trigger_name(function, &normal.key());
    let pin = attributes(&name, trigger::COMPARISON, &normal.attributes(), None, key);
    (name, Some(pin))
}

/// Attributes of declared objects whose values come from sensitive sources, by the names of pins. What the cloud holds
/// there is, or was, a secret too.
pub struct Sensitive<'s>(BTreeMap<String, &'s Origin>);

impl<'s> Sensitive<'s> {
    /// Those of a stack.
    #[must_use]
    pub fn of(stack: &'s Stack) -> Self {
        let mut all = BTreeMap::new();
        let mut note = |origin: &'s Origin, name: &dyn Fn() -> String| {
            if origin.has_sensitive() {
                all.insert(name(), origin);
            }
        };
        stack.policies.iter().for_each(|p| note(&p.origin, &|| policy_name(&p.name)));
        stack.roles.iter().for_each(|r| note(&r.origin, &|| role_name(&r.name)));
        stack.namespaces.iter().for_each(|n| note(&n.origin, &|| namespace_name(&n.region, &n.name)));
        for function in &stack.functions {
            let place = function.key.to_string();
            note(&function.origin, &|| function_name(&place));
            for trigger in &function.triggers {
                note(&trigger.origin, &|| trigger_name(&place, &trigger.trigger.key()));
            }
        }
        Self(all)
    }

    /// Leaves digests of what is sensitive.
    fn hide(&self, name: &str, pin: &mut Pin, key: &DigestKey) {
        let (Some(origin), Some(pin)) = (self.0.get(name), pin) else { return };
        let address = ResourceAddress::pinned(name);
        let is_digest = |value: &Json| value.as_object().is_some_and(|o| o.len() == 1 && o.contains_key("digest"));
        for (path, value) in pin.iter_mut().filter(|(path, value)| origin.is_sensitive(path) && !is_digest(value)) {
            let side = Side { value: value.take(), guarded: true };
            *value = json!({ "digest": key.digest(&address, path, &side) });
        }
    }
}

/// Pins of everything that was read, one after the other: those of a large stack take more room than the stack. Of two
/// with one name the later one counts.
pub fn each(observed: &Observed, sensitive: &Sensitive<'_>, key: &DigestKey, mut take: impl FnMut(String, Pin)) {
    let mut take = |name: String, mut pin: Pin| {
        sensitive.hide(&name, &mut pin, key);
        take(name, pin);
    };
    take("account".to_owned(), Some([("uin".to_owned(), Json::from(observed.account.as_str()))].into()));
    for (name, present) in &observed.policies {
        take(policy_name(name), of_policy(name, present.as_ref(), key));
    }
    for (name, present) in &observed.roles {
        take(role_name(name), of_role(name, present.as_ref(), key));
    }
    for ((region, name), present) in &observed.namespaces {
        take(namespace_name(region, name), of_namespace(region, name, present.as_ref(), key));
    }
    for (function, present) in &observed.functions {
        let name = function.to_string();
        take(function_name(&name), of_function(&name, present.as_deref(), key));
        for raw in present.iter().flat_map(|f| &f.triggers) {
            let (name, pin) = of_trigger(&name, raw, key);
            take(name, pin);
        }
    }
    for (event, holder) in observed.holders.iter().flatten() {
        let holder = match holder {
            Holder::Nobody => None,
            Holder::Function(function, _) => Some(function.to_string()),
            Holder::Undetermined(_) => Some("undetermined".to_owned()),
        };
        take(format!("mps event {event}"), holder.map(|h| [("holder".to_owned(), Json::from(h))].into()));
    }
}

/// The ordered actions of a plan: what a saved plan promises. Hidden values are keyed digests.
pub fn actions<'p>(plan: &'p Plan, key: &'p DigestKey) -> impl Iterator<Item = Json> + 'p {
    plan.changes.iter().map(|change| {
        let listed = change.attributes();
        let attributes: BTreeMap<&str, Json> = listed
            .iter()
            .map(|a| {
                let hidden = a.after.guarded || a.before.guarded;
                let value = if hidden {
                    json!({ "digest": key.digest(&change.address, &a.path, &a.after) })
                } else {
                    a.after.value.clone()
                };
                (&*a.path, value)
            })
            .collect();
        let steps: Vec<&str> = change.steps.iter().map(crate::step::Step::action).collect();
        json!({ "address": change.address, "action": change.action, "attributes": attributes, "steps": steps })
    })
}

/// One attribute that moved between planning and now.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// The object.
    pub object: String,
    /// The attribute; empty when the whole object came or went.
    pub path: String,
    /// What the plan saw; `null` is absent.
    pub seen: Json,
    /// What is there now; `null` is absent.
    pub now: Json,
}

/// Everything that moved, in order of objects.
#[must_use]
pub fn moved(seen: &Pins, now: &Pins) -> Vec<Moved> {
    let whole = |pin: Option<&Pin>| match pin {
        Some(Some(_)) => Json::from("present"),
        _ => Json::Null,
    };
    let mut all = Vec::new();
    let objects: std::collections::BTreeSet<&String> = seen.keys().chain(now.keys()).collect();
    for object in objects {
        match (seen.get(object).cloned().flatten(), now.get(object).cloned().flatten()) {
            (None, None) => {}
            (Some(before), Some(after)) => {
                let paths: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
                for path in paths {
                    let (seen, now) =
                        (before.get(path).cloned().unwrap_or_default(), after.get(path).cloned().unwrap_or_default());
                    if seen != now && ![&seen, &now].contains(&&not_given()) {
                        all.push(Moved { object: object.clone(), path: path.clone(), seen, now });
                    }
                }
            }
            _ => all.push(Moved {
                object: object.clone(),
                path: String::new(),
                seen: whole(seen.get(object)),
                now: whole(now.get(object)),
            }),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(role: Option<&str>) -> Observed {
        let role = role.map(|description| ObservedRole {
            id: "1".into(),
            role: role::Role {
                description: description.into(),
                trust: crate::resource::document::Document::trusting(&["scf.qcloud.com".into()]),
                policies: ["a".to_owned()].into(),
                session_duration: None,
                console_login: None,
                tags: [].into(),
            },
            attached: Vec::new(),
        });
        Observed { roles: [("r".to_owned(), role)].into(), ..Observed::default() }
    }

    #[test]
    fn what_moved_is_named_and_absence_is_pinned_too() {
        let key = DigestKey::new(b"k");
        let pins = |role| {
            let mut all = Pins::new();
            each(&observed(role), &Sensitive(BTreeMap::new()), &key, |name, pin| drop(all.insert(name, pin)));
            all
        };
        assert!(moved(&pins(Some("x")), &pins(Some("x"))).is_empty());
        let changed = moved(&pins(Some("x")), &pins(Some("y")));
        assert_eq!(
            (changed[0].object.as_str(), changed[0].path.as_str(), &changed[0].seen, &changed[0].now),
            ("role[r]", "description", &json!("x"), &json!("y"))
        );
        let came = moved(&pins(None), &pins(Some("x")));
        assert_eq!((came[0].path.as_str(), &came[0].seen, &came[0].now), ("", &Json::Null, &json!("present")));
    }
}
