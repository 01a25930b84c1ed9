//! The SDKs' profile file: INI, `secret_id` and `secret_key` (and, for the Node SDK, `token`) per section.

use std::path::PathBuf;

use super::{text, under_home};
use crate::Environment;
use crate::credentials::{Credentials, CredentialsError, Keys, Looked, Provider, ResolveOptions};

/// The Go SDK lets this variable name the file.
const FILE: &str = "TENCENTCLOUD_CREDENTIALS_FILE";

pub(super) fn profile(
    environment: &Environment,
    options: &ResolveOptions,
    name: &str,
    looked: &mut Vec<Looked>,
) -> Result<Option<Credentials>, CredentialsError> {
    let places: Vec<PathBuf> = match environment.get(FILE) {
        Some(path) => vec![path.into()],
        None => under_home(environment, ".tencentcloud/credentials", looked)
            .into_iter()
            .chain([options.system_file.clone()])
            .collect(),
    };
    for path in places {
        let place = path.display().to_string();
        let Some(text) = text(&path)? else {
            looked.push(Looked::new(place, "does not exist"));
            continue;
        };
        let value = |key: &str| value(&text, name, key);
        let half = |present: &str, missing: &str| {
            Err(CredentialsError::Half { present: format!("{present} in {place}"), missing: missing.to_owned() })
        };
        match (value("secret_id"), value("secret_key")) {
            (Some(id), Some(key)) => {
                let keys = Keys::temporary(id, key, value("token"));
                return Ok(Some(Credentials::of(
                    Provider::Fixed(keys),
                    format!("profile `{name}` in {place}"),
                    value("region").map(str::to_owned),
                )));
            }
            (Some(_), None) => return half("secret_id", "secret_key"),
            (None, Some(_)) => return half("secret_key", "secret_id"),
            (None, None) => looked.push(Looked::new(place, format!("has no keys in section [{name}]"))),
        }
    }
    Ok(None)
}

/// A key's value in a section, trimmed; empty counts as absent. Quotes are kept, as the SDKs do.
fn value<'a>(text: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let mut inside = false;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            inside = header.trim() == section;
        } else if inside
            && !line.starts_with(['#', ';'])
            && let Some((name, value)) = line.split_once(['=', ':'])
            && name.trim() == key
        {
            found = Some(value.trim()).filter(|value| !value.is_empty());
        }
    }
    found
}
