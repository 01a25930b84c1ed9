//! Output: stdout is data, stderr is talk, and every byte of both passes the filter of secrets (design rule 8).

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};

use plan::render::style::Style;

/// Shortest value that is filtered: shorter ones would blank out ordinary words.
const SHORTEST: usize = 6;

/// Values that must never be printed. Shared by everything that writes.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<Mutex<BTreeSet<String>>>);

impl Secrets {
    /// Adds values, each also as JSON and base64 would spell it.
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
}

impl Ui {
    /// Writes data.
    pub(crate) fn data(&mut self, text: &str) {
        let text = self.secrets.filter(text);
        // A reader that went away (a closed pipe) is no failure of the work itself.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
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
        let text = self.secrets.filter(text);
        let newline = if text.ends_with('\n') { "" } else { "\n" };
        let _ = write!(self.err, "{text}{newline}").and_then(|()| self.err.flush());
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
    }
}
