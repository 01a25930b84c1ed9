//! CAM policy and trust documents compared by meaning: the service hands them back reshaped
//! (facts CAM 3.8: key order, scalars for one-element lists, `sts:` for `name/sts:`, `:root` for the account's uin).

use serde_json::{Map, Value as Json};

/// A document in normal form. Two documents of one meaning are equal.
#[derive(Clone, PartialEq, Eq)]
pub struct Document(Json);

// A document may hold sensitive variables: Debug shows none of it.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Document(..)")
    }
}

impl Document {
    /// Normalises a document that a manifest declares.
    #[must_use]
    pub fn new(value: &Json) -> Self {
        Self(normalise(value))
    }

    /// Reads what the service hands back: JSON text, possibly URL-encoded as its own samples are. There are two such
    /// encodings: in the one of forms `+` is a blank, in the other it is itself, so that one comes first.
    /// Text that is not JSON is kept as text, so that it differs from everything we would write.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let parsed = serde_json::from_str(text)
            .or_else(|_| serde_json::from_str(&percent_decode(text)))
            .or_else(|_| serde_json::from_str(&percent_decode(&text.replace('+', " "))));
        match parsed {
            Ok(value) => Self::new(&value),
            Err(_) => Self(Json::String(text.to_owned())),
        }
    }

    /// The trust document of a role that services assume.
    #[must_use]
    pub fn trusting(services: &[String]) -> Self {
        Self::new(&serde_json::json!({
            "version": "2.0",
            "statement": [{ "effect": "allow", "action": ["name/sts:AssumeRole"], "principal": { "service": services } }],
        }))
    }

    /// Compact JSON text, as sent.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// The normal form as data, for showing differences.
    #[must_use]
    pub fn json(&self) -> &Json {
        &self.0
    }
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let decoded =
            (bytes[i] == b'%').then(|| text.get(i + 1..i + 3).and_then(|h| u8::from_str_radix(h, 16).ok())).flatten();
        match decoded {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn normalise(value: &Json) -> Json {
    let Json::Object(document) = value else { return value.clone() };
    if let (Some(inner), 1) = (document.get("strategyInfo"), document.len()) {
        return normalise(inner);
    }
    let mut out = Map::new();
    for (key, value) in document {
        let key = key.to_lowercase();
        let value = match key.as_str() {
            "version" => Json::String(match value {
                Json::Number(n) if n.as_f64() == Some(2.0) => "2.0".to_owned(),
                Json::String(s) => s.clone(),
                other => other.to_string(),
            }),
            "statement" => {
                let mut statements: Vec<Json> = as_list(value).iter().map(statement).collect();
                statements.sort_by_cached_key(Json::to_string);
                Json::Array(statements)
            }
            _ => value.clone(),
        };
        out.insert(key, value);
    }
    Json::Object(out)
}

fn statement(value: &Json) -> Json {
    let Json::Object(statement) = value else { return value.clone() };
    let mut out = Map::new();
    for (key, value) in statement {
        let key = key.to_lowercase();
        let value = match key.as_str() {
            "effect" => value.as_str().map_or_else(|| value.clone(), |e| Json::String(e.to_lowercase())),
            "action" | "notaction" => set(value, |a| a.strip_prefix("name/").unwrap_or(a).to_owned()),
            "resource" | "notresource" => set(value, str::to_owned),
            "principal" => principal(value),
            "condition" => condition(value),
            _ => value.clone(),
        };
        let empty = matches!(&value, Json::Object(m) if m.is_empty())
            || matches!(&value, Json::Array(a) if a.is_empty())
            || value.is_null();
        if !empty {
            // Actions are sent with the long prefix for sts, which every sample carries.
            let value = if key == "action" {
                set(&value, |a| if a.starts_with("sts:") { format!("name/{a}") } else { a.to_owned() })
            } else {
                value
            };
            out.insert(key, value);
        }
    }
    Json::Object(out)
}

fn principal(value: &Json) -> Json {
    let Json::Object(members) = value else { return value.clone() };
    Json::Object(
        members
            .iter()
            .map(|(k, v)| (k.to_lowercase(), set(v, root_to_uin)))
            .filter(|(_, v)| v.as_array().is_none_or(|a| !a.is_empty()))
            .collect(),
    )
}

/// `qcs::cam::uin/X:root` and `qcs::cam::uin/X:uin/X` are one principal (facts CAM 3.8).
fn root_to_uin(principal: &str) -> String {
    match principal.strip_prefix("qcs::cam::uin/").and_then(|rest| rest.strip_suffix(":root")) {
        Some(uin) => format!("qcs::cam::uin/{uin}:uin/{uin}"),
        None => principal.to_owned(),
    }
}

fn condition(value: &Json) -> Json {
    let Json::Object(operators) = value else { return value.clone() };
    Json::Object(
        operators
            .iter()
            .map(|(operator, keys)| {
                let keys = match keys {
                    Json::Object(keys) => {
                        Json::Object(keys.iter().map(|(k, v)| (k.clone(), set(v, str::to_owned))).collect())
                    }
                    other => other.clone(),
                };
                (operator.to_lowercase(), keys)
            })
            .filter(|(_, keys)| keys.as_object().is_none_or(|k| !k.is_empty()))
            .collect(),
    )
}

fn as_list(value: &Json) -> Vec<Json> {
    match value {
        Json::Array(items) => items.clone(),
        Json::Null => vec![],
        other => vec![other.clone()],
    }
}

/// A scalar or list of scalars as a sorted set without empty strings.
fn set(value: &Json, spell: impl Fn(&str) -> String) -> Json {
    let mut items: Vec<String> = as_list(value)
        .iter()
        .map(|v| match v {
            Json::String(s) => spell(s),
            other => other.to_string(),
        })
        .filter(|s| !s.is_empty())
        .collect();
    items.sort();
    items.dedup();
    Json::Array(items.into_iter().map(Json::String).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_document_are_equal() {
        let sent = Document::trusting(&["scf.qcloud.com".to_owned()]);
        for back in [
            r#"{"statement":[{"principal":{"service":"scf.qcloud.com"},"effect":"allow","action":"sts:AssumeRole"}],"version":"2.0"}"#,
            r#"{"version":"2.0","statement":[{"action":["name\/sts:AssumeRole"],"effect":"Allow","principal":{"service":["scf.qcloud.com"]},"condition":{},"resource":[""]}]}"#,
            r#"{"strategyInfo":{"version":"2.0","statement":{"action":"name/sts:AssumeRole","effect":"allow","principal":{"service":["scf.qcloud.com"],"qcs":[]}}}}"#,
            "%7B%22version%22%3A%222.0%22%2C%22statement%22%3A%5B%7B%22action%22%3A%22name%2Fsts%3AAssumeRole%22%2C%22effect%22%3A%22allow%22%2C%22principal%22%3A%7B%22service%22%3A%22scf.qcloud.com%22%7D%7D%5D%7D",
        ] {
            assert_eq!(Document::from_text(back), sent, "{back}");
        }
    }

    #[test]
    fn a_document_encoded_as_forms_are_is_read() {
        let sent = Document::new(&serde_json::json!({ "version": "2.0", "statement": [
            { "effect": "allow", "action": "scf:Invoke", "resource": "qcs::scf:::function/a+b" },
        ] }));
        let pretty = serde_json::to_string_pretty(sent.json()).expect("JSON");
        let escaped = |blank: &str| -> String {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.*".contains(&b);
            let spell = |b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
            pretty.bytes().map(|b| if b == b' ' { blank.to_owned() } else { spell(b) }).collect()
        };
        assert!(escaped("+").starts_with("%7B%0A++%22"), "{}", escaped("+"));
        assert_eq!(Document::from_text(&escaped("+")), sent);
        assert_eq!(Document::from_text(&format!("+{}", escaped("+"))), sent);
        assert_eq!(Document::from_text(&escaped("%20")), sent);
        // Where blanks are none of its business, a plus sign is one.
        assert_eq!(Document::from_text(&sent.text().replace('"', "%22")), sent);
    }

    #[test]
    fn meaning_that_differs_stays_different_and_normalising_twice_changes_nothing() {
        let a = Document::trusting(&["scf.qcloud.com".to_owned()]);
        let b = Document::trusting(&["mps.cloud.tencent.com".to_owned()]);
        assert_ne!(a, b);
        assert_eq!(Document::new(a.json()), a);
        assert_eq!(Document::from_text(&a.text()), a);
        let root = Document::new(
            &serde_json::json!({"version":"2.0","statement":[{"effect":"allow","action":"sts:AssumeRole","principal":{"qcs":"qcs::cam::uin/1:root"}}]}),
        );
        assert!(root.text().contains("qcs::cam::uin/1:uin/1"));
        assert_ne!(Document::from_text("not json"), a);
    }
}
