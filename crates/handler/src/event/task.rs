//! The task level of an event: kind, id, status, source, and the list of outcomes.

use serde_json::Value;

use super::media::{self, Media, MediaObject};
use super::outcome::{self, Note, Outcome, OutcomeState};
use crate::json;

/// The documented event types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A workflow ran over a file.
    Workflow,
    /// Files were cut or joined.
    Edit,
    /// A scheme (orchestration) ran over a file.
    Schedule,
    /// One request over several files.
    Batch,
    /// A blind watermark was looked for.
    Watermark,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Workflow, Self::Edit, Self::Schedule, Self::Batch, Self::Watermark];

    pub(super) fn from_event_type(text: &str) -> Option<Self> {
        let text = json::normal(text);
        let stem = text.strip_suffix("event").unwrap_or(&text);
        let stem = stem.strip_suffix("task").unwrap_or(stem);
        match stem {
            "workflow" => Some(Self::Workflow),
            "editmedia" => Some(Self::Edit),
            "schedule" => Some(Self::Schedule),
            "batch" => Some(Self::Batch),
            "extractblindwatermark" => Some(Self::Watermark),
            _ => None,
        }
    }

    /// Members that hold the task. The first is what events use, the others what neighbouring answers of the API use.
    pub(super) fn body_names(self) -> &'static [&'static str] {
        match self {
            Self::Workflow => &["WorkflowTaskEvent", "WorkflowTask"],
            Self::Edit => &["EditMediaTaskEvent", "EditMediaTask"],
            Self::Schedule => &["ScheduleTaskEvent", "ScheduleTask"],
            Self::Batch => &["BatchTaskEvent", "BatchTask"],
            Self::Watermark => {
                &["ExtractBlindWatermarkTask", "ExtractBlindWatermarkTaskEvent", "ExtractBlindWatermarkEvent"]
            }
        }
    }
}

/// How far the task is, by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Not begun.
    Waiting,
    /// At work.
    Processing,
    /// Ended, however it ended.
    Finished,
    /// The event does not say.
    Absent,
    /// A word that no page documents.
    Other(String),
}

/// Why a task or an output failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `ErrCodeExt` where there is one, else the number of `ErrCode`; may be empty.
    pub code: String,
    /// The platform's text; may be empty.
    pub message: String,
}

/// One media task, as its event tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaTask {
    /// Its type.
    pub kind: Kind,
    /// Its id; batch tasks have none.
    pub id: Option<String>,
    /// Its status.
    pub status: Status,
    /// The task's own failure: of the source, or of an edit.
    pub failure: Option<Failure>,
    /// What was worked on.
    pub sources: Vec<MediaObject>,
    /// Facts of the (first) source.
    pub media: Option<Media>,
    /// What became of each requested output, in the event's order.
    pub outcomes: Vec<Outcome>,
    /// The caller's own id for the request.
    pub session_id: Option<String>,
}

/// Lists and objects of results in a workflow task, with the type that their items have when they do not say.
const RESULTS: [(&str, &str); 8] = [
    ("MediaProcessResultSet", ""),
    ("AiContentReviewResultSet", "AiContentReview"),
    ("AiAnalysisResultSet", "AIAnalysis"),
    ("AiRecognitionResultSet", "AIRecognition"),
    ("AiQualityControlTaskResult", "AiQualityControl"),
    ("SmartSubtitlesTaskResult", "SmartSubtitles"),
    ("SmartEraseTaskResult", "SmartErase"),
    ("AiDubbingTaskResult", "Dubbing"),
];

pub(super) fn read(kind: Kind, body: &Value, envelope: &Value) -> MediaTask {
    let mut task = MediaTask {
        kind,
        id: json::text(body, &["TaskId"]),
        status: status(body),
        failure: failure(body),
        sources: sources(body),
        media: media::read(json::get(body, &["MetaData"]))
            .or_else(|| media::read(json::list(body, &["Metadatas"]).first().copied())),
        outcomes: Vec::new(),
        session_id: json::text(envelope, &["SessionId"]).or_else(|| json::text(body, &["SessionId"])),
    };
    match kind {
        Kind::Edit => task.outcomes.extend(edit_outcome(body)),
        Kind::Watermark => task.outcomes.extend(watermark_outcome(body, &task)),
        Kind::Workflow | Kind::Schedule | Kind::Batch => read_results(body, &mut task.outcomes),
    }
    task
}

fn read_results(body: &Value, outcomes: &mut Vec<Outcome>) {
    for activity in json::list(body, &["ActivityResultSet"]) {
        let kind = json::text(activity, &["ActivityType"]).unwrap_or_default();
        let item = json::get(activity, &["ActivityResItem"]).unwrap_or(activity);
        outcome::read_item(item, &kind, outcomes);
    }
    for (name, kind) in RESULTS {
        for item in json::list(body, &[name]) {
            outcome::read_item(item, kind, outcomes);
        }
    }
    // Result lists that were added to the API later read like the known ones.
    let known: Vec<String> = RESULTS.iter().map(|(name, _)| json::normal(name)).collect();
    for name in body.as_object().into_iter().flat_map(|members| members.keys()) {
        let normal = json::normal(name);
        let stem = ["resultset", "taskresult"].into_iter().find_map(|suffix| normal.strip_suffix(suffix));
        let Some(length) = stem.map(str::len).filter(|_| normal != "activityresultset" && !known.contains(&normal))
        else {
            continue;
        };
        let kind: String = name.chars().take(length).collect();
        for item in json::list(body, &[name]) {
            outcome::read_item(item, &kind, outcomes);
        }
    }
}

fn status(body: &Value) -> Status {
    let Some(text) = json::text(body, &["Status"]) else { return Status::Absent };
    match text.to_ascii_uppercase().as_str() {
        "WAITING" => Status::Waiting,
        "PROCESSING" => Status::Processing,
        "FINISH" | "FINISHED" => Status::Finished,
        _ => Status::Other(text),
    }
}

/// A task's failure. At this level `ErrCodeExt` is not documented, but read where it appears.
pub(super) fn failure(value: &Value) -> Option<Failure> {
    let extended = json::text(value, &["ErrCodeExt"]).filter(|code| !code.eq_ignore_ascii_case("success"));
    let number = json::integer(value, &["ErrCode"]).filter(|code| *code != 0);
    let code = extended.or_else(|| number.map(|code| code.to_string()))?;
    Some(Failure { code, message: message(value) })
}

/// The message, unless it only says that all is well.
pub(super) fn message(value: &Value) -> String {
    json::text(value, &["Message"]).filter(|text| !text.eq_ignore_ascii_case("success")).unwrap_or_default()
}

fn sources(body: &Value) -> Vec<MediaObject> {
    let files = json::get(body, &["Input"]).map(|input| json::list(input, &["FileInfoSet"])).unwrap_or_default();
    let of_edit = files.into_iter().filter_map(|file| json::get(file, &["InputInfo"]));
    let of_batch = json::list(body, &["InputInfos", "InputInfo"]).into_iter();
    of_edit.chain(of_batch).filter_map(media::source).collect()
}

fn edit_outcome(body: &Value) -> Option<Outcome> {
    let output = json::get(body, &["Output"])?;
    let mut outcome = Outcome::new("EditMedia", OutcomeState::Success);
    outcome.read_output(output, None);
    outcome.media = media::read(json::get(output, &["MetaData"])).or(outcome.media);
    Some(outcome)
}

/// The search itself is the one output, told only when it ended well.
fn watermark_outcome(body: &Value, task: &MediaTask) -> Option<Outcome> {
    if task.failure.is_some() || !matches!(task.status, Status::Finished | Status::Absent) {
        return None;
    }
    let detected = json::get(body, &["IsDetected"]).and_then(Value::as_bool);
    let result = json::text(body, &["Result"]);
    let mut outcome = Outcome::new("ExtractBlindWatermark", OutcomeState::Success);
    outcome.notes.push(if detected.unwrap_or(result.is_some()) { Note::Watermark(result) } else { Note::NoWatermark });
    Some(outcome)
}
