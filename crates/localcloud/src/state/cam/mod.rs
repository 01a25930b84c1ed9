//! CAM: roles, policies and what attaches one to the other. Account-wide; the region does not matter.

mod document;
mod policy;
mod presets;
mod role;
mod service_linked;

pub(crate) use policy::Policy;
pub(crate) use role::Role;

use super::args::Args;
use super::{Context, State};
use crate::refusal::{Answer, members, refuse};

impl State {
    pub(super) fn cam(&mut self, action: &str, args: Args<'_>, cx: &Context) -> Answer {
        match action {
            "GetRole" => self.get_role(args),
            "CreateRole" => self.create_role(args, cx),
            "DeleteRole" => self.delete_role(args),
            "UpdateAssumeRolePolicy" => self.update_assume_role_policy(args, cx),
            "UpdateRoleDescription" => self.update_role_description(args, cx),
            "UpdateRoleConsoleLogin" => self.update_role_console_login(args, cx),
            "UpdateRoleSessionDuration" => self.update_role_session_duration(args, cx),
            "TagRole" => self.tag_role(args, cx),
            "UntagRole" => self.untag_role(args, cx),
            "DescribeRoleList" => self.describe_role_list(args),
            "PutRolePermissionsBoundary" => self.put_boundary(args, cx),
            "DeleteRolePermissionsBoundary" => self.delete_boundary(args, cx),
            "GetRolePermissionBoundary" => self.get_boundary(args),
            "CreateServiceLinkedRole" => self.create_service_linked_role(args, cx),
            "DeleteServiceLinkedRole" => self.delete_service_linked_role(args),
            "GetServiceLinkedRoleDeletionStatus" => self.deletion_status(args),
            "AttachRolePolicy" => self.attach_role_policy(args, cx),
            "DetachRolePolicy" => self.detach_role_policy(args, cx),
            "ListAttachedRolePolicies" => self.list_attached_role_policies(args),
            "ListPolicies" => self.list_policies(args),
            "GetPolicy" => self.get_policy(args),
            "CreatePolicy" => self.create_policy(args, cx),
            "UpdatePolicy" => self.update_policy(args, cx),
            "DeletePolicy" => self.delete_policy(args),
            "CreatePolicyVersion" => self.create_policy_version(args, cx),
            "ListPolicyVersions" => self.list_policy_versions(args),
            "GetPolicyVersion" => self.get_policy_version(args),
            "SetDefaultPolicyVersion" => self.set_default_policy_version(args, cx),
            "DeletePolicyVersion" => self.delete_policy_version(args),
            "ListEntitiesForPolicy" => self.list_entities_for_policy(args),
            "GetUserAppId" => {
                let (uin, app_id) = (self.uin().to_owned(), self.app_id());
                Ok(members(serde_json::json!({"Uin": uin, "OwnerUin": uin, "AppId": app_id})))
            }
            other => unreachable!("the definition lists {other}, which cam does not carry out"),
        }
    }
}

/// Page and Rp of CAM's lists: pages count from 1, Rp is at most 200.
fn paging(args: Args<'_>) -> Result<(i64, i64), crate::refusal::Refusal> {
    let (number, rows) = (args.int("Page").unwrap_or(1), args.int("Rp").unwrap_or(20));
    if number < 1 || !(1..=200).contains(&rows) {
        return refuse("InvalidParameter.ParamError", "Page counts from 1 and Rp is 1 to 200");
    }
    Ok(((number - 1) * rows, rows))
}
