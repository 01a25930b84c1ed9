//! The actions on functions themselves: create, read, list, change, copy, delete.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{Args, Context, State, page};
use super::config::{Config, Shape};
use super::{Code, Function, Reason, Status, key, resource_name, view};
use crate::refusal::{Answer, Refusal, members, refuse};

/// Functions of one namespace (quota page 583/11637).
const MAX_FUNCTIONS: usize = 50;
/// Rows of one ListFunctions answer at most (assumed; official clients ask for 100).
const MAX_ROWS: i64 = 100;

/// Runtime names of the definition, and those seen elsewhere.
const RUNTIMES: [&str; 24] = [
    "Python2.7",
    "Python3.6",
    "Python3.7",
    "Python3.9",
    "Python3.10",
    "Nodejs6.10",
    "Nodejs8.9",
    "Nodejs10.15",
    "Nodejs12.16",
    "Nodejs14.18",
    "Nodejs16.13",
    "Nodejs18.15",
    "Nodejs20.19",
    "Php5.2",
    "Php5.6",
    "Php7",
    "Php7.4",
    "Php8.0",
    "Go1",
    "Java8",
    "Java11",
    "CustomRuntime",
    "CustomImage",
    "",
];

impl State {
    pub(super) fn create_function(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let (namespace, name) = (args.text_or("Namespace", "default"), args.text_or("FunctionName", ""));
        name_fits(namespace, name)?;
        self.namespace_exists(region, namespace)?;
        let at = key(region, namespace, name);
        self.settle(&at, cx);
        if let Some(there) = self.functions.get(&at) {
            return refuse(
                "ResourceInUse.Function",
                format!("function {name} already exists in namespace {namespace}, in status {}", there.status.text()),
            );
        }
        if cx.quotas && self.functions.under(&format!("{region}/{namespace}/")).count() >= MAX_FUNCTIONS {
            return refuse("LimitExceeded.Function", format!("a namespace holds {MAX_FUNCTIONS} functions"));
        }
        let kind = match args.text_or("Type", "Event") {
            "" | "Event" => "Event",
            "HTTP" => "HTTP",
            other => return refuse("InvalidParameterValue.Type", format!("Type `{other}` is neither Event nor HTTP")),
        };
        let asynchronous = args.spelled("AsyncRunEnable").unwrap_or_default();
        let traced = args.spelled("TraceEnable").unwrap_or_default();
        if kind == "HTTP" && (asynchronous || traced) {
            let member = if asynchronous { "AsyncRunEnable" } else { "TraceEnable" };
            return refuse(
                format!("InvalidParameterValue.{member}"),
                format!("{member} is for functions of type Event"),
            );
        }
        let protocol = args.text_or("ProtocolType", "");
        if !protocol.is_empty() && (protocol != "WS" || kind != "HTTP") {
            return refuse("InvalidParameterValue.ProtocolType", "ProtocolType is WS, for functions of type HTTP");
        }
        let Some(code) = self.read_code(region, args)? else {
            return refuse("MissingParameter.Code", "Code names no source");
        };
        let image = matches!(code, Code::Image { .. });
        let runtime = match args.text_or("Runtime", "") {
            "" if image => "CustomImage",
            "" => return refuse("MissingParameter.Runtime", "Runtime is missing"),
            other if RUNTIMES.contains(&other) => other,
            other => return refuse("InvalidParameterValue.Runtime", format!("runtime `{other}` is unknown")),
        };
        let handler = if image || kind == "HTTP" { "" } else { args.text_or("Handler", "index.main_handler") };
        handler_fits(runtime, handler)?;
        let mut config = Config::defaults(image);
        config.apply(args, Shape { kind, asynchronous })?;
        self.role_usable(&config.role)?;
        let tags = read_tags(args)?;
        let resource = resource_name(self.uin(), region, namespace, name);
        self.check_tags(&tags, cx)?;
        let reasons: Vec<Reason> = self.code_finding(&code, runtime, kind).into_iter().collect();
        let mut function = Function {
            id: format!("lam-{}", self.short_id("function", 8)),
            region: region.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            runtime: runtime.to_owned(),
            kind: kind.to_owned(),
            asynchronous,
            traced,
            protocol: protocol.to_owned(),
            handler: handler.to_owned(),
            config,
            code,
            status: Status::Creating,
            reasons: Vec::new(),
            busy: None,
            added_ms: cx.now_ms,
            modified_ms: cx.now_ms,
            revision: self.next("revision"),
            triggers: Vec::new(),
            versions: BTreeMap::new(),
            next_version: 1,
            aliases: BTreeMap::new(),
            reserved_mb: None,
            provisioned: BTreeMap::new(),
            retries: 2,
            max_age_s: 21_600,
        };
        let then = if reasons.is_empty() { Status::Active } else { Status::CreateFailed };
        function.start(Status::Creating, Some(then), reasons, cx);
        self.functions.insert(at, function);
        self.put_tags(&resource, tags);
        Ok(members(json!({})))
    }

    pub(super) fn get_function(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        if args.text_or("FunctionName", "").is_empty() {
            return refuse("InvalidParameter.FunctionNameOrResourceIdRequired", "FunctionName is missing");
        }
        let function = self.named(region, args, cx)?;
        let qualifier = args.text_or("Qualifier", "$LATEST").to_owned();
        let version = function.version_of(&qualifier, "ResourceNotFound.Version")?;
        let at = key(region, &function.namespace, &function.name);
        let function = self.functions.get(&at).expect("it was found a line ago");
        let answer = self.function_view(function, version, &qualifier, args.spelled("ShowCode").unwrap_or_default());
        self.count_read(&at);
        Ok(answer)
    }

    pub(super) fn list_functions(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let namespace = args.text_or("Namespace", "default");
        self.namespace_exists(region, namespace)?;
        let prefix = format!("{region}/{namespace}/");
        self.settle_under(&prefix, cx);
        let filters = args.list("Filters").unwrap_or_default();
        if filters.len() > 10 {
            return refuse("InvalidParameterValue.Filters", "Filters takes 10 items");
        }
        let search = args.text_or("SearchKey", "");
        let described = args.text_or("Description", "");
        let mut rows: Vec<&Function> = Vec::new();
        for (_, function) in self.functions.under(&prefix) {
            if function.name.contains(search)
                && function.config.description.contains(described)
                && self.passes(function, filters)?
            {
                rows.push(function);
            }
        }
        match args.text_or("Orderby", "") {
            "FunctionName" => rows.sort_by(|a, b| a.name.cmp(&b.name)),
            "AddTime" => rows.sort_by_key(|function| (function.added_ms, function.revision)),
            "ModTime" | "" => rows.sort_by_key(|function| (function.modified_ms, function.revision)),
            other => return refuse("InvalidParameterValue.OrderBy", format!("Orderby `{other}` is unknown")),
        }
        match args.text_or("Order", "DESC") {
            "DESC" | "" => rows.reverse(),
            "ASC" => {}
            other => return refuse("InvalidParameterValue.Order", format!("Order `{other}` is neither ASC nor DESC")),
        }
        let total = rows.len();
        let limit = args.int("Limit").unwrap_or(20).min(MAX_ROWS);
        let rows: Vec<&Function> = page(rows, args.int("Offset").unwrap_or(0), limit);
        let answer: Vec<Value> = rows.iter().map(|function| self.function_row(function)).collect();
        let held: Vec<String> = rows
            .into_iter()
            .filter(|function| function.busy.is_some())
            .map(|function| key(region, namespace, &function.name))
            .collect();
        for at in held {
            self.count_read(&at);
        }
        Ok(members(json!({"Functions": answer, "TotalCount": total})))
    }

    /// Whether a function passes ListFunctions' filters (names from the member's definition).
    fn passes(&self, function: &Function, filters: &[Value]) -> Result<bool, Refusal> {
        let config = &function.config;
        for filter in filters {
            let name = filter["Name"].as_str().unwrap_or_default();
            let values: Vec<&str> =
                filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let any = |actual: &str| values.contains(&actual);
            let passes = match name {
                "VpcId" => any(&config.vpc),
                "SubnetId" => any(&config.subnet),
                "ClsTopicId" => any(&config.topic),
                "ClsLogsetId" => any(&config.logset),
                "Role" => any(&config.role),
                "CfsId" => config.file_systems.iter().any(|cfs| any(cfs["CfsId"].as_str().unwrap_or_default())),
                "CfsMountInsId" => {
                    config.file_systems.iter().any(|cfs| any(cfs["MountInsId"].as_str().unwrap_or_default()))
                }
                "Eip" | "Stamp" => false,
                "Status" => any(function.status.text()),
                "Runtime" => any(&function.runtime),
                "Type" => any(&function.kind),
                "PublicNetStatus" => any(view::enabled(config.public)),
                "AsyncRunEnable" => any(view::spelled(function.asynchronous)),
                "TraceEnable" => any(view::spelled(function.traced)),
                name => match name.strip_prefix("tag-") {
                    Some(tag) => {
                        let tags = self.tagged.get(&function.resource(self.uin()));
                        tags.and_then(|tags| tags.get(tag)).is_some_and(|value| any(value))
                    }
                    None => {
                        return refuse("InvalidParameterValue.Filters", format!("the filter `{name}` is unknown"));
                    }
                },
            };
            if !passes {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn update_function_code(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let function = self.named(region, args, cx)?;
        function.changeable("FailedOperation.UpdateFunctionCode")?;
        let (runtime, kind) = (function.runtime.clone(), function.kind.clone());
        let before = function.code.clone();
        let handler = args.text("Handler").unwrap_or(&function.handler).to_owned();
        handler_fits(&runtime, &handler)?;
        let Some(code) = self.read_code(region, args)? else {
            return refuse("MissingParameter.Code", "the request brings no code");
        };
        if matches!(code, Code::Image { .. }) != matches!(before, Code::Image { .. }) {
            return refuse(
                "UnsupportedOperation.UpdateFunctionCode",
                "a function cannot change between a code package and an image",
            );
        }
        let reasons: Vec<Reason> = self.code_finding(&code, &runtime, &kind).into_iter().collect();
        let revision = self.next("revision");
        let function = self.named_mut(region, args, cx)?;
        let mut then = Status::UpdateFailed;
        if reasons.is_empty() {
            then = Status::Active;
            function.code = code;
            function.handler = handler;
            function.revision = revision;
            if let Some(on) = args.spelled("InstallDependency") {
                function.config.install_dependency = on;
            }
        }
        function.start(Status::Updating, Some(then), reasons, cx);
        self.publish_if_asked(region, args, cx)
    }

    pub(super) fn update_function_configuration(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let function = self.named(region, args, cx)?;
        if let Some(runtime) = args.text("Runtime")
            && runtime != function.runtime
        {
            return refuse(
                "InvalidParameterValue.Runtime",
                format!("the runtime of a function cannot be changed, here from {} to {runtime}", function.runtime),
            );
        }
        function.changeable("FailedOperation.UpdateFunctionConfiguration")?;
        let mut config = function.config.clone();
        config.apply(args, Shape { kind: &function.kind.clone(), asynchronous: function.asynchronous })?;
        self.role_usable(&config.role)?;
        let revision = self.next("revision");
        let function = self.named_mut(region, args, cx)?;
        function.config = config;
        function.revision = revision;
        function.start(Status::Updating, Some(Status::Active), Vec::new(), cx);
        self.publish_if_asked(region, args, cx)
    }

    fn publish_if_asked(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        if args.spelled("Publish").unwrap_or_default() {
            self.named_mut(region, args, cx)?.publish("", cx.now_ms);
        }
        Ok(members(json!({})))
    }

    pub(super) fn delete_function(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        if let Some(qualifier) =
            args.text("Qualifier").filter(|qualifier| !qualifier.is_empty() && *qualifier != "$LATEST")
        {
            let qualifier = qualifier.to_owned();
            self.named_mut(region, args, cx)?.drop_version(&qualifier, false)?;
            return Ok(members(json!({})));
        }
        let function = self.named_mut(region, args, cx)?;
        if function.busy.is_some() {
            return refuse(
                "FailedOperation.DeleteFunction",
                format!("function {} is in status {}, please try again later", function.name, function.status.text()),
            );
        }
        if function.provisioned.values().any(|provisioned| provisioned.instances > 0) {
            return refuse("FailedOperation.ProvisionedInProgress", "the function still has provisioned concurrency");
        }
        function.triggers.clear();
        function.start(Status::Deleting, None, Vec::new(), cx);
        Ok(members(json!({})))
    }

    pub(super) fn copy_function(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let source = self.named(region, args, cx)?.clone();
        let target_region = args.text_or("TargetRegion", region).to_owned();
        let namespace = args.text_or("TargetNamespace", "default");
        let name = args.text_or("NewFunctionName", "");
        name_fits(namespace, name)?;
        self.namespace_exists(&target_region, namespace)?;
        let at = key(&target_region, namespace, name);
        self.settle(&at, cx);
        if self.functions.contains(&at) && !args.flag("Override") {
            return refuse(
                "ResourceInUse.Function",
                format!("function {name} already exists in namespace {namespace}"),
            );
        }
        let mut copy = source;
        copy.id = format!("lam-{}", self.short_id("function", 8));
        (copy.region, copy.namespace, copy.name) = (target_region, namespace.to_owned(), name.to_owned());
        copy.triggers.clear();
        copy.versions.clear();
        copy.aliases.clear();
        copy.provisioned.clear();
        (copy.config.logset, copy.config.topic) = (String::new(), String::new());
        if args.0.get("CopyConfiguration") == Some(&Value::Bool(false)) {
            copy.config = Config::defaults(false);
        }
        if let Some(description) = args.text("Description") {
            description.clone_into(&mut copy.config.description);
        }
        (copy.added_ms, copy.revision) = (cx.now_ms, self.next("revision"));
        copy.start(Status::Creating, Some(Status::Active), Vec::new(), cx);
        self.functions.insert(at, copy);
        Ok(members(json!({})))
    }

    pub(super) fn get_function_address(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let base = cx.base_url.clone();
        let function = self.named(region, args, cx)?;
        if function.status == Status::Creating {
            return refuse("FailedOperation.FunctionStatusError", "the function is being deployed");
        }
        let version = function.version_of(args.text_or("Qualifier", "$LATEST"), "ResourceNotFound.FunctionVersion")?;
        let code = version.map_or(&function.code, |number| &function.versions[&number].code);
        if matches!(code, Code::Image { .. }) {
            return refuse("FailedOperation.GetFunctionAddress", "an image function has no code package");
        }
        let digest = code.sha256();
        Ok(members(json!({"Url": format!("{base}/_local/code/{digest}.zip?sign=local"), "CodeSha256": digest})))
    }

    /// A package's bytes by digest, for the download link.
    pub(crate) fn package(&self, digest: &str) -> Option<std::sync::Arc<[u8]>> {
        self.packages.get(digest)
    }
}

fn name_fits(namespace: &str, name: &str) -> Result<(), Refusal> {
    let fits = (2..=60).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !name.ends_with(['-', '_'])
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits && namespace.len() + name.len() <= 118 {
        return Ok(());
    }
    refuse("InvalidParameterValue.FunctionName", format!("function name `{name}` is invalid"))
}

/// Interpreted runtimes want `file.method` (page 583/19805); a custom runtime takes free text.
fn handler_fits(runtime: &str, handler: &str) -> Result<(), Refusal> {
    let interpreted = ["Python", "Nodejs", "Php"].iter().any(|prefix| runtime.starts_with(prefix));
    if interpreted && !handler.is_empty() && handler.split('.').filter(|part| !part.is_empty()).count() != 2 {
        return refuse("InvalidParameterValue.Handler", format!("handler `{handler}` is not of the form file.method"));
    }
    Ok(())
}

fn read_tags(args: Args<'_>) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = BTreeMap::new();
    for tag in args.list("Tags").unwrap_or_default() {
        let (key, value) = (tag["Key"].as_str().unwrap_or_default(), tag["Value"].as_str().unwrap_or_default());
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return refuse("InvalidParameterValue.Tag", format!("tag key `{key}` is given twice"));
        }
    }
    Ok(tags)
}
