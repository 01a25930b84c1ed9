//! `functions:`, without their code and triggers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fields::{Fields, Findings};
use super::stack::{Context, read_adopt};
use super::{code, trigger};
use crate::address::ResourceAddress;
use crate::desired::{CodeDeclaration, FunctionResource};
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::limits;
use crate::observed::FunctionKey;
use crate::resource::function::{
    AsyncConfig, DeadLetter, FileSystem, Function, FunctionType, Layer, Log, order_file_systems,
};
use crate::syntax::{Key, Node, Value};
use crate::validate::names;

/// The keys of a function.
pub const KEYS: [&str; 36] = [
    "name",
    "description",
    "region",
    "namespace",
    "runtime",
    "type",
    "handler",
    "code",
    "memory",
    "timeout",
    "init_timeout",
    "role",
    "environment",
    "vpc",
    "public_network",
    "fixed_ip",
    "fixed_intranet_ip",
    "layers",
    "log",
    "dead_letter",
    "async",
    "reserved_concurrency",
    "instance_concurrency",
    "file_systems",
    "dns_cache",
    "install_dependencies",
    "async_execution",
    "tracing",
    "websocket",
    "tags",
    "protect",
    "adopt",
    "triggers",
    "provisioned_concurrency",
    "versions",
    "aliases",
];

/// Keys that are understood, and refused for now.
const NOT_YET: [&str; 3] = ["provisioned_concurrency", "versions", "aliases"];

pub(super) fn function(
    key: &Key,
    node: &Node,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<FunctionResource> {
    let address = ResourceAddress::function(&key.text);
    findings.address = Some(address.clone());
    let start = findings.all.len();
    let fields = Fields::open(node, "a function", &KEYS, findings);
    // Triggers note their places themselves.
    let mut origin = fields.origin_but_below("triggers");
    origin.span = Some(key.span);
    crate::resource::inherit_tags(&mut origin, context.origin);
    if !names::is_label(&key.text) {
        findings.push(
            Diagnostic::error(Code::BadFormat, format!("`{}` is no logical id", key.text))
                .at(key.span)
                .help("letters, digits, `_` and `-`, a letter first"),
        );
    }
    for name in NOT_YET {
        if let Some(node) = fields.node(name) {
            check_not_yet(name, node, findings);
        }
    }

    let name = fields.string("name", findings).unwrap_or_else(|| key.text.clone());
    let name_span = fields.node("name").map_or(key.span, |n| n.span);
    names::function(&name, name_span, &mut findings.all);
    let region = fields.string("region", findings).unwrap_or_else(|| context.region.to_owned());
    match (region.is_empty(), fields.node("region")) {
        (true, _) => findings.push(
            Diagnostic::error(Code::MissingKey, "no region for this function")
                .at(key.span)
                .help("add `region:` here or at the top of the manifest"),
        ),
        (false, Some(node)) => names::region(&region, node.span, &mut findings.all),
        (false, None) => {}
    }
    let namespace = fields.string("namespace", findings).unwrap_or_else(|| "default".to_owned());
    if namespace.len() + name.len() > limits::NAMESPACE_AND_NAME {
        findings.push(
            Diagnostic::error(
                Code::TooMany,
                format!("namespace and name together have more than {} characters", limits::NAMESPACE_AND_NAME),
            )
            .at(name_span),
        );
    }

    let code = fields.required("code", findings).and_then(|n| code::code(n, findings));
    let mut function = settings(&fields, key, context, code.as_ref(), findings);
    let stood = order_file_systems(&mut function.file_systems);
    crate::resource::reorder(&mut origin, "file_systems", &stood);
    findings.settle_addresses(start);
    let mut triggers = Vec::new();
    if let Some(node) = fields.node("triggers") {
        if let Value::Map(entries) = &node.value {
            triggers.reserve_exact(entries.len());
            for (trigger_key, trigger_node) in entries {
                let before = findings.all.len();
                triggers.extend(trigger::trigger(&key.text, trigger_key, trigger_node, &region, findings));
                findings.settle_addresses(before);
            }
            findings.address = Some(address.clone());
        } else {
            findings.push(
                Diagnostic::error(
                    Code::WrongType,
                    format!("`triggers` is a mapping from name to settings, this is {}", node.kind()),
                )
                .at(node.span),
            );
        }
    }
    // Code that cannot be read is a finding already; the function stays, so that its references are checked too.
    let code = code.unwrap_or_else(|| CodeDeclaration::Demo(String::new()));
    Some(FunctionResource {
        address,
        id: key.text.clone(),
        key: FunctionKey::new(region, namespace, name),
        function: Arc::new(function),
        code_digest: code.reference_digest(),
        code,
        adopt: read_adopt(&fields, findings),
        triggers,
        origin,
    })
}

fn settings(
    fields: &Fields<'_>,
    key: &Key,
    context: &Context<'_>,
    code: Option<&CodeDeclaration>,
    findings: &mut Findings,
) -> Function {
    let span = |name: &str| fields.node(name).map_or(key.span, |n| n.span);
    let kind = match fields.choice("type", &["event", "http"], findings) {
        Some("http") => FunctionType::Http,
        _ => FunctionType::Event,
    };
    let is_image = matches!(code, Some(CodeDeclaration::Image(_)));
    let runtime = runtime(fields, is_image, findings);
    let handler = fields.string("handler", findings).unwrap_or_else(|| match (is_image, kind, runtime.as_str()) {
        (true, ..) | (_, FunctionType::Http, _) => String::new(),
        (.., "Go1") => "main".to_owned(),
        (.., java) if java.starts_with("Java") => {
            findings.push(
                Diagnostic::error(Code::MissingKey, "Java functions need `handler`")
                    .at(key.span)
                    .help("package.Class::method"),
            );
            String::new()
        }
        _ => "index.main_handler".to_owned(),
    });
    if let Some(node) = fields.node("handler") {
        names::handler(&handler, &runtime, node.span, &mut findings.all);
    }
    let description = fields.string("description", findings).unwrap_or_default();
    names::description(&description, limits::DESCRIPTION, span("description"), &mut findings.all);
    let async_execution = fields.boolean("async_execution", findings).unwrap_or(false);
    let timeout_limits = if async_execution { limits::ASYNC_EXECUTION_TIMEOUT } else { limits::TIMEOUT };
    let tags = context.tags(fields, findings);
    let function = Function {
        description: description.trim_end().to_owned(),
        runtime,
        kind,
        handler,
        memory: memory(fields, findings),
        timeout: fields.number("timeout", timeout_limits, "seconds", findings).unwrap_or(3),
        init_timeout: fields.number("init_timeout", limits::INIT_TIMEOUT, "seconds", findings),
        role: fields.string("role", findings).unwrap_or_default(),
        environment: environment(fields, findings),
        vpc: vpc(fields, findings).map(Box::new),
        public_network: fields.boolean("public_network", findings).unwrap_or(true),
        fixed_ip: fields.boolean("fixed_ip", findings).unwrap_or(false),
        fixed_intranet_ip: fields.boolean("fixed_intranet_ip", findings).unwrap_or(false),
        layers: layers(fields, findings),
        log: log(fields, findings).map(Box::new),
        dead_letter: dead_letter(fields, findings).map(Box::new),
        asynchronous: asynchronous(fields, findings),
        reserved_concurrency: fields.number("reserved_concurrency", 0..=10_000_000, "MB", findings),
        instance_concurrency: instance_concurrency(fields, findings),
        file_systems: file_systems(fields, findings),
        dns_cache: fields.boolean("dns_cache", findings).unwrap_or(false),
        install_dependencies: fields.boolean("install_dependencies", findings).unwrap_or(false),
        async_execution,
        tracing: fields.boolean("tracing", findings),
        websocket: websocket(fields, findings),
        tags,
        protect: fields.boolean("protect", findings).unwrap_or(false),
    };
    combinations(&function, fields, key, findings);
    function
}

/// Settings that need or exclude each other, as the API's error codes say.
fn combinations(function: &Function, fields: &Fields<'_>, key: &Key, findings: &mut Findings) {
    let span = |name: &str| fields.key_span(name).unwrap_or(key.span);
    if function.log.is_some() && function.role.is_empty() {
        findings.push(
            Diagnostic::error(Code::NeedsOther, "`log` needs `role`: the platform writes logs with it")
                .at(span("log"))
                .help("add `role: NAME`"),
        );
    }
    if !function.file_systems.is_empty() && function.vpc.is_none() {
        findings.push(Diagnostic::error(Code::NeedsOther, "`file_systems` needs `vpc`").at(span("file_systems")));
    }
    if function.fixed_ip && !function.public_network {
        findings
            .push(Diagnostic::error(Code::Conflict, "`fixed_ip` needs `public_network: true`").at(span("fixed_ip")));
    }
    if !function.public_network && function.vpc.is_none() {
        findings.push(
            Diagnostic::warning(Code::NeedsOther, "without `vpc` the platform may refuse `public_network: false`")
                .at(span("public_network")),
        );
    }
    let (event_only, http_only): (&[&str], &[&str]) =
        (&["dns_cache", "async_execution", "tracing"], &["instance_concurrency", "websocket"]);
    let set = |name: &str| {
        fields.node(name).is_some_and(|n| !matches!(&n.value, Value::Scalar { text, .. } if text == "false"))
    };
    let (wrong, needed) = match function.kind {
        FunctionType::Http => (event_only, "event"),
        FunctionType::Event => (http_only, "http"),
    };
    for name in wrong.iter().filter(|n| set(n)) {
        findings.push(
            Diagnostic::error(Code::Conflict, format!("`{name}` is for functions of type {needed}")).at(span(name)),
        );
    }
    if function.install_dependencies && !function.runtime.starts_with("Nodejs") {
        findings.push(
            Diagnostic::error(Code::Conflict, "`install_dependencies` is for Node.js runtimes")
                .at(span("install_dependencies")),
        );
    }
}

fn runtime(fields: &Fields<'_>, is_image: bool, findings: &mut Findings) -> String {
    let Some(node) = fields.node("runtime") else {
        if !is_image {
            fields.required("runtime", findings);
        }
        return if is_image { "CustomImage".to_owned() } else { String::new() };
    };
    let text = super::fields::string(node, "runtime", findings).unwrap_or_default();
    if is_image && text != "CustomImage" {
        findings.push(
            Diagnostic::error(Code::Conflict, "image functions run on `CustomImage`")
                .at(node.span)
                .help("remove `runtime`"),
        );
    } else if !is_image && text == "CustomImage" {
        findings.push(Diagnostic::error(Code::Conflict, "`CustomImage` needs `code: { image: ... }`").at(node.span));
    } else if !limits::RUNTIMES.contains(&text.as_str()) {
        findings.push(match did_you_mean(&text, limits::RUNTIMES) {
            Some(close) => Diagnostic::error(Code::BadFormat, format!("no runtime is called `{text}`"))
                .at(node.span)
                .help(format!("did you mean `{close}`? The spelling is exact")),
            None => Diagnostic::warning(Code::BadFormat, format!("`{text}` is no runtime that we know"))
                .at(node.span)
                .help("it is sent as it is"),
        });
    }
    text
}

fn memory(fields: &Fields<'_>, findings: &mut Findings) -> u64 {
    let Some(value) = fields.number("memory", 64..=limits::MEMORY_MAX, "MB", findings) else { return 128 };
    if value != 64 && value % 128 != 0 {
        let (below, above) = (value / 128 * 128, value.div_ceil(128) * 128);
        let below = if below == 0 { 64 } else { below };
        let span = fields.node("memory").map_or(fields.span, |n| n.span);
        findings.push(
            Diagnostic::error(
                Code::OutOfRange,
                format!("`memory` is {value}, allowed are 64, or 128 to {} in steps of 128", limits::MEMORY_MAX),
            )
            .at(span)
            .help(format!("{below} or {above}")),
        );
    }
    value
}

fn environment(fields: &Fields<'_>, findings: &mut Findings) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut size = 0;
    for (name, (value, node)) in fields.string_map("environment", findings).unwrap_or_default() {
        names::environment(&name, node.span, &mut findings.all);
        if value.is_empty() {
            findings.push(
                Diagnostic::error(Code::BadFormat, format!("`environment.{name}` is empty"))
                    .at(node.span)
                    .help("the platform takes no empty values: remove the variable, or give it one"),
            );
        }
        size += name.len() + value.len();
        all.insert(name, value);
    }
    if size > limits::ENVIRONMENT {
        let span = fields.node("environment").map_or(fields.span, |n| n.span);
        findings.push(
            Diagnostic::error(
                Code::TooMany,
                format!("the environment has {size} bytes, {} are allowed", limits::ENVIRONMENT),
            )
            .at(span),
        );
    }
    all
}

fn vpc(fields: &Fields<'_>, findings: &mut Findings) -> Option<(String, String)> {
    let fields = Fields::open(fields.node("vpc")?, "`vpc`", &["id", "subnet"], findings);
    let (id, subnet) = (fields.required_string("id", findings), fields.required_string("subnet", findings));
    Some((id?, subnet?))
}

fn layers(fields: &Fields<'_>, findings: &mut Findings) -> Vec<Layer> {
    let items = fields.list("layers", findings).unwrap_or_default();
    if items.len() > limits::LAYERS {
        findings.push(
            Diagnostic::error(Code::TooMany, format!("{} layers, a function takes {}", items.len(), limits::LAYERS))
                .at(items[0].span),
        );
    }
    items
        .iter()
        .filter_map(|item| {
            let fields = Fields::open(item, "a layer", &["name", "version"], findings);
            let name = fields.required_string("name", findings);
            fields.required("version", findings);
            let version = fields.number("version", 1..=1_000_000, "", findings);
            Some(Layer { name: name?, version: version? })
        })
        .collect()
}

fn log(fields: &Fields<'_>, findings: &mut Findings) -> Option<Log> {
    let fields = Fields::open(fields.node("log")?, "`log`", &["logset", "topic"], findings);
    let (logset, topic) = (fields.required_string("logset", findings), fields.required_string("topic", findings));
    Some(Log { logset: logset?, topic: topic? })
}

fn dead_letter(fields: &Fields<'_>, findings: &mut Findings) -> Option<DeadLetter> {
    let fields = Fields::open(fields.node("dead_letter")?, "`dead_letter`", &["type", "name", "filter"], findings);
    fields.required("type", findings);
    let kind = fields.choice("type", &["CMQ-QUEUE", "CMQ-TOPIC"], findings);
    let name = fields.required_string("name", findings);
    Some(DeadLetter {
        kind: kind?.to_owned(),
        name: name?,
        filter: fields.string("filter", findings).filter(|f| !f.is_empty()),
    })
}

fn asynchronous(fields: &Fields<'_>, findings: &mut Findings) -> Option<AsyncConfig> {
    let fields = Fields::open(fields.node("async")?, "`async`", &["retries", "max_age"], findings);
    // Defaults of the platform: 2 retries, 21600 seconds (facts SCF 2.7).
    Some(AsyncConfig {
        retries: fields.number("retries", limits::ASYNC_RETRIES, "", findings).unwrap_or(2),
        max_age: fields.number("max_age", limits::ASYNC_MAX_AGE, "seconds", findings).unwrap_or(21_600),
    })
}

fn instance_concurrency(fields: &Fields<'_>, findings: &mut Findings) -> Option<u64> {
    let fields = Fields::open(fields.node("instance_concurrency")?, "`instance_concurrency`", &["max"], findings);
    fields.required("max", findings);
    fields.number("max", limits::INSTANCE_CONCURRENCY, "", findings)
}

fn file_systems(fields: &Fields<'_>, findings: &mut Findings) -> Vec<FileSystem> {
    fields
        .list("file_systems", findings)
        .unwrap_or_default()
        .iter()
        .filter_map(|item| {
            let fields = Fields::open(
                item,
                "a file system",
                &["id", "mount_target", "remote_dir", "local_dir", "user", "group"],
                findings,
            );
            let mut text = |key| fields.required_string(key, findings);
            let (id, mount_target, remote_dir, local_dir) =
                (text("id"), text("mount_target"), text("remote_dir"), text("local_dir"));
            // 10000 is the user and group the platform documents for CFS mounts.
            let user = fields.string("user", findings).unwrap_or_else(|| "10000".to_owned());
            let group = fields.string("group", findings).unwrap_or_else(|| "10000".to_owned());
            Some(FileSystem {
                id: id?,
                mount_target: mount_target?,
                remote_dir: remote_dir?,
                local_dir: local_dir?,
                user,
                group,
            })
        })
        .collect()
}

fn websocket(fields: &Fields<'_>, findings: &mut Findings) -> Option<u64> {
    let node = fields.node("websocket")?;
    if let Value::Map(_) = node.value {
        let fields = Fields::open(node, "`websocket`", &["idle_timeout"], findings);
        return Some(
            fields
                .number("idle_timeout", limits::WEBSOCKET_IDLE, "seconds", findings)
                .unwrap_or(limits::WEBSOCKET_IDLE_DEFAULT),
        );
    }
    fields.boolean("websocket", findings)?.then_some(limits::WEBSOCKET_IDLE_DEFAULT)
}

/// Keys of a later version: their shape is checked, so that a slip is told now, and then they are refused.
fn check_not_yet(name: &str, node: &Node, findings: &mut Findings) {
    match name {
        "versions" => {
            let fields = Fields::open(node, "`versions`", &["publish", "keep"], findings);
            fields.choice("publish", &["on_change", "never"], findings);
            fields.number("keep", 1..=1000, "", findings);
        }
        "aliases" | "provisioned_concurrency" if !matches!(node.value, Value::Map(_)) => {
            findings.push(
                Diagnostic::error(Code::WrongType, format!("`{name}` is a mapping, this is {}", node.kind()))
                    .at(node.span),
            );
        }
        _ => {}
    }
    findings.push(
        Diagnostic::error(Code::NotYet, format!("`{name}` is not available yet"))
            .at(node.span)
            .help("remove it for now"),
    );
}
