//! `provision validate`: the manifests' findings; no cloud.

use plan::diagnostic::Severity;
use plan::render::style::Style;
use plan::render::{diagnostics, json};
use serde_json::json;

use super::Run;
use crate::cli::Format;
use crate::error::exit;
use crate::load::{self, Loaded};

/// Runs it.
pub(crate) fn run(run: &mut Run) -> u8 {
    let loaded = match load::load(&run.global, &run.world, &run.ui.secrets, load::Values::Needed) {
        Ok(loaded) => loaded,
        Err(error) => {
            if run.is_json() {
                let document = json!({ "format_version": json::FORMAT_VERSION, "valid": false, "diagnostics": [], "error": error.json() });
                run.ui.json(&document);
            } else if run.is_review() {
                run.review(None, &[], Some(&error));
            }
            run.explain_error(&error);
            return error.exit_code();
        }
    };
    let errors = loaded.errors();
    match run.global.format {
        Format::Json => {
            let found: Vec<_> = loaded.findings.iter().map(|f| json::diagnostic(f, &loaded.sources)).collect();
            let document =
                json!({ "format_version": json::FORMAT_VERSION, "valid": errors == 0, "diagnostics": found });
            run.ui.json(&document);
        }
        Format::Text => {
            let text = diagnostics::render(&loaded.findings, &loaded.sources, run.ui.err_style);
            if !text.is_empty() {
                run.ui.complain(&text);
            }
            let line = verdict(&loaded, run.ui.out_style);
            run.ui.data(&line);
        }
        Format::Github => {
            run.review(Some(&loaded), &[], None);
            let line = verdict(&loaded, run.ui.out_style);
            run.ui.data(&line);
        }
        Format::Markdown | Format::Gitlab | Format::Sarif => run.review(Some(&loaded), &[], None),
    }
    if errors > 0 { exit::FAILED } else { exit::DONE }
}

/// How it went, on one line.
fn verdict(loaded: &Loaded, style: Style) -> String {
    let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let (errors, warnings) =
        (loaded.errors(), loaded.findings.iter().filter(|f| f.severity == Severity::Warning).count());
    if errors > 0 {
        return format!("{}, {}\n", style.red(&count(errors, "error")), count(warnings, "warning"));
    }
    let functions: usize = loaded.stacks.iter().map(|s| s.stack.functions.len()).sum();
    format!(
        "{}: {} with {}, {}\n",
        style.green("valid"),
        count(loaded.stacks.len(), "stack"),
        count(functions, "function"),
        count(warnings, "warning")
    )
}
