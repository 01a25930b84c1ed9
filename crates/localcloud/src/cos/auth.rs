//! Verifies the signature of COS requests, from its published description alone: the canonical request is rebuilt from
//! the bytes that arrived and the lists of names that the client signed.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::{Digest, Sha1};

use super::{Pairs, Refused, refused};
use crate::auth::KeyRing;
use crate::encoding::hex;

/// What is not encoded in the canonical request.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// How far the client's clock may be ahead, in seconds (assumed: as elsewhere on the platform).
const MAX_SKEW_S: i64 = 300;

/// Verifies a request. `path` and `query` are decoded.
pub(super) fn verify(
    method: &str,
    path: &str,
    query: &Pairs,
    headers: &HeaderMap,
    keys: &dyn KeyRing,
    now_s: i64,
) -> Result<(), Refused> {
    let Some(authorization) = text(headers, "authorization") else {
        return refused(403, "AccessDenied", "the request is not signed");
    };
    let parts: BTreeMap<&str, &str> = authorization.split('&').filter_map(|part| part.split_once('=')).collect();
    let part = |name: &str| match parts.get(name) {
        Some(value) => Ok(*value),
        None => refused(403, "AccessDenied", format!("the Authorization header lacks {name}")),
    };
    if part("q-sign-algorithm")? != "sha1" {
        return refused(403, "AccessDenied", "q-sign-algorithm is sha1");
    }
    let (sign_time, key_time) = (part("q-sign-time")?, part("q-key-time")?);
    for times in [sign_time, key_time] {
        let Some((from, until)) = times.split_once(';').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)))
        else {
            return refused(403, "AccessDenied", "times are two numbers of Unix seconds with `;` between them");
        };
        let (from, until): (i64, i64) = (from, until);
        if now_s + MAX_SKEW_S < from {
            return refused(403, "RequestTimeTooSkewed", "the signature is of the future");
        }
        if until < now_s || until < from {
            return refused(403, "AccessDenied", "Request has expired");
        }
    }
    let Some(key) = keys.key(part("q-ak")?) else {
        return refused(403, "InvalidAccessKeyId", "the access key id does not exist");
    };
    let token = text(headers, "x-cos-security-token").unwrap_or_default();
    let token_fits = match &key.token {
        Some((expected, expires)) => token == expected && now_s < *expires,
        None => token.is_empty(),
    };
    if !token_fits {
        return refused(403, "AccessDenied", "the security token is wrong or has expired");
    }
    let names = |list: &str| list.split(';').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let header_list = names(part("q-header-list")?);
    let mut sent: Vec<String> = Vec::new();
    for name in &header_list {
        let Some(value) = text(headers, name) else {
            return refused(403, "SignatureDoesNotMatch", format!("{name} is signed and was not sent"));
        };
        let value = if name == "host" { super::without_port(value) } else { value };
        sent.push(format!("{name}={}", utf8_percent_encode(value.trim(), PLAIN)));
    }
    let mut asked: Vec<String> = Vec::new();
    for name in names(part("q-url-param-list")?) {
        let Some((_, value)) = query.iter().find(|(asked, _)| encoded(asked).to_lowercase() == name) else {
            return refused(403, "SignatureDoesNotMatch", format!("{name} is signed and was not sent"));
        };
        asked.push(format!("{name}={}", encoded(value)));
    }
    let http = format!("{}\n{path}\n{}\n{}\n", method.to_lowercase(), asked.join("&"), sent.join("&"));
    let to_sign = format!("sha1\n{sign_time}\n{}\n", hex(&Sha1::digest(http.as_bytes())));
    let sign_key = hex(&mac(key.secret.as_bytes(), key_time.as_bytes()));
    if hex(&mac(sign_key.as_bytes(), to_sign.as_bytes())) != part("q-signature")? {
        return refused(403, "SignatureDoesNotMatch", "the signature does not fit the request");
    }
    Ok(())
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
