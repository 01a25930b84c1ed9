//! Answers against the published definitions: every member that comes back is defined, with its type.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use localcloud::Options;
use serde::Deserialize;
use serde_json::{Value, json};
use support::{TRUST_SCF, function, start};

#[derive(Deserialize)]
struct Definition {
    actions: BTreeMap<String, String>,
    objects: BTreeMap<String, BTreeMap<String, String>>,
}

impl Definition {
    fn check(&self, action: &str, answer: &Value) {
        self.object(&self.actions[action], action, answer);
    }

    fn object(&self, name: &str, path: &str, value: &Value) {
        let defined = &self.objects[name];
        let given = value.as_object().unwrap_or_else(|| panic!("{path} is an object, not {value}"));
        for (member, value) in given {
            let kind = defined.get(member).unwrap_or_else(|| panic!("{path}.{member} is not defined"));
            self.value(kind, &format!("{path}.{member}"), value);
        }
        for member in defined.keys() {
            // The samples leave this one out when nothing is fixed.
            assert!(given.contains_key(member) || member == "IpAddress", "{path} lacks {member}");
        }
    }

    fn value(&self, kind: &str, path: &str, value: &Value) {
        let fits = match kind {
            _ if value.is_null() => true,
            "string" => value.is_string(),
            "int" => value.is_i64() || value.is_u64(),
            "float" => value.is_number(),
            "bool" => value.is_boolean(),
            list if list.starts_with('[') => {
                let element = list.trim_matches(['[', ']']);
                for item in value.as_array().unwrap_or_else(|| panic!("{path} is a list, not {value}")) {
                    self.value(element, path, item);
                }
                true
            }
            object => {
                self.object(object, path, value);
                true
            }
        };
        assert!(fits, "{path} is a {kind}, not {value}");
    }
}

fn definition(service: &str) -> Definition {
    let text = match service {
        "scf" => include_str!("data/scf-answers.json"),
        "cam" => include_str!("data/cam-answers.json"),
        "tag" => include_str!("data/tag-answers.json"),
        _ => include_str!("data/sts-answers.json"),
    };
    serde_json::from_str(text).expect("a definition")
}

#[tokio::test]
async fn answers_hold_the_defined_members_with_the_defined_types() {
    let (cloud, client) = start(Options { settle: Duration::ZERO, ..Options::default() }).await;
    let mut rich = function("hook");
    rich["Layers"] = json!([{"LayerName": "ffmpeg", "LayerVersion": 3}]);
    rich["Environment"] = json!({"Variables": [{"Key": "AA", "Value": "1"}]});
    rich["Tags"] = json!([{"Key": "team", "Value": "media"}]);
    rich["PublicNetConfig"] = json!({"PublicNetStatus": "ENABLE", "EipConfig": {"EipStatus": "ENABLE"}});
    rich["VpcConfig"] = json!({"VpcId": "vpc-1", "SubnetId": "subnet-1"});
    rich["CfsConfig"] = json!({"CfsInsList": [{"UserId": "1", "UserGroupId": "1", "CfsId": "cfs-1", "MountInsId": "cfs-1",
        "LocalMountDir": "/mnt", "RemoteMountDir": "/"}]});
    let web = json!({"FunctionName": "web", "Type": "HTTP", "Code": {"ImageConfig": {"ImageType": "personal", "ImageUri": "ccr/x:y"}},
        "ProtocolType": "WS", "ProtocolParams": {"WSParams": {"IdleTimeOut": 30}}, "InstanceConcurrencyConfig": {"MaxConcurrency": 10}});
    let document = r#"{"version":"2.0","statement":[{"effect":"allow","action":"*","resource":"*"}]}"#;
    let hook = json!({"FunctionName": "hook"});
    let calls = [
        ("scf", "CreateFunction", rich),
        ("scf", "CreateFunction", web),
        (
            "scf",
            "CreateTrigger",
            json!({"FunctionName": "hook", "TriggerName": "t", "Type": "timer", "TriggerDesc": "0 3 * * *"}),
        ),
        ("scf", "GetFunction", hook.clone()),
        ("scf", "GetFunction", json!({"FunctionName": "web"})),
        ("scf", "ListFunctions", json!({})),
        ("scf", "ListTriggers", hook.clone()),
        ("scf", "GetFunctionAddress", hook.clone()),
        ("scf", "PublishVersion", hook.clone()),
        ("scf", "ListVersionByFunction", hook.clone()),
        (
            "scf",
            "CreateAlias",
            json!({"FunctionName": "hook", "Name": "live", "FunctionVersion": "1",
            "RoutingConfig": {"AdditionalVersionWeights": [{"Version": "$LATEST", "Weight": 0.1}]}}),
        ),
        ("scf", "GetAlias", json!({"FunctionName": "hook", "Name": "live"})),
        ("scf", "ListAliases", hook.clone()),
        ("scf", "PutReservedConcurrencyConfig", json!({"FunctionName": "hook", "ReservedConcurrencyMem": 1280})),
        ("scf", "GetReservedConcurrencyConfig", hook.clone()),
        (
            "scf",
            "PutProvisionedConcurrencyConfig",
            json!({"FunctionName": "hook", "Qualifier": "1", "VersionProvisionedConcurrencyNum": 2}),
        ),
        ("scf", "GetProvisionedConcurrencyConfig", hook.clone()),
        ("scf", "GetFunctionEventInvokeConfig", hook.clone()),
        ("scf", "CreateNamespace", json!({"Namespace": "media", "Description": "d"})),
        ("scf", "ListNamespaces", json!({})),
        ("scf", "GetAccount", json!({})),
        ("cam", "CreateRole", json!({"RoleName": "run", "PolicyDocument": TRUST_SCF})),
        ("cam", "GetRole", json!({"RoleName": "run"})),
        ("cam", "CreatePolicy", json!({"PolicyName": "p", "PolicyDocument": document})),
        ("cam", "AttachRolePolicy", json!({"PolicyName": "QcloudSCFFullAccess", "AttachRoleName": "run"})),
        ("cam", "ListAttachedRolePolicies", json!({"Page": 1, "Rp": 10, "RoleName": "run"})),
        ("cam", "ListEntitiesForPolicy", json!({"PolicyId": 536_100})),
        ("cam", "ListPolicies", json!({})),
        ("cam", "GetPolicy", json!({"PolicyId": 536_100})),
        ("cam", "DescribeRoleList", json!({"Page": 1, "Rp": 10})),
        ("cam", "GetRolePermissionBoundary", json!({"RoleId": "4611686018427397919"})),
        ("cam", "GetUserAppId", json!({})),
        ("tag", "GetResources", json!({})),
        ("tag", "DescribeResourceTags", json!({})),
        ("tag", "DescribeTags", json!({})),
        ("tag", "DescribeResourcesByTags", json!({"TagFilters": [{"TagKey": "team"}]})),
        ("tag", "GetTags", json!({})),
        ("sts", "GetCallerIdentity", json!({})),
    ];
    for (service, action, members) in calls {
        let answer =
            client.call(service, action, members).await.unwrap_or_else(|refusal| panic!("{action}: {refusal:?}"));
        definition(service).check(action, &answer);
    }
    cloud.shutdown().await;
}
