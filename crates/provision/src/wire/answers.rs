//! Answers of the API to observed state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plan::mark;
use plan::observed::{ObservedFunction, ObservedNamespace, ObservedPolicy, ObservedRole, Status};
use plan::resource::document::Document;
use plan::resource::function::{
    AsyncConfig, DeadLetter, FileSystem, Function, FunctionType, Image, Layer, Log, order_file_systems,
};
use plan::resource::namespace::Namespace;
use plan::resource::policy::Policy;
use plan::resource::role::Role;
use plan::resource::tags::Tags;
use plan::resource::trigger::RawTrigger;
use tencentcloud::{cam, scf};

/// Figures that GetFunction does not carry; read only where they matter.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extras {
    /// MB reserved, when there is a reservation.
    pub(crate) reserved: Option<u64>,
    /// Asynchronous invocation, when it was read.
    pub(crate) asynchronous: Option<AsyncConfig>,
}

/// Tags as a map.
fn tags_of(tags: &[scf::Tag]) -> Tags {
    tags.iter().map(|t| (t.key.clone(), t.value.clone())).collect()
}

fn cam_tags(tags: &[cam::Tag]) -> Tags {
    tags.iter().map(|t| (t.key.clone(), t.value.clone())).collect()
}

/// An id or name, where the service writes "none" as an empty string.
fn filled(text: Option<&String>) -> Option<String> {
    text.filter(|t| !t.is_empty()).cloned()
}

/// A function in normal form.
pub(crate) fn function(answer: &scf::GetFunctionAnswer, extras: Extras) -> ObservedFunction {
    let (description, mark) = mark::split(answer.description.as_deref().unwrap_or(""));
    let image = answer.image_config.as_ref().filter(|i| !i.image_uri.is_empty()).map(|i| Box::new(image(i)));
    let reasons: Vec<String> = answer
        .status_reasons
        .iter()
        .map(|r| {
            format!("{} {}", r.error_code.as_deref().unwrap_or(""), r.error_message.as_deref().unwrap_or(""))
                .trim()
                .to_owned()
        })
        .chain(answer.status_desc.clone().filter(|d| !d.is_empty()))
        .collect();
    let function = Function {
        description,
        runtime: answer.runtime.clone().unwrap_or_default(),
        kind: if answer.r#type.as_deref().is_some_and(|t| t.eq_ignore_ascii_case("http")) {
            FunctionType::Http
        } else {
            FunctionType::Event
        },
        handler: answer.handler.clone().unwrap_or_default(),
        memory: answer.memory_size.unwrap_or(128),
        timeout: answer.timeout.unwrap_or(3),
        init_timeout: answer.init_timeout,
        role: answer.role.clone().unwrap_or_default(),
        environment: environment(answer),
        vpc: answer
            .vpc_config
            .as_ref()
            .and_then(|v| Some((filled(v.vpc_id.as_ref())?, v.subnet_id.clone().unwrap_or_default()))),
        public_network: answer.public_net_config.as_ref().and_then(|p| p.public_net_status).is_none_or(|s| s.0),
        fixed_ip: answer
            .public_net_config
            .as_ref()
            .and_then(|p| p.eip_config.as_ref()?.eip_status)
            .is_some_and(|s| s.0),
        fixed_intranet_ip: answer.intranet_config.as_ref().and_then(|i| i.ip_fixed).is_some_and(|s| s.0),
        layers: answer
            .layers
            .iter()
            .filter(|l| !l.layer_name.is_empty())
            .map(|l| Layer { name: l.layer_name.clone(), version: l.layer_version })
            .collect(),
        log: filled(answer.cls_topic_id.as_ref())
            .map(|topic| Log { logset: answer.cls_logset_id.clone().unwrap_or_default(), topic }),
        dead_letter: answer.dead_letter_config.as_ref().filter(|d| !d.name.is_empty()).map(|d| DeadLetter {
            kind: d.r#type.clone(),
            name: d.name.clone(),
            filter: filled(d.filter_type.as_ref()),
        }),
        asynchronous: extras.asynchronous,
        reserved_concurrency: extras.reserved,
        // Present and not switched off: `DynamicEnabled` is "FALSE" for a fixed figure and "" when off (facts SCF 2.4).
        instance_concurrency: answer
            .instance_concurrency_config
            .as_ref()
            .filter(|c| c.dynamic_enabled.as_deref().is_none_or(|d| !d.is_empty()))
            .and_then(|c| c.max_concurrency)
            .filter(|m| *m > 0),
        file_systems: file_systems(answer.cfs_config.as_ref()),
        dns_cache: answer.dns_cache.is_some_and(|f| f.0),
        install_dependencies: answer.install_dependency.is_some_and(|f| f.0),
        async_execution: answer.async_run_enable.is_some_and(|f| f.0),
        tracing: answer.trace_enable.map(|f| f.0),
        websocket: answer.protocol_type.as_deref().filter(|p| p.eq_ignore_ascii_case("ws")).map(|_| {
            answer
                .protocol_params
                .as_ref()
                .and_then(|p| p.ws_params.as_ref()?.idle_time_out)
                .unwrap_or(plan::limits::WEBSOCKET_IDLE_DEFAULT)
        }),
        tags: tags_of(&answer.tags),
        protect: false,
    };
    ObservedFunction {
        function: Arc::new(function),
        mark,
        status: Status::from_platform(&answer.status, &reasons.join("; ")),
        image,
        triggers: answer.triggers.iter().map(trigger).collect(),
    }
}

fn environment(answer: &scf::GetFunctionAnswer) -> BTreeMap<String, String> {
    answer
        .environment
        .iter()
        .flat_map(|e| e.variables.iter().flatten())
        .filter_map(|v| Some((v.key.clone().filter(|k| !k.is_empty())?, v.value.clone().unwrap_or_default())))
        .collect()
}

fn file_systems(config: Option<&scf::CfsConfig>) -> Vec<FileSystem> {
    let mut mounts: Vec<_> = config.iter().flat_map(|c| c.cfs_ins_list.iter().map(file_system)).collect();
    order_file_systems(&mut mounts);
    mounts
}

fn file_system(mount: &scf::CfsInsInfo) -> FileSystem {
    FileSystem {
        id: mount.cfs_id.clone(),
        mount_target: mount.mount_ins_id.clone(),
        remote_dir: mount.remote_mount_dir.clone(),
        local_dir: mount.local_mount_dir.clone(),
        user: mount.user_id.clone(),
        group: mount.user_group_id.clone(),
    }
}

fn image(config: &scf::ImageConfig) -> Image {
    Image {
        registry: config.image_type.clone(),
        uri: config.image_uri.clone(),
        registry_id: filled(config.registry_id.as_ref()),
        command: filled(config.command.as_ref()),
        args: filled(config.args.as_ref()),
        port: config.image_port,
        accelerate: config.container_image_accelerate.unwrap_or(false),
    }
}

/// A listed trigger.
pub(crate) fn trigger(trigger: &scf::Trigger) -> RawTrigger {
    RawTrigger {
        kind: trigger.r#type.clone(),
        name: trigger.trigger_name.clone(),
        desc: trigger.trigger_desc.clone(),
        enabled: trigger.enable.is_none_or(|e| e.0),
        qualifier: trigger.qualifier.clone().filter(|q| !q.is_empty()).unwrap_or_else(|| "$DEFAULT".to_owned()),
        argument: trigger.custom_argument.clone().unwrap_or_default(),
        description: trigger.description.clone().unwrap_or_default(),
        unbound: trigger.bind_status.as_deref().is_some_and(|b| b.eq_ignore_ascii_case("off")),
        resource_id: trigger.resource_id.clone().unwrap_or_default(),
    }
}

/// A namespace in normal form.
pub(crate) fn namespace(namespace: &scf::Namespace) -> ObservedNamespace {
    let (description, mark) = mark::split(namespace.description.as_deref().unwrap_or(""));
    ObservedNamespace { namespace: Namespace { description }, mark }
}

/// A role in normal form with what is attached to it.
pub(crate) fn role(info: &cam::RoleInfo, policies: BTreeSet<String>) -> ObservedRole {
    ObservedRole {
        id: info.role_id.clone(),
        role: Role {
            description: info.description.clone().unwrap_or_default(),
            trust: Document::from_text(&info.policy_document),
            policies,
            session_duration: info.session_duration,
            console_login: info.console_login.map(|c| c == 1),
            tags: cam_tags(&info.tags),
        },
    }
}

/// A custom policy in normal form.
pub(crate) fn policy(row: &cam::StrategyInfo, answer: &cam::GetPolicyAnswer) -> ObservedPolicy {
    let mut tags = cam_tags(&row.tags);
    tags.extend(cam_tags(&answer.tags));
    ObservedPolicy {
        id: row.policy_id,
        policy: Policy {
            description: answer.description.clone().or_else(|| row.description.clone()).unwrap_or_default(),
            document: Document::from_text(&answer.policy_document),
            tags,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    /// A function as the service answers it, with these members besides.
    fn answered(members: Json) -> ObservedFunction {
        let mut answer = json!({ "FunctionName": "hook", "Status": "Active" });
        for (name, value) in members.as_object().expect("members") {
            answer[name] = value.clone();
        }
        function(&serde_json::from_value(answer).expect("an answer"), Extras::default())
    }

    #[test]
    fn mounts_of_file_systems_are_read_in_one_order() {
        let mount = |local: &str| json!({ "CfsId": "cfs-1", "LocalMountDir": local, "RemoteMountDir": "/" });
        let read = |order: [&str; 2]| answered(json!({ "CfsConfig": { "CfsInsList": order.map(mount) } })).function;
        let folders: Vec<_> = read(["/mnt/b", "/mnt/a"]).file_systems.iter().map(|m| m.local_dir.clone()).collect();
        assert_eq!(folders, ["/mnt/a", "/mnt/b"]);
        assert!(read(["/mnt/a", "/mnt/b"]) == read(["/mnt/b", "/mnt/a"]));
    }
}
