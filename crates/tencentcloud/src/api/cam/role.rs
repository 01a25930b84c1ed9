//! CAM roles. Address them by name: ids are above 2^53, and two calls want them as numbers.

use super::{SERVICE, Tag};
use crate::api::{Done, action, answer, row};

action! {
    /// Reads a role.
    GetRole: Read -> GetRoleAnswer {
    } optional {
        role_id: String,
        role_name: String,
    }
}

action! {
    /// Creates a role. The description takes 300 bytes, the session duration 0 to 43200 seconds.
    CreateRole: Write -> CreateRoleAnswer {
        role_name: String,
        policy_document: String,
    } optional {
        description: String,
        console_login: u64,
        session_duration: u64,
        tags: Vec<Tag>,
    }
}

action! {
    /// Deletes a role.
    DeleteRole: Write -> Done {
    } optional {
        role_id: String,
        role_name: String,
    }
}

action! {
    /// Replaces the trust document.
    UpdateAssumeRolePolicy: IdempotentWrite -> Done {
        policy_document: String,
    } optional {
        role_id: String,
        role_name: String,
    }
}

action! {
    /// Sets the description.
    UpdateRoleDescription: IdempotentWrite -> Done {
        description: String,
    } optional {
        role_id: String,
        role_name: String,
    }
}

action! {
    /// Allows (1) or forbids (0) console login.
    UpdateRoleConsoleLogin: IdempotentWrite -> Done {
        console_login: u64,
    } optional {
        role_id: u64,
        role_name: String,
    }
}

action! {
    /// Sets the longest session in seconds.
    UpdateRoleSessionDuration: IdempotentWrite -> Done {
        session_duration: u64,
    } optional {
        role_name: String,
        role_id: u64,
    }
}

action! {
    /// Adds or overwrites tags.
    TagRole: IdempotentWrite -> Done {
        tags: Vec<Tag>,
    } optional {
        role_name: String,
        role_id: String,
    }
}

action! {
    /// Removes tags.
    UntagRole: IdempotentWrite -> Done {
        tag_keys: Vec<String>,
    } optional {
        role_name: String,
        role_id: String,
    }
}

action! {
    /// Lists roles, pages from 1, at most 200 rows each.
    DescribeRoleList: Read -> DescribeRoleListAnswer {
        page: u64,
        rp: u64,
    } optional {
        tags: Vec<Tag>,
    }
}

answer! {
    /// A role.
    #[derive(Debug)]
    GetRoleAnswer {
        role_info: RoleInfo,
    } defaulted {
    } optional {
    }
}

answer! {
    /// The new role.
    #[derive(Debug)]
    CreateRoleAnswer {
        role_id: String,
    } defaulted {
    } optional {
    }
}

answer! {
    /// One page of roles.
    #[derive(Debug)]
    DescribeRoleListAnswer {
        list: Vec<RoleInfo>,
    } defaulted {
    } optional {
        total_num: u64,
    }
}

row! {
    /// A role. `PolicyDocument` is the trust document as JSON text.
    #[derive(Debug)]
    RoleInfo {
        role_id: String,
        role_name: String,
        policy_document: String,
    } defaulted {
    } optional {
        // Not given is not "none".
        tags: Vec<Tag>,
        description: String,
        console_login: u64,
        session_duration: u64,
    }
}
