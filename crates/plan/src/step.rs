//! Steps: the writes a change consists of, as data in normal form. A step says what to send, `provision`
//! spells it for the wire and sends it. Steps hold secrets (environment, arguments) and are never printed.

use std::sync::Arc;

use crate::observed::FunctionKey;
use crate::resource::document::Document;
use crate::resource::function::{Code, Function};
use crate::resource::tags::Tags;
use crate::resource::trigger::{RawTrigger, Trigger};

/// A policy as AttachRolePolicy wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyRef {
    /// Attached by name: the platform's own.
    Preset(String),
    /// Attached by id: one of the account, observed or made earlier in the same apply.
    Custom(String),
    /// Whatever is attached to a role under this id.
    Attached {
        /// Its name, for order and for people.
        name: String,
        /// Its id.
        id: u64,
    },
}

impl PolicyRef {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Preset(name) | Self::Custom(name) | Self::Attached { name, .. } => name,
        }
    }
}

/// Members of UpdateFunctionConfiguration; only those that change are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// Description, always with the mark.
    Description,
    /// MemorySize.
    Memory,
    /// Timeout.
    Timeout,
    /// InitTimeout.
    InitTimeout,
    /// Role.
    Role,
    /// Environment, replaced as a whole.
    Environment,
    /// VpcConfig.
    Vpc,
    /// PublicNetConfig.
    PublicNet,
    /// IntranetConfig.
    Intranet,
    /// Layers, replaced as a whole.
    Layers,
    /// ClsLogsetId and ClsTopicId, with Role.
    Log,
    /// DeadLetterConfig.
    DeadLetter,
    /// InstanceConcurrencyConfig.
    InstanceConcurrency,
    /// CfsConfig.
    FileSystems,
    /// DnsCache.
    DnsCache,
    /// InstallDependency.
    InstallDependency,
    /// ProtocolParams.
    Protocol,
}

impl Member {
    /// The member that carries an attribute; `None` when another call does.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let head = path.split(['.', '[']).next().unwrap_or(path);
        Some(match head {
            "description" | "ownership" => Self::Description,
            "memory" => Self::Memory,
            "timeout" => Self::Timeout,
            "init_timeout" => Self::InitTimeout,
            "role" => Self::Role,
            "environment" => Self::Environment,
            "vpc" => Self::Vpc,
            "public_network" | "fixed_ip" => Self::PublicNet,
            "fixed_intranet_ip" => Self::Intranet,
            "layers" => Self::Layers,
            "log" => Self::Log,
            "dead_letter" => Self::DeadLetter,
            "instance_concurrency" => Self::InstanceConcurrency,
            "file_systems" => Self::FileSystems,
            "dns_cache" => Self::DnsCache,
            "install_dependencies" => Self::InstallDependency,
            "websocket" => Self::Protocol,
            _ => return None,
        })
    }
}

/// One write, or one wait.
#[expect(missing_docs, reason = "each variant names its API action, each field the member it fills")]
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// CAM CreateRole.
    CreateRole {
        name: String,
        description: String,
        trust: Document,
        session_duration: Option<u64>,
        console_login: Option<bool>,
        tags: Tags,
    },
    /// CAM UpdateRoleDescription.
    UpdateRoleDescription { name: String, description: String },
    /// CAM UpdateAssumeRolePolicy.
    UpdateAssumeRolePolicy { name: String, trust: Document },
    /// CAM UpdateRoleSessionDuration.
    UpdateRoleSessionDuration { name: String, seconds: u64 },
    /// CAM UpdateRoleConsoleLogin.
    UpdateRoleConsoleLogin { name: String, allowed: bool },
    /// CAM TagRole.
    TagRole { name: String, tags: Tags },
    /// CAM UntagRole.
    UntagRole { name: String, keys: Vec<String> },
    /// CAM AttachRolePolicy.
    AttachRolePolicy { role: String, policy: PolicyRef },
    /// CAM DetachRolePolicy.
    DetachRolePolicy { role: String, policy: PolicyRef },
    /// CAM DeleteRole.
    DeleteRole { name: String },
    /// CAM CreatePolicy.
    CreatePolicy { name: String, description: String, document: Document, tags: Tags },
    /// CAM UpdatePolicy.
    UpdatePolicy { id: u64, name: String, description: String, document: Document },
    /// Tag service on a policy.
    TagPolicy { id: u64, tags: Tags },
    /// Tag service on a policy.
    UntagPolicy { id: u64, keys: Vec<String> },
    /// CAM DeletePolicy.
    DeletePolicy { id: u64, name: String },
    /// SCF CreateNamespace.
    CreateNamespace { region: String, name: String, description: String },
    /// SCF UpdateNamespace.
    UpdateNamespace { region: String, name: String, description: String },
    /// SCF DeleteNamespace.
    DeleteNamespace { region: String, name: String },
    /// SCF CreateFunction, then wait until it is at rest.
    CreateFunction { key: FunctionKey, function: Arc<Function>, code: Code, description: String, tags: Tags },
    /// SCF UpdateFunctionCode, then wait until it is at rest.
    UpdateFunctionCode { key: FunctionKey, code: Code, handler: String, install_dependencies: bool },
    /// SCF UpdateFunctionConfiguration with just these members, then wait until it is at rest.
    UpdateFunctionConfiguration { key: FunctionKey, members: Vec<Member>, function: Arc<Function>, description: String },
    /// SCF PutReservedConcurrencyConfig.
    PutReservedConcurrency { key: FunctionKey, megabytes: u64 },
    /// SCF DeleteReservedConcurrencyConfig.
    DeleteReservedConcurrency { key: FunctionKey },
    /// SCF UpdateFunctionEventInvokeConfig.
    UpdateEventInvokeConfig { key: FunctionKey, retries: u64, max_age: u64 },
    /// Tag service on a function.
    TagFunction { key: FunctionKey, tags: Tags },
    /// Tag service on a function.
    UntagFunction { key: FunctionKey, keys: Vec<String> },
    /// SCF DeleteFunction, then wait until it is gone.
    DeleteFunction { key: FunctionKey },
    /// SCF CreateTrigger.
    CreateTrigger { key: FunctionKey, trigger: Arc<Trigger>, description: Option<String> },
    /// SCF UpdateTrigger, the present trigger found by its listed name.
    UpdateTrigger { key: FunctionKey, present: Box<RawTrigger>, trigger: Arc<Trigger>, description: Option<String> },
    /// SCF UpdateTriggerStatus.
    UpdateTriggerStatus { key: FunctionKey, present: Box<RawTrigger>, enabled: bool },
    /// SCF DeleteTrigger, echoing what was listed.
    DeleteTrigger { key: FunctionKey, present: Box<RawTrigger> },
    /// MPS BindTrigger.
    BindTrigger { key: FunctionKey, event: String, qualifier: String },
    /// MPS UnbindTrigger of another function's binding; restored if the bind that follows is refused.
    UnbindTrigger { key: FunctionKey, present: Box<RawTrigger> },
}

// Steps hold secrets: Debug shows the action only.
impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.action())
    }
}

impl Step {
    /// The API action.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Step::CreateRole { .. } => "CreateRole",
            Step::UpdateRoleDescription { .. } => "UpdateRoleDescription",
            Step::UpdateAssumeRolePolicy { .. } => "UpdateAssumeRolePolicy",
            Step::UpdateRoleSessionDuration { .. } => "UpdateRoleSessionDuration",
            Step::UpdateRoleConsoleLogin { .. } => "UpdateRoleConsoleLogin",
            Step::TagRole { .. } => "TagRole",
            Step::UntagRole { .. } => "UntagRole",
            Step::AttachRolePolicy { .. } => "AttachRolePolicy",
            Step::DetachRolePolicy { .. } => "DetachRolePolicy",
            Step::DeleteRole { .. } => "DeleteRole",
            Step::CreatePolicy { .. } => "CreatePolicy",
            Step::UpdatePolicy { .. } => "UpdatePolicy",
            Step::TagPolicy { .. } | Step::TagFunction { .. } => "TagResources",
            Step::UntagPolicy { .. } | Step::UntagFunction { .. } => "UnTagResources",
            Step::DeletePolicy { .. } => "DeletePolicy",
            Step::CreateNamespace { .. } => "CreateNamespace",
            Step::UpdateNamespace { .. } => "UpdateNamespace",
            Step::DeleteNamespace { .. } => "DeleteNamespace",
            Step::CreateFunction { .. } => "CreateFunction",
            Step::UpdateFunctionCode { .. } => "UpdateFunctionCode",
            Step::UpdateFunctionConfiguration { .. } => "UpdateFunctionConfiguration",
            Step::PutReservedConcurrency { .. } => "PutReservedConcurrencyConfig",
            Step::DeleteReservedConcurrency { .. } => "DeleteReservedConcurrencyConfig",
            Step::UpdateEventInvokeConfig { .. } => "UpdateFunctionEventInvokeConfig",
            Step::DeleteFunction { .. } => "DeleteFunction",
            Step::CreateTrigger { .. } => "CreateTrigger",
            Step::UpdateTrigger { .. } => "UpdateTrigger",
            Step::UpdateTriggerStatus { .. } => "UpdateTriggerStatus",
            Step::DeleteTrigger { .. } => "DeleteTrigger",
            Step::BindTrigger { .. } => "BindTrigger",
            Step::UnbindTrigger { .. } => "UnbindTrigger",
        }
    }

    /// Whether it needs a package of code from this machine.
    #[must_use]
    pub fn needs_package(&self) -> bool {
        matches!(self, Step::CreateFunction { code, .. } | Step::UpdateFunctionCode { code, .. } if code.source == crate::resource::function::CodeSource::Package)
    }
}
