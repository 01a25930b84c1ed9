//! Rules that need the whole manifest or all manifests; the forms of names; literal secrets.
//! Every rule returns findings and none stops another.

pub mod cron;
pub mod names;

use std::collections::HashMap;

use crate::desired::{FunctionResource, RoleKind, Stack};
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::limits;
use crate::resource::function::FunctionType;
use crate::resource::trigger::Spec;
use crate::source::Span;
use crate::syntax::{Node, Value};

/// Rules within one stack.
#[must_use]
pub fn whole_stack(stack: &Stack) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    references(stack, &mut findings);
    duplicates(stack, &mut findings);
    triggers(stack, &mut findings);
    quotas(stack, &mut findings);
    findings
}

/// Rules across all stacks of a run.
#[must_use]
pub fn across(stacks: &[&Stack]) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    if stacks.len() < 2 {
        return findings;
    }
    let mut names: HashMap<&str, &Stack> = HashMap::new();
    let mut identities: HashMap<(String, String), &Stack> = HashMap::new();
    let mut events: HashMap<String, &Stack> = HashMap::new();
    for stack in stacks {
        if let Some(first) = names.insert(&stack.name, stack) {
            let mut finding = Diagnostic::error(
                Code::DuplicateStack,
                format!("the stack `{}` is declared in {} too", stack.name, first.file),
            )
            .help("one file is one stack: merge them, or rename one");
            finding.span = stack.span;
            findings.push(finding);
            continue;
        }
        for (what, identity, span) in stack_identities(stack) {
            if let Some(first) =
                identities.insert((what.to_owned(), identity.clone()), stack).filter(|f| f.name != stack.name)
            {
                let mut finding = Diagnostic::error(
                    Code::DuplicateName,
                    format!("{what} `{identity}` is declared by stack `{}` too", first.name),
                )
                .help("one of the two stacks has to own it");
                finding.span = span;
                findings.push(finding);
            }
        }
        for function in &stack.functions {
            for trigger in &function.triggers {
                if let (Spec::Mps { event }, true) = (&trigger.trigger.spec, trigger.trigger.enabled)
                    && let Some(first) = events.insert(event.clone(), stack).filter(|f| f.name != stack.name)
                {
                    findings.push(
                        held_event(event, &format!("stack `{}`", first.name), trigger.origin.span).on(&trigger.address),
                    );
                }
            }
        }
    }
    findings
}

fn stack_identities(stack: &Stack) -> Vec<(&'static str, String, Option<Span>)> {
    let mut all: Vec<(&'static str, String, Option<Span>)> = Vec::new();
    all.extend(
        stack
            .roles
            .iter()
            .filter(|r| matches!(r.kind, RoleKind::Own(_)))
            .map(|r| ("role", r.name.clone(), r.origin.span)),
    );
    all.extend(stack.policies.iter().map(|p| ("policy", p.name.clone(), p.origin.span)));
    all.extend(stack.namespaces.iter().map(|n| ("namespace", format!("{}/{}", n.region, n.name), n.origin.span)));
    all.extend(
        stack
            .functions
            .iter()
            .map(|f| ("function", format!("{}/{}/{}", f.key.region, f.key.namespace, f.key.name), f.origin.span)),
    );
    all
}

fn references(stack: &Stack, findings: &mut Vec<Diagnostic>) {
    for function in &stack.functions {
        let role = &function.function.role;
        let known =
            || stack.roles.iter().flat_map(|r| [r.name.as_str(), r.address.as_str().trim_start_matches("role.")]);
        if !role.is_empty() && !known().any(|r| r == role) {
            let mut finding = Diagnostic::error(Code::UndeclaredRole, "undeclared role")
                .label("no role has this name")
                .on(&function.address);
            finding.span = value_span(function, "role");
            finding.help = Some(did_you_mean(role, known()).map_or_else(
                || format!("declare it: `roles: {{ {role}: {{ external: true }} }}` if others own it"),
                |c| format!("did you mean `{c}`?"),
            ));
            findings.push(finding);
        }
        let declared =
            stack.namespaces.iter().any(|n| n.name == function.key.namespace && n.region == function.key.region);
        if function.key.namespace != "default" && !declared {
            let mut finding = Diagnostic::error(
                Code::UndeclaredNamespace,
                format!("no namespace `{}` in {}", function.key.namespace, function.key.region),
            )
            .on(&function.address);
            finding.span = value_span(function, "namespace");
            finding.help = Some(
                did_you_mean(
                    &function.key.namespace,
                    stack.namespaces.iter().map(|n| n.name.as_str()).filter(|n| *n != function.key.namespace),
                )
                .map_or_else(
                    || format!("declare it: `namespaces: {{ {}: {{}} }}`", function.key.namespace),
                    |c| format!("did you mean `{c}`?"),
                ),
            );
            findings.push(finding);
        }
    }
}

fn value_span(function: &FunctionResource, key: &str) -> Option<Span> {
    function.origin.value_span(key)
}

fn duplicates(stack: &Stack, findings: &mut Vec<Diagnostic>) {
    for external in stack.roles.iter().filter(|r| matches!(r.kind, RoleKind::External)) {
        let own = stack.roles.iter().any(|r| matches!(r.kind, RoleKind::Own(_)) && r.name == external.name);
        if own {
            let message = format!("the role `{}` is both external and declared here", external.name);
            let mut finding = Diagnostic::error(Code::DuplicateName, message).on(&external.address);
            finding.span = external.origin.span;
            findings.push(finding.help("a role has one owner: remove one of the two"));
        }
    }
    let mut seen: HashMap<(&str, String), Option<Span>> = HashMap::new();
    for (what, identity, span) in stack_identities(stack) {
        if seen.insert((what, identity.clone()), span).is_some() {
            let mut finding = Diagnostic::error(Code::DuplicateName, format!("two resources are {what} `{identity}`"))
                .help("rename one of them");
            finding.span = span;
            findings.push(finding);
        }
    }
}

fn held_event(event: &str, holder: &str, span: Option<Span>) -> Diagnostic {
    let mut finding =
        Diagnostic::error(Code::HeldEventType, format!("the MPS event type `{event}` is bound by {holder} already"))
            .help("an account binds each MPS event type to one function; let that function fan out to others");
    finding.span = span;
    finding
}

fn triggers(stack: &Stack, findings: &mut Vec<Diagnostic>) {
    let mut events: HashMap<&str, String> = HashMap::new();
    for function in &stack.functions {
        let mut keys = HashMap::new();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for trigger in &function.triggers {
            *counts.entry(trigger.trigger.kind()).or_default() += 1;
            if let Some(first) = keys.insert(trigger.trigger.key(), &trigger.address) {
                let mut finding = Diagnostic::error(
                    Code::DuplicateName,
                    format!("this is the same trigger as {first} to the platform"),
                )
                .on(&trigger.address);
                finding.span = trigger.origin.span;
                finding.help = Some(match trigger.trigger.spec {
                    Spec::Http { .. } => "a function has one URL per qualifier".to_owned(),
                    _ => "remove one of them, or tell them apart by name".to_owned(),
                });
                findings.push(finding);
            } else if let (Spec::Mps { event }, true) = (&trigger.trigger.spec, trigger.trigger.enabled)
                && let Some(first) = events.insert(event, trigger.address.to_string())
            {
                findings.push(held_event(event, &first, trigger.origin.span_of("event")).on(&trigger.address));
            }
            if function.function.kind == FunctionType::Http && trigger.trigger.kind() != "http" {
                let mut finding = Diagnostic::error(
                    Code::Conflict,
                    format!("a function of type http takes no {} trigger", trigger.trigger.kind()),
                )
                .on(&trigger.address)
                .help("HTTP functions are called by URL: `type: http`");
                finding.span = trigger.origin.span;
                findings.push(finding);
            }
        }
        for (kind, count) in counts.into_iter().filter(|(_, n)| *n > limits::TRIGGERS_PER_TYPE) {
            let mut finding = Diagnostic::error(
                Code::TooMany,
                format!("{count} {kind} triggers, a function takes {} of one type", limits::TRIGGERS_PER_TYPE),
            )
            .on(&function.address);
            finding.span = function.origin.span_of("triggers");
            findings.push(finding);
        }
    }
}

fn quotas(stack: &Stack, findings: &mut Vec<Diagnostic>) {
    let mut functions: HashMap<(&str, &str), usize> = HashMap::new();
    let mut namespaces: HashMap<&str, usize> = HashMap::new();
    for function in &stack.functions {
        *functions.entry((&function.key.region, &function.key.namespace)).or_default() += 1;
    }
    for namespace in &stack.namespaces {
        *namespaces.entry(&namespace.region).or_default() += 1;
    }
    let mut warn = |message: String| {
        let mut finding = Diagnostic::warning(Code::TooMany, message).help("fine if the account's quota was raised");
        finding.span = stack.span;
        findings.push(finding);
    };
    let mut over: Vec<_> = functions.into_iter().filter(|(_, n)| *n > limits::FUNCTIONS_PER_NAMESPACE).collect();
    over.sort();
    for ((region, namespace), count) in over {
        warn(format!(
            "{count} functions in {region}/{namespace}; a namespace holds {} by default",
            limits::FUNCTIONS_PER_NAMESPACE
        ));
    }
    let mut over: Vec<_> = namespaces.into_iter().filter(|(_, n)| *n >= limits::NAMESPACES_PER_REGION).collect();
    over.sort();
    for (region, count) in over {
        warn(format!(
            "{count} namespaces and `default` in {region}; a region holds {} by default",
            limits::NAMESPACES_PER_REGION
        ));
    }
}

/// Scalars that are secrets by their form, each with the text to keep out of every output.
pub(crate) fn literal_secrets(node: &Node) -> Vec<(Diagnostic, Option<String>)> {
    let mut found = Vec::new();
    walk(node, "", &mut found);
    found
}

fn walk(node: &Node, key: &str, found: &mut Vec<(Diagnostic, Option<String>)>) {
    match &node.value {
        Value::Null => {}
        Value::List(items) => items.iter().for_each(|i| walk(i, key, found)),
        Value::Map(entries) => entries.iter().for_each(|(k, v)| walk(v, &format!("{key}.{}", k.text), found)),
        Value::Scalar { text, .. } => {
            if let Some((what, secret)) = secret(key, text) {
                let finding = Diagnostic::error(Code::LiteralSecret, format!("{what} stands in the manifest"))
                    .at(node.span)
                    .help("declare `variables: { NAME: { sensitive: true, env: NAME } }` and write `${var.NAME}`; then renew the secret, for git keeps it");
                found.push((finding, Some(secret)));
            }
        }
    }
}

fn secret(key: &str, text: &str) -> Option<(&'static str, String)> {
    let after = |mark: &str| text.find(mark).map(|at| &text[at + mark.len()..]);
    if let Some(key) = after("/cgi-bin/webhook/send?key=") {
        let value: String = key.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        return (value.len() >= 6).then_some(("a WeCom robot key", value));
    }
    let named = key.to_uppercase();
    if ["WECOM", "ROBOT", "WEBHOOK"].iter().any(|word| named.contains(word))
        && text.split(',').any(|p| is_uuid(p.trim()))
    {
        return Some(("a WeCom robot key", text.to_owned()));
    }
    if let Some(at) = text.find("AKID") {
        let value: String = text[at..].chars().take_while(char::is_ascii_alphanumeric).collect();
        if value.len() >= 20 {
            return Some(("a Tencent Cloud SecretId", value));
        }
    }
    (text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----")).then(|| ("a private key", text.to_owned()))
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}
