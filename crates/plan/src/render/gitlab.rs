//! What GitLab reads from a job: the counts of its plan widget (`artifacts:reports:terraform`) and its Code Quality
//! report (`artifacts:reports:codequality`).

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::report::Report;
use crate::diagnostic::{Diagnostic, Severity};
use crate::mark;

/// The plan widget's document. It knows no replacements: GitLab's own conversion of a plan counts one as a create
/// and a delete. A report that failed has no counts, which the widget shows as a failed report.
#[must_use]
pub fn plan(report: &Report<'_>) -> Json {
    if let Some(failure) = &report.failure {
        return json!({ "error": failure.message });
    }
    let s = report.summary();
    json!({ "create": s.create + s.replace, "update": s.update, "delete": s.delete + s.replace })
}

/// Findings as a Code Quality report.
#[must_use]
pub fn code_quality(report: &Report<'_>) -> Json {
    let findings = report.all_findings();
    let fingerprints = fingerprints(&findings, report);
    findings.iter().zip(fingerprints).map(|(f, fingerprint)| entry(f, &fingerprint, report)).collect()
}

fn entry(finding: &Diagnostic, fingerprint: &str, report: &Report<'_>) -> Json {
    let at = finding.span.map(|span| report.location(span));
    let path = at.as_ref().map_or_else(|| first_file(report), |l| l.file.clone());
    let help = finding.help.as_ref().map_or_else(String::new, |h| format!("; {h}"));
    json!({
        "description": format!("{}{help}", finding.message),
        "check_name": finding.code.as_str(),
        "fingerprint": fingerprint,
        // Errors stop every plan; a secret in a manifest is out for good.
        "severity": match (finding.severity, finding.code) {
            (Severity::Error, crate::diagnostic::Code::LiteralSecret) => "blocker",
            (Severity::Error, _) => "critical",
            (Severity::Warning, _) => "minor",
        },
        "location": { "path": path, "lines": { "begin": at.map_or(1, |l| l.line) } },
    })
}

/// A fingerprint for each finding. A finding keeps its own when lines move: file, code, resource and message make it,
/// and its turn among equal ones.
pub(super) fn fingerprints(findings: &[&Diagnostic], report: &Report<'_>) -> Vec<String> {
    let mut turns: BTreeMap<String, usize> = BTreeMap::new();
    let one = |finding: &&Diagnostic| {
        let path = finding.span.map_or_else(|| first_file(report), |span| report.location(span).file);
        let address = finding.address.as_deref().unwrap_or("");
        let parts = [path.as_str(), finding.code.as_str(), address, &finding.message];
        let turn = turns.entry(mark::digest(parts)).or_default();
        *turn += 1;
        mark::digest(parts.into_iter().chain([turn.to_string().as_str()]))
    };
    findings.iter().map(one).collect()
}

/// Where findings stand that have no place of their own.
pub(super) fn first_file(report: &Report<'_>) -> String {
    report.paths.values().next().cloned().unwrap_or_else(|| "manifests".to_owned())
}
