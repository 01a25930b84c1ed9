//! From observed state to a picture: decides value by value what may be shown. A number or a switch stands when the
//! manifest gives its own literally or leaves it out; a text, only when it is the very one that the manifest says or
//! that is the default. So a picture tells nothing that the manifest does not, but for names, numbers and switches.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{FunctionObject, Object, Picture, State, TriggerObject, WITHHELD};
use crate::attributes::{Attributes, Comparison};
use crate::decide::{configuration_digest, trigger_identity};
use crate::desired::{Adopt, CodeDeclaration, FunctionResource, RoleKind, RoleResource, Stack, TriggerResource};
use crate::mark::{self, Mark, PROTECT_TAG, STACK_TAG};
use crate::observed::{FunctionKey, Observed, ObservedFunction, ObservedRole, Status, protects};
use crate::resource::tags::Tags;
use crate::resource::trigger::{RawTrigger, Spec, describes};
use crate::resource::{Origin, function, namespace, policy, role, trigger};

/// Why no picture is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TakeError {
    /// A name is part of the picture, and this one may not be shown.
    #[error("the name of {0} comes from a sensitive source")]
    SensitiveName(String),
}

/// The picture of a stack.
///
/// # Errors
/// A name that may not be shown.
pub fn take(stack: &Stack, observed: &Observed) -> Result<Picture, TakeError> {
    refuse_sensitive_names(stack)?;
    let mut picture = Picture {
        stack: stack.name.clone(),
        account: observed.account.clone(),
        left_out: observed.left_out.clone(),
        ..Picture::default()
    };
    for (name, present) in &observed.policies {
        let declared = stack.policies.iter().find(|p| &p.name == name);
        let object = present.as_ref().map(|present| {
            let whose = Whose { stack, tags: &present.policy.tags, line: false, adopt: declared.map(|d| &d.adopt) };
            let shown = declared.map(|d| {
                Filter { desired: d.policy.attributes(), origin: &d.origin, comparison: policy::COMPARISON }
                    .pass(&present.policy.attributes())
            });
            whose.object(shown)
        });
        picture.policies.insert(name.clone(), object);
    }
    for (name, present) in &observed.roles {
        let declared = stack.roles.iter().find(|r| &r.name == name);
        picture.roles.insert(name.clone(), present.as_ref().map(|p| role_object(stack, declared, p)));
    }
    for ((region, name), present) in &observed.namespaces {
        let declared = stack.namespaces.iter().find(|n| &n.region == region && &n.name == name);
        let object = present.as_ref().map(|present| {
            let identity = mark::identity(&stack.name, region, name, "");
            let whose = Whose { stack, tags: &Tags::new(), line: fits(present.mark.as_ref(), &identity), adopt: None };
            let shown = declared.map(|d| {
                Filter { desired: d.namespace.attributes(), origin: &d.origin, comparison: namespace::COMPARISON }
                    .pass(&present.namespace.attributes())
            });
            Object { others: present.others, ..whose.object(shown) }
        });
        picture.namespaces.insert(format!("{region}/{name}"), object);
    }
    for (key, present) in &observed.functions {
        let declared = stack.functions.iter().find(|f| &f.key == key);
        let object = present.as_ref().map(|present| function_object(stack, key, declared, present));
        picture.functions.insert(key.to_string(), object);
    }
    Ok(picture)
}

fn refuse_sensitive_names(stack: &Stack) -> Result<(), TakeError> {
    let named = |origin: &Origin| ["name", "namespace", "region"].iter().any(|path| origin.is_sensitive(path));
    let policies = stack.policies.iter().map(|p| (&p.address, &p.origin));
    let roles = stack.roles.iter().map(|r| (&r.address, &r.origin));
    let namespaces = stack.namespaces.iter().map(|n| (&n.address, &n.origin));
    let functions = stack.functions.iter().map(|f| (&f.address, &f.origin));
    let refused = policies.chain(roles).chain(namespaces).chain(functions).find(|(_, origin)| named(origin));
    let triggers = || stack.functions.iter().flat_map(|f| &f.triggers);
    let identified = |t: &&TriggerResource| IDENTITY.iter().any(|path| t.origin.is_sensitive(path));
    match refused.map(|(address, _)| address).or_else(|| triggers().find(identified).map(|t| &t.address)) {
        Some(address) => Err(TakeError::SensitiveName(address.to_string())),
        None => Ok(()),
    }
}

/// Whose an object is.
struct Whose<'a> {
    stack: &'a Stack,
    tags: &'a Tags,
    line: bool,
    adopt: Option<&'a Adopt>,
}

type Shown = (BTreeMap<String, Json>, BTreeSet<String>);

impl Whose<'_> {
    fn object(&self, shown: Option<Shown>) -> Object {
        let named = |owner: &String| {
            *owner == self.stack.name || matches!(self.adopt, Some(Adopt::From(from)) if from == owner)
        };
        let owner = self.tags.get(STACK_TAG).map(|o| if named(o) { o.clone() } else { WITHHELD.to_owned() });
        let (attributes, withheld) = match shown {
            Some((attributes, withheld)) => (Some(attributes), withheld),
            None => (None, BTreeSet::new()),
        };
        Object {
            owner,
            line: self.line,
            protect: protects(self.tags),
            attributes,
            withheld,
            unread: BTreeSet::new(),
            others: 0,
        }
    }
}

fn fits(mark: Option<&Mark>, identity: &str) -> bool {
    mark.is_some_and(|m| m.identity == identity)
}

/// Lets values pass that may be shown.
struct Filter<'a> {
    desired: Attributes,
    origin: &'a Origin,
    comparison: Comparison,
}

impl Filter<'_> {
    fn stands(&self, path: &str, value: &Json) -> bool {
        if !self.origin.is_open(path) || self.origin.is_sensitive(path) {
            return false;
        }
        let plain = matches!(value, Json::Bool(_) | Json::Number(_)) && !self.comparison.is_guarded(path);
        plain || self.desired.get(path) == value
    }

    fn pass(&self, observed: &Attributes) -> Shown {
        let mark_tags = [STACK_TAG, PROTECT_TAG].map(|tag| format!("tags.{tag}"));
        let (mut attributes, mut withheld) = (BTreeMap::new(), BTreeSet::new());
        for attribute in observed
            .iter()
            .filter(|a| !a.value.is_null() && a.path != "protect" && !mark_tags.iter().any(|tag| *tag == a.path))
        {
            if self.stands(&attribute.path, &attribute.value) {
                attributes.insert(attribute.path.clone().into_owned(), attribute.value.clone());
            } else {
                withheld.insert(attribute.path.clone().into_owned());
            }
        }
        (attributes, withheld)
    }
}

fn role_object(stack: &Stack, declared: Option<&RoleResource>, present: &ObservedRole) -> Object {
    let tags = &present.role.tags;
    let whose = |adopt| Whose { stack, tags, line: false, adopt };
    let Some(declared) = declared else { return whose(None).object(None) };
    let shown = match &declared.kind {
        RoleKind::External => None,
        RoleKind::Own(own) => Some(
            Filter { desired: own.attributes(), origin: &declared.origin, comparison: role::COMPARISON }
                .pass(&present.role.attributes()),
        ),
        // What a preset role must have is known to all; what else it has is the account's.
        RoleKind::Preset(preset) => {
            let has: Vec<&str> =
                preset.policies().iter().copied().filter(|p| present.role.policies.contains(*p)).collect();
            let trusts = present.role.trust.text().contains(preset.principal());
            let attributes = [("policies".to_owned(), Json::from(has)), ("trusts".to_owned(), Json::from(trusts))];
            Some((attributes.into(), BTreeSet::new()))
        }
    };
    whose(Some(&declared.adopt)).object(shown)
}

fn function_object(
    stack: &Stack,
    key: &FunctionKey,
    declared: Option<&FunctionResource>,
    present: &ObservedFunction,
) -> FunctionObject {
    let identity = mark::identity(&stack.name, &key.region, &key.namespace, &key.name);
    let mark = present.mark.as_ref().filter(|m| m.identity == identity);
    let whose = Whose { stack, tags: &present.function.tags, line: mark.is_some(), adopt: declared.map(|d| &d.adopt) };
    let mut shown = declared.map(|d| {
        Filter { desired: d.function.attributes(), origin: &d.origin, comparison: function::COMPARISON }
            .pass(&present.function.attributes())
    });
    let not_given: BTreeSet<&str> = present.not_given.iter().flat_map(|s| s.paths()).copied().collect();
    if let (Some(declared), Some((attributes, withheld))) = (declared, &mut shown) {
        attributes.retain(|path, _| !not_given.contains(path.as_str()));
        withheld.retain(|path| !not_given.contains(path.as_str()));
        match mark.and_then(|m| m.code.as_ref()) {
            // That another one is on its way is no digest of anything.
            Some(code) if code == mark::UNDER_WAY || code_stands(declared, code, present) => {
                attributes.insert("code".to_owned(), Json::from(code.as_str()));
            }
            Some(_) => {
                withheld.insert("code".to_owned());
            }
            None => {}
        }
    }
    let configuration = mark.and_then(|m| m.configuration.clone()).filter(|applied| {
        declared.is_some_and(|d| {
            let settings = d.function.attributes();
            settings.iter().all(|a| d.origin.is_open(&a.path) || function::COMPARISON.is_guarded(&a.path))
                && configuration_digest(d, &d.function, &BTreeSet::new()) == *applied
        })
    });
    let mut object = whose.object(shown);
    if let Some(declared) = declared {
        let apart: &[&str] =
            if declared.function.asynchronous.is_none() { &["async.retries", "async.max_age"] } else { &[] };
        object.unread = not_given.iter().chain(apart).map(|path| (*path).to_owned()).collect();
    }
    FunctionObject {
        object,
        state: match present.status {
            Status::Active | Status::Busy(_) => State::Active,
            Status::CreateFailed(_) => State::CreateFailed,
            Status::Failed(_) => State::Failed,
        },
        configuration,
        triggers: present.triggers.iter().map(|raw| trigger_object(stack, key, declared, raw)).collect(),
    }
}

/// The digest of code stands when it is the one that the manifest and the files beside it give, and no part of them
/// was put together from variables.
fn code_stands(declared: &FunctionResource, code: &str, present: &ObservedFunction) -> bool {
    let served = match (&declared.code, &present.image) {
        (CodeDeclaration::Image(image), Some(served)) => image.is_served_by(served),
        _ => true,
    };
    declared.origin.is_open("code") && served && declared.code_digest.as_deref() == Some(code)
}

/// What identifies a trigger within its function.
pub(super) const IDENTITY: [&str; 9] =
    ["type", "name", "event", "bucket", "events", "prefix", "suffix", "instance", "topic"];

fn trigger_object(
    stack: &Stack,
    key: &FunctionKey,
    declared: Option<&FunctionResource>,
    raw: &RawTrigger,
) -> TriggerObject {
    let mut normal = raw.normal_form();
    let wanted = declared.and_then(|f| f.triggers.iter().find(|t| t.trigger.key() == normal.key()));
    if let Some(wanted) = wanted
        && let (Spec::Raw { description: wanted, .. }, Spec::Raw { description: given, .. }) =
            (&wanted.trigger.spec, &mut normal.spec)
        && describes(given, wanted)
    {
        given.clone_from(wanted);
    }
    let none = Origin::default();
    let filter = Filter {
        desired: wanted.map(|w| w.trigger.attributes()).unwrap_or_default(),
        origin: wanted.map_or(&none, |w| &w.origin),
        comparison: trigger::COMPARISON,
    };
    let (mut attributes, mut withheld) = filter.pass(&normal.attributes());
    // A function URL is told apart by its qualifier.
    let identity = |path: &str| IDENTITY.contains(&path) || path == "qualifier";
    for attribute in normal.attributes().iter().filter(|a| identity(&a.path)) {
        withheld.remove(&*attribute.path);
        attributes.insert(attribute.path.clone().into_owned(), attribute.value.clone());
    }
    let line = raw.is_marked(&trigger_identity(&stack.name, key, &normal));
    TriggerObject { line, unbound: raw.unbound, attributes, withheld }
}
