//! `roles:` and `policies:`.

use super::fields::{Fields, Findings};
use super::stack::{Context, read_adopt};
use crate::address::ResourceAddress;
use crate::desired::{PolicyResource, RoleKind, RoleResource};
use crate::diagnostic::{Code, Diagnostic};
use crate::limits;
use crate::resource::document::Document;
use crate::resource::policy::Policy;
use crate::resource::role::{Preset, Role};
use crate::source::Span;
use crate::syntax::{Key, Node};
use crate::validate::names;

/// The keys of a role.
pub const ROLE_KEYS: [&str; 12] = [
    "name",
    "description",
    "trust",
    "trust_document",
    "policies",
    "session_duration",
    "console_login",
    "tags",
    "preset",
    "external",
    "adopt",
    "protect",
];
/// The keys of a policy.
pub const POLICY_KEYS: [&str; 6] = ["name", "description", "document", "tags", "adopt", "protect"];

pub(super) fn role(key: &Key, node: &Node, context: &Context<'_>, findings: &mut Findings) -> Option<RoleResource> {
    let address = ResourceAddress::role(&key.text);
    findings.address = Some(address.clone());
    let fields = Fields::open(node, "a role", &ROLE_KEYS, findings);
    let mut origin = fields.origin();
    origin.span = Some(key.span);
    crate::resource::inherit_tags(&mut origin, context.origin);
    crate::resource::rename(&mut origin, "trust_document", "trust");
    let resource = |name: String, kind, adopt, protect, origin| {
        Some(RoleResource { address: address.clone(), name, kind, adopt, protect, origin })
    };

    if fields.boolean("external", findings) == Some(true) {
        only(&fields, &["external"], "an external role belongs to others", findings);
        names::cam(&key.text, "role", key.span, &mut findings.all);
        return resource(key.text.clone(), RoleKind::External, crate::desired::Adopt::No, true, origin);
    }
    if fields.node("preset").is_some() {
        let preset = Preset::from_word(fields.choice("preset", &Preset::WORDS, findings)?)?;
        only(&fields, &["preset"], "a preset role belongs to the account", findings);
        if key.text != preset.role_name() {
            findings.push(
                Diagnostic::error(Code::BadFormat, format!("the platform looks for `{}` by name", preset.role_name()))
                    .at(key.span)
                    .help(format!("call it `{}`", preset.role_name())),
            );
        }
        return resource(
            preset.role_name().to_owned(),
            RoleKind::Preset(preset),
            crate::desired::Adopt::No,
            true,
            origin,
        );
    }

    let name = fields.string("name", findings).unwrap_or_else(|| key.text.clone());
    let name_span = fields.node("name").map_or(key.span, |n| n.span);
    names::cam(&name, "role", name_span, &mut findings.all);
    if let Some(preset) = [Preset::Scf, Preset::Mps].into_iter().find(|p| p.role_name() == name) {
        findings.push(
            Diagnostic::error(Code::Conflict, format!("`{name}` is a service role of the account"))
                .at(name_span)
                .help(format!("declare it as {{ preset: {} }}", if preset == Preset::Scf { "scf" } else { "mps" })),
        );
    }
    let trust = match (fields.node("trust"), fields.json("trust_document")) {
        (Some(node), Some(_)) => {
            findings.push(
                Diagnostic::error(Code::Conflict, "`trust` and `trust_document` exclude each other").at(node.span),
            );
            return None;
        }
        (Some(_), None) => {
            let services = fields.strings("trust", findings)?;
            if services.is_empty() {
                findings.push(
                    Diagnostic::error(Code::BadFormat, "`trust` names nobody")
                        .at(fields.node("trust").map_or(key.span, |n| n.span))
                        .help("name a service, such as scf.qcloud.com"),
                );
            }
            Document::trusting(&services)
        }
        (None, Some(document)) => {
            check_document(
                &document,
                "trust_document",
                fields.node("trust_document").map_or(key.span, |n| n.span),
                findings,
            );
            Document::new(&document)
        }
        (None, None) => {
            findings.push(
                Diagnostic::error(Code::MissingKey, "a role says who may assume it")
                    .at(key.span)
                    .help("add `trust: [scf.qcloud.com]`, or `trust_document`; `external: true` for a role of others"),
            );
            return None;
        }
    };
    let description = cam_description(&fields, key.span, findings);
    let policies = fields.strings("policies", findings).unwrap_or_default();
    if policies.len() > limits::POLICIES_PER_ROLE {
        findings.push(
            Diagnostic::error(
                Code::TooMany,
                format!("{} policies, a role holds {}", policies.len(), limits::POLICIES_PER_ROLE),
            )
            .at(key.span),
        );
    }
    let role = Role {
        description,
        trust,
        policies: policies.into_iter().collect(),
        session_duration: fields.number("session_duration", limits::SESSION_DURATION, "seconds", findings),
        console_login: fields.boolean("console_login", findings),
        tags: context.tags(&fields, findings),
    };
    let adopt = read_adopt(&fields, findings);
    let protect = fields.boolean("protect", findings).unwrap_or(false);
    resource(name, RoleKind::Own(role), adopt, protect, origin)
}

pub(super) fn policy(key: &Key, node: &Node, context: &Context<'_>, findings: &mut Findings) -> Option<PolicyResource> {
    let address = ResourceAddress::policy(&key.text);
    findings.address = Some(address.clone());
    let fields = Fields::open(node, "a policy", &POLICY_KEYS, findings);
    let mut origin = fields.origin();
    origin.span = Some(key.span);
    crate::resource::inherit_tags(&mut origin, context.origin);
    let name = fields.string("name", findings).unwrap_or_else(|| key.text.clone());
    names::cam(&name, "policy", fields.node("name").map_or(key.span, |n| n.span), &mut findings.all);
    let description = cam_description(&fields, key.span, findings);
    let adopt = read_adopt(&fields, findings);
    let protect = fields.boolean("protect", findings).unwrap_or(false);
    let tags = context.tags(&fields, findings);
    fields.required("document", findings)?;
    let document = fields.json("document")?;
    let span = fields.node("document").map_or(key.span, |n| n.span);
    check_document(&document, "document", span, findings);
    let document = Document::new(&document);
    let size = document.text().chars().filter(|c| !c.is_whitespace()).count();
    if size > limits::POLICY_DOCUMENT {
        findings.push(
            Diagnostic::error(
                Code::TooMany,
                format!("the document has {size} characters, a policy holds {}", limits::POLICY_DOCUMENT),
            )
            .at(span),
        );
    }
    Some(PolicyResource { address, name, policy: Policy { description, document, tags }, adopt, protect, origin })
}

fn only(fields: &Fields<'_>, allowed: &[&str], why: &str, findings: &mut Findings) {
    for (key, _) in fields
        .entries()
        .iter()
        .filter(|(k, _)| !allowed.contains(&k.text.as_str()) && ROLE_KEYS.contains(&k.text.as_str()))
    {
        findings.push(
            Diagnostic::error(Code::Conflict, format!("`{}` cannot be set: {why}", key.text))
                .at(key.span)
                .help("remove it, or declare a role of your own"),
        );
    }
}

fn cam_description(fields: &Fields<'_>, span: Span, findings: &mut Findings) -> String {
    let text = fields.string("description", findings).unwrap_or_default();
    if text.len() > limits::CAM_DESCRIPTION {
        let span = fields.node("description").map_or(span, |n| n.span);
        findings.push(
            Diagnostic::error(
                Code::TooMany,
                format!("the description has {} bytes, {} are allowed", text.len(), limits::CAM_DESCRIPTION),
            )
            .at(span),
        );
    }
    text
}

/// The parts every document has (facts CAM 3.7); the rest is for the service to judge.
fn check_document(document: &serde_json::Value, key: &str, span: Span, findings: &mut Findings) {
    let version = document.get("version");
    if !matches!(version, Some(v) if v == "2.0" || v.as_f64() == Some(2.0)) {
        findings.push(
            Diagnostic::error(Code::BadFormat, format!("`{key}` needs version \"2.0\""))
                .at(span)
                .help("add `version: \"2.0\"`; names are in lower case"),
        );
    }
    let statements = document.get("statement").and_then(serde_json::Value::as_array);
    let Some(statements) = statements.filter(|s| !s.is_empty()) else {
        findings.push(Diagnostic::error(Code::MissingKey, format!("`{key}` needs a list `statement`")).at(span));
        return;
    };
    for (i, statement) in statements.iter().enumerate() {
        if !matches!(statement.get("effect").and_then(serde_json::Value::as_str), Some("allow" | "deny")) {
            findings.push(
                Diagnostic::error(Code::BadFormat, format!("`{key}.statement[{i}].effect` is allow or deny")).at(span),
            );
        }
        if statement.get("action").is_none() {
            findings
                .push(Diagnostic::error(Code::MissingKey, format!("`{key}.statement[{i}]` needs `action`")).at(span));
        }
    }
}
