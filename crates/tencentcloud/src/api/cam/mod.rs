//! CAM 2019-01-16: roles, policies, attachments. The service is global: region headers have no effect.

mod attachment;
mod policy;
mod role;

pub use attachment::*;
pub use policy::*;
pub use role::*;

use super::{Service, action, answer, object};
use crate::Error;

const SERVICE: Service = Service::Cam;

object! {
    /// A tag as CAM spells it, on roles and policies alike.
    #[derive(Debug)]
    Tag {
        key: String,
        value: String,
    } optional {
    }
}

action! {
    /// The three ids of the calling account.
    GetUserAppId: Read -> GetUserAppIdAnswer {
    } optional {
    }
}

answer! {
    /// The three ids of the calling account.
    #[derive(Debug)]
    GetUserAppIdAnswer {
        owner_uin: String,
        app_id: u64,
    } defaulted {
    } optional {
        uin: String,
    }
}

/// Whether CAM says that the role does not exist.
#[must_use]
pub fn is_role_absent(error: &Error) -> bool {
    error.is(SERVICE, &["InvalidParameter.RoleNotExist"])
}

/// Whether CAM says that the policy does not exist.
#[must_use]
pub fn is_policy_absent(error: &Error) -> bool {
    error.is(SERVICE, &["ResourceNotFound.PolicyIdNotFound", "InvalidParameter.PolicyIdNotExist"])
}
