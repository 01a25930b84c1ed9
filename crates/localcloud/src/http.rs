//! HTTP in and out: connections, bodies, the answer's envelope, and the few paths beside the API. Decides
//! nothing about a call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cloud::{self, Cloud};
use crate::cos;
use crate::delivery::{AnswerBody, Closed, json_response, page};
use crate::refusal::{Answer, Members, Refusal, refuse};
use crate::request::MAX_BODY;
use crate::state::uuid;
use crate::url;

/// Bytes of a request that are read at most before its connection is closed.
const MAX_DRAINED: usize = 20 * MAX_BODY;

/// Accepts connections until `stop` changes or is dropped; then lets running calls end.
pub(crate) async fn serve(cloud: Arc<Cloud>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        while connections.try_join_next().is_some() {}
        // A failed accept concerns one connection only; with too many files open, others must close first.
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        connections.spawn(serve_connection(cloud.clone(), stream, peer, stop.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve_connection(cloud: Arc<Cloud>, stream: TcpStream, peer: SocketAddr, mut stop: watch::Receiver<bool>) {
    // Answers are small and awaited: without this, each waits for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(cloud.clone(), peer, request));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            // An error here is a client that went away or a fault that closed the connection.
            _ = connection.as_mut() => return,
            _ = stop.changed(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn respond(
    cloud: Arc<Cloud>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Closed> {
    let (head, body) = request.into_parts();
    if let Some(place) = cos::route(&head) {
        let body = read(body, cos::MAX_BODY).await?;
        let (reply, delivery) = cos::respond(&cloud, &place, &head, body).await;
        // An answer of COS is no envelope: status and headers say what happened.
        let mut response = Response::new(reply.body);
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        return delivery.deliver(response).await;
    }
    if let Some(routed) = url::route(&cloud, &head) {
        let body = read(body, MAX_BODY).await?;
        let answer = url::respond(&cloud, peer, &routed, &head, body).await;
        let mut response = Response::new(AnswerBody::whole(answer.body));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        return Ok(response);
    }
    let Some(body) = read(body, MAX_BODY).await? else {
        let refusal = refuse("RequestSizeLimitExceeded", format!("a request is limited to {MAX_BODY} bytes"));
        return Ok(enveloped(refusal));
    };
    if head.uri.path() == "/cgi-bin/webhook/send" {
        let key = head.uri.query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("key="));
        let scale = cloud.options.time_scale;
        return Ok(json_text(&cloud.wecom.send(key.unwrap_or_default(), &body, cloud::now_ms(), scale)));
    }
    if let Some(path) = head.uri.path().strip_prefix("/_local/") {
        return Ok(local(&cloud, peer, path, &body).await);
    }
    let request = cloud::Request {
        method: head.method.as_str(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: &body,
    };
    let (answer, delivery) = cloud.answer(&request).await;
    delivery.deliver(json_response(enveloped_text(answer))).await
}

/// A request's body, or `None` when it is too large. One that is too large is still taken off the line: a
/// client that is still sending would lose the answer with the connection.
async fn read(mut body: Incoming, most: usize) -> Result<Option<Bytes>, Closed> {
    let mut bytes = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Closed)?.into_data() else { continue };
        length += data.len();
        if length > MAX_DRAINED.max(most) {
            return Err(Closed);
        }
        if length <= most {
            bytes.extend_from_slice(&data);
        }
    }
    Ok((length <= most).then(|| bytes.freeze()))
}

/// Paths beside the API. All but downloads are for this machine only.
async fn local(cloud: &Arc<Cloud>, peer: SocketAddr, path: &str, body: &[u8]) -> Response<AnswerBody> {
    if let Some(digest) = path.strip_prefix("code/").and_then(|rest| rest.strip_suffix(".zip")) {
        return match cloud.look(|state| state.package(digest)) {
            Some(bytes) => {
                let mut response = Response::new(AnswerBody::whole(Bytes::from_owner(bytes)));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
                response
            }
            None => page(404, "there is no such package".into()),
        };
    }
    if !peer.ip().is_loopback() {
        return page(403, "this path is for the machine itself".into());
    }
    match path {
        "mps-events" => match serde_json::from_slice::<Value>(body) {
            Ok(event) => {
                let delivered = cloud.deliver_mps(&event).await;
                enveloped(delivered.map(|id| Members::from_iter([("FunctionRequestId".to_owned(), id.into())])))
            }
            Err(error) => page(400, format!("the event is not JSON: {error}")),
        },
        "wecom-messages" => json_text(&json!(cloud.wecom.messages())),
        _ => page(404, "there is no such path; the API is at /".into()),
    }
}

fn json_text(value: &Value) -> Response<AnswerBody> {
    json_response(value.to_string()).map(AnswerBody::whole)
}

fn enveloped(answer: Answer) -> Response<AnswerBody> {
    json_response(enveloped_text(answer)).map(AnswerBody::whole)
}

/// `{"Response": {...}}` with a request id, for success and refusal alike.
fn enveloped_text(answer: Answer) -> String {
    let mut response = match answer {
        Ok(members) => members,
        Err(Refusal { code, message }) => {
            let mut members = Members::new();
            members.insert("Error".to_owned(), json!({"Code": code, "Message": message}));
            members
        }
    };
    response.insert("RequestId".to_owned(), uuid().into());
    json!({"Response": Value::Object(response)}).to_string()
}
