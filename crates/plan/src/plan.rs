//! The planner: one stack's desired state against what was observed, every resource decided, all changes in
//! order. The same inputs in any order give the same plan.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::{Kind, ResourceAddress};
use crate::change::{Action, Change, Decision, Differences, Home};
use crate::decide::{self, Context, TriggerPlace};
use crate::desired::{FunctionResource, Stack};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::observed::{FunctionKey, Holder, Observed, ObservedFunction};
use crate::order;
use crate::resource::Origin;
use crate::resource::trigger::{RawTrigger, TriggerKey};
use crate::snapshot::{AsOf, NotCompared};

/// What would change, in apply order.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The stack.
    pub stack: String,
    /// Its default region.
    pub region: String,
    /// Whether everything was looked at.
    pub complete: bool,
    /// The changes.
    pub changes: Vec<Change>,
    /// Resources that are as they should be.
    pub unchanged: usize,
    /// What forbids applying it, or is worth knowing.
    pub findings: Vec<Diagnostic>,
    /// From when its picture of the cloud is, when it was made from a snapshot; such a plan is never applied.
    pub as_of: Option<AsOf>,
    /// What a snapshot could not tell.
    pub not_compared: Vec<NotCompared>,
    /// MPS event types whose holder must be found out first; planning again with the answer empties this.
    pub wanted_holders: BTreeSet<String>,
}

/// Counts per action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Summary {
    /// To be made.
    pub create: usize,
    /// To be changed in place.
    pub update: usize,
    /// To be deleted and made anew.
    pub replace: usize,
    /// To go.
    pub delete: usize,
    /// As they should be.
    pub unchanged: usize,
    /// Of which not everything could be compared, in a plan from a snapshot.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_compared: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Summary {
    /// How many resources change.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.create + self.update + self.replace + self.delete
    }

    /// The counts of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            create: self.create + other.create,
            update: self.update + other.update,
            replace: self.replace + other.replace,
            delete: self.delete + other.delete,
            unchanged: self.unchanged + other.unchanged,
            not_compared: self.not_compared + other.not_compared,
        }
    }
}

impl Plan {
    /// Counts per action.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let count = |action| self.changes.iter().filter(|c| c.action == action).count();
        Summary {
            create: count(Action::Create),
            update: count(Action::Update),
            replace: count(Action::Replace),
            delete: count(Action::Delete),
            unchanged: self.unchanged,
            not_compared: self.not_compared.len(),
        }
    }

    /// Whether nothing is to be done and nothing is in the way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Findings that forbid applying it.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.findings.iter().filter(|f| f.severity == Severity::Error)
    }

    /// Deletes and replacements that `--max-deletes` counts: functions, roles, policies, namespaces, and triggers
    /// whose function stays (design rule 9).
    #[must_use]
    pub fn counted_deletes(&self) -> usize {
        let goes: BTreeSet<&str> = self
            .changes
            .iter()
            .filter(|c| c.action == Action::Delete && c.address.kind() == Kind::Function)
            .map(|c| c.address.as_str())
            .collect();
        self.changes
            .iter()
            .filter(|c| match (c.address.kind(), c.action) {
                (_, Action::Create | Action::Update) => false,
                (Kind::Trigger, Action::Replace) => false,
                (Kind::Trigger, Action::Delete) => {
                    !c.address.owner().is_some_and(|function| goes.contains(function.as_str()))
                }
                (Kind::Policy | Kind::Role | Kind::Namespace | Kind::Function, Action::Replace | Action::Delete) => {
                    true
                }
            })
            .count()
    }

    /// Leaves only the changes of `targets`, with whatever they depend on, and says what was left out.
    pub fn keep_targets(&mut self, targets: &[String]) {
        if targets.is_empty() {
            return;
        }
        self.not_compared.retain(|n| targets.iter().any(|t| n.address.is_within(t)));
        let mut keep: BTreeSet<usize> =
            (0..self.changes.len()).filter(|i| targets.iter().any(|t| self.changes[*i].address.is_within(t))).collect();
        let mut queue: Vec<usize> = keep.iter().copied().collect();
        while let Some(i) = queue.pop() {
            for before in &self.changes[i].after {
                if keep.insert(*before) {
                    queue.push(*before);
                }
            }
        }
        let left_out = self.changes.len() - keep.len();
        if left_out == 0 {
            return;
        }
        let renumbered: BTreeMap<usize, usize> = keep.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let changes = std::mem::take(&mut self.changes);
        self.changes = changes
            .into_iter()
            .enumerate()
            .filter(|(i, _)| keep.contains(i))
            .map(|(_, mut change)| {
                change.after = change.after.iter().filter_map(|a| renumbered.get(a).copied()).collect();
                change
            })
            .collect();
        self.complete = false;
        self.findings.push(Diagnostic::warning(
            Code::Incomplete,
            format!("{left_out} more change{} left out by --target", if left_out == 1 { "" } else { "s" }),
        ));
    }
}

/// What was decided, before it is ordered. What nothing has to be done about, in a large stack nearly all, is counted.
#[derive(Default)]
pub(crate) struct Decisions {
    pub(crate) changes: Vec<Change>,
    pub(crate) unchanged: usize,
    pub(crate) findings: Vec<Diagnostic>,
}

impl Decisions {
    fn push(&mut self, address: &ResourceAddress, home: Home, decision: Decision, origin: &Origin) {
        let refused = decision.findings.iter().any(|f| f.severity == Severity::Error);
        self.findings.extend(decision.findings);
        let Some(action) = decision.action else {
            self.unchanged += usize::from(!refused);
            return;
        };
        let mut attributes = decision.attributes;
        // Thousands of changes are held at once, and a list that grew keeps room for more.
        attributes.shrink_to_fit();
        let mut change = Change {
            address: address.clone(),
            home,
            action,
            differences: match decision.made {
                Some(made) => Differences::Made(made),
                None if action == Action::Delete => Differences::Listed(Vec::new()),
                None => Differences::Listed(attributes),
            },
            requires_replace: decision.requires_replace,
            cause: decision.cause,
            reason: decision.reason,
            events_may_be_missed: decision.events_may_be_missed,
            steps: decision.steps,
            after: Vec::new(),
            origin: origin.clone(),
        };
        change.steps.shrink_to_fit();
        self.changes.push(change);
    }
}

/// Decides everything.
#[must_use]
pub fn plan(stack: &Stack, observed: &Observed) -> Plan {
    let context = Context::of(stack);
    // One list of the right size: a list that grows is held twice meanwhile. Room that is not used is never touched.
    let triggers: usize = stack.functions.iter().map(|f| f.triggers.len()).sum();
    let mut decided =
        Decisions { changes: Vec::with_capacity(stack.functions.len() + triggers), ..Decisions::default() };
    let mut wanted_holders = BTreeSet::new();
    let custom = custom_policies(stack, observed);

    for resource in &stack.policies {
        let decision =
            decide::policy(context, resource, observed.policies.get(&resource.name).and_then(Option::as_ref));
        decided.push(&resource.address, Home::Account, decision, &resource.origin);
    }
    for resource in &stack.roles {
        let decision =
            decide::role(context, resource, observed.roles.get(&resource.name).and_then(Option::as_ref), &custom);
        decided.push(&resource.address, Home::Account, decision, &resource.origin);
    }
    for resource in &stack.namespaces {
        let present =
            observed.namespaces.get(&(resource.region.clone(), resource.name.clone())).and_then(Option::as_ref);
        let decision = decide::namespace(context, resource, present);
        decided.push(&resource.address, Home::Region(resource.region.clone()), decision, &resource.origin);
    }
    let released = released_bindings(stack, observed, context);
    for resource in &stack.functions {
        decide_function(context, resource, observed, &released, &mut decided, &mut wanted_holders);
    }
    decide_undeclared(stack, observed, context, &custom, &mut decided);

    let mut plan = order::arrange(stack, observed, decided);
    plan.stack.clone_from(&stack.name);
    plan.region.clone_from(&stack.region);
    plan.wanted_holders = if observed.holders.is_none() { wanted_holders } else { BTreeSet::new() };
    plan.complete = observed.left_out.is_none();
    if let Some(what) = &observed.left_out {
        plan.findings.push(Diagnostic::warning(Code::Incomplete, what.clone()));
    }
    plan.findings.sort_by(|a, b| (a.span, &a.address, a.code).cmp(&(b.span, &b.address, b.code)));
    plan
}

/// Names of policies that belong to the account: declared here, or seen there.
#[must_use]
pub fn custom_policies(stack: &Stack, observed: &Observed) -> BTreeSet<String> {
    let seen = observed.policies.iter().filter(|(_, p)| p.is_some()).map(|(n, _)| n.clone());
    stack.policies.iter().map(|p| p.name.clone()).chain(seen).collect()
}

/// Triggers by identity; of several that look alike to us the rest is left over.
fn index(triggers: &[RawTrigger]) -> (BTreeMap<TriggerKey, &RawTrigger>, Vec<&RawTrigger>) {
    let mut found: BTreeMap<TriggerKey, &RawTrigger> = BTreeMap::new();
    let mut doubles = Vec::new();
    let mut sorted: Vec<&RawTrigger> = triggers.iter().collect();
    sorted.sort_by(|a, b| (&a.kind, &a.name, &a.desc, &a.qualifier).cmp(&(&b.kind, &b.name, &b.desc, &b.qualifier)));
    for trigger in sorted {
        match found.entry(trigger.normal_form().key()) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(trigger);
            }
            std::collections::btree_map::Entry::Occupied(_) => doubles.push(trigger),
        }
    }
    (found, doubles)
}

fn decide_function(
    context: Context<'_>,
    resource: &FunctionResource,
    observed: &Observed,
    released: &BTreeMap<String, FunctionKey>,
    decided: &mut Decisions,
    wanted_holders: &mut BTreeSet<String>,
) {
    let key = &resource.key;
    let present: Option<&ObservedFunction> = observed.functions.get(key).and_then(Option::as_deref);
    let decision = decide::function(context, resource, present);
    let refused = decision.action.is_none() && decision.findings.iter().any(|f| f.severity == Severity::Error);
    let replaced = decision.action == Some(Action::Replace);
    let home = || Home::Function(key.clone());
    decided.push(&resource.address, home(), decision, &resource.origin);
    if refused {
        return;
    }
    let (mut triggers, doubles) = index(present.map_or(&[][..], |p| &p.triggers));
    for trigger in &resource.triggers {
        let raw = triggers.remove(&trigger.trigger.key());
        let wanted = decide::wants_holder(trigger, raw.filter(|_| !replaced));
        if let Some(event) = wanted.filter(|e| !released.contains_key(*e)) {
            wanted_holders.insert(event.to_owned());
        }
        let holder: Option<&Holder> = wanted.and_then(|e| observed.holders.as_ref()?.get(e));
        let decision = decide::trigger(
            context,
            trigger,
            raw,
            TriggerPlace {
                function: key,
                holder,
                released: wanted.is_some_and(|e| released.contains_key(e)),
                existing: present.is_some(),
                replaced,
            },
        );
        decided.push(&trigger.address, home(), decision, &trigger.origin);
    }
    // The replacement itself deletes every trigger; what is not declared simply does not come back.
    if !replaced {
        for raw in triggers.values().copied().chain(doubles) {
            let (address, decision, origin) = decide::undeclared_trigger(context, key, &resource.address, raw);
            decided.push(&address, home(), decision, &origin);
        }
    }
}

/// MPS event types that this plan unbinds from functions of the stack, and from which.
fn released_bindings(stack: &Stack, observed: &Observed, context: Context<'_>) -> BTreeMap<String, FunctionKey> {
    let mut released = BTreeMap::new();
    let by_key: BTreeMap<&FunctionKey, &FunctionResource> = stack.functions.iter().map(|f| (&f.key, f)).collect();
    for (key, present) in &observed.functions {
        let Some(present) = present else { continue };
        let declared = by_key.get(key);
        if declared.is_none()
            && decide::undeclared_function(context, key, present).is_none_or(|(_, d, _)| d.action.is_none())
        {
            continue;
        }
        for raw in present.triggers.iter().filter(|t| t.kind == "mps" && !t.unbound) {
            let identity = raw.normal_form().key();
            let stays =
                declared.is_some_and(|f| f.triggers.iter().any(|t| t.trigger.enabled && t.trigger.key() == identity));
            if !stays {
                released.insert(identity.key, key.clone());
            }
        }
    }
    released
}

fn decide_undeclared(
    stack: &Stack,
    observed: &Observed,
    context: Context<'_>,
    custom: &BTreeSet<String>,
    decided: &mut Decisions,
) {
    let mut take = |found: Option<(ResourceAddress, Decision, Origin)>, home: Home| {
        if let Some((address, decision, origin)) = found {
            decided.push(&address, home, decision, &origin);
        }
    };
    for (name, present) in &observed.policies {
        if let (Some(present), false) = (present, stack.policies.iter().any(|p| &p.name == name)) {
            take(decide::undeclared_policy(context, name, present), Home::Account);
        }
    }
    for (name, present) in &observed.roles {
        if let (Some(present), false) = (present, stack.roles.iter().any(|r| &r.name == name)) {
            take(decide::undeclared_role(context, name, present, custom), Home::Account);
        }
    }
    for ((region, name), present) in &observed.namespaces {
        if let (Some(present), false) =
            (present, stack.namespaces.iter().any(|n| &n.region == region && &n.name == name))
        {
            take(decide::undeclared_namespace(context, region, name, present), Home::Region(region.clone()));
        }
    }
    let declared: BTreeSet<&FunctionKey> = stack.functions.iter().map(|f| &f.key).collect();
    for (key, present) in &observed.functions {
        let Some(present) = present else { continue };
        if declared.contains(key) {
            continue;
        }
        let Some((address, decision, origin)) = decide::undeclared_function(context, key, present) else { continue };
        let goes = decision.action.is_some();
        if goes {
            let mut triggers: Vec<&RawTrigger> = present.triggers.iter().collect();
            triggers.sort_by(|a, b| (&a.kind, &a.name, &a.desc).cmp(&(&b.kind, &b.name, &b.desc)));
            for raw in triggers {
                let (address, mut decision, origin) = decide::undeclared_trigger(context, key, &address, raw);
                decision.reason = "its function goes".into();
                take(Some((address, decision, origin)), Home::Function(key.clone()));
            }
        }
        take(Some((address, decision, origin)), Home::Function(key.clone()));
    }
}
