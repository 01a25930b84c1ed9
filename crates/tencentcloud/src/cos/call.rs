//! One request to COS: signed, sent under the bucket's own host, and read.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::sign::{SignedParts, encode, sign};
use super::{Bucket, answer};
use crate::api::{Effect, Service};
use crate::client::{Cause, Exchange};
use crate::error::{CallName, Unknown};
use crate::request::{Dialect, Endpoint, Reading, Signer};
use crate::transport::{Incoming, Outgoing};

/// A signature begins to hold this long before now: clocks differ. So does the official SDK's.
const EARLY_S: i64 = 60;
/// How long it holds; long enough for a part on a slow line.
const VALID_S: i64 = 900;
/// How long one request may take: a part of 2 MB even at 10 KB a second.
const LIMIT: Duration = Duration::from_secs(240);

/// A request about an object or a bucket, and how its answer is read.
pub(super) struct Call<'a, R> {
    pub(super) action: &'static str,
    pub(super) effect: Effect,
    pub(super) bucket: &'a Bucket,
    pub(super) method: Method,
    /// Without a leading slash; empty is the bucket itself.
    pub(super) key: &'a str,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    pub(super) read: fn(&Incoming) -> Result<R, Unknown>,
}

impl<R: Send> Exchange for Call<'_, R> {
    type Response = R;

    fn name(&self) -> CallName {
        let region = Some(self.bucket.region.clone());
        CallName { service: Service::Cos, action: self.action, region, effect: self.effect }
    }

    fn limit(&self) -> Option<Duration> {
        Some(LIMIT)
    }

    fn outgoing(&self, endpoint: &Endpoint, dialect: &Dialect, signer: &Signer, now: i64) -> Result<Outgoing, Cause> {
        let host = self.bucket.host();
        let mut url = match endpoint.fixed() {
            Some(url) => url.clone(),
            None => format!("https://{host}/").parse()?,
        };
        let segments: Vec<String> = self.key.split('/').map(encode).collect();
        url.set_path(&format!("/{}", segments.join("/")));
        let query: Vec<String> = (self.query.iter())
            .map(
                |(name, value)| if value.is_empty() { (*name).to_owned() } else { format!("{name}={}", encode(value)) },
            )
            .collect();
        url.set_query((!query.is_empty()).then(|| query.join("&")).as_deref());

        let mut signed: Vec<(&str, String)> = vec![("host", host)];
        if self.method == Method::PUT || self.method == Method::POST {
            signed.push(("content-length", self.body.len().to_string()));
        }
        signed.extend(self.headers.iter().map(|(name, value)| (*name, value.clone())));
        let Signer::Keys(keys) = signer else { return Err("requests to COS are signed".into()) };
        if let Some(token) = keys.token() {
            signed.push(("x-cos-security-token", token.to_owned()));
        }
        let path = format!("/{}", self.key);
        let authorization = sign(
            &SignedParts {
                method: self.method.as_str(),
                path: &path,
                query: &self.query.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(),
                headers: &signed.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(),
            },
            keys.secret_id(),
            keys.secret_key(),
            now - EARLY_S,
            now + VALID_S,
        )
        .authorization;
        signed.push(("authorization", authorization));
        signed.push(("user-agent", dialect.agent.clone()));
        let mut headers = HeaderMap::with_capacity(signed.len());
        for (name, value) in signed {
            let mut value =
                HeaderValue::from_str(&value).map_err(|_| format!("a value does not fit into header {name}"))?;
            value.set_sensitive(matches!(name, "authorization" | "x-cos-security-token"));
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(Outgoing { method: self.method.clone(), url, headers, body: self.body.clone() })
    }

    fn read(&self, incoming: &Incoming) -> Result<Reading<R>, Unknown> {
        if let Some(refusal) = answer::refusal(incoming, self.method != Method::HEAD)? {
            return Ok(Reading::Refused(refusal));
        }
        let request_id = answer::header(incoming, "x-cos-request-id").map(str::to_owned);
        Ok(Reading::Done { response: (self.read)(incoming)?, request_id })
    }
}
