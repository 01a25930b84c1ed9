//! Output: stdout is data, stderr is talk, and every byte of both passes the filter of secrets (design rule 8).

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};

use plan::render::style::Style;

use crate::cli::Format;
use crate::world::World;

/// Shortest value that is filtered: shorter ones would blank out ordinary words.
const SHORTEST: usize = 6;

/// Values that must never be printed. Shared by everything that writes.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<Mutex<BTreeSet<String>>>);

impl Secrets {
    /// Adds values, each also as JSON, base64 and reports would spell it.
    pub(crate) fn add<'a>(&self, values: impl IntoIterator<Item = &'a str>) {
        let Ok(mut all) = self.0.lock() else { return };
        for value in values {
            // A service may echo a value trimmed, or one line of it.
            for part in std::iter::once(value).chain(std::iter::once(value.trim())).chain(value.lines().map(str::trim))
            {
                if part.chars().count() < SHORTEST {
                    continue;
                }
                all.insert(part.to_owned());
                let quoted = serde_json::Value::from(part).to_string();
                all.insert(quoted[1..quoted.len() - 1].to_owned());
                all.insert(crate::encode::base64_text(part.as_bytes()));
                all.extend(plan::render::spellings(part));
            }
        }
    }

    /// The text with every secret replaced.
    #[must_use]
    pub(crate) fn filter(&self, text: &str) -> String {
        let Ok(all) = self.0.lock() else { return String::new() };
        // Longest first, so that a secret within a secret leaves nothing behind.
        let mut sorted: Vec<&String> = all.iter().filter(|s| text.contains(s.as_str())).collect();
        sorted.sort_by_key(|s| std::cmp::Reverse(s.len()));
        sorted.into_iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whose log this is: what may not be read as a command there, and how a part of it folds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folds {
    /// Nobody's.
    No,
    /// A step of GitHub Actions.
    Github,
    /// A job of GitLab CI.
    Gitlab,
}

impl Folds {
    /// What the environment and the format say.
    pub(crate) fn of(world: &World, format: Format) -> Self {
        let set = |name| world.variable(name).is_some_and(|v| v == "true");
        if format == Format::Github || set("GITHUB_ACTIONS") {
            Self::Github
        } else if set("GITLAB_CI") {
            Self::Gitlab
        } else {
            Self::No
        }
    }

    /// Text that this log takes for text.
    #[must_use]
    pub(crate) fn harmless(self, text: &str) -> String {
        match self {
            Self::Github => plan::render::github::harmless(text),
            Self::No | Self::Gitlab => text.to_owned(),
        }
    }

    /// What stands around a part that folds: before and after.
    #[must_use]
    pub(crate) fn around(self, title: &str) -> Option<(String, String)> {
        match self {
            Self::No => None,
            Self::Github => Some((format!("::group::{title}"), "::endgroup::".to_owned())),
            Self::Gitlab => {
                let id: String = title.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
                let at = jiff::Timestamp::now().as_second();
                let end = format!("\x1b[0Ksection_end:{at}:{id}\r\x1b[0K");
                Some((format!("\x1b[0Ksection_start:{at}:{id}\r\x1b[0K{title}"), end))
            }
        }
    }
}

/// Where a run writes.
pub(crate) struct Ui {
    /// Data.
    pub(crate) out: Box<dyn Write + Send>,
    /// Talk.
    pub(crate) err: Box<dyn Write + Send>,
    /// What never passes.
    pub(crate) secrets: Secrets,
    /// Colours of stdout.
    pub(crate) out_style: Style,
    /// Colours of stderr.
    pub(crate) err_style: Style,
    /// Whether stderr is a terminal that can be redrawn.
    pub(crate) live: bool,
    /// 0 says results only, 1 is normal, 2 and more say each call.
    pub(crate) verbosity: u8,
    /// Whose log this is.
    pub(crate) folds: Folds,
    /// Whether data is text for people.
    pub(crate) is_text: bool,
}

impl Ui {
    /// Writes data.
    pub(crate) fn data(&mut self, text: &str) {
        let mut text = self.secrets.filter(text);
        if self.is_text {
            text = self.folds.harmless(&text);
        }
        // A reader that went away (a closed pipe) is no failure of the work itself.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    /// Writes text for people as data, whatever the format: the log takes it for text.
    pub(crate) fn text(&mut self, text: &str) {
        let text = self.folds.harmless(&self.secrets.filter(text));
        self.data(&text);
    }

    /// Writes a JSON document and a line feed.
    pub(crate) fn json(&mut self, value: &serde_json::Value) {
        let text = serde_json::to_string_pretty(value).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}"));
        self.data(&format!("{text}\n"));
    }

    /// Says something, unless told to be quiet.
    pub(crate) fn say(&mut self, text: &str) {
        if self.verbosity > 0 {
            self.complain(text);
        }
    }

    /// Asks something; the answer stands on the same line.
    pub(crate) fn ask(&mut self, text: &str) {
        let text = self.secrets.filter(text);
        let _ = write!(self.err, "{text}").and_then(|()| self.err.flush());
    }

    /// Says something even when told to be quiet.
    pub(crate) fn complain(&mut self, text: &str) {
        let text = self.folds.harmless(&self.secrets.filter(text));
        let newline = if text.ends_with('\n') { "" } else { "\n" };
        let _ = write!(self.err, "{text}{newline}").and_then(|()| self.err.flush());
    }
}

impl Ui {
    /// Writes a line of our own that the log reads as a command.
    pub(crate) fn command(&mut self, line: &str) {
        let _ = writeln!(self.err, "{line}").and_then(|()| self.err.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_vanish_in_every_spelling_and_short_ones_stay() {
        let secrets = Secrets::default();
        secrets.add(["sesame-open", "a\"quoted\"one", "abc"]);
        assert_eq!(secrets.filter("x sesame-open y"), "x *** y");
        assert_eq!(secrets.filter(r#"{"k":"a\"quoted\"one"}"#), r#"{"k":"***"}"#);
        assert_eq!(secrets.filter(&crate::encode::base64_text(b"sesame-open")), "***");
        assert_eq!(secrets.filter("abc"), "abc");
        secrets.add(["a|b<c>%\u{202e}d"]);
        for shown in [plan::render::markdown::escape::cell("a|b<c>%\u{202e}d"), "x a|b<c>%25\\u{202e}d y".to_owned()] {
            assert!(secrets.filter(&shown).contains("***"), "{shown}");
        }
    }
}
