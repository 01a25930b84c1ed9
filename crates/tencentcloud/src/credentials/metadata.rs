//! The role of the CVM we may run on, from the metadata service that only answers there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::refresh::Temporary;
use super::{Credentials, CredentialsError, Fetch, Keys, Looked};
use crate::api::lenient;
use crate::client::Core;
use crate::transport::{Manner, Outgoing};

/// Off a CVM nothing answers here, and nobody wants to wait long for that. No proxy either: the address is local.
const MANNER: Manner =
    Manner { connect_timeout: Duration::from_secs(1), request_timeout: Duration::from_secs(3), direct: true };

pub(super) struct Metadata {
    base: String,
    /// Where else was looked, for the error when there is no role either.
    looked: Arc<[Looked]>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default, deserialize_with = "lenient::defaulted")]
    code: Option<String>,
    #[serde(default, deserialize_with = "lenient::defaulted")]
    tmp_secret_id: String,
    #[serde(default, deserialize_with = "lenient::defaulted")]
    tmp_secret_key: String,
    #[serde(default, deserialize_with = "lenient::defaulted")]
    token: String,
    #[serde(default, deserialize_with = "lenient::defaulted")]
    expired_time: Option<i64>,
}

/// `looked` says where was looked before, when this is the last resort.
pub(super) fn role(base: &str, region: Option<String>, looked: Vec<Looked>) -> Credentials {
    let metadata = Metadata { base: base.trim_end_matches('/').to_owned(), looked: looked.into() };
    Credentials::fetched(Fetch::Metadata(metadata), "CVM role".to_owned(), region)
}

impl Metadata {
    pub(super) async fn fetch(&self, core: &Core) -> Result<Temporary, CredentialsError> {
        let role = self.get(core, "").await?;
        let role = String::from_utf8_lossy(&role);
        let role = role.trim();
        if role.is_empty() || !role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@-_".contains(&byte)) {
            return Err(self.not_found("the answer is no role name"));
        }
        let unusable = |why: &str| CredentialsError::Fetch { place: format!("CVM role {role}"), why: why.to_owned() };
        let answer: Answer =
            serde_json::from_slice(&self.get(core, role).await?).map_err(|_| unusable("no keys in it"))?;
        if let Some(code) = answer.code.filter(|code| code != "Success") {
            return Err(unusable(&format!("code {code}")));
        }
        if answer.tmp_secret_id.is_empty() || answer.tmp_secret_key.is_empty() || answer.token.is_empty() {
            return Err(unusable("incomplete keys"));
        }
        Ok(Temporary {
            keys: Keys::temporary(answer.tmp_secret_id, answer.tmp_secret_key, Some(answer.token)),
            expires: answer.expired_time.unwrap_or_else(|| core.now() + 1800),
        })
    }

    async fn get(&self, core: &Core, role: &str) -> Result<Bytes, CredentialsError> {
        let address = format!("{}/latest/meta-data/cam/security-credentials/{role}", self.base);
        let url = address.parse().map_err(|_| self.not_found("its address is no URL"))?;
        let outgoing = Outgoing { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new() };
        let incoming =
            core.transport.send_in(outgoing, MANNER).await.map_err(|error| self.not_found(&error.to_string()))?;
        match incoming.status {
            200 => Ok(incoming.body),
            404 => Err(self.not_found("no role is bound to this machine")),
            status => Err(self.not_found(&format!("HTTP status {status}"))),
        }
    }

    fn not_found(&self, why: &str) -> CredentialsError {
        let mut looked = self.looked.to_vec();
        looked.push(Looked::new("CVM role", why));
        CredentialsError::NotFound { looked }
    }
}
