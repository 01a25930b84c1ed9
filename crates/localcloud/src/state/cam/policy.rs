//! Policies: the account's own with their versions, and the platform's presets, read-only.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{Args, Context, State, page};
use super::document::{Purpose, parse, reshaped};
use super::role::description_fits;
use super::{paging, presets};
use crate::encoding::platform_time;
use crate::refusal::{Answer, Refusal, members, refuse};

/// Custom policies of one account (limits page).
const MAX_POLICIES: usize = 1500;
/// Versions of one policy (limits page).
const MAX_VERSIONS: usize = 5;

/// A custom policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(super) description: String,
    added_ms: i64,
    updated_ms: i64,
    /// At least one. Ids ascend and are not used again.
    versions: Vec<PolicyVersion>,
    default_version: u64,
    next_version: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct PolicyVersion {
    id: u64,
    document: Value,
    added_ms: i64,
}

impl Policy {
    /// The default version's document.
    pub(super) fn document(&self) -> &Value {
        let version = self.versions.iter().find(|version| version.id == self.default_version);
        &version.expect("a policy has its default version").document
    }

    fn resource(&self, uin: &str) -> String {
        format!("qcs::cam::uin/{uin}:policy/{}", self.id)
    }

    fn version_row(&self, version: &PolicyVersion) -> Value {
        json!({
            "VersionId": version.id,
            "CreateDate": platform_time(version.added_ms),
            "IsDefaultVersion": i32::from(version.id == self.default_version),
        })
    }
}

fn missing<T>() -> Result<T, Refusal> {
    refuse("ResourceNotFound.PolicyIdNotFound", "the policy does not exist")
}

impl State {
    /// The policy that an attach call names: by id, or by the name of a preset.
    pub(super) fn policy_id(&self, args: Args<'_>) -> Result<u64, Refusal> {
        if let Some(id) = args.int("PolicyId") {
            let id = u64::try_from(id).unwrap_or_default();
            let known = presets::by_id(id).is_some() || self.policies.contains(&id.to_string());
            return if known {
                Ok(id)
            } else {
                refuse("InvalidParameter.PolicyIdNotExist", format!("policy {id} does not exist"))
            };
        }
        let Some(name) = args.text("PolicyName") else {
            return refuse("InvalidParameter.ParamError", "PolicyId or PolicyName is required");
        };
        match presets::by_name(name) {
            Some(preset) => Ok(preset.id),
            None => refuse("InvalidParameter.PolicyIdNotExist", format!("there is no preset policy named {name}")),
        }
    }

    fn own_policy(&mut self, args: Args<'_>) -> Result<&mut Policy, Refusal> {
        let by_id = args.int("PolicyId").map(|id| id.to_string());
        let key = by_id.or_else(|| {
            let name = args.text("PolicyName")?;
            self.policies.iter().find(|(_, policy)| policy.name == name).map(|(key, _)| key.clone())
        });
        match key.and_then(|key| self.policies.get_mut(&key)) {
            Some(policy) => Ok(policy),
            None => missing(),
        }
    }

    pub(super) fn create_policy(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let name = args.text_or("PolicyName", "");
        let fits = (1..=128).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@-_".contains(&b));
        if !fits {
            return refuse("InvalidParameter.PolicyNameError", format!("policy name `{name}` is invalid"));
        }
        let document = parse(args.text_or("PolicyDocument", ""), Purpose::Permission)?;
        description_fits(args.text_or("Description", ""))?;
        if presets::by_name(name).is_some() || self.policies.iter().any(|(_, policy)| policy.name == name) {
            return refuse("FailedOperation.PolicyNameInUse", format!("policy {name} already exists"));
        }
        if cx.quotas && self.policies.len() >= MAX_POLICIES {
            return refuse("FailedOperation.PolicyFull", format!("an account holds {MAX_POLICIES} custom policies"));
        }
        let tags = self.cam_tags(args, cx)?;
        let policy = Policy {
            id: 230_000_000 + self.next("policy"),
            name: name.to_owned(),
            description: args.text_or("Description", "").to_owned(),
            added_ms: cx.now_ms,
            updated_ms: cx.now_ms,
            versions: vec![PolicyVersion { id: 1, document, added_ms: cx.now_ms }],
            default_version: 1,
            next_version: 2,
        };
        let (id, resource) = (policy.id, policy.resource(self.uin()));
        self.policies.insert(id.to_string(), policy);
        self.put_tags(&resource, tags);
        Ok(members(json!({"PolicyId": id})))
    }

    pub(super) fn get_policy(&mut self, args: Args<'_>) -> Answer {
        let id = args.int("PolicyId").unwrap_or_default();
        if let Some(preset) = u64::try_from(id).ok().and_then(presets::by_id) {
            return Ok(members(json!({
                "PolicyName": preset.name, "Description": preset.description(), "Type": 2,
                "AddTime": platform_time(0), "UpdateTime": platform_time(0), "PolicyDocument": preset.document(),
                "PresetAlias": preset.name, "IsServiceLinkedRolePolicy": 0, "Tags": null,
            })));
        }
        let Some(policy) = self.policies.get(&id.to_string()) else { return missing() };
        let tags: Vec<Value> = self
            .tagged
            .get(&policy.resource(self.uin()))
            .into_iter()
            .flatten()
            .rev()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        Ok(members(json!({
            "PolicyName": policy.name,
            "Description": policy.description,
            "Type": 1,
            "AddTime": platform_time(policy.added_ms),
            "UpdateTime": platform_time(policy.updated_ms),
            "PolicyDocument": reshaped(policy.document()),
            "PresetAlias": "",
            "IsServiceLinkedRolePolicy": 0,
            "Tags": tags,
        })))
    }

    /// Edits the default version in place.
    pub(super) fn update_policy(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let document = args.text("PolicyDocument").map(|text| parse(text, Purpose::Permission)).transpose()?;
        description_fits(args.text_or("Description", ""))?;
        let policy = self.own_policy(args)?;
        if let Some(description) = args.text("Description") {
            description.clone_into(&mut policy.description);
        }
        let default = policy.default_version;
        if let Some(document) = document
            && let Some(version) = policy.versions.iter_mut().find(|version| version.id == default)
        {
            version.document = document;
        }
        policy.updated_ms = cx.now_ms;
        Ok(members(json!({"PolicyId": policy.id})))
    }

    /// Deleting detaches (assumed).
    pub(super) fn delete_policy(&mut self, args: Args<'_>) -> Answer {
        let ids: Vec<u64> = args.list("PolicyId").unwrap_or_default().iter().filter_map(Value::as_u64).collect();
        if let Some(id) = ids.iter().find(|id| !self.policies.contains(&id.to_string())) {
            return refuse("ResourceNotFound.PolicyIdNotFound", format!("policy {id} does not exist"));
        }
        for id in ids {
            if let Some(policy) = self.policies.remove(&id.to_string()) {
                let resource = policy.resource(self.uin());
                self.tagged.remove(&resource);
            }
            let holders: Vec<String> = self
                .roles
                .iter()
                .filter(|(_, role)| role.attached.iter().any(|(attached, _)| *attached == id))
                .map(|(name, _)| name.clone())
                .collect();
            for name in holders {
                if let Some(role) = self.roles.get_mut(&name) {
                    role.attached.retain(|(attached, _)| *attached != id);
                }
            }
        }
        Ok(members(json!({})))
    }

    pub(super) fn list_policies(&mut self, args: Args<'_>) -> Answer {
        let (offset, rows) = paging(args)?;
        let scope = args.text_or("Scope", "All");
        if !["All", "QCS", "Local"].contains(&scope) {
            return refuse("InvalidParameter.ScopeError", format!("Scope `{scope}` is none of All, QCS, Local"));
        }
        let keyword = args.text_or("Keyword", "");
        let own = self.policies.iter().map(|(_, policy)| policy).filter(|_| scope != "QCS").map(|policy| {
            (policy.id, policy.name.as_str(), policy.description.clone(), 1, policy.added_ms, policy.updated_ms, "")
        });
        let preset = presets::PRESETS
            .iter()
            .filter(|_| scope != "Local")
            .map(|preset| (preset.id, preset.name, preset.description(), 2, 0, 0, preset.service));
        let list: Vec<Value> = own
            .chain(preset)
            .filter(|(_, name, ..)| name.contains(keyword))
            .map(|(id, name, description, kind, added_ms, updated_ms, service)| {
                json!({
                    "PolicyId": id, "PolicyName": name, "Description": description, "Type": kind,
                    "AddTime": platform_time(added_ms), "UpdateTime": platform_time(updated_ms), "CreateMode": 2,
                    "Attachments": self.holders(id).len(), "ServiceType": service, "IsAttached": null, "Deactived": 0,
                    "DeactivedDetail": [], "IsServiceLinkedPolicy": 0, "AttachEntityCount": self.holders(id).len(),
                    "AttachEntityBoundaryCount": 0, "Tags": [], "PermissionLevel": "CloudProduct",
                })
            })
            .collect();
        let total = list.len();
        Ok(members(json!({"TotalNum": total, "List": page(list, offset, rows), "ServiceTypeList": null})))
    }

    /// Roles that hold a policy, with the time of attachment.
    fn holders(&self, policy: u64) -> Vec<(String, String, i64)> {
        let hold = |role: &super::Role| role.attached.iter().find(|(id, _)| *id == policy).map(|(_, at)| *at);
        self.roles
            .iter()
            .filter_map(|(_, role)| hold(role).map(|at| (role.id.clone(), role.name.clone(), at)))
            .collect()
    }

    pub(super) fn list_entities_for_policy(&mut self, args: Args<'_>) -> Answer {
        let (offset, rows) = paging(args)?;
        let id = u64::try_from(args.int("PolicyId").unwrap_or_default()).unwrap_or_default();
        let roles = ["All", "Role"].contains(&args.text_or("EntityFilter", "All"));
        let list: Vec<Value> = self
            .holders(id)
            .into_iter()
            .filter(|_| roles)
            .map(|(role, name, at)| {
                json!({"Id": role, "Name": name, "Uin": 0, "RelatedType": 3, "AttachmentTime": platform_time(at)})
            })
            .collect();
        let total = list.len();
        Ok(members(json!({"TotalNum": total, "List": page(list, offset, rows)})))
    }

    pub(super) fn create_policy_version(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let document = parse(args.text_or("PolicyDocument", ""), Purpose::Permission)?;
        let policy = self.own_policy(args)?;
        if policy.versions.len() >= MAX_VERSIONS {
            return refuse("FailedOperation.PolicyVersionFull", format!("a policy keeps {MAX_VERSIONS} versions"));
        }
        let id = policy.next_version;
        policy.next_version += 1;
        policy.versions.push(PolicyVersion { id, document, added_ms: cx.now_ms });
        if args.flag("SetAsDefault") {
            policy.default_version = id;
        }
        policy.updated_ms = cx.now_ms;
        Ok(members(json!({"VersionId": id})))
    }

    pub(super) fn list_policy_versions(&mut self, args: Args<'_>) -> Answer {
        let policy = self.own_policy(args)?;
        let rows: Vec<Value> = policy.versions.iter().rev().map(|version| policy.version_row(version)).collect();
        Ok(members(json!({"Versions": rows})))
    }

    pub(super) fn get_policy_version(&mut self, args: Args<'_>) -> Answer {
        let wanted = args.int("VersionId").and_then(|id| u64::try_from(id).ok());
        let policy = self.own_policy(args)?;
        let Some(version) = policy.versions.iter().find(|version| Some(version.id) == wanted) else {
            return refuse("InvalidParameter.PolicyVersionNotExists", "the policy has no such version");
        };
        let mut row = policy.version_row(version);
        row["Document"] = reshaped(&version.document).into();
        Ok(members(json!({"PolicyVersion": row})))
    }

    pub(super) fn set_default_policy_version(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let wanted = args.int("VersionId").and_then(|id| u64::try_from(id).ok()).unwrap_or_default();
        let policy = self.own_policy(args)?;
        if !policy.versions.iter().any(|version| version.id == wanted) {
            return refuse("InvalidParameter.PolicyVersionNotExists", "the policy has no such version");
        }
        if policy.default_version == wanted {
            return refuse("FailedOperation.PolicyVersionAlreadyDefault", "that version is the default already");
        }
        policy.default_version = wanted;
        policy.updated_ms = cx.now_ms;
        Ok(members(json!({})))
    }

    pub(super) fn delete_policy_version(&mut self, args: Args<'_>) -> Answer {
        let ids: Vec<u64> = args.list("VersionId").unwrap_or_default().iter().filter_map(Value::as_u64).collect();
        let policy = self.own_policy(args)?;
        if ids.contains(&policy.default_version) {
            return refuse("FailedOperation.PolicyVersionAlreadyDefault", "the default version cannot be deleted");
        }
        if ids.iter().any(|id| !policy.versions.iter().any(|version| version.id == *id)) {
            return refuse("InvalidParameter.PolicyVersionNotExists", "the policy has no such version");
        }
        policy.versions.retain(|version| !ids.contains(&version.id));
        Ok(members(json!({})))
    }

    /// Whether a custom policy of that id exists.
    pub(crate) fn has_policy(&self, id: &str) -> bool {
        self.policies.contains(id)
    }
}
