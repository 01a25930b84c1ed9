//! Service-linked roles: made for a service, and deleted by a task.

use serde_json::json;

use super::super::{Args, Context, State};
use super::Role;
use super::role::description_fits;
use crate::refusal::{Answer, members, refuse};

impl State {
    /// The role's name is made from the service's (assumed; the real table is not published).
    pub(super) fn create_service_linked_role(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let services = args.texts("QCSServiceName");
        let Some(service) = services.first() else {
            return refuse("InvalidParameter.ParamError", "QCSServiceName names no service");
        };
        let suffix = args.text_or("CustomSuffix", "");
        if suffix.contains('_') {
            return refuse("InvalidParameter.ParamError", "CustomSuffix holds no underscore");
        }
        description_fits(args.text_or("Description", ""))?;
        let product = service.split('.').next().unwrap_or_default().to_ascii_uppercase();
        let mut name = format!("{product}_QCSLinkedRole");
        if !suffix.is_empty() {
            name = format!("{name}_{suffix}");
        }
        if self.role(&name).is_some() {
            return refuse("InvalidParameter.RoleNameInUse", format!("role {name} already exists"));
        }
        let tags = self.cam_tags(args, cx)?;
        let role = Role {
            id: self.role_id(),
            name,
            document: json!({"version": "2.0", "statement": [{
                "action": "sts:AssumeRole", "effect": "allow", "principal": {"service": services},
            }]}),
            description: args.text_or("Description", "").to_owned(),
            console_login: 0,
            session_s: None,
            kind: "service_linked".to_owned(),
            added_ms: cx.now_ms,
            updated_ms: cx.now_ms,
            attached: Vec::new(),
            boundary: None,
            deletion_task: None,
        };
        Ok(members(self.add_role(role, tags)))
    }

    pub(super) fn delete_service_linked_role(&mut self, args: Args<'_>) -> Answer {
        let name = self.role_name(args, "RoleName", "RoleId")?;
        if self.role(&name).is_some_and(|role| role.kind != "service_linked") {
            return refuse("InvalidParameter.ParamError", format!("role {name} is not service-linked"));
        }
        self.delete_role(args)?;
        let task = format!("{}-{name}", self.short_id("deletion", 12));
        Ok(members(json!({"DeletionTaskId": task})))
    }

    /// Deletion ends at once here, so every task that was handed out has succeeded.
    pub(super) fn deletion_status(&mut self, args: Args<'_>) -> Answer {
        if !args.text_or("DeletionTaskId", "").contains('-') {
            return refuse("InvalidParameter.DeletionTaskNotExist", "there is no such deletion task");
        }
        Ok(members(json!({"Status": "SUCCEEDED", "Reason": "", "ServiceType": "", "ServiceName": ""})))
    }
}
