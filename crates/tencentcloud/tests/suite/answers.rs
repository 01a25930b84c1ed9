//! Answers: every official sample is read, the service's other spellings too, and what is no answer is refused.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tencentcloud::{Action, cam, scf, sts, tag};

fn read<A: Action>(value: Value) -> Result<A::Response, serde_json::Error> {
    serde_json::from_value(value)
}

macro_rules! read_samples {
    ($samples:ident, $service:ident: $($action:ident)*) => {
        $(
            let name = concat!(stringify!($service), " ", stringify!($action));
            for sample in $samples.remove(name).unwrap_or_default() {
                if let Err(error) = read::<$service::$action>(sample["Response"].clone()) {
                    panic!("{name}: {error}");
                }
            }
        )*
    };
}

#[test]
fn every_official_sample_is_readable() {
    let mut samples: BTreeMap<String, Vec<Value>> =
        serde_json::from_str(include_str!("../data/samples.json")).expect("samples");
    assert!(samples.len() > 50);
    read_samples!(samples, scf:
        CreateFunction GetFunction ListFunctions DeleteFunction UpdateFunctionCode UpdateFunctionConfiguration
        GetFunctionAddress CreateTrigger DeleteTrigger UpdateTrigger UpdateTriggerStatus ListTriggers CreateNamespace
        UpdateNamespace DeleteNamespace ListNamespaces PutReservedConcurrencyConfig GetReservedConcurrencyConfig
        DeleteReservedConcurrencyConfig GetFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig GetAccount Invoke
        InvokeFunction GetFunctionLogs GetRequestStatus PublishVersion ListVersionByFunction CreateAlias UpdateAlias
        GetAlias ListAliases DeleteAlias PutProvisionedConcurrencyConfig GetProvisionedConcurrencyConfig
        DeleteProvisionedConcurrencyConfig);
    read_samples!(samples, cam:
        GetRole CreateRole DeleteRole UpdateAssumeRolePolicy UpdateRoleDescription UpdateRoleConsoleLogin
        UpdateRoleSessionDuration TagRole UntagRole DescribeRoleList AttachRolePolicy DetachRolePolicy
        ListAttachedRolePolicies ListPolicies GetPolicy CreatePolicy UpdatePolicy DeletePolicy ListEntitiesForPolicy
        GetUserAppId);
    assert!(samples.is_empty(), "samples nobody read: {:?}", samples.keys());
}

#[test]
fn a_function_is_read_from_any_spelling() {
    let function = read::<scf::GetFunction>(json!({
        "FunctionName": "f", "Status": "Active",
        "MemorySize": "128", "Timeout": 3.0, "InitTimeout": null,
        "Environment": { "Variables": null }, "Layers": null, "Tags": null, "Triggers": [
            { "Type": "timer", "TriggerName": "a", "Enable": 1 },
            { "Type": "timer", "TriggerName": "b", "Enable": "OPEN", "CustomArgument": null },
            { "Type": "mps", "TriggerName": null, "Enable": "0", "TriggerDesc": null },
            { "Type": "http", "Enable": false, "NewMember": { "a": [] } },
        ],
        "InstallDependency": "FALSE", "DnsCache": true, "TraceEnable": "",
        "VpcConfig": { "VpcId": "", "SubnetId": null }, "ProtocolParams": null,
        "PublicNetConfig": { "PublicNetStatus": "ENABLE", "EipConfig": { "EipStatus": "DISABLE", "EipAddress": null } },
        "SomethingNew": [1, 2, { "three": 4 }],
    }))
    .expect("a function");
    assert_eq!(function.memory_size, Some(128));
    assert_eq!(function.timeout, Some(3));
    assert_eq!(function.init_timeout, None);
    assert_eq!(function.environment.expect("an environment").variables, None);
    assert!(function.layers.is_empty() && function.tags.is_empty());
    let enabled: Vec<_> = function.triggers.iter().map(|trigger| trigger.enable.expect("a state").0).collect();
    assert_eq!(enabled, [true, true, false, false]);
    assert_eq!(function.install_dependency, Some(false.into()));
    assert_eq!(function.dns_cache, Some(true.into()));
    assert_eq!(function.trace_enable, Some(false.into()));
}

#[test]
fn a_member_that_nobody_reads_may_say_anything() {
    let odd = json!({ "odd": [{}] });
    let function = read::<scf::GetFunction>(json!({
        "FunctionName": "f", "Status": "Active", "ErrNo": odd, "CodeSize": "large", "AccessInfo": [], "ModTime": odd,
        "Layers": [{ "LayerName": "l", "LayerVersion": 1, "CompatibleRuntimes": odd, "Tags": "none" }],
        "Triggers": [{ "Type": "timer", "TriggerName": "t", "BoundResources": odd, "AddTime": odd }],
        "ImageConfig": { "ImageUri": "u", "EntryPoint": odd },
        "InstanceConcurrencyConfig": { "MaxConcurrency": 3, "SessionConfig": "none", "MixNodeConfig": odd },
        "CfsConfig": { "CfsInsList": [{ "CfsId": "c", "IpAddress": odd }] },
        "IntranetConfig": { "IpFixed": "ENABLE", "IpAddress": "10.0.0.7" },
    }))
    .expect("a function");
    let concurrency = function.instance_concurrency_config.expect("it is given");
    assert_eq!((concurrency.max_concurrency, concurrency.session_config), (Some(3), None));
    let functions =
        json!({ "TotalCount": 1, "Functions": [{ "FunctionName": "f", "Status": "Active", "ModTime": odd }] });
    assert!(read::<scf::ListFunctions>(functions).is_ok());
    let policies = json!({ "TotalNum": 1, "ServiceTypeList": odd, "List": [
        { "PolicyId": 1, "PolicyName": "p", "DeactivedDetail": "none", "IsAttached": odd },
    ] });
    assert!(read::<cam::ListPolicies>(policies).is_ok());
    assert!(read::<scf::CreateTrigger>(json!({ "TriggerInfo": odd })).is_ok());
}

#[test]
fn ids_are_read_as_numbers_or_text_without_losing_digits() {
    for id in [json!(4_611_686_018_427_397_919_u64), json!("4611686018427397919")] {
        let role = read::<cam::GetRole>(json!({ "RoleInfo": {
            "RoleId": id, "RoleName": "r", "PolicyDocument": "{}", "Tags": null, "ConsoleLogin": "0"
        }}))
        .expect("a role")
        .role_info;
        assert_eq!(role.role_id, "4611686018427397919");
        assert_eq!(role.console_login, Some(0));
    }
    for id in [json!(16_313_162), json!("16313162"), json!(16_313_162.0)] {
        assert_eq!(read::<cam::CreatePolicy>(json!({ "PolicyId": id })).expect("a policy").policy_id, 16_313_162);
    }
    let roles = read::<cam::DescribeRoleList>(json!({ "List": null, "TotalNum": "5" })).expect("a list");
    assert_eq!((roles.list.len(), roles.total_num), (0, Some(5)));
    let caller = read::<sts::GetCallerIdentity>(json!({ "AccountId": 100_000_000_001_u64 })).expect("a caller");
    assert_eq!(caller.account_id, "100000000001");
}

#[test]
fn what_says_nothing_is_no_answer() {
    assert!(read::<scf::ListFunctions>(json!({ "TotalCount": 0 })).is_err(), "no list");
    assert!(read::<scf::ListFunctions>(json!({ "Functions": {}, "TotalCount": 0 })).is_err(), "an object as list");
    assert!(
        read::<scf::ListFunctions>(json!({ "Functions": [{ "Status": "Active" }] })).is_err(),
        "a row without name"
    );
    assert!(read::<scf::GetFunction>(json!({})).is_err(), "no function");
    assert!(read::<scf::GetFunction>(json!({ "FunctionName": "f", "Status": null })).is_err(), "no status");
    assert!(read::<scf::GetFunction>(json!({ "FunctionName": "f", "Status": "Active", "Timeout": "soon" })).is_err());
    assert!(read::<scf::GetFunction>(json!({ "FunctionName": "f", "Status": "Active", "Timeout": 2.5 })).is_err());
    assert!(read::<cam::GetRole>(json!({ "RoleInfo": null })).is_err(), "no role");
    assert!(read::<cam::ListAttachedRolePolicies>(json!({ "TotalNum": 0 })).is_err(), "no list");
    assert!(read::<tag::GetResources>(json!({ "PaginationToken": "" })).is_err(), "no list");
    assert!(read::<sts::GetCallerIdentity>(json!({})).is_err(), "no account");
}

#[test]
fn debug_of_answers_hides_what_may_be_secret() {
    let function = read::<scf::GetFunction>(json!({
        "FunctionName": "f", "Status": "Active", "CodeInfo": "hunter2",
        "Environment": { "Variables": [{ "Key": "PASSWORD", "Value": "hunter2" }] },
        "Triggers": [{ "Type": "timer", "TriggerName": "t", "CustomArgument": "hunter2" }],
    }))
    .expect("a function");
    let run = read::<scf::Invoke>(json!({ "Result": { "RetMsg": "hunter2", "Log": "hunter2" } })).expect("a result");
    let keys = read::<sts::AssumeRole>(json!({
        "Credentials": { "TmpSecretId": "hunter2", "TmpSecretKey": "hunter2", "Token": "hunter2" }
    }))
    .expect("keys");
    let shown = format!("{function:?} {:?} {:?} {run:?} {keys:?}", function.environment, function.triggers);
    assert!(!shown.contains("hunter2"), "{shown}");
}
