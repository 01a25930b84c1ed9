//! The signature of COS requests: request, keys and time in, `Authorization` out. A pure function, proven by a vector
//! of the official SDK. Nothing of the body is covered; what it should be travels in `content-md5`, which is.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};

/// What is signed of a request.
#[derive(Clone, Copy, Debug)]
pub struct SignedParts<'a> {
    /// The HTTP method, in any case.
    pub method: &'a str,
    /// The path, decoded, with its leading slash.
    pub path: &'a str,
    /// The query's parameters, decoded, in any order.
    pub query: &'a [(&'a str, &'a str)],
    /// Headers to sign, in any order and case. The host stands without its port.
    pub headers: &'a [(&'a str, &'a str)],
}

/// Every stage of a signature: the last is what is sent, the others say where two sides disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The request in canonical form.
    pub http_string: String,
    /// What the key signs.
    pub string_to_sign: String,
    /// Lower-case hex.
    pub signature: String,
    /// The value of the `Authorization` header.
    pub authorization: String,
}

/// Signs a request for the time between two moments (Unix seconds). Facts CAM 8.1.
#[must_use]
pub fn sign(parts: &SignedParts<'_>, secret_id: &str, secret_key: &str, from: i64, until: i64) -> Signature {
    let (header_names, headers) = canonical(parts.headers);
    let (query_names, query) = canonical(parts.query);
    let time = format!("{from};{until}");
    let http_string = format!("{}\n{}\n{query}\n{headers}\n", parts.method.to_ascii_lowercase(), parts.path);
    let string_to_sign = format!("sha1\n{time}\n{}\n", hex(&Sha1::digest(&http_string)));
    // The second key is the first one's hex text, not its bytes.
    let key = hex(&hmac(secret_key, &time));
    let signature = hex(&hmac(&key, &string_to_sign));
    let authorization = format!(
        "q-sign-algorithm=sha1&q-ak={secret_id}&q-sign-time={time}&q-key-time={time}\
         &q-header-list={header_names}&q-url-param-list={query_names}&q-signature={signature}"
    );
    Signature { http_string, string_to_sign, signature, authorization }
}

/// Names joined by `;`, and pairs joined by `&`, both sorted: names in lower case, everything encoded.
fn canonical(pairs: &[(&str, &str)]) -> (String, String) {
    let mut pairs: Vec<(String, String)> =
        pairs.iter().map(|(name, value)| (encode(name).to_ascii_lowercase(), encode(value.trim()))).collect();
    pairs.sort();
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    let joined: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    (names.join(";"), joined.join("&"))
}

/// Percent-encodes everything but letters, digits and `-_.~`.
pub(super) fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

fn hmac(key: &str, message: &str) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
