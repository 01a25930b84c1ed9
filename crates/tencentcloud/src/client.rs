//! The client: takes a typed call, gives a typed answer, and in between waits for its turn, signs, sends, reads, and
//! repeats what may be repeated. Each of these steps lives in a module of its own; this one only puts them in order.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{DATE, HeaderMap};
use tokio::sync::Semaphore;

use crate::api::{Action, Effect, Service, tag};
use crate::credentials::{Credentials, CredentialsError, Keys};
use crate::error::{CallName, Error, ErrorKind, NotSent, Unknown};
use crate::network::Network;
use crate::paging::{self, Paged};
use crate::rate::{RateLimits, RateMode};
use crate::request::{self, Call, Dialect, Endpoint, MAX_REQUEST_BYTES, Reading, Signer};
use crate::retry::{self, Failure, Progress, RetryBudget, RetryPolicy};
use crate::transport::{Incoming, Manner, Outgoing, SendError, Transport};

/// Settings of a [`Client`].
#[derive(Clone)]
pub struct ClientConfig {
    /// Where keys come from.
    pub credentials: Credentials,
    /// One URL for every service (the local cloud, a test), http or https; its path does not count. None: the
    /// provider's own hosts.
    pub endpoint: Option<Url>,
    /// The language of error messages, `en-US` or `zh-CN`.
    pub language: String,
    /// How the client names itself, in `User-Agent` and `X-TC-RequestClient`.
    pub user_agent: String,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest wait for an attempt as a whole; [`Client::call_within`] has another.
    pub request_timeout: Duration,
    /// Where rates start.
    pub rate_mode: RateMode,
    /// What is repeated, and how long.
    pub retry: RetryPolicy,
    /// Most calls under way at once.
    pub parallelism: usize,
    /// Proxies and trust roots.
    pub network: Network,
    /// Called after every attempt, for logs and tests.
    pub on_call: Option<OnCall>,
}

/// Told of every attempt.
pub type OnCall = Arc<dyn Fn(&CallRecord) + Send + Sync>;

impl ClientConfig {
    /// The defaults, with these credentials.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            endpoint: None,
            language: "en-US".to_owned(),
            user_agent: concat!("provision/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(60),
            rate_mode: RateMode::default(),
            retry: RetryPolicy::default(),
            parallelism: 64,
            network: Network::default(),
            on_call: None,
        }
    }
}

/// One attempt of a call. Holds no part of a body.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallRecord {
    /// The service.
    pub service: Service,
    /// The action.
    pub action: &'static str,
    /// The region, where given.
    pub region: Option<String>,
    /// Counted from 1.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The provider's id of the attempt.
    pub request_id: Option<String>,
    /// From sending to the last byte of the answer.
    pub duration: Duration,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The service did it.
    Done,
    /// The service refused, with this code.
    Refused(String),
    /// The request did not leave.
    NotSent,
    /// No reliable answer.
    Unknown,
}

/// The way to the cloud. Cheap to clone; clones share connections, rates and credentials.
#[derive(Clone)]
pub struct Client {
    core: Arc<Core>,
    /// A seat for each call that may be under way.
    seats: Arc<Semaphore>,
    /// The longest wait for an attempt, if not as long as usual.
    limit: Option<Duration>,
}

/// Calls under way at once of a client that [`Client::aside`] made.
const SEATS_ASIDE: usize = 4;

impl Client {
    /// A client. Opens no connection and reads no file yet.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        let manner =
            Manner { connect_timeout: config.connect_timeout, request_timeout: config.request_timeout, direct: false };
        let parallelism = config.parallelism.max(1);
        let core = Core {
            transport: Transport::new(config.network, manner),
            endpoint: Endpoint::new(config.endpoint),
            dialect: Dialect { language: config.language, agent: config.user_agent },
            credentials: config.credentials,
            rates: RateLimits::new(config.rate_mode),
            retry: config.retry,
            retry_budget: RetryBudget::new(),
            parallelism,
            fetching_keys: Semaphore::new(1),
            clock_offset: AtomicI64::new(0),
            told_offset: AtomicI64::new(0),
            on_call: config.on_call,
        };
        Self { core: Arc::new(core), seats: Arc::new(Semaphore::new(parallelism)), limit: None }
    }

    /// The same client with a few seats of its own and a time limit for each attempt: for calls that must not wait until
    /// others under way are done.
    #[must_use]
    pub fn aside(&self, limit: Duration) -> Self {
        Self { core: self.core.clone(), seats: Arc::new(Semaphore::new(SEATS_ASIDE)), limit: Some(limit) }
    }

    /// Makes a call. `region` is needed for SCF and MPS and left out for the global services.
    ///
    /// # Errors
    /// See [`Error`]: never sent, refused, or unknown whether it happened.
    pub async fn call<A: Action>(&self, region: Option<&str>, request: &A) -> Result<A::Response, Error> {
        self.core.call_seated(region, request, Authority::Credentials, self.limit, &self.seats).await
    }

    /// As [`Client::call`], with a time limit of its own for each attempt: a synchronous invocation may take as long as
    /// the function's timeout.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_within<A: Action>(
        &self,
        limit: Duration,
        region: Option<&str>,
        request: &A,
    ) -> Result<A::Response, Error> {
        self.core.call_seated(region, request, Authority::Credentials, Some(limit), &self.seats).await
    }

    /// Makes an exchange with a service that is no API 3.0 action.
    pub(crate) async fn exchange<X: Exchange>(&self, exchange: &X) -> Result<X::Response, Error> {
        self.core.repeat(exchange, Authority::Credentials, &self.seats).await
    }

    /// Reads a whole list: the first page, then all others at once.
    ///
    /// # Errors
    /// As [`Client::call`]; also [`Unknown::Unstable`] when the list keeps changing while it is read.
    pub async fn list<A: Paged>(&self, region: Option<&str>, request: &A) -> Result<Vec<A::Item>, Error> {
        paging::list(self, region, request, Some).await
    }

    /// As [`Client::list`], keeping only what `keep` makes of each row: of a long list most is of no interest.
    ///
    /// # Errors
    /// As [`Client::list`].
    pub async fn list_with<A: Paged, T>(
        &self,
        region: Option<&str>,
        request: &A,
        keep: impl Fn(A::Item) -> Option<T>,
    ) -> Result<Vec<T>, Error> {
        paging::list(self, region, request, keep).await
    }

    /// Reads all resources that a tag query finds, page by page.
    ///
    /// # Errors
    /// As [`Client::list`].
    pub async fn list_tagged(&self, request: &tag::GetResources) -> Result<Vec<tag::ResourceTagMapping>, Error> {
        paging::list_tagged(self, request).await
    }

    /// Most calls under way at once. Who has many to make needs no more than a few times as many waiting.
    #[must_use]
    pub fn parallelism(&self) -> usize {
        self.core.parallelism
    }

    /// Seconds since 1970 by the service's clock as its last answer told it, else by this machine's. What several
    /// machines agree upon in the cloud is counted by a clock that they share.
    #[must_use]
    pub fn service_time(&self) -> i64 {
        unix_now() + self.core.told_offset.load(Ordering::Relaxed)
    }

    /// The client's credentials, for what is signed elsewhere and to say where they came from.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.core.credentials
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.core.endpoint).finish_non_exhaustive()
    }
}

/// What clones of a client share.
pub(crate) struct Core {
    pub(crate) transport: Transport,
    endpoint: Endpoint,
    dialect: Dialect,
    credentials: Credentials,
    rates: RateLimits,
    retry: RetryPolicy,
    retry_budget: RetryBudget,
    parallelism: usize,
    /// Calls that fetch keys have seats of their own, for callers who already sit wait for them.
    fetching_keys: Semaphore,
    /// Seconds to add to our clock to get the service's.
    clock_offset: AtomicI64,
    /// The same, as the last answer's `Date` told; signatures use it only once the service has complained.
    told_offset: AtomicI64,
    on_call: Option<OnCall>,
}

pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// How a service is spoken to: a request is made from it for each attempt, and what came back is read. Both pure.
pub(crate) trait Exchange: Sync {
    /// What it answers.
    type Response: Send;
    /// Which call it is.
    fn name(&self) -> CallName;
    /// How long an attempt may take, if not as long as usual.
    fn limit(&self) -> Option<Duration>;
    /// The signed request of one attempt; `now` is Unix seconds by the service's clock.
    fn outgoing(&self, endpoint: &Endpoint, dialect: &Dialect, signer: &Signer, now: i64) -> Result<Outgoing, Cause>;
    /// What an answer says.
    fn read(&self, incoming: &Incoming) -> Result<Reading<Self::Response>, Unknown>;
}

/// An action of the API, ready to be sent.
struct Prepared<R> {
    call: Call,
    effect: Effect,
    response: PhantomData<fn() -> R>,
}

impl<R: serde::de::DeserializeOwned + Send> Exchange for Prepared<R> {
    type Response = R;

    fn name(&self) -> CallName {
        let call = &self.call;
        CallName { service: call.service, action: call.action, region: call.region.clone(), effect: self.effect }
    }

    fn limit(&self) -> Option<Duration> {
        self.call.limit
    }

    fn outgoing(&self, endpoint: &Endpoint, dialect: &Dialect, signer: &Signer, now: i64) -> Result<Outgoing, Cause> {
        request::build(&self.call, endpoint, dialect, signer, now)
    }

    fn read(&self, incoming: &Incoming) -> Result<Reading<R>, Unknown> {
        request::read(incoming.status, &incoming.body)
    }
}

/// In whose name a call is made.
#[derive(Clone)]
pub(crate) enum Authority {
    /// The client's credentials.
    Credentials,
    /// These keys: how credentials turn one key into another.
    Keys(Keys),
    /// Nobody's: the call carries its own proof.
    Nobody,
}

/// A failed attempt: what it means for a repetition, and the error if there is none.
struct Failed {
    failure: Failure,
    kind: ErrorKind,
}

impl Failed {
    fn not_sent(failure: Failure, kind: NotSent) -> Self {
        Self { failure, kind: ErrorKind::NotSent(kind) }
    }

    fn unknown(kind: Unknown) -> Self {
        Self { failure: Failure::Unknown, kind: ErrorKind::Unknown(kind) }
    }
}

impl Core {
    /// Makes a call on the way to keys.
    pub(crate) async fn call<A: Action>(
        &self,
        region: Option<&str>,
        request: &A,
        authority: Authority,
    ) -> Result<A::Response, Error> {
        self.call_seated(region, request, authority, None, &self.fetching_keys).await
    }

    async fn call_seated<A: Action>(
        &self,
        region: Option<&str>,
        request: &A,
        authority: Authority,
        limit: Option<Duration>,
        seats: &Semaphore,
    ) -> Result<A::Response, Error> {
        let name =
            CallName { service: A::SERVICE, action: A::NAME, region: region.map(str::to_owned), effect: A::EFFECT };
        let body = match body_of(request) {
            Ok(body) => body,
            Err(cause) => return Err(Error::new(name, ErrorKind::NotSent(NotSent::Request(cause)))),
        };
        let call = Call {
            service: A::SERVICE,
            version: A::VERSION,
            action: A::NAME,
            region: name.region.clone(),
            body,
            limit,
        };
        self.repeat(&Prepared { call, effect: A::EFFECT, response: PhantomData }, authority, seats).await
    }

    /// Makes an exchange, and again while that is allowed and of use.
    async fn repeat<X: Exchange>(
        &self,
        exchange: &X,
        authority: Authority,
        seats: &Semaphore,
    ) -> Result<X::Response, Error> {
        let name = exchange.name();
        let effect = name.effect;
        let lane = self.rates.lane(name.service, name.action, name.region.as_deref());
        let mut progress = Progress { attempts: 0, turned_away: 0, elapsed: Duration::ZERO, clock_corrected: false };
        let mut earlier_unknown = false;
        let mut waited = Duration::ZERO;
        let started = Instant::now();
        loop {
            let queued = Instant::now();
            let entered = lane.enter(seats).await;
            // Keys come last: those from before a long queue could have expired in it.
            let signer = match self.signer(&authority).await {
                Ok(signer) => signer,
                Err(error) => {
                    let kind = ErrorKind::NotSent(NotSent::Credentials(error.into()));
                    return Err(Error::new(name, kind).after_unknown_attempt(earlier_unknown));
                }
            };
            waited += queued.elapsed();

            let number = progress.attempts + progress.turned_away + 1;
            let failed = match self.attempt(exchange, &name, &signer, number).await {
                Ok(response) => {
                    self.retry_budget.earn();
                    return Ok(response);
                }
                Err(failed) => failed,
            };
            let counted = entered.counted;
            drop(entered);

            match failed.failure {
                Failure::Throttled => {
                    progress.turned_away += 1;
                    lane.throttled(counted);
                }
                Failure::Pending => progress.turned_away += 1,
                Failure::NotSent | Failure::Unknown | Failure::Internal | Failure::ClockSkew | Failure::Final => {
                    progress.attempts += 1;
                }
            }
            progress.elapsed = started.elapsed().saturating_sub(waited);
            let pause = retry::decide(&self.retry, effect, failed.failure, progress).filter(|_| {
                // The service is well where it says why it turned the call away.
                matches!(failed.failure, Failure::Throttled | Failure::Pending | Failure::ClockSkew)
                    || self.retry_budget.spend()
            });
            let Some(pause) = pause else {
                return Err(Error::new(name, failed.kind).after_unknown_attempt(earlier_unknown));
            };
            earlier_unknown |= effect != Effect::Read && matches!(failed.failure, Failure::Unknown | Failure::Internal);
            progress.clock_corrected |= failed.failure == Failure::ClockSkew;
            tokio::time::sleep(retry::jittered(pause)).await;
        }
    }

    /// Who signs now: temporary keys may be replaced between two attempts.
    async fn signer(&self, authority: &Authority) -> Result<Signer, Arc<CredentialsError>> {
        match authority {
            Authority::Credentials => self.credentials.keys(self).await.map(Signer::Keys),
            Authority::Keys(keys) => Ok(Signer::Keys(keys.clone())),
            Authority::Nobody => Ok(Signer::Nobody),
        }
    }

    async fn attempt<X: Exchange>(
        &self,
        exchange: &X,
        name: &CallName,
        signer: &Signer,
        number: u32,
    ) -> Result<X::Response, Failed> {
        let started = Instant::now();
        let result = self.exchange(exchange, name.service, signer).await;
        if let Some(on_call) = &self.on_call {
            let (outcome, request_id) = match &result {
                Ok((_, request_id)) => (Outcome::Done, request_id.clone()),
                Err(failed) => match &failed.kind {
                    ErrorKind::NotSent(_) => (Outcome::NotSent, None),
                    ErrorKind::Refused(refusal) => (Outcome::Refused(refusal.code.clone()), refusal.request_id.clone()),
                    ErrorKind::Unknown(_) => (Outcome::Unknown, None),
                },
            };
            on_call(&CallRecord {
                service: name.service,
                action: name.action,
                region: name.region.clone(),
                attempt: number,
                outcome,
                request_id,
                duration: started.elapsed(),
            });
        }
        result.map(|(response, _)| response)
    }

    async fn exchange<X: Exchange>(
        &self,
        exchange: &X,
        service: Service,
        signer: &Signer,
    ) -> Result<(X::Response, Option<String>), Failed> {
        let outgoing = (exchange.outgoing(&self.endpoint, &self.dialect, signer, self.now()))
            .map_err(|cause| Failed::not_sent(Failure::Final, NotSent::Request(cause)))?;
        let incoming = self.transport.send(outgoing, exchange.limit()).await.map_err(|error| match error {
            SendError::NotSent(cause) => Failed::not_sent(Failure::NotSent, NotSent::Connect(cause)),
            SendError::Timeout(cause) => Failed::unknown(Unknown::Timeout(cause)),
            SendError::ConnectionLost(cause) => Failed::unknown(Unknown::ConnectionLost(cause)),
            SendError::TooLarge => Failed::unknown(Unknown::Unreadable("it is larger than 64 MB".to_owned())),
        })?;
        if let Some(offset) = clock_offset(&incoming.headers) {
            let told = self.told_offset.load(Ordering::Relaxed);
            self.told_offset.store(steady(told, offset), Ordering::Relaxed);
        }
        match exchange.read(&incoming).map_err(Failed::unknown)? {
            Reading::Done { response, request_id } => Ok((response, request_id)),
            Reading::Refused(refusal) => {
                let failure = if refusal.is_throttled(service) {
                    Failure::Throttled
                } else if refusal.is_pending(service) {
                    Failure::Pending
                } else if refusal.is_clock_skew() && self.correct_clock(&incoming.headers) {
                    Failure::ClockSkew
                } else if refusal.is_internal() {
                    Failure::Internal
                } else {
                    Failure::Final
                };
                Err(Failed { failure, kind: ErrorKind::Refused(refusal) })
            }
        }
    }

    /// Fetches something that is no API call, with a few repetitions: it must be harmless.
    pub(crate) async fn fetch(&self, outgoing: Outgoing) -> Result<Incoming, SendError> {
        let started = Instant::now();
        let mut progress = Progress { attempts: 0, turned_away: 0, elapsed: Duration::ZERO, clock_corrected: false };
        loop {
            let result = self.transport.send(outgoing.clone(), None).await;
            progress.attempts += 1;
            progress.elapsed = started.elapsed();
            let failed = result.as_ref().map_or(true, |incoming| incoming.status >= 500);
            match retry::decide(&self.retry, Effect::Read, Failure::Unknown, progress).filter(|_| failed) {
                Some(pause) => tokio::time::sleep(retry::jittered(pause)).await,
                None => return result,
            }
        }
    }

    /// Unix seconds by the service's clock, as far as we know it.
    pub(crate) fn now(&self) -> i64 {
        unix_now() + self.clock_offset.load(Ordering::Relaxed)
    }

    /// Learns the service's clock from the `Date` header; false when there is none.
    fn correct_clock(&self, headers: &HeaderMap) -> bool {
        let Some(offset) = clock_offset(headers) else { return false };
        self.clock_offset.store(offset, Ordering::Relaxed);
        true
    }
}

/// How many seconds the service's clock is ahead, by the `Date` header.
fn clock_offset(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(DATE)?.to_str().ok()?;
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second() - unix_now())
}

/// The offset to count with after an answer told `new`. A date is cut to whole seconds and was on its way for a while:
/// less than two seconds are no news, or the clock would go to and fro.
fn steady(told: i64, new: i64) -> i64 {
    if (new - told).abs() < 2 {
        told
    } else if new.abs() < 2 {
        0
    } else {
        new
    }
}

fn body_of<A: Action>(request: &A) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let body = serde_json::to_vec(request)?;
    if body.len() > MAX_REQUEST_BYTES {
        return Err(format!("{} bytes of body exceed the platform's limit of 10 MB", body.len()).into());
    }
    Ok(body.into())
}

fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::steady;

    #[test]
    fn a_clock_that_is_told_in_whole_seconds_does_not_go_to_and_fro() {
        let run = |offsets: &[i64]| {
            offsets
                .iter()
                .scan(0, |told, new| {
                    *told = steady(*told, *new);
                    Some(*told)
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(run(&[1, -1, 0, 1]), [0; 4], "this machine's clock is right");
        assert_eq!(run(&[-2, -1, -2, -3]), [-2; 4]);
        assert_eq!(run(&[60, 61, 59, 60]), [60; 4]);
        assert_eq!(run(&[60, 0, 30]), [60, 0, 30], "it was set");
    }
}
