//! CAM policies and whom they are attached to.

use super::{SERVICE, Tag};
use crate::api::{Done, action, answer, row};

action! {
    /// Lists policies. Keyword semantics are unpublished: match names exactly afterwards.
    ListPolicies: Read -> ListPoliciesAnswer {
    } optional {
        rp: u64,
        page: u64,
        scope: String,
        keyword: String,
    }
}

action! {
    /// Reads a policy with its document.
    GetPolicy: Read -> GetPolicyAnswer {
        policy_id: u64,
    } optional {
    }
}

action! {
    /// Creates a custom policy.
    CreatePolicy: Write -> CreatePolicyAnswer {
        policy_name: String,
        policy_document: String,
    } optional {
        description: String,
        tags: Vec<Tag>,
    }
}

action! {
    /// Changes the default version of a policy in place.
    UpdatePolicy: IdempotentWrite -> UpdatePolicyAnswer {
    } optional {
        policy_id: u64,
        policy_name: String,
        description: String,
        policy_document: String,
        alias: String,
    }
}

action! {
    /// Deletes policies.
    DeletePolicy: Write -> Done {
        policy_id: Vec<u64>,
    } optional {
    }
}

action! {
    /// Lists whom a policy is attached to.
    ListEntitiesForPolicy: Read -> ListEntitiesForPolicyAnswer {
        policy_id: u64,
    } optional {
        page: u64,
        rp: u64,
        entity_filter: String,
    }
}

answer! {
    /// One page of policies.
    #[derive(Debug)]
    ListPoliciesAnswer {
        list: Vec<StrategyInfo>,
    } defaulted {
    } optional {
        total_num: u64,
    }
}

answer! {
    /// A policy.
    #[derive(Debug)]
    GetPolicyAnswer {
        policy_name: String,
        policy_document: String,
    } defaulted {
    } optional {
        // Not given is not "none".
        tags: Vec<Tag>,
        description: String,
    }
}

answer! {
    /// The new policy.
    #[derive(Debug)]
    CreatePolicyAnswer {
        policy_id: u64,
    } defaulted {
    } optional {
    }
}

answer! {
    /// The changed policy.
    #[derive(Debug)]
    UpdatePolicyAnswer {
    } defaulted {
    } optional {
        policy_id: u64,
    }
}

answer! {
    /// One page of holders.
    #[derive(Debug)]
    ListEntitiesForPolicyAnswer {
        list: Vec<AttachEntityOfPolicy>,
    } defaulted {
    } optional {
        total_num: u64,
    }
}

row! {
    /// A row of [`ListPolicies`].
    #[derive(Debug)]
    StrategyInfo {
        policy_id: u64,
        policy_name: String,
    } defaulted {
    } optional {
        // Not given is not "none".
        tags: Vec<Tag>,
        description: String,
    }
}

row! {
    /// A holder; related type 1 user, 2 group, 3 role.
    #[derive(Debug)]
    AttachEntityOfPolicy {
        id: String,
    } defaulted {
    } optional {
        name: String,
        uin: u64,
        related_type: u64,
        attachment_time: String,
    }
}
