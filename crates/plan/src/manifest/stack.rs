//! The top of a manifest: stack, region, account, variables, tags, and the four sections.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fields::{Fields, Findings, string};
use super::{function, role};
use crate::address::ResourceAddress;
use crate::desired::{Adopt, NamespaceResource, RoleKind, Stack};
use crate::diagnostic::{Code, Diagnostic};
use crate::limits;
use crate::resource::Origin;
use crate::resource::bucket::{self, PackageBucket};
use crate::resource::namespace::Namespace;
use crate::resource::tags::{IgnoreTags, Tags};
use crate::syntax::{Key, Node, Value};
use crate::validate::names;
use crate::variables::{Given, Scope, Variables, refused_environment};

/// The keys at the top of a manifest.
pub const KEYS: [&str; 11] = [
    "stack",
    "region",
    "account",
    "variables",
    "tags",
    "ignore_tags",
    "package_bucket",
    "roles",
    "policies",
    "namespaces",
    "functions",
];

/// What every section needs to know.
pub(super) struct Context<'a> {
    pub(super) region: &'a str,
    tags: &'a Tags,
    /// Where the stack's own keys stand, and which of its tags are sensitive.
    pub(super) origin: &'a Origin,
}

impl Context<'_> {
    /// The stack's tags and a resource's own.
    pub(super) fn tags(&self, fields: &Fields<'_>, findings: &mut Findings) -> Tags {
        let own = read_tags(fields, findings);
        let mut tags = self.tags.clone();
        tags.extend(own);
        if tags.len() > limits::TAGS - 2 {
            let holds = limits::TAGS;
            let message =
                format!("{} tags with the stack's own; an object holds {holds}, two of which mark it", tags.len());
            findings.push(Diagnostic::error(Code::TooMany, message).at(fields.span));
        }
        tags
    }
}

pub(super) fn lower(
    root: &mut Node,
    file: &str,
    given: &Given,
    variables: &mut Variables,
    all: &mut Vec<Diagnostic>,
) -> Option<Stack> {
    variables.set_environment(given);
    let mut findings = Findings { all: Vec::new(), address: None };
    declare_variables(root, given, variables, &mut findings);
    interpolate(root, given.region.as_deref(), variables, &mut findings.all);
    let [policies, roles, functions, namespaces] =
        ["policies", "roles", "functions", "namespaces"].map(|section| (section, take_section(root, section)));
    let top = Fields::open(root, "a manifest", &KEYS, &mut findings);

    let name = top.required_string("stack", &mut findings);
    if let (Some(name), Some(node)) = (&name, top.node("stack")) {
        names::stack(name, node.span, &mut findings.all);
    }
    let region = top.string("region", &mut findings);
    if let (Some(region), Some(node)) = (&region, top.node("region")) {
        names::region(region, node.span, &mut findings.all);
    }
    let account = top.string("account", &mut findings);
    if let (Some(account), Some(node)) = (&account, top.node("account"))
        && !(account.len() >= 5 && account.bytes().all(|b| b.is_ascii_digit()))
    {
        findings.push(
            Diagnostic::error(Code::BadFormat, "`account` is an owner uin: digits only")
                .at(node.span)
                .help("quote it: account: \"100000000001\""),
        );
    }
    let tags = read_tags(&top, &mut findings);
    let ignore_tags = IgnoreTags(top.strings("ignore_tags", &mut findings).unwrap_or_default());
    let default_region = region.clone().or_else(|| given.region.clone()).unwrap_or_default();
    let package_bucket = top.node("package_bucket").and_then(|node| package_bucket(node, &mut findings));
    let origin = top.origin_of("tags");
    let context = Context { region: &default_region, tags: &tags, origin: &origin };

    let mut stack = Stack {
        name: name.clone().unwrap_or_default(),
        region: default_region.clone(),
        account,
        ignore_tags,
        package_bucket,
        policies: Vec::new(),
        roles: Vec::new(),
        namespaces: Vec::new(),
        functions: Vec::new(),
        leaving: BTreeMap::new(),
        span: top.node("stack").map(|n| n.span),
        file: file.to_owned(),
    };
    each(policies, &mut findings, |key, node, findings| {
        stack.policies.extend(role::policy(key, node, &context, findings));
    });
    each(roles, &mut findings, |key, node, findings| {
        stack.roles.extend(role::role(key, node, &context, findings));
    });
    // A list that grows keeps room for as many again.
    stack.functions.reserve_exact(length(&functions));
    each(functions, &mut findings, |key, node, findings| {
        stack.functions.extend(function::function(key, node, &context, findings));
    });
    let mut declared = Vec::new();
    each(namespaces, &mut findings, |key, node, findings| declared.extend(namespace(key, node, findings)));
    stack.namespaces = spread(declared, &stack);
    resolve_references(&mut stack);
    all.append(&mut findings.all);
    name.map(|_| stack)
}

/// `package_bucket`: a bucket's name, or a mapping with its region and a prefix.
fn package_bucket(node: &Node, findings: &mut Findings) -> Option<PackageBucket> {
    if let Value::Scalar { .. } = node.value {
        let name = string(node, "package_bucket", findings)?;
        return match PackageBucket::named(&name) {
            Ok(bucket) => Some(bucket),
            Err(why) => {
                findings.push(bad_bucket(why).at(node.span));
                None
            }
        };
    }
    let fields = Fields::open(node, "`package_bucket`", &["bucket", "region", "prefix"], findings);
    let name = fields.required_string("bucket", findings)?;
    if let (Err(why), Some(node)) = (bucket::check_name(&name), fields.node("bucket")) {
        findings.push(bad_bucket(why).at(node.span));
    }
    let region = fields.string("region", findings);
    if let (Some(region), Some(node)) = (&region, fields.node("region")) {
        names::region(region, node.span, &mut findings.all);
    }
    let mut prefix = fields.string("prefix", findings).unwrap_or_else(|| bucket::PREFIX.to_owned());
    if let (Err(why), Some(node)) = (bucket::check_prefix(&prefix), fields.node("prefix")) {
        findings.push(Diagnostic::error(Code::BadFormat, why).at(node.span));
    }
    if !prefix.is_empty() && !prefix.ends_with('/') {
        prefix.push('/');
    }
    Some(PackageBucket { name, region, prefix })
}

fn bad_bucket(why: String) -> Diagnostic {
    Diagnostic::error(Code::BadFormat, why).help("write the bucket as its host has it: deploy-1250000000")
}

/// Takes a section out of the tree, so that each of its resources can be dropped once it is read: the tree and the
/// desired state of a large manifest are never held at the same time.
fn take_section(root: &mut Node, section: &str) -> Option<Node> {
    let Value::Map(entries) = &mut root.value else { return None };
    let (_, node) = entries.iter_mut().find(|(key, node)| key.text == section && node.value != Value::Null)?;
    let nothing = Node { span: node.span, value: Value::Null, taint: node.taint };
    Some(std::mem::replace(node, nothing))
}

/// How many resources a section holds.
fn length((_, node): &(&str, Option<Node>)) -> usize {
    match node.as_ref().map(|n| &n.value) {
        Some(Value::Map(entries)) => entries.len(),
        Some(Value::Null | Value::Scalar { .. } | Value::List(_)) | None => 0,
    }
}

fn each(
    (section, node): (&str, Option<Node>),
    findings: &mut Findings,
    mut read: impl FnMut(&Key, &Node, &mut Findings),
) {
    let Some(node) = node else { return };
    let kind = node.kind();
    let Value::Map(entries) = node.value else {
        findings.push(
            Diagnostic::error(
                Code::WrongType,
                format!("`{section}` is a mapping from name to settings, this is {kind}"),
            )
            .at(node.span),
        );
        return;
    };
    for (key, value) in entries {
        let before = findings.all.len();
        read(&key, &value, findings);
        findings.settle_addresses(before);
        findings.address = None;
    }
}

fn declare_variables(root: &Node, given: &Given, variables: &mut Variables, findings: &mut Findings) {
    let Some(Node { value: Value::Map(entries), .. }) = root.get("variables") else {
        if let Some(node) = root.get("variables").filter(|n| n.value != Value::Null) {
            findings.push(
                Diagnostic::error(Code::WrongType, format!("`variables` is a mapping, this is {}", node.kind()))
                    .at(node.span),
            );
        }
        return;
    };
    for (key, node) in entries {
        if !names::is_word(&key.text) {
            findings.push(
                Diagnostic::error(Code::BadFormat, format!("`{}` is no variable name", key.text))
                    .at(key.span)
                    .help("letters, digits and `_`, a letter first"),
            );
        }
        let fields = Fields::open(node, "a variable", &["default", "sensitive", "env", "description"], findings);
        let sensitive = fields.boolean("sensitive", findings).unwrap_or(false);
        let default = fields.string("default", findings);
        if let (true, Some(_), Some(node)) = (sensitive, &default, fields.node("default")) {
            findings.push(
                Diagnostic::error(
                    Code::LiteralSecret,
                    format!("the sensitive variable `{}` has its value in the manifest", key.text),
                )
                .at(node.span)
                .help("remove `default`; give the value by `env:` or --var-file"),
            );
        }
        if let (true, Some(node)) = (default.as_ref().is_some_and(|d| d.contains("${")), fields.node("default")) {
            findings.push(
                Diagnostic::error(Code::BadInterpolation, "a default takes no interpolation")
                    .at(node.span)
                    .help("interpolate where the variable is used"),
            );
        }
        let mut env = fields.string("env", findings);
        if let Some(finding) = env.as_deref().and_then(refused_environment) {
            findings.push(finding.at(fields.node("env").map_or(key.span, |n| n.span)));
            env = None;
        }
        // For people; read only so that a wrong shape is told.
        fields.string("description", findings);
        variables.declare(&key.text, default, env.as_deref(), sensitive, given);
    }
}

/// Names take variables only; everything else may also use the stack and its region (design section 3).
fn interpolate(
    root: &mut Node,
    default_region: Option<&str>,
    variables: &mut Variables,
    findings: &mut Vec<Diagnostic>,
) {
    let nothing = Scope { stack: None, region: None };
    let Value::Map(entries) = &mut root.value else { return };
    for (key, node) in entries.iter_mut() {
        if ["stack", "region", "account"].contains(&key.text.as_str()) {
            variables.interpolate(node, nothing, findings);
        }
    }
    let text_of = |entries: &[(Key, Node)], key: &str| {
        entries.iter().find(|(k, _)| k.text == key).and_then(|(_, n)| match &n.value {
            Value::Scalar { text, .. } => Some(text.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        })
    };
    let stack = text_of(entries, "stack");
    let region = text_of(entries, "region").or_else(|| default_region.map(str::to_owned));
    for (key, node) in entries.iter_mut() {
        match key.text.as_str() {
            "stack" | "region" | "account" | "variables" => {}
            "functions" | "roles" | "policies" | "namespaces" => {
                let Value::Map(resources) = &mut node.value else { continue };
                for (_, resource) in resources {
                    resource_scope(resource, stack.as_deref(), region.as_deref(), variables, findings);
                }
            }
            other => {
                let scope = Scope { stack: stack.as_deref(), region: region.as_deref() };
                variables.interpolate_value(other, node, scope, findings);
            }
        }
    }
}

fn resource_scope(
    resource: &mut Node,
    stack: Option<&str>,
    region: Option<&str>,
    variables: &mut Variables,
    findings: &mut Vec<Diagnostic>,
) {
    let nothing = Scope { stack: None, region: None };
    let Value::Map(settings) = &mut resource.value else { return };
    let mut own_region = region.map(str::to_owned);
    for (key, node) in settings.iter_mut() {
        if key.text == "name" || key.text == "region" {
            variables.interpolate(node, nothing, findings);
            if let ("region", Value::Scalar { text, .. }) = (key.text.as_str(), &node.value) {
                own_region = Some(text.clone());
            }
        }
    }
    for (key, node) in settings.iter_mut() {
        if key.text != "name" && key.text != "region" {
            let scope = Scope { stack, region: own_region.as_deref() };
            variables.interpolate_value(&key.text, node, scope, findings);
        }
    }
}

/// `tags:` of anything.
pub(super) fn read_tags(fields: &Fields<'_>, findings: &mut Findings) -> Tags {
    let mut tags = Tags::new();
    for (key, (value, node)) in fields.string_map("tags", findings).unwrap_or_default() {
        names::tag(&key, &value, node.span, &mut findings.all);
        tags.insert(key, value);
    }
    if tags.len() > limits::TAGS - 2
        && let Some(node) = fields.node("tags")
    {
        findings.push(
            Diagnostic::error(
                Code::TooMany,
                format!("{} tags; an object holds {}, two of which mark it", tags.len(), limits::TAGS),
            )
            .at(node.span),
        );
    }
    tags
}

/// `adopt:` of anything: true, false or a stack.
pub(super) fn read_adopt(fields: &Fields<'_>, findings: &mut Findings) -> Adopt {
    let Some(node) = fields.node("adopt") else { return Adopt::No };
    match string(node, "adopt", findings).as_deref() {
        None | Some("false") => Adopt::No,
        Some("true") => Adopt::Unmarked,
        // Other languages' booleans look like stack names; taking an object by mistake is not to be risked.
        Some(stack) if names::is_stack(stack) && !["no", "yes", "on", "off"].contains(&stack) => {
            Adopt::From(stack.to_owned())
        }
        Some(_) => {
            findings.push(
                Diagnostic::error(Code::BadFormat, "`adopt` is true, false, or the name of a stack")
                    .at(node.span)
                    .help("true takes an object that carries no mark, a name takes it from that stack"),
            );
            Adopt::No
        }
    }
}

struct DeclaredNamespace {
    name: String,
    region: Option<String>,
    namespace: Namespace,
    adopt: Adopt,
    origin: crate::resource::Origin,
}

fn namespace(key: &Key, node: &Node, findings: &mut Findings) -> Option<DeclaredNamespace> {
    findings.address = Some(ResourceAddress::namespace(&key.text, None));
    let fields = Fields::open(node, "a namespace", &["name", "description", "region", "adopt"], findings);
    let name = fields.string("name", findings).unwrap_or_else(|| key.text.clone());
    names::namespace(&name, fields.node("name").map_or(key.span, |n| n.span), &mut findings.all);
    let region = fields.string("region", findings);
    if let (Some(region), Some(node)) = (&region, fields.node("region")) {
        names::region(region, node.span, &mut findings.all);
    }
    let description = fields.string("description", findings).unwrap_or_default();
    names::description(
        &description,
        limits::DESCRIPTION,
        fields.node("description").map_or(key.span, |n| n.span),
        &mut findings.all,
    );
    let adopt = read_adopt(&fields, findings);
    let mut origin = fields.origin();
    origin.span = Some(key.span);
    (name != "default").then_some(DeclaredNamespace {
        name,
        region,
        namespace: Namespace { description: description.trim_end().to_owned() },
        adopt,
        origin,
    })
}

/// A namespace without a region stands in every region where a function of the stack uses it.
fn spread(declared: Vec<DeclaredNamespace>, stack: &Stack) -> Vec<NamespaceResource> {
    let mut out = Vec::new();
    for namespace in declared {
        let mut regions: Vec<String> = match &namespace.region {
            Some(region) => vec![region.clone()],
            None => {
                let used = stack.functions.iter().filter(|f| f.key.namespace == namespace.name);
                used.map(|f| f.key.region.clone()).collect()
            }
        };
        regions.sort();
        regions.dedup();
        if regions.is_empty() && !stack.region.is_empty() {
            regions.push(stack.region.clone());
        }
        let several = regions.len() > 1;
        for region in regions {
            out.push(NamespaceResource {
                address: ResourceAddress::namespace(&namespace.name, several.then_some(region.as_str())),
                name: namespace.name.clone(),
                region,
                namespace: namespace.namespace.clone(),
                adopt: namespace.adopt.clone(),
                origin: namespace.origin.clone(),
            });
        }
    }
    out
}

/// Manifests refer to roles and policies by their key; the cloud knows their names.
fn resolve_references(stack: &mut Stack) {
    let names = |keys: Vec<(String, String)>| keys.into_iter().collect::<BTreeMap<_, _>>();
    let roles = names(stack.roles.iter().map(|r| (key_of(&r.address, "role."), r.name.clone())).collect());
    let policies = names(stack.policies.iter().map(|p| (key_of(&p.address, "policy."), p.name.clone())).collect());
    for function in &mut stack.functions {
        if let Some(name) = roles.get(&function.function.role) {
            Arc::make_mut(&mut function.function).role.clone_from(name);
        }
    }
    for role in &mut stack.roles {
        if let RoleKind::Own(own) = &mut role.kind {
            own.policies = own.policies.iter().map(|p| policies.get(p).unwrap_or(p).clone()).collect();
        }
    }
}

fn key_of(address: &ResourceAddress, prefix: &str) -> String {
    address.as_str().strip_prefix(prefix).unwrap_or(address.as_str()).to_owned()
}
