//! Triggers: which keys go with which type.

use serde_json::{Map, Value as Json, json};

use super::top::LABEL;
use super::words::{
    choice, default, filled, flag, form, mapping, named, number, or_nothing, reference, required, short, text, texts,
    told, when, with,
};
use crate::limits;

/// The types that can be made. `cls` is understood and refused for now.
const AVAILABLE: [&str; 6] = ["mps", "timer", "cos", "ckafka", "http", "raw"];

pub(super) fn definitions() -> Map<String, Json> {
    let mut all = Map::new();
    let long = format!("^.{{{},}}$", limits::TIMER_NAME.end() + 1);
    let named_timer =
        json!({ "if": { "properties": { "type": { "const": "timer" } }, "required": ["type"] }, "then": with("name") });
    all.insert(
        "triggers".to_owned(),
        json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": LABEL },
            "patternProperties": { long: { "allOf": [reference("trigger"), named_timer] } },
            "additionalProperties": reference("trigger"),
            "description": "Triggers, by logical id, which is also a timer's name. What is not declared is removed.",
        }),
    );
    all.insert(
        "trigger".to_owned(),
        json!({
            "type": "object",
            "required": ["type"],
            "properties": { "type": told(required([json!({ "enum": AVAILABLE })]), "What fires it; says which other keys there are") },
            "allOf": AVAILABLE.iter().map(|kind| when("type", &json!({ "const": kind }), &reference(&format!("{kind}Trigger")))).collect::<Vec<_>>(),
        }),
    );
    for kind in AVAILABLE {
        all.insert(format!("{kind}Trigger"), of_type(kind));
    }
    all
}

fn of_type(kind: &str) -> Json {
    let mut schema = match kind {
        "mps" => mps(),
        "timer" => timer(),
        "cos" => cos(),
        "ckafka" => ckafka(),
        "http" => http(),
        _ => raw(),
    };
    let common = [
        ("type", json!({ "const": kind })),
        ("enabled", flag(true, "Whether it fires")),
        ("qualifier", default(text("Version or alias that runs"), "$DEFAULT")),
    ];
    for (key, value) in common {
        schema["properties"][key] = value;
    }
    schema
}

fn description() -> (&'static str, Json) {
    ("description", short(limits::DESCRIPTION, "For people"))
}

fn mps() -> Json {
    mapping(
        [
            (
                "event",
                told(
                    required([json!({ "enum": limits::MPS_EVENTS })]),
                    "MPS event type; the account binds each to one function",
                ),
            ),
            ("takeover", flag(false, "Takes the event type from the function that holds it")),
            (
                "bind",
                default(
                    choice(
                        &["mps", "scf", "manual"],
                        "Who makes the binding: the MPS service, the SCF service, or a person",
                    ),
                    "mps",
                ),
            ),
        ],
        &["event"],
    )
}

fn timer() -> Json {
    let most = limits::TIMER_NAME.end() - 1;
    mapping(
        [
            ("cron", filled("second minute hour day month weekday year, such as `0 0 3 * * * *`")),
            ("argument", short(limits::TIMER_ARGUMENT, "Text handed to the function")),
            (
                "name",
                told(
                    named(
                        [
                            json!({ "type": "string", "pattern": format!("^[A-Za-z][A-Za-z0-9_-]{{0,{most}}}$") }),
                            json!({ "type": "boolean" }),
                        ],
                        true,
                    ),
                    "The timer's name, when it is not the key",
                ),
            ),
            description(),
        ],
        &["cron"],
    )
}

fn cos() -> Json {
    mapping(
        [
            (
                "bucket",
                told(
                    required([json!({ "type": "string", "pattern": "^[a-z0-9-]+-[0-9]{5,}$" })]),
                    "Bucket with its appid, such as uploads-1250000000, in the function's region",
                ),
            ),
            ("events", told(required([json!({ "enum": limits::COS_EVENTS })]), "What happened to an object")),
            ("prefix", text("Only objects whose key starts so")),
            ("suffix", form(r"^(\..*)?$", "Only objects whose key ends so; starts with a dot")),
        ],
        &["bucket", "events"],
    )
}

fn ckafka() -> Json {
    mapping(
        [
            (
                "instance",
                told(
                    required([json!({ "type": "string", "pattern": "^ckafka-[A-Za-z0-9]+$" })]),
                    "Instance, such as ckafka-8j4rodrr",
                ),
            ),
            ("topic", filled("Topic")),
            ("batch", default(number(&limits::CKAFKA_BATCH, "messages", "Most messages of one event"), 100)),
            (
                "offset",
                default(
                    told(
                        super::words::optional([
                            json!({ "enum": ["latest", "earliest"] }),
                            json!({ "type": "integer", "minimum": 0 }),
                            json!({ "type": "string", "pattern": "^[0-9]*$" }),
                        ]),
                        "Where to start: latest, earliest, or milliseconds since 1970",
                    ),
                    "latest",
                ),
            ),
            ("retry", default(number(&(0..=10_000), "", "Retries of a failed batch"), 10_000)),
            ("timeout", default(number(&limits::CKAFKA_TIMEOUT, "seconds", "How long a batch may wait to fill"), 60)),
            ("group", text("Consumer group")),
            description(),
        ],
        &["instance", "topic"],
    )
}

fn http() -> Json {
    let cors = mapping(
        [
            ("origins", texts("Origins that may call, such as https://example.com")),
            ("headers", texts("Headers that requests may carry")),
            ("methods", texts("Methods that may be used")),
            ("expose_headers", texts("Headers that pages may read")),
            ("max_age", number(&(0..=86_400), "seconds", "How long browsers may remember the answer")),
            ("credentials", flag(false, "Whether cookies may be sent")),
        ],
        &[],
    );
    mapping(
        [
            ("auth", default(choice(&["none", "cam"], "Who may call: everybody, or requests signed for CAM"), "none")),
            ("public", flag(true, "Whether the internet reaches it")),
            ("intranet", flag(false, "Whether the private network reaches it")),
            ("cors", told(or_nothing(cors), "Answers to browsers of other origins")),
            description(),
        ],
        &[],
    )
}

fn raw() -> Json {
    let taken = crate::manifest::TRIGGER_TYPES.iter().copied().chain(["apigw"]).collect::<Vec<_>>();
    mapping(
        [
            (
                "kind",
                told(
                    json!({ "allOf": [reference("filledText")], "not": { "enum": taken } }),
                    "Type as the platform calls it, for types that have no section of their own",
                ),
            ),
            ("name", filled("TriggerName, as the platform takes it")),
            ("description", json!({ "description": "TriggerDesc: text or data, passed on as it is" })),
        ],
        &["kind", "name"],
    )
}
