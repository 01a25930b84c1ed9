//! The loop: ready, then next event, work, answer, for as long as the runtime API is there. Also what is tried again.
//!
//! All four calls may be repeated safely: `next` gives the same event until it is answered, and of several `ready`,
//! `response` or `error` the first accepted one counts.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::api::{self, Api, Next};
use crate::backoff::Backoff;
use crate::context::{Context, Credentials, Function};
use crate::error::{CallError, Error, chain};
use crate::handler::Handler;
use crate::{Failure, MAX_RESPONSE_BYTES, log};

/// How long a failing runtime API is tried again before the process gives up. It lives on the same machine, so a
/// longer outage means that the instance is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// The whole of `main`: runs `init` on a single-threaded tokio runtime, then answers events with the handler it
/// returns. An `Err` from `init` goes to stderr and ends the process with a failure before the platform hears
/// `ready`, which is how a custom runtime reports a failed start.
pub fn start<I, H>(init: I) -> ExitCode
where
    I: AsyncFnOnce() -> Result<H, Box<dyn std::error::Error>>,
    H: Handler,
{
    report_panics_as_records();
    let tokio = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(tokio) => tokio,
        Err(error) => return give_up("no async runtime", &error),
    };
    tokio.block_on(async {
        let handler = match init().await {
            Ok(handler) => handler,
            Err(error) => return give_up("init failed", error.as_ref()),
        };
        match run(handler).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => give_up("runtime ended", &error),
        }
    })
}

/// Answers events with `handler`, for programs that bring their own tokio: what they did before is their init.
///
/// # Errors
/// [`Error`]: the environment names no runtime API, or it is gone.
pub async fn run(handler: impl Handler) -> Result<(), Error> {
    Runtime::from_environment()?.run(handler).await
}

fn give_up(what: &str, error: &(dyn std::error::Error + 'static)) -> ExitCode {
    eprintln!("{what}: {}", chain(error));
    ExitCode::FAILURE
}

/// A panic is one record with its place, instead of two lines on stderr that belong to no request.
fn report_panics_as_records() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log::error("panic", [("panic", panic_message(panic.payload()).into()), ("at", place.into())]);
    }));
}

/// The loop alone.
#[derive(Debug)]
pub struct Runtime {
    authority: String,
    patience: Duration,
    function: Arc<Function>,
    credentials: Option<Arc<Credentials>>,
}

impl Runtime {
    /// The runtime of this instance, from `SCF_RUNTIME_API` and `SCF_RUNTIME_API_PORT`.
    ///
    /// # Errors
    /// [`Error::Environment`] when one of them is missing or no address.
    pub fn from_environment() -> Result<Self, Error> {
        let variable = |name: &str| std::env::var(name).ok();
        let authority = authority(variable)?;
        Ok(Self {
            function: Arc::new(Function::from_variables(variable)),
            credentials: Credentials::from_variables(variable).map(Arc::new),
            ..Self::at(authority)
        })
    }

    /// A runtime that talks to the API at `authority` (`host:port`) and knows nothing of its function.
    pub fn at(authority: impl Into<String>) -> Self {
        Self { authority: authority.into(), patience: PATIENCE, function: Arc::default(), credentials: None }
    }

    /// How long a failing runtime API is tried again before [`Self::run`] returns; 10 seconds unless set.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Says `ready`, then answers events until the runtime API is gone.
    ///
    /// # Errors
    /// [`Error::RuntimeApi`], always: the loop has no other end.
    pub async fn run(self, mut handler: impl Handler) -> Result<(), Error> {
        let mut api = Api::new(self.authority.clone());
        self.ready(&mut api).await?;
        loop {
            let next = self.next(&mut api).await?;
            log::set_request(&next.request_id);
            let answer = self.answer(&mut handler, next).await;
            self.deliver(&mut api, answer).await;
            log::set_request("");
        }
    }

    async fn ready(&self, api: &mut Api) -> Result<(), Error> {
        let mut backoff = Backoff::new(self.patience);
        while let Err(source) = api.ready().await {
            wait_or_give_up(&mut backoff, api::READY, source).await?;
        }
        Ok(())
    }

    async fn next(&self, api: &mut Api) -> Result<Next, Error> {
        let mut backoff = Backoff::new(self.patience);
        loop {
            match api.next().await {
                Ok(next) => return Ok(next),
                Err(source) => wait_or_give_up(&mut backoff, api::NEXT, source).await?,
            }
        }
    }

    async fn answer(&self, handler: &mut impl Handler, next: Next) -> Result<Bytes, Failure> {
        let context = Context {
            request_id: next.request_id,
            memory_limit_mb: next.memory_limit_mb,
            time_limit: next.time_limit,
            deadline: next.time_limit.and_then(|limit| Instant::now().checked_add(limit)),
            function: Arc::clone(&self.function),
            credentials: self.credentials.clone(),
        };
        let event = next.event.map_err(|error| Failure::new("EventTooLarge", error.to_string()))?;
        let answer = without_unwinding(|| handler.handle(event, context)).await?;
        if answer.len() > MAX_RESPONSE_BYTES {
            let length = answer.len();
            return Err(Failure::new(
                "ResponseTooLarge",
                format!("an answer of {length} bytes is over the platform's {MAX_RESPONSE_BYTES}"),
            ));
        }
        Ok(answer)
    }

    /// Hands the answer over. A refused response becomes a failed event, so that it is not taken for an answer; a
    /// refused failure is only logged, for nobody else is left to tell.
    async fn deliver(&self, api: &mut Api, answer: Result<Bytes, Failure>) {
        let failure = match answer {
            Ok(body) => match self.repeat(api, async |api: &mut Api| api.respond(body.clone()).await).await {
                Ok(()) => return,
                Err(error) => {
                    Failure::new("ResponseRefused", format!("the platform took no response: {}", chain(&error)))
                }
            },
            Err(failure) => failure,
        };
        log::error("event failed", [("type", failure.kind.clone().into()), ("reason", failure.message.clone().into())]);
        let body = Bytes::from(failure.to_body());
        if let Err(error) = self.repeat(api, async |api: &mut Api| api.fail(body.clone()).await).await {
            log::error("the platform did not take the failure", [("reason", chain(&error).into())]);
        }
    }

    /// Repeats a call that broke off or met a server error; a refusal (4xx) is final.
    async fn repeat(
        &self,
        api: &mut Api,
        mut call: impl AsyncFnMut(&mut Api) -> Result<(), CallError>,
    ) -> Result<(), CallError> {
        let mut backoff = Backoff::new(self.patience);
        loop {
            let error = match call(api).await {
                Ok(()) => return Ok(()),
                Err(error @ CallError::Status(400..=499)) => return Err(error),
                Err(error) => error,
            };
            match backoff.after_failure(Instant::now()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
        }
    }
}

async fn wait_or_give_up(backoff: &mut Backoff, call: &'static str, source: CallError) -> Result<(), Error> {
    let Some(wait) = backoff.after_failure(Instant::now()) else {
        return Err(Error::RuntimeApi { call, source });
    };
    log::debug("runtime API call failed, trying again", [("call", call.into()), ("reason", chain(&source).into())]);
    tokio::time::sleep(wait).await;
    Ok(())
}

fn authority(variable: impl Fn(&str) -> Option<String>) -> Result<String, Error> {
    let read = |name: &'static str| {
        let value = variable(name).map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
        value.ok_or(Error::Environment { variable: name, problem: "is not set" })
    };
    let host = read("SCF_RUNTIME_API")?;
    let host = host.trim_start_matches("http://").trim_end_matches('/');
    let port = read("SCF_RUNTIME_API_PORT")?;
    let port: u16 =
        port.parse().map_err(|_| Error::Environment { variable: "SCF_RUNTIME_API_PORT", problem: "is no port" })?;
    let v6 = host.contains(':') && !host.starts_with('[');
    Ok(if v6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

/// Runs `work` and makes a failure of a panic, in its making as well as in any poll. What a panic left half done in
/// the handler's own state is the handler's to bear, as with any error.
async fn without_unwinding<Fut>(work: impl FnOnce() -> Fut) -> Result<Bytes, Failure>
where
    Fut: Future<Output = Result<Bytes, Failure>>,
{
    let panicked = |panic: Box<dyn Any + Send>| Failure::new("Panic", panic_message(panic.as_ref()));
    let future = catch_unwind(AssertUnwindSafe(work)).map_err(panicked)?;
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll,
        Err(panic) => Poll::Ready(Err(panicked(panic))),
    })
    .await
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic without a message".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, port: &str) -> Result<String, String> {
        let variable = |name: &str| match name {
            "SCF_RUNTIME_API" => Some(host.to_owned()),
            _ => Some(port.to_owned()),
        };
        authority(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn the_api_address_comes_from_two_variables() {
        assert_eq!(check("127.0.0.1", "9001"), Ok("127.0.0.1:9001".into()));
        assert_eq!(check("::1", "9001"), Ok("[::1]:9001".into()));
        assert_eq!(check("http://localhost/", "9001"), Ok("localhost:9001".into()));
    }

    #[test]
    fn a_missing_address_is_named() {
        assert!(check("", "9001").is_err_and(|text| text.starts_with("SCF_RUNTIME_API is not set")));
        assert!(check("h", "x").is_err_and(|text| text.starts_with("SCF_RUNTIME_API_PORT is no port")));
    }
}
