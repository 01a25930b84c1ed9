//! Roles and policies: what the manifest names, and what carries the stack's tag.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use plan::desired::{RoleKind, Stack};
use plan::mark;
use plan::observed::{ObservedPolicy, ObservedRole};
use tencentcloud::{Client, cam};

use super::failed;
use crate::error::CommandError;
use crate::wire;

/// Every role of interest by name.
pub(super) async fn roles(
    client: &Client,
    stack: &Stack,
) -> Result<BTreeMap<String, Option<ObservedRole>>, CommandError> {
    let tagged = cam::DescribeRoleList {
        tags: Some(vec![cam::Tag { key: mark::STACK_TAG.to_owned(), value: stack.name.clone() }]),
        ..Default::default()
    };
    let owned = async { client.list(None, &tagged).await.map_err(failed("list the roles of this stack", None)) };
    let declared = try_join_all(stack.roles.iter().map(|role| async {
        // Nobody looks into an external role: that it exists is all we ask.
        let attachments = !matches!(role.kind, RoleKind::External);
        read_role(client, &role.name, attachments).await.map(|r| (role.name.clone(), r))
    }));
    let (owned, declared) = tokio::try_join!(owned, declared)?;
    let mut all: BTreeMap<String, Option<ObservedRole>> = declared.into_iter().collect();
    let more = try_join_all(owned.iter().filter(|r| !all.contains_key(&r.role_name)).map(|info| async {
        // The list's tags are what made it ours; a filter that the service did not apply must not make others' ours.
        let attached = attached(client, &info.role_name).await?;
        Ok::<_, CommandError>((info.role_name.clone(), Some(wire::role(info, attached))))
    }))
    .await?;
    all.extend(more);
    Ok(all)
}

async fn read_role(client: &Client, name: &str, attachments: bool) -> Result<Option<ObservedRole>, CommandError> {
    let get = cam::GetRole { role_name: Some(name.to_owned()), ..Default::default() };
    let info = match client.call(None, &get).await {
        Ok(answer) => answer.role_info,
        Err(error) if cam::is_role_absent(&error) => return Ok(None),
        Err(error) => return Err(failed(format!("read role `{name}`"), Some(&format!("role.{name}")))(error)),
    };
    let attached = if attachments { attached(client, name).await? } else { Vec::new() };
    Ok(Some(wire::role(&info, attached)))
}

/// Name and id of each policy that is attached to a role.
async fn attached(client: &Client, role: &str) -> Result<Vec<(String, u64)>, CommandError> {
    let request = cam::ListAttachedRolePolicies { role_name: Some(role.to_owned()), ..Default::default() };
    let rows = client
        .list(None, &request)
        .await
        .map_err(failed(format!("list the policies of role `{role}`"), Some(&format!("role.{role}"))))?;
    Ok(rows.into_iter().map(|r| (r.policy_name, r.policy_id)).collect())
}

/// One role, with its attachments.
pub(crate) async fn role_by_name(client: &Client, name: &str) -> Result<Option<ObservedRole>, CommandError> {
    read_role(client, name, true).await
}

/// Every custom policy of interest by name.
pub(super) async fn policies(
    client: &Client,
    stack: &Stack,
) -> Result<BTreeMap<String, Option<ObservedPolicy>>, CommandError> {
    let rows = list_policies(client).await?;
    let mut all: BTreeMap<String, Option<ObservedPolicy>> =
        stack.policies.iter().map(|p| (p.name.clone(), None)).collect();
    let interesting = rows.iter().filter(|row| {
        all.contains_key(&row.policy_name) || row.tags.iter().any(|t| t.key == mark::STACK_TAG && t.value == stack.name)
    });
    let found = try_join_all(interesting.map(|row| read_policy(client, row))).await?;
    all.extend(found.into_iter().flatten().map(|(name, policy)| (name, Some(policy))));
    Ok(all)
}

async fn list_policies(client: &Client) -> Result<Vec<cam::StrategyInfo>, CommandError> {
    let local = cam::ListPolicies { scope: Some("Local".to_owned()), ..Default::default() };
    client.list(None, &local).await.map_err(failed("list the account's own policies", None))
}

async fn read_policy(
    client: &Client,
    row: &cam::StrategyInfo,
) -> Result<Option<(String, ObservedPolicy)>, CommandError> {
    match client.call(None, &cam::GetPolicy { policy_id: row.policy_id }).await {
        Ok(answer) => Ok(Some((row.policy_name.clone(), wire::policy(row, &answer)))),
        Err(error) if cam::is_policy_absent(&error) => Ok(None),
        Err(error) => Err(failed(
            format!("read policy `{}`", row.policy_name),
            Some(&format!("policy.{}", row.policy_name)),
        )(error)),
    }
}

/// One custom policy.
pub(crate) async fn policy_by_name(client: &Client, name: &str) -> Result<Option<ObservedPolicy>, CommandError> {
    let rows = list_policies(client).await?;
    match rows.iter().find(|r| r.policy_name == name) {
        Some(row) => Ok(read_policy(client, row).await?.map(|(_, policy)| policy)),
        None => Ok(None),
    }
}
