//! What GitHub Actions reads from a step: annotations as workflow commands, and step outputs. Writing them to the
//! step's files is `provision`'s business.
//!
//! Numbers and spellings are GitHub's: a step shows 10 annotations of each kind; `%`, line ends, and in properties
//! `:` and `,` are percent-encoded.

use super::report::{Failure, Report, StackOutcome};
use super::risk::{Risk, ranked};
use super::style::visible_line;
use super::text::plural;
use crate::diagnostic::{Diagnostic, Severity};
use crate::progress::Outcome;
use crate::source::Location;

/// Annotations of one kind that a step shows; GitHub drops the rest.
pub const PER_KIND: usize = 10;
/// Longest message of an annotation, in characters.
const LONGEST: usize = 1000;

/// How loud an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Error,
    Warning,
    Notice,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

struct Annotation {
    kind: Kind,
    at: Option<Location>,
    title: String,
    message: String,
}

impl Annotation {
    fn line(&self) -> String {
        let mut properties = Vec::new();
        if let Some(at) = &self.at {
            properties.push(format!("file={}", property(&at.file)));
            properties.push(format!("line={}", at.line));
            properties.push(format!("col={}", at.column));
        }
        properties.push(format!("title={}", property(&self.title)));
        format!("::{} {}::{}\n", self.kind.word(), properties.join(","), data(&self.message))
    }
}

/// Annotations for findings and changes, the riskiest first; what GitHub would drop is counted in a line.
#[must_use]
pub fn annotations(report: &Report<'_>) -> String {
    let mut all = Vec::new();
    // Findings say it better, and where.
    all.extend(report.failure.as_ref().filter(|_| !has_errors(report)).map(of_failure));
    let findings = report.all_findings();
    let finding = |f: &&Diagnostic| of_finding(f, report);
    all.extend(findings.iter().filter(|f| f.severity == Severity::Error).map(finding));
    // Changes that destroy are warnings, and come before the warnings of findings.
    all.extend(of_changes(report, true));
    all.extend(findings.iter().filter(|f| f.severity == Severity::Warning).map(finding));
    all.extend(of_changes(report, false));
    limited(&all)
}

/// Annotations for what an apply did not do.
#[must_use]
pub fn outcomes(
    stacks: &[StackOutcome<'_>],
    place: &dyn Fn(&str, &crate::change::Change) -> Option<Location>,
) -> String {
    let mut all = Vec::new();
    for (wanted, kind) in
        [(Outcome::Failed, Kind::Error), (Outcome::Unknown, Kind::Error), (Outcome::Skipped, Kind::Warning)]
    {
        for (stack, ending) in stacks.iter().flat_map(|s| s.endings.iter().map(move |e| (s.stack, e))) {
            if ending.outcome == wanted {
                all.push(Annotation {
                    kind,
                    at: place(stack, ending.change),
                    title: format!("{} {}: {}", ending.change.action.word(), ending.change.address, wanted.word()),
                    message: ending.why.clone().unwrap_or_else(|| wanted.word().to_owned()),
                });
            }
        }
    }
    limited(&all)
}

/// The annotation of a command that ended early.
#[must_use]
pub fn failure(failure: &Failure) -> String {
    of_failure(failure).line()
}

fn of_failure(failure: &Failure) -> Annotation {
    let help = failure.help.as_ref().map_or_else(String::new, |h| format!("\n{h}"));
    let message = format!("{}{help}", failure.message);
    Annotation { kind: Kind::Error, at: None, title: "provision".to_owned(), message }
}

fn has_errors(report: &Report<'_>) -> bool {
    report.all_findings().iter().any(|f| f.severity == Severity::Error)
}

fn of_finding(finding: &Diagnostic, report: &Report<'_>) -> Annotation {
    let help = finding.help.as_ref().map_or_else(String::new, |h| format!("\n{h}"));
    let on = finding.address.as_ref().map_or_else(String::new, |a| format!(" {a}"));
    Annotation {
        kind: if finding.severity == Severity::Error { Kind::Error } else { Kind::Warning },
        at: finding.span.map(|span| report.location(span)),
        title: format!("{}{on}", finding.code.as_str()),
        message: format!("{}{help}", finding.message),
    }
}

fn of_changes(report: &Report<'_>, destroying: bool) -> Vec<Annotation> {
    let mut all: Vec<(Risk, Annotation)> = Vec::new();
    for stack in &report.stacks {
        for (risk, change) in ranked(stack.plan).into_iter().filter(|(r, _)| (*r == Risk::Destroys) == destroying) {
            let missed = if change.events_may_be_missed { "; events may be missed meanwhile" } else { "" };
            let kind = if destroying { Kind::Warning } else { Kind::Notice };
            let annotation = Annotation {
                kind,
                at: report.place_of(stack, change),
                title: format!("{} {}", change.action.word(), change.address),
                message: format!("{}{missed}", change.reason),
            };
            all.push((risk, annotation));
        }
    }
    all.sort_by_key(|(risk, _)| *risk);
    all.into_iter().map(|(_, a)| a).collect()
}

fn limited(all: &[Annotation]) -> String {
    let mut out = String::new();
    let mut dropped = Vec::new();
    for kind in [Kind::Error, Kind::Warning, Kind::Notice] {
        let of_kind: Vec<&Annotation> = all.iter().filter(|a| a.kind == kind).collect();
        for annotation in of_kind.iter().take(PER_KIND) {
            out.push_str(&annotation.line());
        }
        if of_kind.len() > PER_KIND {
            let more = of_kind.len() - PER_KIND;
            dropped.push(format!("{more} {}{}", kind.word(), plural(more)));
        }
    }
    if !dropped.is_empty() {
        out.push_str(&format!("Not annotated, for GitHub shows {PER_KIND} of a kind: {}.\n", dropped.join(", ")));
    }
    out
}

/// A part of the log that folds.
#[must_use]
pub fn group(title: &str, text: &str) -> String {
    format!("::group::{}\n{}::endgroup::\n", data(title), harmless(text))
}

/// Text for the log of a step: whatever it says, the runner reads no command in it. A command is `::` at the start of
/// a line (leading blanks do not count), or the older `##[` anywhere.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.split_inclusive(['\n', '\r'])
        .map(|line| {
            let blank = line.len() - line.trim_start().len();
            let line = line.replace("##[", "#\\u{23}[");
            match line.get(blank..).and_then(|rest| rest.strip_prefix("::")) {
                Some(rest) => format!("{}\\u{{3a}}:{rest}", &line[..blank]),
                None => line,
            }
        })
        .collect()
}

/// Step outputs, in the form that takes values of several lines. `delimiter` must not stand in any value: give a
/// random one.
#[must_use]
pub fn outputs(pairs: &[(&str, String)], delimiter: &str) -> String {
    pairs.iter().map(|(name, value)| format!("{name}<<{delimiter}\n{value}\n{delimiter}\n")).collect()
}

/// What `plan` hands to later steps: counts, and where the saved plan is (empty without `--out`).
#[must_use]
pub fn plan_outputs(report: &Report<'_>, saved: &str) -> Vec<(&'static str, String)> {
    let s = report.summary();
    vec![
        ("changes", s.changes().to_string()),
        ("create", s.create.to_string()),
        ("update", s.update.to_string()),
        ("replace", s.replace.to_string()),
        ("delete", s.delete.to_string()),
        ("plan", saved.to_owned()),
    ]
}

/// What `apply` hands to later steps.
#[must_use]
pub fn apply_outputs(stacks: &[StackOutcome<'_>]) -> Vec<(&'static str, String)> {
    let count = |o| stacks.iter().map(|s| s.count(o)).sum::<usize>().to_string();
    vec![
        ("applied", count(Outcome::Applied)),
        ("failed", count(Outcome::Failed)),
        ("unknown", count(Outcome::Unknown)),
        ("skipped", count(Outcome::Skipped)),
    ]
}

/// The message of a command.
fn data(text: &str) -> String {
    let shortened: String = super::style::visible(text).chars().take(LONGEST).collect();
    shortened.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command.
fn property(text: &str) -> String {
    data(&visible_line(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_read_as_a_command() {
        for (text, safe) in [
            ("::error::x\n", "\\u{3a}:error::x\n"),
            ("  \t::set-output name=a::b", "  \t\\u{3a}:set-output name=a::b"),
            ("a ::error::x", "a ::error::x"),
            ("+ ##[error]x", "+ #\\u{23}[error]x"),
            ("a\r::error::x", "a\r\\u{3a}:error::x"),
        ] {
            assert_eq!(harmless(text), safe);
        }
    }

    #[test]
    fn properties_and_messages_are_encoded() {
        let annotation = Annotation {
            kind: Kind::Notice,
            at: Some(Location { file: "a:b,c%.yaml".into(), line: 3, column: 7 }),
            title: "x::y\nz".into(),
            message: "one\ntwo % ::error::".into(),
        };
        assert_eq!(
            annotation.line(),
            "::notice file=a%3Ab%2Cc%25.yaml,line=3,col=7,title=x%3A%3Ay\\nz::one%0Atwo %25 ::error::\n"
        );
    }

    #[test]
    fn outputs_of_several_lines_stay_one_value() {
        assert_eq!(outputs(&[("plan", "a\nb=c".into())], "end"), "plan<<end\na\nb=c\nend\n");
    }
}
