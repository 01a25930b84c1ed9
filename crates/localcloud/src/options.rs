//! What a caller may choose about a local cloud. Only data; nothing here starts anything.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::fault::Faults;

/// How a local cloud behaves. `Options::default()` suits a test: a free loopback port, state in memory,
/// no latency, documented quotas, no rate limits.
#[derive(Clone)]
pub struct Options {
    /// Where to listen. Port 0 takes a free one; see [`crate::LocalCloud::address`].
    pub listen: SocketAddr,
    /// Folder of the store. `None` keeps everything in memory.
    pub data: Option<PathBuf>,
    /// How long to wait for a store that another process holds, before refusing to start.
    pub wait: Duration,
    /// Note the listening address as `address` in the data folder while this cloud runs, so that other
    /// processes find it.
    pub announce: bool,
    /// Uin of the account's owner: decimal digits.
    pub account: String,
    /// Key pairs (id, secret) known besides `local`/`local`.
    pub keys: Vec<(String, String)>,
    /// Faults to play.
    pub faults: Option<Faults>,
    /// How long every call takes before it is carried out.
    pub latency: Duration,
    /// Refuse calls above the documented rate of their action with `RequestLimitExceeded`.
    pub rates: bool,
    /// Enforce quotas on counts (50 functions a namespace and the like). Limits on single values always hold.
    pub quotas: bool,
    /// How long Creating, Updating, Publishing and Deleting last.
    pub settle: Duration,
    /// Factor on the platform's long waits (the minute between asynchronous retries, an event's maximum
    /// age, idle instances). 1.0 is real time; a test takes 0.001.
    pub time_scale: f64,
    /// Port of HTTP functions that ignore the one given to them in `PORT`: 9000 on the platform.
    pub web_port: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data: None,
            wait: Duration::ZERO,
            announce: false,
            account: "100000000001".to_owned(),
            keys: Vec::new(),
            faults: None,
            latency: Duration::ZERO,
            rates: false,
            quotas: true,
            settle: Duration::from_millis(40),
            time_scale: 1.0,
            web_port: 9000,
        }
    }
}

/// Shows everything but the secrets of `keys`.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<&str> = self.keys.iter().map(|(id, _)| id.as_str()).collect();
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("data", &self.data)
            .field("account", &self.account)
            .field("keys", &ids)
            .field("latency", &self.latency)
            .field("rates", &self.rates)
            .field("quotas", &self.quotas)
            .field("settle", &self.settle)
            .field("time_scale", &self.time_scale)
            .field("web_port", &self.web_port)
            .finish_non_exhaustive()
    }
}
