//! Where keys come from, and how temporary ones stay fresh. [`Credentials::resolve`] takes the first source that is
//! configured; a source that is configured but broken is an error, for quietly falling through to another account
//! would be worse. Each source has a file of its own; signing is done elsewhere.

mod error;
mod function;
mod keys;
mod metadata;
mod oidc;
mod profile;
mod refresh;
mod variables;

pub use error::{CredentialsError, Looked};
pub use keys::Keys;

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use crate::Environment;
use crate::client::Core;

use metadata::Metadata;
use oidc::WebIdentity;
use profile::AssumedRole;
use refresh::{Refresh, Temporary};

/// A source of keys. Cheap to clone; clones share temporary keys and their renewal.
#[derive(Clone)]
pub struct Credentials(Arc<Inner>);

struct Inner {
    provider: Provider,
    source: String,
    region: Option<String>,
}

enum Provider {
    Fixed(Keys),
    /// Fetched when first needed, and again before they expire.
    Fetched(Box<Fetched>),
}

/// Keys that are fetched, and their renewal.
struct Fetched {
    from: Fetch,
    refresh: Refresh,
}

enum Fetch {
    WebIdentity(WebIdentity),
    AssumedRole(AssumedRole),
    Metadata(Metadata),
}

/// What [`Credentials::resolve`] goes by, besides the environment.
#[derive(Clone, Debug)]
pub struct ResolveOptions {
    /// A profile named by the user. It excludes every other source.
    pub profile: Option<String>,
    /// The machine-wide profile file.
    pub system_file: PathBuf,
    /// The metadata service of a CVM; tests put their own here.
    pub metadata: String,
}

impl Default for ResolveOptions {
    fn default() -> Self {
        Self {
            profile: None,
            system_file: PathBuf::from("/etc/tencentcloud/credentials"),
            metadata: "http://metadata.tencentyun.com".to_owned(),
        }
    }
}

impl Credentials {
    /// These keys, always.
    #[must_use]
    pub fn fixed(keys: Keys) -> Self {
        Self::of(Provider::Fixed(keys), "keys given by the caller".to_owned(), None)
    }

    /// The first configured source: the named profile; the environment; OIDC; `~/.tccli`; `~/.tencentcloud/credentials`
    /// and its machine-wide sibling; last, the role of the CVM we may run on. Reads variables and files, but sends
    /// nothing: temporary keys are fetched with the first call.
    ///
    /// # Errors
    /// When a source is configured but unusable. Finding none is no error yet: the CVM role is asked with the first
    /// call, whose [`CredentialsError::NotFound`] then lists every place looked at.
    pub fn resolve(environment: &Environment, options: &ResolveOptions) -> Result<Self, CredentialsError> {
        let mut looked = Vec::new();
        if let Some(name) = &options.profile {
            return match profile::named(environment, options, name, &mut looked)? {
                Some(found) => Ok(found),
                None => Err(CredentialsError::NoProfile { profile: name.clone(), looked }),
            };
        }
        if let Some(found) = variables::keys(environment, &mut looked)? {
            return Ok(found);
        }
        if let Some(found) = oidc::web_identity(environment, &mut looked)? {
            return Ok(found);
        }
        if let Some(found) = profile::default(environment, options, &mut looked)? {
            return Ok(found);
        }
        Ok(metadata::role(&options.metadata, None, looked))
    }

    /// The keys that SCF gives a running function through its execution role.
    ///
    /// # Errors
    /// When the function has no execution role.
    pub fn from_function_environment(environment: &Environment) -> Result<Self, CredentialsError> {
        function::keys(environment)
    }

    /// Where the keys come from, in words, without any part of them.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The region that is configured beside the keys, if any.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.0.region.as_deref()
    }

    fn of(provider: Provider, source: String, region: Option<String>) -> Self {
        Self(Arc::new(Inner { provider, source, region }))
    }

    fn fetched(from: Fetch, source: String, region: Option<String>) -> Self {
        Self::of(Provider::Fetched(Box::new(Fetched { from, refresh: Refresh::default() })), source, region)
    }

    /// The keys to sign with now. Boxed, because fetching keys may itself be a call.
    pub(crate) fn keys<'a>(
        &'a self,
        core: &'a Core,
    ) -> Pin<Box<dyn Future<Output = Result<Keys, Arc<CredentialsError>>> + Send + 'a>> {
        Box::pin(async move {
            match &self.0.provider {
                Provider::Fixed(keys) => Ok(keys.clone()),
                Provider::Fetched(fetched) => fetched.refresh.keys(|| core.now(), || fetched.from.fetch(core)).await,
            }
        })
    }
}

impl Fetch {
    async fn fetch(&self, core: &Core) -> Result<Temporary, CredentialsError> {
        match self {
            Self::WebIdentity(identity) => identity.fetch(core).await,
            Self::AssumedRole(role) => role.fetch(core).await,
            Self::Metadata(metadata) => metadata.fetch(core).await,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("source", &self.0.source).finish_non_exhaustive()
    }
}
