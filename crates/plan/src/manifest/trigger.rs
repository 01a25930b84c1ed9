//! `triggers:` of a function.

use std::sync::Arc;

use super::fields::{Fields, Findings};
use crate::address::ResourceAddress;
use crate::desired::{Bind, TriggerResource};
use crate::diagnostic::{Code, Diagnostic};
use crate::limits;
use crate::resource::trigger::{Cors, Spec, Trigger, normal_cron};
use crate::syntax::{Key, Node};
use crate::validate::{cron, names};

/// Trigger types.
pub const TYPES: [&str; 7] = ["mps", "timer", "cos", "ckafka", "http", "cls", "raw"];
const COMMON: [&str; 3] = ["type", "enabled", "qualifier"];

/// The keys of each type, without the common ones.
#[must_use]
pub fn keys(kind: &str) -> &'static [&'static str] {
    match kind {
        "mps" => &["event", "takeover", "bind"],
        "timer" => &["cron", "argument", "name", "description"],
        "cos" => &["bucket", "events", "prefix", "suffix"],
        "ckafka" => &["instance", "topic", "batch", "offset", "retry", "timeout", "group", "description"],
        "http" => &["auth", "public", "intranet", "cors", "description"],
        "cls" => &["topic", "max_wait", "max_size"],
        _ => &["kind", "name", "description"],
    }
}

pub(super) fn trigger(
    function: &str,
    key: &Key,
    node: &Node,
    region: &str,
    findings: &mut Findings,
) -> Option<TriggerResource> {
    let address = ResourceAddress::trigger(function, &key.text);
    findings.address = Some(address.clone());
    if !names::is_label(&key.text) {
        findings.push(
            Diagnostic::error(Code::BadFormat, format!("`{}` is no logical id", key.text))
                .at(key.span)
                .help("letters, digits, `_` and `-`, a letter first"),
        );
    }
    let every: Vec<&str> = COMMON.iter().copied().chain(TYPES.iter().flat_map(|t| keys(t).iter().copied())).collect();
    // Unknown keys are told once the type is known.
    let open = Fields::open(node, "a trigger", &every, &mut Findings { all: vec![], address: None });
    open.required("type", findings)?;
    let kind = open.choice("type", &TYPES, findings)?;
    let known: Vec<&str> = COMMON.iter().chain(keys(kind)).copied().collect();
    let context = format!("a trigger of type {kind}");
    let fields = Fields::open(node, &context, &known, findings);
    let mut origin = fields.origin();
    origin.span = Some(key.span);
    // A raw trigger's `description` is its TriggerDesc and has an attribute of its own.
    if kind == "raw" {
        crate::resource::rename(&mut origin, "description", "raw_description");
    }
    let spec = match kind {
        "mps" => mps(&fields, findings),
        "timer" => timer(&fields, key, findings),
        "cos" => cos(&fields, region, findings),
        "ckafka" => ckafka(&fields, findings),
        "http" => Some(http(&fields, findings)),
        "raw" => raw(&fields, findings),
        _ => {
            findings.push(
                Diagnostic::error(Code::NotYet, "triggers of type cls are not available yet")
                    .at(key.span)
                    .help("remove it for now"),
            );
            None
        }
    };
    let description = match kind {
        "timer" | "ckafka" | "http" => {
            let text = fields.string("description", findings).unwrap_or_default();
            names::description(
                &text,
                limits::DESCRIPTION,
                fields.node("description").map_or(key.span, |n| n.span),
                &mut findings.all,
            );
            Some(text.trim_end().to_owned())
        }
        _ => None,
    };
    let bind = match fields.node("bind").and_then(|_| fields.choice("bind", &["mps", "scf", "manual"], findings)) {
        Some("scf") => Bind::Scf,
        Some("manual") => Bind::Manual,
        _ => Bind::Mps,
    };
    let takeover = fields.node("takeover").is_some() && fields.boolean("takeover", findings).unwrap_or(false);
    let trigger = Trigger {
        spec: spec?,
        enabled: fields.boolean("enabled", findings).unwrap_or(true),
        qualifier: fields
            .string("qualifier", findings)
            .filter(|q| !q.is_empty())
            .unwrap_or_else(|| "$DEFAULT".to_owned()),
        description,
    };
    Some(TriggerResource { address, trigger: Arc::new(trigger), takeover, bind, origin })
}

fn mps(fields: &Fields<'_>, findings: &mut Findings) -> Option<Spec> {
    fields.required("event", findings)?;
    Some(Spec::Mps { event: fields.choice("event", &limits::MPS_EVENTS, findings)?.to_owned() })
}

fn timer(fields: &Fields<'_>, key: &Key, findings: &mut Findings) -> Option<Spec> {
    let name = fields.string("name", findings).unwrap_or_else(|| key.text.clone());
    names::timer(&name, fields.node("name").map_or(key.span, |n| n.span), &mut findings.all);
    let text = fields.required_string("cron", findings)?;
    if let (Err(why), Some(node)) = (cron::check(&text), fields.node("cron")) {
        findings.push(
            Diagnostic::error(Code::BadFormat, why)
                .at(node.span)
                .help("seven fields: second minute hour day month weekday year, such as `0 0 3 * * * *`"),
        );
    }
    let argument = fields.string("argument", findings).unwrap_or_default();
    if argument.len() > limits::TIMER_ARGUMENT
        && let Some(node) = fields.node("argument")
    {
        findings.push(
            Diagnostic::error(
                Code::TooMany,
                format!("`argument` has {} bytes, {} are allowed", argument.len(), limits::TIMER_ARGUMENT),
            )
            .at(node.span),
        );
    }
    Some(Spec::Timer { name, cron: normal_cron(&text), argument })
}

fn cos(fields: &Fields<'_>, region: &str, findings: &mut Findings) -> Option<Spec> {
    let bucket = fields.required_string("bucket", findings);
    if let (Some(bucket), Some(node)) = (&bucket, fields.node("bucket")) {
        names::bucket(bucket, node.span, &mut findings.all);
    }
    fields.required("events", findings);
    let events = fields.choice("events", &limits::COS_EVENTS, findings);
    let prefix = fields.string("prefix", findings).unwrap_or_default();
    let suffix = fields.string("suffix", findings).unwrap_or_default();
    if let (false, Some(node)) = (suffix.is_empty() || suffix.starts_with('.'), fields.node("suffix")) {
        findings.push(
            Diagnostic::error(Code::BadFormat, "`suffix` starts with a dot")
                .at(node.span)
                .help(format!("write `.{suffix}`")),
        );
    }
    Some(Spec::Cos {
        domain: format!("{}.cos.{region}.myqcloud.com", bucket?),
        events: events?.to_owned(),
        prefix,
        suffix,
    })
}

fn ckafka(fields: &Fields<'_>, findings: &mut Findings) -> Option<Spec> {
    let (instance, topic) = (fields.required_string("instance", findings), fields.required_string("topic", findings));
    if let (Some(text), Some(node)) = (&instance, fields.node("instance"))
        && !text
            .strip_prefix("ckafka-")
            .is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric()))
    {
        findings.push(Diagnostic::error(Code::BadFormat, "`instance` is an id such as ckafka-xxxxxxxx").at(node.span));
    }
    let offset = fields.string("offset", findings).unwrap_or_else(|| "latest".to_owned());
    if let (false, Some(node)) = (
        ["latest", "earliest"].contains(&offset.as_str()) || offset.bytes().all(|b| b.is_ascii_digit()),
        fields.node("offset"),
    ) {
        findings
            .push(Diagnostic::error(Code::BadFormat, "`offset` is latest, earliest, or milliseconds").at(node.span));
    }
    Some(Spec::Ckafka {
        instance: instance?,
        topic: topic?,
        batch: fields.number("batch", limits::CKAFKA_BATCH, "messages", findings).unwrap_or(100),
        offset,
        retry: fields.number("retry", 0..=10_000, "", findings).unwrap_or(10_000),
        timeout: fields.number("timeout", limits::CKAFKA_TIMEOUT, "seconds", findings).unwrap_or(60),
        group: fields.string("group", findings).filter(|g| !g.is_empty()),
    })
}

fn http(fields: &Fields<'_>, findings: &mut Findings) -> Spec {
    let cam = fields.choice("auth", &["none", "cam"], findings) == Some("cam");
    let public = fields.boolean("public", findings).unwrap_or(true);
    let intranet = fields.boolean("intranet", findings).unwrap_or(false);
    let cors = fields.node("cors").map(|node| {
        let fields = Fields::open(
            node,
            "`cors`",
            &["origins", "headers", "methods", "expose_headers", "max_age", "credentials"],
            findings,
        );
        let mut list = |key| fields.strings(key, findings).unwrap_or_default();
        let (origins, headers, methods, expose_headers) =
            (list("origins"), list("headers"), list("methods"), list("expose_headers"));
        let mut cors = Cors {
            origins,
            headers,
            methods,
            expose_headers,
            max_age: fields.number("max_age", 0..=86_400, "seconds", findings).unwrap_or(0),
            credentials: fields.boolean("credentials", findings).unwrap_or(false),
        };
        cors.normalise();
        cors
    });
    Spec::Http { cam, public, intranet, cors }
}

fn raw(fields: &Fields<'_>, findings: &mut Findings) -> Option<Spec> {
    let kind = fields.required_string("kind", findings);
    let name = fields.required_string("name", findings);
    if let (Some(kind), Some(node)) = (&kind, fields.node("kind")) {
        if TYPES.contains(&kind.as_str()) {
            findings.push(
                Diagnostic::error(Code::Conflict, format!("`{kind}` has a type of its own"))
                    .at(node.span)
                    .help(format!("write `type: {kind}`")),
            );
        } else if kind == "apigw" {
            findings.push(
                Diagnostic::error(Code::Conflict, "API Gateway triggers ended in 2024")
                    .at(node.span)
                    .help("use `type: http`, a function URL"),
            );
        }
    }
    Some(Spec::Raw {
        kind: kind?,
        name: name?,
        description: fields.json("description").unwrap_or_else(|| serde_json::Value::String(String::new())),
    })
}
