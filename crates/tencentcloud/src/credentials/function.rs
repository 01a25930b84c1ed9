//! The keys that SCF puts into a function's environment when it has an execution role. Their names differ from
//! everybody else's by an underscore.

use super::{Credentials, CredentialsError, Keys, Looked, Provider};
use crate::Environment;

const ID: &str = "TENCENTCLOUD_SECRETID";
const KEY: &str = "TENCENTCLOUD_SECRETKEY";
const TOKEN: &str = "TENCENTCLOUD_SESSIONTOKEN";

pub(super) fn keys(environment: &Environment) -> Result<Credentials, CredentialsError> {
    let half = |present: &str, missing: &str| {
        Err(CredentialsError::Half { present: present.to_owned(), missing: missing.to_owned() })
    };
    match (environment.get(ID), environment.get(KEY)) {
        (Some(id), Some(key)) => Ok(Credentials::of(
            Provider::Fixed(Keys::temporary(id, key, environment.get(TOKEN))),
            "the function's execution role".to_owned(),
            environment.get("TENCENTCLOUD_REGION").map(str::to_owned),
        )),
        (Some(_), None) => half(ID, KEY),
        (None, Some(_)) => half(KEY, ID),
        (None, None) => Err(CredentialsError::NotFound {
            looked: vec![Looked::new("function environment", format!("{ID} is not set; has the function a role?"))],
        }),
    }
}
