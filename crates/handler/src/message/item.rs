//! One line per outcome, in three lengths (see `fit`).

use super::fit::{Item, Rank};
use super::link;
use super::meaning::explain;
use super::text::{duration, plain, size};
use super::words::{self, Lang, colon, comma, output_word};
use crate::event::{Finding, Media, MediaTask, Note, Outcome, OutcomeState, Place};

/// The lines of all outcomes: failures, findings, what is open, successes; each group in the event's order.
pub(super) fn items(task: &MediaTask, common: Option<&Place>, lang: Lang) -> Vec<Item> {
    let mut items: Vec<Item> = task.outcomes.iter().map(|outcome| item(outcome, common, lang)).collect();
    items.sort_by_key(|item| item.rank);
    items
}

fn item(outcome: &Outcome, common: Option<&Place>, lang: Lang) -> Item {
    let name = name(outcome, lang);
    if outcome.state == OutcomeState::Fail {
        let line = |bytes: usize| {
            let reason = outcome.failure.as_ref().map(|failure| explain(failure, bytes, lang)).unwrap_or_default();
            format!("❌ <font color=\"warning\">{name}</font>{}{reason}", colon(lang))
        };
        return Item { rank: Rank::Failure, full: line(600), medium: line(160), short: line(0) };
    }
    let (rank, sign) = match (&outcome.finding, &outcome.state) {
        (Some(_), _) => (Rank::Finding, "⚠️"),
        (None, OutcomeState::Success) => (Rank::Success, "✅"),
        (None, OutcomeState::Unknown) => (Rank::Open, "❔"),
        (None, _) => (Rank::Open, "⏳"),
    };
    let line = |detail: Detail| {
        let parts = parts(outcome, common, detail, lang);
        let parts = if parts.is_empty() { String::new() } else { format!("{}{}", colon(lang), parts.join(" · ")) };
        format!("{sign} {name}{parts}")
    };
    Item { rank, full: line(Detail::Full), medium: line(Detail::Medium), short: line(Detail::Short) }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Detail {
    Short,
    Medium,
    Full,
}

fn parts(outcome: &Outcome, common: Option<&Place>, detail: Detail, lang: Lang) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(finding) = &outcome.finding {
        parts.extend(finding_parts(finding, detail, lang));
    }
    if matches!(outcome.state, OutcomeState::Processing) {
        parts.extend(outcome.progress.map(|percent| format!("{percent}%")));
    }
    if let Some(first) = outcome.files.first() {
        let more = outcome.files.len() - 1;
        let more = if more > 0 { words::more_files(lang, more) } else { String::new() };
        let bytes = if detail == Detail::Full { 160 } else { 60 };
        let name = match detail {
            Detail::Full => link::linked(first, first.name(), bytes, true),
            Detail::Medium | Detail::Short => plain(first.name(), bytes),
        };
        parts.push(name + &more);
        if detail > Detail::Short && common != Some(&first.place) {
            parts.extend(link::place(&first.place));
        }
    }
    let facts = facts(outcome.media.as_ref());
    if !facts.is_empty() && (detail > Detail::Short || outcome.files.is_empty()) {
        parts.push(facts);
    }
    let most = if detail == Detail::Full { 10 } else { 3 };
    parts.extend(outcome.notes.iter().map(|it| note(it, most, lang)));
    parts
}

fn finding_parts(finding: &Finding, detail: Detail, lang: Lang) -> Vec<String> {
    let advice = words::suggestion(lang, finding.suggestion);
    let mut parts = vec![format!("<font color=\"warning\">{advice}</font>")];
    parts.extend(finding.label.as_ref().map(|label| plain(label, 60)));
    parts.extend(finding.confidence.map(|confidence| format!("{confidence}/100")));
    if detail > Detail::Short {
        if finding.segments > 0 {
            let first = finding.first.map(|(from, to)| {
                let first = if finding.segments > 1 { words::first_at(lang) } else { "" };
                format!("{}{first}{}–{}", comma(lang), duration(from), duration(to))
            });
            parts.push(words::segments(lang, finding.segments) + &first.unwrap_or_default());
        }
        if !finding.keywords.is_empty() {
            parts.push(format!("{}{}", words::keywords(lang), listed(&finding.keywords, 5, lang)));
        }
    }
    parts
}

fn note(note: &Note, most: usize, lang: Lang) -> String {
    match note {
        Note::Clean => words::clean(lang).to_owned(),
        Note::Labels(labels) => listed(labels, most, lang),
        Note::Items(count) => words::items(lang, *count),
        Note::Title(title) => plain(title, 120),
        Note::Score(value) => words::score(lang, *value),
        Note::NoAudio => words::no_audio(lang).to_owned(),
        Note::NoVideo => words::no_video(lang).to_owned(),
        Note::QualityIssues(count) => words::issues(lang, *count),
        Note::Watermark(None) => words::watermark(lang).to_owned(),
        Note::Watermark(Some(text)) => format!("{}{}{}", words::watermark(lang), colon(lang), plain(text, 120)),
        Note::NoWatermark => words::no_watermark(lang).to_owned(),
    }
}

/// The first few of a list, and how many there are beyond.
fn listed(texts: &[String], most: usize, lang: Lang) -> String {
    let shown: Vec<String> = texts.iter().take(most).map(|it| plain(it, 40)).collect();
    let beyond = texts.len().saturating_sub(most);
    let beyond = if beyond > 0 { format!(" +{beyond}") } else { String::new() };
    shown.join(comma(lang)) + &beyond
}

fn name(outcome: &Outcome, lang: Lang) -> String {
    let kind = output_word(lang, &outcome.kind).map_or_else(|| plain(&outcome.kind, 60), str::to_owned);
    let kind = if kind.is_empty() { "?".to_owned() } else { kind };
    match outcome.definition {
        Some(definition) => format!("{kind} #{definition}"),
        None => kind,
    }
}

/// Length, size, picture: what is known of them.
pub(super) fn facts(media: Option<&Media>) -> String {
    let Some(media) = media else { return String::new() };
    let picture = media.picture.map(|(width, height)| format!("{width}×{height}"));
    let facts = [media.duration.map(duration), media.size.map(size), picture];
    facts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}
