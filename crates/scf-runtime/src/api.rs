//! The four calls of the runtime API, over one kept-alive HTTP/1.1 connection on a plain socket. Decides nothing:
//! each call is one try (see `runtime` for what is tried again).
//!
//! Proxies of the environment play no role here, for nothing reads them. Header names are matched without case, as
//! HTTP wants; the platform writes `request_id` as well as `Request_Id`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::MAX_EVENT_BYTES;
use crate::error::CallError;

pub(crate) const READY: &str = "/runtime/init/ready";
pub(crate) const NEXT: &str = "/runtime/invocation/next";
pub(crate) const RESPONSE: &str = "/runtime/invocation/response";
pub(crate) const ERROR: &str = "/runtime/invocation/error";

/// Answers of calls that do not wait for an event come at once; this only bounds a hanging peer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// One event with the facts in its headers.
pub(crate) struct Next {
    pub(crate) request_id: String,
    pub(crate) memory_limit_mb: Option<u32>,
    pub(crate) time_limit: Option<Duration>,
    /// The event, or why it could not be read although it has begun.
    pub(crate) event: Result<Bytes, CallError>,
}

/// A connection that is made when needed and made again when it broke.
pub(crate) struct Api {
    /// `host:port`.
    authority: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Api {
    pub(crate) fn new(authority: String) -> Self {
        Self { authority, connection: None }
    }

    /// Says that init is over. The body is one space: the platform refuses an empty one.
    pub(crate) async fn ready(&mut self) -> Result<(), CallError> {
        self.post(READY, Bytes::from_static(b" ")).await
    }

    pub(crate) async fn respond(&mut self, body: Bytes) -> Result<(), CallError> {
        self.post(RESPONSE, body).await
    }

    pub(crate) async fn fail(&mut self, body: Bytes) -> Result<(), CallError> {
        self.post(ERROR, body).await
    }

    /// Waits for the next event, as long as it takes.
    pub(crate) async fn next(&mut self) -> Result<Next, CallError> {
        let response = self.send(Method::GET, NEXT, Bytes::new()).await?;
        let headers = response.headers();
        let mut next = Next {
            request_id: text(headers, "request_id").unwrap_or_default().to_owned(),
            memory_limit_mb: text(headers, "memory_limit_in_mb").and_then(|it| it.parse().ok()),
            time_limit: text(headers, "time_limit_in_ms").and_then(|it| it.parse().ok()).map(Duration::from_millis),
            event: Ok(Bytes::new()),
        };
        let status = response.status();
        if !status.is_success() {
            self.drain(response).await;
            return Err(CallError::Status(status.as_u16()));
        }
        match self.read(response).await {
            Err(error @ CallError::Connection(_)) => return Err(error),
            event => next.event = event,
        }
        Ok(next)
    }

    async fn post(&mut self, path: &'static str, body: Bytes) -> Result<(), CallError> {
        let exchange = async {
            let response = self.send(Method::POST, path, body).await?;
            let status = response.status();
            self.drain(response).await;
            if status.is_success() { Ok(()) } else { Err(CallError::Status(status.as_u16())) }
        };
        match tokio::time::timeout(ANSWER_TIMEOUT, exchange).await {
            Ok(result) => result,
            Err(elapsed) => {
                self.connection = None;
                Err(CallError::Connection(elapsed.into()))
            }
        }
    }

    async fn send(&mut self, method: Method, path: &'static str, body: Bytes) -> Result<Response<Incoming>, CallError> {
        let mut request = Request::builder().method(method.clone()).uri(path).header(HOST, &self.authority);
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(body)).map_err(connection_error)?;
        let mut connection = self.connect().await?;
        let response = connection.send_request(request).await.map_err(connection_error)?;
        self.connection = Some(connection);
        Ok(response)
    }

    /// The kept connection if it still takes requests, else a new one.
    async fn connect(&mut self) -> Result<SendRequest<Full<Bytes>>, CallError> {
        if let Some(mut kept) = self.connection.take()
            && kept.ready().await.is_ok()
        {
            return Ok(kept);
        }
        let stream = TcpStream::connect(&self.authority).await.map_err(connection_error)?;
        stream.set_nodelay(true).map_err(connection_error)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(connection_error)?;
        // The driver ends with the connection; its error also reaches the request under way.
        tokio::spawn(driver);
        Ok(sender)
    }

    /// Reads a body within [`MAX_EVENT_BYTES`]. A connection with an unread rest is given up.
    async fn read(&mut self, response: Response<Incoming>) -> Result<Bytes, CallError> {
        let announced = response.headers().get(hyper::header::CONTENT_LENGTH);
        let announced: Option<usize> = announced.and_then(|it| it.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length| length > MAX_EVENT_BYTES) {
            self.connection = None;
            return Err(CallError::TooLarge);
        }
        let mut body = response.into_body();
        let mut read = BytesMut::with_capacity(announced.unwrap_or_default());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(connection_error)?;
            if let Some(data) = frame.data_ref() {
                if read.len() + data.len() > MAX_EVENT_BYTES {
                    self.connection = None;
                    return Err(CallError::TooLarge);
                }
                read.extend_from_slice(data);
            }
        }
        Ok(read.freeze())
    }

    /// Reads an answer nobody needs, so that its connection can be kept.
    async fn drain(&mut self, response: Response<Incoming>) {
        if self.read(response).await.is_err() {
            self.connection = None;
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn connection_error(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CallError {
    CallError::Connection(error.into())
}
