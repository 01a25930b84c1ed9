use super::*;

fn fixture(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read(path).expect("a fixture")
}

fn parse(bytes: &[u8]) -> Event {
    Event::parse(bytes, "r-1")
}

fn task(bytes: &[u8]) -> MediaTask {
    match parse(bytes).incoming {
        Incoming::Task(task) => *task,
        other => panic!("no task: {other:?}"),
    }
}

#[test]
fn every_documented_type_is_read() {
    let kinds = [
        ("workflow_documented_shape.json", Kind::Workflow, 4),
        ("workflow_success_multi.json", Kind::Workflow, 10),
        ("workflow_partial_failure.json", Kind::Workflow, 6),
        ("workflow_fail.json", Kind::Workflow, 0),
        ("edit_media_success.json", Kind::Edit, 1),
        ("edit_media_fail.json", Kind::Edit, 0),
        ("schedule_task.json", Kind::Schedule, 3),
        ("batch_task.json", Kind::Batch, 0),
        ("extract_blind_watermark.json", Kind::Watermark, 1),
    ];
    for (name, kind, outcomes) in kinds {
        let task = task(&fixture(name));
        assert_eq!((task.kind, task.outcomes.len()), (kind, outcomes), "{name}");
    }
}

#[test]
fn a_list_of_one_and_a_string_of_json_are_unwrapped() {
    let plain = fixture("workflow_fail.json");
    let text = String::from_utf8(plain.clone()).expect("text");
    let list = format!("[{text}]");
    let string = serde_json::to_string(&text).expect("a string");
    let list_of_string = format!("[{string}]");
    let with_bom = format!("\u{feff}{text}");
    for wrapped in [list, string, list_of_string, with_bom] {
        assert_eq!(parse(wrapped.as_bytes()), parse(&plain));
    }
}

#[test]
fn odd_events_are_told_apart_and_none_fails() {
    for empty in ["", " ", "null", "{}", "[]"] {
        assert_eq!(parse(empty.as_bytes()).incoming, Incoming::Empty, "{empty:?}");
    }
    for foreign in ["1", "true", "\"text\"", "[1,2]", r#"{"Records":[]}"#] {
        assert_eq!(parse(foreign.as_bytes()).incoming, Incoming::Foreign, "{foreign}");
    }
    assert_eq!(parse(&fixture("live_stream_notification_not_trigger.json")).incoming, Incoming::Foreign);
    assert_eq!(parse(b"{oops").incoming, Incoming::Unreadable(5));
    assert_eq!(parse(&[0xff, 0xfe]).incoming, Incoming::Unreadable(2));
    assert!(matches!(parse("[".repeat(100_000).as_bytes()).incoming, Incoming::Unreadable(_)));
}

#[test]
fn an_unknown_type_keeps_its_name_id_and_status() {
    let Incoming::Unknown(event) = parse(&fixture("minimal_unknown_event_type.json")).incoming else {
        panic!("known after all")
    };
    assert_eq!((event.event_type.as_str(), event.status.as_deref()), ("FutureTask", Some("FINISH")));
    assert!(event.task_id.is_some_and(|id| id.contains("-FutureTask-")));
}

#[test]
fn a_task_without_its_type_or_with_renamed_members_is_still_read() {
    let event = br#"{"workflow_task":{"taskId":"t","status":"finish","mediaProcessResultSet":[
        {"type":"Transcode","transcodeTask":{"status":"success","output":{"path":"/a.mp4"},"new":{"x":[1]}}}]}}"#;
    let task = task(event);
    assert_eq!((task.kind, task.id.as_deref(), &task.status), (Kind::Workflow, Some("t"), &Status::Finished));
    assert_eq!(task.outcomes[0].files[0].path, "/a.mp4");
}

#[test]
fn members_of_any_wrong_type_do_not_fail() {
    // Every member of a rich event, one at a time, becomes each of these; reading must stay total.
    let event: Value = serde_json::from_slice(&fixture("workflow_partial_failure.json")).expect("JSON");
    let mut pointers = Vec::new();
    collect_pointers(&event, String::new(), &mut pointers);
    assert!(pointers.len() > 200);
    for pointer in pointers {
        for odd in
            [Value::Null, Value::from(-1), Value::from(""), serde_json::json!([]), serde_json::json!({"a": [null]})]
        {
            let mut changed = event.clone();
            *changed.pointer_mut(&pointer).expect("it is there") = odd;
            parse(changed.to_string().as_bytes());
        }
    }
}

fn collect_pointers(value: &Value, at: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| collect_pointers(member, format!("{at}/{name}"), pointers));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| collect_pointers(item, format!("{at}/{n}"), pointers));
        }
        _ => {}
    }
    pointers.push(at);
}

#[test]
fn lists_of_schedule_outputs_give_one_outcome_each() {
    let task = task(&fixture("schedule_task.json"));
    let kinds: Vec<_> = task.outcomes.iter().map(|it| (it.kind.as_str(), &it.state)).collect();
    let expected = [
        ("Transcode", &OutcomeState::Success),
        ("SnapshotByTimeOffset", &OutcomeState::Fail),
        ("Porn", &OutcomeState::Success),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn moderation_findings_are_seen_though_their_checks_succeeded() {
    let task = task(&fixture("workflow_partial_failure.json"));
    let findings: Vec<_> =
        task.outcomes.iter().filter_map(|it| Some((it.kind.as_str(), it.finding.as_ref()?))).collect();
    assert_eq!(findings.len(), 2);
    assert_eq!((findings[0].0, findings[0].1.suggestion), ("Porn", Suggestion::Review));
    assert_eq!((findings[1].0, findings[1].1.keywords.len()), ("Prohibited.Ocr", 2));
}

#[test]
fn batch_outputs_are_read_from_their_own_envelopes() {
    let event = br#"{"EventType":"BatchTask","BatchTaskEvent":{"InputInfos":[],"SmartSubtitlesTaskResult":{"Outputs":[
        {"Status":"SUCCESS","AsrFullTextTask":{"SubtitlePath":"/a.vtt","OutputStorage":{"CosOutputStorage":{"Bucket":"b","Region":"r"}}}},
        {"Status":"FAIL","ErrCodeExt":"InternalError","Message":"m"}]}}}"#;
    let task = task(event);
    assert_eq!(task.outcomes.len(), 2);
    assert_eq!(task.outcomes[0].files[0].path, "/a.vtt");
    assert_eq!(task.outcomes[0].files[0].place, Place::Cos { bucket: "b".into(), region: "r".into() });
    assert_eq!(task.outcomes[1].failure.as_ref().map(|it| it.code.as_str()), Some("InternalError"));
}

#[test]
fn no_secret_of_an_event_survives_reading() {
    for name in
        ["workflow_s3_with_secrets.json", "workflow_http_callback_envelope.json", "workflow_partial_failure.json"]
    {
        let read = format!("{:?}", parse(&fixture(name)));
        for secret in ["AKIDEXAMPLE", "do-not-print", "abc123", "c375ee8f", "review-pics"] {
            assert!(!read.contains(secret), "{name} shows {secret}");
        }
    }
}

#[test]
fn copies_have_one_key_and_changes_another() {
    let key = |bytes: &[u8], request: &str| Event::parse(bytes, request).key;
    let finished = fixture("workflow_success_multi.json");
    let processing = fixture("workflow_processing.json");
    assert_eq!(key(&finished, "r-1"), key(&finished, "r-2"));
    assert_ne!(key(&finished, "r-1"), key(&processing, "r-1"));

    let further = String::from_utf8(processing.clone()).expect("text").replace("\"Progress\": 41", "\"Progress\": 42");
    assert_ne!(further.as_bytes(), processing);
    assert_ne!(key(&processing, "r"), key(further.as_bytes(), "r"));

    let signed =
        |sign: &str| format!(r#"{{"EventType":"WorkflowTask","WorkflowTaskEvent":{{"TaskId":"t"}},"Sign":"{sign}"}}"#);
    assert_eq!(key(signed("a").as_bytes(), "r"), key(signed("b").as_bytes(), "r"));
}

#[test]
fn events_without_an_id_are_copies_only_within_one_request() {
    for body in ["{}", "nonsense"] {
        let key = |request: &str| Event::parse(body.as_bytes(), request).key;
        assert_eq!(key("r-1"), key("r-1"));
        assert_ne!(key("r-1"), key("r-2"));
    }
}
