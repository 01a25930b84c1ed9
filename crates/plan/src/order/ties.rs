//! What each change brings about, needs, lets go and waits for, as tokens. Two changes that name the same token are
//! tied; which of them comes first is `order`'s business. What must come first is said here once per pair of kinds.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Kind;
use crate::change::{Action, Change};
use crate::desired::{FunctionResource, RoleKind, Stack};
use crate::observed::{FunctionKey, Observed, ObservedFunction};
use crate::resource::role::Preset;
use crate::resource::trigger::{Spec, Trigger};
use crate::step::{PolicyRef, Step};

/// Something that one change brings about or lets go, and another waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Token<'a> {
    Policy(&'a str),
    Role(&'a str),
    Namespace(&'a str, &'a str),
    Function(&'a FunctionKey),
    /// Triggers of one type on one function.
    Triggers(&'a FunctionKey, &'a str),
    /// A place that only one trigger can hold: an MPS event type, a bucket's notifications on a function.
    Slot(Box<str>),
    /// Use of a policy by something that goes away or lets it go.
    UseOfPolicy(&'a str),
    /// The same of a role.
    UseOfRole(&'a str),
    /// The same of a namespace.
    UseOfNamespace(&'a str, &'a str),
}

/// The ties of one change.
#[derive(Default)]
pub(super) struct Ties<'a> {
    /// What it brings about.
    pub(super) provides: Vec<Token<'a>>,
    /// What must have been brought about before it.
    pub(super) needs: Vec<Token<'a>>,
    /// What it lets go.
    pub(super) frees: Vec<Token<'a>>,
    /// What must have been let go before it.
    pub(super) waits_for: Vec<Token<'a>>,
}

/// What tokens are taken from besides the change itself.
pub(super) struct World<'a> {
    stack: &'a Stack,
    observed: &'a Observed,
    declared: BTreeMap<&'a FunctionKey, &'a FunctionResource>,
}

impl<'a> World<'a> {
    pub(super) fn of(stack: &'a Stack, observed: &'a Observed) -> Self {
        Self { stack, observed, declared: stack.functions.iter().map(|f| (&f.key, f)).collect() }
    }

    fn has_preset(&self, preset: Preset) -> bool {
        self.stack.roles.iter().any(|r| matches!(r.kind, RoleKind::Preset(p) if p == preset))
    }

    fn present(&self, key: &FunctionKey) -> Option<&'a ObservedFunction> {
        self.observed.functions.get(key)?.as_deref()
    }
}

impl<'a> Ties<'a> {
    /// The ties of one change, in the room of those of another.
    pub(super) fn read(&mut self, world: &World<'a>, change: &'a Change) {
        self.provides.clear();
        self.needs.clear();
        self.frees.clear();
        self.waits_for.clear();
        match change.address.kind() {
            Kind::Policy | Kind::Role => self.account(change),
            Kind::Namespace => self.namespace(change),
            Kind::Function => self.function(world, change),
            Kind::Trigger => self.trigger(world, change),
        }
    }

    fn account(&mut self, change: &'a Change) {
        for step in &change.steps {
            match step {
                Step::CreatePolicy { name, .. } | Step::UpdatePolicy { name, .. } => {
                    self.provides.push(Token::Policy(name));
                }
                Step::DeletePolicy { name, .. } => self.waits_for.push(Token::UseOfPolicy(name)),
                Step::CreateRole { name, .. } => self.provides.push(Token::Role(name)),
                Step::AttachRolePolicy { role, policy } => {
                    self.provides.push(Token::Role(role));
                    if let PolicyRef::Custom(name) = policy {
                        self.needs.push(Token::Policy(name));
                    }
                }
                Step::DetachRolePolicy { policy, .. } => self.frees.push(Token::UseOfPolicy(policy.name())),
                Step::DeleteRole { name } => self.waits_for.push(Token::UseOfRole(name)),
                _ => {}
            }
        }
    }

    fn namespace(&mut self, change: &'a Change) {
        for step in &change.steps {
            match step {
                Step::CreateNamespace { region, name, .. } => self.provides.push(Token::Namespace(region, name)),
                Step::DeleteNamespace { region, name } => self.waits_for.push(Token::UseOfNamespace(region, name)),
                _ => {}
            }
        }
    }

    fn function(&mut self, world: &World<'a>, change: &'a Change) {
        let Some(key) = change.home.function() else { return };
        if change.action == Action::Delete {
            self.frees.push(Token::UseOfNamespace(&key.region, &key.namespace));
            self.waits_for.push(Token::Function(key));
        } else {
            self.provides.push(Token::Function(key));
            self.needs.push(Token::Namespace(&key.region, &key.namespace));
            // The platform sets functions up with its own service role.
            if world.has_preset(Preset::Scf) {
                self.needs.push(Token::Role(Preset::Scf.role_name()));
            }
            if let Some(resource) = world.declared.get(key) {
                self.needs.push(Token::Role(&resource.function.role));
            }
        }
        // A replacement takes all triggers down: what it no longer declares, others may take from then on.
        for step in &change.steps {
            if let Step::DeleteTrigger { present, .. } = step {
                self.frees.extend(slots(&present.normal_form(), key));
            }
        }
        if let Some(present) = world.present(key) {
            self.frees.push(Token::UseOfRole(&present.function.role));
        }
    }

    fn trigger(&mut self, world: &World<'a>, change: &'a Change) {
        let Some(key) = change.home.function() else { return };
        let gone = change.action == Action::Delete;
        let mut kinds: BTreeSet<&'a str> = BTreeSet::new();
        for step in &change.steps {
            match step {
                Step::CreateTrigger { trigger, .. } => {
                    kinds.insert(trigger.kind());
                    self.waits_for.extend(slots(trigger, key));
                    if trigger.kind() == "mps" {
                        self.needs.push(Token::Role(Preset::Mps.role_name()));
                    }
                }
                Step::BindTrigger { event, .. } => {
                    kinds.insert("mps");
                    self.waits_for.push(mps_slot(event));
                    if world.has_preset(Preset::Mps) {
                        self.needs.push(Token::Role(Preset::Mps.role_name()));
                    }
                }
                Step::DeleteTrigger { present, .. } if gone || change.action == Action::Update => {
                    kinds.insert(&present.kind);
                    self.frees.extend(slots(&present.normal_form(), key));
                }
                _ => {}
            }
        }
        let function_goes = gone && !world.declared.contains_key(key);
        if function_goes {
            self.frees.push(Token::Function(key));
            return;
        }
        self.needs.push(Token::Function(key));
        for kind in kinds {
            // A function that holds all the triggers it may must let one go before it takes another.
            let count = world.present(key).map_or(0, |f| f.triggers.iter().filter(|t| t.kind == kind).count());
            if count >= crate::limits::TRIGGERS_PER_TYPE {
                let room = slot(format!("{kind} triggers of {key}"));
                if gone {
                    self.frees.push(room);
                } else if change.action == Action::Create {
                    self.waits_for.push(room);
                }
            }
            let group = Token::Triggers(key, kind);
            if gone {
                // Create before delete, so that no event falls between: unless the place itself must be freed first.
                if self.frees.is_empty() {
                    self.needs.push(group);
                }
            } else if self.waits_for.is_empty() {
                self.provides.push(group);
            }
        }
    }
}

fn slot<'a>(what: String) -> Token<'a> {
    Token::Slot(what.into_boxed_str())
}

fn mps_slot<'a>(event: &str) -> Token<'a> {
    slot(format!("mps {event}"))
}

/// Places that a trigger holds alone.
fn slots<'a>(trigger: &Trigger, function: &FunctionKey) -> Vec<Token<'a>> {
    match &trigger.spec {
        Spec::Mps { event } => vec![mps_slot(event)],
        // A bucket takes each rule once in all, and a function its own rules for a bucket one after the other.
        Spec::Cos { domain, .. } => {
            vec![slot(format!("cos {function} {domain}")), slot(format!("cos {}", trigger.key().key))]
        }
        Spec::Http { .. } => vec![slot(format!("http {function} {}", trigger.qualifier))],
        Spec::Ckafka { .. } | Spec::Timer { .. } | Spec::Raw { .. } => vec![],
    }
}
