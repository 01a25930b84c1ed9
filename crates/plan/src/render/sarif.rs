//! Findings as SARIF 2.1.0: one run, a rule for every code, a result for every finding.

use serde_json::{Value as Json, json};

use super::gitlab::{fingerprints, first_file};
use super::report::Report;
use crate::diagnostic::{Code, Diagnostic, Severity};

/// Where the format's schema is published.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The log. `version` is the program's.
#[must_use]
pub fn log(report: &Report<'_>, version: &str) -> Json {
    let findings = report.all_findings();
    let fingerprints = fingerprints(&findings, report);
    let results: Vec<Json> = findings.iter().zip(fingerprints).map(|(f, print)| result(f, &print, report)).collect();
    let mut invocation = json!({ "executionSuccessful": report.failure.is_none() });
    if let Some(failure) = &report.failure {
        let text =
            failure.help.as_ref().map_or_else(|| failure.message.clone(), |h| format!("{}\n{h}", failure.message));
        invocation["toolExecutionNotifications"] = json!([{ "level": "error", "message": { "text": text } }]);
    }
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "provision", "version": version, "rules": Code::ALL.iter().map(|c| rule(*c)).collect::<Vec<_>>() } },
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": results,
        }],
    })
}

fn rule(code: Code) -> Json {
    json!({
        "id": code.as_str(),
        "name": format!("{code:?}"),
        "shortDescription": { "text": sentence(code.title()) },
        "fullDescription": { "text": format!("{} {}", sentence(code.title()), code.explanation()) },
        "help": { "text": code.explanation() },
    })
}

fn result(finding: &Diagnostic, fingerprint: &str, report: &Report<'_>) -> Json {
    let at = finding.span.map(|span| report.location(span));
    let path = at.as_ref().map_or_else(|| first_file(report), |l| l.file.clone());
    let mut physical = json!({ "artifactLocation": { "uri": uri(&path) } });
    if let (Some(at), Some(span)) = (&at, finding.span) {
        let (_, width) = report.sources.excerpt(span);
        physical["region"] = json!({ "startLine": at.line, "startColumn": at.column, "endLine": at.line, "endColumn": at.column + width });
    } else {
        physical["region"] = json!({ "startLine": 1 });
    }
    let mut location = json!({ "physicalLocation": physical });
    if let Some(address) = &finding.address {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": address, "kind": "resource" }]);
    }
    let help = finding.help.as_ref().map_or_else(String::new, |h| format!("; {h}"));
    json!({
        "ruleId": finding.code.as_str(),
        "ruleIndex": Code::ALL.iter().position(|c| *c == finding.code),
        "level": match finding.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "message": { "text": format!("{}{help}", finding.message) },
        "locations": [location],
        "partialFingerprints": { "finding/v1": fingerprint },
    })
}

/// `the file is not UTF-8` as a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

/// A path as a relative reference: everything but plain characters percent-encoded.
fn uri(path: &str) -> String {
    path.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}
