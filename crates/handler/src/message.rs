//! [`Incoming`] to the text that the group reads: pure. One glance must tell the verdict, what, where, how long and
//! how big; then every output, failures first, or an honest count of those that did not fit.
//!
//! The text is WeCom's `markdown` (headings, bold, links, inline code, one-level quotes, three font colours,
//! mentions), at most [`LIMIT`] bytes. Event data cannot become markup (see `text`).

mod fit;
mod item;
mod link;
mod meaning;
mod text;
mod words;

use crate::event::{Incoming, MediaTask, Place, UnknownEvent};
use crate::verdict::{Judgement, Verdict};
use fit::Item;
use text::{code, plain};
pub use words::Lang;
use words::*;

/// Longest `markdown.content`, in bytes of UTF-8 (WeCom robot page 91770). Longer ones are refused whole.
pub const LIMIT: usize = 4096;

/// Most sources that are listed; editing may join hundreds.
const SOURCES: usize = 3;

/// Most bytes for mentions: some forty people.
const MENTION_BYTES: usize = 600;

/// How a message is to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Style {
    /// In which language.
    pub lang: Lang,
    /// User ids to call when somebody should look.
    pub mention: Vec<String>,
}

/// Writes the message.
pub fn render(incoming: &Incoming, style: &Style) -> String {
    let lang = style.lang;
    match incoming {
        Incoming::Task(task) => render_task(task, style),
        Incoming::Unknown(event) => render_unknown(event, lang),
        Incoming::Empty => format!("### ℹ️ {}", empty_event(lang)),
        Incoming::Foreign => format!("### ℹ️ {}", foreign_event(lang)),
        Incoming::Unreadable(bytes) => format!("### ℹ️ {}", unreadable_event(lang, *bytes)),
    }
}

fn render_unknown(event: &UnknownEvent, lang: Lang) -> String {
    let mut lines = vec![format!("### ℹ️ {}{}", unknown_event(lang), plain(&event.event_type, 60))];
    lines.extend(event.task_id.as_ref().map(|id| field(lang, task_id(lang), &code(id, 120))));
    lines.extend(event.status.as_ref().map(|status| field(lang, status_label(lang), &plain(status, 60))));
    lines.join("\n")
}

fn render_task(task: &MediaTask, style: &Style) -> String {
    let lang = style.lang;
    let judgement = Judgement::of(task);
    // Full first; a second, tighter head only when the outputs need the room.
    let outputs = common_place(task);
    let items: Vec<Item> = item::items(task, outputs.as_ref(), lang);
    let tail = tail(task, &judgement, style);
    let head = |roomy: bool| head(task, &judgement, outputs.as_ref(), roomy, lang);
    let whole = fit::whole(&head(true), &items, &tail, LIMIT);
    whole.unwrap_or_else(|| fit::squeeze(&head(false), &items, &tail, lang, LIMIT))
}

fn head(task: &MediaTask, judgement: &Judgement, outputs: Option<&Place>, roomy: bool, lang: Lang) -> Vec<String> {
    let mut lines = vec![title(task, judgement, lang)];
    if let Some(failure) = &task.failure {
        lines.push(field(lang, reason(lang), &meaning::explain(failure, if roomy { 600 } else { 160 }, lang)));
    }
    if let crate::event::Status::Other(word) = &task.status {
        lines.push(field(lang, status_label(lang), &plain(word, 60)));
    }
    let name_bytes = if roomy { 400 } else { 120 };
    for source in task.sources.iter().take(SOURCES) {
        let path = if source.path.starts_with('/') || source.place == Place::Url {
            source.path.clone()
        } else {
            format!("/{}", source.path)
        };
        lines.push(field(lang, source_label(lang), &link::linked(source, &path, name_bytes, roomy)));
    }
    if task.sources.len() > SOURCES {
        lines.push(format!("> {}", more_sources(lang, task.sources.len() - SOURCES)));
    }
    if let Some(place) = task.sources.first().and_then(|source| link::place(&source.place)) {
        lines.push(field(lang, place_label(lang), &place));
    }
    let facts = item::facts(task.media.as_ref());
    if !facts.is_empty() {
        lines.push(field(lang, media_label(lang), &facts));
    }
    if let Some(place) = outputs.and_then(link::place) {
        lines.push(field(lang, output_label(lang), &place));
    }
    if task.outcomes.len() > 1 || judgement.findings > 0 {
        lines.push(field(lang, count_label(lang), &counts(judgement, lang)));
    }
    lines
}

fn title(task: &MediaTask, judgement: &Judgement, lang: Lang) -> String {
    let colour = match judgement.verdict {
        Verdict::Succeeded => "info",
        Verdict::Partial | Verdict::Failed => "warning",
        Verdict::Waiting | Verdict::Processing | Verdict::Unclear => "comment",
    };
    let sign = match judgement.verdict {
        Verdict::Succeeded if judgement.findings > 0 => "⚠️",
        Verdict::Succeeded => "✅",
        Verdict::Partial => "⚠️",
        Verdict::Failed => "❌",
        Verdict::Waiting | Verdict::Processing => "⏳",
        Verdict::Unclear => "❔",
    };
    let progress = match (task.outcomes.as_slice(), judgement.is_running()) {
        ([only], true) => only.progress.map(|percent| format!(" {percent}%")).unwrap_or_default(),
        _ => String::new(),
    };
    let flagged = if judgement.findings > 0 {
        format!(" · {}", findings_title(lang, judgement.findings))
    } else {
        String::new()
    };
    let verdict = verdict_word(lang, judgement.verdict);
    format!("### {sign} {} <font color=\"{colour}\">{verdict}</font>{progress}{flagged}", kind_word(lang, task.kind))
}

fn counts(judgement: &Judgement, lang: Lang) -> String {
    let total = judgement.succeeded + judgement.failed + judgement.open;
    let mut parts = vec![total_count(lang, total)];
    let mut push = |count: usize, text: String| parts.extend((count > 0).then_some(text));
    push(judgement.failed, failed_count(lang, judgement.failed));
    push(judgement.succeeded, succeeded_count(lang, judgement.succeeded));
    push(judgement.open, open_count(lang, judgement.open));
    push(judgement.findings, findings_count(lang, judgement.findings));
    parts.join(" · ")
}

fn tail(task: &MediaTask, judgement: &Judgement, style: &Style) -> Vec<String> {
    let lang = style.lang;
    let mut lines = Vec::new();
    lines.extend(task.id.as_ref().map(|id| field(lang, task_id(lang), &code(id, 120))));
    lines.extend(task.session_id.as_ref().map(|id| field(lang, session_label(lang), &code(id, 60))));
    if judgement.needs_attention() && !style.mention.is_empty() {
        lines.push(mentions(&style.mention));
    }
    lines
}

/// Calls people, as many as leave room for what they are called for.
fn mentions(users: &[String]) -> String {
    let mut line = String::new();
    for user in users {
        let call = format!("<@{user}>");
        if line.len() + call.len() < MENTION_BYTES {
            line.push_str(&call);
        }
    }
    line
}

/// Where all outputs lie, when they lie in one place.
fn common_place(task: &MediaTask) -> Option<Place> {
    let mut places = task.outcomes.iter().flat_map(|it| &it.files).map(|file| &file.place);
    let first = places.next()?;
    places.all(|place| place == first).then(|| first.clone())
}

/// A line of facts, as a quote.
fn field(lang: Lang, label: &str, value: &str) -> String {
    format!("> {label}{}{value}", colon(lang))
}

#[cfg(test)]
mod tests;
