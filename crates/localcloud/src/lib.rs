//! An embedded local Tencent Cloud: the real protocol on a laptop.
//!
//! A second opinion on the protocol: it follows the services' published definitions on its own and shares
//! no code with our client, not even the signing. A request passes through
//!
//! - `http`: connections, bodies, the answer's envelope;
//! - `cloud`: one call from arrival to answer, through `auth` (TC3 verification), `request` (body or query
//!   to members), `definition` (members against the published definitions), `rates`, `fault`,
//!   `delivery` (what becomes of the answer);
//! - `state`: the pretend cloud itself, a call in and an answer out, without HTTP or clock;
//! - `store`: what changed, into one redb file;
//! - `runner`: functions as contained child processes, asynchronous events, timers;
//! - `cos`: buckets and objects, by their virtual hosts;
//! - `url`: function URLs, for event and HTTP functions;
//! - `wecom`: a stand-in for the chat robots that functions talk to.
//!
//! What it does and how sure we are of it stands in [`behaviours`]; `docs/local-cloud.md` is made from that.
//!
//! ```no_run
//! # async fn example() -> Result<(), localcloud::StartError> {
//! let cloud = localcloud::LocalCloud::start(localcloud::Options::default()).await?;
//! println!("point an SDK at http://{} with key id `local` and secret `local`", cloud.address());
//! cloud.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod auth;
pub mod behaviours;
mod calls;
mod cloud;
mod cos;
mod definition;
mod delivery;
mod encoding;
mod error;
mod fault;
mod http;
mod options;
mod rates;
mod refusal;
mod request;
mod runner;
mod state;
mod store;
mod url;
mod wecom;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use calls::CallSeen;
pub use error::{DeliveryError, StartError};
pub use fault::{Effect, Faults, FaultsError, Rule};
pub use options::Options;
pub use wecom::WecomMessage;

/// A running local cloud. Dropping it stops it too, without waiting for calls that are under way.
pub struct LocalCloud {
    address: SocketAddr,
    cloud: Arc<cloud::Cloud>,
    stop: watch::Sender<bool>,
    server: Option<JoinHandle<()>>,
}

impl LocalCloud {
    /// Starts a local cloud on the current tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on, another process holds the store for longer than
    /// [`Options::wait`], the store cannot be read, or the account is not a uin.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        if options.account.is_empty() || !options.account.bytes().all(|b| b.is_ascii_digit()) {
            return Err(StartError::Account { account: options.account });
        }
        let cannot_listen = |source| StartError::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let mut state = state::State::new(&options.account);
        let mut store = None;
        if let Some(folder) = options.data.clone() {
            let (account, wait, announce) = (options.account.clone(), options.wait, options.announce);
            let opened = tokio::task::spawn_blocking(move || {
                let mut store = store::Store::open(&folder, &account, wait, &mut state)?;
                store
                    .note_holder(&address.to_string(), announce)
                    .map_err(|error| StartError::Store { folder, source: error.into() })?;
                Ok((state, store))
            });
            let (loaded, open) = opened.await.expect("opening the store does not panic")?;
            (state, store) = (loaded, Some(open));
            // What a cloud that was killed left running and unpacked; the store is ours now.
            let left = cloud::run_folder(&options);
            runner::sweep(&left);
            let _ = std::fs::remove_dir_all(left);
        }
        let cloud = Arc::new(cloud::Cloud::new(options, &format!("http://{address}"), state, store));
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(http::serve(cloud.clone(), listener, stopped));
        let ticking = cloud.clone().tick();
        cloud::lock(&cloud.runner.tasks).spawn(ticking);
        Ok(Self { address, cloud, stop, server: Some(server) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The calls that arrived so far, in the order of their answers; the latest 100,000.
    #[must_use]
    pub fn calls(&self) -> Vec<CallSeen> {
        self.cloud.calls.seen()
    }

    /// Plays these faults from now on, counting from the start; none with `None`.
    pub fn set_faults(&self, faults: Option<Faults>) {
        self.cloud.set_faults(faults);
    }

    /// Delivers an MPS event to the function that is bound to its `EventType`, as MPS does, and answers the
    /// id of the asynchronous invocation.
    ///
    /// # Errors
    /// When no function is bound to the type, the function cannot be invoked, or the event is larger than
    /// 128 KB.
    pub async fn send_mps_event(&self, event: &serde_json::Value) -> Result<String, DeliveryError> {
        let delivered = self.cloud.deliver_mps(event).await;
        delivered.map_err(|refusal| DeliveryError { code: refusal.code.into_owned(), message: refusal.message })
    }

    /// What the WeCom groups of the stand-in have received, oldest first.
    #[must_use]
    pub fn wecom_messages(&self) -> Vec<WecomMessage> {
        self.cloud.wecom.messages()
    }

    /// The address of a robot of the WeCom stand-in, to be used as a webhook.
    #[must_use]
    pub fn wecom_url(&self, key: &str) -> String {
        format!("http://{}/cgi-bin/webhook/send?key={key}", self.address)
    }

    /// Where the function URL of an `http` trigger answers on this machine, by the trigger's server-made name.
    /// The addresses in its description are the platform's; a request to this machine that carries one of them
    /// as its `Host` gets there too.
    #[must_use]
    pub fn function_url(&self, trigger: &str) -> String {
        format!("http://{}/_url/{trigger}/", self.address)
    }

    /// Stops accepting, lets running calls end, and closes the store.
    pub async fn shutdown(mut self) {
        self.stop();
        if let Some(server) = self.server.take() {
            // A server that panicked has nothing left to wait for.
            let _ = server.await;
        }
        let cloud = self.cloud.clone();
        let _ = tokio::task::spawn_blocking(move || cloud.close()).await;
    }

    fn stop(&self) {
        let _ = self.stop.send(true);
        // Runs end now: a long one must not keep the server from stopping.
        self.cloud.runner.stop();
    }
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        self.stop();
    }
}
