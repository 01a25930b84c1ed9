//! Functions as answers show them: with everything the service adds, and in other spellings and orders
//! than they were sent, on purpose. A client that compares byte by byte fails here as it would there.

use serde_json::{Value, json};

use super::super::State;
use super::{Config, Function, Reason};
use crate::encoding::platform_time;
use crate::refusal::{Members, members};

/// `"TRUE"` and `"FALSE"`.
pub(super) fn spelled(on: bool) -> &'static str {
    if on { "TRUE" } else { "FALSE" }
}

/// `"ENABLE"` and `"DISABLE"`.
pub(super) fn enabled(on: bool) -> &'static str {
    if on { "ENABLE" } else { "DISABLE" }
}

pub(super) fn reasons(reasons: &[Reason]) -> Vec<Value> {
    reasons.iter().map(|reason| json!({"ErrorCode": reason.code, "ErrorMessage": reason.message})).collect()
}

impl State {
    /// GetFunction's answer. `version` is a published version's number, or `None` for `$LATEST`.
    pub(super) fn function_view(
        &self,
        function: &Function,
        version: Option<u64>,
        qualifier: &str,
        code: bool,
    ) -> Members {
        let published = version.map(|number| &function.versions[&number]);
        let config = published.map_or(&function.config, |version| &version.config);
        let source = published.map_or(&function.code, |version| &version.code);
        let status = match published {
            Some(_) => "Active",
            None => function.status.text(),
        };
        let number = version.map_or_else(|| "$LATEST".to_owned(), |number| number.to_string());
        let failed = status.ends_with("Failed");
        let first = function.reasons.first().filter(|_| failed);
        let triggers: Vec<Value> = self
            .trigger_rows(function)
            .into_iter()
            .filter(|row| version.is_none() || row["Qualifier"] == number.as_str())
            .collect();
        let mut answer = members(json!({
            "FunctionName": function.name,
            "FunctionId": function.id,
            "Namespace": function.namespace,
            "Runtime": function.runtime,
            "Type": function.kind,
            "Handler": published.map_or(&function.handler, |version| &version.handler),
            "Qualifier": qualifier,
            "FunctionVersion": number,
            "Status": status,
            "StatusDesc": first.map_or("", |reason| reason.message.as_str()),
            "StatusReasons": if failed { reasons(&function.reasons) } else { Vec::new() },
            "AvailableStatus": "Available",
            "AddTime": platform_time(function.added_ms),
            "ModTime": platform_time(published.map_or(function.modified_ms, |version| version.added_ms)),
            "Description": published.map_or(&config.description, |version| &version.description),
            "MemorySize": config.memory_mb,
            "Timeout": config.timeout_s,
            "InitTimeout": config.init_timeout_s,
            "OnsEnable": "FALSE",
            "UseGpu": "FALSE",
            "AsyncRunEnable": spelled(function.asynchronous),
            "TraceEnable": spelled(function.traced),
            "ProtocolType": function.protocol,
            "ImageConfig": source.image_view(),
            "CodeSize": source.size(),
            "CodeInfo": if code { "the local cloud shows no source" } else { "" },
            "CodeResult": if first.is_some() { "failed" } else { "success" },
            "CodeError": first.map_or("", |reason| reason.message.as_str()),
            "ErrNo": i32::from(first.is_some()),
            "Tags": self.tag_rows(function),
            "Triggers": triggers,
        }));
        answer.extend(config_view(config, function));
        answer
    }

    /// One row of ListFunctions.
    pub(super) fn function_row(&self, function: &Function) -> Value {
        json!({
            "FunctionName": function.name,
            "FunctionId": function.id,
            "Namespace": function.namespace,
            "Runtime": function.runtime,
            "Type": function.kind,
            "Status": function.status.text(),
            "StatusDesc": "",
            "StatusReasons": reasons(&function.reasons),
            "Description": function.config.description,
            "Tags": self.tag_rows(function),
            "AddTime": platform_time(function.added_ms),
            "ModTime": platform_time(function.modified_ms),
            "AsyncRunEnable": spelled(function.asynchronous),
            "TraceEnable": spelled(function.traced),
            "ReservedConcurrencyMem": function.reserved_mb,
            "TotalProvisionedConcurrencyMem": function.provisioned_mb(),
        })
    }

    /// Tags in falling key order.
    fn tag_rows(&self, function: &Function) -> Vec<Value> {
        let tags = self.tagged.get(&function.resource(self.uin()));
        let rows = tags.into_iter().flatten().rev();
        rows.map(|(key, value)| json!({"Value": value, "Key": key})).collect()
    }
}

/// The members of GetFunction's answer that stand for the configuration.
fn config_view(config: &Config, function: &Function) -> Members {
    members(json!({
            "Environment": {"Variables": variables(config)},
            "Role": config.role,
            "VpcConfig": {"VpcId": config.vpc, "SubnetId": config.subnet},
            "PublicNetConfig": {
                "PublicNetStatus": enabled(config.public),
                "EipConfig": {"EipStatus": enabled(config.fixed_ip), "EipAddress": addresses(config)},
            },
            "EipConfig": {"EipFixed": spelled(config.fixed_ip), "Eips": addresses(config)},
            "IntranetConfig": intranet(config),
            "AccessInfo": {"Host": "", "Vip": ""},
            "Layers": layers(config, function),
            "ClsLogsetId": config.logset,
            "ClsTopicId": config.topic,
            "DeadLetterConfig": {
                "Type": config.dead_letter.0, "Name": config.dead_letter.1, "FilterType": config.dead_letter.2,
            },
            "CfsConfig": {"CfsInsList": file_systems(config)},
            "DnsCache": spelled(config.dns_cache),
            "InstallDependency": spelled(config.install_dependency),
            "L5Enable": spelled(config.l5),
            "ProtocolParams": config.idle_timeout_s.map(|seconds| json!({"WSParams": {"IdleTimeOut": seconds}})),
            "InstanceConcurrencyConfig": config.concurrency.as_ref().map(concurrency),
    }))
}

/// Variables in falling key order: order is not promised.
fn variables(config: &Config) -> Vec<Value> {
    config.environment.iter().rev().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// A made-up address of the documentation range for a fixed IP.
fn addresses(config: &Config) -> Vec<&'static str> {
    if config.fixed_ip { vec!["203.0.113.7"] } else { Vec::new() }
}

fn intranet(config: &Config) -> Value {
    if config.fixed_intranet_ip {
        json!({"IpFixed": "ENABLE", "IpAddress": ["10.0.0.7"]})
    } else {
        json!({"IpFixed": "DISABLE"})
    }
}

/// Full layer information, not just the name and version that were sent.
fn layers(config: &Config, function: &Function) -> Vec<Value> {
    let full = |layer: &super::config::Layer| {
        json!({
            "LayerName": layer.layer_name,
            "LayerVersion": layer.layer_version,
            "CompatibleRuntimes": [function.runtime],
            "AddTime": platform_time(0),
            "Description": "",
            "LicenseInfo": "",
            "Status": "Active",
            "Stamp": "",
            "Tags": [],
        })
    };
    config.layers.iter().map(full).collect()
}

fn file_systems(config: &Config) -> Vec<Value> {
    let full = |sent: &Value| {
        let mut row = sent.clone();
        row["IpAddress"] = "10.0.0.4".into();
        row["MountVpcId"] = config.vpc.clone().into();
        row["MountSubnetId"] = config.subnet.clone().into();
        row
    };
    config.file_systems.iter().map(full).collect()
}

fn concurrency(sent: &Value) -> Value {
    let mut row = sent.clone();
    for (member, value) in [
        ("DynamicEnabled", json!("FALSE")),
        ("MaxConcurrency", json!(1)),
        ("InstanceIsolationEnabled", json!("")),
        ("Type", json!("")),
        ("MixNodeConfig", json!([])),
        ("SessionConfig", Value::Null),
    ] {
        if row.get(member).is_none() {
            row[member] = value;
        }
    }
    row
}
