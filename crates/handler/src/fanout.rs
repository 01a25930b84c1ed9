//! Hands the event, unchanged, to further functions, by one asynchronous `Invoke` each, signed as this function's
//! execution role. A target that took the event is remembered, so that a retry repeats only the others.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scf_runtime::{Bytes, Context, Credentials as RoleCredentials, log};
use serde::Serialize;
use tencentcloud::{Client, ClientConfig, Credentials, Error, ErrorKind, Keys, RetryPolicy, Url, scf};
use tokio::task::JoinSet;

use crate::config::Target;
use crate::memory::{Deed, Memory};
use crate::redact::scrub;

/// Largest event of an asynchronous call: 128 KB (SCF quota page 583/11637).
const MOST_BYTES: usize = 128 * 1024;

/// Hands events on.
#[derive(Debug)]
pub struct Fanout {
    targets: Vec<Target>,
    endpoint: Option<Url>,
    /// Made at the first event; its connections serve the later ones.
    client: Option<(Arc<RoleCredentials>, Client)>,
}

/// Who has the event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FanoutReport {
    /// Targets that took it now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invoked: Vec<String>,
    /// Targets that took it in an earlier try.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invoked_before: Vec<String>,
}

/// Some targets did not take the event, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FanoutError {
    /// Who has it.
    pub done: FanoutReport,
    /// Who has not, and why.
    pub failed: Vec<(Target, String)>,
}

impl std::error::Error for FanoutError {}

impl fmt::Display for FanoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failed.len();
        let all = failed + self.done.invoked.len() + self.done.invoked_before.len();
        write!(f, "fan-out failed for {failed} of {all}")?;
        for (at, (target, reason)) in self.failed.iter().enumerate() {
            write!(f, "{} {target}: {reason}", if at == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl Fanout {
    /// A fan-out to these targets, at the platform's endpoint unless another is given.
    pub fn new(targets: Vec<Target>, endpoint: Option<Url>) -> Self {
        Self { targets, endpoint, client: None }
    }

    /// Hands one event on, to all targets at once, before `deadline`.
    ///
    /// # Errors
    /// [`FanoutError`] when any target did not take it.
    pub async fn run(
        &mut self,
        event: &Bytes,
        key: &str,
        context: &Context,
        memory: &Memory,
        deadline: Instant,
    ) -> Result<FanoutReport, FanoutError> {
        let mut done = FanoutReport::default();
        let (before, open): (Vec<_>, Vec<_>) =
            self.targets.iter().cloned().partition(|target| memory.knows(&Deed::invoked(key, target)));
        done.invoked_before = before.iter().map(ToString::to_string).collect();
        if open.is_empty() {
            return Ok(done);
        }
        // The call carries JSON text; what is none would be refused for good, whatever is done about it.
        let Some(text) = json_text(event) else {
            log::warn("an event that is no JSON is not handed on", []);
            return Ok(done);
        };
        let (client, region) = match self.way(event, context) {
            Ok(way) => way,
            Err(reason) => {
                let failed = open.into_iter().map(|target| (target, reason.to_owned())).collect();
                return Err(FanoutError { done, failed });
            }
        };
        let mut failed = Vec::new();
        let mut calls = JoinSet::new();
        for target in open {
            let (client, region, request) = (client.clone(), region.clone(), request(&target, text));
            calls.spawn(async move {
                let call = client.call(Some(&region), &request);
                (target, tokio::time::timeout_at(deadline.into(), call).await)
            });
        }
        while let Some(joined) = calls.join_next().await {
            let Ok((target, outcome)) = joined else { continue };
            match outcome {
                Ok(Ok(_)) => {
                    memory.note(Deed::invoked(key, &target));
                    log::info("event handed on", [("target", target.to_string().into())]);
                    done.invoked.push(target.to_string());
                }
                Ok(Err(error)) => failed.push((target, reason(&error, context))),
                Err(_) => failed.push((target, "no answer in time; it may have the event".to_owned())),
            }
        }
        // Answers come in any order; reports must not.
        done.invoked.sort();
        failed.sort_by_key(|(target, _)| target.to_string());
        if failed.is_empty() { Ok(done) } else { Err(FanoutError { done, failed }) }
    }

    /// Client and region for calls, or why there can be none.
    fn way(&mut self, event: &Bytes, context: &Context) -> Result<(Client, String), &'static str> {
        if event.len() > MOST_BYTES {
            return Err("the event is over 128 KB, the limit of asynchronous calls");
        }
        let Some(credentials) = &context.credentials else {
            return Err("no credentials: the function needs an execution role that may invoke functions");
        };
        if context.function.region.is_empty() {
            return Err("no region: TENCENTCLOUD_REGION is not set");
        }
        let client = match &self.client {
            Some((known, client)) if known == credentials => client.clone(),
            _ => {
                let client = client(credentials, self.endpoint.clone());
                self.client = Some((Arc::clone(credentials), client.clone()));
                client
            }
        };
        Ok((client, context.function.region.clone()))
    }
}

fn client(credentials: &RoleCredentials, endpoint: Option<Url>) -> Client {
    let keys = Keys::temporary(
        credentials.secret_id.as_str(),
        credentials.secret_key.as_str(),
        credentials.session_token.as_deref(),
    );
    // The function's own deadline is the real bound; these only leave room for a second try within it.
    Client::new(ClientConfig {
        endpoint,
        user_agent: concat!("provision-handler/", env!("CARGO_PKG_VERSION")).to_owned(),
        connect_timeout: Duration::from_secs(2),
        request_timeout: Duration::from_secs(5),
        retry: RetryPolicy {
            max_attempts: 3,
            max_delay: Duration::from_secs(1),
            total: Duration::from_secs(10),
            throttle_total: Duration::from_secs(10),
            ..RetryPolicy::default()
        },
        ..ClientConfig::new(Credentials::fixed(keys))
    })
}

fn request(target: &Target, event: &str) -> scf::Invoke {
    scf::Invoke {
        function_name: target.function.clone(),
        namespace: Some(target.namespace.clone()),
        qualifier: Some(target.qualifier.clone()),
        invocation_type: Some("Event".to_owned()),
        client_context: Some(event.to_owned()),
        ..Default::default()
    }
}

fn json_text(event: &Bytes) -> Option<&str> {
    let text = std::str::from_utf8(event).ok()?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok().map(|_| text)
}

/// Why a call failed. The service's text is left out, for it may echo the event.
fn reason(error: &Error, context: &Context) -> String {
    let text = match error.kind() {
        ErrorKind::Refused(refusal) => {
            let id = refusal.request_id.as_deref().unwrap_or("none");
            format!("refused with {} (request {id})", refusal.code)
        }
        ErrorKind::NotSent(_) => format!("not sent: {}", chain(error)),
        _ => format!("it may have the event: {}", chain(error)),
    };
    let keys = context.credentials.as_deref();
    let secrets = keys
        .into_iter()
        .flat_map(|it| [it.secret_key.as_str(), it.secret_id.as_str()].into_iter().chain(it.session_token.as_deref()));
    scrub(&text, secrets)
}

fn chain(error: &Error) -> String {
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        causes.push(inner.to_string());
        cause = inner.source();
    }
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_each_target_and_how_many_have_the_event() {
        let target = |name: &str| Target { namespace: "n".into(), function: name.into(), qualifier: "q".into() };
        let error = FanoutError {
            done: FanoutReport { invoked: vec!["n/a@q".into()], invoked_before: vec![] },
            failed: vec![(target("b"), "gone".into()), (target("c"), "late".into())],
        };
        assert_eq!(error.to_string(), "fan-out failed for 2 of 3: n/b@q: gone; n/c@q: late");
    }

    #[test]
    fn the_event_travels_unchanged() {
        let event = "{ \"a\" : 1.50 }";
        let target = Target { namespace: "n".into(), function: "f".into(), qualifier: "$LATEST".into() };
        let request = request(&target, event);
        assert_eq!(request.client_context.as_deref(), Some(event));
        assert_eq!(request.invocation_type.as_deref(), Some("Event"));
        assert_eq!(json_text(&Bytes::from_static(b"not json")), None);
    }
}
