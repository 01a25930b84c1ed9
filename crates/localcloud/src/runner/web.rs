//! One instance of an HTTP function: `scf_bootstrap` as a process whose server requests are passed on to.
//!
//! On the platform every instance has a machine of its own and listens on port 9000. Here a free port is
//! given in `PORT` and `_SCF_SERVER_PORT`; a server that ignores both may take [`Options::web_port`], which
//! only one instance of this machine can.
//!
//! [`Options::web_port`]: crate::Options::web_port

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::group::Listener;
use super::process::{Credentials, Process, Site, TICK};
use super::runtime_api::MAX_ANSWER;
use super::{Run, Status};
use crate::cloud::lock;
use crate::state::scf::Target;

/// Largest headers of an answer, in bytes (page about HTTP functions).
const MAX_HEADERS: usize = 4096;

/// A request for a function, without what concerns one connection only.
pub(crate) struct WebRequest {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A function's answer.
pub(crate) struct WebAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A running instance.
pub(super) struct Web {
    process: Mutex<Process>,
    port: u16,
    /// As many as the requests that it takes at once.
    slots: Semaphore,
    most: usize,
    /// Why the instance takes no more requests.
    broken: Mutex<Option<String>>,
    last: Mutex<Instant>,
}

impl Web {
    /// Starts the process and waits until its port answers.
    pub(super) async fn start(
        target: &Target,
        site: Site<'_>,
        credentials: Credentials,
        fixed_port: u16,
    ) -> Result<Self, Run> {
        let failed = |error: std::io::Error| Run::failed(Status::System, format!("there is no free port: {error}"));
        let free = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(failed)?;
        let own_port = free.local_addr().map_err(failed)?.port();
        drop(free);
        let extra = vec![("PORT", own_port.to_string()), ("_SCF_SERVER_PORT", own_port.to_string())];
        let program = (site.code.join("scf_bootstrap"), Vec::new());
        let mut process = Process::start(target, site, program, credentials, extra).await?;
        let started = Instant::now();
        let limit = Duration::from_secs(u64::try_from(target.config.init_timeout_s).unwrap_or_default());
        let (status, message) = loop {
            if let Some(end) = process.end() {
                let message = format!("scf_bootstrap ended before its port answered: {end}");
                break (Status::ContainerExited, message);
            }
            if let Some(broken) = process.look(target) {
                break broken;
            }
            let ports = [own_port, fixed_port].map(|port| (port, process.listener(port)));
            if let Some((port, _)) = ports.iter().find(|(_, listener)| *listener == Listener::Own) {
                return Ok(Self {
                    process: Mutex::new(process),
                    port: *port,
                    slots: Semaphore::new(at_once(target)),
                    most: at_once(target),
                    broken: Mutex::new(None),
                    last: Mutex::new(Instant::now()),
                });
            }
            if started.elapsed() >= limit {
                break (Status::PortNotBound, silent(ports, target.config.init_timeout_s));
            }
            tokio::time::sleep(TICK).await;
        };
        Err(process.run(status, message, started.elapsed()))
    }

    pub(super) fn is_alive(&self) -> bool {
        lock(&self.broken).is_none() && lock(&self.process).end().is_none()
    }

    /// How long it has had nothing to do; `None` while it has.
    pub(super) fn idle(&self) -> Option<Duration> {
        (self.slots.available_permits() >= self.most).then(|| lock(&self.last).elapsed())
    }

    /// Passes one request on.
    pub(super) async fn serve(
        &self,
        target: &Target,
        request_id: &str,
        request: WebRequest,
    ) -> (Run, Option<WebAnswer>) {
        let started = Instant::now();
        let limit = Duration::from_secs(u64::try_from(target.config.timeout_s).unwrap_or_default());
        let Ok(Ok(_slot)) = tokio::time::timeout(limit, self.slots.acquire()).await else {
            let message = format!("the instance was busy with {} other requests all the time", self.most);
            return (Run::failed(Status::Overrun, message), None);
        };
        let begun = Instant::now();
        let exchange = self.exchange(request_headers(target, request_id, &request.headers), request);
        let deadline = tokio::time::sleep(limit);
        tokio::pin!(exchange, deadline);
        let mut tick = tokio::time::interval(TICK);
        let outcome = loop {
            tokio::select! {
                biased;
                answer = &mut exchange => break match answer {
                    Ok(answer) => Ok(answer),
                    Err((status, message)) => Err(self.after_failure(status, message).await),
                },
                () = &mut deadline => {
                    let seconds = target.config.timeout_s;
                    break Err(self.end(Status::Timeout, format!("invoking the function timed out after {seconds} seconds")));
                }
                _ = tick.tick() => {
                    if let Some(why) = lock(&self.broken).clone() {
                        break Err((Status::Exited, format!("the instance was ended during the invocation: {why}")));
                    }
                    let broken = lock(&self.process).look(target);
                    if let Some((status, message)) = broken {
                        break Err(self.end(status, message));
                    }
                }
            }
        };
        *lock(&self.last) = Instant::now();
        let (status, message, answer) = match outcome {
            Ok(answer) => (Status::Ok, format!("HTTP {}", answer.status.as_u16()), Some(answer)),
            Err((status, message)) => (status, message, None),
        };
        let mut run = lock(&self.process).run(status, message, begun.elapsed());
        run.duration = started.elapsed();
        (run, answer)
    }

    /// Ends the instance for everyone.
    fn end(&self, status: Status, message: String) -> (Status, String) {
        lock(&self.broken).get_or_insert_with(|| message.clone());
        lock(&self.process).kill();
        (status, message)
    }

    /// A connection that breaks is often the first sign of a process that ends: gives it a moment to show.
    async fn after_failure(&self, status: Status, message: String) -> (Status, String) {
        if status != Status::UserError {
            return (status, message);
        }
        for _ in 0..10 {
            let end = lock(&self.process).end();
            if let Some(end) = end {
                return self.end(Status::Exited, format!("the process ended during the invocation: {end}"));
            }
            tokio::time::sleep(TICK).await;
        }
        (status, message)
    }

    async fn exchange(&self, headers: HeaderMap, request: WebRequest) -> Result<WebAnswer, (Status, String)> {
        let lost = |error: &dyn std::fmt::Display| {
            (Status::UserError, format!("the function did not answer the request: {error}"))
        };
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.map_err(|error| lost(&error))?;
        // A server that does without costs the caller time, nothing else.
        let _ = stream.set_nodelay(true);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| lost(&error))?;
        // Ends with this exchange.
        let mut driver = tokio::task::JoinSet::new();
        driver.spawn(connection);
        let only_head = request.method == Method::HEAD;
        let mut outgoing = Request::new(Full::new(request.body));
        *outgoing.method_mut() = request.method;
        *outgoing.uri_mut() = request.target.parse().map_err(|error: hyper::http::uri::InvalidUri| lost(&error))?;
        *outgoing.headers_mut() = headers;
        let answer = sender.send_request(outgoing).await.map_err(|error| lost(&error))?;
        let (mut head, body) = answer.into_parts();
        let size: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if size > MAX_HEADERS {
            let message = format!("the answer's headers take {size} bytes of {MAX_HEADERS}");
            return Err((Status::ResponseTooLarge, message));
        }
        let body = match Limited::new(body, MAX_ANSWER).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                return Err((Status::ResponseTooLarge, format!("the answer is larger than {MAX_ANSWER} bytes")));
            }
            Err(error) => return Err(lost(&error)),
        };
        // The answer to HEAD has the length of the body that it leaves out.
        let length = head.headers.remove(CONTENT_LENGTH).filter(|_| only_head);
        strip_connection(&mut head.headers);
        head.headers.extend(length.map(|length| (CONTENT_LENGTH, length)));
        Ok(WebAnswer { status: head.status, headers: head.headers, body })
    }
}

/// Why no port answers, in words.
fn silent(ports: [(u16, Listener); 2], seconds: i64) -> String {
    let [(own, first), (fixed, second)] = ports;
    let mut message =
        format!("nothing of the function listens on port {own} (PORT) or {fixed} after {seconds} seconds");
    if let Some((port, _)) = ports.iter().find(|(_, listener)| *listener == Listener::Loopback) {
        message = format!("the function listens on port {port} of 127.0.0.1 only; the platform reaches 0.0.0.0 only");
    } else if second == Listener::Foreign || first == Listener::Foreign {
        message.push_str(&format!("; port {fixed} is taken by another program, so listen on PORT here"));
    }
    message
}

/// Requests that one instance takes at once (InstanceConcurrencyConfig). The platform's own choice under
/// DynamicEnabled is not published; here it is the documented most.
fn at_once(target: &Target) -> usize {
    let Some(config) = &target.config.concurrency else { return 1 };
    if config["DynamicEnabled"] == "TRUE" {
        return 100;
    }
    config["MaxConcurrency"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(1).max(1)
}

/// What the function sees: the caller's headers and the platform's (page about HTTP functions).
fn request_headers(target: &Target, request_id: &str, given: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        if !name.as_str().starts_with("x-scf-") {
            headers.append(name, value.clone());
        }
    }
    strip_connection(&mut headers);
    let timeout_ms = target.config.timeout_s * 1000;
    for (name, value) in [
        ("x-scf-request-id", request_id.to_owned()),
        ("x-scf-memory", target.config.memory_mb.to_string()),
        ("x-scf-timeout", timeout_ms.to_string()),
        ("x-scf-version", target.version.clone()),
        ("x-scf-name", target.name.clone()),
        ("x-scf-namespace", target.namespace.clone()),
        ("x-scf-region", target.region.clone()),
        ("x-scf-appid", target.app_id.to_string()),
        ("x-scf-uin", target.uin.clone()),
    ] {
        if let Ok(value) = value.parse() {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// Removes what concerns one connection only (RFC 9110, 7.6.1), and the length, which is counted anew.
fn strip_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, CONTENT_LENGTH, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection"] {
        headers.remove(name);
    }
}
