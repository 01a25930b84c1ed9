//! Triggers: identity, attributes and normal form of each type, and the way between the normal form and the
//! strings the service takes and gives (facts SCF 5.2, SCF 5.3). This is where a trigger's spellings become one.

use serde_json::{Value as Json, json};

use crate::attributes::{Attributes, Comparison};

/// How triggers compare. A timer's argument and a raw description may hold secrets.
pub const COMPARISON: Comparison = Comparison { authoritative: &[], guarded: &["argument", "raw_description"] };

/// A trigger in normal form.
#[derive(Clone, PartialEq, Eq)]
pub struct Trigger {
    /// What fires it.
    pub spec: Spec,
    /// Whether it fires.
    pub enabled: bool,
    /// Version or alias that runs.
    pub qualifier: String,
    /// Text without the mark, where the type has one; `None` leaves it alone.
    pub description: Option<String>,
}

/// What fires a trigger, by type.
#[derive(Clone, PartialEq, Eq)]
pub enum Spec {
    /// An MPS task event; the account binds each event type to one function.
    Mps {
        /// `WorkflowTask` or `EditMediaTask`.
        event: String,
    },
    /// A schedule.
    Timer {
        /// The trigger's name on the platform.
        name: String,
        /// Seven fields: second minute hour day month weekday year.
        cron: String,
        /// Text handed to the function.
        argument: String,
    },
    /// Objects in a bucket.
    Cos {
        /// The bucket's domain, which is the trigger's name.
        domain: String,
        /// Such as `cos:ObjectCreated:*`.
        events: String,
        /// Key prefix.
        prefix: String,
        /// Key suffix.
        suffix: String,
    },
    /// Messages of a Kafka topic.
    Ckafka {
        /// Instance id.
        instance: String,
        /// Topic.
        topic: String,
        /// Most messages per run.
        batch: u64,
        /// `latest`, `earliest` or milliseconds.
        offset: String,
        /// Retries.
        retry: u64,
        /// Seconds a batch may wait.
        timeout: u64,
        /// Consumer group; `None` leaves the platform's own alone.
        group: Option<String>,
    },
    /// A function URL.
    Http {
        /// Whether CAM signatures are asked for.
        cam: bool,
        /// Reachable from the internet.
        public: bool,
        /// Reachable from the intranet.
        intranet: bool,
        /// Cross-origin rules.
        cors: Option<Cors>,
    },
    /// Any other type, passed through as it is.
    Raw {
        /// The platform's type string.
        kind: String,
        /// The trigger's name.
        name: String,
        /// TriggerDesc, as data where it is JSON.
        description: Json,
    },
}

/// Cross-origin rules of a function URL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cors {
    /// Allowed origins.
    pub origins: Vec<String>,
    /// Allowed request headers.
    pub headers: Vec<String>,
    /// Allowed methods.
    pub methods: Vec<String>,
    /// Response headers that scripts may read.
    pub expose_headers: Vec<String>,
    /// Seconds a preflight answer is kept.
    pub max_age: u64,
    /// Whether credentials are allowed.
    pub credentials: bool,
}

// Arguments and raw descriptions may be secrets: Debug shows identity only.
impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Spec::Mps { .. } => "mps",
            Spec::Timer { .. } => "timer",
            Spec::Cos { .. } => "cos",
            Spec::Ckafka { .. } => "ckafka",
            Spec::Http { .. } => "http",
            Spec::Raw { kind, .. } => kind,
        })
    }
}

impl std::fmt::Debug for Trigger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trigger({:?})", self.key())
    }
}

/// What makes two triggers of one function the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TriggerKey {
    /// The platform's type string.
    pub kind: String,
    /// Identity within the type.
    pub key: String,
}

/// A trigger as the service lists it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RawTrigger {
    /// Type.
    pub kind: String,
    /// TriggerName.
    pub name: String,
    /// TriggerDesc, a string whose shape depends on the type.
    pub desc: String,
    /// Enable is 1 or `OPEN`.
    pub enabled: bool,
    /// Qualifier.
    pub qualifier: String,
    /// CustomArgument.
    pub argument: String,
    /// Description.
    pub description: String,
    /// BindStatus is `off`.
    pub unbound: bool,
    /// ResourceId.
    pub resource_id: String,
}

impl Trigger {
    /// Its identity.
    #[must_use]
    pub fn key(&self) -> TriggerKey {
        let (kind, key) = match &self.spec {
            Spec::Mps { event } => ("mps", event.clone()),
            Spec::Timer { name, .. } => ("timer", name.clone()),
            Spec::Cos { domain, events, prefix, suffix } => ("cos", format!("{domain} {events} {prefix}*{suffix}")),
            Spec::Ckafka { instance, topic, .. } => ("ckafka", format!("{instance}-{topic}")),
            Spec::Http { .. } => ("http", self.qualifier.clone()),
            Spec::Raw { kind, name, .. } => (kind.as_str(), name.clone()),
        };
        TriggerKey { kind: kind.to_owned(), key }
    }

    /// The platform's type string.
    #[must_use]
    pub fn kind(&self) -> &str {
        match &self.spec {
            Spec::Mps { .. } => "mps",
            Spec::Timer { .. } => "timer",
            Spec::Cos { .. } => "cos",
            Spec::Ckafka { .. } => "ckafka",
            Spec::Http { .. } => "http",
            Spec::Raw { kind, .. } => kind,
        }
    }

    /// The name sent when it is created; the service replaces a function URL's.
    #[must_use]
    pub fn platform_name(&self) -> String {
        match &self.spec {
            Spec::Mps { event } => format!("{event}Event"),
            Spec::Timer { name, .. } | Spec::Raw { name, .. } => name.clone(),
            Spec::Cos { domain, .. } => domain.clone(),
            Spec::Ckafka { instance, topic, .. } => format!("{instance}-{topic}"),
            Spec::Http { .. } => "url-trigger".to_owned(),
        }
    }

    /// The TriggerDesc that is sent.
    #[must_use]
    pub fn wire_desc(&self) -> String {
        match &self.spec {
            Spec::Mps { event } => json!({ "eventType": event }).to_string(),
            Spec::Timer { cron, .. } => cron.clone(),
            Spec::Cos { events, prefix, suffix, .. } => {
                // Key order as documented; the service matches deletes by this text.
                format!(
                    "{{\"event\":{},\"filter\":{{\"Prefix\":{},\"Suffix\":{}}}}}",
                    json!(events),
                    json!(prefix),
                    json!(suffix)
                )
            }
            Spec::Ckafka { batch, offset, retry, timeout, group, .. } => {
                let mut desc = json!({ "maxMsgNum": batch, "offset": offset, "retry": retry, "timeOut": timeout });
                if let Some(group) = group {
                    desc["consumerGroupName"] = json!(group);
                }
                desc.to_string()
            }
            Spec::Http { cam, public, intranet, cors } => {
                let mut desc = json!({
                    "AuthType": if *cam { "CAM" } else { "NONE" },
                    "NetConfig": { "EnableIntranet": intranet, "EnableExtranet": public },
                });
                if let Some(cors) = cors {
                    desc["CorsConfig"] = json!({
                        "Enable": true,
                        "Origins": cors.origins,
                        "Headers": cors.headers,
                        "Methods": cors.methods,
                        "ExposeHeaders": cors.expose_headers,
                        "MaxAge": cors.max_age,
                        "Credentials": cors.credentials,
                    });
                } else {
                    desc["CorsConfig"] = json!({ "Enable": false });
                }
                desc.to_string()
            }
            Spec::Raw { description, .. } => match description {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            },
        }
    }

    /// The CustomArgument that is sent; timers only.
    #[must_use]
    pub fn argument(&self) -> Option<&str> {
        match &self.spec {
            Spec::Timer { argument, .. } => Some(argument),
            Spec::Mps { .. } | Spec::Cos { .. } | Spec::Ckafka { .. } | Spec::Http { .. } | Spec::Raw { .. } => None,
        }
    }

    /// Its attributes.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        let mut all = Attributes::default();
        all.put("type", self.kind());
        match &self.spec {
            Spec::Mps { event } => all.put("event", event.as_str()),
            Spec::Timer { name, cron, argument } => {
                all.put("name", name.as_str());
                all.put("cron", cron.as_str());
                all.put("argument", argument.as_str());
            }
            Spec::Cos { domain, events, prefix, suffix } => {
                all.put("bucket", domain.as_str());
                all.put("events", events.as_str());
                all.put("prefix", prefix.as_str());
                all.put("suffix", suffix.as_str());
            }
            Spec::Ckafka { instance, topic, batch, offset, retry, timeout, group } => {
                all.put("instance", instance.as_str());
                all.put("topic", topic.as_str());
                all.put("batch", *batch);
                all.put("offset", offset.as_str());
                all.put("retry", *retry);
                all.put("timeout", *timeout);
                all.put_some("group", group.as_deref());
            }
            Spec::Http { cam, public, intranet, cors } => {
                all.put("auth", if *cam { "cam" } else { "none" });
                all.put("public", *public);
                all.put("intranet", *intranet);
                all.put("cors.enabled", cors.is_some());
                if let Some(cors) = cors {
                    all.put("cors.origins", cors.origins.clone());
                    all.put("cors.headers", cors.headers.clone());
                    all.put("cors.methods", cors.methods.clone());
                    all.put("cors.expose_headers", cors.expose_headers.clone());
                    all.put("cors.max_age", cors.max_age);
                    all.put("cors.credentials", cors.credentials);
                }
            }
            Spec::Raw { name, description, .. } => {
                all.put("name", name.as_str());
                all.put("raw_description", description.clone());
            }
        }
        all.put("enabled", self.enabled);
        all.put("qualifier", self.qualifier.as_str());
        all.put_some("description", self.description.as_deref());
        all
    }

    /// What is listed only when it differs from these.
    #[must_use]
    pub fn defaults() -> Attributes {
        let mut all = Attributes::default();
        for (path, value) in [("argument", ""), ("prefix", ""), ("suffix", ""), ("description", "")] {
            all.put(path, value);
        }
        all.put("enabled", true);
        all.put("qualifier", "$DEFAULT");
        all.put("cors.enabled", false);
        all
    }

    /// Whether the type keeps a description that can be read back and changed (UpdateTrigger's types).
    #[must_use]
    pub fn keeps_description(&self) -> bool {
        matches!(self.spec, Spec::Timer { .. } | Spec::Ckafka { .. } | Spec::Http { .. })
    }

    /// Attributes of this type that no call changes in place.
    #[must_use]
    pub fn immutable(&self) -> &'static [&'static str] {
        match &self.spec {
            Spec::Timer { .. } | Spec::Http { .. } => &["qualifier"],
            Spec::Ckafka { .. } => &["qualifier", "offset", "group"],
            Spec::Mps { .. } => &["qualifier"],
            Spec::Cos { .. } => &["qualifier", "bucket", "events", "prefix", "suffix"],
            Spec::Raw { .. } => &["qualifier", "raw_description", "enabled"],
        }
    }
}

impl RawTrigger {
    /// The normal form of what the service lists. `region` completes bucket names. Types we do not know, and
    /// descriptions we cannot read, become raw triggers: they are still seen, listed and deletable.
    #[must_use]
    pub fn normal_form(&self) -> Trigger {
        let parsed: Option<Json> = serde_json::from_str(&self.desc).ok();
        let spec = match self.kind.as_str() {
            "mps" => Some(Spec::Mps { event: self.mps_event(parsed.as_ref()) }),
            "timer" => Some(Spec::Timer {
                name: self.name.clone(),
                cron: self.cron(parsed.as_ref()),
                argument: self.argument.clone(),
            }),
            "cos" => parsed.as_ref().and_then(|d| self.cos(d)),
            "ckafka" => parsed.as_ref().and_then(|d| self.ckafka(d)),
            "http" => parsed.as_ref().map(http),
            _ => None,
        };
        let spec = spec.unwrap_or_else(|| Spec::Raw {
            kind: self.kind.clone(),
            name: self.name.clone(),
            description: parsed.unwrap_or_else(|| Json::String(self.desc.clone())),
        });
        let (description, _) = crate::mark::split(&self.description);
        // Whether an MPS event type is bound is said by BindStatus alone: nobody sets this type's Enable, and what it
        // says of a binding that the console made is not described (facts SCF 5.4).
        let enabled = if matches!(spec, Spec::Mps { .. }) { !self.unbound } else { self.enabled && !self.unbound };
        Trigger { spec, enabled, qualifier: self.qualifier.clone(), description: Some(description) }
    }

    /// Whether its description carries a line that we wrote for `identity`.
    #[must_use]
    pub fn is_marked(&self, identity: &str) -> bool {
        crate::mark::split(&self.description).1.is_some_and(|m| m.identity == identity)
    }

    /// The event type of an MPS binding: the last segment of ResourceId without `Event` (facts SCF 5.4).
    fn mps_event(&self, desc: Option<&Json>) -> String {
        let segment = self.resource_id.rsplit('/').next().unwrap_or("");
        if let Some(event) = segment.strip_suffix("Event").filter(|e| !e.is_empty()) {
            return event.to_owned();
        }
        let named = desc.and_then(|d| member(d, &["eventType", "EventType", "event"])).and_then(Json::as_str);
        named
            .unwrap_or_else(|| if segment.is_empty() { &self.name } else { segment })
            .trim_end_matches("Event")
            .to_owned()
    }

    fn cron(&self, desc: Option<&Json>) -> String {
        let text = match desc {
            Some(Json::Object(o)) => o.get("cron").and_then(Json::as_str).unwrap_or(&self.desc).to_owned(),
            Some(Json::String(s)) => s.clone(),
            _ => self.desc.clone(),
        };
        normal_cron(&text)
    }

    fn cos(&self, desc: &Json) -> Option<Spec> {
        let events = member(desc, &["event", "Event"])?.as_str()?.to_owned();
        let filter = member(desc, &["filter", "Filter"]);
        let part = |keys: &[&str]| filter.and_then(|f| member(f, keys)).and_then(Json::as_str).unwrap_or("").to_owned();
        Some(Spec::Cos {
            domain: self.name.clone(),
            events,
            prefix: part(&["Prefix", "prefix"]),
            suffix: part(&["Suffix", "suffix"]),
        })
    }

    fn ckafka(&self, desc: &Json) -> Option<Spec> {
        let number = |key: &str| member(desc, &[key]).and_then(whole);
        let text = |key: &str| member(desc, &[key]).and_then(Json::as_str).map(str::to_owned);
        // The name is the identity. `ckafka-xxxx-topic`: the instance id itself holds one hyphen.
        let cut = self.name.match_indices('-').nth(1).map(|(i, _)| i)?;
        let (instance, topic) = (self.name[..cut].to_owned(), self.name[cut + 1..].to_owned());
        let offset = match member(desc, &["offset"]) {
            Some(Json::String(s)) => s.clone(),
            // Milliseconds.
            Some(n @ Json::Number(_)) => whole(n).map_or_else(|| n.to_string(), |ms| ms.to_string()),
            _ => "latest".to_owned(),
        };
        Some(Spec::Ckafka {
            instance,
            topic,
            batch: number("maxMsgNum")?,
            offset,
            retry: number("retry").unwrap_or(10_000),
            timeout: number("timeOut").unwrap_or(60),
            group: text("consumerGroupName"),
        })
    }
}

fn http(desc: &Json) -> Spec {
    let net = member(desc, &["NetConfig"]);
    let switch = |key: &str| net.and_then(|n| n.get(key)).map(flag);
    let cors = member(desc, &["CorsConfig"])
        .filter(|c| c.get("Enable").is_none_or(flag) && c.as_object().is_some_and(|o| !o.is_empty()))
        .map(|c| {
            let list = |key: &str| {
                c.get(key)
                    .and_then(Json::as_array)
                    .map(|a| a.iter().filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>())
                    .unwrap_or_default()
            };
            let mut cors = Cors {
                origins: list("Origins"),
                headers: list("Headers"),
                methods: list("Methods"),
                expose_headers: list("ExposeHeaders"),
                max_age: c.get("MaxAge").and_then(whole).unwrap_or(0),
                credentials: c.get("Credentials").is_some_and(flag),
            };
            cors.normalise();
            cors
        });
    Spec::Http {
        cam: member(desc, &["AuthType"]).and_then(Json::as_str).is_some_and(|a| a.eq_ignore_ascii_case("CAM")),
        public: switch("EnableExtranet").unwrap_or(true),
        intranet: switch("EnableIntranet").unwrap_or(false),
        cors,
    }
}

impl Cors {
    /// Lists are sets to the service: sorted, without repeats.
    pub fn normalise(&mut self) {
        for list in [&mut self.origins, &mut self.headers, &mut self.methods, &mut self.expose_headers] {
            list.sort();
            list.dedup();
        }
    }
}

fn flag(value: &Json) -> bool {
    match value {
        Json::Bool(b) => *b,
        Json::String(s) => s.eq_ignore_ascii_case("true") || s == "1",
        Json::Number(n) => n.as_i64() == Some(1),
        Json::Null | Json::Array(_) | Json::Object(_) => false,
    }
}

/// A whole number, however it is spelled: descriptions come back with numbers as text, and as floats.
fn whole(value: &Json) -> Option<u64> {
    let of_float = |float: f64| (float.fract() == 0.0 && (0.0..9.0e15).contains(&float)).then_some(float as u64);
    match value {
        Json::Number(n) => n.as_u64().or_else(|| n.as_f64().and_then(of_float)),
        Json::String(s) => s.trim().parse().ok().or_else(|| s.trim().parse().ok().and_then(of_float)),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

fn member<'j>(value: &'j Json, keys: &[&str]) -> Option<&'j Json> {
    keys.iter().find_map(|k| value.get(k)).filter(|v| !v.is_null())
}

/// Seven fields with single blanks; the legacy five gain a second and a year, as the service does (facts SCF 5.3).
#[must_use]
pub fn normal_cron(text: &str) -> String {
    let fields: Vec<&str> = text.split_whitespace().collect();
    match fields.len() {
        5 => format!("0 {} *", fields.join(" ")),
        _ => fields.join(" "),
    }
}

/// Whether the service's description of a raw trigger says what `desired` says. A manifest may give JSON as text, which
/// is sent as it stands and read back as data.
#[must_use]
pub fn describes(observed: &Json, desired: &Json) -> bool {
    let data = desired.as_str().and_then(|text| serde_json::from_str::<Json>(text).ok());
    covers(observed, desired) || data.is_some_and(|data| covers(observed, &data))
}

/// Whether the service's JSON says what `desired` says: members it added do not count.
fn covers(observed: &Json, desired: &Json) -> bool {
    match (observed, desired) {
        (Json::Object(o), Json::Object(d)) => d.iter().all(|(k, v)| o.get(k).is_some_and(|ov| covers(ov, v))),
        (Json::Array(o), Json::Array(d)) => o.len() == d.len() && o.iter().zip(d).all(|(o, d)| covers(o, d)),
        (Json::String(text), scalar @ (Json::Number(_) | Json::Bool(_)))
        | (scalar @ (Json::Number(_) | Json::Bool(_)), Json::String(text)) => {
            let scalar = scalar.to_string();
            *text == scalar
        }
        (Json::Number(o), Json::Number(d)) if o.is_f64() != d.is_f64() => o.as_f64() == d.as_f64(),
        (o, d) => o == d,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(kind: &str, name: &str, desc: &str) -> RawTrigger {
        RawTrigger {
            kind: kind.into(),
            name: name.into(),
            desc: desc.into(),
            enabled: true,
            qualifier: "$DEFAULT".into(),
            ..RawTrigger::default()
        }
    }

    #[test]
    fn a_timer_is_one_whatever_its_spelling() {
        for desc in ["0 0 3 * * * *", "{\"cron\":\"0 0 3 * * * *\"}", "0 3 * * *", "{\"cron\": \"0  0 3 * * *  *\"}"] {
            let trigger = raw("timer", "nightly", desc).normal_form();
            assert_eq!(trigger.attributes().get("cron"), "0 0 3 * * * *", "{desc}");
        }
    }

    #[test]
    fn additions_of_the_service_do_not_change_a_trigger() {
        let cos = raw(
            "cos",
            "b-1.cos.ap-beijing.myqcloud.com",
            r#"{"bucketUrl":"b-1.cos.ap-beijing.myqcloud.com","event":"cos:ObjectCreated:*","filter":{"Prefix":"raw/","Suffix":".mp4"}}"#,
        );
        assert_eq!(
            cos.normal_form().wire_desc(),
            r#"{"event":"cos:ObjectCreated:*","filter":{"Prefix":"raw/","Suffix":".mp4"}}"#
        );
        let http = raw(
            "http",
            "hulr",
            r#"{"AuthType":"NONE","NetConfig":{"EnableIntranet":false,"EnableExtranet":true,"ExtranetUrl":"https://x"},"CorsConfig":{"Enable":false}}"#,
        );
        assert_eq!(http.normal_form().spec, Spec::Http { cam: false, public: true, intranet: false, cors: None });
        let kafka = raw(
            "ckafka",
            "ckafka-ab12-t-1",
            r#"{"maxMsgNum":"10","offset":"latest","retry":5,"timeOut":60,"consumerGroupName":"scf_x","partitionNum":3}"#,
        );
        assert_eq!(kafka.normal_form().key().key, "ckafka-ab12-t-1");
    }

    #[test]
    fn numbers_of_a_description_are_read_in_every_spelling() {
        for number in ["10", "10.0", "\"10\"", "\"10.0\"", "1e1", "\" 10 \""] {
            let cors = format!(r#"{{"AuthType":"NONE","CorsConfig":{{"Enable":true,"MaxAge":{number}}}}}"#);
            let Spec::Http { cors: Some(cors), .. } = raw("http", "u", &cors).normal_form().spec else {
                panic!("a function URL with rules")
            };
            assert_eq!(cors.max_age, 10, "{number}");
            let desc =
                format!(r#"{{"maxMsgNum":{number},"offset":1700000000000.0,"retry":{number},"timeOut":{number}}}"#);
            let queue = raw("ckafka", "ckafka-ab12-t", &desc).normal_form().attributes();
            let read = ["batch", "retry", "timeout"].map(|path| queue.get(path).clone());
            assert_eq!(read, [json!(10), json!(10), json!(10)], "{number}");
            assert_eq!(queue.get("offset"), "1700000000000");
        }
        assert!(covers(&json!({ "n": 10.0 }), &json!({ "n": 10 })) && !covers(&json!(10.5), &json!(10)));
        for none in ["-1", "2.5", "\"soon\"", "[]"] {
            let desc = format!(r#"{{"maxMsgNum":{none}}}"#);
            let odd = raw("ckafka", "ckafka-ab12-t", &desc).normal_form();
            assert!(matches!(odd.spec, Spec::Raw { .. }), "{none}");
        }
    }

    #[test]
    fn an_mps_binding_is_known_by_the_end_of_its_resource_id() {
        let mut binding = raw("mps", "", "");
        binding.resource_id = "qcs::mps::uin/1:TriggerType/EditMediaTaskEvent".into();
        assert_eq!(binding.normal_form().key().key, "EditMediaTask");
        binding.unbound = true;
        assert!(!binding.normal_form().enabled);
    }

    #[test]
    fn an_mps_event_type_is_bound_whatever_enable_says() {
        let mut binding = raw("mps", "", "");
        binding.resource_id = "qcs::mps::uin/1:TriggerType/WorkflowTaskEvent".into();
        binding.enabled = false;
        assert!(binding.normal_form().enabled);
        let timer = RawTrigger { enabled: false, ..raw("timer", "nightly", "0 0 3 * * * *") };
        assert!(!timer.normal_form().enabled, "of other types Enable counts");
    }

    #[test]
    fn a_raw_description_is_compared_as_data_also_when_the_manifest_gives_it_as_text() {
        let given = raw("cmq", "q", r#"{"filterType":1,"filterKey":["a"],"topicId":"t-1"}"#).normal_form();
        let Spec::Raw { description: given, .. } = given.spec else { panic!("cmq is raw") };
        let text = |text: &str| Json::String(text.to_owned());
        assert!(describes(&given, &text(r#"{ "filterKey": ["a"], "filterType": 1 }"#)));
        assert!(describes(&given, &json!({ "filterType": 1 })));
        assert!(!describes(&given, &text(r#"{"filterType":2}"#)));
        assert!(!describes(&given, &text("filterType")));
        for same in ["plain words", "7", "true", "\"quoted\""] {
            let Spec::Raw { description, .. } = raw("cmq", "q", same).normal_form().spec else { panic!("cmq is raw") };
            assert!(describes(&description, &text(same)), "{same}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_still_seen() {
        let odd = raw("cos", "b", "not json").normal_form();
        assert_eq!(odd.key(), TriggerKey { kind: "cos".into(), key: "b".into() });
    }
}
