//! Typed call -> HTTP request, and HTTP answer -> typed response: both pure.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::Service;
use crate::credentials::Keys;
use crate::error::{Refusal, Unknown};
use crate::sign::{Payload, SignedParts, sign};
use crate::transport::Outgoing;

/// Exactly this, without a charset: it is what the official SDKs sign and send.
const JSON: &str = "application/json";

/// The API front end takes at most 10 MB of signed POST body (request structure page of the API reference).
pub const MAX_REQUEST_BYTES: usize = 10 << 20;

/// A call, serialised once and signed anew for each attempt.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) version: &'static str,
    pub(crate) action: &'static str,
    pub(crate) region: Option<String>,
    pub(crate) body: Bytes,
    /// How long an attempt may take, if not as long as usual.
    pub(crate) limit: Option<Duration>,
}

/// What a client says about itself.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    pub(crate) language: String,
    pub(crate) agent: String,
}

/// Who signs.
pub(crate) enum Signer {
    Keys(Keys),
    /// For the one call that is authorised by its own content: a literal `SKIP` instead of a signature.
    Nobody,
}

/// Where calls go.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint(Option<Url>);

/// Regions of the finance cloud, which have access points of their own (request structure page).
const FINANCE_REGIONS: [&str; 2] = ["ap-shanghai-fsi", "ap-shenzhen-fsi"];

impl Endpoint {
    /// The provider's hosts, or one URL for every service; its path and query are dropped.
    pub(crate) fn new(fixed: Option<Url>) -> Self {
        Self(fixed.map(|mut url| {
            url.set_path("/");
            url.set_query(None);
            url.set_fragment(None);
            url
        }))
    }

    /// The one URL for every service, if there is one.
    pub(crate) fn fixed(&self) -> Option<&Url> {
        self.0.as_ref()
    }

    fn url(&self, service: Service, region: Option<&str>) -> Result<Url, Cause> {
        if let Some(url) = &self.0 {
            return Ok(url.clone());
        }
        let text = match region {
            Some(region) if FINANCE_REGIONS.contains(&region) => {
                format!("https://{service}.{region}.tencentcloudapi.com/")
            }
            _ => format!("https://{service}.tencentcloudapi.com/"),
        };
        Ok(text.parse::<Url>()?)
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The `Host` header as the HTTP stack sends it: with the port when it is not the scheme's own.
fn host_of(url: &Url) -> Result<String, Cause> {
    let host = url.host_str().ok_or("the endpoint has no host")?;
    Ok(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// Builds the signed request of one attempt.
pub(crate) fn build(
    call: &Call,
    endpoint: &Endpoint,
    dialect: &Dialect,
    signer: &Signer,
    timestamp: i64,
) -> Result<Outgoing, Cause> {
    let url = endpoint.url(call.service, call.region.as_deref())?;
    let host = host_of(&url)?;
    let authorization = match signer {
        Signer::Nobody => "SKIP".to_owned(),
        Signer::Keys(keys) => {
            let parts = SignedParts {
                method: "POST",
                query: "",
                headers: &[("content-type", JSON), ("host", &host)],
                payload: Payload::Signed(&call.body),
            };
            sign(&parts, call.service.name(), keys.secret_id(), keys.secret_key(), timestamp)
                .ok_or("the clock is outside the calendar")?
                .authorization
        }
    };
    let mut headers = HeaderMap::with_capacity(10);
    let mut put = |name: &'static str, value: &str| -> Result<(), Cause> {
        let mut value = HeaderValue::from_str(value).map_err(|_| format!("a value does not fit into header {name}"))?;
        value.set_sensitive(matches!(name, "authorization" | "x-tc-token"));
        headers.insert(HeaderName::from_static(name), value);
        Ok(())
    };
    put("content-type", JSON)?;
    put("authorization", &authorization)?;
    put("x-tc-action", call.action)?;
    put("x-tc-version", call.version)?;
    put("x-tc-timestamp", &timestamp.to_string())?;
    put("x-tc-language", &dialect.language)?;
    put("x-tc-requestclient", &dialect.agent.replace('/', "_"))?;
    put("user-agent", &dialect.agent)?;
    if let Some(region) = &call.region {
        put("x-tc-region", region)?;
    }
    if let Signer::Keys(keys) = signer
        && let Some(token) = keys.token()
    {
        put("x-tc-token", token)?;
    }
    Ok(Outgoing { method: Method::POST, url, headers, body: call.body.clone() })
}

/// What an answer with HTTP status 200 says.
#[derive(Debug)]
pub(crate) enum Reading<R> {
    Done { response: R, request_id: Option<String> },
    Refused(Refusal),
}

/// Reads an answer. Whatever is not exactly an answer of the API is unreadable: an error page or half a body must not
/// be taken for "there is nothing".
pub(crate) fn read<R: DeserializeOwned>(status: u16, body: &[u8]) -> Result<Reading<R>, Unknown> {
    if status != 200 {
        return Err(Unknown::Status(status));
    }
    let unreadable = |why: String| Unknown::Unreadable(why);
    let answer: Value = serde_json::from_slice(body).map_err(|error| {
        unreadable(format!("no JSON ({} bytes, {:?} at column {})", body.len(), error.classify(), error.column()))
    })?;
    let Value::Object(mut answer) = answer else {
        return Err(unreadable("no JSON object".to_owned()));
    };
    let Some(Value::Object(mut response)) = answer.remove("Response") else {
        return Err(unreadable("no `Response` object".to_owned()));
    };
    let request_id = response.get("RequestId").and_then(Value::as_str).map(str::to_owned);
    match response.remove("Error") {
        None | Some(Value::Null) => {}
        Some(error) => {
            let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
            let code = text("Code").ok_or_else(|| unreadable("an `Error` without code".to_owned()))?;
            return Ok(Reading::Refused(Refusal { code, message: text("Message").unwrap_or_default(), request_id }));
        }
    }
    let response = serde_json::from_value(Value::Object(response)).map_err(|error| unreadable(shape_of(&error)))?;
    Ok(Reading::Done { response, request_id })
}

/// What does not fit, without quoting values: serde's "invalid type" messages would.
fn shape_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("missing field") || text.starts_with("expected ") {
        text
    } else {
        "members of unexpected types".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scf::ListFunctionsAnswer;

    const ANSWER: &str = r#"{"Response":{"Functions":[],"TotalCount":0,"RequestId":"r"}}"#;

    #[test]
    fn no_beginning_of_an_answer_is_taken_for_the_answer() {
        assert!(read::<ListFunctionsAnswer>(200, ANSWER.as_bytes()).is_ok());
        for length in 0..ANSWER.len() {
            assert!(read::<ListFunctionsAnswer>(200, &ANSWER.as_bytes()[..length]).is_err(), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_never_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read::<ListFunctionsAnswer>(200, &bytes).is_err());
        }

        #[test]
        fn no_single_changed_byte_makes_an_answer_panic(at in 0..ANSWER.len(), byte: u8) {
            let mut bytes = ANSWER.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = read::<ListFunctionsAnswer>(200, &bytes);
        }
    }

    #[test]
    fn finance_regions_have_access_points_of_their_own() {
        let host =
            |service, region| Endpoint::new(None).url(service, region).expect("a URL").host_str().map(str::to_owned);
        let check = |service, region, expected: &str| assert_eq!(host(service, region).as_deref(), Some(expected));
        check(Service::Scf, Some("ap-beijing"), "scf.tencentcloudapi.com");
        check(Service::Scf, Some("ap-shanghai-fsi"), "scf.ap-shanghai-fsi.tencentcloudapi.com");
        check(Service::Cam, None, "cam.tencentcloudapi.com");
    }
}
