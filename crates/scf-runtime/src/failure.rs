//! What the platform is told when one event fails: a type and a message.

use serde::Serialize;

/// A failed event. Any [`std::error::Error`] converts into it with `?`: the type is the error's Rust type, the
/// message its text with all causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Short name of the kind of failure, such as `InvalidEvent`.
    #[serde(rename = "errorType")]
    pub kind: String,
    /// What happened. It ends up in the platform's log: no secrets.
    #[serde(rename = "errorMessage")]
    pub message: String,
}

impl Failure {
    /// A failure of this kind with this message.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into() }
    }

    /// The body of `/runtime/invocation/error`. The platform documents plain text and shows it as it is; one JSON
    /// object keeps type and message apart for whoever reads the log.
    pub(crate) fn to_body(&self) -> Vec<u8> {
        // A struct of two strings always serialises; the fallback keeps this function total.
        serde_json::to_vec(self).unwrap_or_else(|_| self.message.clone().into_bytes())
    }
}

impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let path = std::any::type_name::<E>();
        // `my_crate::order::OrderError<T>` -> `OrderError`
        let path = path.split('<').next().unwrap_or(path);
        let kind = path.rsplit("::").next().unwrap_or(path);
        Self::new(kind, crate::error::chain(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("order refused")]
    struct OrderError(#[source] std::num::ParseIntError);

    #[test]
    fn an_error_becomes_its_type_name_and_its_chain_of_causes() {
        let cause = "x".parse::<u8>().expect_err("no digit");
        let failure = Failure::from(OrderError(cause));
        assert_eq!(failure, Failure::new("OrderError", "order refused: invalid digit found in string"));
    }

    #[test]
    fn the_body_is_one_json_object() {
        assert_eq!(Failure::new("A", "b").to_body(), br#"{"errorType":"A","errorMessage":"b"}"#);
    }
}
