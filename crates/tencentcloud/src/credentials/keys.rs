//! A pair of keys, with a token when temporary.

use std::fmt;
use std::sync::Arc;

/// A pair of keys, with a token when temporary. Cheap to clone. `Debug` hides everything.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    secret_id: String,
    secret_key: String,
    token: Option<String>,
}

impl Keys {
    /// Long-term keys.
    #[must_use]
    pub fn new(secret_id: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self(Arc::new(Inner { secret_id: secret_id.into(), secret_key: secret_key.into(), token: None }))
    }

    /// Temporary keys, which are worth nothing without their token. An empty token is none.
    #[must_use]
    pub fn temporary(
        secret_id: impl Into<String>,
        secret_key: impl Into<String>,
        token: Option<impl Into<String>>,
    ) -> Self {
        Self(Arc::new(Inner {
            secret_id: secret_id.into(),
            secret_key: secret_key.into(),
            token: token.map(Into::into).filter(|token| !token.is_empty()),
        }))
    }

    /// The public half.
    #[must_use]
    pub fn secret_id(&self) -> &str {
        &self.0.secret_id
    }

    /// The secret half.
    #[must_use]
    pub fn secret_key(&self) -> &str {
        &self.0.secret_key
    }

    /// The token of temporary keys.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.0.token.as_deref()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}
