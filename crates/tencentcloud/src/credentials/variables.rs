//! Keys in environment variables. The exporters agree on the names of id and key, and on nothing for the token.

use super::{Credentials, CredentialsError, Keys, Looked, Provider};
use crate::Environment;

const ID: &str = "TENCENTCLOUD_SECRET_ID";
const KEY: &str = "TENCENTCLOUD_SECRET_KEY";
/// tccli, Terraform and the Node SDK, in this order.
const TOKENS: [&str; 3] = ["TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN", "TENCENTCLOUD_SESSION_TOKEN"];

pub(super) fn keys(
    environment: &Environment,
    looked: &mut Vec<Looked>,
) -> Result<Option<Credentials>, CredentialsError> {
    let half = |present: &str, missing: &str| {
        Err(CredentialsError::Half { present: present.to_owned(), missing: missing.to_owned() })
    };
    let (id, key) = match (environment.get(ID), environment.get(KEY)) {
        (Some(id), Some(key)) => (id.trim(), key.trim()),
        (Some(_), None) => return half(ID, KEY),
        (None, Some(_)) => return half(KEY, ID),
        (None, None) => {
            looked.push(Looked::new("environment", format!("{ID} and {KEY} are not set")));
            return Ok(None);
        }
    };
    let keys = Keys::temporary(id, key, token(environment)?);
    let region = environment.get("TENCENTCLOUD_REGION").map(str::to_owned);
    Ok(Some(Credentials::of(Provider::Fixed(keys), format!("environment ({ID})"), region)))
}

/// The token under any of its names. Two that differ mean that one is stale, and nobody can tell which.
fn token(environment: &Environment) -> Result<Option<&str>, CredentialsError> {
    let mut found: Option<(&'static str, &str)> = None;
    for name in TOKENS {
        let Some(value) = environment.get(name).map(str::trim) else { continue };
        match found {
            Some((first, token)) if token != value => {
                return Err(CredentialsError::Disagree { first, second: name });
            }
            Some(_) => {}
            None => found = Some((name, value)),
        }
    }
    Ok(found.map(|(_, token)| token))
}
