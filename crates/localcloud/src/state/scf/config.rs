//! The part of a function that UpdateFunctionConfiguration can change: reading it from a call, checking
//! it against the documented limits, and the documented ways to clear a field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::Args;
use crate::refusal::{Refusal, refuse};

/// All environment variables together, in bytes (environment page).
const MAX_ENVIRONMENT: usize = 4096;
/// Layers of one version (quota page 583/11637).
const MAX_LAYERS: usize = 5;

/// A layer by name and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Layer {
    pub(crate) layer_name: String,
    pub(crate) layer_version: i64,
}

/// A function's configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) description: String,
    pub(crate) memory_mb: i64,
    pub(crate) timeout_s: i64,
    pub(crate) init_timeout_s: i64,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) role: String,
    pub(crate) vpc: String,
    pub(crate) subnet: String,
    pub(crate) public: bool,
    pub(crate) fixed_ip: bool,
    pub(crate) fixed_intranet_ip: bool,
    pub(crate) layers: Vec<Layer>,
    pub(crate) logset: String,
    pub(crate) topic: String,
    /// Type, name, filter type.
    pub(crate) dead_letter: (String, String, String),
    /// `CfsInsInfo` objects as sent.
    pub(crate) file_systems: Vec<Value>,
    pub(crate) dns_cache: bool,
    pub(crate) install_dependency: bool,
    pub(crate) l5: bool,
    pub(crate) idle_timeout_s: Option<i64>,
    /// `InstanceConcurrencyConfig` as sent.
    pub(crate) concurrency: Option<Value>,
}

/// What limits depend on besides the value itself.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub(crate) kind: &'a str,
    pub(crate) asynchronous: bool,
}

impl Config {
    /// The documented defaults: 128 MB, 3 s, initialisation 65 s (90 s for images), public network on.
    pub(crate) fn defaults(image: bool) -> Self {
        Self {
            memory_mb: 128,
            timeout_s: 3,
            init_timeout_s: if image { 90 } else { 65 },
            public: true,
            ..Self::default()
        }
    }

    /// Takes over what a call names; what it leaves out stays.
    pub(crate) fn apply(&mut self, args: Args<'_>, shape: Shape<'_>) -> Result<(), Refusal> {
        if let Some(text) = args.text("Description") {
            if text.chars().count() > 1000 {
                return refuse("InvalidParameterValue.Description", "Description holds 1000 characters");
            }
            text.clone_into(&mut self.description);
        }
        self.apply_sizes(args, shape)?;
        if let Some(environment) = args.object("Environment") {
            self.apply_environment(environment)?;
        }
        self.apply_logs(args)?;
        if let Some(role) = args.text("Role") {
            role.clone_into(&mut self.role);
        }
        self.apply_network(args)?;
        if let Some(layers) = args.typed::<Vec<Layer>>("Layers") {
            self.apply_layers(layers)?;
        }
        if let Some(letter) = args.object("DeadLetterConfig") {
            let kind = letter.text_or("Type", "");
            if !["", "CMQ-QUEUE", "CMQ-TOPIC", "queue", "topic"].contains(&kind) {
                return refuse(
                    "InvalidParameterValue.DeadLetterConfig",
                    format!("dead letter type `{kind}` is unknown"),
                );
            }
            self.dead_letter =
                (kind.to_owned(), letter.text_or("Name", "").to_owned(), letter.text_or("FilterType", "").to_owned());
        }
        if let Some(on) = args.spelled("DnsCache") {
            self.dns_cache = on;
        }
        if let Some(on) = args.spelled("InstallDependency") {
            self.install_dependency = on;
        }
        if let Some(on) = args.spelled("L5Enable") {
            self.l5 = on;
        }
        if let Some(parameters) = args.object("ProtocolParams").and_then(|outer| outer.object("WSParams")) {
            self.idle_timeout_s = Some(parameters.int("IdleTimeOut").unwrap_or(15));
        }
        if let Some(concurrency) = args.object("InstanceConcurrencyConfig") {
            self.apply_concurrency(concurrency, shape)?;
        }
        Ok(())
    }

    fn apply_sizes(&mut self, args: Args<'_>, shape: Shape<'_>) -> Result<(), Refusal> {
        if let Some(memory) = args.int("MemorySize") {
            if !(memory == 64 || ((128..=3072).contains(&memory) && memory % 128 == 0)) {
                return refuse(
                    "InvalidParameterValue.MemorySize",
                    format!("MemorySize {memory} is neither 64 nor a multiple of 128 up to 3072"),
                );
            }
            self.memory_mb = memory;
        }
        if let Some(timeout) = args.int("Timeout") {
            let most = if shape.asynchronous { 86_400 } else { 900 };
            if !(1..=most).contains(&timeout) {
                return refuse("LimitExceeded.Timeout", format!("Timeout {timeout} is not within 1 and {most}"));
            }
            self.timeout_s = timeout;
        }
        if let Some(timeout) = args.int("InitTimeout") {
            if !(3..=300).contains(&timeout) {
                return refuse("LimitExceeded.InitTimeout", format!("InitTimeout {timeout} is not within 3 and 300"));
            }
            self.init_timeout_s = timeout;
        }
        Ok(())
    }

    /// The set is replaced as a whole. One pair of empty texts clears it; an empty list changes nothing.
    fn apply_environment(&mut self, environment: Args<'_>) -> Result<(), Refusal> {
        let pairs: Vec<(&str, &str)> = environment
            .list("Variables")
            .unwrap_or_default()
            .iter()
            .map(|pair| (pair["Key"].as_str().unwrap_or_default(), pair["Value"].as_str().unwrap_or_default()))
            .collect();
        if pairs.is_empty() {
            return Ok(());
        }
        if pairs == [("", "")] {
            self.environment.clear();
            return Ok(());
        }
        let mut set = BTreeMap::new();
        for (key, value) in pairs {
            let fits = (2..=64).contains(&key.len())
                && key.starts_with(|c: char| c.is_ascii_alphabetic())
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !fits || value.is_empty() {
                return refuse(
                    "InvalidParameterValue.Environment",
                    format!("environment variable `{key}` needs a key of 2 to 64 letters, digits and _, and a value"),
                );
            }
            if ["SCF_", "QCLOUD_", "TENCENTCLOUD_"].iter().any(|prefix| key.starts_with(prefix)) {
                return refuse(
                    "InvalidParameterValue.EnvironmentSystemProtect",
                    format!("environment variable `{key}` uses a prefix of the system"),
                );
            }
            if set.insert(key.to_owned(), value.to_owned()).is_some() {
                return refuse(
                    "InvalidParameterValue.Environment",
                    format!("environment variable `{key}` is given twice"),
                );
            }
        }
        let size: usize = set.iter().map(|(key, value)| key.len() + value.len()).sum();
        if size > MAX_ENVIRONMENT {
            return refuse(
                "InvalidParameterValue.EnvironmentExceededLimit",
                format!("the environment takes {size} bytes of {MAX_ENVIRONMENT}"),
            );
        }
        self.environment = set;
        Ok(())
    }

    fn apply_logs(&mut self, args: Args<'_>) -> Result<(), Refusal> {
        let (logset, topic) = (args.text("ClsLogsetId"), args.text("ClsTopicId"));
        if logset.is_none() && topic.is_none() {
            return Ok(());
        }
        let (logset, topic) = (logset.unwrap_or(&self.logset), topic.unwrap_or(&self.topic));
        if (logset, topic) == (self.logset.as_str(), self.topic.as_str()) {
            return Ok(());
        }
        if !topic.is_empty() && args.text_or("Role", "").is_empty() {
            return refuse("InvalidParameterValue.ClsRole", "changing the log topic needs Role in the same request");
        }
        if logset.is_empty() != topic.is_empty() {
            return refuse("InvalidParameterValue.Cls", "ClsLogsetId and ClsTopicId come together");
        }
        (self.logset, self.topic) = (logset.to_owned(), topic.to_owned());
        Ok(())
    }

    fn apply_network(&mut self, args: Args<'_>) -> Result<(), Refusal> {
        if let Some(vpc) = args.object("VpcConfig") {
            let (id, subnet) = (vpc.text_or("VpcId", ""), vpc.text_or("SubnetId", ""));
            if id.is_empty() != subnet.is_empty() {
                return refuse("InvalidParameterValue.Vpc", "VpcId and SubnetId come together");
            }
            (self.vpc, self.subnet) = (id.to_owned(), subnet.to_owned());
        }
        if let Some(public) = args.object("PublicNetConfig") {
            self.public = switch(public.text_or("PublicNetStatus", ""), "PublicNetConfig")?;
            if let Some(eip) = public.object("EipConfig") {
                self.fixed_ip = switch(eip.text_or("EipStatus", ""), "EipConfig")?;
            }
        }
        if let Some(intranet) = args.object("IntranetConfig") {
            self.fixed_intranet_ip = switch(intranet.text_or("IpFixed", ""), "IntranetConfig")?;
        }
        if let Some(cfs) = args.object("CfsConfig") {
            let list = cfs.list("CfsInsList").unwrap_or_default();
            if !list.is_empty() && self.vpc.is_empty() {
                return refuse("InvalidParameterValue.CfsConfig", "a file system needs VpcConfig");
            }
            self.file_systems = list.to_vec();
        }
        Ok(())
    }

    /// One layer with an empty name clears the list. An empty list changes nothing (assumed; sources disagree).
    fn apply_layers(&mut self, layers: Vec<Layer>) -> Result<(), Refusal> {
        match layers.as_slice() {
            [] => {}
            [Layer { layer_name, .. }] if layer_name.is_empty() => self.layers.clear(),
            some if some.len() > MAX_LAYERS => {
                return refuse("LimitExceeded.Layers", format!("a function version takes {MAX_LAYERS} layers"));
            }
            some if some.iter().any(|layer| layer.layer_name.is_empty() || layer.layer_version < 1) => {
                return refuse("InvalidParameterValue.Layers", "a layer needs a name and a version from 1 on");
            }
            _ => self.layers = layers,
        }
        Ok(())
    }

    fn apply_concurrency(&mut self, concurrency: Args<'_>, shape: Shape<'_>) -> Result<(), Refusal> {
        if concurrency.text("DynamicEnabled") == Some("") {
            self.concurrency = None;
            return Ok(());
        }
        if shape.kind != "HTTP" {
            return refuse(
                "InvalidParameterValue.InstanceConcurrencyConfig",
                "InstanceConcurrencyConfig is for functions of type HTTP",
            );
        }
        let most = concurrency.int("MaxConcurrency").unwrap_or(1);
        if !(1..=100).contains(&most) {
            return refuse("InvalidParameterValue.InstanceConcurrencyConfig", "MaxConcurrency is 1 to 100");
        }
        self.concurrency = Some(Value::Object(concurrency.0.clone()));
        Ok(())
    }
}

fn switch(text: &str, member: &str) -> Result<bool, Refusal> {
    match text {
        "ENABLE" => Ok(true),
        "DISABLE" => Ok(false),
        other => refuse(
            format!("InvalidParameterValue.{}", if member == "IntranetConfig" { "IpFixed" } else { member }),
            format!("{member} takes ENABLE or DISABLE, not `{other}`"),
        ),
    }
}
