//! COS by its virtual hosts, `BUCKET-APPID.cos.REGION.myqcloud.com`: from HTTP to an action of the state and back to
//! XML. Verifying is `auth`'s job; what objects and uploads are, `state`'s. Only what code packages and simple clients
//! need is served; everything else is refused, never ignored.

mod auth;
mod serve;

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::HOST;
use hyper::http::request::Parts;

pub(crate) use serve::{ACTIONS, respond, xml};

/// The largest body that is taken (assumed, for memory holds it: the real service takes 5 GB in one request).
pub(crate) const MAX_BODY: usize = 200 << 20;

/// Decoded query parameters in their order.
pub(crate) type Pairs = Vec<(String, String)>;

/// Which bucket a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// With the appid at its end.
    pub(crate) bucket: String,
    pub(crate) region: String,
}

/// A refusal: HTTP status, code and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

pub(crate) fn refused<T>(status: u16, code: &str, message: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { status, code: code.to_owned(), message: message.into() })
}

/// What was done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Done {
    /// 0 is 200.
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
}

/// The bucket that a request's host names. `None`: it is no request for COS.
pub(crate) fn route(head: &Parts) -> Option<Place> {
    let host = head.headers.get(HOST)?.to_str().ok()?;
    let (bucket, region) = without_port(host).strip_suffix(".myqcloud.com")?.split_once(".cos.")?;
    (!bucket.is_empty() && !region.is_empty()).then(|| Place { bucket: bucket.to_owned(), region: region.to_owned() })
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// A header as text; empty where there is none.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
