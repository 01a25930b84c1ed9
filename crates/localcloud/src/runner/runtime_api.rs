//! The custom runtime's HTTP API, one server per instance: init/ready, invocation/next, response, error.
//! Knows one event at a time; whose process asks is not its concern.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot, watch};

use crate::cloud::lock;

/// Largest answer of a function, in bytes (quota page 583/11637).
pub(super) const MAX_ANSWER: usize = 6 * 1024 * 1024;

/// What a function said about its event.
#[derive(Debug)]
pub(super) enum Said {
    Response(Bytes),
    Error(Bytes),
    /// The answer is larger than the platform takes.
    TooLarge,
}

/// An event that waits to be fetched, or was.
struct Event {
    body: Bytes,
    request_id: String,
    memory_mb: i64,
    timeout_ms: i64,
    said: Option<oneshot::Sender<Said>>,
}

/// State between the server and the instance that owns it.
pub(super) struct RuntimeApi {
    event: Mutex<Option<Event>>,
    arrived: Notify,
    ready: watch::Sender<bool>,
}

/// Stops the server when dropped.
pub(super) struct Server {
    pub(super) port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RuntimeApi {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { event: Mutex::new(None), arrived: Notify::new(), ready: watch::Sender::new(false) })
    }

    /// Serves on a free loopback port.
    pub(super) async fn serve(self: &Arc<Self>) -> std::io::Result<Server> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let api = self.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                while connections.try_join_next().is_some() {}
                let Ok((stream, _)) = listener.accept().await else { continue };
                let _ = stream.set_nodelay(true);
                let api = api.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let api = api.clone();
                        async move { Ok::<_, Infallible>(api.respond(request).await) }
                    });
                    // A client that hangs up is the function's business.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Server { port, task })
    }

    /// Waits for init/ready.
    pub(super) async fn wait_ready(&self) {
        // The sender lives in `self`, so this ends only when the value is true.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// Offers an event; what the function says about it comes through the receiver.
    pub(super) fn offer(
        &self,
        body: Bytes,
        request_id: &str,
        memory_mb: i64,
        timeout_ms: i64,
    ) -> oneshot::Receiver<Said> {
        let (said, wait) = oneshot::channel();
        let event = Event { body, request_id: request_id.to_owned(), memory_mb, timeout_ms, said: Some(said) };
        *lock(&self.event) = Some(event);
        self.arrived.notify_one();
        wait
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        // Read in any case: an answer before the end of the request would cost the client its connection.
        let body = Limited::new(body, MAX_ANSWER).collect().await.map(http_body_util::Collected::to_bytes);
        match (head.method, head.uri.path()) {
            (Method::POST, "/runtime/init/ready") => {
                self.ready.send_replace(true);
                plain(StatusCode::OK, "")
            }
            (Method::GET, "/runtime/invocation/next") => self.next().await,
            (Method::POST, path @ ("/runtime/invocation/response" | "/runtime/invocation/error")) => {
                let said = match body {
                    Ok(body) if path.ends_with("/response") => Said::Response(body),
                    Ok(body) => Said::Error(body),
                    Err(_) => Said::TooLarge,
                };
                self.say(said)
            }
            (_, path) => plain(StatusCode::NOT_FOUND, &format!("the runtime API has no {path}")),
        }
    }

    /// The event under way, now or when one comes. Asked again, the same one.
    async fn next(&self) -> Response<Full<Bytes>> {
        loop {
            let arrived = self.arrived.notified();
            if let Some(event) = lock(&self.event).as_ref().filter(|event| event.said.is_some()) {
                let mut response = Response::new(Full::new(event.body.clone()));
                let headers = response.headers_mut();
                headers.insert("content-type", HeaderValue::from_static("application/json"));
                headers.insert("memory_limit_in_mb", event.memory_mb.into());
                headers.insert("time_limit_in_ms", event.timeout_ms.into());
                if let Ok(id) = HeaderValue::from_str(&event.request_id) {
                    headers.insert("request_id", id);
                }
                return response;
            }
            arrived.await;
        }
    }

    /// The first word about an event is final.
    fn say(&self, said: Said) -> Response<Full<Bytes>> {
        let sender = lock(&self.event).as_mut().and_then(|event| event.said.take());
        match sender {
            Some(sender) => {
                // Nobody waits any more when the run has timed out.
                let _ = sender.send(said);
                plain(StatusCode::OK, "")
            }
            None => plain(StatusCode::BAD_REQUEST, "there is no event under way"),
        }
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text.to_owned())));
    *response.status_mut() = status;
    response
}
