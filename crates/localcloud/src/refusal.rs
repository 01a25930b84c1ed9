//! The one way the local cloud says no: a documented code and a sentence, as `Response.Error` carries them.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// Members of a successful answer, without `RequestId`.
pub(crate) type Members = Map<String, Value>;
/// What carrying out a call ends in.
pub(crate) type Answer = Result<Members, Refusal>;

/// A refusal of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

/// `Err(Refusal)` in one word, for early returns.
pub(crate) fn refuse<T>(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(code, message))
}

/// The members of a JSON object; anything else is a bug of the caller.
pub(crate) fn members(value: Value) -> Members {
    match value {
        Value::Object(map) => map,
        other => unreachable!("an answer is an object, not {other}"),
    }
}
