//! Proxies and trust roots, from the usual variables. Read here instead of inside the HTTP stack, so that a test or a
//! caller can decide them, and so that a loopback endpoint never goes through a proxy.

use std::path::PathBuf;

use reqwest::{NoProxy, Proxy, Url};

use crate::Environment;

/// How to leave the machine.
#[derive(Clone, Default)]
pub struct Network {
    https_proxy: Option<String>,
    http_proxy: Option<String>,
    all_proxy: Option<String>,
    no_proxy: Option<String>,
    /// A PEM file with further trust roots.
    pub extra_roots: Option<PathBuf>,
}

impl Network {
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` (or lower case, which wins) and `SSL_CERT_FILE`.
    #[must_use]
    pub fn from_environment(environment: &Environment) -> Self {
        let either = |lower: &str| {
            (environment.get(lower)).or_else(|| environment.get(&lower.to_ascii_uppercase())).map(str::to_owned)
        };
        // In a CGI-like server HTTP_PROXY can be a request's `Proxy` header, so upper case does not count there.
        let http_proxy = match environment.get("REQUEST_METHOD") {
            Some(_) => environment.get("http_proxy").map(str::to_owned),
            None => either("http_proxy"),
        };
        Self {
            https_proxy: either("https_proxy"),
            http_proxy,
            all_proxy: either("all_proxy"),
            no_proxy: either("no_proxy"),
            extra_roots: environment.get("SSL_CERT_FILE").map(PathBuf::from),
        }
    }

    /// The proxy for a scheme, with the hosts that go without.
    pub(crate) fn proxy_for(&self, scheme: &str) -> Result<Option<Proxy>, reqwest::Error> {
        let own = if scheme == "https" { &self.https_proxy } else { &self.http_proxy };
        let Some(address) = own.as_ref().or(self.all_proxy.as_ref()) else {
            return Ok(None);
        };
        let exceptions = self.no_proxy.as_deref().and_then(NoProxy::from_string);
        Ok(Some(Proxy::all(address)?.no_proxy(exceptions)))
    }
}

impl std::fmt::Debug for Network {
    /// Proxy addresses may carry passwords, so only their presence shows.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("https_proxy", &self.https_proxy.is_some())
            .field("http_proxy", &self.http_proxy.is_some())
            .field("all_proxy", &self.all_proxy.is_some())
            .field("no_proxy", &self.no_proxy)
            .field("extra_roots", &self.extra_roots)
            .finish()
    }
}

/// Whether a URL names this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host == "localhost"
                || host.ends_with(".localhost")
                || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}
