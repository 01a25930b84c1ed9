//! Dependency order for creates and deletes. What must come first is said once per pair of kinds; ties are
//! broken by kind and address, so that the same decisions always stand in the same order.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Kind;
use crate::change::{Action, Change};
use crate::desired::{FunctionResource, RoleKind, Stack};
use crate::diagnostic::Severity;
use crate::observed::Observed;
use crate::plan::{Decided, Decisions, Plan};
use crate::resource::role::Preset;
use crate::step::{PolicyRef, Step};

/// What one change touches, as far as order is concerned.
struct Node {
    kind: Kind,
    action: Action,
    decided: Decided,
    /// Policies that it attaches or writes; roles it makes; and so on: see `provides` and `needs`.
    provides: Tokens,
    needs: Tokens,
    frees: Tokens,
    waits_for: Tokens,
}

/// One to three as a rule, so a set would be mostly empty room; what stands twice does no harm.
type Tokens = Vec<Token>;

/// Declared functions by where they live.
type Declared<'a> = BTreeMap<(&'a str, &'a str, &'a str), &'a FunctionResource>;

/// Something that one change brings about or lets go, and another waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Policy(String),
    Role(String),
    Namespace(String, String),
    Function(String),
    /// Triggers of one type on one function.
    Triggers(String, String),
    /// A place that only one trigger can hold: an MPS event type, a bucket's notifications on a function.
    Slot(String),
    /// Use of a role, policy or namespace by something that goes away or lets it go.
    UseOf(Box<Token>),
}

/// Puts decisions into a plan.
pub(crate) fn arrange(stack: &Stack, observed: &Observed, decided: Decisions) -> Plan {
    let mut plan = Plan { unchanged: decided.unchanged, ..Plan::default() };
    let declared: Declared<'_> = stack.functions.iter().map(|f| (f.place(), f)).collect();
    let mut nodes = Vec::new();
    for mut item in decided.all {
        let refused = item.decision.findings.iter().any(|f| f.severity == Severity::Error);
        plan.findings.append(&mut item.decision.findings);
        match item.decision.action {
            Some(action) => nodes.push(node(stack, &declared, observed, item, action)),
            None => plan.unchanged += usize::from(!refused),
        }
    }
    drop(declared);
    nodes.sort_by(|a, b| (phase(a), &a.decided.address).cmp(&(phase(b), &b.decided.address)));
    let before = edges(&nodes);
    let freed: BTreeSet<&Token> = nodes.iter().flat_map(|n| &n.frees).collect();
    let waiting: Vec<bool> = nodes.iter().map(|n| n.waits_for.iter().any(|t| freed.contains(t))).collect();
    let order = topological(&before);
    let mut position = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, old)| position[*old] = new);
    let mut slots: Vec<Option<Change>> = nodes
        .into_iter()
        .enumerate()
        .map(|(old, node)| {
            let mut after: Vec<usize> = before[old].iter().map(|b| position[*b]).collect();
            after.sort_unstable();
            Some(change(node, after, waiting[old]))
        })
        .collect();
    plan.changes = order.into_iter().filter_map(|old| slots[old].take()).collect();
    plan
}

fn change(node: Node, after: Vec<usize>, waits: bool) -> Change {
    let Decided { address, region, decision, origin, .. } = node.decided;
    // A binding that can only be made once another is gone leaves a gap.
    let gap = node.kind == Kind::Trigger && node.action == Action::Create && waits;
    Change {
        address,
        region,
        action: node.action,
        attributes: if node.action == Action::Delete { Vec::new() } else { decision.attributes },
        requires_replace: decision.requires_replace,
        cause: decision.cause,
        reason: decision.reason,
        events_may_be_missed: decision.events_may_be_missed || gap,
        steps: decision.steps,
        after,
        origin,
    }
}

fn phase(node: &Node) -> u8 {
    match (node.action, node.kind) {
        (Action::Create | Action::Update | Action::Replace, Kind::Policy) => 0,
        (Action::Create | Action::Update | Action::Replace, Kind::Role) => 1,
        (Action::Create | Action::Update | Action::Replace, Kind::Namespace) => 2,
        (Action::Create | Action::Update | Action::Replace, Kind::Function) => 3,
        (Action::Create | Action::Update | Action::Replace, Kind::Trigger) => 4,
        (Action::Delete, Kind::Trigger) => 5,
        (Action::Delete, Kind::Function) => 6,
        (Action::Delete, Kind::Namespace) => 7,
        (Action::Delete, Kind::Role) => 8,
        (Action::Delete, Kind::Policy) => 9,
    }
}

fn use_of(token: Token) -> Token {
    Token::UseOf(Box::new(token))
}

fn node(stack: &Stack, declared: &Declared<'_>, observed: &Observed, decided: Decided, action: Action) -> Node {
    let kind = decided.address.kind();
    let mut node = Node {
        kind,
        action,
        provides: Tokens::new(),
        needs: Tokens::new(),
        frees: Tokens::new(),
        waits_for: Tokens::new(),
        decided,
    };
    let gone = action == Action::Delete;
    match kind {
        Kind::Policy | Kind::Role => {
            for step in &node.decided.decision.steps {
                match step {
                    Step::CreatePolicy { name, .. } | Step::UpdatePolicy { name, .. } => {
                        node.provides.push(Token::Policy(name.clone()));
                    }
                    Step::DeletePolicy { name, .. } => {
                        node.waits_for.push(use_of(Token::Policy(name.clone())));
                    }
                    Step::CreateRole { name, .. } => {
                        node.provides.push(Token::Role(name.clone()));
                    }
                    Step::AttachRolePolicy { role, policy } => {
                        node.provides.push(Token::Role(role.clone()));
                        if let PolicyRef::Custom(name) = policy {
                            node.needs.push(Token::Policy(name.clone()));
                        }
                    }
                    Step::DetachRolePolicy { policy, .. } => {
                        node.frees.push(use_of(Token::Policy(policy.name().to_owned())));
                    }
                    Step::DeleteRole { name } => {
                        node.waits_for.push(use_of(Token::Role(name.clone())));
                    }
                    _ => {}
                }
            }
        }
        Kind::Namespace => {
            for step in &node.decided.decision.steps {
                match step {
                    Step::CreateNamespace { region, name, .. } => {
                        node.provides.push(Token::Namespace(region.clone(), name.clone()));
                    }
                    Step::DeleteNamespace { region, name } => {
                        node.waits_for.push(use_of(Token::Namespace(region.clone(), name.clone())));
                    }
                    _ => {}
                }
            }
        }
        Kind::Function => function_tokens(stack, declared, observed, &mut node, gone),
        Kind::Trigger => trigger_tokens(stack, declared, observed, &mut node, gone),
    }
    for tokens in [&mut node.provides, &mut node.needs, &mut node.frees, &mut node.waits_for] {
        tokens.shrink_to_fit();
    }
    node
}

fn function_tokens(stack: &Stack, declared: &Declared<'_>, observed: &Observed, node: &mut Node, gone: bool) {
    let Some(key) = node.decided.function.clone() else { return };
    let name = key.to_string();
    if gone {
        node.frees.push(use_of(Token::Namespace(key.region.clone(), key.namespace.clone())));
        node.waits_for.push(Token::Function(name));
    } else {
        node.provides.push(Token::Function(name));
        node.needs.push(Token::Namespace(key.region.clone(), key.namespace.clone()));
        // The platform sets functions up with its own service role.
        if stack.roles.iter().any(|r| matches!(r.kind, RoleKind::Preset(Preset::Scf))) {
            node.needs.push(Token::Role(Preset::Scf.role_name().to_owned()));
        }
        if let Some(resource) = declared.get(&key.place()) {
            node.needs.push(Token::Role(resource.function.role.clone()));
        }
    }
    // A replacement takes all triggers down: what it no longer declares, others may take from then on.
    for step in &node.decided.decision.steps {
        if let Step::DeleteTrigger { present, .. } = step {
            node.frees.extend(slots(&present.normal_form(), &key.to_string()));
        }
    }
    if let Some(Some(present)) = observed.functions.get(&key) {
        node.frees.push(use_of(Token::Role(present.function.role.clone())));
    }
}

fn trigger_tokens(stack: &Stack, declared: &Declared<'_>, observed: &Observed, node: &mut Node, gone: bool) {
    let Some(key) = node.decided.function.clone() else { return };
    let function = key.to_string();
    let mut kinds = BTreeSet::new();
    for step in &node.decided.decision.steps {
        match step {
            Step::CreateTrigger { trigger, .. } => {
                kinds.insert(trigger.kind().to_owned());
                for slot in slots(trigger, &function) {
                    node.waits_for.push(slot);
                }
                if trigger.kind() == "mps" {
                    node.needs.push(Token::Role(Preset::Mps.role_name().to_owned()));
                }
            }
            Step::BindTrigger { event, .. } => {
                kinds.insert("mps".to_owned());
                node.waits_for.push(Token::Slot(format!("mps {event}")));
                if stack.roles.iter().any(|r| matches!(r.kind, RoleKind::Preset(Preset::Mps))) {
                    node.needs.push(Token::Role(Preset::Mps.role_name().to_owned()));
                }
            }
            Step::DeleteTrigger { present, .. } if gone || node.action == Action::Update => {
                kinds.insert(present.kind.clone());
                for slot in slots(&present.normal_form(), &function) {
                    node.frees.push(slot);
                }
            }
            _ => {}
        }
    }
    let function_goes = gone && !declared.contains_key(&key.place());
    if function_goes {
        node.frees.push(Token::Function(function));
        return;
    }
    node.needs.push(Token::Function(function.clone()));
    for kind in kinds {
        // A function that holds all the triggers it may must let one go before it takes another.
        let present = observed.functions.get(&key).and_then(Option::as_ref);
        let count = present.map_or(0, |f| f.triggers.iter().filter(|t| t.kind == kind).count());
        if count >= crate::limits::TRIGGERS_PER_TYPE {
            let room = Token::Slot(format!("{kind} triggers of {function}"));
            if gone {
                node.frees.push(room);
            } else if node.action == Action::Create {
                node.waits_for.push(room);
            }
        }
        let group = Token::Triggers(function.clone(), kind);
        if gone {
            // Create before delete, so that no event falls between: unless the place itself must be freed first.
            if node.frees.is_empty() {
                node.needs.push(group);
            }
        } else if node.waits_for.is_empty() {
            node.provides.push(group);
        }
    }
}

/// Places that a trigger holds alone.
fn slots(trigger: &crate::resource::trigger::Trigger, function: &str) -> Vec<Token> {
    use crate::resource::trigger::Spec;
    match &trigger.spec {
        Spec::Mps { event } => vec![Token::Slot(format!("mps {event}"))],
        // A bucket takes each rule once in all, and a function its own rules for a bucket one after the other.
        Spec::Cos { domain, .. } => {
            vec![Token::Slot(format!("cos {function} {domain}")), Token::Slot(format!("cos {}", trigger.key().key))]
        }
        Spec::Http { .. } => vec![Token::Slot(format!("http {function} {}", trigger.qualifier))],
        Spec::Ckafka { .. } | Spec::Timer { .. } | Spec::Raw { .. } => vec![],
    }
}

/// For each node, the nodes that come before it, each once.
fn edges(nodes: &[Node]) -> Vec<Vec<usize>> {
    let mut providers: BTreeMap<&Token, Vec<usize>> = BTreeMap::new();
    let mut freers: BTreeMap<&Token, Vec<usize>> = BTreeMap::new();
    for (i, node) in nodes.iter().enumerate() {
        node.provides.iter().for_each(|t| providers.entry(t).or_default().push(i));
        node.frees.iter().for_each(|t| freers.entry(t).or_default().push(i));
    }
    nodes
        .iter()
        .enumerate()
        .map(|(i, node)| {
            let provided = node.needs.iter().flat_map(|t| providers.get(t).into_iter().flatten());
            let freed = node.waits_for.iter().flat_map(|t| freers.get(t).into_iter().flatten());
            let mut before: Vec<usize> = provided.chain(freed).copied().filter(|b| *b != i).collect();
            before.sort_unstable();
            before.dedup();
            before
        })
        .collect()
}

/// Kahn's algorithm, always taking the smallest index that is ready. A cycle would be a bug of the tokens above:
/// what it holds is appended in index order, so that nothing is ever lost from a plan.
fn topological(before: &[Vec<usize>]) -> Vec<usize> {
    let mut waiting: Vec<usize> = before.iter().map(Vec::len).collect();
    let mut unlocks: Vec<Vec<usize>> = vec![Vec::new(); before.len()];
    for (i, set) in before.iter().enumerate() {
        set.iter().for_each(|b| unlocks[*b].push(i));
    }
    let mut ready: BTreeSet<usize> = (0..before.len()).filter(|i| waiting[*i] == 0).collect();
    let mut order = Vec::with_capacity(before.len());
    while let Some(next) = ready.pop_first() {
        order.push(next);
        for unlocked in &unlocks[next] {
            waiting[*unlocked] -= 1;
            if waiting[*unlocked] == 0 {
                ready.insert(*unlocked);
            }
        }
    }
    debug_assert_eq!(order.len(), before.len(), "dependencies between changes form a cycle");
    let placed: BTreeSet<usize> = order.iter().copied().collect();
    order.extend((0..before.len()).filter(|i| !placed.contains(i)));
    order
}
