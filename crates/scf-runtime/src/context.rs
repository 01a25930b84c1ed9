//! What a handler knows besides the event: the request, its limits, the function, the execution role's credentials.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Facts about one invocation.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Context {
    /// The platform's id of this request; empty when it sent none. All tries of one asynchronous event carry the
    /// same id.
    pub request_id: String,
    /// Memory of the instance, in MB.
    pub memory_limit_mb: Option<u32>,
    /// How long an invocation may take.
    pub time_limit: Option<Duration>,
    /// When the platform kills the invocation, counted from the event's arrival here.
    pub deadline: Option<Instant>,
    /// The function this is.
    pub function: Arc<Function>,
    /// Temporary keys of the function's execution role; `None` for a function without role.
    pub credentials: Option<Arc<Credentials>>,
}

impl Context {
    /// Time left before the platform kills this invocation; `None` when it named no limit.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

/// Identity of the function, from the environment of the instance. Fields are empty when the platform did not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Function {
    /// Name (`SCF_FUNCTIONNAME`).
    pub name: String,
    /// Version (`SCF_FUNCTIONVERSION`).
    pub version: String,
    /// Namespace (`SCF_NAMESPACE`), `default` when the platform does not set it.
    pub namespace: String,
    /// Region (`TENCENTCLOUD_REGION`).
    pub region: String,
    /// Owner (`TENCENTCLOUD_UIN`).
    pub uin: String,
    /// Application id (`TENCENTCLOUD_APPID`).
    pub app_id: String,
    /// The configured handler string (`_HANDLER`).
    pub handler: String,
}

impl Function {
    /// Reads the identity through `variable`, which looks up environment variables.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let read = |name| variable(name).unwrap_or_default();
        Self {
            name: read("SCF_FUNCTIONNAME"),
            version: read("SCF_FUNCTIONVERSION"),
            namespace: variable("SCF_NAMESPACE").filter(|it| !it.is_empty()).unwrap_or_else(|| "default".into()),
            region: read("TENCENTCLOUD_REGION"),
            uin: read("TENCENTCLOUD_UIN"),
            app_id: read("TENCENTCLOUD_APPID"),
            handler: read("_HANDLER"),
        }
    }
}

/// Temporary credentials of the execution role. `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `TENCENTCLOUD_SECRETID`.
    pub secret_id: String,
    /// `TENCENTCLOUD_SECRETKEY`.
    pub secret_key: String,
    /// `TENCENTCLOUD_SESSIONTOKEN`; the platform always sets it for a role.
    pub session_token: Option<String>,
}

impl Credentials {
    /// Reads the credentials through `variable`; `None` unless id and key are there.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let read = |name| variable(name).filter(|value| !value.is_empty());
        Some(Self {
            secret_id: read("TENCENTCLOUD_SECRETID")?,
            secret_key: read("TENCENTCLOUD_SECRETKEY")?,
            session_token: read("TENCENTCLOUD_SESSIONTOKEN"),
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn debug_shows_no_part_of_the_credentials() {
        let pairs = [
            ("TENCENTCLOUD_SECRETID", "id-canary"),
            ("TENCENTCLOUD_SECRETKEY", "key-canary"),
            ("TENCENTCLOUD_SESSIONTOKEN", "token-canary"),
        ];
        let credentials = Credentials::from_variables(lookup(&pairs));
        assert!(credentials.is_some());
        assert!(!format!("{credentials:?}").contains("canary"));
    }

    #[test]
    fn an_empty_key_means_no_credentials() {
        let pairs = [("TENCENTCLOUD_SECRETID", "id"), ("TENCENTCLOUD_SECRETKEY", "")];
        assert_eq!(Credentials::from_variables(lookup(&pairs)), None);
    }

    #[test]
    fn a_function_without_namespace_is_in_default() {
        let function = Function::from_variables(lookup(&[("SCF_FUNCTIONNAME", "f")]));
        assert_eq!((function.name.as_str(), function.namespace.as_str()), ("f", "default"));
    }
}
