//! Which policies a role carries.

use super::SERVICE;
use crate::api::{Done, action, answer, row};

action! {
    /// Attaches a policy, by id or by name, to a role. Whether a repetition is refused is unpublished.
    AttachRolePolicy: Write -> Done {
    } optional {
        policy_id: u64,
        attach_role_id: String,
        attach_role_name: String,
        policy_name: String,
    }
}

action! {
    /// Detaches a policy from a role.
    DetachRolePolicy: Write -> Done {
    } optional {
        policy_id: u64,
        detach_role_id: String,
        detach_role_name: String,
        policy_name: String,
    }
}

action! {
    /// Lists the policies of a role. An absent role has no code of its own here: ask [`super::GetRole`] first.
    ListAttachedRolePolicies: Read -> ListAttachedRolePoliciesAnswer {
        page: u64,
        rp: u64,
    } optional {
        role_id: String,
        role_name: String,
        policy_type: String,
        keyword: String,
    }
}

answer! {
    /// One page of attached policies.
    #[derive(Debug)]
    ListAttachedRolePoliciesAnswer {
        list: Vec<AttachedPolicyOfRole>,
    } defaulted {
    } optional {
        total_num: u64,
    }
}

row! {
    /// An attached policy.
    #[derive(Debug)]
    AttachedPolicyOfRole {
        policy_id: u64,
        policy_name: String,
    } defaulted {
    } optional {
    }
}
