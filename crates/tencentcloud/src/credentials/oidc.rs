//! Keys without secrets: a CI system or a cluster vouches for us with a signed token, and STS turns it into temporary
//! keys of a role that trusts the issuer.

use std::path::PathBuf;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use serde_json::Value;

use super::refresh::Temporary;
use super::{Credentials, CredentialsError, Fetch, Keys, Looked};
use crate::Environment;
use crate::client::{Authority, Core};
use crate::sts;
use crate::transport::Outgoing;

const ROLE: &str = "TENCENTCLOUD_ROLE_ARN";
const TOKEN_FILE: &str = "TENCENTCLOUD_WEB_IDENTITY_TOKEN_FILE";
const TOKEN: &str = "TENCENTCLOUD_WEB_IDENTITY_TOKEN";
const GITHUB_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const GITHUB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
const TKE: [&str; 4] = ["TKE_REGION", "TKE_PROVIDER_ID", "TKE_WEB_IDENTITY_TOKEN_FILE", "TKE_ROLE_ARN"];

/// The platform prescribes no audience; this is the one that the known GitHub action asks for.
const AUDIENCE: &str = "sts.tencentcloudapi.com";
/// The call needs a region; the SDKs fall back to this one.
const REGION: &str = "ap-guangzhou";

/// A role to take on, and where the proof comes from.
pub(super) struct WebIdentity {
    role: String,
    provider: String,
    session: String,
    region: String,
    proof: Proof,
}

/// Where the token comes from. Asked again at each renewal, for tokens live shorter than keys.
enum Proof {
    File(PathBuf),
    Text(String),
    GitHub { url: String, bearer: String, audience: String },
}

pub(super) fn web_identity(
    environment: &Environment,
    looked: &mut Vec<Looked>,
) -> Result<Option<Credentials>, CredentialsError> {
    let get = |name: &str| environment.get(name).map(str::to_owned);
    let session = get("TENCENTCLOUD_ROLE_SESSION_NAME").unwrap_or_else(|| "provision".to_owned());
    if let Some(role) = get(ROLE) {
        let proof = match (get(TOKEN_FILE), get(TOKEN), get(GITHUB_URL), get(GITHUB_TOKEN)) {
            (Some(path), ..) => Proof::File(path.into()),
            (None, Some(token), ..) => Proof::Text(token),
            (None, None, Some(url), Some(bearer)) => {
                let audience = get("TENCENTCLOUD_OIDC_AUDIENCE").unwrap_or_else(|| AUDIENCE.to_owned());
                Proof::GitHub { url, bearer, audience }
            }
            (None, None, Some(_), None) => {
                return Err(CredentialsError::Half {
                    present: GITHUB_URL.to_owned(),
                    missing: GITHUB_TOKEN.to_owned(),
                });
            }
            // No falling through: a CI job that lost its permission must not act with whatever its machine holds.
            (None, None, None, _) => {
                let missing = format!(
                    "{TOKEN_FILE}, {TOKEN} or GitHub's {GITHUB_URL} \
                     (does the job have permission `id-token: write`?)"
                );
                return Err(CredentialsError::Half { present: ROLE.to_owned(), missing });
            }
        };
        let provider = (get("TENCENTCLOUD_PROVIDER_ID"))
            .or_else(|| get("TENCENTCLOUD_OIDC_PROVIDER"))
            .unwrap_or_else(|| "OIDC".to_owned());
        let region = get("TENCENTCLOUD_REGION");
        let identity =
            WebIdentity { role, provider, session, region: region.clone().unwrap_or_else(|| REGION.to_owned()), proof };
        return Ok(Some(identity.into_credentials(region)));
    }
    if let [Some(region), Some(provider), Some(path), Some(role)] = TKE.map(get) {
        let identity = WebIdentity { role, provider, session, region: region.clone(), proof: Proof::File(path.into()) };
        return Ok(Some(identity.into_credentials(Some(region))));
    }
    looked.push(Looked::new("OIDC", format!("{ROLE} is not set")));
    Ok(None)
}

impl WebIdentity {
    fn into_credentials(self, region: Option<String>) -> Credentials {
        let source = format!("OIDC role {} ({})", self.role, self.proof.place());
        Credentials::fetched(Fetch::WebIdentity(self), source, region)
    }

    pub(super) async fn fetch(&self, core: &Core) -> Result<Temporary, CredentialsError> {
        let token = self.proof.token(core).await?;
        let request = sts::AssumeRoleWithWebIdentity {
            provider_id: self.provider.clone(),
            web_identity_token: token.clone(),
            role_arn: self.role.clone(),
            role_session_name: self.session.clone(),
            duration_seconds: None,
        };
        let answer = core
            .call(Some(&self.region), &request, Authority::Nobody)
            .await
            .map_err(|source| CredentialsError::Exchange { role: self.role.clone(), source: source.without(&token) })?;
        Ok(temporary(answer.credentials, answer.expired_time, core))
    }
}

/// What STS handed out. Without an end, keys count as good for the shortest documented default, half an hour.
pub(super) fn temporary(given: sts::Credentials, expires: Option<u64>, core: &Core) -> Temporary {
    Temporary {
        keys: Keys::temporary(given.tmp_secret_id, given.tmp_secret_key, Some(given.token)),
        expires: expires.and_then(|at| i64::try_from(at).ok()).unwrap_or_else(|| core.now() + 1800),
    }
}

impl Proof {
    fn place(&self) -> String {
        match self {
            Self::File(path) => format!("token file {}", path.display()),
            Self::Text(_) => TOKEN.to_owned(),
            Self::GitHub { .. } => "GitHub's id-token".to_owned(),
        }
    }

    async fn token(&self, core: &Core) -> Result<String, CredentialsError> {
        let unusable = |why: String| CredentialsError::Unusable { place: self.place(), why };
        let text = match self {
            Self::Text(token) => token.clone(),
            Self::File(path) => tokio::fs::read_to_string(path).await.map_err(|error| unusable(error.to_string()))?,
            Self::GitHub { url, bearer, audience } => github(core, url, bearer, audience).await?,
        };
        match text.trim() {
            "" => Err(unusable("the token is empty".to_owned())),
            token => Ok(token.to_owned()),
        }
    }
}

/// Asks GitHub for a token for `audience`; the answer is `{"value": "..."}`.
async fn github(core: &Core, url: &str, bearer: &str, audience: &str) -> Result<String, CredentialsError> {
    let failed =
        |why: &str| CredentialsError::Fetch { place: "GitHub's id-token service".to_owned(), why: why.to_owned() };
    let mut url: Url = url.parse().map_err(|_| failed("its address is no URL"))?;
    url.query_pairs_mut().append_pair("audience", audience);
    let mut bearer =
        HeaderValue::from_str(&format!("Bearer {bearer}")).map_err(|_| failed("its request token fits no header"))?;
    bearer.set_sensitive(true);
    let headers =
        HeaderMap::from_iter([(AUTHORIZATION, bearer), (ACCEPT, HeaderValue::from_static("application/json"))]);
    let outgoing = Outgoing { method: Method::GET, url, headers, body: Bytes::new() };
    let incoming = core.fetch(outgoing).await.map_err(|error| failed(&error.to_string()))?;
    if incoming.status != 200 {
        return Err(failed(&format!("HTTP status {}", incoming.status)));
    }
    let answer: Value = serde_json::from_slice(&incoming.body).map_err(|_| failed("no JSON"))?;
    (answer.get("value").and_then(Value::as_str).map(str::to_owned)).ok_or_else(|| failed("no token in it"))
}
