//! One request to a bucket: which action it is, its faults, and its answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Map;

use super::{Done, Pairs, Place, Refused, auth, header, refused};
use crate::calls::CallSeen;
use crate::cloud::{Cloud, now_ms};
use crate::delivery::Delivery;
use crate::fault::Effect;
use crate::state::{Call, uuid};

/// An answer, ready for HTTP.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Answers one request. `body` is `None` when it was too large to be read.
pub(crate) async fn respond(cloud: &Arc<Cloud>, place: &Place, head: &Parts, body: Option<Bytes>) -> (Reply, Delivery) {
    if !cloud.options.latency.is_zero() {
        tokio::time::sleep(cloud.options.latency).await;
    }
    let query = pairs(head.uri.query().unwrap_or_default());
    let action = action(head, &query);
    let (result, delivery) = match admit(cloud, place, head, &query) {
        Ok(key) => play(cloud, &Asked { place, head, query: &query, key: &key }, action, body).await,
        Err(refusal) => (Err(refusal), Delivery::default()),
    };
    let outcome = delivery.outcome().unwrap_or_else(|| match &result {
        Ok(_) => "ok".to_owned(),
        Err(refusal) => refusal.code.clone(),
    });
    cloud.calls.note(CallSeen {
        service: "cos".to_owned(),
        action: action.to_owned(),
        region: place.region.clone(),
        outcome,
    });
    (reply(result, head, place), delivery)
}

/// Names of the actions that are served.
pub(crate) const ACTIONS: [&str; 12] = [
    "HeadObject",
    "HeadBucket",
    "UploadPart",
    "PutObject",
    "PutBucket",
    "InitiateMultipartUpload",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "DeleteObject",
    "ListParts",
    "GetObject",
    "ListMultipartUploads",
];

/// The action's name, as permissions and documents call it.
fn action(head: &Parts, query: &Pairs) -> &'static str {
    let asks = |name: &str| query.iter().any(|(asked, _)| asked == name);
    let object = head.uri.path() != "/";
    match head.method.as_str() {
        "HEAD" if object => "HeadObject",
        "HEAD" => "HeadBucket",
        "PUT" if object && asks("partNumber") => "UploadPart",
        "PUT" if object => "PutObject",
        "PUT" => "PutBucket",
        "POST" if object && asks("uploads") => "InitiateMultipartUpload",
        "POST" if object && asks("uploadId") => "CompleteMultipartUpload",
        "DELETE" if object && asks("uploadId") => "AbortMultipartUpload",
        "DELETE" if object => "DeleteObject",
        "GET" if object && asks("uploadId") => "ListParts",
        "GET" if object => "GetObject",
        "GET" if asks("uploads") => "ListMultipartUploads",
        _ => "",
    }
}

/// A verified request.
struct Asked<'a> {
    place: &'a Place,
    head: &'a Parts,
    query: &'a Pairs,
    key: &'a str,
}

impl Asked<'_> {
    fn parameter(&self, name: &str) -> &str {
        self.query.iter().find(|(asked, _)| asked == name).map_or("", |(_, value)| value)
    }
}

/// Checks form and signature; the object's key.
fn admit(cloud: &Cloud, place: &Place, head: &Parts, query: &Pairs) -> Result<String, Refused> {
    let name = place.bucket.rsplit_once('-');
    let fits = name.is_some_and(|(name, appid)| {
        !name.is_empty()
            && place.bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && appid.len() >= 5
            && appid.bytes().all(|b| b.is_ascii_digit())
    });
    if !fits {
        return refused(400, "InvalidBucketName", "a bucket is called NAME-APPID");
    }
    let Ok(path) = percent_decode_str(head.uri.path()).decode_utf8() else {
        return refused(400, "InvalidURI", "the key is not UTF-8");
    };
    auth::verify(head.method.as_str(), &path, query, &head.headers, cloud, now_ms() / 1000)?;
    Ok(path.trim_start_matches('/').to_owned())
}

/// Carries a request out with whatever faults apply to it.
async fn play(
    cloud: &Arc<Cloud>,
    asked: &Asked<'_>,
    action: &str,
    body: Option<Bytes>,
) -> (Result<Done, Refused>, Delivery) {
    let call = Call {
        service: "cos".to_owned(),
        action: action.to_owned(),
        region: asked.place.region.clone(),
        members: Map::new(),
    };
    let mut delivery = Delivery::default();
    let (mut refused_after, mut times) = (None, 1);
    for effect in cloud.effects(&call) {
        match delivery.take(effect) {
            Some(Effect::Refuse { code, message }) => return (refused(403, &code, message), delivery),
            Some(Effect::RefuseAfter { code, message }) => refused_after = Some(refused(500, &code, message)),
            Some(Effect::Throttle) => {
                return (refused(503, "SlowDown", "please reduce your request rate"), delivery);
            }
            Some(Effect::Delay { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Some(Effect::Twice) => times = 2,
            // COS answers with what it holds, and has neither busy objects nor members.
            Some(_) | None => {}
        }
    }
    if delivery.undone {
        return (Ok(Done::default()), delivery);
    }
    let Some(body) = body else {
        return (refused(400, "EntityTooLarge", "the local cloud takes 200 MB in one request"), delivery);
    };
    let mut result = Ok(Done::default());
    for _ in 0..times {
        result = carry_out(cloud, asked, action, body.clone()).await;
    }
    (refused_after.unwrap_or(result), delivery)
}

async fn carry_out(cloud: &Arc<Cloud>, asked: &Asked<'_>, action: &str, body: Bytes) -> Result<Done, Refused> {
    let (place, key, headers) = (asked.place, asked.key, &asked.head.headers);
    let now = now_ms();
    let unstored = || refused(500, "InternalError", "the store did not take the change");
    match action {
        "HeadObject" => cloud.look(|state| state.head_object(place, key)),
        "GetObject" => cloud.look(|state| state.get_object(place, key)),
        "ListParts" => {
            let (upload, after) = (asked.parameter("uploadId"), asked.parameter("part-number-marker"));
            cloud.look(|state| state.list_parts(place, key, upload, after))
        }
        "ListMultipartUploads" => {
            let prefix = asked.parameter("prefix");
            cloud.look(|state| state.list_uploads(place, prefix))
        }
        "PutObject" => {
            let forbid = header(headers, "x-cos-forbid-overwrite") == "true";
            let (kind, meta) = described(headers);
            let md5 = header(headers, "content-md5");
            let put = cloud.change(|state| state.put_object(place, key, &body, md5, kind, meta, forbid, now)).await;
            put.unwrap_or_else(unstored)
        }
        "InitiateMultipartUpload" => {
            let (kind, meta) = described(headers);
            cloud.change(|state| state.initiate_upload(place, key, kind, meta, now)).await.unwrap_or_else(unstored)
        }
        "UploadPart" => {
            let (upload, number) = (asked.parameter("uploadId"), asked.parameter("partNumber"));
            let md5 = header(headers, "content-md5");
            let put = cloud.change(|state| state.upload_part(place, key, upload, number, &body, md5)).await;
            put.unwrap_or_else(unstored)
        }
        "CompleteMultipartUpload" => {
            let (upload, text) = (asked.parameter("uploadId"), String::from_utf8_lossy(&body).into_owned());
            let done = cloud.change(|state| state.complete_upload(place, key, upload, &text, now)).await;
            done.unwrap_or_else(unstored)
        }
        "AbortMultipartUpload" => {
            let upload = asked.parameter("uploadId");
            cloud.change(|state| state.abort_upload(place, key, upload)).await.unwrap_or_else(unstored)
        }
        "DeleteObject" => cloud.change(|state| state.delete_object(place, key)).await.unwrap_or_else(unstored),
        // Every well-named bucket exists (assumed).
        "PutBucket" | "HeadBucket" => Ok(Done::default()),
        _ => refused(405, "MethodNotAllowed", "the local cloud does not serve this request of COS"),
    }
}

/// The content type and the metadata that a client gave.
fn described(headers: &HeaderMap) -> (String, std::collections::BTreeMap<String, String>) {
    let meta = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-cos-meta-"));
    let meta = meta.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    (header(headers, "content-type").to_owned(), meta.collect())
}

fn reply(result: Result<Done, Refused>, head: &Parts, place: &Place) -> Reply {
    let id = uuid();
    let mut headers = HeaderMap::new();
    let (status, body) = match result {
        Ok(done) => {
            for (name, value) in &done.headers {
                if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                    headers.insert(name, value);
                }
            }
            (if done.status == 0 { 200 } else { done.status }, done.body)
        }
        // Answers to HEAD have no text, refusals among them.
        Err(refusal) if head.method == "HEAD" => (refusal.status, Bytes::new()),
        Err(refusal) => {
            let resource = format!("{}.cos.{}.myqcloud.com{}", place.bucket, place.region, head.uri.path());
            let text = format!(
                "<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n\t<Code>{}</Code>\n\t<Message>{}</Message>\n\t\
                 <Resource>{}</Resource>\n\t<RequestId>{id}</RequestId>\n</Error>\n",
                xml(&refusal.code),
                xml(&refusal.message),
                xml(&resource)
            );
            headers.insert("content-type", HeaderValue::from_static("application/xml"));
            (refusal.status, text.into())
        }
    };
    headers.insert("server", HeaderValue::from_static("tencent-cos"));
    if let Ok(id) = HeaderValue::try_from(&id) {
        headers.insert("x-cos-request-id", id);
    }
    Reply { status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), headers, body }
}

/// Text within XML.
pub(crate) fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn pairs(query: &str) -> Pairs {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pair = |part: &str| match part.split_once('=') {
        Some((name, value)) => (decoded(name), decoded(value)),
        None => (decoded(part), String::new()),
    };
    query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}
