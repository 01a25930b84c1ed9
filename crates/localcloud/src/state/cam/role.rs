//! Roles: their document, description, tags, boundary, and the policies attached to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{Args, Context, State, page};
use super::document::{Purpose, parse, principals, reshaped};
use super::{paging, presets};
use crate::encoding::platform_time;
use crate::refusal::{Answer, Refusal, members, refuse};

/// Roles of one account (limits page).
const MAX_ROLES: usize = 1000;
/// Policies of one role (limits page).
const MAX_ATTACHED: usize = 200;
/// Bytes of a description (text of DescriptionLengthOverlimit).
const MAX_DESCRIPTION: usize = 300;

/// A role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) document: Value,
    pub(super) description: String,
    pub(super) console_login: i64,
    pub(crate) session_s: Option<i64>,
    /// `user` or `service_linked`.
    pub(super) kind: String,
    pub(super) added_ms: i64,
    pub(super) updated_ms: i64,
    /// Policy id and time of attachment.
    pub(super) attached: Vec<(u64, i64)>,
    pub(super) boundary: Option<u64>,
    pub(super) deletion_task: Option<String>,
}

impl Role {
    fn resource(&self, uin: &str) -> String {
        format!("qcs::cam::uin/{uin}:role/{}", self.id)
    }

    /// Whether the platform service may take the role.
    pub(crate) fn trusts(&self, service: &str) -> bool {
        principals(&self.document, "service").iter().any(|name| name == service)
    }

    /// Principals of a kind that may take the role.
    pub(crate) fn trusted(&self, kind: &str) -> Vec<String> {
        principals(&self.document, kind)
    }
}

impl State {
    /// Name of the role that `args` names by name or id, the latter as text or number.
    pub(super) fn role_name(&self, args: Args<'_>, by_name: &str, by_id: &str) -> Result<String, Refusal> {
        let id = args.text(by_id).map(str::to_owned).or_else(|| args.int(by_id).map(|id| id.to_string()));
        let id = id.filter(|id| !id.is_empty());
        let found = match (args.text(by_name).filter(|name| !name.is_empty()), id) {
            (Some(name), _) => self.roles.get(name),
            (None, Some(id)) => self.role_by_id(&id),
            (None, None) => return refuse("InvalidParameter.ParamError", format!("{by_name} or {by_id} is required")),
        };
        found
            .map(|role| role.name.clone())
            .ok_or_else(|| Refusal::new("InvalidParameter.RoleNotExist", "the role does not exist"))
    }

    pub(crate) fn role_by_id(&self, id: &str) -> Option<&Role> {
        self.roles.iter().map(|(_, role)| role).find(|role| role.id == id)
    }

    pub(crate) fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name)
    }

    /// Changes the role that `args` names.
    fn change_role(&mut self, args: Args<'_>, cx: &Context, change: impl FnOnce(&mut Role)) -> Answer {
        let name = self.role_name(args, "RoleName", "RoleId")?;
        let role = self.roles.get_mut(&name).expect("it was found a line ago");
        change(role);
        role.updated_ms = cx.now_ms;
        Ok(members(json!({})))
    }

    /// Refuses a function's execution role that is missing or does not trust SCF.
    pub(crate) fn role_usable(&self, name: &str) -> Result<(), Refusal> {
        match self.roles.get(name) {
            _ if name.is_empty() => Ok(()),
            None => refuse("ResourceNotFound.Role", format!("role {name} does not exist")),
            Some(role) if !role.trusts("scf.qcloud.com") => {
                refuse("InvalidParameter.RoleCheck", format!("role {name} does not trust scf.qcloud.com"))
            }
            Some(_) => Ok(()),
        }
    }

    pub(super) fn create_role(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let name = args.text_or("RoleName", "");
        let fits = (1..=128).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@-_".contains(&b));
        if !fits {
            return refuse("InvalidParameter.RoleNameError", format!("role name `{name}` is invalid"));
        }
        let document = parse(args.text_or("PolicyDocument", ""), Purpose::Trust)?;
        description_fits(args.text_or("Description", ""))?;
        session_fits(args.int("SessionDuration"))?;
        if self.roles.contains(name) {
            return refuse("InvalidParameter.RoleNameInUse", format!("role {name} already exists"));
        }
        if cx.quotas && self.roles.len() >= MAX_ROLES {
            return refuse("InvalidParameter.RoleFull", format!("an account holds {MAX_ROLES} roles"));
        }
        let tags = self.cam_tags(args, cx)?;
        let role = Role {
            id: self.role_id(),
            name: name.to_owned(),
            document,
            description: args.text_or("Description", "").to_owned(),
            console_login: args.int("ConsoleLogin").unwrap_or_default(),
            session_s: args.int("SessionDuration"),
            kind: "user".to_owned(),
            added_ms: cx.now_ms,
            updated_ms: cx.now_ms,
            attached: Vec::new(),
            boundary: None,
            deletion_task: None,
        };
        Ok(members(self.add_role(role, tags)))
    }

    pub(super) fn add_role(&mut self, role: Role, tags: BTreeMap<String, String>) -> Value {
        let id = role.id.clone();
        let resource = role.resource(self.uin());
        self.roles.insert(role.name.clone(), role);
        self.put_tags(&resource, tags);
        json!({"RoleId": id})
    }

    /// Beyond 2^53, as real ones are: a client that reads them as floats corrupts them.
    pub(super) fn role_id(&mut self) -> String {
        (4_611_686_018_427_397_918 + self.next("role")).to_string()
    }

    /// `Tags` of a CAM call, with CAM's codes for what the Tag service would refuse.
    pub(super) fn cam_tags(&self, args: Args<'_>, cx: &Context) -> Result<BTreeMap<String, String>, Refusal> {
        let mut tags = BTreeMap::new();
        for tag in args.list("Tags").unwrap_or_default() {
            let text = |member: &str| tag[member].as_str().unwrap_or_default().to_owned();
            if tags.insert(text("Key"), text("Value")).is_some() {
                return refuse("InvalidParameter.TagParamError", format!("tag key {} is given twice", tag["Key"]));
            }
        }
        self.check_tags(&tags, cx).map_err(|refusal| {
            let limit = refusal.code.starts_with("LimitExceeded");
            let code = if limit { "InvalidParameter.TagLimitExceeded" } else { "InvalidParameter.TagParamError" };
            Refusal::new(code, refusal.message)
        })?;
        Ok(tags)
    }

    pub(super) fn get_role(&mut self, args: Args<'_>) -> Answer {
        let name = self.role_name(args, "RoleName", "RoleId")?;
        let role = self.roles.get(&name).expect("it was found a line ago");
        Ok(members(json!({"RoleInfo": self.role_view(role)})))
    }

    fn role_view(&self, role: &Role) -> Value {
        let tags: Vec<Value> = self
            .tagged
            .get(&role.resource(self.uin()))
            .into_iter()
            .flatten()
            .rev()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        let arn = match role.kind.as_str() {
            "service_linked" => format!("qcs::cam::uin/{}:role/tencentcloudServiceRole/{}", self.uin(), role.id),
            _ => format!("qcs::cam::uin/{}:roleName/{}", self.uin(), role.name),
        };
        json!({
            "RoleId": role.id,
            "RoleName": role.name,
            "PolicyDocument": reshaped(&role.document),
            "Description": role.description,
            "AddTime": platform_time(role.added_ms),
            "UpdateTime": platform_time(role.updated_ms),
            "ConsoleLogin": role.console_login,
            "RoleType": role.kind,
            "SessionDuration": role.session_s.unwrap_or(7200),
            "DeletionTaskId": role.deletion_task,
            "Tags": if tags.is_empty() { Value::Null } else { tags.into() },
            "RoleArn": arn,
        })
    }

    pub(super) fn describe_role_list(&mut self, args: Args<'_>) -> Answer {
        let (offset, rows) = paging(args)?;
        let wanted = args.list("Tags").unwrap_or_default();
        let mut found: Vec<&Role> = self
            .roles
            .iter()
            .map(|(_, role)| role)
            .filter(|role| {
                let tags = self.tagged.get(&role.resource(self.uin()));
                wanted.iter().all(|tag| {
                    let value = tags.and_then(|tags| tags.get(tag["Key"].as_str().unwrap_or_default()));
                    value.map(String::as_str) == tag["Value"].as_str()
                })
            })
            .collect();
        found.sort_by_key(|role| (std::cmp::Reverse(role.added_ms), role.name.clone()));
        let total = found.len();
        let list: Vec<Value> = page(found, offset, rows).into_iter().map(|role| self.role_view(role)).collect();
        Ok(members(json!({"List": list, "TotalNum": total})))
    }

    /// Attached policies do not keep a role (assumed).
    pub(super) fn delete_role(&mut self, args: Args<'_>) -> Answer {
        let name = self.role_name(args, "RoleName", "RoleId")?;
        if let Some(role) = self.roles.remove(&name) {
            let resource = role.resource(self.uin());
            self.tagged.remove(&resource);
        }
        Ok(members(json!({})))
    }

    pub(super) fn update_assume_role_policy(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let document = parse(args.text_or("PolicyDocument", ""), Purpose::Trust)?;
        self.change_role(args, cx, |role| role.document = document)
    }

    pub(super) fn update_role_description(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let description = args.text_or("Description", "").to_owned();
        description_fits(&description)?;
        self.change_role(args, cx, |role| role.description = description)
    }

    pub(super) fn update_role_console_login(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let login = args.int("ConsoleLogin").unwrap_or_default();
        if ![0, 1].contains(&login) {
            return refuse("InvalidParameter.ParamError", "ConsoleLogin is 0 or 1");
        }
        self.change_role(args, cx, |role| role.console_login = login)
    }

    pub(super) fn update_role_session_duration(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let seconds = args.int("SessionDuration");
        session_fits(seconds)?;
        self.change_role(args, cx, |role| role.session_s = seconds)
    }

    pub(super) fn tag_role(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let name = self.role_name(args, "RoleName", "RoleId")?;
        let tags = self.cam_tags(args, cx)?;
        let resource = self.roles.get(&name).map(|role| role.resource(self.uin())).unwrap_or_default();
        let mut merged = self.tagged.get(&resource).cloned().unwrap_or_default();
        merged.extend(tags);
        if merged.len() > super::super::tag::MAX_TAGS {
            return refuse("InvalidParameter.TagLimitExceeded", "the role would hold too many tags");
        }
        self.put_tags(&resource, merged);
        Ok(members(json!({})))
    }

    pub(super) fn untag_role(&mut self, args: Args<'_>, _cx: &Context) -> Answer {
        let name = self.role_name(args, "RoleName", "RoleId")?;
        let resource = self.roles.get(&name).map(|role| role.resource(self.uin())).unwrap_or_default();
        let mut tags = self.tagged.get(&resource).cloned().unwrap_or_default();
        for key in args.texts("TagKeys") {
            tags.remove(key);
        }
        self.put_tags(&resource, tags);
        Ok(members(json!({})))
    }

    /// Attaching twice is a success (assumed; no code for it is published).
    pub(super) fn attach_role_policy(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let policy = self.policy_id(args)?;
        let name = self.role_name(args, "AttachRoleName", "AttachRoleId")?;
        let role = self.roles.get_mut(&name).expect("it was found a line ago");
        if role.attached.iter().any(|(id, _)| *id == policy) {
            return Ok(members(json!({})));
        }
        if cx.quotas && role.attached.len() >= MAX_ATTACHED {
            return refuse("InvalidParameter.AttachmentFull", format!("a role holds {MAX_ATTACHED} policies"));
        }
        role.attached.push((policy, cx.now_ms));
        Ok(members(json!({})))
    }

    /// Detaching what is not attached is a success (assumed).
    pub(super) fn detach_role_policy(&mut self, args: Args<'_>, _cx: &Context) -> Answer {
        let policy = self.policy_id(args)?;
        let name = self.role_name(args, "DetachRoleName", "DetachRoleId")?;
        if let Some(role) = self.roles.get_mut(&name) {
            role.attached.retain(|(id, _)| *id != policy);
        }
        Ok(members(json!({})))
    }

    /// An absent role has no policies: RoleNotExist is not among this action's codes.
    pub(super) fn list_attached_role_policies(&mut self, args: Args<'_>) -> Answer {
        let (offset, rows) = paging(args)?;
        let attached = match self.role_name(args, "RoleName", "RoleId") {
            Ok(name) => self.roles.get(&name).map(|role| role.attached.clone()).unwrap_or_default(),
            Err(refusal) if refusal.code == "InvalidParameter.RoleNotExist" => Vec::new(),
            Err(refusal) => return Err(refusal),
        };
        let keyword = args.text_or("Keyword", "");
        let list: Vec<Value> = attached
            .iter()
            .rev()
            .filter_map(|(id, added_ms)| {
                let (name, kind, description) = match presets::by_id(*id) {
                    Some(preset) => (preset.name.to_owned(), "QCS", preset.description()),
                    None => {
                        let policy = self.policies.get(&id.to_string())?;
                        (policy.name.clone(), "User", policy.description.clone())
                    }
                };
                let wanted = args.text("PolicyType").is_none_or(|wanted| wanted.is_empty() || wanted == kind)
                    && name.contains(keyword);
                wanted.then(|| {
                    json!({
                        "PolicyId": id, "PolicyName": name, "PolicyType": kind, "AddTime": platform_time(*added_ms),
                        "CreateMode": 2, "Deactived": 0, "DeactivedDetail": null, "Description": description,
                    })
                })
            })
            .collect();
        let total = list.len();
        Ok(members(json!({"List": page(list, offset, rows), "TotalNum": total})))
    }

    pub(super) fn put_boundary(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let policy = self.policy_id(args)?;
        self.change_role(args, cx, |role| role.boundary = Some(policy))
    }

    pub(super) fn delete_boundary(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        self.change_role(args, cx, |role| role.boundary = None)
    }

    pub(super) fn get_boundary(&mut self, args: Args<'_>) -> Answer {
        let name = self.role_name(args, "RoleName", "RoleId")?;
        let Some(id) = self.roles.get(&name).and_then(|role| role.boundary) else {
            return Ok(members(json!({
                "PolicyId": null, "PolicyName": null, "PolicyDocument": null, "PolicyType": null, "CreateMode": null,
            })));
        };
        let (policy_name, document, kind) = match presets::by_id(id) {
            Some(preset) => (preset.name.to_owned(), preset.document(), 2),
            None => {
                let policy = self.policies.get(&id.to_string());
                let policy =
                    policy.ok_or_else(|| Refusal::new("ResourceNotFound.PolicyIdNotFound", "the policy is gone"))?;
                (policy.name.clone(), reshaped(policy.document()), 1)
            }
        };
        Ok(members(json!({
            "PolicyId": id, "PolicyName": policy_name, "PolicyDocument": document, "PolicyType": kind, "CreateMode": 2,
        })))
    }
}

pub(super) fn description_fits(description: &str) -> Result<(), Refusal> {
    if description.len() > MAX_DESCRIPTION {
        return refuse(
            "InvalidParameter.DescriptionLengthOverlimit",
            format!("a description holds {MAX_DESCRIPTION} bytes"),
        );
    }
    Ok(())
}

fn session_fits(seconds: Option<i64>) -> Result<(), Refusal> {
    match seconds {
        Some(seconds) if !(0..=43_200).contains(&seconds) => {
            refuse("InvalidParameter.ParamError", format!("SessionDuration {seconds} is not within 0 and 43200"))
        }
        _ => Ok(()),
    }
}
