//! Runs functions: picks or starts an instance, hands it one event, and tells what came of it. Instances
//! are child processes under the documented runtime API; asynchronous events and timers are in `events`.

mod events;
mod instance;
mod invoke;
mod records;
mod runtime_api;
mod shim;
mod unpack;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::auth::Caller;
use crate::cloud::{Cloud, lock};
use crate::state::scf::Target;
pub(crate) use events::Address;
use instance::Instance;
pub(crate) use invoke::is_about_runs;
use records::{Record, Records};

/// How long an instance waits for another event before it is stopped; scaled by `Options::time_scale`.
const IDLE: Duration = Duration::from_secs(300);
/// Instances of one function at most, to protect the machine. Real regions allow a thousand.
const MAX_INSTANCES: usize = 64;

/// How a run ended, with the platform's status codes (page about function status codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Ok = 200,
    UserError = 430,
    Overrun = 432,
    Timeout = 433,
    MemoryExceeded = 434,
    Exited = 439,
    CannotStart = 443,
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
    fn failed(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), duration: Duration::ZERO, memory: 0, lines: Vec::new() }
    }
}

/// Instances that wait for events, by pool, and how many of a pool are alive.
#[derive(Default)]
struct Pool {
    idle: Vec<(Instance, Instant)>,
    alive: usize,
}

/// Everything about running functions that outlives one call.
pub(crate) struct Runner {
    /// Where packages are unpacked and instances have their folders.
    folder: PathBuf,
    pools: Mutex<HashMap<String, Pool>>,
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
            unpacked: unpack::Unpacked::default(),
            records: Records::default(),
            tasks: Mutex::default(),
        }
    }

    /// Stops every instance and background task, and removes what was unpacked.
    pub(crate) fn stop(&self) {
        lock(&self.tasks).abort_all();
        lock(&self.pools).clear();
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

    async fn start(&self, cloud: &Arc<Cloud>, target: &Target) -> Result<Instance, Run> {
        let Some((digest, bytes)) = &target.package else {
            return Err(Run::failed(Status::CannotStart, "the function's code is not in the local cloud"));
        };
        let code = self
            .unpacked
            .folder(&self.folder, digest, bytes)
            .await
            .map_err(|why| Run::failed(Status::CannotStart, why))?;
        let credentials = if target.config.role.is_empty() {
            None
        } else {
            let context = cloud.context(Caller::Owner);
            cloud.change(|state| state.role_credentials(&target.config.role, &context)).await.flatten()
        };
        Instance::start(target, &code, &self.folder, credentials, &cloud.base_url).await
    }
}
