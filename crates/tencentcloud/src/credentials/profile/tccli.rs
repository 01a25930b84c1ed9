//! tccli's files: `~/.tccli/PROFILE.credential` with keys or a login, `PROFILE.configure` with a region.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{AssumedRole, text, under_home, unusable};
use crate::Environment;
use crate::api::lenient;
use crate::credentials::{Credentials, CredentialsError, Fetch, Keys, Looked, Provider, ResolveOptions, metadata};

#[derive(Deserialize)]
struct CredentialFile {
    #[serde(default, rename = "type", deserialize_with = "lenient::defaulted")]
    kind: String,
    #[serde(default, rename = "secretId", deserialize_with = "lenient::defaulted")]
    secret_id: String,
    #[serde(default, rename = "secretKey", deserialize_with = "lenient::defaulted")]
    secret_key: String,
    #[serde(default, deserialize_with = "lenient::defaulted")]
    token: String,
    #[serde(default, rename = "role-arn", deserialize_with = "lenient::defaulted")]
    role: String,
    #[serde(default, rename = "role-session-name", deserialize_with = "lenient::defaulted")]
    session: String,
    #[serde(default, rename = "expiresAt", deserialize_with = "lenient::defaulted")]
    expires_at: Option<i64>,
}

pub(super) fn profile(
    environment: &Environment,
    options: &ResolveOptions,
    name: &str,
    looked: &mut Vec<Looked>,
) -> Result<Option<Credentials>, CredentialsError> {
    let Some(folder) = under_home(environment, ".tccli", looked) else { return Ok(None) };
    let path = folder.join(format!("{name}.credential"));
    let Some(text) = text(&path)? else {
        looked.push(Looked::new(path.display().to_string(), "does not exist"));
        return Ok(None);
    };
    // serde's message could quote a value, so only the place is told.
    let file: CredentialFile = serde_json::from_str(&text)
        .map_err(|error| unusable(&path, &format!("not tccli's JSON (line {})", error.line())))?;
    let region = region(&folder.join(format!("{name}.configure")))?;
    let source = format!("profile `{name}` in {}", path.display());

    let has_keys = !file.secret_id.is_empty() || !file.secret_key.is_empty();
    if !has_keys && file.kind == "cvm-role" {
        return Ok(Some(metadata::role(&options.metadata, region, Vec::new())));
    }
    if !has_keys {
        looked.push(Looked::new(path.display().to_string(), "holds no keys"));
        return Ok(None);
    }
    let half = |present: &str, missing: &str| {
        let place = path.display();
        Err(CredentialsError::Half { present: format!("{present} in {place}"), missing: missing.to_owned() })
    };
    if file.secret_key.is_empty() {
        return half("secretId", "secretKey");
    }
    if file.secret_id.is_empty() {
        return half("secretKey", "secretId");
    }
    // tccli renews these logins with a private service of its own; without it their end is the end.
    if matches!(file.kind.as_str(), "oauth" | "sso")
        && file.expires_at.is_none_or(|at| at <= jiff::Timestamp::now().as_second())
    {
        return Err(CredentialsError::Expired { profile: name.to_owned(), kind: file.kind });
    }
    let keys = Keys::temporary(file.secret_id, file.secret_key, Some(file.token));
    match (file.role.is_empty(), file.session.is_empty()) {
        (true, _) => Ok(Some(Credentials::of(Provider::Fixed(keys), source, region))),
        (false, true) => half("role-arn", "role-session-name"),
        (false, false) => {
            let source = format!("role {} through {source}", file.role);
            let role = AssumedRole { keys, role: file.role, session: file.session };
            Ok(Some(Credentials::fetched(Fetch::AssumedRole(role), source, region)))
        }
    }
}

/// The region of a `.configure` file: `_sys_param.region`.
fn region(path: &Path) -> Result<Option<String>, CredentialsError> {
    let Some(text) = text(path)? else { return Ok(None) };
    let file: Value = serde_json::from_str(&text)
        .map_err(|error| unusable(path, &format!("not tccli's JSON (line {})", error.line())))?;
    let region = file.get("_sys_param").and_then(|part| part.get("region")).and_then(Value::as_str);
    Ok(region.filter(|region| !region.is_empty()).map(str::to_owned))
}
