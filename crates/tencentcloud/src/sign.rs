//! TC3-HMAC-SHA256: request, keys and time in, signature out. A pure function, proven stage by stage against published
//! vectors. Which headers a request carries is module `request`'s business.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The algorithm's name, as it stands in the header and in the string to sign.
const ALGORITHM: &str = "TC3-HMAC-SHA256";

/// How a request's body enters the signature.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// Its digest, over the bytes as sent.
    Signed(&'a [u8]),
    /// Not at all: header `X-TC-Content-SHA256: UNSIGNED-PAYLOAD` says so.
    Unsigned,
}

/// What is signed of a request.
#[derive(Clone, Copy, Debug)]
pub struct SignedParts<'a> {
    /// The HTTP method, upper case.
    pub method: &'a str,
    /// The raw query string exactly as sent, without `?`; empty for POST.
    pub query: &'a str,
    /// Headers to sign, in any order and case; `content-type` and `host` at least.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub payload: Payload<'a>,
}

/// Every stage of a signature: the last is what is sent, the others say where two sides disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The request in canonical form.
    pub canonical_request: String,
    /// What the key signs.
    pub string_to_sign: String,
    /// Lower-case hex.
    pub signature: String,
    /// The value of the `Authorization` header.
    pub authorization: String,
}

/// Signs a request for `service` (the short name, also on regional hosts) at `timestamp` (Unix seconds). None when the
/// timestamp is outside the calendar.
#[must_use]
pub fn sign(
    parts: &SignedParts<'_>,
    service: &str,
    secret_id: &str,
    secret_key: &str,
    timestamp: i64,
) -> Option<Signature> {
    // The date is that of UTC, whatever the machine's zone.
    let date = jiff::Timestamp::from_second(timestamp).ok()?.strftime("%Y-%m-%d").to_string();
    let scope = format!("{date}/{service}/tc3_request");

    let mut headers: Vec<(String, String)> =
        (parts.headers.iter()).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_lowercase())).collect();
    headers.sort();
    let signed_headers = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");

    // The path is `/` for every call of this API, even behind an endpoint with a path.
    let mut canonical_request = format!("{}\n/\n{}\n", parts.method, parts.query);
    for (name, value) in &headers {
        let _ = writeln!(canonical_request, "{name}:{value}");
    }
    let payload_digest = match parts.payload {
        Payload::Signed(body) => hex(&Sha256::digest(body)),
        Payload::Unsigned => hex(&Sha256::digest(b"UNSIGNED-PAYLOAD")),
    };
    let _ = write!(canonical_request, "\n{signed_headers}\n{payload_digest}");

    let string_to_sign = format!("{ALGORITHM}\n{timestamp}\n{scope}\n{}", hex(&Sha256::digest(&canonical_request)));
    let date_key = hmac(format!("TC3{secret_key}").as_bytes(), &date);
    let service_key = hmac(&date_key, service);
    let signing_key = hmac(&service_key, "tc3_request");
    let signature = hex(&hmac(&signing_key, &string_to_sign));
    let authorization =
        format!("{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}");
    Some(Signature { canonical_request, string_to_sign, signature, authorization })
}

fn hmac(key: &[u8], message: &str) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
