//! `provision fmt`: manifests in canonical order. What the order is, and that the meaning stays, is for
//! `plan::format`; this reads, shows differences, and replaces files whole.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use plan::diagnostic::{Code, Diagnostic};
use plan::render::diagnostics;
use plan::source::{FileId, Sources, Span};
use serde_json::json;

use super::Run;
use crate::cli::FmtArgs;
use crate::error::{CommandError, exit};
use crate::load;

/// What became of one manifest.
enum Outcome {
    InOrder,
    /// Its text, and what it should be.
    Differs(String, String),
    /// It does not parse, and is left alone.
    Broken(Vec<Diagnostic>),
}

/// Runs it.
pub(crate) fn run(run: &mut Run, arguments: &FmtArgs) -> u8 {
    let result = if arguments.paths.iter().any(|p| p == Path::new("-")) {
        standard_input(run, arguments)
    } else {
        files(run, arguments)
    };
    result.unwrap_or_else(|error| run.fail(&error, None))
}

fn standard_input(run: &mut Run, arguments: &FmtArgs) -> Result<u8, CommandError> {
    if arguments.paths.len() > 1 {
        return Err(CommandError::Usage { message: "`-` stands alone".to_owned(), help: None });
    }
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text).map_err(|e| CommandError::Local {
        doing: "cannot read standard input".to_owned(),
        source: e.into(),
        help: None,
    })?;
    // Without a name the text says what it is: what is no YAML may be TOML.
    let name = if formatted("stdin.yaml", &text).is_broken() && !formatted("stdin.toml", &text).is_broken() {
        "stdin.toml"
    } else {
        "stdin.yaml"
    };
    match formatted(name, &text) {
        Outcome::InOrder => {
            if !arguments.check {
                run.ui.data(&text);
            }
            Ok(exit::DONE)
        }
        Outcome::Differs(_, wanted) if arguments.check => {
            run.ui.data(&difference(name, &text, &wanted));
            Ok(exit::FAILED)
        }
        Outcome::Differs(_, wanted) => {
            run.ui.data(&wanted);
            Ok(exit::DONE)
        }
        Outcome::Broken(found) => {
            broken(run, name, &text, found);
            Ok(exit::FAILED)
        }
    }
}

fn files(run: &mut Run, arguments: &FmtArgs) -> Result<u8, CommandError> {
    run.global.file.extend(arguments.paths.iter().cloned());
    let (mut changed, mut failed) = (Vec::new(), Vec::new());
    for path in load::manifest_files(&run.global, &run.world.folder)? {
        let full = run.world.folder.join(&path);
        let name = path.display().to_string();
        let text = read(&full, &name)?;
        match formatted(&name, &text) {
            Outcome::InOrder => {}
            Outcome::Differs(text, wanted) => {
                if arguments.check {
                    if !run.is_json() {
                        run.ui.data(&difference(&name, &text, &wanted));
                    }
                } else {
                    replace(&full, &wanted).map_err(|e| CommandError::Local {
                        doing: format!("cannot write {name}"),
                        source: e.into(),
                        help: Some("the file is as it was".to_owned()),
                    })?;
                }
                changed.push(path);
            }
            Outcome::Broken(found) => {
                broken(run, &name, &text, found);
                failed.push(path);
            }
        }
    }
    let names = |paths: &[PathBuf]| paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>();
    if run.is_json() {
        let document = json!({ "format_version": plan::render::json::FORMAT_VERSION, "changed": names(&changed), "failed": names(&failed) });
        run.ui.json(&document);
    } else if arguments.check {
        for name in names(&changed) {
            run.ui.say(&format!("not in canonical order: {name}"));
        }
    } else {
        for name in names(&changed) {
            run.ui.data(&format!("{name}\n"));
        }
    }
    let bad = !failed.is_empty() || (arguments.check && !changed.is_empty());
    Ok(if bad { exit::FAILED } else { exit::DONE })
}

impl Outcome {
    fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }
}

fn formatted(name: &str, text: &str) -> Outcome {
    match plan::format::format(name, text) {
        Ok(wanted) if wanted == text => Outcome::InOrder,
        Ok(wanted) => Outcome::Differs(text.to_owned(), wanted),
        Err(found) => Outcome::Broken(found),
    }
}

fn read(path: &Path, name: &str) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|e| CommandError::Local {
        doing: format!("cannot read {name}"),
        source: e.into(),
        help: None,
    })
}

fn difference(name: &str, text: &str, wanted: &str) -> String {
    let diff = similar::TextDiff::from_lines(text, wanted);
    diff.unified_diff().header(name, &format!("{name} (formatted)")).to_string()
}

/// Shows why a manifest was left alone.
fn broken(run: &mut Run, name: &str, text: &str, found: Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let file: FileId = sources.add(name, text);
    let mut found = found;
    for finding in &mut found {
        finding.span = finding.span.map(|span| Span { file, ..span });
    }
    if found.is_empty() {
        found.push(Diagnostic::error(Code::Syntax, "it cannot be read"));
    }
    let text = diagnostics::render(&found, &sources, run.ui.err_style);
    run.ui.complain(&text);
}

/// Puts the new text in the place of the old one in one step, with the old one's permissions. A link's target is
/// replaced, not the link.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
    file.persist(&path)?;
    Ok(())
}
