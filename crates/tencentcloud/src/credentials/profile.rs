//! Keys in profile files: tccli's JSON files, and the SDKs' INI file. A file that does not exist is no source; one
//! that cannot be read or understood is an error.

mod ini;
mod tccli;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::refresh::Temporary;
use super::{Credentials, CredentialsError, Keys, Looked, ResolveOptions};
use crate::Environment;
use crate::client::{Authority, Core};
use crate::sts;

/// A role that is taken on with the keys of a profile.
pub(super) struct AssumedRole {
    keys: Keys,
    role: String,
    session: String,
}

impl AssumedRole {
    pub(super) async fn fetch(&self, core: &Core) -> Result<Temporary, CredentialsError> {
        let request = sts::AssumeRole {
            role_arn: self.role.clone(),
            role_session_name: self.session.clone(),
            ..Default::default()
        };
        let answer = core
            .call(Some("ap-guangzhou"), &request, Authority::Keys(self.keys.clone()))
            .await
            .map_err(|source| CredentialsError::Exchange { role: self.role.clone(), source })?;
        Ok(super::oidc::temporary(answer.credentials, answer.expired_time, core))
    }
}

/// The profile the user named, in either kind of file.
pub(super) fn named(
    environment: &Environment,
    options: &ResolveOptions,
    name: &str,
    looked: &mut Vec<Looked>,
) -> Result<Option<Credentials>, CredentialsError> {
    if name.is_empty() || name.contains(['/', '\\']) {
        return Err(CredentialsError::Unusable {
            place: format!("profile `{name}`"),
            why: "not the name of a profile".to_owned(),
        });
    }
    if let Some(found) = tccli::profile(environment, options, name, looked)? {
        return Ok(Some(found));
    }
    ini::profile(environment, options, name, looked)
}

/// The default profile, which `TCCLI_PROFILE` may rename for tccli's files.
pub(super) fn default(
    environment: &Environment,
    options: &ResolveOptions,
    looked: &mut Vec<Looked>,
) -> Result<Option<Credentials>, CredentialsError> {
    let name = environment.get("TCCLI_PROFILE").unwrap_or("default");
    if let Some(found) = tccli::profile(environment, options, name, looked)? {
        return Ok(Some(found));
    }
    ini::profile(environment, options, "default", looked)
}

/// A file's text; none when it does not exist.
fn text(path: &Path) -> Result<Option<String>, CredentialsError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(unusable(path, &error.to_string())),
    }
}

fn unusable(path: &Path, why: &str) -> CredentialsError {
    CredentialsError::Unusable { place: path.display().to_string(), why: why.to_owned() }
}

/// A path under the home folder; noted when there is none.
fn under_home(environment: &Environment, relative: &str, looked: &mut Vec<Looked>) -> Option<PathBuf> {
    let path = environment.home().map(|home| home.join(relative));
    if path.is_none() {
        looked.push(Looked::new(format!("~/{relative}"), "there is no home folder"));
    }
    path
}
