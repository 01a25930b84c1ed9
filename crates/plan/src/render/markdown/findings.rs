//! Findings as Markdown: a list, errors first, each with its place, its code and the way out.

use super::escape::{code, prose, shortened};
use super::{is_error, marker};
use crate::diagnostic::Diagnostic;
use crate::render::report::{Failure, Report};
use crate::render::text::plural;

/// Most bytes of the list; the rest is counted.
const ROOM: usize = 16 * 1024;
/// Longest text of a finding.
const LONGEST: usize = 600;

/// What `validate` found, as a report of its own.
#[must_use]
pub fn findings(report: &Report<'_>) -> String {
    let all = report.all_findings();
    let errors = all.iter().filter(|f| is_error(f)).count();
    let warnings = all.len() - errors;
    let mut out = format!("{}\n", marker("validate"));
    let verdict = if report.failure.is_some() {
        "failed".to_owned()
    } else if all.is_empty() {
        "valid".to_owned()
    } else {
        format!("{errors} error{}, {warnings} warning{}", plural(errors), plural(warnings))
    };
    out.push_str(&format!("## Manifests: {verdict}\n\n"));
    out.push_str(&failure(report.failure.as_ref()));
    out.push_str(&section(&all, report));
    out
}

/// Why the command ended early; nothing when it did not.
pub(super) fn failure(failure: Option<&Failure>) -> String {
    let Some(failure) = failure else { return String::new() };
    let help =
        failure.help.as_ref().map_or_else(String::new, |h| format!("Way out: {}\n\n", prose(&shortened(h, LONGEST))));
    format!("**Error**: {}\n\n{help}", prose(&shortened(&failure.message, LONGEST)))
}

/// The list; nothing when there is nothing to say.
pub(super) fn section(all: &[&Diagnostic], report: &Report<'_>) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut out = String::new();
    for (listed, finding) in all.iter().enumerate() {
        let line = line(finding, report);
        if out.len() + line.len() > ROOM {
            out.push_str(&format!("- and {} more\n", all.len() - listed));
            break;
        }
        out.push_str(&line);
    }
    out.push('\n');
    out
}

fn line(finding: &Diagnostic, report: &Report<'_>) -> String {
    let word = if is_error(finding) { "**error**" } else { "warning" };
    let at = finding.span.map_or_else(String::new, |span| {
        let at = report.location(span);
        format!(" at {}", code(&format!("{}:{}:{}", at.file, at.line, at.column)))
    });
    let on = finding.address.as_ref().map_or_else(String::new, |a| format!(", {}", code(a)));
    let message = prose(&shortened(&finding.message, LONGEST));
    let help = finding.help.as_ref().map_or_else(String::new, |h| format!("; {}", prose(&shortened(h, LONGEST))));
    format!("- {word} {}{at}{on}: {message}{help}\n", code(finding.code.as_str()))
}
