//! Platform event to [`Incoming`]: pure, total, and forgiving. Whatever the bytes are, there is an answer; what it
//! means is said by [`crate::verdict`], how it reads by [`crate::message`].
//!
//! The event of the MPS trigger is a plain object with `EventType` and one `...Event` member. One of Tencent's own
//! templates indexes a list and decodes a string, so a list of one and a string of JSON are unwrapped as well.

mod media;
mod outcome;
mod task;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{json, redact};

pub use media::{Media, MediaObject, Place};
pub use outcome::{Finding, Note, Outcome, OutcomeState, Suggestion};
pub use task::{Failure, Kind, MediaTask, Status};

/// What arrived.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// A media task of a documented type.
    Task(Box<MediaTask>),
    /// An event type that this version does not know.
    Unknown(UnknownEvent),
    /// Nothing: no bytes, `null`, `{}`, `[]`.
    Empty,
    /// JSON that is no MPS event.
    Foreign,
    /// No JSON. How many bytes it was.
    Unreadable(usize),
}

/// What can be said of an event whose type is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEvent {
    /// The type as it came.
    pub event_type: String,
    /// The task's id, if a member says so.
    pub task_id: Option<String>,
    /// The task's status, if a member says so.
    pub status: Option<String>,
}

/// An event, and the key by which a second copy of it is recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What it says.
    pub incoming: Incoming,
    /// Equal for copies of one event.
    pub key: EventKey,
}

/// 128 bits of SHA-256, in hex. A finished task's key does not depend on what surrounds the task in the event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventKey(String);

impl EventKey {
    fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The key as text: 32 characters of hex.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Event {
    /// Reads an event. `request_id` tells copies from repetitions where the event itself has no id: all tries of one
    /// event carry the same request id, two events with equal bodies do not.
    pub fn parse(bytes: &[u8], request_id: &str) -> Self {
        let Some(mut value) = unwrap(bytes) else {
            let body = String::from_utf8_lossy(bytes);
            let key = EventKey::of(["body", request_id, &body]);
            let blank = bytes.iter().all(u8::is_ascii_whitespace);
            let incoming = if blank { Incoming::Empty } else { Incoming::Unreadable(bytes.len()) };
            return Self { incoming, key };
        };
        redact::clean(&mut value);
        let incoming = read(&value);
        let key = match &incoming {
            Incoming::Task(task) => task_key(task).unwrap_or_else(|| EventKey::of(["body", &value.to_string()])),
            Incoming::Unknown(event) if event.task_id.is_some() => EventKey::of(["body", &value.to_string()]),
            _ => EventKey::of(["body", request_id, &value.to_string()]),
        };
        Self { incoming, key }
    }
}

/// Type, id and status, and what became of each output: with `NotifyMode=Change` one task sends several events of
/// equal status. Progress counts only while the task runs.
fn task_key(task: &MediaTask) -> Option<EventKey> {
    let id = task.id.as_deref()?;
    let running = matches!(task.status, Status::Processing | Status::Waiting);
    let mut parts = vec!["task".to_owned(), format!("{:?}", task.kind), id.to_owned(), format!("{:?}", task.status)];
    if let Some(failure) = &task.failure {
        parts.push(failure.code.clone());
    }
    for outcome in &task.outcomes {
        let code = outcome.failure.as_ref().map_or("", |failure| failure.code.as_str());
        parts.push(format!("{} {:?} {:?} {code}", outcome.kind, outcome.definition, outcome.state));
        if running {
            parts.push(format!("{:?}", outcome.progress));
        }
    }
    Some(EventKey::of(parts.iter().map(String::as_str)))
}

/// The object inside lists of one and strings of JSON; `None` when there is no JSON at all.
fn unwrap(bytes: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(bytes);
    let mut value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    // Three wrappings is one more than anybody was seen to use.
    for _ in 0..3 {
        value = match value {
            Value::Array(mut items) if items.len() == 1 => items.remove(0),
            Value::String(text) => match serde_json::from_str(&text) {
                Ok(inner @ (Value::Object(_) | Value::Array(_))) => inner,
                _ => return Some(Value::String(text)),
            },
            other => return Some(other),
        };
    }
    Some(value)
}

fn read(value: &Value) -> Incoming {
    match value {
        Value::Null => return Incoming::Empty,
        Value::Array(items) if items.is_empty() => return Incoming::Empty,
        Value::Object(members) if members.is_empty() => return Incoming::Empty,
        Value::Object(_) => {}
        _ => return Incoming::Foreign,
    }
    let event_type = json::text(value, &["EventType", "TaskType"]);
    let named = event_type.as_deref().and_then(Kind::from_event_type);
    let body_of = |kind: Kind| json::get(value, kind.body_names()).filter(|body| body.is_object());
    let found = named
        .and_then(|kind| Some((kind, body_of(kind)?)))
        .or_else(|| Kind::ALL.into_iter().find_map(|kind| Some((kind, body_of(kind)?))));
    match (found, event_type) {
        (Some((kind, body)), _) => Incoming::Task(Box::new(task::read(kind, body, value))),
        (None, Some(event_type)) => Incoming::Unknown(unknown(event_type, value)),
        (None, None) => Incoming::Foreign,
    }
}

fn unknown(event_type: String, value: &Value) -> UnknownEvent {
    let named = json::get(value, &[&format!("{event_type}Event"), &event_type]);
    let body = named.or_else(|| value.as_object()?.values().find(|it| json::get(it, &["TaskId"]).is_some()));
    let body = body.unwrap_or(value);
    UnknownEvent { task_id: json::text(body, &["TaskId"]), status: json::text(body, &["Status"]), event_type }
}

#[cfg(test)]
mod tests;
