//! Asynchronous events: accepted at once, run in the background, tried again as the platform's rules say;
//! and the timers that make such events. All of it lives only while the process does.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::{Record, Run, Status, WebAnswer, WebRequest};
use crate::auth::Caller;
use crate::cloud::{Cloud, lock, now_ms};
use crate::encoding::iso_time;
use crate::refusal::{Refusal, refuse};
use crate::state::scf::Target;
use crate::state::uuid;

/// Pause between two attempts at an event (retry page).
const RETRY: Duration = Duration::from_secs(60);
/// Largest asynchronous event, in bytes (quota page 583/11637).
pub(super) const MAX_EVENT: usize = 128 * 1024;

/// A function and the qualifier to run it under.
pub(crate) struct Address<'a> {
    pub(crate) region: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) function: &'a str,
    pub(crate) qualifier: &'a str,
}

impl Cloud {
    /// What an address runs now.
    pub(crate) async fn target(&self, at: &Address<'_>) -> Result<Target, Refusal> {
        let context = self.context(Caller::Owner);
        let found = self.change(|state| state.target(at.region, at.namespace, at.function, at.qualifier, &context));
        found.await.unwrap_or_else(|| refuse("InternalError", "the store did not take the change"))
    }

    /// Runs one event and keeps its record.
    async fn recorded(
        self: &Arc<Self>,
        target: &Target,
        id: &str,
        attempt: i64,
        event: Bytes,
    ) -> (Run, Option<Record>) {
        self.runner.records.begin(begun(target, id, attempt));
        let run = self.runner.run(self, target, id, event).await;
        let record = self.runner.records.end(id, attempt, run.clone());
        (run, record)
    }

    /// Passes a request on to an HTTP function and keeps its record; to its end even when the caller goes away.
    /// `None` when the cloud stops meanwhile.
    pub(crate) async fn web_to_end(
        self: &Arc<Self>,
        target: Target,
        id: &str,
        request: WebRequest,
    ) -> Option<(Run, Option<WebAnswer>)> {
        let (done, wait) = tokio::sync::oneshot::channel();
        let (cloud, id) = (self.clone(), id.to_owned());
        self.background(async move {
            cloud.runner.records.begin(begun(&target, &id, 0));
            let (run, answer) = cloud.runner.web(&cloud, &target, &id, request).await;
            cloud.runner.records.end(&id, 0, run.clone());
            // Nobody listens any more when the caller has gone away; the record stays.
            let _ = done.send((run, answer));
        });
        wait.await.ok()
    }

    /// Runs one event to its end even when the caller goes away. `None` when the cloud stops meanwhile.
    pub(crate) async fn run_to_end(
        self: &Arc<Self>,
        target: Target,
        id: &str,
        event: Bytes,
    ) -> Option<(Run, Option<Record>)> {
        let (done, wait) = tokio::sync::oneshot::channel();
        let (cloud, id) = (self.clone(), id.to_owned());
        self.background(async move {
            // Nobody listens any more when the caller has gone away; the record stays.
            let _ = done.send(cloud.recorded(&target, &id, 0, event).await);
        });
        wait.await.ok()
    }

    fn background(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.runner.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    /// Accepts an asynchronous event and answers its request id.
    pub(crate) async fn accept(self: &Arc<Self>, at: &Address<'_>, event: Bytes) -> Result<String, Refusal> {
        if event.len() > MAX_EVENT {
            return refuse("InvalidParameter.Payload", format!("an asynchronous event holds {MAX_EVENT} bytes"));
        }
        let target = self.target(at).await?;
        let id = uuid();
        let work = self.clone().attempts(target, at.qualifier.to_owned(), id.clone(), event);
        self.background(work);
        Ok(id)
    }

    /// Failures of the function are tried again so often as it is set to; a lack of instances and failures of
    /// ours until the event is too old.
    async fn attempts(self: Arc<Self>, mut target: Target, qualifier: String, id: String, event: Bytes) {
        let scale = self.options.time_scale;
        let accepted = std::time::Instant::now();
        let oldest = Duration::from_secs(u64::try_from(target.max_age_s).unwrap_or_default()).mul_f64(scale);
        let mut failures = 0;
        for attempt in 0.. {
            let (run, _) = self.recorded(&target, &id, attempt, event.clone()).await;
            match run.status {
                Status::Ok => return,
                Status::Overrun | Status::System => {}
                _ => failures += 1,
            }
            if failures > target.retries || (failures > 0 && target.asynchronous) {
                return;
            }
            tokio::time::sleep(RETRY.mul_f64(scale)).await;
            if accepted.elapsed() > oldest {
                return;
            }
            let address = Address {
                region: &target.region,
                namespace: &target.namespace,
                function: &target.name,
                qualifier: &qualifier,
            };
            // A function that was deleted meanwhile takes its events along.
            match self.target(&address).await {
                Ok(now) => target = now,
                Err(_) => return,
            }
        }
    }

    /// Fires timers and stops idle instances, once a second.
    pub(crate) async fn tick(self: Arc<Self>) {
        let mut last = now_ms();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = now_ms();
            self.runner.reap(self.options.time_scale);
            for timer in self.look(crate::state::State::timers) {
                let Some(due) = timer.cron.next_after(last).filter(|due| *due <= now) else { continue };
                let event = json!({
                    "Type": "Timer",
                    "TriggerName": timer.name,
                    "Time": iso_time(due),
                    "Message": timer.argument,
                });
                let address = Address {
                    region: &timer.region,
                    namespace: &timer.namespace,
                    function: &timer.function,
                    qualifier: &timer.qualifier,
                };
                // A function that cannot be invoked now misses this firing, as on the platform.
                let _ = self.accept(&address, event.to_string().into()).await;
            }
            last = now;
        }
    }
}

fn begun(target: &Target, id: &str, attempt: i64) -> Record {
    Record {
        function: target.function(),
        request_id: id.to_owned(),
        started_ms: now_ms(),
        attempt,
        memory_mb: target.config.memory_mb,
        run: None,
    }
}
