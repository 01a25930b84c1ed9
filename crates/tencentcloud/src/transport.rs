//! The only place where bytes leave the process. Sends one request and reads one bounded answer; says of a failure
//! whether the request can have arrived. Knows nothing of actions, signatures or retries.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{HOST, HeaderMap};
use reqwest::{Method, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::network::{Network, is_loopback};

/// The largest answer that is read. ListFunctions at 100 rows is some 100 KB; 64 MB is far from any honest answer.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Idle connections are dropped before servers do it, which would cost a write its certainty.
const POOL_IDLE: Duration = Duration::from_secs(15);

type Cause = Box<dyn StdError + Send + Sync>;

/// A request with nothing left to decide.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer, whatever it says.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The request certainly did not arrive.
    NotSent(Cause),
    /// No answer in time; the request may have arrived.
    Timeout(Cause),
    /// The connection broke; the request may have arrived.
    ConnectionLost(Cause),
    /// The answer is larger than [`MAX_ANSWER_BYTES`].
    TooLarge,
}

impl fmt::Display for SendError {
    /// The whole chain on one line, for callers that keep only text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = match self {
            Self::NotSent(cause) | Self::ConnectionLost(cause) => cause,
            Self::Timeout(_) => return f.write_str("no answer in time"),
            Self::TooLarge => return f.write_str("the answer is too large"),
        };
        write!(f, "{cause}")?;
        let mut next = cause.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

/// How long to wait for one request, and which way it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    /// Past any proxy, as for addresses that mean something on this machine only.
    pub(crate) direct: bool,
}

/// Connections, shared by all that send.
#[derive(Debug)]
pub(crate) struct Transport {
    network: Network,
    manner: Manner,
    clients: Mutex<HashMap<Route, reqwest::Client>>,
}

/// What makes one pool of connections differ from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Route {
    tls: bool,
    direct: bool,
    /// Requests that name a host other than the URL's: HTTP/2 would name the URL's.
    http1: bool,
    connect_timeout: Duration,
}

impl Transport {
    pub(crate) fn new(network: Network, manner: Manner) -> Self {
        Self { network, manner, clients: Mutex::default() }
    }

    /// Sends one request in the usual manner, but for the time limit if one is given.
    pub(crate) async fn send(&self, outgoing: Outgoing, limit: Option<Duration>) -> Result<Incoming, SendError> {
        let manner = Manner { request_timeout: limit.unwrap_or(self.manner.request_timeout), ..self.manner };
        self.send_in(outgoing, manner).await
    }

    /// Sends one request in a manner of its own.
    pub(crate) async fn send_in(&self, outgoing: Outgoing, manner: Manner) -> Result<Incoming, SendError> {
        let client =
            self.client(&outgoing.url, outgoing.headers.contains_key(HOST), manner).map_err(SendError::NotSent)?;
        let response = client
            .request(outgoing.method, outgoing.url)
            .headers(outgoing.headers)
            .body(outgoing.body)
            .timeout(manner.request_timeout)
            .send()
            .await
            .map_err(classify)?;
        read(response).await
    }

    fn client(&self, url: &Url, http1: bool, manner: Manner) -> Result<reqwest::Client, Cause> {
        let route = Route {
            tls: url.scheme() == "https",
            direct: manner.direct || is_loopback(url),
            http1,
            connect_timeout: manner.connect_timeout,
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&route) {
            return Ok(client.clone());
        }
        let client = self.build(url, route)?;
        clients.insert(route, client.clone());
        Ok(client)
    }

    /// Builds a client. One for plain HTTP parses no certificates, which keeps the local cloud's start-up short.
    fn build(&self, url: &Url, route: Route) -> Result<reqwest::Client, Cause> {
        let roots = if route.tls { self.roots()? } else { rustls::RootCertStore::empty() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        if !route.http1 {
            tls.alpn_protocols.insert(0, b"h2".to_vec());
        }
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // The variables were read by `Network`; nothing may read them again behind its back.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(POOL_IDLE)
            .connect_timeout(route.connect_timeout)
            .tcp_nodelay(true);
        if !route.direct
            && let Some(proxy) = self.network.proxy_for(url.scheme())?
        {
            builder = builder.proxy(proxy);
        }
        Ok(builder.build()?)
    }

    fn roots(&self) -> Result<rustls::RootCertStore, Cause> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        if let Some(path) = &self.network.extra_roots {
            let unreadable = |error| format!("trust roots in {} (SSL_CERT_FILE): {error}", path.display());
            let certificates = CertificateDer::pem_file_iter(path).map_err(unreadable)?;
            let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(unreadable)?;
            roots.add_parsable_certificates(certificates);
        }
        Ok(roots)
    }
}

fn classify(error: reqwest::Error) -> SendError {
    // Without its URL: the message is shown, and a query may hold what should not be.
    let error = error.without_url();
    if error.is_builder() || error.is_connect() {
        SendError::NotSent(error.into())
    } else if error.is_timeout() {
        SendError::Timeout(error.into())
    } else {
        SendError::ConnectionLost(error.into())
    }
}

async fn read(mut response: reqwest::Response) -> Result<Incoming, SendError> {
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut body = BytesMut::new();
    // Every failure from here on leaves the outcome open: the service has begun to answer.
    while let Some(chunk) = response.chunk().await.map_err(|error| match classify(error) {
        SendError::NotSent(cause) => SendError::ConnectionLost(cause),
        other => other,
    })? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(SendError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Incoming { status, headers, body: body.freeze() })
}
