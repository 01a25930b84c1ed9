//! How a call failed, by how far it got: never sent, refused, or unknown whether it happened. Retries, resumption and
//! the final report all depend on that difference. What a code means for an object is said beside the service
//! ([`crate::scf::is_function_absent`] and others).

use std::error::Error as StdError;
use std::fmt;

use crate::api::{Effect, Service};

type Cause = Box<dyn StdError + Send + Sync>;

/// The Tag service is at work on the resource. It also stands beside single resources of an answer that succeeds.
pub(crate) const RESOURCE_TAG_PROCESSING: &str = "FailedOperation.ResourceTagProcessing";

/// A failed call.
pub struct Error(Box<Inner>);

struct Inner {
    call: CallName,
    kind: ErrorKind,
    /// An earlier attempt of the same call may have taken effect.
    earlier_attempt_unknown: bool,
}

/// Which call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallName {
    /// The service.
    pub service: Service,
    /// The action.
    pub action: &'static str,
    /// The region it was sent to, where the service has regions.
    pub region: Option<String>,
    /// What the action does.
    pub effect: Effect,
}

/// How far a failed call got.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// It certainly had no effect: the request never left.
    NotSent(NotSent),
    /// The service answered that it did not do it.
    Refused(Refusal),
    /// The request left, and no answer that can be relied upon came back.
    Unknown(Unknown),
}

/// Why a request never left.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotSent {
    /// No usable credentials.
    Credentials(Cause),
    /// No connection: name look-up, connect, TLS or proxy.
    Connect(Cause),
    /// The request could not be built.
    Request(Cause),
}

/// The service's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code, for example `ResourceNotFound.Function`.
    pub code: String,
    /// The text, in the client's language. It may echo input.
    pub message: String,
    /// The provider's id of the call.
    pub request_id: Option<String>,
}

/// Why it is unknown whether a call happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unknown {
    /// No answer in time.
    Timeout(Cause),
    /// The connection broke after the request was on its way.
    ConnectionLost(Cause),
    /// An HTTP status other than 200, which the API layer never answers.
    Status(u16),
    /// An answer that is not what the API answers. Its text is not kept: it may hold secrets.
    Unreadable(String),
    /// A list whose pages did not fit together, however often it was read.
    Unstable,
}

impl Error {
    pub(crate) fn new(call: CallName, kind: ErrorKind) -> Self {
        Self(Box::new(Inner { call, kind, earlier_attempt_unknown: false }))
    }

    /// A refusal, as tests of callers need it.
    #[must_use]
    pub fn refused(call: CallName, refusal: Refusal) -> Self {
        Self::new(call, ErrorKind::Refused(refusal))
    }

    /// An unknown outcome, as tests of callers need it.
    #[must_use]
    pub fn unknown(call: CallName, cause: Unknown) -> Self {
        Self::new(call, ErrorKind::Unknown(cause))
    }

    pub(crate) fn after_unknown_attempt(mut self, earlier: bool) -> Self {
        self.0.earlier_attempt_unknown |= earlier;
        self
    }

    /// The same without a secret that the service may have echoed.
    pub(crate) fn without(mut self, secret: &str) -> Self {
        if let ErrorKind::Refused(refusal) = &mut self.0.kind {
            refusal.message = refusal.message.replace(secret, "***");
        }
        self
    }

    /// How far the call got.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Which call it was.
    #[must_use]
    pub fn call(&self) -> &CallName {
        &self.0.call
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> Service {
        self.0.call.service
    }

    /// The action.
    #[must_use]
    pub fn action(&self) -> &'static str {
        self.0.call.action
    }

    /// The region, where the service has regions.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.0.call.region.as_deref()
    }

    /// What the service said, if it said no.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.0.kind {
            ErrorKind::Refused(refusal) => Some(refusal),
            ErrorKind::NotSent(_) | ErrorKind::Unknown(_) => None,
        }
    }

    /// The service's code, if it said no.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.code.as_str())
    }

    /// Whether this very service refused with one of these codes.
    pub(crate) fn is(&self, service: Service, codes: &[&str]) -> bool {
        self.service() == service && self.code().is_some_and(|code| codes.contains(&code))
    }

    /// The service's text, if it said no.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.message.as_str())
    }

    /// The provider's id of the refused call.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.refusal().and_then(|refusal| refusal.request_id.as_deref())
    }

    /// Whether the call may have taken effect although it failed: only reading the object again can tell. True for
    /// unknown outcomes; for writes also after an internal error, which may strike half-way, and when an earlier
    /// attempt ended unknown.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        let write = self.0.call.effect != Effect::Read;
        match &self.0.kind {
            ErrorKind::Unknown(_) => true,
            ErrorKind::NotSent(_) => write && self.0.earlier_attempt_unknown,
            ErrorKind::Refused(refusal) => write && (self.0.earlier_attempt_unknown || refusal.is_internal()),
        }
    }

    /// Whether the service turned the call away because of its rate.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        (self.refusal()).is_some_and(|refusal| refusal.is_throttled(self.service()))
    }

    /// Whether the service does not know the action at all.
    #[must_use]
    pub fn is_action_unknown(&self) -> bool {
        matches!(self.code(), Some("InvalidAction" | "NoSuchVersion" | "NoSuchProduct" | "ActionOffline"))
    }

    /// Whether the caller lacks the permission.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        self.code().is_some_and(|code| {
            matches!(code, "AuthFailure.UnauthorizedOperation" | "AccessDenied")
                || is_or_under(code, "UnauthorizedOperation")
        })
    }
}

impl Refusal {
    /// Turned away before execution because of the rate. STS says so with a code of its own.
    pub(crate) fn is_throttled(&self, service: Service) -> bool {
        is_or_under(&self.code, "RequestLimitExceeded")
            || service == Service::Sts && self.code == "InvalidParameter.OverLimit"
            || service == Service::Cos && self.code == "SlowDown"
    }

    /// A failure inside the service, which may strike half-way through.
    pub(crate) fn is_internal(&self) -> bool {
        is_or_under(&self.code, "InternalError") || self.code == "ServiceUnavailable"
    }

    /// Not done, for something else is under way that will pass (facts SCF 7, CAM 5.1).
    pub(crate) fn is_pending(&self, service: Service) -> bool {
        service == Service::Tag && self.code == RESOURCE_TAG_PROCESSING
            || service == Service::Scf && self.code == "ResourceUnavailable.Namespace"
    }

    /// The signature's time is too far from the service's clock.
    pub(crate) fn is_clock_skew(&self) -> bool {
        matches!(self.code.as_str(), "AuthFailure.SignatureExpire" | "RequestTimeTooSkewed")
    }
}

/// Whether `code` is `family` or one of its `family.Suffix`.
fn is_or_under(code: &str, family: &str) -> bool {
    code.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = &self.0.call;
        match &self.0.kind {
            ErrorKind::NotSent(_) => write!(f, "{} {} was not sent", call.service, call.action)?,
            ErrorKind::Refused(_) => write!(f, "the service refused {} {}", call.service, call.action)?,
            ErrorKind::Unknown(_) => {
                write!(f, "it is unknown whether {} {} happened", call.service, call.action)?;
            }
        }
        if let Some(region) = &call.region {
            write!(f, " in {region}")?;
        }
        if self.0.earlier_attempt_unknown && !matches!(self.0.kind, ErrorKind::Unknown(_)) {
            f.write_str(" (an earlier attempt may have taken effect)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("call", &self.0.call)
            .field("kind", &self.0.kind)
            .field("earlier_attempt_unknown", &self.0.earlier_attempt_unknown)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.kind {
            ErrorKind::NotSent(why) => Some(why),
            ErrorKind::Refused(refusal) => Some(refusal),
            ErrorKind::Unknown(why) => Some(why),
        }
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credentials(_) => "no usable credentials",
            Self::Connect(_) => "no connection to the service",
            Self::Request(_) => "the request could not be built",
        })
    }
}

impl StdError for NotSent {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Credentials(cause) | Self::Connect(cause) | Self::Request(cause) => Some(cause.as_ref()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl StdError for Refusal {}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(_) => f.write_str("no answer in time"),
            Self::ConnectionLost(_) => f.write_str("the connection broke before an answer came"),
            Self::Status(status) => write!(f, "the answer had HTTP status {status}"),
            Self::Unreadable(why) => write!(f, "the answer is unreadable: {why}"),
            Self::Unstable => f.write_str("the list kept changing while it was read"),
        }
    }
}

impl StdError for Unknown {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Timeout(cause) | Self::ConnectionLost(cause) => Some(cause.as_ref()),
            Self::Status(_) | Self::Unreadable(_) | Self::Unstable => None,
        }
    }
}
