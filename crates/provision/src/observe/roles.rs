//! Roles and policies: what the manifest names, and what carries the stack's tag. Rows of lists need not tell an object's
//! tags; that is not to say that it has none (rule 1).

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join_all;
use plan::desired::{RoleKind, Stack};
use plan::mark;
use plan::observed::{ObservedPolicy, ObservedRole};
use plan::resource::tags::Tags;
use tencentcloud::{Client, cam};

use tokio::sync::{Mutex, OnceCell};

use super::failed;
use super::tagged::Tagged;
use crate::error::CommandError;
use crate::wire;

/// Policies that were asked, by id, so that the stacks of one command ask each of them once. `None` is absent.
#[derive(Default)]
pub(crate) struct Asked(Mutex<BTreeMap<u64, Arc<OnceCell<Option<cam::GetPolicyAnswer>>>>>);

/// A role as it was read, and what is attached to it by name and id.
pub(super) type Found = (cam::RoleInfo, Vec<(String, u64)>);

/// Roles by what is known before the Tag service has answered.
pub(super) struct Read {
    /// Those that the manifest names.
    declared: BTreeMap<String, Option<Found>>,
    /// Those that CAM finds by the stack's tag.
    listed: Vec<cam::RoleInfo>,
}

/// Reads the roles that the manifest names, and lists those that carry the stack's tag.
pub(super) async fn read(client: &Client, stack: &Stack) -> Result<Read, CommandError> {
    let tagged = cam::DescribeRoleList {
        tags: Some(vec![cam::Tag { key: mark::STACK_TAG.to_owned(), value: stack.name.clone() }]),
        ..Default::default()
    };
    let listed = async { client.list(None, &tagged).await.map_err(failed("list the roles of this stack", None)) };
    let declared = try_join_all(stack.roles.iter().map(|role| async {
        // Nobody looks into an external role: that it exists is all we ask.
        let attachments = !matches!(role.kind, RoleKind::External);
        find_role(client, &role.name, attachments).await.map(|r| (role.name.clone(), r))
    }));
    let (listed, declared) = tokio::try_join!(listed, declared)?;
    Ok(Read { declared: declared.into_iter().collect(), listed })
}

/// Every role of interest by name.
pub(super) async fn roles(
    client: &Client,
    stack: &Stack,
    tagged: &Tagged,
    read: Read,
) -> Result<BTreeMap<String, Option<ObservedRole>>, CommandError> {
    let Read { declared, listed } = read;
    let more = listed.into_iter().filter(|row| !declared.contains_key(&row.role_name));
    let more = try_join_all(more.map(|row| owned_role(client, &stack.name, tagged, row))).await?;
    let normal = |(info, attached): Found| wire::role(&info, attached, tagged.role(&info.role_id));
    let mut all: BTreeMap<_, _> = declared.into_iter().map(|(name, found)| (name, found.map(normal))).collect();
    all.extend(more.into_iter().flatten().map(|role| (role.0, Some(role.1))));
    Ok(all)
}

/// A role that a list by the stack's tag holds, if it carries the tag: a filter that the service did not apply must not
/// make others' roles ours. Where neither the row nor the Tag service tells, the role itself is asked: not where the Tag
/// service knows other roles by the same tag, for a list without a filter may hold every role of a large account.
async fn owned_role(
    client: &Client,
    stack: &str,
    tagged: &Tagged,
    mut row: cam::RoleInfo,
) -> Result<Option<(String, ObservedRole)>, CommandError> {
    row.tags = row.tags.filter(|tags| tells(tags));
    let known = tagged.role(&row.role_id);
    let (info, attached) = if row.tags.is_some() || known.is_some() {
        if !carries(&wire::role(&row, Vec::new(), known).role.tags, stack) {
            return Ok(None);
        }
        let attached = attached(client, &row.role_name).await?;
        (row, attached)
    } else if tagged.knows_roles() {
        return Ok(None);
    } else {
        match find_role(client, &row.role_name, true).await? {
            Some(found) => found,
            None => return Ok(None),
        }
    };
    let role = wire::role(&info, attached, known);
    Ok(carries(&role.role.tags, stack).then_some((info.role_name, role)))
}

/// Whether a row of a list tells the tags of its object. An empty list says no more than `null`: both occur (facts CAM 3.2).
fn tells(tags: &[cam::Tag]) -> bool {
    !tags.is_empty()
}

fn carries(tags: &Tags, stack: &str) -> bool {
    tags.get(mark::STACK_TAG).is_some_and(|owner| owner == stack)
}

async fn find_role(client: &Client, name: &str, attachments: bool) -> Result<Option<Found>, CommandError> {
    let get = cam::GetRole { role_name: Some(name.to_owned()), ..Default::default() };
    let info = match client.call(None, &get).await {
        Ok(answer) => answer.role_info,
        Err(error) if cam::is_role_absent(&error) => return Ok(None),
        Err(error) => return Err(failed(format!("read role `{name}`"), Some(&format!("role.{name}")))(error)),
    };
    let attached = if attachments { attached(client, name).await? } else { Vec::new() };
    Ok(Some((info, attached)))
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

/// One role, with its attachments. `known` are its tags where the answer gives none.
pub(crate) async fn role_by_name(
    client: &Client,
    name: &str,
    known: Option<&Tags>,
) -> Result<Option<ObservedRole>, CommandError> {
    let found = find_role(client, name, true).await?;
    Ok(found.map(|(info, attached)| wire::role(&info, attached, known)))
}

/// Every custom policy of interest by name.
pub(super) async fn policies(
    client: &Client,
    stack: &Stack,
    tagged: &Tagged,
    rows: Vec<cam::StrategyInfo>,
    asked: &Asked,
) -> Result<BTreeMap<String, Option<ObservedPolicy>>, CommandError> {
    let mut all: BTreeMap<String, Option<ObservedPolicy>> =
        stack.policies.iter().map(|p| (p.name.clone(), None)).collect();
    let tagged_so = |tags: &Vec<cam::Tag>| tags.iter().any(|t| t.key == mark::STACK_TAG && t.value == stack.name);
    // Official samples of the list have rows without tags. That the Tag service names a function of ours does not say
    // that it would name a policy: until it is seen to name one, each is asked.
    let may_be_ours = |row: &cam::StrategyInfo| match row.tags.as_ref().filter(|tags| tells(tags)) {
        Some(tags) => tagged_so(tags),
        None => tagged.policy(row.policy_id).is_some() || !tagged.knows_policies(),
    };
    let interesting = rows.iter().filter(|row| all.contains_key(&row.policy_name) || may_be_ours(row));
    let found =
        try_join_all(interesting.map(|row| find_policy(client, row, tagged.policy(row.policy_id), asked))).await?;
    for (name, policy) in found.into_iter().flatten() {
        if all.contains_key(&name) || carries(&policy.policy.tags, &stack.name) {
            all.insert(name, Some(policy));
        }
    }
    Ok(all)
}

pub(super) async fn list_policies(client: &Client) -> Result<Vec<cam::StrategyInfo>, CommandError> {
    let local = cam::ListPolicies { scope: Some("Local".to_owned()), ..Default::default() };
    client.list(None, &local).await.map_err(failed("list the account's own policies", None))
}

async fn find_policy(
    client: &Client,
    row: &cam::StrategyInfo,
    known: Option<&Tags>,
    asked: &Asked,
) -> Result<Option<(String, ObservedPolicy)>, CommandError> {
    let name = &row.policy_name;
    let cell = Arc::clone(asked.0.lock().await.entry(row.policy_id).or_default());
    let ask = || async {
        match client.call(None, &cam::GetPolicy { policy_id: row.policy_id }).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if cam::is_policy_absent(&error) => Ok(None),
            Err(error) => Err(failed(format!("read policy `{name}`"), Some(&format!("policy.{name}")))(error)),
        }
    };
    let answer = cell.get_or_try_init(ask).await?;
    Ok(answer.as_ref().map(|answer| (name.clone(), wire::policy(row, answer, known))))
}

/// One custom policy. `known` are its tags where the answers give none.
pub(crate) async fn policy_by_name(
    client: &Client,
    name: &str,
    known: Option<&Tags>,
) -> Result<Option<ObservedPolicy>, CommandError> {
    let rows = list_policies(client).await?;
    match rows.iter().find(|r| r.policy_name == name) {
        Some(row) => Ok(find_policy(client, row, known, &Asked::default()).await?.map(|(_, policy)| policy)),
        None => Ok(None),
    }
}
