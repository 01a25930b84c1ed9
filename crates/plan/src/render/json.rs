//! Plans and findings for programs, in the shape that the design page fixes: fields may be added, never renamed.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value as Json, json};

use super::guard::DigestKey;
use super::report;
use crate::attributes::{AttributeChange, Side};
use crate::change::Change;
use crate::diagnostic::Diagnostic;
use crate::plan::Plan;
use crate::snapshot::NotCompared;
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

/// One stack's plan. Each change becomes JSON when it is written: a large plan is never held as a document.
#[derive(Debug, Clone, Copy)]
pub struct StackPlan<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Where its places are.
    pub sources: &'a Sources,
    /// Of guarded values.
    pub key: &'a DigestKey,
}

// Keys in alphabetical order, as in every other document.
impl Serialize for StackPlan<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { plan, sources, key } = *self;
        let mut map = serializer.serialize_map(None)?;
        if let Some(as_of) = &plan.as_of {
            let as_of = json!({ "source": "snapshot", "time": as_of.time, "account": as_of.account });
            map.serialize_entry("as_of", &as_of)?;
        }
        map.serialize_entry("changes", &Each(|| plan.changes.iter().map(|c| change(c, sources, key))))?;
        map.serialize_entry("complete", &plan.complete)?;
        map.serialize_entry("diagnostics", &Each(|| plan.findings.iter().map(|f| diagnostic(f, sources))))?;
        if plan.as_of.is_some() {
            let one = |n: &NotCompared| json!({ "address": n.address, "paths": n.paths, "reason": n.reason });
            map.serialize_entry("not_compared", &Each(|| plan.not_compared.iter().map(one)))?;
        }
        map.serialize_entry("region", &plan.region)?;
        map.serialize_entry("stack", &plan.stack)?;
        map.serialize_entry("summary", &json!(plan.summary()))?;
        map.end()
    }
}

/// A list whose items are made while it is written.
pub struct Each<F>(pub F);

impl<F: Fn() -> I, I: IntoIterator<Item: Serialize>> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

fn change(change: &Change, sources: &Sources, key: &DigestKey) -> Json {
    json!({
        "address": change.address,
        "region": change.home.region(),
        "action": change.action,
        "cause": change.cause,
        "drift": change.cause.is_drift(),
        "attributes": change.attributes().iter().map(|a| attribute(change, a, key)).collect::<Vec<_>>(),
        "requires_replace": change.requires_replace,
        "events_may_be_missed": change.events_may_be_missed,
        "reason": change.reason,
        "source": report::place(change).map(|s| sources.location(s)),
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
