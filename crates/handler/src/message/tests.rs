use proptest::prelude::*;

use super::*;
use crate::event::Event;

fn rendered(event: &str, style: &Style) -> String {
    render(&Event::parse(event.as_bytes(), "r").incoming, style)
}

fn english() -> Style {
    Style { lang: Lang::En, mention: vec!["zhang.san".into(), "all".into()] }
}

fn workflow(results: &[String]) -> String {
    format!(
        r#"{{"EventType":"WorkflowTask","WorkflowTaskEvent":{{"TaskId":"t","Status":"FINISH","MediaProcessResultSet":[{}]}}}}"#,
        results.join(",")
    )
}

fn transcode(n: usize, status: &str, extra: &str) -> String {
    format!(r#"{{"Type":"Transcode","TranscodeTask":{{"Status":"{status}","Input":{{"Definition":{n}}}{extra}}}}}"#)
}

#[test]
fn attention_is_called_for_failures_and_findings_only() {
    let failed = rendered(&workflow(&[transcode(1, "FAIL", "")]), &english());
    assert!(failed.ends_with("<@zhang.san><@all>"), "{failed}");
    assert!(!rendered(&workflow(&[transcode(1, "SUCCESS", "")]), &english()).contains("<@"));
    let found = r#"{"EventType":"WorkflowTask","WorkflowTaskEvent":{"Status":"FINISH","AiContentReviewResultSet":[
        {"Type":"Porn","PornTask":{"Status":"SUCCESS","Output":{"Suggestion":"block","Confidence":99}}}]}}"#;
    let found = rendered(found, &english());
    assert!(
        found.contains("<@zhang.san>") && found.contains("block advised") && found.contains("succeeded"),
        "{found}"
    );
}

#[test]
fn a_thousand_outputs_are_listed_as_far_as_they_fit_and_counted() {
    let results: Vec<_> = (0..1000)
        .map(|n| match n % 3 {
            0 => transcode(n, "FAIL", r#","ErrCodeExt":"InternalError","Message":"boom""#),
            _ => transcode(n, "SUCCESS", r#","Output":{"Path":"/out/课程录像.mp4"}"#),
        })
        .collect();
    for lang in [Lang::Zh, Lang::En] {
        let text = rendered(&workflow(&results), &Style { lang, ..english() });
        assert!(text.len() <= LIMIT && text.len() > LIMIT - 200, "{}", text.len());
        let shown_failures = text.matches('❌').count();
        let shown_successes = text.matches('✅').count();
        assert!(shown_failures > 10 && shown_successes > 10, "{text}");
        assert!(text.contains(&not_shown(lang, 334 - shown_failures, 666 - shown_successes)), "{text}");
    }
}

#[test]
fn failures_keep_their_reasons_when_successes_lose_their_links() {
    let mut results: Vec<_> = (0..30)
        .map(|n| transcode(n, "SUCCESS", &format!(r#","Output":{{"Path":"/out/{}.mp4","OutputStorage":{{"CosOutputStorage":{{"Bucket":"b-1","Region":"r-1"}}}}}}"#, "长".repeat(20))))
        .collect();
    results.push(transcode(99, "FAIL", &format!(r#","ErrCodeExt":"InternalError","Message":"{}""#, "why ".repeat(30))));
    let text = rendered(&workflow(&results), &english());
    assert!(text.contains(&"why ".repeat(30).trim().to_owned()), "{text}");
    assert_eq!(text.matches('✅').count(), 30, "{text}");
    assert!(!text.contains("]("), "{text}");
}

#[test]
fn event_data_cannot_become_markup_or_a_mention() {
    let evil = "<@all>[x](http://evil)</font>**`\\n# head";
    let event = format!(
        r#"{{"EventType":"WorkflowTask","SessionId":"{evil}","WorkflowTaskEvent":{{"TaskId":"{evil}","Status":"{evil}",
        "ErrCode":1,"Message":"{evil}","InputInfo":{{"CosInputInfo":{{"Bucket":"{evil}","Region":"{evil}","Object":"/{evil}"}}}},
        "MediaProcessResultSet":[{{"Type":"{evil}","TranscodeTask":{{"Status":"FAIL","ErrCodeExt":"{evil}","Message":"{evil}"}}}},
        {{"Type":"{evil}","TranscodeTask":{{"Status":"SUCCESS","Output":{{"Path":"{evil}"}}}}}}]}}}}"#
    );
    for text in
        [rendered(&event, &Style::default()), rendered(&event.replace("WorkflowTask\"", "Odd<@all>\""), &english())]
    {
        let ours =
            text.replace("<font color=\"warning\">", "").replace("<font color=\"comment\">", "").replace("</font>", "");
        assert!(!ours.contains(['<', '*', '[']), "{text}");
        assert!(!text.contains("\n# head"), "{text}");
    }
}

#[test]
fn a_message_of_nothing_but_the_longest_values_still_fits() {
    let long = "长".repeat(2000);
    let input = format!(
        r#"{{"CosInputInfo":{{"Bucket":"{}","Region":"{}","Object":"/{long}"}}}}"#,
        "b".repeat(500),
        "r".repeat(500)
    );
    let event = format!(
        r#"{{"EventType":"WorkflowTask","SessionId":"{long}","WorkflowTaskEvent":{{"TaskId":"{long}","Status":"{long}",
        "ErrCode":1,"ErrCodeExt":"{long}","Message":"{long}","InputInfos":[{input},{input},{input},{input}],
        "MediaProcessResultSet":[{{"Type":"{long}","TranscodeTask":{{"Status":"FAIL","ErrCodeExt":"{long}","Message":"{long}"}}}},
        {{"Type":"{long}","TranscodeTask":{{"Status":"SUCCESS","Output":{{"Path":"/{long}",
        "OutputStorage":{{"CosOutputStorage":{{"Bucket":"{long}","Region":"{long}"}}}}}}}}}}]}}}}"#
    )
    .replace(&format!("\"Status\":\"{long}\""), "\"Status\":\"FINISH\"");
    for lang in [Lang::Zh, Lang::En] {
        let style = Style { lang, mention: (0..500).map(|n| format!("user-{n}")).collect() };
        let text = rendered(&event, &style);
        assert!(text.len() <= LIMIT, "{}", text.len());
        assert!(text.contains('❌') && text.contains('✅') && text.contains("<@user-0>"), "{text}");
    }
}

/// Any JSON-ish value, biased to names that the reader looks at.
fn odd_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,40}".prop_map(Into::into),
        prop_oneof![Just("SUCCESS"), Just("FAIL"), Just("PROCESSING"), Just("FINISH")].prop_map(Into::into),
    ];
    let name = prop_oneof![
        Just("Status"),
        Just("Type"),
        Just("TaskId"),
        Just("ErrCode"),
        Just("ErrCodeExt"),
        Just("Message"),
        Just("Output"),
        Just("Input"),
        Just("TranscodeTask"),
        Just("MediaProcessResultSet"),
        Just("ActivityResultSet"),
        Just("ActivityResItem"),
        Just("Path"),
        Just("ImagePathSet"),
        Just("OutputStorage"),
        Just("CosOutputStorage"),
        Just("Bucket"),
        Just("Suggestion"),
        Just("SegmentSet"),
        Just("InputInfo"),
        Just("CosInputInfo"),
        Just("Object"),
        Just("TagSet"),
        Just("Tag"),
        Just("Outputs"),
        Just("Size"),
        Just("Duration"),
        Just("Definition"),
    ];
    leaf.prop_recursive(6, 200, 12, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Into::into),
            prop::collection::vec((name.clone(), inner), 0..12).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_arrives_the_message_fits_and_says_something(
        kind in prop_oneof![Just("WorkflowTask"), Just("EditMediaTask"), Just("ScheduleTask"), Just("BatchTask"), Just("X")],
        body in odd_value(),
        lang in prop_oneof![Just(Lang::Zh), Just(Lang::En)],
    ) {
        let event = serde_json::json!({"EventType": kind, format!("{kind}Event"): body});
        let text = rendered(&event.to_string(), &Style { lang, ..english() });
        prop_assert!(text.len() <= LIMIT, "{} bytes", text.len());
        prop_assert!(!text.trim().is_empty());
        prop_assert!(!text.chars().any(|it| it.is_control() && it != '\n'));
    }

    #[test]
    fn whatever_bytes_arrive_the_message_is_short(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = render(&Event::parse(&bytes, "r").incoming, &Style::default());
        prop_assert!(text.len() <= LIMIT && !text.is_empty());
    }
}
