//! Why the loop ended. Failures of single events are [`crate::Failure`]s and never end it.

/// What stops a runtime for good. The process should exit; the platform starts a new instance.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The environment lacks the runtime API's address: not started by SCF.
    #[error("{variable} {problem}: this program is started by the SCF custom runtime")]
    Environment {
        /// The environment variable at fault.
        variable: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The runtime API stayed unreachable or kept answering errors until patience ran out.
    #[error("the runtime API failed at {call} until patience ran out")]
    RuntimeApi {
        /// Path of the call that failed.
        call: &'static str,
        /// The last failure.
        #[source]
        source: CallError,
    },
}

/// Why one call to the runtime API failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No connection, or it broke off.
    #[error("connection lost")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Any status but 2xx.
    #[error("status {0}")]
    Status(u16),
    /// The body is larger than [`crate::MAX_EVENT_BYTES`].
    #[error("event larger than {} bytes", crate::MAX_EVENT_BYTES)]
    TooLarge,
}

/// A chain of causes on one line: `outer: middle: inner`.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
