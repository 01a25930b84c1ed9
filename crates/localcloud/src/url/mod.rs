//! Function URLs: requests of anyone to a function, by path (`/_url/TRIGGER/...`) or by the host that the
//! platform would give it. Who may come in and what a function's answer or failure becomes is decided here;
//! running the function is `runner`'s job.

mod cors;
mod event;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use serde_json::json;

use crate::auth::{Signed, verify};
use crate::cloud::{Cloud, now_ms};
use crate::runner::{Address, Run, Status, WebAnswer, WebRequest};
use crate::state::scf::FunctionUrl;
use crate::state::uuid;
use cors::Cors;

/// Largest request, in bytes (quota page 583/11637: a synchronous event).
const MAX_REQUEST: usize = 6 * 1024 * 1024;
/// Carries the request id on every answer (assumed, as the request carries it).
const REQUEST_ID: HeaderName = HeaderName::from_static("x-scf-request-id");

/// A request that is for a function URL.
pub(crate) struct Routed {
    trigger: String,
    intranet: bool,
    /// Path as the function sees it.
    path: String,
    query: String,
}

/// Whether a request is for a function URL, and which.
pub(crate) fn route(cloud: &Cloud, head: &Parts) -> Option<Routed> {
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default().to_owned());
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if host.contains(".tencentscf.com") {
        // A host that names no function URL is an absent one, not a call of the API.
        let (trigger, intranet) = cloud.look(|state| state.url_host(host)).unwrap_or_default();
        return Some(Routed { trigger, intranet, path: path.to_owned(), query });
    }
    let rest = path.strip_prefix("/_url/")?;
    let (trigger, path) = rest.split_once('/').unwrap_or((rest, ""));
    Some(Routed { trigger: trigger.to_owned(), intranet: false, path: format!("/{path}"), query })
}

/// A refusal in place of an answer: an HTTP status and why.
type Refused = (u16, String);

/// Answers a request for a function URL. `body` is `None` when it was too large to be read.
pub(crate) async fn respond(
    cloud: &Arc<Cloud>,
    peer: SocketAddr,
    routed: &Routed,
    head: &Parts,
    body: Option<Bytes>,
) -> WebAnswer {
    let id = uuid();
    let Some(url) = cloud.look(|state| state.function_url(&routed.trigger)) else {
        return failure(&id, 404, "no function has this URL");
    };
    let cors = Cors::of(&url.desc);
    let mut answer = match admit(&url, routed) {
        Err((status, why)) => failure(&id, status, &why),
        Ok(()) => {
            if let Some(cors) = cors.as_ref().filter(|_| Cors::is_preflight(&head.method, &head.headers)) {
                let headers = cors.preflight(&head.headers);
                return WebAnswer { status: StatusCode::NO_CONTENT, headers, body: Bytes::new() };
            }
            let asked = Asked { cloud, url: &url, routed, head, peer, id: &id };
            match asked.answer(body).await {
                Ok(answer) => answer,
                Err((status, why)) => failure(&id, status, &why),
            }
        }
    };
    if let Some(cors) = cors {
        cors.answer(&head.headers, &mut answer.headers);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        answer.headers.insert(REQUEST_ID, id);
    }
    answer
}

/// Refuses where the URL does not answer at all.
fn admit(url: &FunctionUrl, routed: &Routed) -> Result<(), Refused> {
    if !url.enabled {
        return Err((403, "the trigger of this function URL is switched off".to_owned()));
    }
    if !url.is_open(routed.intranet) {
        let side = if routed.intranet { "EnableIntranet" } else { "EnableExtranet" };
        return Err((403, format!("{side} of this function URL is false")));
    }
    Ok(())
}

/// One request on its way through.
struct Asked<'a> {
    cloud: &'a Arc<Cloud>,
    url: &'a FunctionUrl,
    routed: &'a Routed,
    head: &'a Parts,
    peer: SocketAddr,
    id: &'a str,
}

impl Asked<'_> {
    async fn answer(&self, body: Option<Bytes>) -> Result<WebAnswer, Refused> {
        let body = body.filter(|body| body.len() <= MAX_REQUEST);
        let body = body.ok_or_else(|| (406, format!("a request holds {MAX_REQUEST} bytes")))?;
        if self.url.is_signed() {
            self.signed(&body)?;
        }
        let address = Address {
            region: &self.url.region,
            namespace: &self.url.namespace,
            function: &self.url.function,
            qualifier: &self.url.qualifier,
        };
        // 438: the function's status, 442: its qualifier (page about function status codes).
        let target = self.cloud.target(&address).await.map_err(|refusal| {
            let code = if refusal.code.starts_with("FailedOperation") { 438 } else { 442 };
            (code, refusal.message)
        })?;
        let stopped = || (500, "the local cloud stopped during the invocation".to_owned());
        if target.kind == "HTTP" {
            let target_text = match self.routed.query.as_str() {
                "" => self.routed.path.clone(),
                query => format!("{}?{query}", self.routed.path),
            };
            let request = WebRequest {
                method: self.head.method.clone(),
                target: target_text,
                headers: self.head.headers.clone(),
                body,
            };
            let (run, answer) = self.cloud.web_to_end(target, self.id, request).await.ok_or_else(stopped)?;
            return answer.ok_or_else(|| failed(&run));
        }
        let event = event::event(&event::Asked {
            method: &self.head.method,
            path: &self.routed.path,
            query: &self.routed.query,
            headers: &self.head.headers,
            body: &body,
            peer: self.peer.ip(),
            request_id: self.id,
            gateway_like: self.url.is_gateway_like(),
        });
        let run = self.cloud.run_to_end(target, self.id, event.to_string().into()).await.ok_or_else(stopped)?.0;
        if run.status != Status::Ok {
            return Err(failed(&run));
        }
        event::response(&run.message).map_err(|why| (Status::UserError as u16, why))
    }

    /// AuthType CAM: the request is signed as a call of service scf. Which path the signature covers is not
    /// published: the API's `/` and the path itself are both taken.
    fn signed(&self, body: &[u8]) -> Result<(), Refused> {
        if !self.head.headers.contains_key("authorization") {
            return Err((401, "this function URL takes signed requests only (AuthType CAM)".to_owned()));
        }
        let signed = Signed {
            method: self.head.method.as_str(),
            paths: &["/", &self.routed.path],
            query: &self.routed.query,
            headers: &self.head.headers,
            body,
            action: "",
        };
        let verified = verify(&signed, self.cloud.as_ref(), now_ms() / 1000);
        let verified = verified.map_err(|refusal| (403, format!("{}: {}", refusal.code, refusal.message)))?;
        if verified.service != "scf" {
            return Err((403, format!("the request is signed for service {}, not scf", verified.service)));
        }
        Ok(())
    }
}

fn failed(run: &Run) -> Refused {
    (run.status as u16, run.message.clone())
}

/// A refusal or failure as a response: the platform's status code as HTTP status, and JSON (assumed).
fn failure(id: &str, status: u16, why: &str) -> WebAnswer {
    let body = json!({"errorCode": 1, "errorMessage": why, "requestId": id, "statusCode": status}).to_string();
    WebAnswer {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        headers: HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]),
        body: body.into(),
    }
}
