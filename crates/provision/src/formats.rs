//! Which command takes which `--format`: one table, which docs/output.md repeats and a test compares.

use crate::cli::{Command, Format};
use crate::error::CommandError;

/// Commands that write for reviewers, and every format they take. All others take [`OTHERS`].
pub const TABLE: [(&str, &[Format]); 5] = {
    use Format::{Github, Gitlab, Json, Markdown, Sarif, Text};
    [
        ("validate", &[Text, Json, Markdown, Github, Gitlab, Sarif]),
        ("plan", &[Text, Json, Markdown, Github, Gitlab]),
        ("drift", &[Text, Json, Markdown, Github]),
        ("apply", &[Text, Json, Markdown, Github]),
        ("destroy", &[Text, Json, Markdown, Github]),
    ]
};

/// What every other command takes.
pub const OTHERS: &[Format] = &[Format::Text, Format::Json];

/// Refuses a format that the command does not have.
///
/// # Errors
/// A usage error that names the formats which it has.
pub(crate) fn check(command: &Command, format: Format) -> Result<(), CommandError> {
    let name = match command {
        Command::Validate => "validate",
        Command::Plan(_) => "plan",
        Command::Drift => "drift",
        Command::Apply(_) => "apply",
        Command::Destroy(_) => "destroy",
        _ => "this command",
    };
    let taken = TABLE.iter().find(|(of, _)| *of == name).map_or(OTHERS, |(_, taken)| taken);
    if taken.contains(&format) {
        return Ok(());
    }
    let words: Vec<&str> = taken.iter().map(|f| word(*f)).collect();
    let others: Vec<&str> = TABLE.iter().filter(|(_, all)| all.contains(&format)).map(|(of, _)| *of).collect();
    Err(CommandError::Usage {
        message: format!("{name} has no format `{}`", word(format)),
        help: Some(format!("it takes {}; `{}` is for {}", words.join(", "), word(format), others.join(", "))),
    })
}

/// The spelling on the command line.
#[must_use]
pub fn word(format: Format) -> &'static str {
    match format {
        Format::Text => "text",
        Format::Json => "json",
        Format::Markdown => "markdown",
        Format::Github => "github",
        Format::Gitlab => "gitlab",
        Format::Sarif => "sarif",
    }
}
