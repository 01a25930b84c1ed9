//! One instance of an event function: its process and its runtime API. Takes one event at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::process::{Credentials, Process, Site, TICK};
use super::runtime_api::{MAX_ANSWER, RuntimeApi, Said, Server};
use super::{Run, Status, shim};
use crate::state::scf::Target;

/// A running instance.
pub(super) struct Instance {
    process: Process,
    api: Arc<RuntimeApi>,
    _server: Server,
}

impl Instance {
    /// Starts the process and waits until it is ready for events.
    pub(super) async fn start(target: &Target, site: Site<'_>, credentials: Credentials) -> Result<Self, Run> {
        let program =
            shim::command(target, site.code, site.root).map_err(|why| Run::failed(Status::CannotStart, why))?;
        let api = RuntimeApi::new();
        let server = api
            .serve()
            .await
            .map_err(|error| Run::failed(Status::System, format!("no runtime API can be served: {error}")))?;
        let extra = vec![
            ("SCF_RUNTIME_API", "127.0.0.1".to_owned()),
            ("SCF_RUNTIME_API_PORT", server.port.to_string()),
            ("_SCF_SERVER_PORT", "28902".to_owned()),
        ];
        let process = Process::start(target, site, program, credentials, extra).await?;
        let mut instance = Self { process, api, _server: server };
        instance.initialise(target).await?;
        Ok(instance)
    }

    async fn initialise(&mut self, target: &Target) -> Result<(), Run> {
        let started = Instant::now();
        let limit = Duration::from_secs(u64::try_from(target.config.init_timeout_s).unwrap_or_default());
        let api = self.api.clone();
        let ready = api.wait_ready();
        tokio::pin!(ready);
        let mut tick = tokio::time::interval(TICK);
        let (status, message) = loop {
            tokio::select! {
                () = &mut ready => return Ok(()),
                end = self.process.wait() => {
                    break (Status::Exited, format!("the process ended before init/ready: {end}"));
                }
                _ = tick.tick() => {
                    if let Some(broken) = self.process.look(target) {
                        break broken;
                    }
                    if started.elapsed() >= limit {
                        let seconds = target.config.init_timeout_s;
                        break (Status::InitTimeout, format!("initialization timed out after {seconds} seconds"));
                    }
                }
            }
        };
        Err(self.process.run(status, message, started.elapsed()))
    }

    pub(super) fn is_alive(&mut self) -> bool {
        self.process.end().is_none()
    }

    /// Runs one event. The flag says whether the instance may take another.
    pub(super) async fn run(&mut self, target: &Target, request_id: &str, event: Bytes) -> (Run, bool) {
        let started = Instant::now();
        let limit = Duration::from_secs(u64::try_from(target.config.timeout_s).unwrap_or_default());
        let timeout_ms = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        let mut said = self.api.offer(event, request_id, target.config.memory_mb, timeout_ms);
        let deadline = tokio::time::sleep(limit);
        tokio::pin!(deadline);
        let mut tick = tokio::time::interval(TICK);
        let (status, message) = loop {
            tokio::select! {
                // An answer that is there counts, even when the process has ended since.
                biased;
                said = &mut said => break match said {
                    Ok(Said::Response(body)) => (Status::Ok, String::from_utf8_lossy(&body).into_owned()),
                    Ok(Said::Error(body)) => (Status::UserError, String::from_utf8_lossy(&body).into_owned()),
                    Ok(Said::TooLarge) => {
                        (Status::ResponseTooLarge, format!("the answer is larger than {MAX_ANSWER} bytes"))
                    }
                    Err(_) => (Status::System, "the runtime API went away".to_owned()),
                },
                end = self.process.wait() => {
                    break (Status::Exited, format!("the process ended during the invocation: {end}"));
                }
                () = &mut deadline => {
                    let seconds = target.config.timeout_s;
                    break (Status::Timeout, format!("invoking the function timed out after {seconds} seconds"));
                }
                _ = tick.tick() => {
                    if let Some(broken) = self.process.look(target) {
                        break broken;
                    }
                }
            }
        };
        let run = self.process.run(status, message, started.elapsed());
        let usable = matches!(status, Status::Ok | Status::UserError | Status::ResponseTooLarge);
        (run, usable)
    }
}
