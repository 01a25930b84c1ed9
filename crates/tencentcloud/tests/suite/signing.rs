//! Every published vector, at every stage; and the client's own requests, verified by the same function on the
//! server's side.

use serde::Deserialize;
use tencentcloud::sign::{Payload, SignedParts, sign};
use tencentcloud::{scf, sts};

use crate::support::{Reply, Server};

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    service: String,
    method: String,
    query: String,
    timestamp: i64,
    secret_id: String,
    secret_key: String,
    payload_hex: String,
    unsigned_payload: bool,
    signed_headers: String,
    canonical_request: String,
    string_to_sign: String,
    signature: String,
    authorization: String,
    headers: std::collections::BTreeMap<String, String>,
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

#[test]
fn every_stage_of_every_vector_is_reproduced() {
    let vectors: Vectors = serde_json::from_str(include_str!("../vectors/tc3.json")).expect("vectors");
    assert_eq!(vectors.vectors.len(), 13);
    for vector in &vectors.vectors {
        let body = unhex(&vector.payload_hex);
        let headers: Vec<(&str, &str)> = (vector.headers.iter())
            .filter(|(name, _)| vector.signed_headers.split(';').any(|signed| signed.eq_ignore_ascii_case(name)))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let parts = SignedParts {
            method: &vector.method,
            query: &vector.query,
            headers: &headers,
            payload: if vector.unsigned_payload { Payload::Unsigned } else { Payload::Signed(&body) },
        };
        let signed = sign(&parts, &vector.service, &vector.secret_id, &vector.secret_key, vector.timestamp)
            .expect("a time within the calendar");
        assert_eq!(signed.canonical_request, vector.canonical_request, "{}", vector.id);
        assert_eq!(signed.string_to_sign, vector.string_to_sign, "{}", vector.id);
        assert_eq!(signed.signature, vector.signature, "{}", vector.id);
        assert_eq!(signed.authorization, vector.authorization, "{}", vector.id);
    }
}

#[test]
fn a_time_outside_the_calendar_is_no_panic() {
    let parts = SignedParts { method: "POST", query: "", headers: &[], payload: Payload::Unsigned };
    assert_eq!(sign(&parts, "scf", "id", "key", i64::MAX), None);
}

#[tokio::test]
async fn the_bytes_on_the_wire_carry_a_signature_over_themselves() {
    let server = Server::start(|_, _| Reply::Response(serde_json::json!({}))).await;
    let request = scf::UpdateNamespace { namespace: "media".to_owned(), description: "媒体 ☂".to_owned() };
    server.client().call(Some("ap-beijing"), &request).await.expect("done");

    let sent = &server.requests()[0];
    let parts = SignedParts {
        method: "POST",
        query: "",
        headers: &[("content-type", sent.header("content-type")), ("host", sent.header("host"))],
        payload: Payload::Signed(&sent.body),
    };
    let timestamp = sent.header("x-tc-timestamp").parse().expect("a timestamp");
    let expected = sign(&parts, "scf", "local", "local", timestamp).expect("a signature");
    assert_eq!(sent.header("authorization"), expected.authorization);
    assert_eq!(sent.line, "POST / HTTP/1.1");
    assert_eq!(sent.header("host"), format!("127.0.0.1:{}", server.url.port().expect("a port")));
    assert_eq!(sent.header("content-type"), "application/json");
    assert_eq!(sent.header("x-tc-version"), "2018-04-16");
    assert_eq!(sent.header("x-tc-region"), "ap-beijing");
    assert_eq!(sent.header("x-tc-language"), "en-US");
    assert!(!sent.headers.contains_key("x-tc-token"));
}

#[tokio::test]
async fn a_call_without_members_sends_an_empty_object_and_no_region() {
    let server = Server::start(|_, _| Reply::Response(serde_json::json!({ "AccountId": "1" }))).await;
    server.client().call(None, &sts::GetCallerIdentity::default()).await.expect("done");
    let sent = &server.requests()[0];
    assert_eq!(sent.body, b"{}");
    assert!(!sent.headers.contains_key("x-tc-region"));
}
