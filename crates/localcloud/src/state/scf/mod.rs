//! SCF: functions and what hangs on them. This file finds functions and moves their status on; the
//! actions stand in the files beside it.

mod account;
mod alias;
mod code;
mod concurrency;
mod config;
mod cron;
mod function;
mod namespace;
mod package;
mod target;
mod trigger;
mod trigger_desc;
mod url;
mod version;
mod view;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::args::Args;
use super::{Context, State};
use crate::refusal::{Answer, Refusal, refuse};

pub(crate) use code::Code;
pub(crate) use config::Config;
pub(crate) use namespace::Namespace;
pub(crate) use package::{MAX_UNPACKED, Packages};
pub(crate) use target::Target;
pub(crate) use trigger::Trigger;
pub(crate) use url::FunctionUrl;
pub(crate) use version::Version;

/// A function's status (status page 583/115197).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Creating,
    CreateFailed,
    Active,
    Updating,
    UpdateFailed,
    Publishing,
    Deleting,
}

impl Status {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::CreateFailed => "CreateFailed",
            Self::Active => "Active",
            Self::Updating => "Updating",
            Self::UpdateFailed => "UpdateFailed",
            Self::Publishing => "Publishing",
            Self::Deleting => "Deleting",
        }
    }
}

/// Why something ended in a failed status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reason {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// A status change under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Busy {
    until_ms: i64,
    /// Reads still to be answered with the busy status, whatever the time.
    reads: u32,
    /// Where it ends; `None` when the function goes away.
    then: Option<Status>,
    reasons: Vec<Reason>,
}

/// A function with everything that hangs on it but its tags and MPS bindings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Function {
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) runtime: String,
    /// `Event` or `HTTP`.
    pub(crate) kind: String,
    pub(crate) asynchronous: bool,
    pub(crate) traced: bool,
    /// `WS` or empty.
    pub(crate) protocol: String,
    pub(crate) handler: String,
    pub(crate) config: Config,
    pub(crate) code: Code,
    pub(crate) status: Status,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) busy: Option<Busy>,
    pub(crate) added_ms: i64,
    pub(crate) modified_ms: i64,
    /// Goes up with every change of code or configuration; running instances of an older one are retired.
    pub(crate) revision: u64,
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) versions: BTreeMap<u64, Version>,
    pub(crate) next_version: u64,
    pub(crate) aliases: BTreeMap<String, alias::Alias>,
    pub(crate) reserved_mb: Option<i64>,
    pub(crate) provisioned: BTreeMap<String, concurrency::Provisioned>,
    pub(crate) retries: i64,
    pub(crate) max_age_s: i64,
}

impl Function {
    /// Digests of the packages that the function and its versions run.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.code)
            .chain(self.versions.values().map(|version| &version.code))
            .filter_map(|code| code.digest())
    }

    fn start(&mut self, status: Status, then: Option<Status>, reasons: Vec<Reason>, cx: &Context) {
        let hold = cx.hold.unwrap_or(super::Hold { reads: 0, ms: 0 });
        self.status = status;
        self.modified_ms = cx.now_ms;
        self.busy = Some(Busy { until_ms: cx.now_ms + cx.settle_ms + hold.ms, reads: hold.reads, then, reasons });
    }

    fn is_due(&self, now_ms: i64) -> bool {
        self.busy.as_ref().is_some_and(|busy| busy.reads == 0 && busy.until_ms <= now_ms)
    }

    /// Refuses with `code` unless the function may be changed now.
    fn changeable(&self, code: &'static str) -> Result<(), Refusal> {
        match self.status {
            Status::Active | Status::UpdateFailed => Ok(()),
            Status::CreateFailed => {
                refuse(code, format!("function {} is in status CreateFailed; delete it and create it again", self.name))
            }
            status => {
                refuse(code, format!("function {} is in status {}, please try again later", self.name, status.text()))
            }
        }
    }

    pub(crate) fn resource(&self, uin: &str) -> String {
        resource_name(uin, &self.region, &self.namespace, &self.name)
    }
}

/// A function's six-segment name.
pub(crate) fn resource_name(uin: &str, region: &str, namespace: &str, name: &str) -> String {
    format!("qcs::scf:{region}:uin/{uin}:namespace/{namespace}/function/{name}")
}

fn key(region: &str, namespace: &str, name: &str) -> String {
    format!("{region}/{namespace}/{name}")
}

impl State {
    pub(super) fn scf(&mut self, action: &str, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        if region.is_empty() {
            return refuse("MissingParameter", "the request lacks the common parameter `Region`");
        }
        let shaped = region.split('-').count() >= 2 && region.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        if !shaped {
            return refuse("UnsupportedRegion", format!("region `{region}` is not supported"));
        }
        match action {
            "CreateFunction" => self.create_function(region, args, cx),
            "GetFunction" => self.get_function(region, args, cx),
            "ListFunctions" => self.list_functions(region, args, cx),
            "DeleteFunction" => self.delete_function(region, args, cx),
            "CopyFunction" => self.copy_function(region, args, cx),
            "UpdateFunctionCode" => self.update_function_code(region, args, cx),
            "UpdateFunctionConfiguration" => self.update_function_configuration(region, args, cx),
            "GetFunctionAddress" => self.get_function_address(region, args, cx),
            "CreateTrigger" => self.create_trigger(region, args, cx),
            "DeleteTrigger" => self.delete_trigger(region, args, cx),
            "UpdateTrigger" => self.update_trigger(region, args, cx),
            "UpdateTriggerStatus" => self.update_trigger_status(region, args, cx),
            "ListTriggers" => self.list_triggers(region, args, cx),
            "CreateNamespace" => self.create_namespace(region, args, cx),
            "UpdateNamespace" => self.update_namespace(region, args, cx),
            "DeleteNamespace" => self.delete_namespace(region, args, cx),
            "ListNamespaces" => self.list_namespaces(region, args, cx),
            "PublishVersion" => self.publish_version(region, args, cx),
            "ListVersionByFunction" => self.list_version_by_function(region, args, cx),
            "DeleteFunctionVersion" => self.delete_function_version(region, args, cx),
            "CreateAlias" => self.create_alias(region, args, cx),
            "UpdateAlias" => self.update_alias(region, args, cx),
            "GetAlias" => self.get_alias(region, args, cx),
            "ListAliases" => self.list_aliases(region, args, cx),
            "DeleteAlias" => self.delete_alias(region, args, cx),
            "PutReservedConcurrencyConfig" => self.put_reserved(region, args, cx),
            "GetReservedConcurrencyConfig" => self.get_reserved(region, args, cx),
            "DeleteReservedConcurrencyConfig" => self.delete_reserved(region, args, cx),
            "PutProvisionedConcurrencyConfig" => self.put_provisioned(region, args, cx),
            "GetProvisionedConcurrencyConfig" => self.get_provisioned(region, args, cx),
            "DeleteProvisionedConcurrencyConfig" => self.delete_provisioned(region, args, cx),
            "PutTotalConcurrencyConfig" => self.put_total_concurrency(region, args, cx),
            "GetFunctionEventInvokeConfig" => self.get_event_invoke(region, args, cx),
            "UpdateFunctionEventInvokeConfig" => self.update_event_invoke(region, args, cx),
            "GetAccount" => self.get_account(region, cx),
            other => unreachable!("the definition lists {other}, which scf does not carry out"),
        }
    }

    /// A function to look at. Moves its status on first.
    pub(crate) fn function(
        &mut self,
        region: &str,
        namespace: &str,
        name: &str,
        cx: &Context,
    ) -> Result<&Function, Refusal> {
        let key = key(region, namespace, name);
        self.settle(&key, cx);
        if !self.functions.contains(&key) {
            self.namespace_exists(region, namespace)?;
        }
        self.functions.get(&key).ok_or_else(|| {
            Refusal::new(
                "ResourceNotFound.Function",
                format!("function {name} does not exist in namespace {namespace}"),
            )
        })
    }

    /// The function that `args` names, to look at.
    fn named(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Result<&Function, Refusal> {
        self.function(region, args.text_or("Namespace", "default"), args.text_or("FunctionName", ""), cx)
    }

    /// The function that `args` names, to change.
    fn named_mut(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Result<&mut Function, Refusal> {
        let (namespace, name) = (args.text_or("Namespace", "default"), args.text_or("FunctionName", ""));
        self.function(region, namespace, name, cx)?;
        Ok(self.functions.get_mut(&key(region, namespace, name)).expect("it was found a line ago"))
    }

    /// Ends a status change whose time has come.
    fn settle(&mut self, key: &str, cx: &Context) {
        if !self.functions.get(key).is_some_and(|function| function.is_due(cx.now_ms)) {
            return;
        }
        let Some(function) = self.functions.get_mut(key) else { return };
        let Some(busy) = function.busy.take() else { return };
        if let Some(status) = busy.then {
            function.status = status;
            function.reasons = busy.reasons;
            return;
        }
        let (region, namespace, name) = (function.region.clone(), function.namespace.clone(), function.name.clone());
        self.functions.remove(key);
        let resource = resource_name(self.uin(), &region, &namespace, &name);
        self.tagged.remove(&resource);
        self.function_gone(&region, &namespace, &name);
    }

    /// Ends every due status change.
    pub(super) fn settle_due(&mut self, cx: &Context) {
        self.settle_under("", cx);
    }

    /// Ends every due status change under a key prefix.
    fn settle_under(&mut self, prefix: &str, cx: &Context) {
        let due: Vec<String> = self
            .functions
            .under(prefix)
            .filter(|(_, function)| function.is_due(cx.now_ms))
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            self.settle(&key, cx);
        }
    }

    /// Counts one read against a fault that keeps a function busy for a number of reads.
    fn count_read(&mut self, key: &str) {
        let held = |function: &Function| function.busy.as_ref().is_some_and(|busy| busy.reads > 0);
        if self.functions.get(key).is_some_and(held)
            && let Some(busy) = self.functions.get_mut(key).and_then(|function| function.busy.as_mut())
        {
            busy.reads -= 1;
        }
    }
}
