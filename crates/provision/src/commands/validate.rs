//! `provision validate`: the manifests' findings; no cloud.

use plan::diagnostic::Severity;
use plan::render::{diagnostics, json};
use serde_json::json;

use super::Run;
use crate::error::exit;
use crate::load;

/// Runs it.
pub(crate) fn run(run: &mut Run) -> u8 {
    let loaded = match load::load(&run.global, &run.world, &run.ui.secrets) {
        Ok(loaded) => loaded,
        Err(error) => {
            if run.is_json() {
                let document = json!({ "format_version": json::FORMAT_VERSION, "valid": false, "diagnostics": [], "error": error.json() });
                run.ui.json(&document);
            }
            run.explain_error(&error);
            return error.exit_code();
        }
    };
    let errors = loaded.errors();
    let warnings = loaded.findings.iter().filter(|f| f.severity == Severity::Warning).count();
    if run.is_json() {
        let found: Vec<_> = loaded.findings.iter().map(|f| json::diagnostic(f, &loaded.sources)).collect();
        run.ui.json(&json!({ "format_version": json::FORMAT_VERSION, "valid": errors == 0, "diagnostics": found }));
    } else {
        let text = diagnostics::render(&loaded.findings, &loaded.sources, run.ui.err_style);
        if !text.is_empty() {
            run.ui.complain(&text);
        }
        let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        let functions: usize = loaded.stacks.iter().map(|s| s.stack.functions.len()).sum();
        let line = if errors > 0 {
            format!("{}, {}\n", run.ui.out_style.red(&count(errors, "error")), count(warnings, "warning"))
        } else {
            format!(
                "{}: {} with {}, {}\n",
                run.ui.out_style.green("valid"),
                count(loaded.stacks.len(), "stack"),
                count(functions, "function"),
                count(warnings, "warning")
            )
        };
        run.ui.data(&line);
    }
    if errors > 0 { exit::FAILED } else { exit::DONE }
}
