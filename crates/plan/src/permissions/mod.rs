//! Which CAM permissions the commands need for a stack: every action that `plan` and `apply` can call for what the
//! manifest declares, each with the narrowest place it can be granted for. Follows from desired state alone; a test
//! of the command line compares it with the calls that are really made. How they become policy documents is
//! `document`'s business, who may use them `trust`'s.

pub mod document;
mod granularity;
pub mod show;
pub mod trust;

use std::collections::{BTreeMap, BTreeSet};

pub use granularity::{Narrowest, narrowest};

use crate::desired::{Bind, RoleKind, Stack};
use crate::observed::FunctionKey;
use crate::resource::function::CodeSource;
use crate::resource::trigger::Spec;

/// What the permissions are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// `plan`, `drift` and `snapshot`: reads only.
    Plan,
    /// `apply` and `destroy`: what a plan reads, and the writes.
    Apply,
}

impl Purpose {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Apply => "apply",
        }
    }
}

/// On what an action is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// On whatever there is.
    Anything,
    /// On one function.
    Function(FunctionKey),
    /// On functions that carry the tag of this stack: those that the manifest no longer declares.
    OwnedFunctions(String),
    /// On one role, by name.
    Role(String),
    /// On objects of a bucket whose keys begin like this.
    Objects {
        /// The bucket with its appid.
        bucket: String,
        /// The bucket's region.
        region: String,
        /// What the keys begin with; empty is every object.
        prefix: String,
    },
}

/// Actions as policies name them (`scf:GetFunction`), with where they are needed.
pub type Needs = BTreeMap<&'static str, BTreeSet<Scope>>;

/// The lease of an apply: a pair of tags as a mutex.
const LEASE: [&str; 3] = ["tag:CreateTag", "tag:DeleteTag", "tag:DescribeTags"];

/// An upload of a package, in one piece or in parts.
const UPLOAD: [&str; 7] = [
    "cos:HeadObject",
    "cos:PutObject",
    "cos:InitiateMultipartUpload",
    "cos:UploadPart",
    "cos:ListParts",
    "cos:CompleteMultipartUpload",
    "cos:AbortMultipartUpload",
];

/// What the commands of this purpose need for these stacks as they are declared now.
#[must_use]
pub fn needs<'a>(stacks: impl IntoIterator<Item = &'a Stack>, purpose: Purpose) -> Needs {
    let mut list = List::default();
    for stack in stacks {
        reads(stack, &mut list);
        if purpose == Purpose::Apply {
            list.anywhere(LEASE);
            access_writes(stack, &mut list);
            function_writes(stack, &mut list);
            package_writes(stack, &mut list);
            trigger_writes(stack, &mut list);
        }
    }
    list.0
}

/// Needs being collected.
#[derive(Default)]
struct List(Needs);

impl List {
    fn anywhere<const N: usize>(&mut self, actions: [&'static str; N]) {
        for action in actions {
            self.0.entry(action).or_default().insert(Scope::Anything);
        }
    }

    /// On functions by name, where the service can tell them apart.
    fn functions<const N: usize>(&mut self, stack: &Stack, actions: [&'static str; N]) {
        for action in actions {
            let scopes = self.0.entry(action).or_default();
            match narrowest(action) {
                Narrowest::Function => scopes.extend(stack.functions.iter().map(|f| Scope::Function(f.key.clone()))),
                Narrowest::Role | Narrowest::Objects | Narrowest::Nothing(_) => {
                    scopes.insert(Scope::Anything);
                }
            }
        }
    }

    /// The same, and on functions of the stack that it no longer declares.
    fn owned_functions<const N: usize>(&mut self, stack: &Stack, actions: [&'static str; N]) {
        self.functions(stack, actions);
        for action in actions {
            if narrowest(action) == Narrowest::Function {
                self.0.entry(action).or_default().insert(Scope::OwnedFunctions(stack.name.clone()));
            }
        }
    }
}

/// Whether a plan of the stack may have to find out who holds an MPS event type, which takes reading every function.
fn looks_for_holders(stack: &Stack) -> bool {
    let mut triggers = stack.functions.iter().flat_map(|f| &f.triggers);
    triggers.any(|t| matches!(t.trigger.spec, Spec::Mps { .. }) && t.trigger.enabled && t.bind != Bind::Manual)
}

fn reads(stack: &Stack, list: &mut List) {
    list.anywhere(["sts:GetCallerIdentity", "tag:GetResources", "cam:DescribeRoleList", "cam:ListPolicies"]);
    list.anywhere(["scf:ListNamespaces", "scf:ListFunctions"]);
    if !stack.roles.is_empty() {
        list.anywhere(["cam:GetRole"]);
    }
    if stack.roles.iter().any(|r| !matches!(r.kind, RoleKind::External)) {
        list.anywhere(["cam:ListAttachedRolePolicies"]);
    }
    // Lists need not tell whose a policy is, and then any of the account may be one that the stack no longer declares.
    list.anywhere(["cam:GetPolicy"]);
    if stack.functions.is_empty() {
        return;
    }
    // A reservation made in the console is found in a list, and then read.
    list.owned_functions(stack, ["scf:GetFunction", "scf:GetReservedConcurrencyConfig"]);
    if stack.functions.iter().any(|f| f.function.asynchronous.is_some()) {
        list.functions(stack, ["scf:GetFunctionEventInvokeConfig"]);
    }
    if looks_for_holders(stack) {
        list.anywhere(["scf:GetFunction"]);
    }
}

fn access_writes(stack: &Stack, list: &mut List) {
    if stack.roles.iter().any(|r| !matches!(r.kind, RoleKind::External)) {
        list.anywhere(["cam:CreateRole", "cam:AttachRolePolicy"]);
    }
    for role in &stack.roles {
        let RoleKind::Own(own) = &role.kind else { continue };
        list.anywhere([
            "cam:UpdateRoleDescription",
            "cam:UpdateAssumeRolePolicy",
            "cam:TagRole",
            "cam:UntagRole",
            "cam:DetachRolePolicy",
            "cam:DeleteRole",
        ]);
        if own.session_duration.is_some() {
            list.anywhere(["cam:UpdateRoleSessionDuration"]);
        }
        if own.console_login.is_some() {
            list.anywhere(["cam:UpdateRoleConsoleLogin"]);
        }
    }
    if !stack.policies.is_empty() {
        list.anywhere(["cam:CreatePolicy", "cam:UpdatePolicy", "cam:DeletePolicy"]);
        list.anywhere(["tag:TagResources", "tag:UnTagResources"]);
    }
    if !stack.namespaces.is_empty() {
        list.anywhere(["scf:CreateNamespace", "scf:UpdateNamespace", "scf:DeleteNamespace"]);
    }
}

fn function_writes(stack: &Stack, list: &mut List) {
    if stack.functions.is_empty() {
        return;
    }
    list.functions(stack, ["scf:CreateFunction", "scf:UpdateFunctionCode", "scf:UpdateFunctionConfiguration"]);
    list.owned_functions(stack, ["scf:DeleteFunction"]);
    // Triggers and reservations that nobody declares go, whoever made them.
    list.functions(stack, ["scf:DeleteTrigger", "scf:DeleteReservedConcurrencyConfig"]);
    list.anywhere(["tag:TagResources", "tag:UnTagResources"]);
    let functions = || stack.functions.iter().map(|f| &f.function);
    if functions().any(|f| f.reserved_concurrency.is_some()) {
        list.functions(stack, ["scf:PutReservedConcurrencyConfig"]);
    }
    if functions().any(|f| f.asynchronous.is_some()) {
        list.functions(stack, ["scf:UpdateFunctionEventInvokeConfig"]);
    }
    for role in functions().map(|f| &f.role).filter(|role| !role.is_empty()) {
        list.0.entry("cam:PassRole").or_default().insert(Scope::Role(role.clone()));
    }
}

/// Uploads, where a bucket is named. Which packages are too large for a request is known only once they are built.
fn package_writes(stack: &Stack, list: &mut List) {
    let Some(bucket) = &stack.package_bucket else { return };
    let from_here = stack.functions.iter().filter(|f| f.code.source() == CodeSource::Package);
    for region in from_here.map(|f| bucket.region.as_ref().unwrap_or(&f.key.region)) {
        let mut on = |actions: &[&'static str], prefix: &str| {
            for action in actions {
                let (bucket, region) = (bucket.name.clone(), region.clone());
                let scope = Scope::Objects { bucket, region, prefix: prefix.to_owned() };
                list.0.entry(action).or_default().insert(scope);
            }
        };
        on(&UPLOAD, &format!("{}{}/", bucket.prefix, stack.name));
        // It lists a bucket, not an object.
        on(&["cos:ListMultipartUploads"], "");
    }
}

fn trigger_writes(stack: &Stack, list: &mut List) {
    for trigger in stack.functions.iter().flat_map(|f| &f.triggers) {
        match (&trigger.trigger.spec, trigger.bind) {
            (Spec::Mps { .. }, Bind::Manual) => continue,
            (Spec::Mps { .. }, bind) => {
                if !trigger.trigger.enabled {
                    continue;
                }
                match bind {
                    Bind::Scf => list.functions(stack, ["scf:CreateTrigger"]),
                    Bind::Mps | Bind::Manual => list.anywhere(["mps:BindTrigger"]),
                }
                if trigger.takeover {
                    list.anywhere(["mps:UnbindTrigger"]);
                }
                continue;
            }
            (Spec::Timer { .. } | Spec::Ckafka { .. }, _) => {
                list.functions(stack, ["scf:UpdateTrigger", "scf:UpdateTriggerStatus"]);
            }
            (Spec::Cos { .. }, _) => list.functions(stack, ["scf:UpdateTriggerStatus"]),
            (Spec::Http { .. }, _) => list.functions(stack, ["scf:UpdateTrigger"]),
            (Spec::Raw { .. }, _) => {}
        }
        list.functions(stack, ["scf:CreateTrigger"]);
    }
}
