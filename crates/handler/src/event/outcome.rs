//! One requested output and what became of it. All task types share one envelope of which no field but `Status` and
//! `Message` is universal, so everything is optional here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::media::{self, Media, MediaObject, Place};
use super::task::{self, Failure};
use crate::json;

/// What became of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutcomeState {
    /// Not begun.
    Waiting,
    /// At work.
    Processing,
    /// Done. For moderation that only means that the check ran; see [`Finding`].
    Success,
    /// Failed.
    Fail,
    /// The event does not say, or in a word that no page documents.
    Unknown,
}

/// What a moderation check advises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suggestion {
    /// A person should look.
    Review,
    /// It should not be published.
    Block,
}

/// A moderation check that found something.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The advice.
    pub suggestion: Suggestion,
    /// What was found.
    pub label: Option<String>,
    /// 0 to 100.
    pub confidence: Option<f64>,
    /// How many places.
    pub segments: usize,
    /// The first place: seconds from, seconds to.
    pub first: Option<(f64, f64)>,
    /// Words that were found.
    pub keywords: Vec<String>,
}

/// A result that is no file.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// Moderation found nothing.
    Clean,
    /// Classes or tags.
    Labels(Vec<String>),
    /// So many recognised items or segments.
    Items(usize),
    /// A title that was written for the media.
    Title(String),
    /// A quality score.
    Score(f64),
    /// Quality control heard nothing.
    NoAudio,
    /// Quality control saw nothing.
    NoVideo,
    /// So many quality issues.
    QualityIssues(usize),
    /// A blind watermark was found, with this text.
    Watermark(Option<String>),
    /// No blind watermark was found.
    NoWatermark,
}

/// Facts of one requested output.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The platform's type, such as `Transcode` or `Porn.Ocr`.
    pub kind: String,
    /// The template's number, which tells apart two outputs of one type.
    pub definition: Option<i64>,
    /// What became of it.
    pub state: OutcomeState,
    /// Percent.
    pub progress: Option<i64>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The files that it made, the main one first.
    pub files: Vec<MediaObject>,
    /// Facts of what it made.
    pub media: Option<Media>,
    /// What moderation found.
    pub finding: Option<Finding>,
    /// Results that are no files.
    pub notes: Vec<Note>,
}

impl Outcome {
    pub(super) fn new(kind: &str, state: OutcomeState) -> Self {
        Self {
            kind: kind.to_owned(),
            definition: None,
            state,
            progress: None,
            failure: None,
            files: Vec::new(),
            media: None,
            finding: None,
            notes: Vec::new(),
        }
    }

    /// Reads what the output holds. `storage` is where it lies when it does not say itself.
    pub(super) fn read_output(&mut self, output: &Value, storage: Option<Place>) {
        let mut files = Vec::new();
        collect_files(output, &media::storage(output).or(storage).unwrap_or(Place::Unknown), &mut files);
        files.sort_by_key(|(rank, _)| *rank);
        for (_, file) in files {
            if !self.files.contains(&file) {
                self.files.push(file);
            }
        }
        self.media = media::read(Some(output));
        self.finding = finding(output);
        notes(output, &mut self.notes);
    }
}

/// Reads one item of a result list: an envelope, or an object that holds one under a key such as `TranscodeTask`
/// among null siblings. Types whose output is again a list of items give one outcome each.
pub(super) fn read_item(item: &Value, kind: &str, outcomes: &mut Vec<Outcome>) {
    let kind = json::text(item, &["Type"]).unwrap_or_else(|| kind.to_owned());
    if json::get(item, &["Status"]).is_some() {
        return read_envelope(item, &kind, outcomes);
    }
    // A batch task lists the envelopes themselves.
    let several = json::list(item, &["Outputs"]);
    if !several.is_empty() {
        return several.into_iter().for_each(|envelope| read_envelope(envelope, &kind, outcomes));
    }
    match envelope_of(item, &kind) {
        Some((name, envelope)) if kind.is_empty() => {
            read_envelope(envelope, &name[..name.len() - "Task".len()], outcomes);
        }
        Some((_, envelope)) => read_envelope(envelope, &kind, outcomes),
        // A type is named and nothing more is told: it must still be counted.
        None if !kind.is_empty() => outcomes.push(Outcome::new(&kind, OutcomeState::Unknown)),
        None => {}
    }
}

/// The member whose name goes with the type, else the first that is an object.
fn envelope_of<'a>(item: &'a Value, kind: &str) -> Option<(&'a str, &'a Value)> {
    let tasks = || {
        let members = item.as_object().into_iter().flatten();
        members.filter(|(name, value)| value.is_object() && json::normal(name).ends_with("task"))
    };
    let wanted = format!("{}task", json::normal(kind));
    let named = tasks().find(|(name, _)| json::normal(name) == wanted);
    named.or_else(|| tasks().next()).map(|(name, value)| (name.as_str(), value))
}

fn read_envelope(envelope: &Value, kind: &str, outcomes: &mut Vec<Outcome>) {
    let input = json::get(envelope, &["Input"]);
    let output = json::get(envelope, &["Output"]);
    let state = state(envelope, output.is_some());
    if state == OutcomeState::Success {
        let inner: Vec<&Value> = match output {
            Some(Value::Array(items)) => items.iter().filter(|it| it.is_object()).collect(),
            Some(item) if json::get(item, &["Type"]).is_some() && envelope_of(item, "").is_some() => vec![item],
            _ => Vec::new(),
        };
        if !inner.is_empty() {
            return inner.into_iter().for_each(|item| read_item(item, kind, outcomes));
        }
    }
    let number = |value: Option<&Value>| json::integer(value?, &["Definition"]).filter(|it| *it != 0);
    let mut outcome = Outcome::new(kind, state);
    outcome.definition = number(input).or_else(|| number(output));
    outcome.progress = json::integer(envelope, &["Progress"]).filter(|it| (0..=100).contains(it));
    if outcome.state == OutcomeState::Fail {
        let told = Failure { code: String::new(), message: task::message(envelope) };
        outcome.failure = Some(task::failure(envelope).unwrap_or(told));
    } else {
        // Where there is no `Output`, the envelope itself may hold results (batch tasks).
        outcome.read_output(output.unwrap_or(envelope), input.and_then(media::storage));
    }
    outcomes.push(outcome);
}

fn state(envelope: &Value, has_output: bool) -> OutcomeState {
    match json::text(envelope, &["Status"]).map(|text| text.to_ascii_uppercase()).as_deref() {
        Some("SUCCESS") => OutcomeState::Success,
        Some("FAIL" | "FAILED") => OutcomeState::Fail,
        Some("PROCESSING") => OutcomeState::Processing,
        Some("WAITING") => OutcomeState::Waiting,
        _ if task::failure(envelope).is_some() => OutcomeState::Fail,
        None if has_output => OutcomeState::Success,
        _ => OutcomeState::Unknown,
    }
}

/// Every path in an output: members called `...Path`, `...PathSet`, `...Paths`, and the two that are called otherwise.
fn collect_files(value: &Value, storage: &Place, files: &mut Vec<(u8, MediaObject)>) {
    match value {
        Value::Object(members) => {
            let own = media::storage(value);
            let storage = own.as_ref().unwrap_or(storage);
            for (name, member) in members {
                let name = json::normal(name);
                if matches!(name.as_str(), "input" | "outputstorage" | "storage") {
                    continue;
                }
                let is_path = ["path", "pathset", "paths"].iter().any(|suffix| name.ends_with(suffix))
                    || matches!(name.as_str(), "voiceclonedvideo" | "voiceclonedmarkfile");
                if !is_path {
                    collect_files(member, storage, files);
                    continue;
                }
                let rank = match name.as_str() {
                    "path" => 0,
                    "videopath" | "highlightpath" => 1,
                    _ => 2,
                };
                let texts = member.as_array().map_or(std::slice::from_ref(member), Vec::as_slice).iter();
                let paths = texts.filter_map(Value::as_str).filter(|path| !path.is_empty());
                files.extend(
                    paths.map(|path| (rank, MediaObject { place: place_of(path, storage), path: path.to_owned() })),
                );
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_files(item, storage, files)),
        _ => {}
    }
}

fn place_of(path: &str, storage: &Place) -> Place {
    if path.starts_with("https://") || path.starts_with("http://") { Place::Url } else { storage.clone() }
}

fn finding(output: &Value) -> Option<Finding> {
    let segments = json::list(output, &["SegmentSet"]);
    let advice = |value: &Value| match json::text(value, &["Suggestion"])?.to_ascii_lowercase().as_str() {
        "review" => Some(Suggestion::Review),
        "block" => Some(Suggestion::Block),
        _ => None,
    };
    let suggestion = advice(output).or_else(|| segments.iter().find_map(|segment| advice(segment)))?;
    let mut keywords: BTreeMap<&str, ()> = BTreeMap::new();
    for segment in &segments {
        keywords.extend(json::list(segment, &["KeywordSet"]).into_iter().filter_map(Value::as_str).map(|it| (it, ())));
    }
    Some(Finding {
        suggestion,
        label: json::text(output, &["Label"]).or_else(|| segments.iter().find_map(|it| json::text(it, &["Label"]))),
        confidence: json::number(output, &["Confidence"]),
        segments: segments.len(),
        first: segments.first().and_then(|segment| {
            json::number(segment, &["StartTimeOffset"]).zip(json::number(segment, &["EndTimeOffset"]))
        }),
        keywords: keywords.into_keys().map(str::to_owned).collect(),
    })
}

fn notes(output: &Value, notes: &mut Vec<Note>) {
    let passed = json::text(output, &["Suggestion"]).is_some_and(|text| text.eq_ignore_ascii_case("pass"));
    notes.extend((passed && finding(output).is_none()).then_some(Note::Clean));
    for (set, member) in [("ClassificationSet", "Classification"), ("TagSet", "Tag")] {
        let labels: Vec<String> =
            json::list(output, &[set]).into_iter().filter_map(|item| json::text(item, &[member])).collect();
        if !labels.is_empty() {
            notes.push(Note::Labels(labels));
        }
    }
    if let Some(first) = json::list(output, &["DescriptionSet"]).first() {
        notes.extend(json::text(first, &["Title"]).map(Note::Title));
    }
    let flag = |name: &str| json::get(output, &[name]).and_then(Value::as_bool) == Some(true);
    notes.extend(flag("NoAudio").then_some(Note::NoAudio));
    notes.extend(flag("NoVideo").then_some(Note::NoVideo));
    notes.extend(json::number(output, &["QualityEvaluationScore"]).map(Note::Score));
    let issues = json::list(output, &["QualityControlResultSet"]).len();
    notes.extend((issues > 0).then_some(Note::QualityIssues(issues)));
    // Moderation segments are told with their finding.
    if json::get(output, &["Suggestion"]).is_none() {
        let items = json::list(output, &["ResultSet", "SegmentSet"]).len();
        notes.extend((items > 0).then_some(Note::Items(items)));
    }
}
