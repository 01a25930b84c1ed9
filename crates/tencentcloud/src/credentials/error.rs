//! Why there are no keys. Names places and variables, never values.

use std::fmt;

use crate::error::Error;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// No source is configured.
    #[error("no credentials were found: {}", Listed(.looked))]
    NotFound {
        /// Every place looked at, in order, and why not.
        looked: Vec<Looked>,
    },
    /// The profile that was asked for does not exist.
    #[error("there is no profile `{profile}`: {}", Listed(.looked))]
    NoProfile {
        /// The profile.
        profile: String,
        /// Every place looked at, and why not.
        looked: Vec<Looked>,
    },
    /// One half of what belongs together.
    #[error("{present} is set without {missing}")]
    Half {
        /// What is there.
        present: String,
        /// What is not.
        missing: String,
    },
    /// Two variables for one thing say different things.
    #[error("{first} and {second} are both set, and disagree")]
    Disagree {
        /// The one.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A file that exists but cannot be used.
    #[error("{place} cannot be used: {why}")]
    Unusable {
        /// The file or variable.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A console login that has run out.
    #[error("the {kind} login of profile `{profile}` expired; log in again with `tccli auth login`")]
    Expired {
        /// The profile.
        profile: String,
        /// `oauth` or `sso`.
        kind: String,
    },
    /// Temporary keys could not be fetched over HTTP.
    #[error("{place} gave no usable answer: {why}")]
    Fetch {
        /// Who was asked.
        place: String,
        /// What came back instead.
        why: String,
    },
    /// STS gave no temporary keys.
    #[error("no temporary keys for {role}")]
    Exchange {
        /// The role.
        role: String,
        /// What STS said.
        source: Error,
    },
}

/// A place that was looked at, and why it gave no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Where.
    pub place: String,
    /// Why not.
    pub why: String,
}

impl Looked {
    pub(super) fn new(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self { place: place.into(), why: why.into() }
    }
}

/// A list of places on one line.
struct Listed<'a>(&'a [Looked]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, looked) in self.0.iter().enumerate() {
            let separator = if index == 0 { "\n" } else { ";\n" };
            write!(f, "{separator}{}: {}", looked.place, looked.why)?;
        }
        Ok(())
    }
}
