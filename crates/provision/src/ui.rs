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

    /// Whether a secret goes over several lines.
    fn span_lines(&self) -> bool {
        self.0.lock().is_ok_and(|all| all.iter().any(|secret| secret.contains('\n')))
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
        self.write(text, self.is_text);
    }

    /// Writes text for people as data, whatever the format: the log takes it for text.
    pub(crate) fn text(&mut self, text: &str) {
        self.write(text, true);
    }

    /// The same in parts that end with their lines, of which only some are held at once.
    pub(crate) fn texts(&mut self, mut parts: impl Iterator<Item = String>) {
        let mut lines = Lines { held: Vec::new(), ui: self, is_text: true };
        // What goes wrong with writing is no failure of the work itself.
        let _ = parts.try_for_each(|part| lines.write_all(part.as_bytes()));
    }

    /// Writes a JSON document and a line feed.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) {
        let mut lines = Lines { held: Vec::new(), is_text: self.is_text, ui: self };
        let written = serde_json::to_writer_pretty(&mut lines, value).map_err(std::io::Error::from);
        let _ = written.and_then(|()| lines.write_all(b"\n"));
    }

    fn write(&mut self, text: &str, is_text: bool) {
        let mut text = self.secrets.filter(text);
        if is_text {
            text = self.folds.harmless(&text);
        }
        // A reader that went away (a closed pipe) is no failure of the work itself.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
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

/// How much of a long output is held back, in bytes.
const HELD: usize = 1 << 16;

/// A long output on its way: whole lines pass the filter of secrets as they come, the rest when it is dropped.
struct Lines<'a> {
    held: Vec<u8>,
    ui: &'a mut Ui,
    is_text: bool,
}

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.held.extend_from_slice(bytes);
        // A secret of several lines must not be cut in two.
        if self.held.len() > HELD
            && !self.ui.secrets.span_lines()
            && let Some(end) = self.held.iter().rposition(|b| *b == b'\n')
        {
            let rest = self.held.split_off(end + 1);
            let lines = std::mem::replace(&mut self.held, rest);
            self.ui.write(&String::from_utf8_lossy(&lines), self.is_text);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Lines<'_> {
    fn drop(&mut self) {
        let rest = std::mem::take(&mut self.held);
        self.ui.write(&String::from_utf8_lossy(&rest), self.is_text);
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

    /// Where a test reads what was written.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no other test").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn printed(secret: &str, print: impl FnOnce(&mut Ui)) -> String {
        let page = Page::default();
        let mut ui = Ui {
            out: Box::new(page.clone()),
            err: Box::new(std::io::sink()),
            secrets: Secrets::default(),
            out_style: Style::PLAIN,
            err_style: Style::PLAIN,
            live: false,
            verbosity: 1,
            folds: Folds::No,
            is_text: true,
        };
        ui.secrets.add([secret]);
        print(&mut ui);
        let bytes = page.0.lock().expect("no other test").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_long_output_is_whole_and_hides_secrets_wherever_it_is_cut() {
        for secret in ["sesame-open", "s\ne\ns\na"] {
            let lines = |end: usize| (0..end).map(|i| format!("{i} {secret} {i}\n"));
            let hidden: String = (0..20_000).map(|i| format!("{i} *** {i}\n")).collect();
            assert_eq!(printed(secret, |ui| ui.texts(lines(20_000))), hidden);
            let values: Vec<String> = lines(20_000).collect();
            let json = printed(secret, |ui| ui.json(&values));
            let read: Vec<String> = serde_json::from_str(&json).expect("JSON");
            assert_eq!(read.concat(), hidden);
        }
    }

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
