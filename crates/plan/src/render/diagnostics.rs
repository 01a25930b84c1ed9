//! Findings as text: what, where, the line itself, the way out.

use unicode_width::UnicodeWidthChar;

use super::style::{Style, visible, visible_line};
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{Sources, Span};

/// Longest source line shown; longer ones are cut around the mark.
const LINE: usize = 160;

/// All findings, errors last so that they stand above the prompt, each in source order.
#[must_use]
pub fn render(findings: &[Diagnostic], sources: &Sources, style: Style) -> String {
    let mut sorted: Vec<&Diagnostic> = findings.iter().collect();
    sorted.sort_by_key(|f| (f.severity == Severity::Error, f.span.map(|s| (s.file, s.start))));
    let mut out = String::new();
    for finding in sorted {
        one(finding, sources, style, &mut out);
        out.push('\n');
    }
    out
}

fn one(finding: &Diagnostic, sources: &Sources, style: Style, out: &mut String) {
    let head = match finding.severity {
        Severity::Error => style.red(&format!("error[{}]", finding.code.as_str())),
        Severity::Warning => style.yellow(&format!("warning[{}]", finding.code.as_str())),
    };
    out.push_str(&format!("{head}: {}\n", style.bold(&visible(&finding.message))));
    if let Some(span) = finding.span {
        let at = sources.location(span);
        let number = at.line.to_string();
        let gutter = " ".repeat(number.len());
        let address = finding.address.as_ref().map_or_else(String::new, |a| format!("   {}", visible_line(a)));
        out.push_str(&format!(
            "{gutter}{} {}:{}:{}{address}\n",
            style.dim("-->"),
            visible_line(&at.file),
            at.line,
            at.column
        ));
        excerpt(finding, sources, span, &number, style, out);
    } else if let Some(address) = &finding.address {
        out.push_str(&format!("  {} {}\n", style.dim("-->"), visible_line(address)));
    }
    if let Some(help) = &finding.help {
        out.push_str(&format!("{}: {}\n", style.bold("help"), visible(help)));
    }
}

/// The line itself with the place marked; nothing for a file that has no such line.
fn excerpt(finding: &Diagnostic, sources: &Sources, span: Span, number: &str, style: Style, out: &mut String) {
    let (gutter, column) = (" ".repeat(number.len()), sources.location(span).column);
    let (line, width) = sources.excerpt(span);
    if line.is_empty() {
        return;
    }
    let (line, column) = clip(&line, column);
    let pad: String = line
        .chars()
        .take(column - 1)
        .map(|c| if c == '\t' { "\t".to_owned() } else { " ".repeat(c.width().unwrap_or(0)) })
        .collect();
    let marked: usize = line.chars().skip(column - 1).take(width).map(|c| c.width().unwrap_or(0)).sum();
    let mark = "^".repeat(marked.max(1));
    let label = finding.label.as_ref().map_or_else(String::new, |l| format!(" {}", visible_line(l)));
    out.push_str(&format!("{} {} {}\n", style.dim(number), style.dim("|"), visible(&line)));
    out.push_str(&format!("{gutter} {} {pad}{}\n", style.dim("|"), style.red(&format!("{mark}{label}"))));
}

/// A line that fits, and the column of the mark within it.
fn clip(line: &str, column: usize) -> (String, usize) {
    if line.chars().count() <= LINE {
        return (line.to_owned(), column.min(line.chars().count() + 1));
    }
    let start = column.saturating_sub(LINE / 2);
    let text: String = line.chars().skip(start).take(LINE).collect();
    (text, (column - start).max(1))
}
