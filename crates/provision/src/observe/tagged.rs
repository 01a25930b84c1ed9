//! What carries the stack's tag by the word of the Tag service, which knows it of functions, roles and policies alike.

use std::collections::{BTreeMap, BTreeSet};

use plan::mark;
use plan::observed::FunctionKey;
use plan::resource::tags::Tags;
use tencentcloud::{Client, tag};

use super::failed;
use crate::error::CommandError;
use crate::wire::{self, Owned};

/// What carries the stack's tag.
#[derive(Default)]
pub(super) struct Tagged {
    /// Functions, in any region.
    pub(super) functions: BTreeSet<FunctionKey>,
    /// All tags of roles, by the role's id.
    roles: BTreeMap<String, Tags>,
    /// All tags of custom policies, by the policy's id.
    policies: BTreeMap<u64, Tags>,
    /// What is there and cannot be looked at, in words.
    pub(super) left_out: Option<String>,
}

impl Tagged {
    /// The tags of a role, if it carries the stack's.
    pub(super) fn role(&self, id: &str) -> Option<&Tags> {
        self.roles.get(id)
    }

    /// The tags of a policy, if it carries the stack's.
    pub(super) fn policy(&self, id: u64) -> Option<&Tags> {
        self.policies.get(&id)
    }

    /// Whether the service is seen to know roles. One that names none may know none: it does not know every kind of
    /// resource everywhere.
    pub(super) fn knows_roles(&self) -> bool {
        !self.roles.is_empty()
    }

    /// Whether the service is seen to know policies.
    pub(super) fn knows_policies(&self) -> bool {
        !self.policies.is_empty()
    }
}

/// Asks for it.
pub(super) async fn tagged(client: &Client, stack: &str) -> Result<Tagged, CommandError> {
    let filter = tag::TagFilter { tag_key: mark::STACK_TAG.to_owned(), tag_value: Some(vec![stack.to_owned()]) };
    let request = tag::GetResources { tag_filters: Some(vec![filter]), ..Default::default() };
    let rows = match client.list_tagged(&request).await {
        Ok(rows) => rows,
        Err(error) if error.is_action_unknown() => {
            let left_out = "the Tag service does not list resources here: only the manifest's regions and namespaces were looked at";
            return Ok(Tagged { left_out: Some(left_out.to_owned()), ..Tagged::default() });
        }
        Err(error) => return Err(failed("list what this stack owns", None)(error)),
    };
    let mut all = Tagged::default();
    let mut nowhere = Vec::new();
    for row in rows {
        // A row that does not repeat the tag which it was found by may lack others as well.
        let tags =
            Some(wire::tags_by_tag_service(&row.tags)).filter(|t| t.get(mark::STACK_TAG).is_some_and(|s| s == stack));
        match (wire::parse_resource(&row.resource), tags) {
            (Owned::Function(key), _) => drop(all.functions.insert(key)),
            (Owned::FunctionNowhere, _) => nowhere.push(row.resource),
            (Owned::Role(id), Some(tags)) => drop(all.roles.insert(id, tags)),
            (Owned::Policy(id), Some(tags)) => drop(all.policies.insert(id, tags)),
            (Owned::Role(_) | Owned::Policy(_), None) | (Owned::Other, _) => {}
        }
    }
    if !nowhere.is_empty() {
        let names = nowhere.join(", ");
        all.left_out =
            Some(format!("the Tag service names a region that nobody knows, and was not followed there: {names}"));
    }
    Ok(all)
}
