//! Runs functions: picks or starts an instance, hands it one event or request, and tells what came of it.
//! Instances are contained child processes (`process`, `group`, `output`): event functions under the
//! documented runtime API (`instance`), HTTP functions behind their own server (`web`). Asynchronous events
//! and timers are in `events`.

mod events;
mod group;
mod instance;
mod invoke;
mod output;
mod process;
mod records;
mod runtime_api;
mod shim;
mod unpack;
mod web;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::auth::Caller;
use crate::cloud::{Cloud, lock};
use crate::state::scf::Target;
pub(crate) use events::Address;
use group::Groups;
pub(crate) use group::sweep;
use instance::Instance;
pub(crate) use invoke::is_about_runs;
use process::{Credentials, Site};
use records::{Record, Records};
use web::Web;
pub(crate) use web::{WebAnswer, WebRequest};

/// How long an instance waits for another event before it is stopped; scaled by `Options::time_scale`.
const IDLE: Duration = Duration::from_secs(300);
/// Instances of one function at most, to protect the machine. Real regions allow a thousand.
const MAX_INSTANCES: usize = 64;

/// How a run ended, with the platform's status codes (page about function status codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Ok = 200,
    ContainerExited = 405,
    ResponseTooLarge = 407,
    UserError = 430,
    Overrun = 432,
    Timeout = 433,
    MemoryExceeded = 434,
    Exited = 439,
    CannotStart = 443,
    PortNotBound = 446,
    InitTimeout = 450,
    System = 500,
}

/// What came of one event.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) status: Status,
    /// The function's answer, or what went wrong.
    pub(crate) message: String,
    pub(crate) duration: Duration,
    /// Peak resident memory, in bytes.
    pub(crate) memory: u64,
    /// Lines of standard output and error.
    pub(crate) lines: Vec<String>,
}

impl Run {
    pub(crate) fn failed(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), duration: Duration::ZERO, memory: 0, lines: Vec::new() }
    }
}

/// Instances that wait for events, by pool, and how many of a pool are alive.
#[derive(Default)]
struct Pool {
    idle: Vec<(Instance, Instant)>,
    alive: usize,
}

/// The instance of an HTTP function, if there is one. Held while it starts, so that requests wait for it.
type WebCell = Arc<tokio::sync::Mutex<Option<Arc<Web>>>>;

/// Everything about running functions that outlives one call.
pub(crate) struct Runner {
    /// Where packages are unpacked and instances have their folders.
    folder: PathBuf,
    pools: Mutex<HashMap<String, Pool>>,
    webs: Mutex<HashMap<String, WebCell>>,
    groups: Arc<Groups>,
    unpacked: unpack::Unpacked,
    pub(crate) records: Records,
    pub(crate) tasks: Mutex<tokio::task::JoinSet<()>>,
}

impl Runner {
    /// `folder` is made when the first function runs.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            pools: Mutex::default(),
            webs: Mutex::default(),
            groups: Arc::default(),
            unpacked: unpack::Unpacked::default(),
            records: Records::default(),
            tasks: Mutex::default(),
        }
    }

    /// Stops every instance and background task, and removes what was unpacked.
    pub(crate) fn stop(&self) {
        lock(&self.tasks).abort_all();
        self.groups.stop(&self.folder);
        lock(&self.pools).clear();
        lock(&self.webs).clear();
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    /// Stops instances that have waited too long, and those of older revisions.
    pub(crate) fn reap(&self, scale: f64) {
        let idle = IDLE.mul_f64(scale);
        let mut pools = lock(&self.pools);
        for pool in pools.values_mut() {
            let before = pool.idle.len();
            pool.idle.retain_mut(|(instance, since)| since.elapsed() < idle && instance.is_alive());
            pool.alive -= before - pool.idle.len();
        }
        pools.retain(|_, pool| pool.alive > 0);
        drop(pools);
        lock(&self.webs).retain(|_, cell| {
            // One that starts or is asked for is held by someone else.
            Arc::strong_count(cell) > 1
                || cell.try_lock().is_ok_and(|held| {
                    held.as_ref().is_some_and(|web| web.is_alive() && web.idle().is_none_or(|since| since < idle))
                })
        });
    }

    /// Runs one event on an instance of its own choosing.
    pub(crate) async fn run(&self, cloud: &Arc<Cloud>, target: &Target, request_id: &str, event: Bytes) -> Run {
        let pool = target.pool();
        let mut instance = match self.take(target, &pool) {
            Err(overrun) => return overrun,
            Ok(Some(instance)) => instance,
            Ok(None) => match self.start(cloud, target).await {
                Ok(instance) => instance,
                Err(run) => {
                    self.lose(&pool);
                    return run;
                }
            },
        };
        let (run, usable) = instance.run(target, request_id, event).await;
        if usable {
            let mut pools = lock(&self.pools);
            pools.entry(pool).or_default().idle.push((instance, Instant::now()));
        } else {
            self.lose(&pool);
        }
        run
    }

    /// An idle instance, or a free place for a new one (`None`), or the refusal for too many.
    fn take(&self, target: &Target, pool: &str) -> Result<Option<Instance>, Run> {
        let reserved = target.reserved_mb.map(|mb| usize::try_from(mb / target.config.memory_mb.max(1)).unwrap_or(0));
        let most = reserved.unwrap_or(MAX_INSTANCES).min(MAX_INSTANCES);
        let mut pools = lock(&self.pools);
        let function = format!("{}@", target.function());
        // Instances of older revisions serve nobody any more.
        for (name, other) in pools.iter_mut() {
            if name.starts_with(&function) && name.split('#').next() == pool.split('#').next() && name != pool {
                other.alive -= other.idle.len();
                other.idle.clear();
            }
        }
        let alive: usize =
            pools.iter().filter(|(name, _)| name.starts_with(&function)).map(|(_, pool)| pool.alive).sum();
        let own = pools.entry(pool.to_owned()).or_default();
        while let Some((mut instance, _)) = own.idle.pop() {
            if instance.is_alive() {
                return Ok(Some(instance));
            }
            own.alive -= 1;
        }
        if alive >= most {
            return Err(Run::failed(Status::Overrun, format!("all {most} instances of the function are busy")));
        }
        own.alive += 1;
        Ok(None)
    }

    fn lose(&self, pool: &str) {
        if let Some(pool) = lock(&self.pools).get_mut(pool) {
            pool.alive = pool.alive.saturating_sub(1);
        }
    }

    /// Passes one request on to the function's instance, starting it when it is not there.
    pub(crate) async fn web(
        &self,
        cloud: &Arc<Cloud>,
        target: &Target,
        request_id: &str,
        request: WebRequest,
    ) -> (Run, Option<WebAnswer>) {
        if target.reserved_mb.is_some_and(|mb| mb < target.config.memory_mb) {
            return (Run::failed(Status::Overrun, "the function's reservation allows no instance"), None);
        }
        let pool = target.pool();
        let cell = {
            let mut webs = lock(&self.webs);
            // Instances of older revisions serve nobody any more; requests under way keep theirs to the end.
            webs.retain(|name, _| name == &pool || name.split('#').next() != pool.split('#').next());
            webs.entry(pool).or_default().clone()
        };
        let web = {
            let mut held = cell.lock().await;
            match held.as_ref().filter(|web| web.is_alive()) {
                Some(web) => web.clone(),
                None => match self.start_web(cloud, target).await {
                    Ok(web) => held.insert(Arc::new(web)).clone(),
                    Err(run) => return (run, None),
                },
            }
        };
        web.serve(target, request_id, request).await
    }

    async fn start_web(&self, cloud: &Arc<Cloud>, target: &Target) -> Result<Web, Run> {
        let (code, credentials) = self.prepare(cloud, target).await?;
        let site = Site { code: &code, root: &self.folder, endpoint: &cloud.base_url, groups: &self.groups };
        Web::start(target, site, credentials, cloud.options.web_port).await
    }

    async fn start(&self, cloud: &Arc<Cloud>, target: &Target) -> Result<Instance, Run> {
        let (code, credentials) = self.prepare(cloud, target).await?;
        let site = Site { code: &code, root: &self.folder, endpoint: &cloud.base_url, groups: &self.groups };
        Instance::start(target, site, credentials).await
    }

    /// The unpacked package, and a key of the function's role.
    async fn prepare(&self, cloud: &Arc<Cloud>, target: &Target) -> Result<(PathBuf, Credentials), Run> {
        let Some((digest, bytes)) = &target.package else {
            return Err(Run::failed(Status::CannotStart, "the function's code is not in the local cloud"));
        };
        let code = self
            .unpacked
            .folder(&self.folder, digest, bytes)
            .await
            .map_err(|why| Run::failed(Status::CannotStart, why))?;
        if target.config.role.is_empty() {
            return Ok((code, None));
        }
        let context = cloud.context(Caller::Owner);
        let credentials = cloud.change(|state| state.role_credentials(&target.config.role, &context)).await.flatten();
        Ok((code, credentials))
    }
}
