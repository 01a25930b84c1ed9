//! What changes and what depends on it, as a Mermaid graph. Small on purpose: a picture that nobody can take in at
//! a glance is left out, with a word on why.

use std::collections::{BTreeMap, BTreeSet};

use super::escape::mermaid;
use crate::address::{Kind, ResourceAddress};
use crate::change::Action;
use crate::desired::{RoleKind, Stack};
use crate::render::report::StackReport;

/// Most nodes in one graph.
const NODES: usize = 40;

/// The graph as a fenced block; a remark when it would be too large; nothing when nothing depends on anything.
pub(super) fn graph(report: &StackReport<'_>) -> Option<String> {
    let changed: BTreeMap<&str, Action> = report.plan.changes.iter().map(|c| (c.address.as_str(), c.action)).collect();
    let mut edges = declared(report.stack);
    edges.extend(undeclared(report));
    // What depends on something that changes, however far down.
    let mut touched: BTreeSet<String> = changed.keys().map(|a| (*a).to_owned()).collect();
    let mut size = 0;
    while size != touched.len() {
        size = touched.len();
        let reached: Vec<String> =
            edges.iter().filter(|(from, _)| touched.contains(from)).map(|(_, to)| to.clone()).collect();
        touched.extend(reached);
    }
    edges.retain(|(from, to)| touched.contains(from) && touched.contains(to));
    if edges.is_empty() {
        return None;
    }
    if touched.len() > NODES {
        return Some(format!("_No graph: it would have {} nodes, {NODES} can be taken in._\n\n", touched.len()));
    }
    Some(draw(&touched, &edges, &changed))
}

fn draw(nodes: &BTreeSet<String>, edges: &BTreeSet<(String, String)>, changed: &BTreeMap<&str, Action>) -> String {
    let index: BTreeMap<&str, usize> = nodes.iter().enumerate().map(|(i, n)| (n.as_str(), i)).collect();
    let mut out = "```mermaid\nflowchart LR\n".to_owned();
    for (name, i) in &index {
        let (word, class) = changed.get(name).map_or(("unchanged", "unchanged"), |a| (a.word(), a.word()));
        out.push_str(&format!("  n{i}[\"{}<br/>{word}\"]:::{class}\n", mermaid(name)));
    }
    for (from, to) in edges {
        if let (Some(from), Some(to)) = (index.get(from.as_str()), index.get(to.as_str())) {
            out.push_str(&format!("  n{from} --> n{to}\n"));
        }
    }
    let used: BTreeSet<&str> =
        nodes.iter().map(|n| changed.get(n.as_str()).map_or("unchanged", |a| a.word())).collect();
    for class in used {
        let style = match class {
            "create" => "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
            "update" => "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
            "replace" | "delete" => "fill:#ffebe9,stroke:#cf222e,stroke-width:3px,color:#1f2328",
            _ => "fill:#f6f8fa,stroke:#818b98,stroke-dasharray:4 3,color:#1f2328",
        };
        out.push_str(&format!("  classDef {class} {style}\n"));
    }
    out + "```\n\n"
}

/// `(what, what needs it)` as the manifest declares it.
fn declared(stack: &Stack) -> BTreeSet<(String, String)> {
    let mut edges = BTreeSet::new();
    let policies: BTreeMap<&str, &ResourceAddress> =
        stack.policies.iter().map(|p| (p.name.as_str(), &p.address)).collect();
    let roles: BTreeMap<&str, &ResourceAddress> = stack.roles.iter().map(|r| (r.name.as_str(), &r.address)).collect();
    for role in &stack.roles {
        let RoleKind::Own(own) = &role.kind else { continue };
        for policy in own.policies.iter().filter_map(|p| policies.get(p.as_str())) {
            edges.insert((policy.to_string(), role.address.to_string()));
        }
    }
    for function in &stack.functions {
        let to = function.address.to_string();
        if let Some(role) = roles.get(function.function.role.as_str()) {
            edges.insert((role.to_string(), to.clone()));
        }
        let home = |n: &&crate::desired::NamespaceResource| {
            n.name == function.key.namespace && n.region == function.key.region
        };
        if let Some(namespace) = stack.namespaces.iter().find(home) {
            edges.insert((namespace.address.to_string(), to.clone()));
        }
        for trigger in &function.triggers {
            edges.insert((to.clone(), trigger.address.to_string()));
        }
    }
    edges
}

/// The same for what goes: triggers and the functions they are on.
fn undeclared(report: &StackReport<'_>) -> BTreeSet<(String, String)> {
    let of = |kind| report.plan.changes.iter().map(|c| &c.address).filter(move |a| a.kind() == kind);
    let functions: BTreeSet<String> = of(Kind::Function)
        .map(ToString::to_string)
        .chain(report.stack.functions.iter().map(|f| f.address.to_string()))
        .collect();
    of(Kind::Trigger).filter_map(|trigger| Some((function_of(trigger, &functions)?, trigger.to_string()))).collect()
}

fn function_of(trigger: &ResourceAddress, functions: &BTreeSet<String>) -> Option<String> {
    let text = trigger.as_str();
    // Every place where the function's part may end, the longest first.
    let ends = text.char_indices().filter(|(_, c)| matches!(c, '.' | '[')).map(|(i, _)| i);
    let mut ends: Vec<usize> = ends.filter(|i| *i > "trigger".len()).collect();
    ends.reverse();
    ends.into_iter()
        .filter_map(|end| Some(format!("function{}", text.get("trigger".len()..end)?)))
        .find(|name| functions.contains(name))
}
