//! What ends a command: kinds, exit codes, hints. One table, tested.

use plan::diagnostic::Diagnostic;
use plan::lease::Claim;

use crate::apply::lease::time;

/// Exit codes (design section 4).
pub mod exit {
    /// Done, or nothing to do.
    pub const DONE: u8 = 0;
    /// Failed: usage errors and findings included.
    pub const FAILED: u8 = 1;
    /// Changes are pending.
    pub const PENDING: u8 = 2;
    /// Refused: stale plan, protected or foreign object, held event type, wrong account, too many deletes.
    pub const REFUSED: u8 = 3;
    /// Interrupted after a clean stop.
    pub const INTERRUPTED: u8 = 130;
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The command line is wrong.
    #[error("{message}")]
    Usage {
        /// What is wrong with it.
        message: String,
        /// The way out.
        help: Option<String>,
    },
    /// A stack or a resource is named that no manifest declares.
    #[error("{message}")]
    Undeclared {
        /// What is named.
        message: String,
        /// What there is instead.
        help: String,
    },
    /// The manifests have errors; they were collected and are shown by themselves.
    #[error("the manifests have {count} error{}", if *count == 1 { "" } else { "s" })]
    Findings {
        /// How many.
        count: usize,
    },
    /// The world forbids what the manifests want; the findings say why.
    #[error("{message}")]
    Refused {
        /// What is refused.
        message: String,
        /// The way out.
        help: Option<String>,
    },
    /// A call failed, and with it everything that depends on its answer.
    #[error("cannot {doing}")]
    Call {
        /// What was being done, such as `read function.web`.
        doing: String,
        /// The resource, when there is one.
        address: Option<String>,
        /// Why.
        source: Box<tencentcloud::Error>,
    },
    /// Somebody else is writing to the stack.
    #[error("{}", held(stack, by.as_deref()))]
    Held {
        /// The stack.
        stack: String,
        /// Who, if that could be found out.
        by: Option<Box<Claim>>,
    },
    /// The lease of a stack could not be taken.
    #[error("cannot take the lease of stack {stack}")]
    Lease {
        /// The stack.
        stack: String,
        /// Why.
        source: Box<tencentcloud::Error>,
    },
    /// The lease was lost while changes were carried out.
    #[error("the lease of stack {stack} was lost: {why}")]
    LeaseLost {
        /// The stack.
        stack: String,
        /// How.
        why: String,
    },
    /// There are no usable credentials.
    #[error("no usable credentials")]
    Credentials(#[source] Box<tencentcloud::CredentialsError>),
    /// Something on this machine failed.
    #[error("{doing}")]
    Local {
        /// What was being done.
        doing: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// The way out.
        help: Option<String>,
    },
    /// Some changes were not applied; the report says which.
    #[error("{failed} of {total} changes were not applied")]
    Partial {
        /// Changes that failed, are unknown, or were skipped.
        failed: usize,
        /// All changes.
        total: usize,
    },
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
}

impl CommandError {
    /// Whether a call was refused because the caller lacks the permission.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        matches!(self, Self::Call { source, .. } if source.is_permission_denied())
    }

    /// The same, where a saved plan names what is not there: it does not hold any more, as when anything else moved.
    pub(crate) fn for_a_saved_plan(self) -> Self {
        match self {
            Self::Undeclared { message, .. } => Self::Refused {
                message: format!("the saved plan does not hold any more: {message}"),
                help: Some("nothing was changed; make and read a new plan".to_owned()),
            },
            other => other,
        }
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. }
            | Self::Undeclared { .. }
            | Self::Findings { .. }
            | Self::Call { .. }
            | Self::Lease { .. }
            | Self::LeaseLost { .. }
            | Self::Credentials(_)
            | Self::Local { .. }
            | Self::Partial { .. } => exit::FAILED,
            Self::Refused { .. } | Self::Held { .. } => exit::REFUSED,
            Self::Interrupted => exit::INTERRUPTED,
        }
    }

    /// The word in JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Usage { .. } | Self::Undeclared { .. } => "usage",
            Self::Findings { .. } => "findings",
            Self::Refused { .. } | Self::Held { .. } => "refused",
            Self::LeaseLost { .. } => "lease_lost",
            Self::Call { source, .. } | Self::Lease { source, .. } => match source.kind() {
                tencentcloud::ErrorKind::NotSent(_) => "not_sent",
                tencentcloud::ErrorKind::Refused(_) => "refused",
                _ => "unknown",
            },
            Self::Credentials(_) => "credentials",
            Self::Local { .. } => "local",
            Self::Partial { .. } => "partial",
            Self::Interrupted => "interrupted",
        }
    }

    /// The way out.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Usage { help, .. } | Self::Refused { help, .. } | Self::Local { help, .. } => help.clone(),
            Self::Undeclared { help, .. } => Some(help.clone()),
            Self::Findings { .. } => Some("nothing was changed; `provision explain CODE` says more about a code".to_owned()),
            Self::Held { by, .. } => Some(match by {
                Some(by) => format!("nothing was changed; wait for it (--lease-wait 60s), or, if that run is dead, break its lease: --lease break:{}. It ends at {} unless it is renewed", by.id, time(by.until)),
                None => "nothing was changed; wait for it (--lease-wait 60s), or break its lease (--lease break)".to_owned(),
            }),
            Self::Lease { source, .. } if source.is_permission_denied() => Some("nothing was changed; these credentials need tag:CreateTag, tag:DeleteTag and tag:DescribeTags, or pass --lease off and see to it yourself that nobody else applies".to_owned()),
            Self::Lease { source, .. } if tencentcloud::tag::is_full(source) => Some("nothing was changed; the account has no room for another value of the tag key `provision-lease`: delete those that ended, or pass --lease off".to_owned()),
            Self::Lease { .. } => Some("nothing was changed; run the command again once the Tag service answers, or pass --lease off".to_owned()),
            Self::LeaseLost { .. } => Some("calls in flight were finished and nothing new was started; see who else applies, then run `provision plan`".to_owned()),
            Self::Call { source, .. } if source.code() == Some("NoSuchBucket") => {
                Some("make the bucket first: `provision` never does; NAME-APPID and the region must be its own".to_owned())
            }
            Self::Call { source, .. } if source.is_permission_denied() => Some("these credentials may not do that; ask for the action named".to_owned()),
            Self::Call { source, .. } if matches!(source.kind(), tencentcloud::ErrorKind::NotSent(tencentcloud::NotSent::Credentials(_))) => {
                Some("set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, name a --profile, or try it all with --local".to_owned())
            }
            Self::Call { source, .. } if matches!(source.kind(), tencentcloud::ErrorKind::NotSent(_)) => {
                Some("nothing reached the service: check --endpoint, proxies and the network".to_owned())
            }
            Self::Call { source, .. }
                if source.code().is_some_and(|c| {
                    c.starts_with("ResourceNotFound.Function") || c.starts_with("ResourceNotFound.Namespace")
                }) =>
            {
                Some("the function is not in the cloud; `provision apply` makes it".to_owned())
            }
            Self::Call { source, .. }
                if matches!(source.action(), "Invoke" | "InvokeFunction")
                    && matches!(source.kind(), tencentcloud::ErrorKind::Unknown(_)) =>
            {
                Some("the function may have run; `provision logs` tells before you run it again".to_owned())
            }
            Self::Call { source, .. } if matches!(source.kind(), tencentcloud::ErrorKind::Refused(_)) => {
                Some("nothing was changed by this; the service's words above say what it objects to".to_owned())
            }
            Self::Call { .. } => Some("nothing was changed by this; run the command again once the service answers".to_owned()),
            Self::Partial { .. } => Some("run `provision plan` to see what is left, then `provision apply` to finish it".to_owned()),
            Self::Credentials(_) | Self::Interrupted => None,
        }
    }

    /// The failure as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let mut out = serde_json::json!({ "kind": self.kind(), "message": chain(self), "help": self.help() });
        if let Self::Call { source, address, .. } = self {
            out["code"] = serde_json::json!(source.code());
            out["request_id"] = serde_json::json!(source.request_id());
            out["call"] = serde_json::json!(source.action());
            out["region"] = serde_json::json!(source.region());
            out["address"] = serde_json::json!(address);
        }
        match self {
            Self::Lease { source, stack } => {
                out["code"] = serde_json::json!(source.code());
                out["request_id"] = serde_json::json!(source.request_id());
                out["call"] = serde_json::json!(source.action());
                out["stack"] = serde_json::json!(stack);
            }
            Self::Held { stack, by } => {
                out["stack"] = serde_json::json!(stack);
                out["holder"] = by.as_ref().map_or(serde_json::Value::Null, |by| {
                    serde_json::json!({ "id": by.id, "who": by.who, "pid": by.process.pid, "since": time(by.since), "until": time(by.until) })
                });
            }
            _ => {}
        }
        out
    }
}

fn held(stack: &str, by: Option<&Claim>) -> String {
    match by {
        Some(by) => format!(
            "stack {stack} is being written to by {}, process {}, since {}",
            by.who,
            by.process.pid,
            time(by.since)
        ),
        None => format!("stack {stack} is being written to by somebody else"),
    }
}

/// The message and its causes on one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    causes(error).join(": ")
}

/// The message and its causes, outermost first.
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut all = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        all.push(cause.to_string());
        next = cause.source();
    }
    all
}

/// The exit code of a set of findings: a refusal is 3 unless a fault of the manifest makes it 1.
#[must_use]
pub fn findings_exit(findings: &[Diagnostic]) -> u8 {
    let errors: Vec<&Diagnostic> =
        findings.iter().filter(|f| f.severity == plan::diagnostic::Severity::Error).collect();
    if errors.is_empty() {
        exit::DONE
    } else if errors.iter().any(|f| !f.refusal) {
        exit::FAILED
    } else {
        exit::REFUSED
    }
}

/// The exit code of several stacks: 130, else 1, else 3, else 2 (design section 4).
#[must_use]
pub fn worst(codes: impl IntoIterator<Item = u8>) -> u8 {
    let rank = |code: u8| {
        [exit::INTERRUPTED, exit::FAILED, exit::REFUSED, exit::PENDING]
            .iter()
            .position(|c| *c == code)
            .unwrap_or(usize::MAX)
    };
    codes.into_iter().min_by_key(|c| rank(*c)).unwrap_or(exit::DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_stacks_decides() {
        assert_eq!(worst([0, 2, 3]), 3);
        assert_eq!(worst([2, 3, 1]), 1);
        assert_eq!(worst([1, 130]), 130);
        assert_eq!(worst([0, 2]), 2);
        assert_eq!(worst([]), 0);
    }

    #[test]
    fn every_kind_has_its_exit_code() {
        let usage = CommandError::Usage { message: String::new(), help: None };
        let refused = CommandError::Refused { message: String::new(), help: None };
        assert_eq!((usage.exit_code(), refused.exit_code(), CommandError::Interrupted.exit_code()), (1, 3, 130));
    }
}
