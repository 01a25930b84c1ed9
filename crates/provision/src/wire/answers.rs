//! Answers of the API to observed state.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan::mark;
use plan::observed::{ObservedFunction, ObservedNamespace, ObservedPolicy, ObservedRole, Status};
use plan::resource::document::Document;
use plan::resource::function::{
    AsyncConfig, DeadLetter, FileSystem, Function, FunctionType, Layer, Log, ServedImage, Setting, order_file_systems,
};
use plan::resource::namespace::Namespace;
use plan::resource::policy::Policy;
use plan::resource::role::Role;
use plan::resource::tags::Tags;
use plan::resource::trigger::RawTrigger;
use tencentcloud::{cam, scf, tag};

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

pub(crate) fn tags_by_tag_service(tags: &[tag::Tag]) -> Tags {
    tags.iter().map(|t| (t.tag_key.clone(), t.tag_value.clone())).collect()
}

/// An id or name, where the service writes "none" as an empty string.
fn filled(text: Option<&String>) -> Option<String> {
    text.filter(|t| !t.is_empty()).cloned()
}

/// Settings as they were given: what was not is noted, and has some value until it is compared.
#[derive(Default)]
struct Given(Vec<Setting>);

impl Given {
    fn or<T>(&mut self, setting: Setting, value: Option<T>, otherwise: T) -> T {
        value.unwrap_or_else(|| {
            self.0.push(setting);
            otherwise
        })
    }

    fn or_none<T>(&mut self, setting: Setting, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.0.push(setting);
        }
        value
    }
}

/// A function in normal form.
///
/// `null` stands for "cannot be got" in the definition, and for "none" in some samples. The safest reading of each
/// member (facts SCF 2.6): where samples write "none" or "off" with a word of their own, an empty text, an empty list or
/// `DISABLE`, `null` is not given, and so is a word that we do not know for what no call can change. Texts and lists
/// that are `null` are empty, for both forms stand in samples.
pub(crate) fn function(answer: &scf::GetFunctionAnswer, extras: Extras) -> ObservedFunction {
    let (description, mark) = mark::split(answer.description.as_deref().unwrap_or(""));
    let image = answer.image_config.as_ref().filter(|i| !i.image_uri.is_empty()).map(|i| Box::new(image(i)));
    let public_net = answer.public_net_config.as_ref();
    let (public_network, fixed_ip) =
        (public_net.and_then(|p| p.public_net_status), public_net.and_then(|p| p.eip_config.as_ref()?.eip_status));
    let fixed_intranet_ip = answer.intranet_config.as_ref().and_then(|i| i.ip_fixed);
    let instance_concurrency = instance_concurrency(answer.instance_concurrency_config.as_ref());
    let mut given = Given::default();
    let websocket = websocket(answer, &mut given);
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
        runtime: given.or(Setting::Runtime, filled(answer.runtime.as_ref()), String::new()),
        kind: given.or(Setting::Type, kind(answer.r#type.as_deref()), FunctionType::Event),
        handler: answer.handler.clone().unwrap_or_default(),
        memory: given.or(Setting::Memory, answer.memory_size, 128),
        timeout: given.or(Setting::Timeout, answer.timeout, 3),
        init_timeout: given.or_none(Setting::InitTimeout, answer.init_timeout),
        role: answer.role.clone().unwrap_or_default(),
        environment: environment(answer),
        vpc: answer
            .vpc_config
            .as_ref()
            .and_then(|v| Some(Box::new((filled(v.vpc_id.as_ref())?, v.subnet_id.clone().unwrap_or_default())))),
        public_network: given.or(Setting::PublicNetwork, public_network.map(|s| s.0), true),
        fixed_ip: given.or(Setting::FixedIp, fixed_ip.map(|s| s.0), false),
        fixed_intranet_ip: given.or(Setting::FixedIntranetIp, fixed_intranet_ip.map(|s| s.0), false),
        layers: answer
            .layers
            .iter()
            .filter(|l| !l.layer_name.is_empty())
            .map(|l| Layer { name: l.layer_name.clone(), version: l.layer_version })
            .collect(),
        log: filled(answer.cls_topic_id.as_ref())
            .map(|topic| Box::new(Log { logset: answer.cls_logset_id.clone().unwrap_or_default(), topic })),
        dead_letter: answer.dead_letter_config.as_ref().filter(|d| !d.name.is_empty()).map(|d| {
            Box::new(DeadLetter {
                kind: d.r#type.clone(),
                name: d.name.clone(),
                filter: filled(d.filter_type.as_ref()),
            })
        }),
        asynchronous: extras.asynchronous,
        reserved_concurrency: extras.reserved,
        instance_concurrency: given.or(Setting::InstanceConcurrency, instance_concurrency, None),
        file_systems: file_systems(answer.cfs_config.as_ref()),
        dns_cache: given.or(Setting::DnsCache, answer.dns_cache.map(|f| f.0), false),
        install_dependencies: given.or(Setting::InstallDependencies, answer.install_dependency.map(|f| f.0), false),
        async_execution: given.or(Setting::AsyncExecution, answer.async_run_enable.map(|f| f.0), false),
        tracing: given.or_none(Setting::Tracing, answer.trace_enable.map(|f| f.0)),
        websocket,
        tags: tags_of(&answer.tags),
        protect: false,
    };
    ObservedFunction {
        function: Arc::new(function),
        mark,
        status: Status::from_platform(&answer.status, &reasons.join("; ")),
        not_given: given.0,
        image,
        triggers: answer.triggers.iter().map(trigger).collect(),
    }
}

/// A function's type; a word that we do not know says nothing.
fn kind(word: Option<&str>) -> Option<FunctionType> {
    let is = |known: &str| word.is_some_and(|w| w.eq_ignore_ascii_case(known));
    if is("http") {
        Some(FunctionType::Http)
    } else if is("event") {
        Some(FunctionType::Event)
    } else {
        None
    }
}

/// The figure of fixed instance concurrency, `Some(None)` when it is off, `None` when nothing is said. Here `null` is the
/// service's word for "off", as is an empty `DynamicEnabled`; `FALSE` is a fixed figure (facts SCF 2.4).
fn instance_concurrency(config: Option<&scf::InstanceConcurrencyConfig>) -> Option<Option<u64>> {
    let Some(config) = config else { return Some(None) };
    match (config.dynamic_enabled.as_deref(), config.max_concurrency.filter(|m| *m > 0)) {
        (Some(""), _) => Some(None),
        (_, Some(figure)) => Some(Some(figure)),
        // The platform chooses the figure.
        (Some(dynamic), None) if dynamic.eq_ignore_ascii_case("true") => Some(None),
        (_, None) => None,
    }
}

/// The idle timeout of a function that speaks WebSocket. No protocol is an empty text; another word than the one of
/// WebSocket says nothing about it. Event functions speak none.
fn websocket(answer: &scf::GetFunctionAnswer, given: &mut Given) -> Option<u64> {
    let idle = answer.protocol_params.as_ref().and_then(|p| p.ws_params.as_ref()?.idle_time_out);
    match answer.protocol_type.as_deref() {
        Some("") => None,
        Some(word) if word.eq_ignore_ascii_case("ws") => {
            Some(given.or(Setting::WebsocketIdleTimeout, idle, plan::limits::WEBSOCKET_IDLE_DEFAULT))
        }
        None | Some(_) if kind(answer.r#type.as_deref()) == Some(FunctionType::Event) => None,
        None | Some(_) => {
            given.0.push(Setting::Websocket);
            idle
        }
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

fn image(config: &scf::ImageConfig) -> ServedImage {
    ServedImage {
        uri: config.image_uri.clone(),
        command: config.command.clone(),
        args: config.args.clone(),
        port: config.image_port,
        accelerate: config.container_image_accelerate,
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
    ObservedNamespace { namespace: Namespace { description }, mark, others: 0 }
}

/// A role in normal form with what is attached to it, by name and id. `known` are its tags where the answer gives none,
/// which is not to say that there are none.
pub(crate) fn role(info: &cam::RoleInfo, attached: Vec<(String, u64)>, known: Option<&Tags>) -> ObservedRole {
    ObservedRole {
        id: info.role_id.clone(),
        role: Role {
            description: info.description.clone().unwrap_or_default(),
            trust: Document::from_text(&info.policy_document),
            policies: attached.iter().map(|(name, _)| name.clone()).collect(),
            session_duration: info.session_duration,
            console_login: info.console_login.map(|c| c == 1),
            tags: info.tags.as_deref().map(cam_tags).or_else(|| known.cloned()).unwrap_or_default(),
        },
        attached,
    }
}

/// A custom policy in normal form. `known` are its tags where neither answer gives any.
pub(crate) fn policy(row: &cam::StrategyInfo, answer: &cam::GetPolicyAnswer, known: Option<&Tags>) -> ObservedPolicy {
    // An empty list in a row of a list says no more than `null`.
    let row_tags = row.tags.as_ref().filter(|tags| !tags.is_empty());
    let given = [row_tags, answer.tags.as_ref()].into_iter().flatten().map(|t| cam_tags(t));
    let tags = given.reduce(|row, answer| row.into_iter().chain(answer).collect()).or_else(|| known.cloned());
    let tags = tags.unwrap_or_default();
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
    fn answered(members: &Json) -> ObservedFunction {
        let mut answer = json!({ "FunctionName": "hook", "Status": "Active" });
        for (name, value) in members.as_object().expect("members") {
            answer[name] = value.clone();
        }
        function(&serde_json::from_value(answer).expect("an answer"), Extras::default())
    }

    /// A function whose answer leaves nothing open.
    fn whole() -> Json {
        json!({
            "Runtime": "Go1", "Type": "HTTP", "MemorySize": 256, "Timeout": 9, "InitTimeout": 65,
            "PublicNetConfig": { "PublicNetStatus": "DISABLE", "EipConfig": { "EipStatus": "DISABLE" } },
            "IntranetConfig": { "IpFixed": "DISABLE" }, "InstanceConcurrencyConfig": null, "ProtocolType": "",
            "DnsCache": "FALSE", "InstallDependency": "FALSE", "AsyncRunEnable": "FALSE", "TraceEnable": "FALSE",
        })
    }

    /// The same with some members different, and what that leaves open.
    fn check(members: &Json, expected: &[Setting]) -> ObservedFunction {
        let mut all = whole();
        for (name, value) in members.as_object().expect("members") {
            all[name] = value.clone();
        }
        let observed = answered(&all);
        assert_eq!(observed.not_given, expected, "{members}");
        observed
    }

    #[test]
    fn what_an_answer_leaves_open_is_not_read_as_a_default() {
        check(&json!({}), &[]);
        for (name, setting) in [
            ("Runtime", Setting::Runtime),
            ("Type", Setting::Type),
            ("MemorySize", Setting::Memory),
            ("Timeout", Setting::Timeout),
            ("InitTimeout", Setting::InitTimeout),
            ("IntranetConfig", Setting::FixedIntranetIp),
            ("DnsCache", Setting::DnsCache),
            ("InstallDependency", Setting::InstallDependencies),
            ("AsyncRunEnable", Setting::AsyncExecution),
            ("TraceEnable", Setting::Tracing),
            ("ProtocolType", Setting::Websocket),
        ] {
            check(&json!({ name: null }), &[setting]);
        }
        check(&json!({ "PublicNetConfig": null }), &[Setting::PublicNetwork, Setting::FixedIp]);
        check(&json!({ "PublicNetConfig": { "PublicNetStatus": "ENABLE", "EipConfig": null } }), &[Setting::FixedIp]);
        check(&json!({ "IntranetConfig": { "IpFixed": null } }), &[Setting::FixedIntranetIp]);
        let all = ["Runtime", "Type", "PublicNetConfig", "IntranetConfig", "ImageConfig", "ProtocolType"];
        let none = answered(&all.into_iter().map(|name| (name.to_owned(), Json::Null)).collect());
        assert!(none.not_given.contains(&Setting::Runtime) && none.image.is_none());
    }

    #[test]
    fn words_for_none_are_read_and_unknown_words_are_not() {
        assert_eq!(check(&json!({ "Type": "event" }), &[]).function.kind, FunctionType::Event);
        check(&json!({ "Type": "Container" }), &[Setting::Type]);
        check(&json!({ "Runtime": "" }), &[Setting::Runtime]);
        check(&json!({ "ProtocolType": "gRPC" }), &[Setting::Websocket]);
        check(&json!({ "Type": "Event", "ProtocolType": null }), &[]);
        let idle = |seconds| json!({ "WSParams": { "IdleTimeOut": seconds } });
        let ws = check(&json!({ "ProtocolType": "WS", "ProtocolParams": idle(json!(60)) }), &[]);
        assert_eq!(ws.function.websocket, Some(60));
        check(&json!({ "ProtocolType": "ws", "ProtocolParams": null }), &[Setting::WebsocketIdleTimeout]);
        let unnamed =
            check(&json!({ "ProtocolType": null, "ProtocolParams": idle(json!("60")) }), &[Setting::Websocket]);
        assert_eq!(unnamed.function.websocket, Some(60));
    }

    #[test]
    fn null_is_off_for_instance_concurrency_and_a_missing_figure_is_not_given() {
        let figure = |config: Json, open: &[Setting]| {
            check(&json!({ "InstanceConcurrencyConfig": config }), open).function.instance_concurrency
        };
        assert_eq!(figure(json!({ "DynamicEnabled": "FALSE", "MaxConcurrency": 10 }), &[]), Some(10));
        assert_eq!(figure(json!({ "DynamicEnabled": null, "MaxConcurrency": 10 }), &[]), Some(10));
        for off in [json!(null), json!({ "DynamicEnabled": "", "MaxConcurrency": 10 })] {
            assert_eq!(figure(off, &[]), None);
        }
        assert_eq!(figure(json!({ "DynamicEnabled": "TRUE", "MaxConcurrency": null }), &[]), None, "no fixed figure");
        for open in [json!({ "DynamicEnabled": "FALSE", "MaxConcurrency": null }), json!({})] {
            assert_eq!(figure(open, &[Setting::InstanceConcurrency]), None);
        }
    }

    #[test]
    fn mounts_of_file_systems_are_read_in_one_order() {
        let mount = |local: &str| json!({ "CfsId": "cfs-1", "LocalMountDir": local, "RemoteMountDir": "/" });
        let read = |order: [&str; 2]| answered(&json!({ "CfsConfig": { "CfsInsList": order.map(mount) } })).function;
        let folders: Vec<_> = read(["/mnt/b", "/mnt/a"]).file_systems.iter().map(|m| m.local_dir.clone()).collect();
        assert_eq!(folders, ["/mnt/a", "/mnt/b"]);
        assert!(read(["/mnt/a", "/mnt/b"]) == read(["/mnt/b", "/mnt/a"]));
    }
}
