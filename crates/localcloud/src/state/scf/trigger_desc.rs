//! TriggerDesc by trigger type: what may be sent and the other text it comes back as (trigger
//! description page 583/39901 and the official samples).

use serde_json::{Map, Value, json};

use super::cron;
use crate::refusal::{Refusal, refuse};

/// Types whose description is kept as it was sent, because nothing documents more about it.
const RAW: [&str; 7] = ["cmq", "vod", "cm", "eb", "mqtt", "custom_kafka", "clb"];

/// Where a trigger is made, as far as descriptions show it.
pub(super) struct Place<'a> {
    pub(super) region: &'a str,
    pub(super) app_id: u64,
    /// The trigger's name: the bucket's domain, `INSTANCE-TOPIC`, or the server-made id of a function URL.
    pub(super) name: &'a str,
    pub(super) function: &'a str,
}

/// Checks a description and turns it into the form in which it comes back.
pub(super) fn stored(kind: &str, sent: &str, place: &Place<'_>) -> Result<String, Refusal> {
    match kind {
        "timer" => timer(sent),
        "cos" => cos(sent, place),
        "ckafka" => ckafka(sent, place),
        "http" => http(sent, place),
        kind if RAW.contains(&kind) => Ok(sent.to_owned()),
        "cls" | "apigw" => {
            refuse("UnsupportedOperation.Trigger", format!("a trigger of type {kind} is not made by CreateTrigger"))
        }
        other => refuse("InvalidParameterValue.Type", format!("trigger type `{other}` is unknown")),
    }
}

/// The seven-field cron text of a stored timer description.
pub(crate) fn cron_of(stored: &str) -> Option<String> {
    serde_json::from_str::<Value>(stored).ok()?.get("cron")?.as_str().map(str::to_owned)
}

/// What tells one cos trigger from another: event, prefix, suffix. `None` when the text is no such thing.
pub(super) fn cos_rule(text: &str) -> Option<(String, String, String)> {
    let value: Value = serde_json::from_str(text).ok()?;
    let filter = |name: &str| value["filter"][name].as_str().unwrap_or_default().to_owned();
    Some((value["event"].as_str()?.to_owned(), filter("Prefix"), filter("Suffix")))
}

fn invalid<T>(message: impl Into<String>) -> Result<T, Refusal> {
    refuse("InvalidParameterValue.TriggerDesc", message)
}

fn object(sent: &str) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_str(sent) {
        Ok(Value::Object(members)) => Ok(members),
        _ => invalid("TriggerDesc is not a JSON object"),
    }
}

/// Bare cron text; the JSON form of the answer is taken too (assumed).
fn timer(sent: &str) -> Result<String, Refusal> {
    let bare = cron_of(sent).unwrap_or_else(|| sent.to_owned());
    match cron::seven_fields(&bare) {
        Some(text) => Ok(json!({"cron": text}).to_string()),
        None => invalid(format!("`{bare}` is not a cron expression of seven or five fields")),
    }
}

fn cos(sent: &str, place: &Place<'_>) -> Result<String, Refusal> {
    let Some((event, prefix, suffix)) = cos_rule(sent) else {
        return invalid("TriggerDesc of a cos trigger needs `event`");
    };
    const EVENTS: [&str; 14] = [
        "cos:ObjectCreated:*",
        "cos:ObjectCreated:Put",
        "cos:ObjectCreated:Post",
        "cos:ObjectCreated:Copy",
        "cos:ObjectCreated:CompleteMultipartUpload",
        "cos:ObjectCreated:Origin",
        "cos:ObjectCreated:Replication",
        "cos:ObjectRemove:*",
        "cos:ObjectRemove:Delete",
        "cos:ObjectRemove:DeleteMarkerCreated",
        "cos:ObjectRestore:*",
        "cos:ObjectRestore:Post",
        "cos:ObjectRestore:Completed",
        "cos:ObjectCreated:Append",
    ];
    if !EVENTS.contains(&event.as_str()) {
        return invalid(format!("cos event `{event}` is unknown"));
    }
    if !suffix.is_empty() && !suffix.starts_with('.') {
        return invalid(format!("the suffix `{suffix}` does not start with a dot"));
    }
    if !place.name.ends_with(&format!(".cos.{}.myqcloud.com", place.region)) {
        return refuse(
            "InvalidParameterValue.TriggerName",
            format!("a cos trigger is named after a bucket's domain in {}, not `{}`", place.region, place.name),
        );
    }
    Ok(format!(
        "{{\"bucketUrl\":{},\"event\":{},\"filter\":{{\"Prefix\":{},\"Suffix\":{}}}}}",
        json!(place.name),
        json!(event),
        json!(prefix),
        json!(suffix)
    ))
}

fn ckafka(sent: &str, place: &Place<'_>) -> Result<String, Refusal> {
    let mut desc = object(sent)?;
    // `ckafka-xxxx-TOPIC`: the instance id has one hyphen of its own.
    let mut parts = place.name.splitn(3, '-');
    let (Some(prefix), Some(id), Some(topic)) = (parts.next(), parts.next(), parts.next()) else {
        return refuse(
            "InvalidParameterValue.TriggerName",
            format!("a ckafka trigger is named INSTANCE-TOPIC, not `{}`", place.name),
        );
    };
    for (member, default) in
        [("maxMsgNum", json!(100)), ("offset", json!("latest")), ("retry", json!(10_000)), ("timeOut", json!(60))]
    {
        let value = desc.entry(member).or_insert(default);
        // Numbers are taken as text too, and come back as numbers.
        if let Some(number) = value.as_str().filter(|_| member != "offset").and_then(|text| text.parse::<i64>().ok()) {
            *value = number.into();
        }
    }
    if !desc["timeOut"].as_i64().is_some_and(|seconds| (1..=60).contains(&seconds)) {
        return invalid("timeOut is 1 to 60 seconds");
    }
    if desc["maxMsgNum"].as_i64().is_none() || desc["retry"].as_i64().is_none() {
        return invalid("maxMsgNum and retry are numbers");
    }
    let group = desc.get("consumerGroupName").and_then(Value::as_str).unwrap_or_default();
    if group.is_empty() {
        desc.insert("consumerGroupName".to_owned(), json!(format!("scf_{}_{topic}", place.function)));
    }
    for (member, value) in [
        ("VIPList", json!([])),
        ("instanceId", json!(format!("{prefix}-{id}"))),
        ("isInSequence", json!(false)),
        ("kafkaStatus", json!(1)),
        ("maxSingleMsgSize", json!(1_048_576)),
        ("maxTotalMsgSize", json!(6_291_456)),
        ("partitionNum", json!(1)),
        ("topicId", json!(format!("topic-{topic}"))),
        ("topicName", json!(topic)),
        ("topicStatus", json!(1)),
    ] {
        desc.insert(member.to_owned(), value);
    }
    Ok(Value::Object(desc).to_string())
}

/// A ckafka description after UpdateTrigger, which moves only these three members.
pub(super) fn ckafka_updated(stored: &str, sent: &str) -> Result<String, Refusal> {
    let sent = object(sent)?;
    let mut desc = object(stored)?;
    for (member, value) in sent {
        let canonical = match member.to_ascii_lowercase().as_str() {
            "retry" => "retry",
            "maxmsgnum" => "maxMsgNum",
            "timeout" => "timeOut",
            _ => continue,
        };
        let value = value.as_str().and_then(|text| text.parse::<i64>().ok()).map_or(value, Value::from);
        desc.insert(canonical.to_owned(), value);
    }
    Ok(Value::Object(desc).to_string())
}

fn http(sent: &str, place: &Place<'_>) -> Result<String, Refusal> {
    let mut desc = object(sent)?;
    let auth = desc.get("AuthType").and_then(Value::as_str).unwrap_or_default();
    if !["NONE", "CAM"].contains(&auth) {
        return invalid(format!("AuthType `{auth}` is neither NONE nor CAM"));
    }
    let net = desc.get("NetConfig").cloned().unwrap_or_default();
    let switch = |name: &str| net.get(name).and_then(Value::as_bool).unwrap_or_default();
    let (intranet, extranet) = (switch("EnableIntranet"), switch("EnableExtranet"));
    let url = |scheme: &str, on: bool, infix: &str| {
        if on {
            format!("{scheme}://{}-{}.{infix}{}.tencentscf.com", place.app_id, place.name, place.region)
        } else {
            String::new()
        }
    };
    desc.insert(
        "NetConfig".to_owned(),
        json!({
            "EnableIntranet": intranet,
            "IntranetUrl": url("https", intranet, "in."),
            "IntranetHTTPUrl": url("http", intranet, "in."),
            "ExtranetUrl": url("https", extranet, ""),
            "ExtranetHTTPUrl": url("http", extranet, ""),
            "WssIntranetUrl": "",
            "WsIntranetUrl": "",
            "WssExtranetUrl": "",
            "WsExtranetUrl": "",
            "EnableExtranet": extranet,
        }),
    );
    Ok(Value::Object(desc).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, name: &str, sent: &str, expected: &str) {
        let place = Place { region: "ap-beijing", app_id: 1_250_000_001, name, function: "f" };
        match stored(kind, sent, &place) {
            Ok(desc) => {
                assert_eq!(desc, expected);
                assert_eq!(stored(kind, &desc, &place).expect("what comes back can be sent"), desc);
            }
            Err(refusal) => assert_eq!(refusal.code, expected, "{}", refusal.message),
        }
    }

    #[test]
    fn descriptions_come_back_in_the_documented_other_form() {
        check("timer", "t", "*/2 * * * *", r#"{"cron":"0 */2 * * * * *"}"#);
        check("timer", "t", "every day", "InvalidParameterValue.TriggerDesc");
        let bucket = "in-1250000000.cos.ap-beijing.myqcloud.com";
        check(
            "cos",
            bucket,
            r#"{"filter":{"Suffix":".mp4","Prefix":""},"event":"cos:ObjectCreated:*"}"#,
            r#"{"bucketUrl":"in-1250000000.cos.ap-beijing.myqcloud.com","event":"cos:ObjectCreated:*","filter":{"Prefix":"","Suffix":".mp4"}}"#,
        );
        check("cos", bucket, r#"{"event":"cos:Nothing"}"#, "InvalidParameterValue.TriggerDesc");
        check("cos", "elsewhere", r#"{"event":"cos:ObjectCreated:*"}"#, "InvalidParameterValue.TriggerName");
        check("cls", "t", "{}", "UnsupportedOperation.Trigger");
        check("fax", "t", "{}", "InvalidParameterValue.Type");
        check("cmq", "q1", r#"{"filterType":1}"#, r#"{"filterType":1}"#);
    }

    #[test]
    fn a_function_url_gains_its_addresses_and_a_queue_its_particulars() {
        let place = Place { region: "ap-beijing", app_id: 1_250_000_001, name: "abc", function: "f" };
        let sent = r#"{"AuthType":"NONE","NetConfig":{"EnableIntranet":false,"EnableExtranet":true}}"#;
        let desc: Value = serde_json::from_str(&stored("http", sent, &place).expect("valid")).expect("JSON");
        assert_eq!(desc["NetConfig"]["ExtranetUrl"], "https://1250000001-abc.ap-beijing.tencentscf.com");
        assert_eq!(desc["NetConfig"]["IntranetUrl"], "");
        let place = Place { name: "ckafka-1x2y-top-ic", ..place };
        let desc = stored("ckafka", r#"{"maxMsgNum":"10","offset":"latest","timeOut":60}"#, &place).expect("valid");
        let desc: Value = serde_json::from_str(&desc).expect("JSON");
        assert_eq!(
            (&desc["instanceId"], &desc["topicName"], &desc["maxMsgNum"]),
            (&json!("ckafka-1x2y"), &json!("top-ic"), &json!(10))
        );
    }
}
