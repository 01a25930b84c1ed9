//! One line on stdout per record: JSON that the platform's log service splits into fields, or text for people.
//!
//! `LOG_LEVEL` is `error`, `warn`, `info` (default), `debug` or `off`; `LOG_FORMAT` is `json` (default) or `text`.
//! Records carry the id of the request at work. What must not be read by others must not be passed here.

use std::io::Write as _;
use std::sync::{OnceLock, RwLock};

use serde_json::{Map, Value};

/// Longest line the platform keeps: 8 KB (SCF log page). Longer records lose their fields and the end of their
/// message, never their level or request id.
pub const MAX_LINE_BYTES: usize = 8 * 1024;

/// How much a record matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Somebody should act.
    Error,
    /// Unexpected, and handled.
    Warn,
    /// What happened.
    Info,
    /// How it happened.
    Debug,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Text,
}

struct Settings {
    /// `None`: nothing is written.
    level: Option<Level>,
    format: Format,
}

impl Settings {
    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let read = |name| variable(name).unwrap_or_default().trim().to_ascii_lowercase();
        let level = match read("LOG_LEVEL").as_str() {
            "off" | "none" => None,
            "error" => Some(Level::Error),
            "warn" | "warning" => Some(Level::Warn),
            "debug" | "trace" => Some(Level::Debug),
            _ => Some(Level::Info),
        };
        let format = if read("LOG_FORMAT") == "text" { Format::Text } else { Format::Json };
        Self { level, format }
    }
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();
static REQUEST: RwLock<String> = RwLock::new(String::new());

/// The instance works on one event at a time, so the request id is the process's.
pub(crate) fn set_request(id: &str) {
    if let Ok(mut current) = REQUEST.write() {
        current.clear();
        current.push_str(id);
    }
}

/// Writes an error record.
pub fn error<'a>(message: &str, fields: impl IntoIterator<Item = (&'a str, Value)>) {
    write(Level::Error, message, fields);
}

/// Writes a warning.
pub fn warn<'a>(message: &str, fields: impl IntoIterator<Item = (&'a str, Value)>) {
    write(Level::Warn, message, fields);
}

/// Writes what happened.
pub fn info<'a>(message: &str, fields: impl IntoIterator<Item = (&'a str, Value)>) {
    write(Level::Info, message, fields);
}

/// Writes a detail, shown with `LOG_LEVEL=debug`.
pub fn debug<'a>(message: &str, fields: impl IntoIterator<Item = (&'a str, Value)>) {
    write(Level::Debug, message, fields);
}

fn write<'a>(level: Level, message: &str, fields: impl IntoIterator<Item = (&'a str, Value)>) {
    let settings = SETTINGS.get_or_init(|| Settings::from_variables(|name| std::env::var(name).ok()));
    if settings.level.is_none_or(|most| level > most) {
        return;
    }
    let request = REQUEST.read().map(|id| id.clone()).unwrap_or_default();
    let line = render(settings.format, level, &request, message, fields);
    // One write per line, so that lines of threads do not mix. A closed stdout must not fail an event.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}

fn render<'a>(
    format: Format,
    level: Level,
    request: &str,
    message: &str,
    fields: impl IntoIterator<Item = (&'a str, Value)>,
) -> String {
    let fields: Vec<_> = fields.into_iter().collect();
    let line = render_whole(format, level, request, message, &fields);
    if line.len() <= MAX_LINE_BYTES {
        return line;
    }
    // Escapes at most make six bytes of one, so a sixth of the room always fits.
    let keep = message.floor_char_boundary_at((MAX_LINE_BYTES - 512) / 6);
    render_whole(format, level, request, &format!("{keep}…"), &[("truncated", true.into())])
}

fn render_whole(format: Format, level: Level, request: &str, message: &str, fields: &[(&str, Value)]) -> String {
    match format {
        Format::Json => {
            let mut record = Map::new();
            record.insert("level".into(), level.as_str().into());
            record.insert("message".into(), message.into());
            if !request.is_empty() {
                record.insert("request_id".into(), request.into());
            }
            for (name, value) in fields {
                record.entry(*name).or_insert_with(|| value.clone());
            }
            format!("{}\n", Value::Object(record))
        }
        Format::Text => {
            let mut line = format!("{:5} ", level.as_str());
            if !request.is_empty() {
                line.push_str(&format!("[{request}] "));
            }
            line.push_str(&message.replace(['\n', '\r'], " "));
            for (name, value) in fields {
                line.push_str(&format!(" {name}={value}"));
            }
            line.push('\n');
            line
        }
    }
}

trait FloorCharBoundary {
    fn floor_char_boundary_at(&self, bytes: usize) -> &str;
}

impl FloorCharBoundary for str {
    fn floor_char_boundary_at(&self, bytes: usize) -> &str {
        let mut end = bytes.min(self.len());
        while !self.is_char_boundary(end) {
            end -= 1;
        }
        &self[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(message: &str, fields: &[(&str, Value)]) -> Value {
        let line = render(Format::Json, Level::Info, "r-1", message, fields.iter().cloned());
        assert!(line.ends_with('\n') && line.trim_end().lines().count() == 1, "{line:?}");
        assert!(line.len() <= MAX_LINE_BYTES);
        serde_json::from_str(&line).expect("one JSON object")
    }

    #[test]
    fn a_record_is_one_json_line_with_the_request_id() {
        let record = json("two\nlines", &[("count", 2.into())]);
        assert_eq!(
            record,
            serde_json::json!({"level": "info", "message": "two\nlines", "request_id": "r-1", "count": 2})
        );
    }

    #[test]
    fn a_field_cannot_replace_the_message() {
        assert_eq!(json("real", &[("message", "fake".into())])["message"], "real");
    }

    #[test]
    fn a_long_record_is_cut_to_the_platforms_line_and_says_so() {
        for message in ["字".repeat(9000), "\u{1}".repeat(9000)] {
            assert_eq!(json(&message, &[])["truncated"], true);
        }
        assert_eq!(json("short", &[("big", "x".repeat(9000).into())])["truncated"], true);
    }

    #[test]
    fn text_keeps_to_one_line() {
        let line = render(Format::Text, Level::Warn, "r-1", "a\nb", [("n", 1.into())]);
        assert_eq!(line, "warn  [r-1] a b n=1\n");
    }

    #[test]
    fn levels_are_read_without_case_and_default_to_info() {
        let level = |text: &str| Settings::from_variables(|name| (name == "LOG_LEVEL").then(|| text.into())).level;
        assert_eq!(level(" WARN "), Some(Level::Warn));
        assert_eq!(level("off"), None);
        assert_eq!(level(""), Some(Level::Info));
        assert_eq!(level("loud"), Some(Level::Info));
    }
}
