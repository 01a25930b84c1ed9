//! A request as an event, and an event function's answer as a response: the documented shapes (function URL
//! overview, pages 583/96099 and 583/69491). Pure.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::runner::WebAnswer;

/// What an event tells of a request.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) peer: IpAddr,
    pub(crate) request_id: &'a str,
    /// With the further members that an API gateway's event has.
    pub(crate) gateway_like: bool,
}

/// The event. The documented shape has no `isBase64Encoded`; it comes only with a body that is no text (assumed).
pub(crate) fn event(asked: &Asked<'_>) -> Value {
    let mut headers = Map::new();
    for name in asked.headers.keys() {
        let values: Vec<String> = asked
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        headers.insert(name.as_str().to_owned(), values.join(", ").into());
    }
    headers.insert("x-scf-remote-addr".to_owned(), asked.peer.to_string().into());
    let text = std::str::from_utf8(asked.body).ok();
    let mut event = json!({
        "httpMethod": asked.method.as_str(),
        "path": asked.path,
        "headers": headers,
        "queryString": query(asked.query),
        "body": text.map_or_else(|| STANDARD.encode(asked.body), str::to_owned),
    });
    if asked.gateway_like || text.is_none() {
        event["isBase64Encoded"] = text.is_none().into();
    }
    if asked.gateway_like {
        for member in ["pathParameters", "queryStringParameters", "headerParameters"] {
            event[member] = json!({});
        }
        event["requestContext"] = json!({
            "httpMethod": asked.method.as_str(), "path": asked.path, "requestId": asked.request_id,
            "sourceIp": asked.peer.to_string(), "identity": {},
        });
    }
    event
}

/// Names to decoded values; a name that is given more than once has a list (assumed).
fn query(text: &str) -> Map<String, Value> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut members = Map::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = Value::String(decode(value));
        match members.entry(decode(name)) {
            serde_json::map::Entry::Vacant(free) => {
                free.insert(value);
            }
            serde_json::map::Entry::Occupied(mut taken) => match taken.get_mut() {
                Value::Array(values) => values.push(value),
                first => *first = json!([first.take(), value]),
            },
        }
    }
    members
}

/// The response that an answer stands for: an object with `statusCode` says it all, any other answer is the
/// body of a 200. An answer that asks for what HTTP cannot carry is an error.
pub(crate) fn response(answer: &str) -> Result<WebAnswer, String> {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let whole = |headers| WebAnswer { status: StatusCode::OK, headers, body: Bytes::from(answer.to_owned()) };
    let Ok(value) = serde_json::from_str::<Value>(answer) else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        return Ok(whole(headers));
    };
    let Some(code) = value.get("statusCode") else { return Ok(whole(headers)) };
    let number = code.as_u64().or_else(|| code.as_str()?.parse().ok()).and_then(|code| u16::try_from(code).ok());
    let status = number.filter(|code| (200..=999).contains(code)).and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or_else(|| format!("statusCode {code} of the answer is no final HTTP status"))?;
    for (name, value) in value["headers"].as_object().into_iter().flatten() {
        let wrong = || format!("header `{name}` of the answer is no HTTP header");
        let name: HeaderName = name.parse().map_err(|_| wrong())?;
        if ["connection", "content-length", "transfer-encoding", "upgrade"].contains(&name.as_str()) {
            continue;
        }
        headers.remove(&name);
        let values = value.as_array().map_or_else(|| vec![value], |values| values.iter().collect());
        for value in values {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            headers.append(&name, text.parse().map_err(|_| wrong())?);
        }
    }
    let body = match &value["body"] {
        Value::Null => Bytes::new(),
        Value::String(text) if value["isBase64Encoded"] == true => {
            STANDARD.decode(text).map_err(|_| "the answer's body is not the base64 it claims to be".to_owned())?.into()
        }
        Value::String(text) => Bytes::from(text.clone()),
        other => Bytes::from(other.to_string()),
    };
    Ok(WebAnswer { status, headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<'a>(headers: &'a HeaderMap, body: &'a [u8], gateway_like: bool) -> Asked<'a> {
        Asked {
            method: &Method::POST,
            path: "/a/b",
            query: "x=1&y=a%20b+c&x=2&z",
            headers,
            body,
            peer: IpAddr::from([127, 0, 0, 1]),
            request_id: "id-1",
            gateway_like,
        }
    }

    #[test]
    fn a_request_becomes_the_documented_event() {
        let mut headers = HeaderMap::new();
        headers.append("accept", "a".parse().expect("a value"));
        headers.append("accept", "b".parse().expect("a value"));
        assert_eq!(
            event(&asked(&headers, b"{\"test\":1}", false)),
            json!({"httpMethod": "POST", "path": "/a/b", "body": "{\"test\":1}",
                "headers": {"accept": "a, b", "x-scf-remote-addr": "127.0.0.1"},
                "queryString": {"x": ["1", "2"], "y": "a b c", "z": ""}})
        );
        let binary = event(&asked(&headers, &[0xff, 0], false));
        assert_eq!((&binary["body"], &binary["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
        let gateway = event(&asked(&headers, b"", true));
        assert_eq!(
            (&gateway["isBase64Encoded"], &gateway["requestContext"]["requestId"]),
            (&json!(false), &json!("id-1"))
        );
    }

    fn check(answer: &str, status: u16, kind: &str, body: &[u8]) {
        let response = response(answer).unwrap_or_else(|why| panic!("{answer}: {why}"));
        assert_eq!(response.status.as_u16(), status, "{answer}");
        assert_eq!(response.headers[CONTENT_TYPE], kind, "{answer}");
        assert_eq!(response.body, body, "{answer}");
    }

    #[test]
    fn an_answer_becomes_the_response_it_describes() {
        check(r#"{"statusCode":201,"headers":{"Content-Type":"text/html"},"body":"<b>"}"#, 201, "text/html", b"<b>");
        check(r#"{"statusCode":200,"isBase64Encoded":true,"body":"/wA="}"#, 200, "application/json", &[0xff, 0]);
        check(r#"{"statusCode":"204"}"#, 204, "application/json", b"");
        check(r#"{"statusCode":200,"body":{"a":1}}"#, 200, "application/json", br#"{"a":1}"#);
        check(r#"{"message":"hi"}"#, 200, "application/json", br#"{"message":"hi"}"#);
        check(r#""hi""#, 200, "application/json", br#""hi""#);
        check("hi", 200, "text/plain; charset=utf-8", b"hi");
        let cookies =
            response(r#"{"statusCode":200,"headers":{"Set-Cookie":["a=1","b=2"],"X-N":3}}"#).expect("a response");
        assert_eq!(cookies.headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(cookies.headers["x-n"], "3");
    }

    #[test]
    fn an_answer_that_http_cannot_carry_is_refused() {
        for answer in [
            r#"{"statusCode":"many"}"#,
            r#"{"statusCode":100}"#,
            r#"{"statusCode":200,"headers":{"a b":"c"}}"#,
            r#"{"statusCode":200,"headers":{"a":"b\r\nc: d"}}"#,
            r#"{"statusCode":200,"isBase64Encoded":true,"body":"%"}"#,
        ] {
            assert!(response(answer).is_err(), "{answer}");
        }
    }
}
