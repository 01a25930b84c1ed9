//! Where keys come from.

mod keys;

pub use keys::Keys;

use std::sync::Arc;

use crate::client::Core;

/// A source of keys. Cheap to clone; clones share temporary keys.
#[derive(Clone, Debug)]
pub struct Credentials(Arc<Provider>);

#[derive(Debug)]
enum Provider {
    Fixed(Keys),
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// Nothing was found.
    #[error("no credentials were found")]
    NotFound,
}

impl Credentials {
    /// These keys, always.
    #[must_use]
    pub fn fixed(keys: Keys) -> Self {
        Self(Arc::new(Provider::Fixed(keys)))
    }

    /// The keys to sign with now.
    #[expect(clippy::unused_async, reason = "temporary keys are fetched")]
    pub(crate) async fn keys(&self, _core: &Core) -> Result<Keys, CredentialsError> {
        match &*self.0 {
            Provider::Fixed(keys) => Ok(keys.clone()),
        }
    }
}
