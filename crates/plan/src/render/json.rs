//! Plans and findings for programs, in the shape that the design page fixes: fields may be added, never renamed.

use serde_json::{Value as Json, json};

use super::guard::DigestKey;
use crate::attributes::{AttributeChange, Side};
use crate::change::Change;
use crate::diagnostic::Diagnostic;
use crate::plan::Plan;
use crate::source::Sources;

/// The version of every JSON document.
pub const FORMAT_VERSION: &str = "1";

/// One finding.
#[must_use]
pub fn diagnostic(finding: &Diagnostic, sources: &Sources) -> Json {
    json!({
        "severity": finding.severity,
        "code": finding.code,
        "title": finding.code.title(),
        "message": finding.message,
        "help": finding.help,
        "address": finding.address,
        "source": finding.span.map(|s| sources.location(s)),
    })
}

/// One stack's plan.
#[must_use]
pub fn stack(plan: &Plan, sources: &Sources, key: &DigestKey) -> Json {
    let mut stack = json!({
        "stack": plan.stack,
        "region": plan.region,
        "complete": plan.complete,
        "summary": plan.summary(),
        "changes": plan.changes.iter().map(|c| change(c, sources, key)).collect::<Vec<_>>(),
        "diagnostics": plan.findings.iter().map(|f| diagnostic(f, sources)).collect::<Vec<_>>(),
    });
    if let Some(as_of) = &plan.as_of {
        stack["as_of"] = json!({ "source": "snapshot", "time": as_of.time, "account": as_of.account });
        let not_compared = plan.not_compared.iter();
        stack["not_compared"] =
            not_compared.map(|n| json!({ "address": n.address, "paths": n.paths, "reason": n.reason })).collect();
    }
    stack
}

fn change(change: &Change, sources: &Sources, key: &DigestKey) -> Json {
    let span = change
        .attributes
        .first()
        .and_then(|a| change.origin.span_of(&a.path))
        .filter(|_| change.action == crate::change::Action::Update)
        .or(change.origin.span);
    json!({
        "address": change.address,
        "region": change.home.region(),
        "action": change.action,
        "cause": change.cause,
        "drift": change.cause.is_drift(),
        "attributes": change.attributes.iter().map(|a| attribute(change, a, key)).collect::<Vec<_>>(),
        "requires_replace": change.requires_replace,
        "events_may_be_missed": change.events_may_be_missed,
        "reason": change.reason,
        "source": span.map(|s| sources.location(s)),
        "depends_on": change.after,
    })
}

fn attribute(change: &Change, attribute: &AttributeChange, key: &DigestKey) -> Json {
    let sensitive = attribute.sensitive();
    let open = |side: &Side| if side.guarded { Json::Null } else { side.value.clone() };
    let mut out = json!({ "path": attribute.path, "before": open(&attribute.before), "after": open(&attribute.after), "sensitive": sensitive });
    if sensitive {
        out["before_digest"] = json!(key.digest(&change.address, &attribute.path, &attribute.before));
        out["after_digest"] = json!(key.digest(&change.address, &attribute.path, &attribute.after));
    }
    out
}
