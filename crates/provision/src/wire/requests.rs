//! Steps to requests of the API.

use plan::observed::FunctionKey;
use plan::resource::function::{CodeSource, DeadLetter, Function, FunctionType, Image};
use plan::resource::tags::Tags;
use plan::resource::trigger::{RawTrigger, Trigger};
use plan::step::Member;
use tencentcloud::{cam, mps, scf, tag};

use crate::encode::base64_text;

pub(crate) fn scf_tags(tags: &Tags) -> Vec<scf::Tag> {
    tags.iter().map(|(k, v)| scf::Tag { key: k.clone(), value: v.clone() }).collect()
}

pub(crate) fn cam_tags(tags: &Tags) -> Vec<cam::Tag> {
    tags.iter().map(|(k, v)| cam::Tag { key: k.clone(), value: v.clone() }).collect()
}

pub(crate) fn tag_tags(tags: &Tags) -> Vec<tag::Tag> {
    tags.iter().map(|(k, v)| tag::Tag { tag_key: k.clone(), tag_value: v.clone(), ..Default::default() }).collect()
}

/// A function's six-segment name. The Tag service wants the owner's uin (facts SCF 2.5).
pub(crate) fn function_resource(account: &str, key: &FunctionKey) -> String {
    format!("qcs::scf:{}:uin/{account}:namespace/{}/function/{}", key.region, key.namespace, key.name)
}

/// A custom policy's six-segment name.
pub(crate) fn policy_resource(account: &str, id: u64) -> String {
    format!("qcs::cam::uin/{account}:policy/{id}")
}

/// What a six-segment name names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Owned {
    /// A function.
    Function(FunctionKey),
    /// A function in a region that no call can be sent to.
    FunctionNowhere,
    /// A role, by id.
    Role(String),
    /// A custom policy, by id.
    Policy(u64),
    /// Anything else, such as layers and service-linked roles.
    Other,
}

/// Regions by the short names that old pages, messages and samples have for them (facts SCF 1.3).
const SHORT_REGIONS: [(&str, &str); 8] = [
    ("bj", "ap-beijing"),
    ("cd", "ap-chengdu"),
    ("cq", "ap-chongqing"),
    ("ger", "eu-frankfurt"),
    ("gz", "ap-guangzhou"),
    ("hk", "ap-hongkong"),
    ("sgp", "ap-singapore"),
    ("sh", "ap-shanghai"),
];

/// Reads a six-segment name.
pub(crate) fn parse_resource(resource: &str) -> Owned {
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    let ["qcs", _, service, region, _, path] = parts[..] else { return Owned::Other };
    match service {
        "scf" => function_named(region, path),
        "cam" => match path.split_once('/') {
            Some(("role", id)) if !id.contains('/') => Owned::Role(id.to_owned()),
            Some(("policy", id)) => id.parse().map_or(Owned::Other, Owned::Policy),
            _ => Owned::Other,
        },
        _ => Owned::Other,
    }
}

fn function_named(region: &str, path: &str) -> Owned {
    let named = path.strip_prefix("namespace/").and_then(|rest| rest.split_once("/function/"));
    let Some((namespace, name)) = named.filter(|(_, name)| !name.is_empty()) else { return Owned::Other };
    let long = SHORT_REGIONS.iter().find(|(short, _)| *short == region).map(|(_, long)| *long);
    // Every region's name has a hyphen. What a short one means cannot be guessed, and asking there fails the plan.
    match long.or(Some(region).filter(|r| r.contains('-'))) {
        Some(region) => Owned::Function(FunctionKey::new(region, namespace, name)),
        None => Owned::FunctionNowhere,
    }
}

/// Code as the API wants it. `package` is the archive of code from this machine.
pub(crate) fn code(source: &CodeSource, package: Option<&[u8]>) -> (scf::Code, Option<String>) {
    match source {
        CodeSource::Package => {
            (scf::Code { zip_file: package.map(base64_text), ..Default::default() }, Some("ZipFile".to_owned()))
        }
        CodeSource::Cos(cos) => (
            scf::Code {
                cos_bucket_name: Some(cos.bucket.clone()),
                cos_object_name: Some(cos.object.clone()),
                cos_bucket_region: cos.region.clone(),
                ..Default::default()
            },
            Some("Cos".to_owned()),
        ),
        CodeSource::Image(image) => (scf::Code { image_config: Some(image_config(image)), ..Default::default() }, None),
        CodeSource::Demo(id) => {
            (scf::Code { demo_id: Some(id.clone()), ..Default::default() }, Some("Demo".to_owned()))
        }
    }
}

fn image_config(image: &Image) -> scf::ImageConfig {
    scf::ImageConfig {
        image_type: image.registry.clone(),
        image_uri: image.uri.clone(),
        registry_id: image.registry_id.clone(),
        command: image.command.clone(),
        args: image.args.clone(),
        container_image_accelerate: image.accelerate.then_some(true),
        image_port: image.port,
        ..Default::default()
    }
}

fn environment(function: &Function) -> scf::Environment {
    // One empty pair clears the set; an empty list is not enough (facts SCF 2.4).
    let variables = if function.environment.is_empty() {
        vec![scf::Variable { key: Some(String::new()), value: Some(String::new()) }]
    } else {
        function
            .environment
            .iter()
            .map(|(k, v)| scf::Variable { key: Some(k.clone()), value: Some(v.clone()) })
            .collect()
    };
    scf::Environment { variables: Some(variables) }
}

fn vpc(function: &Function) -> scf::VpcConfig {
    let (vpc_id, subnet_id) = function.vpc.as_deref().cloned().unwrap_or_default();
    scf::VpcConfig { vpc_id: Some(vpc_id), subnet_id: Some(subnet_id) }
}

fn public_net(function: &Function) -> scf::PublicNetConfigIn {
    scf::PublicNetConfigIn {
        public_net_status: function.public_network.into(),
        eip_config: Some(scf::EipConfigIn { eip_status: function.fixed_ip.into() }),
    }
}

fn layers(function: &Function) -> Vec<scf::LayerVersionSimple> {
    if function.layers.is_empty() {
        // The documented form of "none".
        return vec![scf::LayerVersionSimple { layer_name: String::new(), layer_version: 0 }];
    }
    function
        .layers
        .iter()
        .map(|l| scf::LayerVersionSimple { layer_name: l.name.clone(), layer_version: l.version })
        .collect()
}

fn dead_letter(config: Option<&DeadLetter>) -> scf::DeadLetterConfig {
    config.map_or_else(scf::DeadLetterConfig::default, |d| scf::DeadLetterConfig {
        r#type: d.kind.clone(),
        name: d.name.clone(),
        filter_type: d.filter.clone(),
    })
}

fn file_systems(function: &Function) -> scf::CfsConfig {
    scf::CfsConfig {
        cfs_ins_list: function
            .file_systems
            .iter()
            .map(|f| scf::CfsInsInfo {
                user_id: f.user.clone(),
                user_group_id: f.group.clone(),
                cfs_id: f.id.clone(),
                mount_ins_id: f.mount_target.clone(),
                local_mount_dir: f.local_dir.clone(),
                remote_mount_dir: f.remote_dir.clone(),
                ..Default::default()
            })
            .collect(),
    }
}

fn instance_concurrency(function: &Function) -> scf::InstanceConcurrencyConfig {
    // 'FALSE' is a fixed figure, '' switches the feature off (facts SCF 2.4).
    scf::InstanceConcurrencyConfig {
        dynamic_enabled: Some(if function.instance_concurrency.is_some() { "FALSE".to_owned() } else { String::new() }),
        max_concurrency: function.instance_concurrency,
        ..Default::default()
    }
}

fn protocol(idle: Option<u64>) -> Option<scf::ProtocolParams> {
    idle.map(|seconds| scf::ProtocolParams { ws_params: Some(scf::WSParams { idle_time_out: Some(seconds) }) })
}

/// CreateFunction: only what differs from the platform's defaults travels, so that a new default of a member we
/// do not know about is never fought.
pub(crate) fn create_function(
    key: &FunctionKey,
    function: &Function,
    code: (scf::Code, Option<String>),
    description: &str,
    tags: &Tags,
) -> scf::CreateFunction {
    let set = |yes: bool| yes.then(|| true.into());
    scf::CreateFunction {
        function_name: key.name.clone(),
        code: code.0,
        code_source: code.1,
        handler: Some(function.handler.clone()).filter(|h| !h.is_empty()),
        description: Some(description.to_owned()),
        memory_size: Some(function.memory),
        timeout: Some(function.timeout),
        environment: (!function.environment.is_empty()).then(|| environment(function)),
        runtime: Some(function.runtime.clone()),
        vpc_config: function.vpc.is_some().then(|| vpc(function)),
        namespace: Some(key.namespace.clone()),
        role: Some(function.role.clone()).filter(|r| !r.is_empty()),
        install_dependency: set(function.install_dependencies),
        cls_logset_id: function.log.as_ref().map(|l| l.logset.clone()),
        cls_topic_id: function.log.as_ref().map(|l| l.topic.clone()),
        r#type: Some(if function.kind == FunctionType::Http { "HTTP" } else { "Event" }.to_owned()),
        layers: (!function.layers.is_empty()).then(|| layers(function)),
        dead_letter_config: function.dead_letter.as_ref().map(|d| dead_letter(Some(d))),
        public_net_config: (!function.public_network || function.fixed_ip).then(|| public_net(function)),
        cfs_config: (!function.file_systems.is_empty()).then(|| file_systems(function)),
        init_timeout: function.init_timeout,
        tags: Some(scf_tags(tags)),
        async_run_enable: set(function.async_execution),
        trace_enable: function.tracing.map(Into::into),
        protocol_type: function.websocket.map(|_| "WS".to_owned()),
        protocol_params: protocol(function.websocket),
        instance_concurrency_config: function.instance_concurrency.is_some().then(|| instance_concurrency(function)),
        dns_cache: set(function.dns_cache),
        intranet_config: function.fixed_intranet_ip.then(|| scf::IntranetConfigIn { ip_fixed: true.into() }),
        ..Default::default()
    }
}

/// UpdateFunctionConfiguration with exactly these members.
pub(crate) fn update_configuration(
    key: &FunctionKey,
    members: &[Member],
    function: &Function,
    description: &str,
) -> scf::UpdateFunctionConfiguration {
    let mut request = scf::UpdateFunctionConfiguration {
        function_name: key.name.clone(),
        namespace: Some(key.namespace.clone()),
        ..Default::default()
    };
    for member in members {
        match member {
            Member::Description => request.description = Some(description.to_owned()),
            Member::Memory => request.memory_size = Some(function.memory),
            Member::Timeout => request.timeout = Some(function.timeout),
            Member::InitTimeout => request.init_timeout = function.init_timeout,
            Member::Role => request.role = Some(function.role.clone()),
            Member::Environment => request.environment = Some(environment(function)),
            Member::Vpc => request.vpc_config = Some(vpc(function)),
            Member::PublicNet => request.public_net_config = Some(public_net(function)),
            Member::Intranet => {
                request.intranet_config = Some(scf::IntranetConfigIn { ip_fixed: function.fixed_intranet_ip.into() });
            }
            Member::Layers => request.layers = Some(layers(function)),
            Member::Log => {
                request.cls_logset_id = function.log.as_ref().map(|l| l.logset.clone());
                request.cls_topic_id = function.log.as_ref().map(|l| l.topic.clone());
                // Log topics carry the role, else InvalidParameterValue.ClsRole.
                request.role = Some(function.role.clone());
            }
            Member::DeadLetter => request.dead_letter_config = Some(dead_letter(function.dead_letter.as_deref())),
            Member::InstanceConcurrency => request.instance_concurrency_config = Some(instance_concurrency(function)),
            Member::FileSystems => request.cfs_config = Some(file_systems(function)),
            Member::DnsCache => request.dns_cache = Some(function.dns_cache.into()),
            Member::InstallDependency => request.install_dependency = Some(function.install_dependencies.into()),
            Member::Protocol => request.protocol_params = protocol(function.websocket),
        }
    }
    request
}

pub(crate) fn create_trigger(key: &FunctionKey, trigger: &Trigger, description: Option<&str>) -> scf::CreateTrigger {
    scf::CreateTrigger {
        function_name: key.name.clone(),
        namespace: Some(key.namespace.clone()),
        trigger_name: trigger.platform_name(),
        r#type: trigger.kind().to_owned(),
        trigger_desc: Some(trigger.wire_desc()).filter(|d| !d.is_empty()),
        qualifier: Some(trigger.qualifier.clone()),
        enable: Some(trigger.enabled.into()),
        custom_argument: trigger.argument().filter(|a| !a.is_empty()).map(str::to_owned),
        description: description.map(str::to_owned),
    }
}

pub(crate) fn update_trigger(
    key: &FunctionKey,
    present: &RawTrigger,
    trigger: &Trigger,
    description: Option<&str>,
) -> scf::UpdateTrigger {
    scf::UpdateTrigger {
        function_name: key.name.clone(),
        namespace: Some(key.namespace.clone()),
        trigger_name: present.name.clone(),
        r#type: present.kind.clone(),
        qualifier: Some(present.qualifier.clone()),
        enable: Some(trigger.enabled.into()),
        trigger_desc: Some(trigger.wire_desc()),
        custom_argument: trigger.argument().map(str::to_owned),
        description: description.map(str::to_owned),
    }
}

pub(crate) fn update_trigger_status(
    key: &FunctionKey,
    present: &RawTrigger,
    enabled: bool,
) -> scf::UpdateTriggerStatus {
    scf::UpdateTriggerStatus {
        function_name: key.name.clone(),
        namespace: Some(key.namespace.clone()),
        trigger_name: present.name.clone(),
        r#type: present.kind.clone(),
        qualifier: Some(present.qualifier.clone()),
        enable: enabled.into(),
        // Several cos triggers share a bucket's name; the description tells them apart.
        trigger_desc: (present.kind == "cos").then(|| present.desc.clone()),
    }
}

pub(crate) fn delete_trigger(key: &FunctionKey, present: &RawTrigger) -> scf::DeleteTrigger {
    scf::DeleteTrigger {
        function_name: key.name.clone(),
        namespace: Some(key.namespace.clone()),
        trigger_name: present.name.clone(),
        r#type: present.kind.clone(),
        qualifier: Some(present.qualifier.clone()),
        trigger_desc: Some(present.desc.clone()).filter(|d| !d.is_empty()),
    }
}

pub(crate) fn bind_trigger(key: &FunctionKey, event: &str, qualifier: &str) -> mps::BindTrigger {
    mps::BindTrigger {
        scf_region: key.region.clone(),
        event_type: event.to_owned(),
        qualifier: qualifier.to_owned(),
        function_name: key.name.clone(),
        namespace: key.namespace.clone(),
    }
}

pub(crate) fn unbind_trigger(key: &FunctionKey, present: &RawTrigger) -> mps::UnbindTrigger {
    mps::UnbindTrigger {
        r#type: "mps".to_owned(),
        qualifier: present.qualifier.clone(),
        function_name: key.name.clone(),
        namespace: key.namespace.clone(),
        resource_id: present.resource_id.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_segment_names_round_trip_and_strangers_are_passed_over() {
        let key = FunctionKey::new("ap-beijing", "default", "MPSWebHook");
        assert_eq!(parse_resource(&function_resource("1", &key)), Owned::Function(key.clone()));
        let without_owner = "qcs::scf:ap-beijing:uin/:namespace/default/function/MPSWebHook";
        assert_eq!(parse_resource(without_owner), Owned::Function(key));
        assert_eq!(parse_resource(&policy_resource("1", 240)), Owned::Policy(240));
        let role = Owned::Role("4611686018427397919".to_owned());
        assert_eq!(parse_resource("qcs::cam::uin/1:role/4611686018427397919"), role);
        for stranger in [
            "qcs::cam::uin/1:role/tencentcloudServiceRole/46",
            "qcs::cam::uin/1:policy/name",
            "qcs::scf:ap-beijing:uin/1:layer/x",
            "qcs::scf:ap-beijing:uin/1:namespace/n/function/",
            "qcs::cos:ap-beijing:uid/1:role/2",
            "nonsense",
            "",
        ] {
            assert_eq!(parse_resource(stranger), Owned::Other, "{stranger}");
        }
    }

    #[test]
    fn short_names_of_regions_are_known_or_nowhere() {
        let region = |region: &str| parse_resource(&format!("qcs::scf:{region}:uin/1:namespace/n/function/f"));
        for (short, long) in SHORT_REGIONS {
            assert_eq!(region(short), region(long));
            assert!(plan::limits::REGIONS.contains(&long), "{long}");
        }
        assert_eq!(region("xy"), Owned::FunctionNowhere);
        assert_eq!(region(""), Owned::FunctionNowhere);
        assert!(matches!(region("ap-somewhere"), Owned::Function(_)), "a region that is new");
    }
}
