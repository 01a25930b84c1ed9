//! Desired state: the manifest with defaults filled in, in normal form. Plain data; made by `manifest`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::address::ResourceAddress;
use crate::observed::FunctionKey;
use crate::resource::Origin;
use crate::resource::bucket::{PackageBucket, Place};
use crate::resource::function::{Code, CodeSource, CosObject, Function, Image};
use crate::resource::namespace::Namespace;
use crate::resource::policy::Policy;
use crate::resource::role::{Preset, Role};
use crate::resource::tags::IgnoreTags;
use crate::resource::trigger::Trigger;
use crate::source::Span;

/// What one manifest wants.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The stack's name, unique in the account.
    pub name: String,
    /// Default region.
    pub region: String,
    /// The account that must hold it (owner uin).
    pub account: Option<String>,
    /// Tags of others.
    pub ignore_tags: IgnoreTags,
    /// Where packages go that are too large for a request.
    pub package_bucket: Option<PackageBucket>,
    /// Custom policies.
    pub policies: Vec<PolicyResource>,
    /// Roles of every kind.
    pub roles: Vec<RoleResource>,
    /// Namespaces, one entry per region.
    pub namespaces: Vec<NamespaceResource>,
    /// Functions with their triggers.
    pub functions: Vec<FunctionResource>,
    /// What the manifest declares and `destroy` takes away, by identity: see [`Stack::emptied`].
    pub leaving: BTreeMap<String, Leaving>,
    /// Where `stack:` stands.
    pub span: Option<Span>,
    /// The manifest file's name as given.
    pub file: String,
}

/// What a manifest says of a resource that `destroy` takes away.
#[derive(Debug, Clone)]
pub struct Leaving {
    /// Its address.
    pub address: ResourceAddress,
    /// Never deleted.
    pub protect: bool,
    /// Where it stands.
    pub origin: Origin,
}

/// Whether an existing unmarked object, or another stack's, is taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Adopt {
    /// Neither.
    #[default]
    No,
    /// An unmarked object.
    Unmarked,
    /// An object of the named stack.
    From(String),
}

/// A declared policy.
#[derive(Debug, Clone)]
pub struct PolicyResource {
    /// Its address.
    pub address: ResourceAddress,
    /// Name in the account.
    pub name: String,
    /// What it says.
    pub policy: Policy,
    /// Whether an existing one is taken.
    pub adopt: Adopt,
    /// Never deleted.
    pub protect: bool,
    /// Where it stands.
    pub origin: Origin,
}

/// A declared role.
#[derive(Debug, Clone)]
pub struct RoleResource {
    /// Its address.
    pub address: ResourceAddress,
    /// Name in the account.
    pub name: String,
    /// Of which kind.
    pub kind: RoleKind,
    /// Whether an existing one is taken.
    pub adopt: Adopt,
    /// Never deleted.
    pub protect: bool,
    /// Where it stands.
    pub origin: Origin,
}

/// Kinds of roles.
#[derive(Debug, Clone)]
pub enum RoleKind {
    /// A service role of the account: made if absent, never rewritten.
    Preset(Preset),
    /// Others': must exist.
    External,
    /// Ours.
    Own(Role),
}

/// A declared namespace in one region.
#[derive(Debug, Clone)]
pub struct NamespaceResource {
    /// Its address.
    pub address: ResourceAddress,
    /// Name.
    pub name: String,
    /// Region.
    pub region: String,
    /// What it says.
    pub namespace: Namespace,
    /// Whether an existing one is taken.
    pub adopt: Adopt,
    /// Where it stands.
    pub origin: Origin,
}

/// A declared function.
#[derive(Debug, Clone)]
pub struct FunctionResource {
    /// Its address.
    pub address: ResourceAddress,
    /// Logical id.
    pub id: String,
    /// Where it lives: its identity in the cloud.
    pub key: FunctionKey,
    /// Settings, shared with the steps that write them.
    pub function: Arc<Function>,
    /// What it runs, as declared.
    pub code: CodeDeclaration,
    /// Digest of what it runs; set by [`FunctionResource::set_code_digest`] for code on this machine.
    pub code_digest: Option<String>,
    /// Whether an existing one is taken.
    pub adopt: Adopt,
    /// Its triggers.
    pub triggers: Vec<TriggerResource>,
    /// Where it stands.
    pub origin: Origin,
}

/// Who makes an MPS binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bind {
    /// The MPS service's BindTrigger, as Tencent's own toolkit does.
    #[default]
    Mps,
    /// SCF's CreateTrigger.
    Scf,
    /// A person in the console; we verify only.
    Manual,
}

/// A declared trigger.
#[derive(Debug, Clone)]
pub struct TriggerResource {
    /// Its address.
    pub address: ResourceAddress,
    /// What it is, shared with the steps that write it.
    pub trigger: Arc<Trigger>,
    /// Whether an MPS event type may be taken from another function.
    pub takeover: bool,
    /// Who binds (MPS only).
    pub bind: Bind,
    /// Where it stands.
    pub origin: Origin,
}

/// Code as declared.
#[derive(Clone, PartialEq, Eq)]
pub enum CodeDeclaration {
    /// A Rust package of a workspace, built by apply.
    Cargo {
        /// Package name.
        package: String,
        /// Globs of further inputs.
        inputs: Vec<String>,
    },
    /// A folder.
    Dir {
        /// Relative to the manifest.
        path: String,
        /// Globs left out.
        exclude: Vec<String>,
    },
    /// A zip file.
    Zip {
        /// Relative to the manifest.
        path: String,
    },
    /// Files written in the manifest.
    Inline {
        /// File names and their text, in order of names.
        files: Box<[(String, String)]>,
    },
    /// An object in COS, compared by reference.
    Cos(Box<CosCode>),
    /// An image.
    Image(Box<Image>),
    /// A console template.
    Demo(String),
}

/// Code that stands in COS.
#[derive(Clone, PartialEq, Eq)]
pub struct CosCode {
    /// Bucket as declared.
    pub bucket: String,
    /// Object path.
    pub object: String,
    /// Bucket region.
    pub region: Option<String>,
    /// Digest that the declarer vouches for.
    pub sha256: Option<String>,
}

// Inline files may hold secrets: Debug shows the kind only.
impl std::fmt::Debug for CodeDeclaration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

impl CodeDeclaration {
    /// The manifest's word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Cargo { .. } => "cargo",
            Self::Dir { .. } => "dir",
            Self::Zip { .. } => "zip",
            Self::Inline { .. } => "inline",
            Self::Cos(_) => "cos",
            Self::Image(_) => "image",
            Self::Demo(_) => "demo",
        }
    }

    /// The digest of code that is only referred to; `None` for code on this machine.
    #[must_use]
    pub fn reference_digest(&self) -> Option<String> {
        let text = |o: &Option<String>| o.clone().unwrap_or_default();
        match self {
            Self::Cargo { .. } | Self::Dir { .. } | Self::Zip { .. } | Self::Inline { .. } => None,
            Self::Cos(code) => {
                Some(crate::mark::digest(["cos", &code.bucket, &code.object, &text(&code.region), &text(&code.sha256)]))
            }
            Self::Image(i) => Some(crate::mark::digest([
                "image",
                &i.registry,
                &i.uri,
                &text(&i.registry_id),
                &text(&i.command),
                &text(&i.args),
                &i.port.map_or_else(String::new, |p| p.to_string()),
                if i.accelerate { "1" } else { "0" },
            ])),
            Self::Demo(id) => Some(crate::mark::digest(["demo", id])),
        }
    }

    /// What is sent to the service.
    #[must_use]
    pub fn source(&self) -> CodeSource {
        match self {
            Self::Cargo { .. } | Self::Dir { .. } | Self::Zip { .. } | Self::Inline { .. } => CodeSource::Package,
            Self::Cos(code) => {
                let object = &code.object;
                CodeSource::Cos(Box::new(CosObject {
                    bucket: without_appid(&code.bucket).to_owned(),
                    object: if object.starts_with('/') { object.clone() } else { format!("/{object}") },
                    region: code.region.clone(),
                }))
            }
            Self::Image(image) => CodeSource::Image(image.clone()),
            Self::Demo(id) => CodeSource::Demo(id.clone()),
        }
    }
}

/// CosBucketName is the bucket without `-<appid>` (facts SCF 4.1).
fn without_appid(bucket: &str) -> &str {
    match bucket.rsplit_once('-') {
        Some((name, appid)) if appid.len() >= 5 && appid.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => bucket,
    }
}

impl CodeSource {
    /// A package that stands in a bucket.
    #[must_use]
    pub fn in_bucket(place: &Place) -> Self {
        Self::Cos(Box::new(CosObject {
            bucket: without_appid(&place.bucket).to_owned(),
            object: format!("/{}", place.key),
            region: Some(place.region.clone()),
        }))
    }
}

impl FunctionResource {
    /// Sets the digest of code on this machine; 16 of its hex digits identify a function's code.
    pub fn set_code_digest(&mut self, digest: &str) {
        self.code_digest = Some(digest.chars().take(16).collect());
    }

    /// The code with its digest; `None` while code on this machine was not looked at.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.code_digest.as_ref().map(|digest| Code { digest: digest.clone(), source: self.code.source() })
    }
}

impl Stack {
    /// Sets the digests of code on this machine.
    pub fn set_code_digests(&mut self, digests: &BTreeMap<ResourceAddress, String>) {
        for function in &mut self.functions {
            if let Some(digest) = digests.get(&function.address) {
                function.set_code_digest(digest);
            }
        }
    }

    /// The same stack with nothing in it: what `destroy` wants. What goes keeps its address, its place in the file
    /// and its protection.
    #[must_use]
    pub fn emptied(&self) -> Self {
        let mut leaving = BTreeMap::new();
        let mut leaves = |identity: String, address: &ResourceAddress, protect: bool, origin: &Origin| {
            leaving.insert(identity, Leaving { address: address.clone(), protect, origin: origin.clone() });
        };
        for policy in &self.policies {
            leaves(identity::policy(&policy.name), &policy.address, policy.protect, &policy.origin);
        }
        for role in self.roles.iter().filter(|r| matches!(r.kind, RoleKind::Own(_))) {
            leaves(identity::role(&role.name), &role.address, role.protect, &role.origin);
        }
        for space in &self.namespaces {
            leaves(identity::namespace(&space.region, &space.name), &space.address, false, &space.origin);
        }
        for function in &self.functions {
            let key = &function.key;
            leaves(identity::function(key), &function.address, function.function.protect, &function.origin);
            for trigger in &function.triggers {
                let identity = identity::trigger(key, &trigger.trigger.key());
                leaves(identity, &trigger.address, false, &trigger.origin);
            }
        }
        Self {
            name: self.name.clone(),
            region: self.region.clone(),
            account: self.account.clone(),
            ignore_tags: self.ignore_tags.clone(),
            package_bucket: None,
            policies: Vec::new(),
            roles: Vec::new(),
            namespaces: Vec::new(),
            functions: Vec::new(),
            leaving,
            span: self.span,
            file: self.file.clone(),
        }
    }
}

/// How objects are told apart in the cloud, as keys of [`Stack::leaving`].
pub(crate) mod identity {
    use crate::observed::FunctionKey;
    use crate::resource::trigger::TriggerKey;

    pub(crate) fn policy(name: &str) -> String {
        format!("policy {name}")
    }

    pub(crate) fn role(name: &str) -> String {
        format!("role {name}")
    }

    pub(crate) fn namespace(region: &str, name: &str) -> String {
        format!("namespace {region}/{name}")
    }

    pub(crate) fn function(key: &FunctionKey) -> String {
        format!("function {key}")
    }

    pub(crate) fn trigger(function: &FunctionKey, key: &TriggerKey) -> String {
        format!("trigger {function} {}/{}", key.kind, key.key)
    }
}
