//! From a picture to a plan. What is withheld takes the value that today's manifest wants, so that it makes no change
//! by itself, and is listed as not compared. What nobody looked at is left out of the planning, and listed too.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::read::{self, Read};
use super::{AsOf, FunctionObject, NotCompared, Object, Picture, Snapshot, State, TriggerObject, WITHHELD};
use crate::address::ResourceAddress;
use crate::attributes::{Attributes, Side};
use crate::decide::trigger_identity;
use crate::desired::{FunctionResource, RoleKind, RoleResource, Stack, identity};
use crate::diagnostic::{Code, Diagnostic};
use crate::mark::{self, Mark, PROTECT_TAG, STACK_TAG};
use crate::observed::{
    FunctionKey, Observed, ObservedFunction, ObservedNamespace, ObservedPolicy, ObservedRole, Status,
};
use crate::plan::Plan;
use crate::resource::Origin;
use crate::resource::document::Document;
use crate::resource::function;
use crate::resource::namespace::Namespace;
use crate::resource::policy::Policy;
use crate::resource::role::Role;
use crate::resource::tags::Tags;
use crate::resource::trigger::{RawTrigger, Trigger};

const IS_WITHHELD: &str = "withheld from the snapshot, or not given here";
const IS_NEW: &str = "declared since the snapshot was made, which did not look for it";
const WAS_NOT_KEPT: &str = "the snapshot knows that it exists, not how it is set";
/// What a create shows where a value was not given.
const NOT_GIVEN: &str = "(not given)";

/// Plans a stack from a snapshot. Deterministic, and needs neither credentials nor the values of variables. Such a
/// plan is for reading: nothing can be applied from it.
#[must_use]
pub fn plan(stack: &Stack, snapshot: &Snapshot) -> Plan {
    let Some(picture) = snapshot.stacks.iter().find(|p| p.stack == stack.name) else {
        let mut plan = Plan { stack: stack.name.clone(), region: stack.region.clone(), ..Plan::default() };
        plan.as_of = Some(AsOf { time: snapshot.as_of.clone(), account: String::new() });
        let message = format!("the snapshot has no stack `{}`: nothing of it was compared", stack.name);
        let mut finding = Diagnostic::warning(Code::Incomplete, message);
        finding.span = stack.span;
        plan.findings.push(finding.help("it is in the next snapshot that is made after this manifest is merged"));
        return plan;
    };
    let mut view = View {
        known: stack.clone(),
        observed: Observed::default(),
        not_compared: Vec::new(),
        passed_over: BTreeSet::new(),
        hidden: BTreeMap::new(),
    };
    view.observed.account.clone_from(&picture.account);
    view.observed.left_out.clone_from(&picture.left_out);
    view.access(picture);
    view.namespaces(picture);
    view.functions(picture);
    let mut plan = crate::plan::plan(&view.known, &view.observed);
    view.mark(&mut plan);
    plan.as_of = Some(AsOf { time: snapshot.as_of.clone(), account: picture.account.clone() });
    for event in std::mem::take(&mut plan.wanted_holders) {
        let message = format!("who holds the MPS event type `{event}` is not in a snapshot");
        let warning = Diagnostic::warning(Code::Incomplete, message);
        plan.findings.push(warning.help("a plan with credentials looks for the holder, and refuses to take it away"));
    }
    plan
}

/// A picture seen from today's manifest.
struct View {
    /// What of the stack the snapshot knows.
    known: Stack,
    observed: Observed,
    not_compared: Vec<NotCompared>,
    /// Declared resources that the picture holds and says too little of: not planned, and not gone either.
    passed_over: BTreeSet<String>,
    /// Attributes that are there, differ for sure, and have no value to show.
    hidden: BTreeMap<ResourceAddress, BTreeSet<String>>,
}

/// A declared resource as filling wants it.
struct Wanted<'a> {
    address: &'a ResourceAddress,
    attributes: Attributes,
    origin: &'a Origin,
}

impl View {
    /// Leaves out of the stack what the snapshot cannot speak of.
    fn leave_out(&mut self, identity: String, address: &ResourceAddress, reason: &'static str) {
        self.passed_over.insert(identity);
        self.not_compared.push(NotCompared { address: address.clone(), paths: Vec::new(), reason });
    }

    /// The attributes to plan with: what the picture shows, and what the manifest wants where it shows nothing.
    fn fill(
        &mut self,
        shown: &BTreeMap<String, Json>,
        withheld: &BTreeSet<String>,
        wanted: Option<&Wanted<'_>>,
        also: &[&str],
    ) -> BTreeMap<String, Json> {
        let mut attributes = shown.clone();
        let mut not_compared: BTreeSet<String> = also.iter().map(|p| (*p).to_owned()).collect();
        for path in withheld.iter().filter(|p| *p != "code") {
            let value = wanted.map_or(&Json::Null, |w| w.attributes.get(path));
            if value.is_null() {
                attributes.insert(path.clone(), placeholder(path));
                if let Some(wanted) = wanted {
                    self.hidden.entry(wanted.address.clone()).or_default().insert(path.clone());
                }
            } else {
                attributes.insert(path.clone(), value.clone());
                not_compared.insert(path.clone());
            }
        }
        let Some(wanted) = wanted else { return attributes };
        // A value that was not given cannot be compared with one that is there; where none is, it is new for sure.
        let is_there = |path: &str| shown.contains_key(path) || withheld.contains(path);
        let unknown = wanted.attributes.iter().filter(|a| wanted.origin.is_unknown(&a.path));
        for attribute in unknown.filter(|a| is_there(&a.path)) {
            attributes.insert(attribute.path.clone().into_owned(), attribute.value.clone());
            not_compared.insert(attribute.path.clone().into_owned());
        }
        if !not_compared.is_empty() {
            self.not_compared.push(NotCompared {
                address: wanted.address.clone(),
                paths: not_compared.into_iter().collect(),
                reason: IS_WITHHELD,
            });
        }
        attributes
    }

    fn access(&mut self, picture: &Picture) {
        let policies = std::mem::take(&mut self.known.policies);
        for policy in &policies {
            match picture.policies.get(&policy.name) {
                None => self.leave_out(identity::policy(&policy.name), &policy.address, IS_NEW),
                Some(Some(object)) if object.attributes.is_none() => {
                    self.leave_out(identity::policy(&policy.name), &policy.address, WAS_NOT_KEPT);
                }
                Some(_) => self.known.policies.push(policy.clone()),
            }
        }
        for (name, object) in &picture.policies {
            if self.passed_over.contains(&identity::policy(name)) {
                continue;
            }
            let declared = self.known.policies.iter().find(|p| &p.name == name).cloned();
            let present = object.as_ref().map(|object| {
                let wanted = declared.as_ref().map(|d| Wanted {
                    address: &d.address,
                    attributes: d.policy.attributes(),
                    origin: &d.origin,
                });
                let attributes = self.fill(&shown(object), &object.withheld, wanted.as_ref(), &[]);
                let read = Read(&attributes);
                let description = read.text("description").unwrap_or_default();
                let policy = Policy { description, document: read.document("document"), tags: tags(object, &read) };
                ObservedPolicy { id: 0, policy }
            });
            self.observed.policies.insert(name.clone(), present);
        }
        let roles = std::mem::take(&mut self.known.roles);
        for role in roles {
            match picture.roles.get(&role.name) {
                None => self.leave_out(identity::role(&role.name), &role.address, IS_NEW),
                Some(Some(object)) if !was_kept(&role, object) => {
                    self.leave_out(identity::role(&role.name), &role.address, WAS_NOT_KEPT);
                }
                Some(_) => self.known.roles.push(role),
            }
        }
        for (name, object) in &picture.roles {
            if self.passed_over.contains(&identity::role(name)) {
                continue;
            }
            let declared = self.known.roles.iter().find(|r| &r.name == name).cloned();
            let present = object.as_ref().map(|object| self.role(declared.as_ref(), object));
            self.observed.roles.insert(name.clone(), present);
        }
    }

    fn role(&mut self, declared: Option<&RoleResource>, object: &Object) -> ObservedRole {
        let wanted = declared.and_then(|d| match &d.kind {
            RoleKind::Own(own) => Some(Wanted { address: &d.address, attributes: own.attributes(), origin: &d.origin }),
            RoleKind::Preset(_) | RoleKind::External => None,
        });
        let attributes = self.fill(&shown(object), &object.withheld, wanted.as_ref(), &[]);
        let read = Read(&attributes);
        let trust = match declared.map(|d| &d.kind) {
            Some(RoleKind::Preset(preset)) if read.switch("trusts") == Some(true) => {
                Document::trusting(&[preset.principal().to_owned()])
            }
            _ => read.document("trust"),
        };
        let role = Role {
            description: read.text("description").unwrap_or_default(),
            trust,
            policies: read::set(&read, "policies"),
            session_duration: read.number("session_duration"),
            console_login: read.switch("console_login"),
            tags: tags(object, &read),
        };
        ObservedRole { id: String::new(), role, attached: Vec::new() }
    }

    fn namespaces(&mut self, picture: &Picture) {
        let key = |region: &str, name: &str| format!("{region}/{name}");
        let namespaces = std::mem::take(&mut self.known.namespaces);
        for namespace in namespaces {
            match picture.namespaces.get(&key(&namespace.region, &namespace.name)) {
                None => {
                    self.leave_out(identity::namespace(&namespace.region, &namespace.name), &namespace.address, IS_NEW);
                }
                Some(Some(object)) if object.attributes.is_none() => self.leave_out(
                    identity::namespace(&namespace.region, &namespace.name),
                    &namespace.address,
                    WAS_NOT_KEPT,
                ),
                Some(_) => self.known.namespaces.push(namespace),
            }
        }
        for (place, object) in &picture.namespaces {
            let Some((region, name)) = place.split_once('/') else { continue };
            if self.passed_over.contains(&identity::namespace(region, name)) {
                continue;
            }
            let declared = self.known.namespaces.iter().find(|n| n.region == region && n.name == name).cloned();
            let present = object.as_ref().map(|object| {
                let wanted = declared.as_ref().map(|d| Wanted {
                    address: &d.address,
                    attributes: d.namespace.attributes(),
                    origin: &d.origin,
                });
                let attributes = self.fill(&shown(object), &object.withheld, wanted.as_ref(), &[]);
                let description = Read(&attributes).text("description").unwrap_or_default();
                let identity = mark::identity(&self.known.name, region, name, "");
                let mark = object.line.then_some(Mark { identity, code: None, configuration: None });
                ObservedNamespace { namespace: Namespace { description }, mark, others: object.others }
            });
            self.observed.namespaces.insert((region.to_owned(), name.to_owned()), present);
        }
    }

    fn functions(&mut self, picture: &Picture) {
        let functions = std::mem::take(&mut self.known.functions);
        for function in functions {
            match picture.functions.get(&function.key.to_string()) {
                None => self.leave_out(identity::function(&function.key), &function.address, IS_NEW),
                Some(Some(f)) if f.object.attributes.is_none() => {
                    self.leave_out(identity::function(&function.key), &function.address, WAS_NOT_KEPT);
                }
                Some(_) => self.known.functions.push(function),
            }
        }
        for (place, present) in &picture.functions {
            let mut parts = place.splitn(3, '/');
            let (Some(region), Some(namespace), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            let key = FunctionKey::new(region, namespace, name);
            if self.passed_over.contains(&identity::function(&key)) {
                continue;
            }
            let declared = self.known.functions.iter().find(|f| f.key == key).cloned();
            let present = present.as_ref().map(|f| self.function(&key, declared.as_ref(), f));
            self.observed.functions.insert(key, present.map(Box::new));
        }
    }

    fn function(
        &mut self,
        key: &FunctionKey,
        declared: Option<&FunctionResource>,
        present: &FunctionObject,
    ) -> ObservedFunction {
        let object = &present.object;
        let code_unknown = object.withheld.contains("code") || declared.is_some_and(|d| d.origin.is_unknown("code"));
        let also: &[&str] = if code_unknown && object.line { &["code"] } else { &[] };
        let wanted =
            declared.map(|d| Wanted { address: &d.address, attributes: d.function.attributes(), origin: &d.origin });
        let before = self.not_compared.len();
        // Of what was not read nobody knows whether it is there: it is no change where the manifest says nothing.
        let said = |path: &&String| wanted.as_ref().is_some_and(|w| !w.attributes.get(path).is_null());
        let withheld: BTreeSet<String> =
            object.withheld.iter().chain(object.unread.iter().filter(said)).cloned().collect();
        let attributes = self.fill(&shown(object), &withheld, wanted.as_ref(), also);
        let compared = self.not_compared[before..]
            .iter()
            .flat_map(|n| &n.paths)
            .all(|path| path == "code" || function::COMPARISON.is_guarded(path));
        let read = Read(&attributes);
        let code = if code_unknown { declared.and_then(|d| d.code_digest.clone()) } else { read.text("code") };
        let identity = mark::identity(&self.known.name, &key.region, &key.namespace, &key.name);
        let mark = object.line.then(|| Mark {
            identity,
            code,
            configuration: present.configuration.clone().filter(|_| compared),
        });
        let settings = function::Function { tags: tags(object, &read), ..read::function(&read) };
        ObservedFunction {
            function: settings.into(),
            mark,
            status: match present.state {
                State::Active => Status::Active,
                State::CreateFailed => Status::CreateFailed("why is withheld".to_owned()),
                State::Failed => Status::Failed("why is withheld".to_owned()),
            },
            not_given: Vec::new(),
            // Whether it is the declared one is what the digest of the code says.
            image: None,
            triggers: present.triggers.iter().map(|t| self.trigger(key, declared, t)).collect(),
        }
    }

    fn trigger(
        &mut self,
        function: &FunctionKey,
        declared: Option<&FunctionResource>,
        object: &TriggerObject,
    ) -> RawTrigger {
        let key = read::trigger(&Read(&object.attributes)).key();
        let declared = declared.and_then(|f| f.triggers.iter().find(|t| t.trigger.key() == key));
        let wanted =
            declared.map(|d| Wanted { address: &d.address, attributes: d.trigger.attributes(), origin: &d.origin });
        let attributes = self.fill(&object.attributes, &object.withheld, wanted.as_ref(), &[]);
        let trigger = read::trigger(&Read(&attributes));
        raw(&trigger, object, &trigger_identity(&self.known.name, function, &trigger))
    }

    /// Says in the plan what was not compared.
    fn mark(self, plan: &mut Plan) {
        for change in &mut plan.changes {
            let hidden = self.hidden.get(&change.address);
            let origin = change.origin.clone();
            for attribute in change.attributes_mut() {
                if hidden.is_some_and(|h| h.contains(&*attribute.path)) {
                    attribute.before = Side { value: Json::from(WITHHELD), guarded: false };
                }
                if origin.is_unknown(&attribute.path) {
                    attribute.after = Side { value: Json::from(NOT_GIVEN), guarded: false };
                }
            }
        }
        let changed: BTreeSet<&ResourceAddress> = plan.changes.iter().map(|c| &c.address).collect();
        let only = self.not_compared.iter().filter(|n| !n.paths.is_empty() && !changed.contains(&n.address)).count();
        plan.unchanged = plan.unchanged.saturating_sub(only);
        plan.complete &= self.not_compared.is_empty();
        plan.not_compared = self.not_compared;
        plan.not_compared.sort_by(|a, b| (&a.address, &a.paths).cmp(&(&b.address, &b.paths)));
    }
}

/// Whether the picture holds what a role of this kind is compared by.
fn was_kept(role: &RoleResource, object: &Object) -> bool {
    let has =
        |path: &str| object.withheld.contains(path) || object.attributes.as_ref().is_some_and(|a| a.contains_key(path));
    match &role.kind {
        RoleKind::External => true,
        RoleKind::Preset(_) => has("trusts"),
        RoleKind::Own(_) => has("trust"),
    }
}

fn shown(object: &Object) -> BTreeMap<String, Json> {
    object.attributes.clone().unwrap_or_default()
}

/// The tags that compare, and those of the mark.
fn tags(object: &Object, read: &Read<'_>) -> Tags {
    let mut tags = read::tags(read);
    if let Some(owner) = &object.owner {
        tags.insert(STACK_TAG.to_owned(), owner.clone());
    }
    if object.protect {
        tags.insert(PROTECT_TAG.to_owned(), "true".to_owned());
    }
    tags
}

/// Something of the right type, to be there at all. It is never shown.
fn placeholder(path: &str) -> Json {
    const NUMBERS: [&str; 6] =
        ["reserved_concurrency", "instance_concurrency.max", "init_timeout", "version", "retries", "max_age"];
    let is = |name: &&str| path == *name || path.strip_suffix(*name).is_some_and(|rest| rest.ends_with('.'));
    if NUMBERS.iter().any(is) { Json::from(1) } else { Json::from(WITHHELD) }
}

/// A trigger as the service would list it.
fn raw(trigger: &Trigger, object: &TriggerObject, identity: &str) -> RawTrigger {
    let text = trigger.description.clone().unwrap_or_default();
    let mark = Mark { identity: identity.to_owned(), code: None, configuration: None };
    RawTrigger {
        kind: trigger.kind().to_owned(),
        name: trigger.platform_name(),
        desc: trigger.wire_desc(),
        enabled: trigger.enabled,
        qualifier: trigger.qualifier.clone(),
        argument: trigger.argument().unwrap_or_default().to_owned(),
        description: if object.line { mark::append(&text, &mark) } else { text },
        unbound: object.unbound,
        resource_id: String::new(),
    }
}
