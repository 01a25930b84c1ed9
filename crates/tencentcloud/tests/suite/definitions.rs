//! Requests against the official definitions: exactly their members, and required ones always present.
//!
//! serde tells a serializer also of the members it skips, so a default value shows them all.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{self, Impossible, Serialize, Serializer};
use serde_json::{Value, json};
use tencentcloud::{Action, cam, mps, scf, sts, tag};

/// service -> {actions, objects} -> name -> member -> (type, required)
type Members = BTreeMap<String, (String, bool)>;
type Definitions = BTreeMap<String, BTreeMap<String, BTreeMap<String, Members>>>;

fn definitions() -> Definitions {
    serde_json::from_str(include_str!("../data/definitions.json")).expect("definitions")
}

/// Members of a serialised struct: wire name, and whether it was sent.
struct MemberNames(BTreeMap<String, bool>);

#[derive(Debug)]
struct NotAStruct;

impl fmt::Display for NotAStruct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a struct")
    }
}
impl std::error::Error for NotAStruct {}
impl ser::Error for NotAStruct {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl ser::SerializeStruct for MemberNames {
    type Ok = BTreeMap<String, bool>;
    type Error = NotAStruct;
    fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, _: &T) -> Result<(), NotAStruct> {
        self.0.insert(key.to_owned(), true);
        Ok(())
    }
    fn skip_field(&mut self, key: &'static str) -> Result<(), NotAStruct> {
        self.0.insert(key.to_owned(), false);
        Ok(())
    }
    fn end(self) -> Result<Self::Ok, NotAStruct> {
        Ok(self.0)
    }
}

struct Recorder;
type No = Impossible<BTreeMap<String, bool>, NotAStruct>;
type Out = Result<BTreeMap<String, bool>, NotAStruct>;

macro_rules! refuse {
    ($($method:ident: $type:ty),*) => { $( fn $method(self, _: $type) -> Out { Err(NotAStruct) } )* };
}

impl Serializer for Recorder {
    type Ok = BTreeMap<String, bool>;
    type Error = NotAStruct;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = MemberNames;
    type SerializeStructVariant = No;

    refuse!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
        serialize_f64: f64, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
        serialize_unit_struct: &'static str
    );
    fn serialize_none(self) -> Out {
        Err(NotAStruct)
    }
    fn serialize_some<T: ?Sized + Serialize>(self, _: &T) -> Out {
        Err(NotAStruct)
    }
    fn serialize_unit(self) -> Out {
        Err(NotAStruct)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Out {
        Err(NotAStruct)
    }
    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, _: &T) -> Out {
        Err(NotAStruct)
    }
    fn serialize_newtype_variant<T: ?Sized + Serialize>(self, _: &'static str, _: u32, _: &'static str, _: &T) -> Out {
        Err(NotAStruct)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<No, NotAStruct> {
        Err(NotAStruct)
    }
    fn serialize_tuple(self, _: usize) -> Result<No, NotAStruct> {
        Err(NotAStruct)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<No, NotAStruct> {
        Err(NotAStruct)
    }
    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<No, NotAStruct> {
        Err(NotAStruct)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<No, NotAStruct> {
        Err(NotAStruct)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<MemberNames, NotAStruct> {
        Ok(MemberNames(BTreeMap::new()))
    }
    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<No, NotAStruct> {
        Err(NotAStruct)
    }
}

fn members_of<T: Serialize + Default>() -> BTreeMap<String, bool> {
    T::default().serialize(Recorder).expect("a struct")
}

fn required(members: &Members) -> BTreeMap<String, bool> {
    members.iter().map(|(name, (_, required))| (name.clone(), *required)).collect()
}

fn check_action<A: Action + Default>(left: &mut Definitions) {
    let service = A::SERVICE.name();
    let defined = left.get_mut(service).and_then(|parts| parts.get_mut("actions")).and_then(|all| all.remove(A::NAME));
    let defined = defined.unwrap_or_else(|| panic!("{service} {} is not defined, or checked twice", A::NAME));
    assert_eq!(members_of::<A>(), required(&defined), "{service} {}", A::NAME);
}

fn check_object<T: Serialize + Default>(left: &mut Definitions, service: &str, name: &str) {
    let defined = left.get_mut(service).and_then(|parts| parts.get_mut("objects")).and_then(|all| all.remove(name));
    let defined = defined.unwrap_or_else(|| panic!("{service} object {name} is not defined, or checked twice"));
    assert_eq!(members_of::<T>(), required(&defined), "{service} object {name}");
}

macro_rules! actions {
    ($left:expr, $service:ident: $($action:ident)*) => { $( check_action::<$service::$action>($left); )* };
}
macro_rules! objects {
    ($left:expr, $service:ident: $($object:ident)*) => {
        $( check_object::<$service::$object>($left, stringify!($service), stringify!($object)); )*
    };
}

#[test]
fn requests_have_exactly_the_defined_members() {
    let mut left = definitions();
    actions!(&mut left, scf:
        CreateFunction GetFunction ListFunctions DeleteFunction UpdateFunctionCode UpdateFunctionConfiguration
        GetFunctionAddress CreateTrigger DeleteTrigger UpdateTrigger UpdateTriggerStatus ListTriggers CreateNamespace
        UpdateNamespace DeleteNamespace ListNamespaces PutReservedConcurrencyConfig GetReservedConcurrencyConfig
        DeleteReservedConcurrencyConfig GetFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig GetAccount Invoke
        InvokeFunction GetFunctionLogs GetRequestStatus PublishVersion ListVersionByFunction CreateAlias UpdateAlias
        GetAlias ListAliases DeleteAlias PutProvisionedConcurrencyConfig GetProvisionedConcurrencyConfig
        DeleteProvisionedConcurrencyConfig);
    actions!(&mut left, cam:
        GetRole CreateRole DeleteRole UpdateAssumeRolePolicy UpdateRoleDescription UpdateRoleConsoleLogin
        UpdateRoleSessionDuration TagRole UntagRole DescribeRoleList AttachRolePolicy DetachRolePolicy
        ListAttachedRolePolicies ListPolicies GetPolicy CreatePolicy UpdatePolicy DeletePolicy ListEntitiesForPolicy
        GetUserAppId);
    actions!(&mut left, tag:
        TagResources UnTagResources GetResources ModifyResourceTags CreateTag DeleteTag DescribeTags
        DescribeResourceTags);
    actions!(&mut left, sts: GetCallerIdentity AssumeRole AssumeRoleWithWebIdentity);
    actions!(&mut left, mps: BindTrigger UnbindTrigger);

    objects!(&mut left, scf:
        Code ImageConfig Environment VpcConfig LayerVersionSimple DeadLetterConfig PublicNetConfigIn EipConfigIn
        IntranetConfigIn CfsConfig CfsInsInfo Tag ProtocolParams WSParams InstanceConcurrencyConfig MixNodeConfig
        SessionConfig Filter NamespaceResourceEnv NamespaceResourceEnvTKE K8SLabel K8SToleration SearchKey
        AsyncTriggerConfig RetryConfig LogFilter LogSearchContext RoutingConfig VersionWeight VersionMatch
        TriggerAction Variable);
    objects!(&mut left, cam: Tag);
    // CAM calls the same object by two names.
    check_object::<cam::Tag>(&mut left, "cam", "RoleTags");
    objects!(&mut left, tag: Tag TagFilter TagKeyObject);
    objects!(&mut left, sts: Tag);

    for (service, parts) in left {
        for (part, names) in parts {
            assert!(names.is_empty(), "{service} {part} without a check: {:?}", names.keys());
        }
    }
}

/// Whether a value on the wire has the defined type, objects and lists included.
fn check_type(definitions: &Definitions, service: &str, kind: &str, value: &Value, path: &str) {
    let fits = match kind {
        "string" => value.is_string(),
        "int" | "uint64" | "integer" => value.is_u64() || value.is_i64(),
        "float" => value.is_number(),
        "bool" => value.is_boolean(),
        _ => match kind.strip_prefix("list:") {
            Some(item) => {
                let items = value.as_array().unwrap_or_else(|| panic!("{path} is no list"));
                items.iter().for_each(|value| check_type(definitions, service, item, value, path));
                !items.is_empty()
            }
            None => {
                let members = &definitions[service]["objects"][kind];
                check_members(definitions, service, members, value, path);
                true
            }
        },
    };
    assert!(fits, "{path} is no {kind}: {value}");
}

fn check_members(definitions: &Definitions, service: &str, members: &Members, value: &Value, path: &str) {
    for (name, value) in value.as_object().unwrap_or_else(|| panic!("{path} is no object")) {
        let (kind, _) = members.get(name).unwrap_or_else(|| panic!("{path}.{name} is not defined"));
        check_type(definitions, service, kind, value, &format!("{path}.{name}"));
    }
}

fn check_sample<A: Action>(request: &A) {
    let definitions = definitions();
    let members = &definitions[A::SERVICE.name()]["actions"][A::NAME];
    let value = serde_json::to_value(request).expect("JSON");
    let missing: Vec<_> = members.keys().filter(|name| value.get(name).is_none()).collect();
    assert!(missing.is_empty(), "the sample of {} lacks {missing:?}", A::NAME);
    check_members(&definitions, A::SERVICE.name(), members, &value, A::NAME);
}

fn text() -> Option<String> {
    Some("x".to_owned())
}

#[test]
fn a_full_create_function_has_the_defined_types() {
    check_sample(&scf::CreateFunction {
        function_name: "f".to_owned(),
        code: scf::Code {
            cos_bucket_name: text(),
            cos_object_name: text(),
            zip_file: text(),
            cos_bucket_region: text(),
            demo_id: text(),
            temp_cos_object_name: text(),
            git_url: text(),
            git_user_name: text(),
            git_password: text(),
            git_password_secret: text(),
            git_branch: text(),
            git_directory: text(),
            git_commit_id: text(),
            git_user_name_secret: text(),
            image_config: Some(scf::ImageConfig {
                image_type: "personal".to_owned(),
                image_uri: "u".to_owned(),
                registry_id: text(),
                entry_point: text(),
                command: text(),
                args: text(),
                container_image_accelerate: Some(true),
                image_port: Some(9000),
            }),
        },
        handler: text(),
        description: text(),
        memory_size: Some(128),
        timeout: Some(3),
        environment: Some(scf::Environment { variables: Some(vec![scf::Variable { key: text(), value: text() }]) }),
        runtime: text(),
        vpc_config: Some(scf::VpcConfig { vpc_id: text(), subnet_id: text() }),
        namespace: text(),
        role: text(),
        install_dependency: Some(true.into()),
        cls_logset_id: text(),
        cls_topic_id: text(),
        r#type: text(),
        code_source: text(),
        layers: Some(vec![scf::LayerVersionSimple { layer_name: "l".to_owned(), layer_version: 1 }]),
        dead_letter_config: Some(scf::DeadLetterConfig {
            r#type: "CMQ-QUEUE".to_owned(),
            name: "dlq".to_owned(),
            filter_type: text(),
        }),
        public_net_config: Some(scf::PublicNetConfigIn {
            public_net_status: true.into(),
            eip_config: Some(scf::EipConfigIn { eip_status: false.into() }),
        }),
        cfs_config: Some(scf::CfsConfig {
            cfs_ins_list: vec![scf::CfsInsInfo {
                ip_address: text(),
                mount_vpc_id: text(),
                mount_subnet_id: text(),
                ..Default::default()
            }],
        }),
        init_timeout: Some(65),
        tags: Some(vec![scf::Tag { key: "k".to_owned(), value: "v".to_owned() }]),
        async_run_enable: Some(false.into()),
        trace_enable: Some(false.into()),
        auto_deploy_cls_topic_index: Some(false.into()),
        auto_create_cls_topic: Some(false.into()),
        protocol_type: text(),
        protocol_params: Some(scf::ProtocolParams { ws_params: Some(scf::WSParams { idle_time_out: Some(15) }) }),
        instance_concurrency_config: Some(scf::InstanceConcurrencyConfig {
            dynamic_enabled: text(),
            max_concurrency: Some(10),
            instance_isolation_enabled: text(),
            r#type: text(),
            mix_node_config: Some(vec![scf::MixNodeConfig { node_spec: text(), num: Some(1) }]),
            session_config: Some(scf::SessionConfig {
                session_source: text(),
                session_name: text(),
                maximum_concurrency_session_per_instance: Some(1),
                maximum_ttl_in_seconds: Some(1),
                maximum_idle_time_in_seconds: Some(1),
                session_path: text(),
                idle_timeout_strategy: text(),
            }),
        }),
        dns_cache: Some(false.into()),
        intranet_config: Some(scf::IntranetConfigIn { ip_fixed: false.into() }),
    });
}

#[test]
fn full_requests_with_objects_of_their_own_have_the_defined_types() {
    check_sample(&scf::CreateNamespace {
        namespace: "n".to_owned(),
        description: text(),
        resource_env: Some(scf::NamespaceResourceEnv {
            offline: Some(true),
            tke: Some(scf::NamespaceResourceEnvTKE {
                node_selector: Some(vec![scf::K8SLabel::default()]),
                tolerations: Some(vec![scf::K8SToleration { toleration_seconds: Some(1), ..Default::default() }]),
                port: Some(1),
                ..Default::default()
            }),
        }),
    });
    check_sample(&scf::UpdateAlias {
        function_name: "f".to_owned(),
        name: "live".to_owned(),
        function_version: "1".to_owned(),
        namespace: text(),
        routing_config: Some(scf::RoutingConfig {
            additional_version_weights: Some(vec![scf::VersionWeight { version: "2".to_owned(), weight: 0.1 }]),
            addtion_version_matchs: Some(vec![scf::VersionMatch::default()]),
        }),
        description: text(),
    });
    check_sample(&scf::UpdateFunctionEventInvokeConfig {
        async_trigger_config: scf::AsyncTriggerConfig {
            retry_config: vec![scf::RetryConfig { retry_num: 2 }],
            msg_ttl: 21_600,
        },
        function_name: "f".to_owned(),
        namespace: text(),
    });
    check_sample(&scf::PutProvisionedConcurrencyConfig {
        function_name: "f".to_owned(),
        qualifier: "1".to_owned(),
        version_provisioned_concurrency_num: 1,
        namespace: text(),
        trigger_actions: Some(vec![scf::TriggerAction { provisioned_type: text(), ..Default::default() }]),
        provisioned_type: text(),
        tracking_target: Some(0.5),
        min_capacity: Some(1),
        max_capacity: Some(2),
    });
    check_sample(&scf::CreateTrigger {
        function_name: "f".to_owned(),
        trigger_name: "t".to_owned(),
        r#type: "timer".to_owned(),
        trigger_desc: text(),
        namespace: text(),
        qualifier: text(),
        enable: Some(true.into()),
        custom_argument: text(),
        description: text(),
    });
    check_sample(&cam::CreateRole {
        role_name: "r".to_owned(),
        policy_document: "{}".to_owned(),
        description: text(),
        console_login: Some(0),
        session_duration: Some(7200),
        tags: Some(vec![cam::Tag { key: "k".to_owned(), value: "v".to_owned() }]),
    });
    check_sample(&tag::ModifyResourceTags {
        resource: "r".to_owned(),
        replace_tags: Some(vec![tag::Tag { category: text(), ..Default::default() }]),
        delete_tags: Some(vec![tag::TagKeyObject { tag_key: "k".to_owned() }]),
    });
    check_sample(&tag::GetResources {
        resource_list: Some(vec!["r".to_owned()]),
        tag_filters: Some(vec![tag::TagFilter { tag_key: "k".to_owned(), tag_value: Some(vec!["v".to_owned()]) }]),
        pagination_token: text(),
        max_results: Some(200),
    });
}

#[test]
fn yes_and_no_are_spelled_as_each_member_wants_them() {
    let spelled = |request: Value, path: &str| request.pointer(path).cloned().expect("a member");
    let trigger = scf::UpdateTrigger { enable: Some(true.into()), ..Default::default() };
    assert_eq!(spelled(serde_json::to_value(trigger).expect("JSON"), "/Enable"), json!("OPEN"));
    let configuration = scf::UpdateFunctionConfiguration {
        dns_cache: Some(false.into()),
        public_net_config: Some(scf::PublicNetConfigIn { public_net_status: true.into(), eip_config: None }),
        ..Default::default()
    };
    let configuration = serde_json::to_value(configuration).expect("JSON");
    assert_eq!(spelled(configuration.clone(), "/DnsCache"), json!("FALSE"));
    assert_eq!(spelled(configuration, "/PublicNetConfig/PublicNetStatus"), json!("ENABLE"));
}

#[test]
fn debug_of_requests_and_secret_objects_shows_no_value() {
    let variable = scf::Variable { key: text(), value: Some("hunter2".to_owned()) };
    let shown = format!(
        "{variable:?} {:?} {:?}",
        scf::Environment { variables: Some(vec![variable.clone()]) },
        scf::CreateFunction {
            environment: Some(scf::Environment { variables: Some(vec![variable.clone()]) }),
            ..Default::default()
        },
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}
