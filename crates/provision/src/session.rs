//! A session with a cloud: which one, with whose keys. Starts the embedded local cloud when asked to.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use localcloud::LocalCloud;
use tencentcloud::{
    CallRecord, Client, ClientConfig, Credentials, Environment, Keys, Network, Outcome, RateMode, ResolveOptions, Url,
};

use crate::cli::{Global, Rate};
use crate::error::CommandError;
use crate::ui::Secrets;
use crate::world::World;

/// Where the embedded local cloud keeps its state, below the folder of the run.
pub(crate) const LOCAL_FOLDER: &str = ".provision/local";
/// The file in which a serving local cloud notes its address.
const ADDRESS_FILE: &str = "address";
/// Seconds that an answer may take, for slow lines and for tests.
const CALL_TIMEOUT: &str = "PROVISION_CALL_TIMEOUT";
/// How long commands wait for each other's turn with the store (design section 7).
const STORE_WAIT: Duration = Duration::from_secs(10);

/// A client, and the embedded cloud it talks to, if any.
pub(crate) struct Session {
    /// The client.
    pub(crate) client: Client,
    embedded: Option<LocalCloud>,
    /// `host:port` of the local cloud, embedded or serving.
    local: Option<String>,
}

impl Session {
    /// Opens a session. `account` is what the manifests name, for the embedded cloud to take.
    pub(crate) async fn open(
        global: &Global,
        world: &World,
        secrets: &Secrets,
        account: Option<&str>,
    ) -> Result<Self, CommandError> {
        let mut environment = Environment::default();
        for (name, value) in &world.environment {
            environment = environment.with(name, value);
        }
        if let Some(home) = world.variable("HOME") {
            environment = environment.with_home(home);
        }
        let local = global.local || world.variable("PROVISION_LOCAL").is_some_and(|v| v != "0");
        if local && global.endpoint.is_some() {
            return Err(CommandError::Usage {
                message: "--local and --endpoint exclude each other".to_owned(),
                help: Some("unset PROVISION_ENDPOINT or PROVISION_LOCAL".to_owned()),
            });
        }
        let (endpoint, credentials, embedded) = if local {
            let (address, embedded) = local_cloud(world, account).await?;
            (Some(address), Credentials::fixed(Keys::new("local", "local")), embedded)
        } else {
            let options = ResolveOptions { profile: global.profile.clone(), ..ResolveOptions::default() };
            let credentials =
                Credentials::resolve(&environment, &options).map_err(|e| CommandError::Credentials(Box::new(e)))?;
            (endpoint(global)?, credentials, None)
        };
        for name in [
            "TENCENTCLOUD_SECRET_KEY",
            "TENCENTCLOUD_TOKEN",
            "TENCENTCLOUD_SECURITY_TOKEN",
            "TENCENTCLOUD_SESSION_TOKEN",
            "TENCENTCLOUD_WEB_IDENTITY_TOKEN",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "PROVISION_DIGEST_KEY",
        ] {
            secrets.add(world.variable(name));
        }
        let mut config = ClientConfig::new(credentials);
        config.endpoint = endpoint;
        config.parallelism = global.parallelism;
        if let Some(limit) = call_timeout(world)? {
            config.request_timeout = limit;
        }
        config.network = Network::from_environment(&environment);
        config.rate_mode = match global.rate {
            Rate::Adaptive => RateMode::Adaptive,
            Rate::Documented => RateMode::Documented,
        };
        if global.verbose > 0 {
            let secrets = secrets.clone();
            config.on_call = Some(Arc::new(move |call: &CallRecord| say_call(call, &secrets)));
        }
        let local =
            config.endpoint.as_ref().filter(|_| local).and_then(|u| Some(format!("{}:{}", u.host_str()?, u.port()?)));
        Ok(Self { client: Client::new(config), embedded, local })
    }

    /// Where the local cloud listens, when this is one.
    pub(crate) fn local_address(&self) -> Option<&str> {
        self.local.as_deref()
    }

    /// Whether the local cloud ends with this process.
    pub(crate) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Ends the session: what the embedded cloud holds is on disk afterwards.
    pub(crate) async fn close(self) {
        if let Some(cloud) = self.embedded {
            cloud.shutdown().await;
        }
    }
}

/// The longest wait for an answer, if not the usual one: seconds in `PROVISION_CALL_TIMEOUT`.
fn call_timeout(world: &World) -> Result<Option<Duration>, CommandError> {
    let Some(text) = world.variable(CALL_TIMEOUT) else { return Ok(None) };
    let limit = text.trim().parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match limit {
        Some(limit) if limit >= Duration::from_millis(10) => Ok(Some(limit)),
        _ => Err(CommandError::Usage {
            message: format!("{CALL_TIMEOUT} holds `{text}`"),
            help: Some("it takes seconds, at least 0.01, such as 90".to_owned()),
        }),
    }
}

fn endpoint(global: &Global) -> Result<Option<Url>, CommandError> {
    let Some(text) = global.endpoint.as_deref().filter(|t| !t.is_empty()) else { return Ok(None) };
    match Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.host_str().is_some() => Ok(Some(url)),
        _ => Err(CommandError::Usage {
            message: format!("`{text}` is no endpoint"),
            help: Some("such as http://127.0.0.1:7300".to_owned()),
        }),
    }
}

/// The address of a serving local cloud, or of one started in this process.
async fn local_cloud(world: &World, account: Option<&str>) -> Result<(Url, Option<LocalCloud>), CommandError> {
    let folder = world.folder.join(LOCAL_FOLDER);
    let failed = |doing: &str, source: Box<dyn std::error::Error + Send + Sync>, help: Option<&str>| {
        CommandError::Local { doing: doing.to_owned(), source, help: help.map(str::to_owned) }
    };
    if let Ok(text) = std::fs::read_to_string(folder.join(ADDRESS_FILE)) {
        let address = text.trim().trim_start_matches("http://");
        if tokio::time::timeout(Duration::from_secs(1), tokio::net::TcpStream::connect(address))
            .await
            .is_ok_and(|c| c.is_ok())
            && let Ok(url) = Url::parse(&format!("http://{address}"))
        {
            return Ok((url, None));
        }
    }
    let mut options = localcloud::Options { data: Some(folder), wait: STORE_WAIT, ..localcloud::Options::default() };
    if let Some(account) = account {
        account.clone_into(&mut options.account);
    }
    let cloud = LocalCloud::start(options).await.map_err(|e| {
        failed(
            "cannot start the local cloud",
            e.into(),
            Some("another command may be using .provision/local; `provision local` lets several share it"),
        )
    })?;
    let url = Url::parse(&format!("http://{}", cloud.address()))
        .map_err(|e| failed("cannot reach the local cloud", e.into(), None))?;
    Ok((url, Some(cloud)))
}

/// One line per call on stderr. Never bodies.
fn say_call(call: &CallRecord, secrets: &Secrets) {
    let region = call.region.as_deref().unwrap_or("-");
    let outcome = match &call.outcome {
        Outcome::Done => "ok",
        Outcome::Refused(code) => code,
        Outcome::NotSent => "not sent",
        Outcome::Unknown => "unknown",
        _ => "?",
    };
    let request = call.request_id.as_deref().unwrap_or("-");
    // Even a region may be the value of a sensitive variable.
    let line = secrets.filter(&format!(
        "call {} {} {region} try {} {outcome} {} ms {request}",
        call.service,
        call.action,
        call.attempt,
        call.duration.as_millis()
    ));
    // A reader of stderr that went away must not stop an apply.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
